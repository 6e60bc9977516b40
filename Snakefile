"""abaw-flow: from raw videos to the submission files of the ABAW challenge.

The table of contents. Each stage is one file of rules, in the order in which data flow. A rule
runs workflow/scripts/{stage}/{rule}.py; the science of a stage is in src/abaw/{stage}, its tests are in tests/{stage}, its
page is docs/{stage}.md. config/README.md explains the configuration, docs/overview.md the stages.
"""

import logging

from snakemake.utils import min_version

min_version("9.25")
logging.raiseExceptions = False  # a log that a full disk does not take is no traceback; the screen says all of it


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


# Read with --sdm apptainer only; envs/main.def makes it.
container: "envs/main.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/corpus.smk"
include: "workflow/rules/folds.smk"
include: "workflow/rules/seeds.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/faces.smk"
include: "workflow/rules/speech.smk"
include: "workflow/rules/pretraining.smk"
include: "workflow/rules/static.smk"
include: "workflow/rules/dynamic.smk"
include: "workflow/rules/functional.smk"
include: "workflow/rules/acoustic.smk"
include: "workflow/rules/attention.smk"
include: "workflow/rules/foreign.smk"
include: "workflow/rules/timeline.smk"
include: "workflow/rules/fusion.smk"
include: "workflow/rules/submission.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/bundle.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/outputs.smk"


onstart:
    take_folder()
    lift_rate_limit()
    listen_to_failures()
    say_what_is_left_out()
    say_what_is_known()


onsuccess:
    worded("abaw.comparison.runs", "keep_configuration", config)
    print(*last_words(Path(".")), sep="\n", file=sys.stderr)


rule all:
    """The submissions of both challenges and everything that the report shows."""
    default_target: True
    input:
        "results/submission_va.zip",
        "results/submission_expr.zip",
        "results/report/index.html",
        "results/report/tables.csv",
        "results/report/scores.csv",
        "results/report/problems.csv",
        "results/report/corpus.html",
        "results/report/broken.csv",
        expand("results/report/timeline_{task}.png", task=TASKS),
        expand("results/report/curves_{task}.png", task=TASKS),
        expand("results/report/sweep_{task}.png", task=TASKS),
        expand("results/submission_{task}.zip", task=JOINED),
        expand("results/report/scores/{task}_val.csv", task=JOINED),


rule contact_sheets:
    """A picture of all crops of each video, with frame numbers, mouth openings and when the mouth speaks."""
    input:
        expand("results/faces/sheets/{video}.png", video=VIDEOS),


rule compare:
    """The finished runs in the folders of `runs` side by side: `results/compare`."""
    input:
        rules.compare_runs.output,


rule track:
    """The finished runs in the folders of `runs`, or this folder's, for MLflow and the like: `results/track`."""
    input:
        rules.track_runs.output,


rule bundle:
    """The models of this run in a folder that travels: `results/bundle`."""
    input:
        rules.export_bundle.output,


rule predict:
    """What the people in the videos of `predict.videos` express, a folder for each video."""
    input:
        lambda wildcards: worded("abaw.predict.plan", "wanted", PLAN, CONFIG.predict),
