"""The stage predict: what the people in any video express, by the models of a bundle; on request, `snakemake predict`.

In: the videos of `predict.videos` and the bundle of `predict.bundle`. Sound, voice and gate are the rules of the stage
speech, with the bundle's settings; what they make lies in results/films. Each video is decoded once for faces and mouths.
Out: in the folder `predict.out`, {film}/frames.parquet, frames.csv and metadata.json, and failed.csv of them all.
Page: docs/predict.md.
"""

if PLAN is not None:

    OUT, FILMS = CONFIG.predict.out, "results/films"
    OPENED = f"{FILMS}/bundle"
    # Now, not when a job is about to begin: by then a video that grows has been read.
    PLANNED_BYTES = {film: PLAN.films.size_bytes(film) for film in PLAN.films.paths}

    use rule digest_video as digest_film with:
        input:
            code=code("corpus/digest_video"),
            video=lambda wildcards: PLAN.films.watched(wildcards.film),
        output:
            f"{FILMS}/digests/{{film}}.sha256",
        log:
            "logs/digest_film/{film}.log",
        benchmark:
            "results/benchmarks/digest_film/{film}.tsv"
        params:
            modules=modules("corpus/digest_video"),
            stamp=lambda wildcards: PLAN.films.stamp(wildcards.film),

    use rule separate_speech as separate_film_speech with:
        input:
            code=code("speech/separate_speech"),
            video=f"{FILMS}/digests/{{film}}.sha256",
            networks=NETWORKS if PLAN.speech.separator == "spleeter" else [],
        output:
            f"{FILMS}/vocals/{{film}}.flac",
        log:
            "logs/separate_film_speech/{film}.log",
        benchmark:
            "results/benchmarks/separate_film_speech/{film}.tsv"
        params:
            modules=modules("speech/separate_speech"),
            on_unreadable="skip",
            settings=as_json(PLAN.speech.audio.model_dump()),

    use rule gate_speech as gate_film_speech with:
        input:
            code=code("speech/gate_speech"),
            mouths=f"{FILMS}/mouths/{{film}}.parquet",
            voice=[] if PLAN.speech.gate.source == "mouth" else f"{FILMS}/vocals/{{film}}.flac",
        output:
            f"{FILMS}/voiced/{{film}}.parquet",
        log:
            "logs/gate_film_speech/{film}.log",
        benchmark:
            "results/benchmarks/gate_film_speech/{film}.tsv"
        params:
            modules=modules("speech/gate_speech"),
            settings=as_json(PLAN.speech.gate.model_dump()),
            kind="mouths",

    rule open_bundle:
        """Check the files of the bundle against their digests, and lay them out for all jobs."""
        input:
            code=code("predict/open_bundle"),
            bundle=PLAN.bundle_files(),
        output:
            [f"{OPENED}/{name}" for name in PLAN.bundle_names()],
        log:
            "logs/open_bundle.log",
        benchmark:
            "results/benchmarks/open_bundle.tsv"
        conda:
            "../../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=memory_mb(1000),
            runtime=minutes(30),
        params:
            modules=modules("predict/open_bundle"),
            source=str(PLAN.source),
            digest=PLAN.bundle_digest,
            folder=OPENED,
        shell:
            "python {input.code:q}" " --bundle {params.source:q}" " --output {params.folder:q}" " > {log:q} 2>&1"

    rule export_embedder:
        """Write a bundle's model that embeds faces as ONNX, once for all videos."""
        input:
            code=code("predict/export_embedder"),
            bundle=rules.open_bundle.output,
        output:
            f"{FILMS}/embedders/{{task}}.onnx",
        log:
            "logs/export_embedder/{task}.log",
        benchmark:
            "results/benchmarks/export_embedder/{task}.tsv"
        conda:
            "../../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=memory_mb(2000),
            runtime=minutes(30),
        params:
            modules=modules("predict/export_embedder"),
            folder=OPENED,
        shell:
            "python {input.code:q}"
            " --task {wildcards.task}"
            " --bundle {params.folder:q}"
            " --output {output:q}"
            " > {log:q} 2>&1"

    rule find_people:
        """Find, follow and crop the people in one video, and measure their mouths: the prominent one's, everybody's, or so
        many at a time.
        """
        input:
            code=code("predict/find_people"),
            video=f"{FILMS}/digests/{{film}}.sha256",
            network=detector_network(PLAN.faces),
            recogniser=[f"results/weights/{one.name}/{one.file}" for one in [PLAN.recogniser] if one],
        output:
            faces=f"{FILMS}/faces/{{film}}.parquet",
            mouths=f"{FILMS}/mouths/{{film}}.parquet",
        log:
            "logs/find_people/{film}.log",
        benchmark:
            "results/benchmarks/find_people/{film}.tsv"
        conda:
            "../../envs/main.yaml"
        threads: CONFIG.compute.threads
        resources:
            mem_mb=memory_mb(2000),
            runtime=minutes(60, per_video=0.1),
            gpu=DETECTOR_GPUS,
        params:
            modules=modules("predict/find_people"),
            video=video_file,
            subjects=json.dumps(CONFIG.predict.subjects),
            from_s=CONFIG.predict.from_s,
            to_s="" if CONFIG.predict.to_s is None else CONFIG.predict.to_s,
            settings=as_json(PLAN.faces.model_dump()),
            mouths_hz=PLAN.mouths_hz,
            compute=compute_on(CONFIG.compute.detector_device),
            weights=PLAN.recogniser.model_dump_json() if PLAN.recogniser else "",
            same_person=CONFIG.predict.same_person if PLAN.recogniser else "",
        shell:
            "take_gpu {resources.gpu}; python {input.code:q}"
            " --video {params.video:q}"
            " --subjects {params.subjects:q}"
            " --from-s {params.from_s}"
            " --to-s {params.to_s}"
            " --settings {params.settings:q}"
            " --compute {params.compute:q}"
            " --network {input.network:q}"
            " --recogniser {input.recogniser:q}"
            " --weights {params.weights:q}"
            " --same-person {params.same_person}"
            " --mouths-hz {params.mouths_hz}"
            " --threads {threads}"
            " --faces {output.faces:q}"
            " --mouths {output.mouths:q}"
            " > {log:q} 2>&1"

    rule predict_film:
        """Say what each person of one video expresses at each frame, by the bundle's preferred systems."""
        input:
            code=code("predict/predict_film"),
            digest=f"{FILMS}/digests/{{film}}.sha256",
            faces=f"{FILMS}/faces/{{film}}.parquet",
            voiced=f"{FILMS}/voiced/{{film}}.parquet",
            voice=f"{FILMS}/vocals/{{film}}.flac" if PLAN.hears else [],
            bundle=rules.open_bundle.output,
            embedders=[f"{FILMS}/embedders/{task}.onnx" for task in PLAN.embedded_on(CONFIG.compute.device)],
        output:
            frames=f"{OUT}/{{film}}/frames.parquet",
            csv=f"{OUT}/{{film}}/frames.csv",
            metadata=f"{OUT}/{{film}}/metadata.json",
        log:
            "logs/predict_film/{film}.log",
        benchmark:
            "results/benchmarks/predict_film/{film}.tsv"
        conda:
            "../../envs/main.yaml"
        threads: CONFIG.compute.threads
        resources:
            mem_mb=memory_mb(4000),
            runtime=minutes(60, per_video=0.1),
            gpu=NETWORK_GPUS,
        params:
            modules=modules("predict/predict_film"),
            video=video_file,
            planned_bytes=lambda wildcards: PLANNED_BYTES[wildcards.film],
            folder=OPENED,
            from_s=CONFIG.predict.from_s,
            to_s="" if CONFIG.predict.to_s is None else CONFIG.predict.to_s,
            fps=PLAN.faces.analysis_rate_hz,
            settings=as_json(CONFIG.predict.model_dump(exclude={"videos", "bundle", "out", "also"})),
            compute=compute_on(CONFIG.compute.device),
        shell:
            "take_gpu {resources.gpu}; python {input.code:q}"
            " --film {wildcards.film:q}"
            " --video {params.video:q}"
            " --planned-bytes {params.planned_bytes}"
            " --digest {input.digest:q}"
            " --faces {input.faces:q}"
            " --voiced {input.voiced:q}"
            " --voice {input.voice:q}"
            " --bundle {params.folder:q}"
            " --embedders {input.embedders:q}"
            " --from-s {params.from_s}"
            " --to-s {params.to_s}"
            " --fps {params.fps}"
            " --settings {params.settings:q}"
            " --compute {params.compute:q}"
            " --frames {output.frames:q}"
            " --csv {output.csv:q}"
            " --metadata {output.metadata:q}"
            " > {log:q} 2>&1"

    rule list_failed:
        """List the videos that cannot be read, with what stands against each."""
        input:
            code=code("predict/list_failed"),
        output:
            f"{OUT}/failed.csv",
        log:
            "logs/list_failed.log",
        benchmark:
            "results/benchmarks/list_failed.tsv"
        localrule: True
        conda:
            "../../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=memory_mb(500),
            runtime=minutes(10),
        params:
            modules=modules("predict/list_failed"),
            # Of a function no brace is taken for a wildcard's; the standard input has room for any number.
            failed=lambda wildcards: json.dumps([[one.film, str(one.path), one.reason] for one in PLAN.films.failed]),
        shell:
            "python {input.code:q}" " --output {output:q}" " > {log:q} 2>&1" " <<< {params.failed:q}"
