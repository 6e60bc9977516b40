"""The stage acoustic: train the paper's models on a speech encoder for each challenge, and keep the best.

In: the separated voices and voiced runs in results/speech, tracks and labels in results/corpus.
Out: results/acoustic/{task}/{architecture}/ and results/acoustic/{task}/best/ with weights, card, history and scored
validation windows; results/predictions/{task}/acoustic/{split}.parquet;
results/embeddings/{task}/acoustic/{split}.parquet.
Read by: timeline (the predictions), attention (the embeddings) and report. Page: docs/acoustic.md.
"""

ARCHITECTURES = CONFIG.acoustic.architectures


rule train_acoustic:
    """Train the acoustic models, side by side, on voiced windows of 4 s (paper §2.1, §3.2.1)."""
    input:
        code=code("acoustic/train_acoustic"),
        given=files_of_weights(CONFIG.acoustic.network.encoder),
        audio=of_split("results/speech/vocals/{video}.flac", "train", "val"),
        voiced=of_split("results/speech/voiced/{video}.parquet", "train", "val"),
        tracks=expand("results/corpus/{{task}}/{split}/tracks.parquet", split=["train", "val"]),
        labels=expand("results/corpus/{{task}}/{split}/labels.parquet", split=["train", "val"]),
    output:
        weights=expand("results/acoustic/{{task}}/{architecture}/model.safetensors", architecture=ARCHITECTURES),
        card=expand("results/acoustic/{{task}}/{architecture}/card.json", architecture=ARCHITECTURES),
        history=expand("results/acoustic/{{task}}/{architecture}/history.csv", architecture=ARCHITECTURES),
        scored=expand("results/acoustic/{{task}}/{architecture}/scored.parquet", architecture=ARCHITECTURES),
        candidates=expand("results/acoustic/{{task}}/{architecture}/candidates.parquet", architecture=ARCHITECTURES),
    log:
        "logs/train_acoustic/{task}.log",
    benchmark:
        "results/benchmarks/train_acoustic/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(3000 + 1000 * len(ARCHITECTURES), per_input=8),
        runtime=minutes(60, per_input=0.015 * CONFIG.acoustic.network.training.planned_epochs * len(ARCHITECTURES)),
        gpu=NETWORK_GPUS,
    params:
        modules=modules("acoustic/train_acoustic"),
        settings=section("acoustic.network"),
        compute=compute_on(CONFIG.compute.device),
        package=manifest_entries(*packaged(CONFIG.acoustic.network.encoder)),
        architectures=lambda wildcards: ARCHITECTURES,
        seed=lambda wildcards: seed_of(config["seed"], wildcards.task),
    shell:
        "take_gpu {resources.gpu}; python {input.code:q}"
        " --task {wildcards.task}"
        " --architectures {params.architectures}"
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
        " --candidates {output.candidates:q}"
        " > {log:q} 2>&1"


rule choose_acoustic:
    """Keep the model with the best challenge measure on validation (paper §4.1)."""
    input:
        code=code("acoustic/choose_acoustic"),
        weights=expand("results/acoustic/{{task}}/{architecture}/model.safetensors", architecture=ARCHITECTURES),
        card=expand("results/acoustic/{{task}}/{architecture}/card.json", architecture=ARCHITECTURES),
        history=expand("results/acoustic/{{task}}/{architecture}/history.csv", architecture=ARCHITECTURES),
        scored=expand("results/acoustic/{{task}}/{architecture}/scored.parquet", architecture=ARCHITECTURES),
    output:
        weights="results/acoustic/{task}/best/model.safetensors",
        card="results/acoustic/{task}/best/card.json",
        history="results/acoustic/{task}/best/history.csv",
        scored="results/acoustic/{task}/best/scored.parquet",
    log:
        "logs/choose_acoustic/{task}.log",
    benchmark:
        "results/benchmarks/choose_acoustic/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        modules=modules("acoustic/choose_acoustic"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --weights {input.weights:q}"
        " --card {input.card:q}"
        " --history {input.history:q}"
        " --scored {input.scored:q}"
        " --output-weights {output.weights:q}"
        " --output-card {output.card:q}"
        " --output-history {output.history:q}"
        " --output-scored {output.scored:q}"
        " > {log:q} 2>&1"


rule predict_acoustic:
    """Hear whole tracks in windows of 4 s: predictions, and embeddings at the analysed frames (paper §4.3)."""
    input:
        code=code("acoustic/predict_acoustic"),
        frames=of_backbone("results/embeddings/{task}/{backbone}/{split}.parquet"),
        audio=of_split("results/speech/vocals/{video}.flac"),
        voiced=of_split("results/speech/voiced/{video}.parquet"),
        tracks="results/corpus/{task}/{split}/tracks.parquet",
        weights="results/acoustic/{task}/best/model.safetensors",
        card="results/acoustic/{task}/best/card.json",
    output:
        predictions="results/predictions/{task}/acoustic/{split}.parquet",
        embeddings="results/embeddings/{task}/acoustic/{split}.parquet",
    log:
        "logs/predict_acoustic/{task}_{split}.log",
    benchmark:
        "results/benchmarks/predict_acoustic/{task}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(4000, per_input=2),
        runtime=minutes(30, per_input=0.05),
        gpu=NETWORK_GPUS,
    params:
        modules=modules("acoustic/predict_acoustic"),
        settings=section("acoustic.network"),
        compute=compute_on(CONFIG.compute.device),
        package=manifest_entries(*packaged(CONFIG.acoustic.network.encoder)),
    shell:
        "take_gpu {resources.gpu}; python {input.code:q}"
        " --task {wildcards.task}"
        " --frames {input.frames:q}"
        " --audio {input.audio:q}"
        " --voiced {input.voiced:q}"
        " --tracks {input.tracks:q}"
        " --weights {input.weights:q}"
        " --card {input.card:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --output {output.predictions:q}"
        " --output-embeddings {output.embeddings:q}"
        " > {log:q} 2>&1"
