"""The stage fusion: combine several models into the systems that the configuration names.

In: the models' values at the rows, in results/frames, and the validation labels.
Out: results/systems/{task}/{system}/ with val.parquet, test.parquet and fit.json; a random forest also has
out_of_bag.parquet and in_sample.parquet. A system of a single model has no files here: its values are the model's.
results/calibrated/expr/{system}/ with the same three files, where fusion.calibration asks for them.
results/nested/{task}/{system}.parquet, what each system says of a video of validation when nothing was chosen on it.
Read by: submission and report. Page: docs/fusion.md.
"""

from abaw.fusion.candidates import Candidates

CANDIDATES = Candidates(CONFIG)


rule fuse_dirichlet:
    """Draw weights per model and output, keep those that do best on validation (paper §2.3)."""
    input:
        code=code("fusion/fuse_dirichlet"),
        val=lambda wildcards: FRAMES.fused_into(wildcards.system, wildcards.task, "val"),
        test=lambda wildcards: FRAMES.fused_into(wildcards.system, wildcards.task, "test"),
        labels="results/corpus/{task}/val/labels.parquet",
    output:
        val="results/systems/{task}/{system}/val.parquet",
        test="results/systems/{task}/{system}/test.parquet",
        fit="results/systems/{task}/{system}/fit.json",
    log:
        "logs/fuse_dirichlet/{task}_{system}.log",
    benchmark:
        "results/benchmarks/fuse_dirichlet/{task}_{system}.tsv"
    wildcard_constraints:
        system="|".join(FRAMES.by_fusion("dirichlet")) or "(?!)",  # which nothing matches
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000, per_input=40),
        runtime=minutes(30, per_input=0.5),
    params:
        modules=modules("fusion/fuse_dirichlet"),
        settings=section("fusion.dirichlet"),
        models=lambda wildcards: config["systems"][wildcards.system]["models"],
        seed=lambda wildcards: config["seed"],
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --models {params.models:q}"
        " --frames-val {input.val:q}"
        " --frames-test {input.test:q}"
        " --labels {input.labels:q}"
        " --settings {params.settings:q}"
        " --seed {params.seed}"
        " --output-val {output.val:q}"
        " --output-test {output.test:q}"
        " --fit {output.fit:q}"
        " > {log:q} 2>&1"


rule fuse_forest:
    """Stack the models' outputs into a random forest, scored in-sample, out-of-bag and by video (paper §2.3)."""
    input:
        code=code("fusion/fuse_forest"),
        val=lambda wildcards: FRAMES.fused_into(wildcards.system, wildcards.task, "val"),
        test=lambda wildcards: FRAMES.fused_into(wildcards.system, wildcards.task, "test"),
        labels="results/corpus/{task}/val/labels.parquet",
        tracks="results/corpus/{task}/val/tracks.parquet",
    output:
        val="results/systems/{task}/{system}/val.parquet",
        test="results/systems/{task}/{system}/test.parquet",
        out_of_bag="results/systems/{task}/{system}/out_of_bag.parquet",
        in_sample="results/systems/{task}/{system}/in_sample.parquet",
        fit="results/systems/{task}/{system}/fit.json",
    log:
        "logs/fuse_forest/{task}_{system}.log",
    benchmark:
        "results/benchmarks/fuse_forest/{task}_{system}.tsv"
    wildcard_constraints:
        system="|".join(FRAMES.by_fusion("forest")) or "(?!)",
    conda:
        "../../envs/main.yaml"
    threads: 4  # trees are the same whatever their number
    resources:
        mem_mb=memory_mb(4000, per_input=40),
        runtime=minutes(60, per_input=2),
    params:
        modules=modules("fusion/fuse_forest"),
        settings=section("fusion.forest"),
        models=lambda wildcards: config["systems"][wildcards.system]["models"],
        seed=lambda wildcards: config["seed"],
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --models {params.models:q}"
        " --frames-val {input.val:q}"
        " --frames-test {input.test:q}"
        " --labels {input.labels:q}"
        " --tracks {input.tracks:q}"
        " --settings {params.settings:q}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output-val {output.val:q}"
        " --output-test {output.test:q}"
        " --output-out-of-bag {output.out_of_bag:q}"
        " --output-in-sample {output.in_sample:q}"
        " --fit {output.fit:q}"
        " > {log:q} 2>&1"


