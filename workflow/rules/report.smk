"""The stage report: scores, tables and pictures for people to read.

In: results/frames, results/systems and results/corpus, and the histories of the trainings.
Out: results/report/index.html, tables.csv, scores.csv and figures, which `snakemake --report results/report.zip` also
gathers into one archive.
Page: docs/report.md.
"""

from abaw.report.contents import corpus_in_words, figures_of_page

FIGURES = figures_of_page(with_weights=bool(FRAMES.by_fusion("dirichlet")))


rule score_predictions:
    """Score the systems of a challenge on the labelled rows of a split, pooled (paper §4, eq. (2))."""
    input:
        code=code("report/score_predictions"),
        frames=lambda wildcards: list(FRAMES.scored(wildcards.task, wildcards.split).values()),
        labels="results/corpus/{task}/{split}/labels.parquet",
        tracks="results/corpus/{task}/{split}/tracks.parquet",
    output:
        "results/report/scores/{task}_{split}.csv",
    log:
        "logs/score_predictions/{task}_{split}.log",
    benchmark:
        "results/benchmarks/score_predictions/{task}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000, per_input=20),
        runtime=minutes(20, per_input=0.5),
    params:
        modules=modules("report/score_predictions"),
        systems=lambda wildcards: list(FRAMES.scored(wildcards.task, wildcards.split)),
        resamples=lambda wildcards: config["scoring"]["resamples"],
        seed=lambda wildcards: config["seed"],
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --split {wildcards.split}"
        " --systems {params.systems:q}"
        " --frames {input.frames:q}"
        " --labels {input.labels:q}"
        " --tracks {input.tracks:q}"
        " --resamples {params.resamples}"
        " --seed {params.seed}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule collect_scores:
    """Put all scores into one table, for people and for the report."""
    input:
        code=code("report/collect_scores"),
        scores=expand("results/report/scores/{task}_{split}.csv", task=TASKS, split=["train", "val"]),
    output:
        report(
            "results/report/scores.csv",
            caption="../report/scores.rst",
            category="Scores",
        ),
    log:
        "logs/collect_scores.log",
    benchmark:
        "results/benchmarks/collect_scores.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(500),
        runtime=minutes(10),
    params:
        modules=modules("report/collect_scores"),
    shell:
        "python {input.code:q}" " --scores {input.scores:q}" " --output {output:q}" " > {log:q} 2>&1"


