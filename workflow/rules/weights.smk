"""The stage weights: get the files of weights that no package carries, and check them.

In: resources/weights.yaml, the list of all weights, and the folder `resources.weights_dir` if one is set.
Out: results/weights/{weights}/{file}. Read by: faces, and predict where it recognises people. Page: docs/weights.md.
"""


rule retrieve_weights:
    """Download a file of weights, or take it from the folder, and refuse it where its digest is another."""
    input:
        code=code("weights/retrieve_weights"),
    output:
        "results/weights/{weights}/{file}",
    log:
        "logs/retrieve_weights/{weights}_{file}.log",
    benchmark:
        "results/benchmarks/retrieve_weights/{weights}_{file}.tsv"
    wildcard_constraints:
        weights="|".join(re.escape(name) for name in WEIGHTS),
        file="|".join(re.escape(weights.file) for weights in WEIGHTS.values() if weights.url),
    localrule: True
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(60),
    params:
        modules=modules("weights/retrieve_weights"),
        entry=lambda wildcards: WEIGHTS[wildcards.weights].model_dump_json(),
        # Made from `input`, a param is not tracked: the digest says what the file is, wherever it comes from.
        folder=lambda wildcards, input: CONFIG.resources.weights_dir or "",
    shell:
        "python {input.code:q}"
        " --weights {params.entry:q}"
        " --folder {params.folder:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
