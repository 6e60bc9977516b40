"""The stage bundle: the models of this run in a folder that travels, on request.

In: weights, cards and scores of a finished run. Out: results/bundle, a bundle.json and the weights.
Read by: predict, here or on another machine. Page: docs/bundle.md.
"""

from abaw.bundle.sources import Sources

BUNDLED = Sources(CONFIG)


rule export_bundle:
    """Put the trained models, their cards and scores, and all settings that they need into one folder."""
    input:
        code=code("bundle/export_bundle"),
        models=BUNDLED.inputs(),
    output:
        said="results/bundle/bundle.json",
        weights=expand("results/bundle/{name}", name=BUNDLED.weights()),
    log:
        "logs/export_bundle.log",
    benchmark:
        "results/benchmarks/export_bundle.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(30),
    params:
        modules=modules("bundle/export_bundle"),
        # The inputs show what of it counts for models and scores, but for the titles.
        config=lambda wildcards, input: as_json(CONFIG.model_dump()),
        systems=section("systems"),
    shell:
        "python {input.code:q}" " --config {params.config:q}" " --output {output.said:q}" " > {log:q} 2>&1"