rule calibrate_classes:
    """Fit a bias for each class, and a temperature, to what a system says of validation."""
    input:
        code=code("fusion/calibrate_classes"),
        val=lambda wildcards: FRAMES.combined(wildcards.system, wildcards.task, "val"),
        test=lambda wildcards: FRAMES.combined(wildcards.system, wildcards.task, "test"),
        labels="results/corpus/{task}/val/labels.parquet",
    output:
        val="results/calibrated/{task}/{system}/val.parquet",
        test="results/calibrated/{task}/{system}/test.parquet",
        fit="results/calibrated/{task}/{system}/fit.json",
    log:
        "logs/calibrate_classes/{task}_{system}.log",
    benchmark:
        "results/benchmarks/calibrate_classes/{task}_{system}.tsv"
    wildcard_constraints:
        task="|".join(name for name in [*TRAINED, *JOINED] if TASKS[task_named(name)].kind == "classes"),
    conda:
        "../../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=memory_mb(2000, per_input=40),
        runtime=minutes(20, per_input=0.5),
    params:
        modules=modules("fusion/calibrate_classes"),
        settings=section("fusion.calibration"),
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --frames-val {input.val:q}"
        " --frames-test {input.test:q}"
        " --labels {input.labels:q}"
        " --settings {params.settings:q}"
        " --output-val {output.val:q}"
        " --output-test {output.test:q}"
        " --fit {output.fit:q}"
        " > {log:q} 2>&1"


rule estimate_nested:
    """Choose and fit each system anew without each fold of validation's videos, and keep what it says of that fold."""
    input:
        code=code("fusion/estimate_nested"),
        candidates=lambda wildcards: [table.path for table in CANDIDATES.of_trainings(trainings(wildcards))],
        tracks=lambda wildcards: [f"results/corpus/{name}/val/tracks.parquet" for name in trainings(wildcards)],
        learned=lambda wildcards: [f"results/corpus/{name}/train/labels.parquet" for name in trainings(wildcards)],
        asked=lambda wildcards: [f"results/corpus/{name}/val/labels.parquet" for name in trainings(wildcards)],
        order="results/corpus/{task}/val/tracks.parquet",
    output:
        frames=expand("results/nested/{{task}}/{system}.parquet", system=SYSTEMS),
        chosen="results/nested/{task}/chosen.json",
    log:
        "logs/estimate_nested/{task}.log",
    benchmark:
        "results/benchmarks/estimate_nested/{task}.tsv"
    conda:
        "../../envs/main.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=memory_mb(8000, per_input=4),
        runtime=minutes(600),
    params:
        modules=modules("fusion/estimate_nested"),
        trainings=trainings,
        together=lambda wildcards: TOGETHER.get(wildcards.task, ("alone", []))[0],
        models=lambda wildcards: [table.model for table in CANDIDATES.of_trainings(trainings(wildcards))],
        training_of=lambda wildcards: [table.training for table in CANDIDATES.of_trainings(trainings(wildcards))],
        systems=lambda wildcards: as_json(FRAMES.members()),
        fusion=section("fusion"),
        timeline=section("timeline"),
        folds=lambda wildcards: config["scoring"]["folds"],
        seed=lambda wildcards: config["seed"],
    shell:
        "python {input.code:q}"
        " --task {wildcards.task}"
        " --trainings {params.trainings:q}"
        " --tracks {input.tracks:q}"
        " --learned {input.learned:q}"
        " --asked {input.asked:q}"
        " --together {params.together}"
        " --order {input.order:q}"
        " --candidates {input.candidates:q}"
        " --models {params.models:q}"
        " --training-of {params.training_of:q}"
        " --systems {params.systems:q}"
        " --fusion {params.fusion:q}"
        " --timeline {params.timeline:q}"
        " --folds {params.folds}"
        " --seed {params.seed}"
        " --threads {threads}"
        " --output {output.frames:q}"
        " --chosen {output.chosen:q}"
        " > {log:q} 2>&1"
