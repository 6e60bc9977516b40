"""Stage 4, static: a backbone pre-trained on other corpora, fine-tuned on the corpus for each challenge, its embeddings.

In: results/faces and results/corpus. Out: results/corpus/pretraining/{corpus}.parquet, faces of the pre-training corpora;
results/static/pretraining/{backbone}/ and results/static/{task}/{backbone}/ with weights, card and history; and
results/embeddings/{task}/{backbone}/{split}.parquet, 256 numbers per analysed frame. Read by: dynamic.

Without a corpus in pretraining.roots, as in the embedded default, fine-tuning starts from the backbone's own weights.
"""


rule crop_pretraining:
    """Cut the faces out of the pictures of a pre-training corpus (paper §3.1.1, §3.2.2)."""
    input:
        code=code("crop_pretraining"),
        files=pretraining_files,
        table="results/corpus/pretraining.parquet",
        network=detector_network(),
    output:
        "results/corpus/pretraining/{corpus}.parquet",
    log:
        "logs/crop_pretraining/{corpus}.log",
    benchmark:
        "results/benchmarks/crop_pretraining/{corpus}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(4000),
        runtime=1440,
    params:
        settings=section("faces"),
        raf_db_images=lambda wildcards: config["pretraining"]["raf_db_images"],
    shell:
        "python {input.code[0]:q}"
        " --corpus {wildcards.corpus}"
        " --table {input.table:q}"
        " --settings {params.settings:q}"
        " --network {input.network:q}"
        " --raf-db-images {params.raf_db_images}"
        " --threads {threads}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule pretrain_static:
    """Train the backbone with the heads of both challenges on the pre-training corpora (paper §2.2, §3.1.1)."""
    input:
        code=code("pretrain_static"),
        given=backbone_files,
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
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(16000),
        runtime=2880,
    params:
        settings=static_phase("pretraining"),
        package=manifest_entries("efficientnet_lite0"),
        compute=section("compute"),
        seed=lambda wildcards: config["seed"],
    shell:
        "python {input.code[0]:q}"
        " --crops {input.crops:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --seed {params.seed}"
        " --weights {output.weights:q}"
        " --card {output.card:q}"
        " --history {output.history:q}"
        " > {log:q} 2>&1"


rule train_static:
    """Fine-tune the backbone with the head of Figure 1 on face crops (paper §2.2.1)."""
    input:
        code=code("train_static"),
        given=backbone_files,
        faces=of_split("results/faces/{video}.parquet", "train", "val"),
        tracks=expand("results/corpus/{{task}}/{split}/tracks.parquet", split=["train", "val"]),
        labels=expand("results/corpus/{{task}}/{split}/labels.parquet", split=["train", "val"]),
        pretrained=[f"results/static/pretraining/{{backbone}}/{name}" for name in PRETRAINED_FILES],
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
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(6000, per_input=2),
        runtime=720,
    params:
        settings=static_phase("fine_tuning"),
        package=manifest_entries("efficientnet_lite0"),
        compute=section("compute"),
        seed=lambda wildcards: config["seed"],
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --faces {input.faces:q}"
        " --tracks {input.tracks:q}"
        " --labels {input.labels:q}"
        " --pretrained {input.pretrained:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --seed {params.seed}"
        " --weights {output.weights:q}"
        " --card {output.card:q}"
        " --history {output.history:q}"
        " > {log:q} 2>&1"


rule embed_faces:
    """Take the 256-d embeddings of a split from the fine-tuned model (paper §2.2.2)."""
    input:
        code=code("embed_faces"),
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
        mem_mb=memory_mb(4000, per_input=2),
        runtime=240,
    params:
        settings=section("embedding"),
        compute=section("compute"),
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --faces {input.faces:q}"
        " --tracks {input.tracks:q}"
        " --weights {input.weights:q}"
        " --card {input.card:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
