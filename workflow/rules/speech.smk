"""The stage speech: the sound of each video, the voice in it, and when the target speaker speaks.

In: the videos, and the faces in results/faces.
Out: results/speech/networks, Spleeter's two networks; results/speech/vocals/{video}.flac, the voice at 16 kHz mono;
results/speech/mouths/{video}.parquet, the mouths at the gate's own rate; results/speech/voiced/{video}.parquet.
Read by: acoustic. Page: docs/speech.md.
"""

from abaw.speech.spleeter_program import WEIGHTS as SPLEETER_WEIGHTS

BY_PROGRAM = CONFIG.speech.separator == "spleeter" and CONFIG.speech.engine == "tensorflow"
NETWORKS = ["results/speech/networks/voice.onnx", "results/speech/networks/accompaniment.onnx"]
GATE = CONFIG.speech.gate

# Where no mouth is asked, or the analysed frames are the gate's too, the table of faces has them already.
MOUTHS = "faces" if GATE.source == "vad" or GATE.rate_hz == CONFIG.faces.analysis_rate_hz else "mouths"


rule export_spleeter:
    """Write the two networks of Spleeter's 2stems model as ONNX, once for all tracks."""
    input:
        code=code("speech/export_spleeter"),
    output:
        NETWORKS,
    log:
        "logs/export_spleeter.log",
    benchmark:
        "results/benchmarks/export_spleeter.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(30),
    params:
        modules=modules("speech/export_spleeter"),
        package=manifest_entries("spleeter_2stems_voice", "spleeter_2stems_accompaniment"),
    shell:
        "python {input.code:q}" " --output {output:q}" " > {log:q} 2>&1"


rule separate_speech:
    """Take the voice out of one video's sound, without the music and noise behind it (paper §3.2.1)."""
    input:
        code=code("speech/separate_speech"),
        video="results/corpus/videos/{video}.sha256",
        networks=NETWORKS if CONFIG.speech.separator == "spleeter" else [],
    output:
        "results/speech/vocals/{video}.flac",
    log:
        "logs/separate_speech/{video}.log",
    benchmark:
        "results/benchmarks/separate_speech/{video}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(30, per_video=0.05),
    params:
        modules=modules("speech/separate_speech"),
        video=video_file,
        on_unreadable=untracked("corpus.on_unreadable"),
        sound_track=CONFIG.corpus.sound_track,
        settings=section("speech.audio"),
    shell:
        "python {input.code:q}"
        " --video {params.video:q}"
        " --on-unreadable {params.on_unreadable}"
        " --sound-track {params.sound_track}"
        " --networks {input.networks:q}"
        " --settings {params.settings:q}"
        " --threads {threads}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule extract_audio:
    """Take the audio out of one container, on the timeline of the video, for Spleeter's own program (paper §3.2.1)."""
    input:
        code=code("speech/extract_audio"),
        video="results/corpus/videos/{video}.sha256",
    output:
        "results/speech/mixture/{video}.flac",
    log:
        "logs/extract_audio/{video}.log",
    benchmark:
        "results/benchmarks/extract_audio/{video}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(30, per_video=0.01),
    params:
        modules=modules("speech/extract_audio"),
        video=video_file,
        on_unreadable=untracked("corpus.on_unreadable"),
        sound_track=CONFIG.corpus.sound_track,
    shell:
        "python {input.code:q}"
        " --video {params.video:q}"
        " --on-unreadable {params.on_unreadable}"
        " --sound-track {params.sound_track}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule fetch_spleeter:
    """Fetch the weights of Spleeter's own program; each file's sha256 must be the known one."""
    input:
        code=code("speech/fetch_spleeter"),
    output:
        expand("resources/spleeter/2stems/{name}", name=SPLEETER_WEIGHTS),
    log:
        "logs/fetch_spleeter.log",
    benchmark:
        "results/benchmarks/fetch_spleeter.tsv"
    localrule: True
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(30),
    params:
        modules=modules("speech/fetch_spleeter"),
    shell:
        "python {input.code:q}" " --output {output:q}" " > {log:q} 2>&1"


