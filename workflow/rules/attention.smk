"""The stage attention: models on the embeddings of face and voice together, one for each challenge and mechanism.

In: the embeddings of faces, voice or what `inputs` names in results/embeddings, the labels in results/corpus.
Out: results/attention/{task}/{mechanism}/ with weights, card and history, and
results/predictions/{task}/{mechanism}_attention/{split}.parquet.
Read by: timeline (the predictions) and report. Page: docs/attention.md.
"""

# The windows in seconds, the frames' rate, and how many sequences stand side by side.
ATTENTION_WINDOWS = CONFIG.attention.window_s, CONFIG.faces.analysis_rate_hz, len(CONFIG.attention.inputs)


rule train_attention:
    """Train self- or cross-attention over the embeddings of faces and voice (paper §2.3)."""
    input:
        code=code("attention/train_attention"),
        train=of_inputs(CONFIG.attention.inputs, "train"),
        val=of_inputs(CONFIG.attention.inputs, "val"),
        labels=expand("results/corpus/{{task}}/{split}/labels.parquet", split=["train", "val"]),
    output:
        weights="results/attention/{task}/{mechanism}/model.safetensors",
        card="results/attention/{task}/{mechanism}/card.json",
        history="results/attention/{task}/{mechanism}/history.csv",
        candidates="results/attention/{task}/{mechanism}/candidates.parquet",
    log:
        "logs/train_attention/{task}_{mechanism}.log",
    benchmark:
        "results/benchmarks/train_attention/{task}_{mechanism}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(4000 + step_mb(CONFIG.attention.network, *ATTENTION_WINDOWS), per_input=4),
        runtime=minutes(60, per_input=0.02 * CONFIG.attention.network.training.planned_epochs),
        gpu=NETWORK_GPUS,
    params:
        modules=modules("attention/train_attention"),
        settings=section("attention.network"),
        window_s=lambda wildcards: config["attention"]["window_s"],
        rate_hz=lambda wildcards: config["faces"]["analysis_rate_hz"],
        compute=compute_on(CONFIG.compute.device),
        seed=lambda wildcards: seed_of(config["seed"], wildcards.task),
    shell:
        "take_gpu {resources.gpu}; python {input.code:q}"
        " --task {wildcards.task}"
        " --mechanism {wildcards.mechanism}"
        " --train {input.train:q}"
        " --val {input.val:q}"
        " --labels {input.labels:q}"
        " --window-s {params.window_s}"
        " --rate-hz {params.rate_hz}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --seed {params.seed}"
        " --weights {output.weights:q}"
        " --card {output.card:q}"
        " --history {output.history:q}"
        " --candidates {output.candidates:q}"
        " > {log:q} 2>&1"


rule predict_attention:
    """Predict every analysed frame of a split that shows a face, with faces and voice."""
    input:
        code=code("attention/predict_attention"),
        embeddings=of_inputs(CONFIG.attention.inputs, "{split}"),
        weights="results/attention/{task}/{mechanism}/model.safetensors",
        card="results/attention/{task}/{mechanism}/card.json",
    output:
        "results/predictions/{task}/{mechanism}_attention/{split}.parquet",
    log:
        "logs/predict_attention/{task}_{mechanism}_{split}.log",
    benchmark:
        "results/benchmarks/predict_attention/{task}_{mechanism}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(2000 + step_mb(CONFIG.attention.network, *ATTENTION_WINDOWS, learning=False), per_input=4),
        runtime=minutes(30, per_input=0.1),
    params:
        modules=modules("attention/predict_attention"),
        settings=section("attention.network"),
        compute=compute_on("cpu"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --embeddings {input.embeddings:q}"
        " --weights {input.weights:q}"
        " --card {input.card:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