rule plot_timeline:
    """Draw truth and predictions of the validation sample with the most labelled rows."""
    input:
        code=code("report/plot_timeline"),
        frames=lambda wildcards: list(FRAMES.shown(wildcards.task).values()),
        labels="results/corpus/{task}/val/labels.parquet",
        tracks="results/corpus/{task}/val/tracks.parquet",
    output:
        report(
            "results/report/timeline_{task}.png",
            caption="../report/timeline.rst",
            category="Timelines",
            labels={"challenge": "{task}"},
        ),
    log:
        "logs/plot_timeline/{task}.log",
    benchmark:
        "results/benchmarks/plot_timeline/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        modules=modules("report/plot_timeline"),
        systems=lambda wildcards: list(FRAMES.shown(wildcards.task)),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --systems {params.systems:q}"
        " --frames {input.frames:q}"
        " --labels {input.labels:q}"
        " --tracks {input.tracks:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule plot_curves:
    """Draw loss and challenge measure of every network of a challenge over the epochs."""
    input:
        code=code("report/plot_curves"),
        histories=of_backbone(
            "results/static/{task}/{backbone}/history.csv",
            "results/dynamic/{task}/best/history.csv",
            *(["results/acoustic/{task}/best/history.csv"] if CONFIG.acoustic.enabled else []),
            *(f"results/attention/{{task}}/{mechanism}/history.csv" for mechanism in CONFIG.attention.mechanisms),
        ),
    output:
        report(
            "results/report/curves_{task}.png",
            caption="../report/curves.rst",
            category="Learning curves",
            labels={"challenge": "{task}"},
        ),
    log:
        "logs/plot_curves/{task}.log",
    benchmark:
        "results/benchmarks/plot_curves/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        modules=modules("report/plot_curves"),
        networks=[
            *("static", "dynamic"),
            *(["acoustic"] if CONFIG.acoustic.enabled else []),
            *(f"{name}_attention" for name in CONFIG.attention.mechanisms),
        ],
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --networks {params.networks:q}"
        " --histories {input.histories:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule plot_sweep:
    """Draw how each window and normaliser of the transformer did."""
    input:
        code=code("report/plot_sweep"),
        sweep="results/report/sweep_{task}.csv",
        histories=of_cells("history.csv"),
    output:
        report(
            "results/report/sweep_{task}.png",
            caption="../report/sweep.rst",
            category="Windows and normalisers",
            labels={"challenge": "{task}", "kind": "figure"},
        ),
    log:
        "logs/plot_sweep/{task}.log",
    benchmark:
        "results/benchmarks/plot_sweep/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        modules=modules("report/plot_sweep"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --sweep {input.sweep:q}"
        " --histories {input.histories:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule list_broken:
    """List the videos that broke while they were decoded; there are some only where unreadable videos are skipped."""
    input:
        code=code("report/list_broken"),
        faces=expand("results/faces/{video}.parquet", video=sorted(VIDEOS)),
    output:
        report(
            "results/report/broken.csv",
            caption="../report/broken.rst",
            category="Corpus",
        ),
    log:
        "logs/list_broken.log",
    benchmark:
        "results/benchmarks/list_broken.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(500),
        runtime=minutes(10),
    params:
        modules=modules("report/list_broken"),
        on_unreadable=lambda wildcards: config["corpus"]["on_unreadable"],
    shell:
        "python {input.code:q}"
        " --faces {input.faces:q}"
        " --on-unreadable {params.on_unreadable}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule plot_confusion:
    """Draw the confusion matrix of the expressions for every model and system."""
    input:
        code=code("report/plot_confusion"),
        frames=list(FRAMES.frames("expr", "val").values()),
        labels="results/corpus/expr/val/labels.parquet",
    output:
        report(
            "results/report/confusion_expr.png",
            caption="../report/confusion.rst",
            category="Confusion",
        ),
    log:
        "logs/plot_confusion.log",
    benchmark:
        "results/benchmarks/plot_confusion.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        modules=modules("report/plot_confusion"),
        systems=list(FRAMES.frames("expr", "val")),
    shell:
        "python {input.code:q}"
        " --systems {params.systems:q}"
        " --frames {input.frames:q}"
        " --labels {input.labels:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule plot_weights:
    """Draw the fusion weights of the Dirichlet weighted systems of a challenge."""
    input:
        code=code("report/plot_weights"),
        fits=lambda wildcards: FRAMES.fits(wildcards.task, "dirichlet"),
    output:
        report(
            "results/report/weights_{task}.png",
            caption="../report/weights.rst",
            category="Fusion weights",
            labels={"challenge": "{task}"},
        ),
    log:
        "logs/plot_weights/{task}.log",
    benchmark:
        "results/benchmarks/plot_weights/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        modules=modules("report/plot_weights"),
        systems=FRAMES.by_fusion("dirichlet"),
    shell:
        "python {input.code:q}"
        " --systems {params.systems:q}"
        " --fits {input.fits:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule compare_paper:
    """Put the paper's Tables 2 to 6 and this run's figures side by side (paper §4)."""
    input:
        code=code("report/compare_paper"),
        acoustic=expand("results/acoustic/{task}/best/scored.parquet", task=TASKS if CONFIG.acoustic.enabled else []),
        functional=expand("results/functional/{task}/scored.parquet", task=TASKS),
        tracks=expand("results/corpus/{task}/val/tracks.parquet", task=TASKS),
        scores="results/report/scores.csv",
    output:
        report(
            "results/report/tables.csv",
            caption="../report/tables.rst",
            category="Scores",
        ),
    log:
        "logs/compare_paper.log",
    benchmark:
        "results/benchmarks/compare_paper.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        modules=modules("report/compare_paper"),
        tasks=list(TASKS),
        systems=section("systems"),
        resamples=lambda wildcards: config["scoring"]["resamples"],
        seed=lambda wildcards: config["seed"],
    shell:
        "python {input.code:q}"
        " --tasks {params.tasks:q}"
        " --acoustic {input.acoustic:q}"
        " --functional {input.functional:q}"
        " --tracks {input.tracks:q}"
        " --scores {input.scores:q}"
        " --systems {params.systems:q}"
        " --resamples {params.resamples}"
        " --seed {params.seed}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule write_report:
    """Write one page with the paper's tables beside ours, all scores, and the figures."""
    input:
        code=code("report/write_report"),
        template="workflow/report/index.html",
        tables="results/report/tables.csv",
        scores="results/report/scores.csv",
        together=expand("results/report/scores/{task}_val.csv", task=JOINED),
        smoothing=expand("results/timeline/{task}/{model}.csv", task=TASKS, model=MODELS),
        forests=[path for task in TASKS for path in FRAMES.fits(task, "forest")],
        figures=list(FIGURES),
    output:
        report(
            "results/report/index.html",
            caption="../report/index.rst",
            category="Scores",
        ),
    log:
        "logs/write_report.log",
    benchmark:
        "results/benchmarks/write_report.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        modules=modules("report/write_report"),
        corpus=corpus_in_words(CONFIG.corpus),
        edition=CONFIG.corpus.edition,
        resamples=CONFIG.scoring.resamples,
        systems=section("systems"),
        titles=list(FIGURES.values()),
    shell:
        "python {input.code:q}"
        " --template {input.template:q}"
        " --corpus {params.corpus:q}"
        " --edition {params.edition}"
        " --resamples {params.resamples}"
        " --systems {params.systems:q}"
        " --tables {input.tables:q}"
        " --scores {input.scores:q}"
        " --together {input.together:q}"
        " --smoothing {input.smoothing:q}"
        " --forests {input.forests:q}"
        " --figures {input.figures:q}"
        " --titles {params.titles:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
