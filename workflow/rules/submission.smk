"""The stage submission: write each system's predictions.txt by the organisers' template, check it, and zip them all.

In: the systems' values on the test rows and the template; the training labels, for the rows of videos that were
skipped.
Out: results/submissions/{task}/{system}/predictions.txt and results/submission_{task}.zip. Page: docs/submission.md.
"""


rule write_submission:
    """Write the rows that the template asks for, in its order; refuse what does not match it."""
    input:
        code=code("submission/write_submission"),
        template=lambda wildcards: str(LAYOUT.templates[task_named(wildcards.task)]),
        frames=lambda wildcards: FRAMES.frames(wildcards.task, "test")[wildcards.system],
        labels="results/corpus/{task}/train/labels.parquet",
    output:
        "results/submissions/{task}/{system}/predictions.txt",
    log:
        "logs/write_submission/{task}_{system}.log",
    benchmark:
        "results/benchmarks/write_submission/{task}_{system}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(30),
    params:
        modules=modules("submission/write_submission"),
        skipped=lambda wildcards: LAYOUT.skipped_of(wildcards.task, "test"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --template {input.template:q}"
        " --frames {input.frames:q}"
        " --labels {input.labels:q}"
        " --skipped {params.skipped:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule zip_submissions:
    """Put the submissions of all systems of a challenge into one archive, a folder each."""
    input:
        code=code("submission/zip_submissions"),
        template=lambda wildcards: str(LAYOUT.templates[task_named(wildcards.task)]),
        predictions=lambda wildcards: [
            f"results/submissions/{wildcards.task}/{system}/predictions.txt" for system in FRAMES.names(wildcards.task)
        ],
    output:
        "results/submission_{task}.zip",
    log:
        "logs/zip_submissions/{task}.log",
    benchmark:
        "results/benchmarks/zip_submissions/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(10),
    params:
        modules=modules("submission/zip_submissions"),
        systems=lambda wildcards: FRAMES.names(wildcards.task),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --template {input.template:q}"
        " --systems {params.systems:q}"
        " --predictions {input.predictions:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
