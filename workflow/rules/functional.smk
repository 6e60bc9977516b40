"""The stage functional: kernel ELMs on statistics of the embeddings over windows, one for each challenge.

In: the embeddings of faces in results/embeddings, the labels in results/corpus.
Out: results/functional/{task}/ with weights, card, the scores of the whole grid and scored validation windows, and
results/predictions/{task}/functional/{split}.parquet.
Read by: timeline (the predictions) and report. Page: docs/functional.md.
"""


rule train_functional:
    """Fit a kernel ELM for each set of functionals, kernel and C; keep the best on validation (paper §2.2.2, Figure 2)."""
    input:
        code=code("functional/train_functional"),
        train=of_backbone("results/embeddings/{task}/{backbone}/train.parquet"),
        val=of_backbone("results/embeddings/{task}/{backbone}/val.parquet"),
        labels=expand("results/corpus/{{task}}/{split}/labels.parquet", split=["train", "val"]),
    output:
        weights="results/functional/{task}/model.safetensors",
        card="results/functional/{task}/card.json",
        grid="results/functional/{task}/grid.csv",
        scored="results/functional/{task}/scored.parquet",
        candidates="results/functional/{task}/candidates.parquet",
    log:
        "logs/train_functional/{task}.log",
    benchmark:
        "results/benchmarks/train_functional/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(4000, per_input=20),
        runtime=minutes(30, per_input=0.5),
    params:
        settings=section("functional"),
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --train {input.train:q}"
        " --val {input.val:q}"
        " --labels {input.labels:q}"
        " --settings {params.settings:q}"
        " --weights {output.weights:q}"
        " --card {output.card:q}"
        " --grid {output.grid:q}"
        " --scored {output.scored:q}"
        " --candidates {output.candidates:q}"
        " > {log:q} 2>&1"


rule predict_functional:
    """Predict every window of a split that shows enough faces."""
    input:
        code=code("functional/predict_functional"),
        embeddings=of_backbone("results/embeddings/{task}/{backbone}/{split}.parquet"),
        weights="results/functional/{task}/model.safetensors",
        card="results/functional/{task}/card.json",
    output:
        "results/predictions/{task}/functional/{split}.parquet",
    log:
        "logs/predict_functional/{task}_{split}.log",
    benchmark:
        "results/benchmarks/predict_functional/{task}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(2000, per_input=8),
        runtime=minutes(20, per_input=0.1),
    params:
        settings=section("functional"),
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --embeddings {input.embeddings:q}"
        " --weights {input.weights:q}"
        " --card {input.card:q}"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
