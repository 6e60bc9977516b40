"""Stage 9, submission: predictions.txt by the organisers' template, checked, then zipped.

In: results/frames/{task}/fused/test.parquet and the template; the training labels, for videos that were skipped.
Out: results/submission_{task}.zip.
"""


rule write_submission:
    """Write the rows that the template asks for, in its order; refuse what does not match it."""
    input:
        code=code("write_submission"),
        template=template_of,
        frames="results/frames/{task}/fused/test.parquet",
        labels="results/corpus/{task}/train/labels.parquet",
    output:
        "results/submission_{task}.zip",
    log:
        "logs/write_submission/{task}.log",
    benchmark:
        "results/benchmarks/write_submission/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        skipped=lambda wildcards: LAYOUT.skipped_of(wildcards.task, "test"),
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --template {input.template:q}"
        " --frames {input.frames:q}"
        " --labels {input.labels:q}"
        " --skipped {params.skipped:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
