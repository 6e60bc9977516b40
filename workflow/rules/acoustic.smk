"""Stage 6, acoustic: AudioModelV1 on a wav2vec2 encoder, one per challenge.

In: results/speech and results/corpus. Out: results/acoustic/{task}/ with weights, card and history, and
results/predictions/{task}/acoustic/{split}.parquet. Read by: timeline.
"""


rule train_acoustic:
    """Train AudioModelV1 on voiced windows of 4 s (paper §2.1, §3.2.1)."""
    input:
        code=code("train_acoustic"),
        given=weight_files("acoustic"),
        audio=of_split("results/speech/vocals/{video}.flac", "train", "val"),
        voiced=of_split("results/speech/voiced/{video}.parquet", "train", "val"),
        tracks=expand("results/corpus/{{task}}/{split}/tracks.parquet", split=["train", "val"]),
        labels=expand("results/corpus/{{task}}/{split}/labels.parquet", split=["train", "val"]),
    output:
        weights="results/acoustic/{task}/model.safetensors",
        card="results/acoustic/{task}/card.json",
        history="results/acoustic/{task}/history.csv",
        scored="results/acoustic/{task}/scored.parquet",
    log:
        "logs/train_acoustic/{task}.log",
    benchmark:
        "results/benchmarks/train_acoustic/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=6000,
        runtime=720,
    params:
        settings=section("acoustic"),
        compute=section("compute"),
        seed=lambda wildcards: config["seed"],
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --audio {input.audio:q}"
        " --voiced {input.voiced:q}"
        " --tracks {input.tracks:q}"
        " --labels {input.labels:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --seed {params.seed}"
        " --weights {output.weights:q}"
        " --card {output.card:q}"
        " --history {output.history:q}"
        " --scored {output.scored:q}"
        " > {log:q} 2>&1"


rule predict_acoustic:
    """Predict whole tracks, voiced or not, in windows of 4 s."""
    input:
        code=code("predict_acoustic"),
        audio=of_split("results/speech/vocals/{video}.flac"),
        tracks="results/corpus/{task}/{split}/tracks.parquet",
        weights="results/acoustic/{task}/model.safetensors",
        card="results/acoustic/{task}/card.json",
    output:
        "results/predictions/{task}/acoustic/{split}.parquet",
    log:
        "logs/predict_acoustic/{task}_{split}.log",
    benchmark:
        "results/benchmarks/predict_acoustic/{task}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        settings=section("acoustic"),
        compute=section("compute"),
    shell:
        "python {input.code[0]:q}"
        " --task {wildcards.task}"
        " --audio {input.audio:q}"
        " --tracks {input.tracks:q}"
        " --weights {input.weights:q}"
        " --card {input.card:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
