"""Stage 8, fusion: Dirichlet weighted fusion of the visual and the acoustic predictions.

In: results/frames of the models and the validation labels. Out: results/frames/{task}/fused/{split}.parquet for
validation and test, and results/fusion/{task}/weights.json. Read by: submission and report.
"""


rule fuse_dirichlet:
    """Draw weights per model and output, keep those that do best on validation (paper §2.3)."""
    input:
        code=code("fuse_dirichlet"),
        val=expand("results/frames/{{task}}/{model}/val.parquet", model=MODELS),
        test=expand("results/frames/{{task}}/{model}/test.parquet", model=MODELS),
        labels="results/corpus/{task}/val/labels.parquet",
    output:
        val="results/frames/{task}/fused/val.parquet",
        test="results/frames/{task}/fused/test.parquet",
        weights="results/fusion/{task}/weights.json",
    log:
        "logs/fuse_dirichlet/{task}.log",
    benchmark:
        "results/benchmarks/fuse_dirichlet/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=section("fusion"),
        models=lambda wildcards: MODELS,
        seed=lambda wildcards: config["seed"],
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --models {params.models:q}"
        " --frames-val {input.val:q}"
        " --frames-test {input.test:q}"
        " --labels {input.labels:q}"
        " --settings {params.settings:q}"
        " --seed {params.seed}"
        " --output-val {output.val:q}"
        " --output-test {output.test:q}"
        " --weights {output.weights:q}"
        " > {log:q} 2>&1"
