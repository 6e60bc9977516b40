"""The stage foreign: what a team brings of its own, checked and brought into the form of the workflow's tables.

In: the files in the folders that `models` and `embeddings` name, the tracks in results/corpus, results/faces.
Out: results/predictions/{task}/{model}/{split}.parquet, results/embeddings/{task}/{features}/{split}.parquet.
Read by: timeline and fusion; dynamic, functional and attention. Page: docs/foreign.md.
"""


rule import_predictions:
    """Check the predictions of a model that others have run, and write them as ours are."""
    input:
        code=code("foreign/import_predictions"),
        given=lambda wildcards: str(
            worded(
                "abaw.foreign.reading",
                "find_table",
                Path(CONFIG.models[wildcards.model].predictions),
                f"{wildcards.task}_{wildcards.split}",
            )
        ),
        tracks="results/corpus/{task}/{split}/tracks.parquet",
    output:
        "results/predictions/{task}/{model}/{split}.parquet",
    log:
        "logs/import_predictions/{task}_{model}_{split}.log",
    benchmark:
        "results/benchmarks/import_predictions/{task}_{model}_{split}.tsv"
    wildcard_constraints:
        task="|".join(TASKS),
        model="|".join(CONFIG.models) or "(?!)",
        split="val|test",
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000, per_input=20),
        runtime=minutes(20, per_input=0.1),
    params:
        modules=modules("foreign/import_predictions"),
        settings=lambda wildcards: as_json(config["models"][wildcards.model]),
        skipped=lambda wildcards: LAYOUT.skipped_of(wildcards.task, wildcards.split),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --given {input.given:q}"
        " --tracks {input.tracks:q}"
        " --skipped {params.skipped:q}"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule import_features:
    """Check features that others have made of each frame, and bring them to the analysed frames."""
    input:
        code=code("foreign/import_features"),
        given=lambda wildcards: [
            str(path)
            for path in worded(
                "abaw.foreign.feature_files",
                "files_of",
                Path(CONFIG.embeddings[wildcards.features].features),
                [track.sample for track in LAYOUT.tracks_of(wildcards.task, wildcards.split)],
                LAYOUT.samples(),
            )
        ],
        faces=of_split("results/faces/{video}.parquet"),
        tracks="results/corpus/{task}/{split}/tracks.parquet",
    output:
        "results/embeddings/{task}/{features}/{split}.parquet",
    log:
        "logs/import_features/{task}_{features}_{split}.log",
    benchmark:
        "results/benchmarks/import_features/{task}_{features}_{split}.tsv"
    wildcard_constraints:
        features="|".join(CONFIG.embeddings) or "(?!)",
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000, per_input=2),
        runtime=minutes(20, per_input=0.1),
    params:
        modules=modules("foreign/import_features"),
        settings=lambda wildcards: as_json(config["embeddings"][wildcards.features]),
    shell:
        "python {input.code:q}"
        " --given {input.given:q}"
        " --tracks {input.tracks:q}"
        " --faces {input.faces:q}"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
