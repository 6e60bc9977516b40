"""The stage dynamic: train a transformer over windows of embeddings for every cell of the sweep, and keep the best.

In: embeddings in results/embeddings, of faces or what `inputs` names, the labels in results/corpus.
Out: results/dynamic/{task}/{window_s}s_{normaliser}/ and results/dynamic/{task}/best/ with weights, card and history;
results/report/sweep_{task}.csv; results/predictions/{task}/visual/{split}.parquet.
Read by: timeline (the predictions) and report. Page: docs/dynamic.md.
"""

# The longest windows in seconds, and the frames' rate.
VISUAL_WINDOWS = max(CONFIG.dynamic.sweep.windows_s), CONFIG.faces.analysis_rate_hz


rule train_dynamic:
    """Train the three-layer transformer over time with one window and one normaliser (paper §2.2.2, Figure 3)."""
    input:
        code=code("dynamic/train_dynamic"),
        train=of_inputs(CONFIG.dynamic.inputs, "train"),
        val=of_inputs(CONFIG.dynamic.inputs, "val"),
        labels=expand("results/corpus/{{task}}/{split}/labels.parquet", split=["train", "val"]),
    output:
        weights="results/dynamic/{task}/{window_s}s_{normaliser}/model.safetensors",
        card="results/dynamic/{task}/{window_s}s_{normaliser}/card.json",
        history="results/dynamic/{task}/{window_s}s_{normaliser}/history.csv",
        candidates="results/dynamic/{task}/{window_s}s_{normaliser}/candidates.parquet",
    log:
        "logs/train_dynamic/{task}_{window_s}s_{normaliser}.log",
    benchmark:
        "results/benchmarks/train_dynamic/{task}_{window_s}s_{normaliser}.tsv"
    wildcard_constraints:
        window_s=r"[0-9.]+",
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(4000 + step_mb(CONFIG.dynamic.network, *VISUAL_WINDOWS), per_input=4),
        runtime=minutes(60, per_input=0.02 * CONFIG.dynamic.network.training.planned_epochs),
        gpu=NETWORK_GPUS,
    params:
        modules=modules("dynamic/train_dynamic"),
        settings=section("dynamic.network"),
        rate_hz=lambda wildcards: config["faces"]["analysis_rate_hz"],
        compute=compute_on(CONFIG.compute.device),
        seed=lambda wildcards: seed_of(config["seed"], wildcards.task),
    shell:
        "take_gpu {resources.gpu}; python {input.code:q}"
        " --task {wildcards.task}"
        " --window-s {wildcards.window_s}"
        " --normaliser {wildcards.normaliser}"
        " --train {input.train:q}"
        " --val {input.val:q}"
        " --labels {input.labels:q}"
        " --rate-hz {params.rate_hz}"
        " --settings {params.settings:q}"
        " --compute {params.compute:q}"
        " --seed {params.seed}"
        " --weights {output.weights:q}"
        " --card {output.card:q}"
        " --history {output.history:q}"
        " --candidates {output.candidates:q}"
        " > {log:q} 2>&1"


rule choose_dynamic:
    """Keep the cell with the best challenge measure on validation (paper §3.2.2)."""
    input:
        code=code("dynamic/choose_dynamic"),
        weights=of_cells("model.safetensors"),
        card=of_cells("card.json"),
        history=of_cells("history.csv"),
    output:
        weights="results/dynamic/{task}/best/model.safetensors",
        card="results/dynamic/{task}/best/card.json",
        history="results/dynamic/{task}/best/history.csv",
        sweep=report(
            "results/report/sweep_{task}.csv",
            caption="../report/sweep.rst",
            category="Windows and normalisers",
            labels={"challenge": "{task}", "kind": "table"},
        ),
    log:
        "logs/choose_dynamic/{task}.log",
    benchmark:
        "results/benchmarks/choose_dynamic/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(1000),
        runtime=minutes(10),
    params:
        modules=modules("dynamic/choose_dynamic"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --weights {input.weights:q}"
        " --card {input.card:q}"
        " --history {input.history:q}"
        " --output-weights {output.weights:q}"
        " --output-card {output.card:q}"
        " --output-history {output.history:q}"
        " --sweep {output.sweep:q}"
        " > {log:q} 2>&1"


rule predict_dynamic:
    """Predict every analysed frame of a split that shows a face, with the best transformer."""
    input:
        code=code("dynamic/predict_dynamic"),
        embeddings=of_inputs(CONFIG.dynamic.inputs, "{split}"),
        weights="results/dynamic/{task}/best/model.safetensors",
        card="results/dynamic/{task}/best/card.json",
    output:
        "results/predictions/{task}/visual/{split}.parquet",
    log:
        "logs/predict_dynamic/{task}_{split}.log",
    benchmark:
        "results/benchmarks/predict_dynamic/{task}_{split}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(2000 + step_mb(CONFIG.dynamic.network, *VISUAL_WINDOWS, learning=False), per_input=4),
        runtime=minutes(30, per_input=0.1),
    params:
        modules=modules("dynamic/predict_dynamic"),
        settings=section("dynamic.network"),
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
