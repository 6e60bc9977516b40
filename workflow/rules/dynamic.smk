"""Stage 5, dynamic: a transformer over windows of embeddings, one per challenge.

In: results/embeddings and the labels in results/corpus. Out: results/dynamic/{task}/ with weights, card and history, and
results/predictions/{task}/visual/{split}.parquet. Read by: timeline.
"""


rule train_dynamic:
    """Train the three-layer transformer over time (paper §2.2.2, Figure 3)."""
    input:
        code=code("train_dynamic"),
        train=f"results/embeddings/{{task}}/{BACKBONE}/train.parquet",
        val=f"results/embeddings/{{task}}/{BACKBONE}/val.parquet",
        labels=expand("results/corpus/{{task}}/{split}/labels.parquet", split=["train", "val"]),
    output:
        weights="results/dynamic/{task}/model.safetensors",
        card="results/dynamic/{task}/card.json",
        history="results/dynamic/{task}/history.csv",
    log:
        "logs/train_dynamic/{task}.log",
    benchmark:
        "results/benchmarks/train_dynamic/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        settings=section("dynamic"),
        rate_hz=lambda wildcards: config["faces"]["analysis_rate_hz"],
        compute=section("compute"),
        seed=lambda wildcards: config["seed"],
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --train {input.train:q}"
        " --val {input.val:q}"
        " --labels {input.labels:q}"
        " --rate-hz {params.rate_hz}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --seed {params.seed}"
        " --weights {output.weights:q}"
        " --card {output.card:q}"
        " --history {output.history:q}"
        " > {log:q} 2>&1"


rule predict_dynamic:
    """Predict every analysed frame of a split that shows a face."""
    input:
        code=code("predict_dynamic"),
        embeddings=f"results/embeddings/{{task}}/{BACKBONE}/{{split}}.parquet",
        weights="results/dynamic/{task}/model.safetensors",
        card="results/dynamic/{task}/card.json",
    output:
        "results/predictions/{task}/visual/{split}.parquet",
    log:
        "logs/predict_dynamic/{task}_{split}.log",
    benchmark:
        "results/benchmarks/predict_dynamic/{task}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=section("dynamic"),
        compute=section("compute"),
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --embeddings {input.embeddings:q}"
        " --weights {input.weights:q}"
        " --card {input.card:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
