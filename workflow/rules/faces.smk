"""The stage faces: find the faces in each video in one decoding pass, or import the organisers' crops.

In: the videos and the detector's weights; with `faces.source: organisers` the folders of crops.
Out: results/faces/{video}.parquet, one row for every analysed frame of every subject, with or without a face: box,
points, crop, mouth opening, on request the mesh; results/embeddings/{task}/mesh/{split}.parquet, the mesh aligned;
on request results/faces/sheets/{video}.png, all crops of a video in a picture.
Read by: speech (the mouths), static (the crops), dynamic, functional and attention (the mesh, on request). Page: docs/faces.md.
"""

if CONFIG.faces.source == "detect":

    rule track_faces:
        """Detect, follow and crop the subjects of one video, and measure their mouths (paper §3.2.1, §3.2.2)."""
        input:
            code=code("faces/track_faces"),
            video="results/corpus/videos/{video}.sha256",
            network=detector_network(CONFIG.faces),
        output:
            "results/faces/{video}.parquet",
        log:
            "logs/track_faces/{video}.log",
        benchmark:
            "results/benchmarks/track_faces/{video}.tsv"
        conda:
            "../../envs/main.yaml"
        threads: CONFIG.compute.threads
        resources:
            mem_mb=memory_mb(2000),
            runtime=minutes(60, per_video=0.1),
            gpu=DETECTOR_GPUS,
        params:
            modules=modules("faces/track_faces"),
            video=video_file,
            settings=section("faces"),
            compute=compute_on(CONFIG.compute.detector_device),
            on_unreadable=untracked("corpus.on_unreadable"),
            subjects=lambda wildcards: json.dumps(
                [{"sample": track.sample, "side": track.side} for track in VIDEOS[wildcards.video]]
            ),
        shell:
            "take_gpu {resources.gpu}; python {input.code:q}"
            " --video {params.video:q}"
            " --subjects {params.subjects:q}"
            " --settings {params.settings:q}"
            " --compute {params.compute:q}"
            " --network {input.network:q}"
            " --on-unreadable {params.on_unreadable}"
            " --threads {threads}"
            " --output {output:q}"
            " > {log:q} 2>&1"

else:

    rule import_crops:
        """Take the organisers' crops of one video's subjects as they are, and measure their mouths (paper §3.2.1)."""
        input:
            code=code("faces/import_crops"),
            video="results/corpus/videos/{video}.sha256",
            # the folder of each subject: what is added to it or removed counts
            crops=lambda wildcards: [str(CROPS.by_sample[track.sample]) for track in VIDEOS[wildcards.video]],
        output:
            "results/faces/{video}.parquet",
        log:
            "logs/import_crops/{video}.log",
        benchmark:
            "results/benchmarks/import_crops/{video}.tsv"
        conda:
            "../../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=memory_mb(1000),
            runtime=minutes(60, per_video=0.1),
        params:
            modules=modules("faces/import_crops"),
            video=video_file,
            rate_hz=lambda wildcards: config["faces"]["analysis_rate_hz"],
        shell:
            "python {input.code:q}"
            " --video {params.video:q}"
            " --crops {input.crops:q}"
            " --rate-hz {params.rate_hz}"
            " --output {output:q}"
            " > {log:q} 2>&1"


rule align_meshes:
    """Bring the face meshes of a split to one place, size and roll, where a model learns from them."""
    input:
        code=code("faces/align_meshes"),
        faces=of_split("results/faces/{video}.parquet"),
        tracks="results/corpus/{task}/{split}/tracks.parquet",
    output:
        "results/embeddings/{task}/mesh/{split}.parquet",
    log:
        "logs/align_meshes/{task}_{split}.log",
    benchmark:
        "results/benchmarks/align_meshes/{task}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000, per_input=2),
        runtime=minutes(20, per_input=0.05),
    params:
        modules=modules("faces/align_meshes"),
    shell:
        "python {input.code:q}"
        " --faces {input.faces:q}"
        " --tracks {input.tracks:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule export_detector:
    """Write RetinaFace's network as ONNX, once for all videos (paper §3.2.2)."""
    input:
        code=code("faces/export_detector"),
        weights=lambda wildcards: f"results/weights/{wildcards.weights}/{WEIGHTS[wildcards.weights].file}",
    output:
        "results/weights/{weights}/detector.onnx",
    log:
        "logs/export_detector/{weights}.log",
    benchmark:
        "results/benchmarks/export_detector/{weights}.tsv"
    wildcard_constraints:
        weights="|".join(re.escape(name) for name in WEIGHTS),
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        modules=modules("faces/export_detector"),
        entry=lambda wildcards: WEIGHTS[wildcards.weights].model_dump_json(),
    shell:
        "python {input.code:q}"
        " --weights {params.entry:q}"
        " --file {input.weights:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule draw_contact_sheet:
    """Draw all crops of one video in a picture, to be looked at: `snakemake contact_sheets` draws those of all."""
    input:
        code=code("faces/draw_contact_sheet"),
        faces="results/faces/{video}.parquet",
        voiced="results/speech/voiced/{video}.parquet",
    output:
        "results/faces/sheets/{video}.png",
    log:
        "logs/draw_contact_sheet/{video}.log",
    benchmark:
        "results/benchmarks/draw_contact_sheet/{video}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(10),
    params:
        modules=modules("faces/draw_contact_sheet"),
    shell:
        "python {input.code:q}"
        " --faces {input.faces:q}"
        " --voiced {input.voiced:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