rule run_spleeter:
    """Take the voice out of one track by Spleeter's own program, where `speech.engine` is tensorflow (paper §3.2.1)."""
    input:
        code=code("speech/run_spleeter"),
        mixture="results/speech/mixture/{video}.flac",
        weights=rules.fetch_spleeter.output,
    output:
        "results/speech/spleeter/{video}.flac",
    log:
        "logs/run_spleeter/{video}.log",
    benchmark:
        "results/benchmarks/run_spleeter/{video}.tsv"
    conda:
        "../../envs/spleeter.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(4000),
        runtime=minutes(60, per_input=0.2),
    params:
        modules=modules("speech/run_spleeter"),
        tensorflow_threads=lambda wildcards: config["compute"]["threads"],
    shell:
        "python {input.code:q}"
        " --mixture {input.mixture:q}"
        " --weights {input.weights[0]:q}"
        " --threads {params.tensorflow_threads}"
        " --output {output:q}"
        " > {log:q} 2>&1"


# Not a rule beside separate_speech where it is not wanted: Snakemake would look both ways for each voice.
if BY_PROGRAM:

    ruleorder: mix_down > separate_speech

    rule mix_down:
        """Bring the voice that Spleeter's own program found to the form of all voices."""
        input:
            code=code("speech/mix_down"),
            voice="results/speech/spleeter/{video}.flac",
        output:
            "results/speech/vocals/{video}.flac",
        log:
            "logs/mix_down/{video}.log",
        benchmark:
            "results/benchmarks/mix_down/{video}.tsv"
        conda:
            "../../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=memory_mb(1000),
            runtime=minutes(30, per_input=0.05),
        params:
            modules=modules("speech/mix_down"),
            settings=section("speech.audio"),
        shell:
            "python {input.code:q}"
            " --voice {input.voice:q}"
            " --settings {params.settings:q}"
            " --output {output:q}"
            " > {log:q} 2>&1"


rule measure_mouths:
    """Measure the mouths of one video's subjects in the frames between the analysed ones (paper §3.2.1)."""
    input:
        code=code("speech/measure_mouths"),
        video="results/corpus/videos/{video}.sha256",
        faces="results/faces/{video}.parquet",
        crops=lambda wildcards: [
            str(CROPS.by_sample[track.sample]) for track in VIDEOS[wildcards.video] if track.sample in CROPS.by_sample
        ],
    output:
        "results/speech/mouths/{video}.parquet",
    log:
        "logs/measure_mouths/{video}.log",
    benchmark:
        "results/benchmarks/measure_mouths/{video}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(2000),
        runtime=minutes(60, per_video=0.5),
    params:
        modules=modules("speech/measure_mouths"),
        video=video_file,
        rate_hz=GATE.rate_hz or "",
        margin_px=CONFIG.faces.margin_px,
        on_unreadable=untracked("corpus.on_unreadable"),
    shell:
        "python {input.code:q}"
        " --video {params.video:q}"
        " --faces {input.faces:q}"
        " --crops {input.crops:q}"
        " --rate-hz {params.rate_hz}"
        " --margin-px {params.margin_px}"
        " --on-unreadable {params.on_unreadable}"
        " --threads {threads}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule gate_speech:
    """Call a stretch voiced where the lips of the target speaker move, or a voice is heard (paper §3.2.1)."""
    input:
        code=code("speech/gate_speech"),
        mouths=f"results/{'faces' if MOUTHS == 'faces' else 'speech/mouths'}/{{video}}.parquet",
        voice=[] if CONFIG.speech.gate.source == "mouth" else "results/speech/vocals/{video}.flac",
    output:
        "results/speech/voiced/{video}.parquet",
    log:
        "logs/gate_speech/{video}.log",
    benchmark:
        "results/benchmarks/gate_speech/{video}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10, per_input=0.02),
    params:
        modules=modules("speech/gate_speech"),
        settings=section("speech.gate"),
        kind=MOUTHS,
    shell:
        "python {input.code:q}"
        " --kind {params.kind}"
        " --mouths {input.mouths:q}"
        " --voice {input.voice:q}"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
