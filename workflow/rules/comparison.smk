"""The stage comparison: finished runs side by side, on request.

In: the folders of `runs`, in each of which a run has finished. Out: results/compare, a page and CSV files;
results/track, MLflow's file store and a CSV, of those runs or of this folder's.
Read by: people, and programs that track experiments. Page: docs/comparison.md.
"""

TRACKED = CONFIG.runs or [str(Path.cwd())]


rule compare_runs:
    """Set finished runs side by side: configurations, scores, paired differences, time and memory."""
    input:
        code=code("comparison/compare_runs"),
        template="workflow/report/compare.html",
        runs=lambda wildcards: worded("abaw.comparison.opening", "files_of", CONFIG.runs),
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


rule track_runs:
    """Export the runs of `runs`, or that of this folder, for programs that track experiments."""
    input:
        code=code("comparison/track_runs"),
        runs=lambda wildcards: worded("abaw.comparison.opening", "files_of", TRACKED, 1),
    output:
        store=directory("results/track/mlruns"),
        tracked="results/track/tracked.csv",
    log:
        "logs/track_runs.log",
    benchmark:
        "results/benchmarks/track_runs.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(30),
    params:
        modules=modules("comparison/track_runs"),
        runs=TRACKED,
    shell:
        "python {input.code:q}"
        " --runs {params.runs:q}"
        " --store {output.store:q}"
        " --tracked {output.tracked:q}"
        " > {log:q} 2>&1"
