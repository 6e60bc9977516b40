"""The stage timeline: turn any model's predictions in time into one value for each row that is asked for.

In: results/predictions, and the tracks in results/corpus.
Out: results/frames/{task}/{model}/{split}.parquet, with exactly the rows of the labels or the template, and
results/timeline/{task}/{model}.csv, what each width of smoothing scores.
Read by: fusion, submission and report. It knows nothing about models. Page: docs/timeline.md.
"""


rule sweep_smoothing:
    """Score widths of smoothing on validation, the paper's among them (paper §3.2.3)."""
    input:
        code=code("timeline/sweep_smoothing"),
        predictions="results/predictions/{task}/{model}/val.parquet",
        tracks="results/corpus/{task}/val/tracks.parquet",
        labels="results/corpus/{task}/val/labels.parquet",
    output:
        "results/timeline/{task}/{model}.csv",
    log:
        "logs/sweep_smoothing/{task}_{model}.log",
    benchmark:
        "results/benchmarks/sweep_smoothing/{task}_{model}.tsv"
    wildcard_constraints:
        model="|".join(MODELS),
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000, per_input=40),
        runtime=minutes(20, per_input=0.5),
    params:
        modules=modules("timeline/sweep_smoothing"),
        settings=section("timeline"),
        folds=lambda wildcards: config["scoring"]["folds"] if CONFIG.timeline.width == "folds" else 2,
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --predictions {input.predictions:q}"
        " --tracks {input.tracks:q}"
        " --labels {input.labels:q}"
        " --settings {params.settings:q}"
        " --folds {params.folds}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule align_predictions:
    """Average overlaps, interpolate to the rows asked for, and smooth (paper §3.2.3)."""
    input:
        code=code("timeline/align_predictions"),
        predictions="results/predictions/{task}/{model}/{split}.parquet",
        tracks="results/corpus/{task}/{split}/tracks.parquet",
        widths=["results/timeline/{task}/{model}.csv"] if CONFIG.timeline.width != "fixed" else [],
    output:
        "results/frames/{task}/{model}/{split}.parquet",
    log:
        "logs/align_predictions/{task}_{model}_{split}.log",
    benchmark:
        "results/benchmarks/align_predictions/{task}_{model}_{split}.tsv"
    wildcard_constraints:
        task="|".join(TRAINED),
        model="|".join(MODELS),
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000, per_input=40),
        runtime=minutes(20, per_input=0.2),
    params:
        modules=modules("timeline/align_predictions"),
        smoothing_s=lambda wildcards: config["timeline"]["smoothing_s"],
        filter=lambda wildcards: config["timeline"]["filter"],
        smoothed=lambda wildcards: config["timeline"]["smoothed"],
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --predictions {input.predictions:q}"
        " --tracks {input.tracks:q}"
        " --widths {input.widths:q}"
        " --smoothing-s {params.smoothing_s}"
        " --filter {params.filter}"
        " --smoothed {params.smoothed}"
        " --output {output:q}"
        " > {log:q} 2>&1"
