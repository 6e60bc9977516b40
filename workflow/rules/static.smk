"""Stage 4, static: a backbone fine-tuned on the frames of the corpus, one per challenge, and its embeddings.

In: results/faces and results/corpus. Out: results/static/{task}/{backbone}/ with weights, card and history, and
results/embeddings/{task}/{backbone}/{split}.parquet, 256 numbers per analysed frame. Read by: dynamic.
"""


rule train_static:
    """Fine-tune the backbone with the head of Figure 1 on face crops (paper §2.2.1)."""
    input:
        code=code("train_static"),
        given=weight_files("static"),
        faces=of_split("results/faces/{video}.parquet", "train", "val"),
        tracks=expand("results/corpus/{{task}}/{split}/tracks.parquet", split=["train", "val"]),
        labels=expand("results/corpus/{{task}}/{split}/labels.parquet", split=["train", "val"]),
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
        settings=section("static"),
        package=manifest_entries("efficientnet_lite0"),
        compute=section("compute"),
        seed=lambda wildcards: config["seed"],
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --faces {input.faces:q}"
        " --tracks {input.tracks:q}"
        " --labels {input.labels:q}"
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
