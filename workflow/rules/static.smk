"""The stage static: pre-train a backbone on other corpora, fine-tune it for each challenge, take its embeddings.

In: results/faces and results/corpus, and the faces of the pre-training corpora. If `pretraining.roots` names no corpus,
as in the embedded default, fine-tuning starts from ImageNet's weights.
Out: results/static/pretraining/{backbone}/ and results/static/{task}/{backbone}/ with weights, card and history;
results/embeddings/{task}/{backbone}/{split}.parquet, 256 numbers for each analysed frame.
Read by: dynamic, functional, acoustic (which embeds the voice at the same frames), attention and report. Page:
docs/static.md.
"""

from abaw.static.phases import settings_of

COMPILE = "--compile" if CONFIG.compute.compile else ""
PICTURE_THREADS = max(CONFIG.compute.threads, CONFIG.compute.decoding_threads) * max(1, PICTURE_GPUS)


rule pretrain_static:
    """Train the backbone with the heads of both challenges on the pre-training corpora (paper §2.2, §3.1.1)."""
    input:
        code=code("static/pretrain_static"),
        given=lambda wildcards: files_of_weights(form_of(wildcards).given),
        crops=[f"results/corpus/pretraining/{name}.parquet" for name in PRETRAINED_ON],
    output:
        weights="results/static/pretraining/{backbone}/model.safetensors",
        card="results/static/pretraining/{backbone}/card.json",
        history="results/static/pretraining/{backbone}/history.csv",
    log:
        "logs/pretrain_static/{backbone}.log",
    benchmark:
        "results/benchmarks/pretrain_static/{backbone}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: PICTURE_THREADS
    resources:
        mem_mb=memory_mb(8000),
        runtime=minutes(60, per_input=0.012 * CONFIG.static.pretraining.training.planned_epochs),
        gpu=PICTURE_GPUS,
    params:
        modules=modules("static/pretrain_static"),
        settings=lambda wildcards: as_json(settings_of("pretraining", config["static"], form_of(wildcards))),
        package=manifest_entries("efficientnet_lite0"),
        compute=compute_on(CONFIG.compute.device),
        launcher=launcher,
        compile=COMPILE,
        seed=lambda wildcards: config["seed"],
    shell:
        "take_gpu {resources.gpu}; python {params.launcher} {input.code:q}"
        " --crops {input.crops:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --seed {params.seed}"
        " --threads {threads} {params.compile}"
        " --weights {output.weights:q}"
        " --card {output.card:q}"
        " --history {output.history:q}"
        " > {log:q} 2>&1"


rule train_static:
    """Fine-tune the backbone with the head of Figure 1 on face crops (paper §2.2.1)."""
    input:
        code=code("static/train_static"),
        given=lambda wildcards: files_of_weights(form_of(wildcards).given),
        faces=of_split("results/faces/{video}.parquet", "train", "val"),
        tracks=expand("results/corpus/{{task}}/{split}/tracks.parquet", split=["train", "val"]),
        labels=expand("results/corpus/{{task}}/{split}/labels.parquet", split=["train", "val"]),
        pretrained=PRETRAINED_FILES,
    output:
        weights="results/static/{task}/{backbone}/model.safetensors",
        card="results/static/{task}/{backbone}/card.json",
        history="results/static/{task}/{backbone}/history.csv",
    log:
        "logs/train_static/{task}_{backbone}.log",
    benchmark:
        "results/benchmarks/train_static/{task}_{backbone}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: PICTURE_THREADS
    resources:
        mem_mb=memory_mb(6000),
        runtime=minutes(60, per_input=0.012 * CONFIG.static.training.planned_epochs),
        gpu=PICTURE_GPUS,
    params:
        modules=modules("static/train_static"),
        settings=lambda wildcards: as_json(settings_of("fine_tuning", config["static"], form_of(wildcards))),
        package=manifest_entries("efficientnet_lite0"),
        compute=compute_on(CONFIG.compute.device),
        launcher=launcher,
        compile=COMPILE,
        seed=lambda wildcards: seed_of(config["seed"], wildcards.task),
    shell:
        "take_gpu {resources.gpu}; python {params.launcher} {input.code:q}"
        " --task {wildcards.task}"
        " --faces {input.faces:q}"
        " --tracks {input.tracks:q}"
        " --labels {input.labels:q}"
        " --pretrained {input.pretrained:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --seed {params.seed}"
        " --threads {threads} {params.compile}"
        " --weights {output.weights:q}"
        " --card {output.card:q}"
        " --history {output.history:q}"
        " > {log:q} 2>&1"


rule embed_faces:
    """Take the 256-d embeddings of a split from the fine-tuned model (paper §2.2.2)."""
    input:
        code=code("static/embed_faces"),
        faces=of_split("results/faces/{video}.parquet"),
        tracks="results/corpus/{task}/{split}/tracks.parquet",
        weights="results/static/{task}/{backbone}/model.safetensors",
        card="results/static/{task}/{backbone}/card.json",
    output:
        "results/embeddings/{task}/{backbone}/{split}.parquet",
    log:
        "logs/embed_faces/{task}_{backbone}_{split}.log",
    benchmark:
        "results/benchmarks/embed_faces/{task}_{backbone}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(4000),
        runtime=minutes(60, per_input=0.1),
        gpu=NETWORK_GPUS,
    params:
        modules=modules("static/embed_faces"),
        settings=section("embedding"),
        compute=compute_on(CONFIG.compute.device),
    shell:
        "take_gpu {resources.gpu}; python {input.code:q}"
        " --task {wildcards.task}"
        " --faces {input.faces:q}"
        " --tracks {input.tracks:q}"
        " --weights {input.weights:q}"
        " --card {input.card:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
