"""Stage 3, speech: the audio of each video, and when the target speaker speaks.

In: the videos, and the mouths in results/faces. Out: results/speech/mixture/{video}.flac, 16 kHz mono, and
results/speech/voiced/{video}.parquet. Read by: acoustic. Separation of the voice has its place between the two rules:
it will read the mixture and write results/speech/vocals/{video}.flac.
"""


rule extract_audio:
    """Take the audio out of one container, on the timeline of the video (paper §3.2.1)."""
    input:
        code=code("extract_audio"),
        checked=CHECKED,
        video=video_file,
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
        mem_mb=1000,
        runtime=30,
    params:
        settings=section("speech.audio"),
        on_unreadable=lambda wildcards: config["corpus"]["on_unreadable"],
    shell:
        "python {input.code[0]:q}"
        " --video {input.video:q}"
        " --settings {params.settings:q}"
        " --on-unreadable {params.on_unreadable}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule gate_speech:
    """Call a stretch voiced where the lips of the target speaker move (paper §3.2.1)."""
    input:
        code=code("gate_speech"),
        faces="results/faces/{video}.parquet",
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
        mem_mb=1000,
        runtime=10,
    params:
        settings=section("speech.gate"),
        rate_hz=lambda wildcards: config["faces"]["analysis_rate_hz"],
    shell:
        "python {input.code[0]:q}"
        " --faces {input.faces:q}"
        " --rate-hz {params.rate_hz}"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
