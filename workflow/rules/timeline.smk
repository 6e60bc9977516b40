"""Stage 7, timeline: from any model's predictions in time to one row per frame.

In: results/predictions and the tracks in results/corpus. Out: results/frames/{task}/{model}/{split}.parquet, exactly the
rows that labels or template ask for. Read by: fusion and report. It knows nothing about models.
"""


rule align_predictions:
    """Average overlaps, interpolate to the rows asked for, and smooth (paper §3.2.3)."""
    input:
        code=code("align_predictions"),
        predictions="results/predictions/{task}/{model}/{split}.parquet",
        tracks="results/corpus/{task}/{split}/tracks.parquet",
    output:
        "results/frames/{task}/{model}/{split}.parquet",
    log:
        "logs/align_predictions/{task}_{model}_{split}.log",
    benchmark:
        "results/benchmarks/align_predictions/{task}_{model}_{split}.tsv"
    wildcard_constraints:
        model="|".join(MODELS),
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=section("timeline"),
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --predictions {input.predictions:q}"
        " --tracks {input.tracks:q}"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
