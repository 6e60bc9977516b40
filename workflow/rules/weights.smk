"""Weights of others: files that no package carries, come by once and checked, and the detector's network made of one.

In: resources/weights.yaml, the only place that knows them; with `resources.weights_dir` a folder that holds the files.
Out: results/weights/{weights}/{file}, and results/weights/{weights}/detector.onnx. Read by: faces.
"""


rule retrieve_weights:
    """Download a file of weights, or take it from the folder, and refuse it where its digest is another."""
    input:
        code=code("retrieve_weights"),
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
        runtime=60,
    params:
        entry=lambda wildcards: WEIGHTS[wildcards.weights].model_dump_json(),
        # Made from `input`, a param is not tracked: the digest says what the file is, wherever it comes from.
        folder=lambda wildcards, input: CONFIG.resources.weights_dir or "",
    shell:
        "python {input.code[0]:q}"
        " --weights {params.entry:q}"
        " --folder {params.folder:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule export_detector:
    """Write RetinaFace's network as ONNX, once for all videos (paper §3.2.2)."""
    input:
        code=code("export_detector"),
        weights=lambda wildcards: f"results/weights/{wildcards.weights}/{WEIGHTS[wildcards.weights].file}",
    output:
        "results/weights/{weights}/detector.onnx",
    log:
        "logs/export_detector/{weights}.log",
    benchmark:
        "results/benchmarks/export_detector/{weights}.tsv"
    wildcard_constraints:
        weights="|".join(re.escape(name) for name in WEIGHTS),
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=10,
    params:
        entry=lambda wildcards: WEIGHTS[wildcards.weights].model_dump_json(),
    shell:
        "python {input.code[0]:q}"
        " --weights {params.entry:q}"
        " --file {input.weights:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
