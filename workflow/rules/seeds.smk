"""The stage seeds: the mean of what models say that were trained on the same splits with other seeds.

In: the frames of each seed in results/frames; its corpus, `va_seed2` and so on, is made by split_corpus.
Out: results/frames/{task}/{model}/{split}.parquet of all seeds together, `va_seeds`.
Read by: fusion, submission and report. Without `seeds` in the configuration nothing asks for it. Page: docs/seeds.md.
"""

from abaw.seeds.layout import UNSEEDED

SEEDED_MODELS = [model for model in MODELS if model not in UNSEEDED]


rule join_seeds:
    """Average what the models of all seeds say of a split."""
    input:
        code=code("seeds/join_seeds"),
        frames=lambda wildcards: [
            f"results/frames/{name}/{wildcards.model}/{wildcards.split}.parquet"
            for name in SEEDS[task_named(wildcards.task)][: None if wildcards.model in SEEDED_MODELS else 1]
        ],
    output:
        "results/frames/{task}/{model}/{split}.parquet",
    log:
        "logs/join_seeds/{task}_{model}_{split}.log",
    benchmark:
        "results/benchmarks/join_seeds/{task}_{model}_{split}.tsv"
    wildcard_constraints:
        task="|".join(OVER_SEEDS) or "(?!)",
        model="|".join(model for model in MODELS if model not in CONFIG.models),
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000, per_input=40),
        runtime=minutes(20, per_input=0.2),
    params:
        modules=modules("seeds/join_seeds"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --frames {input.frames:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
