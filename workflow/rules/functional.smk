"""The stage functional: kernel ELMs on statistics of embeddings over windows, of faces and of voices, for each challenge.

In: embeddings in results/embeddings, of faces or what `inputs` names, the voices and voiced runs in results/speech,
tracks and labels in results/corpus.
Out: results/functional/{task}/ with weights, card, the scores of the whole grid and scored validation windows, the same
but the windows in results/voice_functional/{task}/ with the voices' statistics, and
results/predictions/{task}/{model}/{split}.parquet of functional and voice_functional.
Read by: timeline (the predictions) and report. Page: docs/functional.md.
"""


rule train_functional:
    """Fit a kernel ELM for each set of functionals, kernel and C; keep the best on validation (paper §2.2.2, Figure 2)."""
    input:
        code=code("functional/train_functional"),
        train=of_inputs(CONFIG.functional.inputs, "train"),
        val=of_inputs(CONFIG.functional.inputs, "val"),
        labels=expand("results/corpus/{{task}}/{split}/labels.parquet", split=["train", "val"]),
    output:
        weights="results/functional/{task}/model.safetensors",
        card="results/functional/{task}/card.json",
        grid="results/functional/{task}/grid.csv",
        scored="results/functional/{task}/scored.parquet",
        candidates="results/functional/{task}/candidates.parquet",
    log:
        "logs/train_functional/{task}.log",
    benchmark:
        "results/benchmarks/train_functional/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(4000, per_input=20),
        runtime=minutes(30, per_input=0.5),
    params:
        modules=modules("functional/train_functional"),
        settings=section("functional"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --train {input.train:q}"
        " --val {input.val:q}"
        " --labels {input.labels:q}"
        " --settings {params.settings:q}"
        " --weights {output.weights:q}"
        " --card {output.card:q}"
        " --grid {output.grid:q}"
        " --scored {output.scored:q}"
        " --candidates {output.candidates:q}"
        " > {log:q} 2>&1"


rule predict_functional:
    """Predict every window of a split that shows enough faces."""
    input:
        code=code("functional/predict_functional"),
        embeddings=of_inputs(CONFIG.functional.inputs, "{split}"),
        weights="results/functional/{task}/model.safetensors",
        card="results/functional/{task}/card.json",
    output:
        "results/predictions/{task}/functional/{split}.parquet",
    log:
        "logs/predict_functional/{task}_{split}.log",
    benchmark:
        "results/benchmarks/predict_functional/{task}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(2000, per_input=8),
        runtime=minutes(20, per_input=0.1),
    params:
        modules=modules("functional/predict_functional"),
        settings=section("functional"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --embeddings {input.embeddings:q}"
        " --weights {input.weights:q}"
        " --card {input.card:q}"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule describe_voice:
    """Take mean and deviation of an encoder's layers over what is heard of each window."""
    input:
        code=code("functional/describe_voice"),
        given=files_of_weights(CONFIG.voice_functional.statistics.encoder),
        audio=of_split("results/speech/vocals/{video}.flac"),
        voiced=of_split("results/speech/voiced/{video}.parquet"),
        tracks="results/corpus/{task}/{split}/tracks.parquet",
    output:
        "results/voice_functional/{task}/statistics/{split}.parquet",
    log:
        "logs/describe_voice/{task}_{split}.log",
    benchmark:
        "results/benchmarks/describe_voice/{task}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(3000, per_input=2),
        runtime=minutes(30, per_input=0.05),
        gpu=NETWORK_GPUS,
    params:
        modules=modules("functional/describe_voice"),
        settings=section("voice_functional.statistics"),
        compute=compute_on(CONFIG.compute.device),
        package=manifest_entries(*packaged(CONFIG.voice_functional.statistics.encoder)),
    shell:
        "take_gpu {resources.gpu}; python {input.code:q}"
        " --task {wildcards.task}"
        " --audio {input.audio:q}"
        " --voiced {input.voiced:q}"
        " --tracks {input.tracks:q}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"


rule train_voice_functional:
    """Fit a kernel ELM to the voices' statistics for each set, scaling, kernel and C; keep the best on validation."""
    input:
        code=code("functional/train_voice_functional"),
        train="results/voice_functional/{task}/statistics/train.parquet",
        val="results/voice_functional/{task}/statistics/val.parquet",
        tracks=expand("results/corpus/{{task}}/{split}/tracks.parquet", split=["train", "val"]),
        labels=expand("results/corpus/{{task}}/{split}/labels.parquet", split=["train", "val"]),
    output:
        weights="results/voice_functional/{task}/model.safetensors",
        card="results/voice_functional/{task}/card.json",
        grid="results/voice_functional/{task}/grid.csv",
        candidates="results/voice_functional/{task}/candidates.parquet",
    log:
        "logs/train_voice_functional/{task}.log",
    benchmark:
        "results/benchmarks/train_voice_functional/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(4000, per_input=30),
        runtime=minutes(30, per_input=0.5),
    params:
        modules=modules("functional/train_voice_functional"),
        settings=section("voice_functional"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --train {input.train:q}"
        " --val {input.val:q}"
        " --tracks {input.tracks:q}"
        " --labels {input.labels:q}"
        " --settings {params.settings:q}"
        " --weights {output.weights:q}"
        " --card {output.card:q}"
        " --grid {output.grid:q}"
        " --candidates {output.candidates:q}"
        " > {log:q} 2>&1"


rule predict_voice_functional:
    """Predict every window of a split's voices, and mark what is voiced."""
    input:
        code=code("functional/predict_voice_functional"),
        statistics="results/voice_functional/{task}/statistics/{split}.parquet",
        tracks="results/corpus/{task}/{split}/tracks.parquet",
        weights="results/voice_functional/{task}/model.safetensors",
        card="results/voice_functional/{task}/card.json",
    output:
        "results/predictions/{task}/voice_functional/{split}.parquet",
    log:
        "logs/predict_voice_functional/{task}_{split}.log",
    benchmark:
        "results/benchmarks/predict_voice_functional/{task}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(2000, per_input=16),
        runtime=minutes(20, per_input=0.1),
    params:
        modules=modules("functional/predict_voice_functional"),
        settings=section("voice_functional"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --statistics {input.statistics:q}"
        " --tracks {input.tracks:q}"
        " --weights {input.weights:q}"
        " --card {input.card:q}"
        " --settings {params.settings:q}"
        " --output {output:q}"
        " > {log:q} 2>&1"
