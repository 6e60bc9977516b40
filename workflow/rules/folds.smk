"""The stage folds: the corpus split anew, and what the models of all folds say together.

In: results/corpus of each challenge, and the frames of each fold in results/frames.
Out: results/corpus/{task}/{split}/ of each fold and of all together, `va_fold1` to `va_folds`, whose models every other
stage trains as it trains those of the challenge; results/frames/{task}/{model}/{split}.parquet of all together.
Read by: every later stage. Without `folds` in the configuration nothing asks for it. Page: docs/folds.md.
"""


rule split_corpus:
    """Put the tracks and labels of a fold, or of a training with another seed, together out of those of the corpus."""
    input:
        code=code("folds/split_corpus"),
        tracks=lambda wildcards: [
            f"results/corpus/{task_named(wildcards.task)}/{split}/tracks.parquet"
            for split in (["test"] if wildcards.split == "test" else ["train", "val"])
        ],
        labels=lambda wildcards: [
            f"results/corpus/{task_named(wildcards.task)}/{split}/labels.parquet"
            for split in (["test"] if wildcards.split == "test" else ["train", "val"])
        ],
    output:
        tracks="results/corpus/{task}/{split}/tracks.parquet",
        labels="results/corpus/{task}/{split}/labels.parquet",
    log:
        "logs/split_corpus/{task}_{split}.log",
    benchmark:
        "results/benchmarks/split_corpus/{task}_{split}.tsv"
    wildcard_constraints:
        task="|".join([*FOLDED, *SEEDED, *JOINED]) or "(?!)",
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000, per_input=20),
        runtime=minutes(10),
    params:
        modules=modules("folds/split_corpus"),
        samples=lambda wildcards: samples_of(LAYOUT, wildcards.task, wildcards.split),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --tracks {input.tracks:q}"
        " --labels {input.labels:q}"
        " --samples {params.samples:q}"
        " --output-tracks {output.tracks:q}"
        " --output-labels {output.labels:q}"
        " > {log:q} 2>&1"


rule join_frames:
    """Take of each annotated video what the models say that have not seen it, and of test the mean of all folds."""
    input:
        code=code("folds/join_frames"),
        val=lambda wildcards: [
            f"results/frames/{name}/{wildcards.model}/val.parquet" for name in FOLDS[task_named(wildcards.task)]
        ],
        test=lambda wildcards: [
            f"results/frames/{name}/{wildcards.model}/test.parquet" for name in FOLDS[task_named(wildcards.task)]
        ],
        trained_on=lambda wildcards: [
            f"results/corpus/{name}/train/tracks.parquet" for name in FOLDS[task_named(wildcards.task)]
        ],
        tracks="results/corpus/{task}/val/tracks.parquet",
    output:
        val="results/frames/{task}/{model}/val.parquet",
        test="results/frames/{task}/{model}/test.parquet",
    log:
        "logs/join_frames/{task}_{model}.log",
    benchmark:
        "results/benchmarks/join_frames/{task}_{model}.tsv"
    wildcard_constraints:
        task="|".join(OVER_FOLDS) or "(?!)",
        model="|".join(model for model in MODELS if model not in CONFIG.models),
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000, per_input=40),
        runtime=minutes(20, per_input=0.2),
    params:
        modules=modules("folds/join_frames"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --val {input.val:q}"
        " --test {input.test:q}"
        " --trained-on {input.trained_on:q}"
        " --tracks {input.tracks:q}"
        " --output-val {output.val:q}"
        " --output-test {output.test:q}"
        " > {log:q} 2>&1"
