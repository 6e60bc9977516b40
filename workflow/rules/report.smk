"""Stage 10, report: every score on the way, learning curves, and timelines with truth and prediction.

In: results/frames, results/corpus and the histories of training. Out: results/report/scores.csv and PNG figures, which
`snakemake --report results/report.zip` gathers into one page.
"""


rule score_predictions:
    """Score the systems of a challenge on the labelled rows of a split, pooled (paper §4, eq. (2))."""
    input:
        code=code("score_predictions"),
        frames=lambda wildcards: expand(
            "results/frames/{task}/{model}/{split}.parquet",
            task=wildcards.task,
            model=systems_on(wildcards.split),
            split=wildcards.split,
        ),
        labels="results/corpus/{task}/{split}/labels.parquet",
    output:
        "results/report/scores/{task}_{split}.csv",
    log:
        "logs/score_predictions/{task}_{split}.log",
    benchmark:
        "results/benchmarks/score_predictions/{task}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        systems=lambda wildcards: systems_on(wildcards.split),
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --split {wildcards.split}"
        " --systems {params.systems:q}"
        " --frames {input.frames:q}"
        " --labels {input.labels:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule collect_scores:
    """Put all scores into one table, for people and for the report."""
    input:
        code=code("collect_scores"),
        scores=expand("results/report/scores/{task}_{split}.csv", task=TASKS, split=["train", "val"]),
    output:
        report(
            "results/report/scores.csv",
            caption="../report/scores.rst",
            category="Scores",
        ),
    log:
        "logs/collect_scores.log",
    benchmark:
        "results/benchmarks/collect_scores.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "python {input.code[0]:q}" " --scores {input.scores:q}" " --output {output:q}" " > {log:q} 2>&1"


rule plot_timeline:
    """Draw truth and predictions of the validation sample with the most labelled rows."""
    input:
        code=code("plot_timeline"),
        frames=expand("results/frames/{{task}}/{model}/val.parquet", model=systems_on("val")),
        labels="results/corpus/{task}/val/labels.parquet",
        tracks="results/corpus/{task}/val/tracks.parquet",
    output:
        report(
            "results/report/timeline_{task}.png",
            caption="../report/timeline.rst",
            category="Timelines",
            labels={"challenge": "{task}"},
        ),
    log:
        "logs/plot_timeline/{task}.log",
    benchmark:
        "results/benchmarks/plot_timeline/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        systems=lambda wildcards: systems_on("val"),
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --systems {params.systems:q}"
        " --frames {input.frames:q}"
        " --labels {input.labels:q}"
        " --tracks {input.tracks:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule plot_curves:
    """Draw loss and challenge measure of every network of a challenge over the epochs."""
    input:
        code=code("plot_curves"),
        histories=[
            f"results/static/{{task}}/{BACKBONE}/history.csv",
            "results/dynamic/{task}/best/history.csv",
            "results/acoustic/{task}/history.csv",
        ],
    output:
        report(
            "results/report/curves_{task}.png",
            caption="../report/curves.rst",
            category="Learning curves",
            labels={"challenge": "{task}"},
        ),
    log:
        "logs/plot_curves/{task}.log",
    benchmark:
        "results/benchmarks/plot_curves/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --networks static dynamic acoustic"
        " --histories {input.histories:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule plot_sweep:
    """Draw how each window and normaliser of the transformer did."""
    input:
        code=code("plot_sweep"),
        sweep="results/report/sweep_{task}.csv",
        histories=of_cells("history.csv"),
    output:
        report(
            "results/report/sweep_{task}.png",
            caption="../report/sweep.rst",
            category="Windows and normalisers",
            labels={"challenge": "{task}", "kind": "figure"},
        ),
    log:
        "logs/plot_sweep/{task}.log",
    benchmark:
        "results/benchmarks/plot_sweep/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --sweep {input.sweep:q}"
        " --histories {input.histories:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule list_broken:
    """List the videos that broke while they were decoded; there are some only where unreadable videos are skipped."""
    input:
        code=code("list_broken"),
        faces=expand("results/faces/{video}.parquet", video=sorted(VIDEOS)),
    output:
        report(
            "results/report/broken.csv",
            caption="../report/broken.rst",
            category="Corpus",
        ),
    log:
        "logs/list_broken.log",
    benchmark:
        "results/benchmarks/list_broken.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "python {input.code[0]:q}" " --faces {input.faces:q}" " --output {output:q}" " > {log:q} 2>&1"
