"""The stage outputs: what people look at and other programs read, all made from the table of predict and the video.

In: {film}/frames.parquet in the folder `predict.out`. Out, in the same folder of the film: viewer.html and thumbnail.jpg;
on request {film}.eaf, .TextGrid, .vtt and .rttm, and annotated.mp4; for all films summary.csv and index.html.
Page: docs/outputs.md.
"""

if PLAN is not None:

    PAGES = [
        str(SOURCE / "abaw" / "outputs" / "pages" / name)
        for name in ("viewer.html", "viewer.js", "index.html", "style.css")
    ]

    rule write_viewer:
        """Put the untouched video above the curves, on one page."""
        input:
            code=code("outputs/write_viewer"),
            pages=PAGES,
            frames=f"{OUT}/{{film}}/frames.parquet",
        output:
            page=f"{OUT}/{{film}}/viewer.html",
            thumbnail=f"{OUT}/{{film}}/thumbnail.jpg",
        log:
            "logs/write_viewer/{film}.log",
        benchmark:
            "results/benchmarks/write_viewer/{film}.tsv"
        conda:
            "../../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=memory_mb(1500, per_input=20),
            runtime=minutes(20, per_video=0.1),
        params:
            modules=modules("outputs/write_viewer"),
            video=video_file,
        shell:
            "python {input.code:q}"
            " --frames {input.frames:q}"
            " --video {params.video:q}"
            " --out {output.page:q}"
            " --thumbnail {output.thumbnail:q}"
            " > {log:q} 2>&1"

    rule export_annotations:
        """Write what was found for ELAN, Praat, any player, or as who speaks when."""
        input:
            code=code("outputs/export_annotations"),
            frames=f"{OUT}/{{film}}/frames.parquet",
        output:
            f"{OUT}/{{film}}/{{film}}.{{ending}}",
        log:
            "logs/export_annotations/{film}_{ending}.log",
        benchmark:
            "results/benchmarks/export_annotations/{film}_{ending}.tsv"
        wildcard_constraints:
            ending="eaf|TextGrid|vtt|rttm",
        conda:
            "../../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=memory_mb(1500, per_input=20),
            runtime=minutes(20),
        params:
            modules=modules("outputs/export_annotations"),
            video=video_file,
        shell:
            "python {input.code:q}"
            " --frames {input.frames:q}"
            " --video {params.video:q}"
            " --out {output:q}"
            " > {log:q} 2>&1"

    rule annotate_video:
        """Draw boxes, labels and curves into the video."""
        input:
            code=code("outputs/annotate_video"),
            frames=f"{OUT}/{{film}}/frames.parquet",
        output:
            f"{OUT}/{{film}}/annotated.mp4",
        log:
            "logs/annotate_video/{film}.log",
        benchmark:
            "results/benchmarks/annotate_video/{film}.tsv"
        conda:
            "../../envs/main.yaml"
        threads: CONFIG.compute.threads
        resources:
            mem_mb=memory_mb(2000, per_input=20),
            runtime=minutes(60, per_video=1),
        params:
            modules=modules("outputs/annotate_video"),
            video=video_file,
        shell:
            "python {input.code:q}"
            " --frames {input.frames:q}"
            " --video {params.video:q}"
            " --threads {threads}"
            " --out {output:q}"
            " > {log:q} 2>&1"

    rule write_summary:
        """A line for each film and person."""
        input:
            code=code("outputs/write_summary"),
            frames=expand(f"{OUT}/{{film}}/frames.parquet", film=PLAN.films.paths),
            failed=f"{OUT}/failed.csv",
        output:
            f"{OUT}/summary.csv",
        log:
            "logs/write_summary.log",
        benchmark:
            "results/benchmarks/write_summary.tsv"
        conda:
            "../../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=memory_mb(1500),
            runtime=minutes(30),
        params:
            modules=modules("outputs/write_summary"),
        shell:
            "python {input.code:q}"
            " --frames {input.frames:q}"
            " --failed {input.failed:q}"
            " --out {output:q}"
            " > {log:q} 2>&1"

    rule write_index:
        """All films of the folder on one page."""
        input:
            code=code("outputs/write_index"),
            pages=PAGES,
            summary=f"{OUT}/summary.csv",
            thumbnails=expand(f"{OUT}/{{film}}/thumbnail.jpg", film=PLAN.films.paths),
        output:
            f"{OUT}/index.html",
        log:
            "logs/write_index.log",
        benchmark:
            "results/benchmarks/write_index.tsv"
        conda:
            "../../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=memory_mb(1000),
            runtime=minutes(20),
        params:
            modules=modules("outputs/write_index"),
        shell:
            "python {input.code:q}"
            " --summary {input.summary:q}"
            " --thumbnails {input.thumbnails:q}"
            " --out {output:q}"
            " > {log:q} 2>&1"
