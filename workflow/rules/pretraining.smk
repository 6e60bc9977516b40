"""The stage pretraining: labels and faces of other corpora, of as many of the paper's ten as you have.

In: the folders in `pretraining.roots`. If it names none, as in the embedded default, no rule of this stage runs.
Out: results/corpus/pretraining.parquet with all labels, and results/corpus/pretraining/{corpus}.parquet with the faces
of each corpus.
Read by: static. Page: docs/pretraining.md.
"""


rule index_pretraining:
    """Read the labels of the pre-training corpora that are present into one table (paper §3.1.1, Table 1)."""
    input:
        code=code("pretraining/index_pretraining"),
        files=lambda wildcards: worded("abaw.pretraining.registry", "label_files", CONFIG.pretraining),
    output:
        "results/corpus/pretraining.parquet",
    log:
        "logs/index_pretraining.log",
    benchmark:
        "results/benchmarks/index_pretraining.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(4000),
        runtime=minutes(60),
    params:
        modules=modules("pretraining/index_pretraining"),
        settings=section("pretraining"),
    shell:
        "python {input.code:q}" " --settings {params.settings:q}" " --output {output:q}" " > {log:q} 2>&1"


rule crop_pretraining:
    """Cut the faces out of the pictures of a pre-training corpus (paper §3.1.1, §3.2.2)."""
    input:
        code=code("pretraining/crop_pretraining"),
        files=lambda wildcards: worded("abaw.pretraining.registry", "label_files", CONFIG.pretraining),
        table="results/corpus/pretraining.parquet",
        network=detector_network(CONFIG.faces),
    output:
        "results/corpus/pretraining/{corpus}.parquet",
    log:
        "logs/crop_pretraining/{corpus}.log",
    benchmark:
        "results/benchmarks/crop_pretraining/{corpus}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(4000),
        runtime=minutes(DAY_MIN),
    params:
        modules=modules("pretraining/crop_pretraining"),
        settings=section("faces"),
        raf_db_images=lambda wildcards: config["pretraining"]["raf_db_images"],
    shell:
        "python {input.code:q}"
        " --corpus {wildcards.corpus}"
        " --table {input.table:q}"
        " --settings {params.settings:q}"
        " --network {input.network:q}"
        " --raf-db-images {params.raf_db_images}"
        " --threads {threads}"
        " --output {output:q}"
        " > {log:q} 2>&1"
