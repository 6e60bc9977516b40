"""The stage corpus: who is in which video, in which split, with which labels.

In: the four folders that the section corpus names, in AffWild2's form; with `corpus.source: demo` the stage demo makes
them.
Out: results/corpus/{task}/{split}/tracks.parquet and labels.parquet; results/corpus/videos/{video}.sha256, which stands for
a video in every job that opens it; results/report/corpus.html and problems.csv, which say what does not fit together and
which `snakemake check_corpus` makes on their own.
Read by: every later stage. Page: docs/corpus.md.
"""


rule digest_video:
    """Write the digest of a video, which stands for it as an input of all other jobs: Snakemake reads each video once."""
    input:
        code=code("corpus/digest_video"),
        video=video_file,
    output:
        "results/corpus/videos/{video}.sha256",
    log:
        "logs/digest_video/{video}.log",
    benchmark:
        "results/benchmarks/digest_video/{video}.tsv"
    priority: 100  # check_corpus waits for it
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(500),
        runtime=minutes(1, per_video=0.01),
    params:
        modules=modules("corpus/digest_video"),
        video=video_file,
    shell:
        "python {input.code:q}" " --video {params.video:q}" " --output {output:q}" " > {log:q} 2>&1"


rule index_corpus:
    """Read labels, templates and video metadata of one split; count what does not fit together (paper §3.1)."""
    input:
        code=code("corpus/index_corpus"),
        videos=of_split("results/corpus/videos/{video}.sha256"),
        rows=lambda wildcards: LAYOUT.row_files(wildcards.task, wildcards.split),
    output:
        tracks="results/corpus/{task}/{split}/tracks.parquet",
        labels="results/corpus/{task}/{split}/labels.parquet",
    log:
        "logs/index_corpus/{task}_{split}.log",
    benchmark:
        "results/benchmarks/index_corpus/{task}_{split}.tsv"
    wildcard_constraints:
        task="|".join(TASKS),
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(30),
    params:
        modules=modules("corpus/index_corpus"),
        corpus=untracked("corpus"),
        videos=of_split("{path}"),
        unscored=section("corpus.unscored"),  # said in corpus, too, but this one is tracked
        sound_track=section("corpus.sound_track"),
    shell:
        "python {input.code:q}"
        " --corpus {params.corpus:q}"
        " --task {wildcards.task}"
        " --split {wildcards.split}"
        " --tracks {output.tracks:q}"
        " --labels {output.labels:q}"
        " > {log:q} 2>&1"


rule check_corpus:
    """Count what every split holds, and list what does not fit together with its remedy (paper §3.1)."""
    input:
        code=code("corpus/check_corpus"),
        videos=expand("results/corpus/videos/{video}.sha256", video=sorted(VIDEOS)),
        labels=[str(path) for track in LAYOUT.tracks for path in track.labels.values()],
        lists=list(map(str, [*LAYOUT.test_lists.values(), *LAYOUT.templates.values()])),
    output:
        problems=report(
            "results/report/problems.csv",
            caption="../report/problems.rst",
            category="Corpus",
        ),
        page=report(
            "results/report/corpus.html",
            caption="../report/corpus.rst",
            category="Corpus",
        ),
    log:
        "logs/check_corpus.log",
    benchmark:
        "results/benchmarks/check_corpus.tsv"
    priority: 100  # it comes first, and where it fails no further job is started
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        modules=modules("corpus/check_corpus"),
        corpus=untracked("corpus"),
        edition=section("corpus.edition"),
        max_row_difference=section("corpus.max_row_difference"),
        sound_track=section("corpus.sound_track"),
    shell:
        "python {input.code:q}"
        " --corpus {params.corpus:q}"
        " --problems {output.problems:q}"
        " --page {output.page:q}"
        " > {log:q} 2>&1"
