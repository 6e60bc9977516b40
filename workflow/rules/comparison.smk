"""The stage comparison: finished runs side by side, on request.

In: the folders of `runs`, in each of which a run has finished. Out: results/compare, a page and CSV files.
Read by: people, and programs that track experiments. Page: docs/comparison.md.
"""


rule compare_runs:
    """Set finished runs side by side: configurations, scores, paired differences, time and memory."""
    input:
        code=code("comparison/compare_runs"),
        template="workflow/report/compare.html",
        scores=lambda wildcards: worded("abaw.comparison.runs", "scores_of", CONFIG.runs),
    output:
        page="results/compare/index.html",
        config="results/compare/config.csv",
        scores="results/compare/scores.csv",
        paired="results/compare/paired.csv",
        cost="results/compare/cost.csv",
        tracked="results/compare/tracked.csv",
    log:
        "logs/compare_runs.log",
    benchmark:
        "results/benchmarks/compare_runs.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(4000),
        runtime=minutes(60),
    params:
        modules=modules("comparison/compare_runs"),
        runs=CONFIG.runs,
        resamples=CONFIG.scoring.resamples,
        seed=CONFIG.seed,
    shell:
        "python {input.code:q}"
        " --runs {params.runs:q}"
        " --template {input.template:q}"
        " --resamples {params.resamples}"
        " --seed {params.seed}"
        " --page {output.page:q}"
        " --config {output.config:q}"
        " --scores {output.scores:q}"
        " --paired {output.paired:q}"
        " --cost {output.cost:q}"
        " --tracked {output.tracked:q}"
        " > {log:q} 2>&1"
