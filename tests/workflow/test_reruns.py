"""What runs again after an edit: for each edit exactly the expected rules, by a table written by hand."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from runs import PARTS, SHRUNKEN, copy_tree, planned, snakemake

from abaw.tasks import TASKS

Doing = Callable[[Path], AbstractContextManager[list[str]]]

pytestmark = pytest.mark.workflow

FIGURES = "plot_timeline plot_curves plot_sweep plot_confusion plot_weights"
READERS = {
    # corpus
    "make_demo_corpus": "digest_video index_corpus check_corpus write_submission zip_submissions",
    "digest_video": "index_corpus check_corpus track_faces measure_mouths separate_speech",
    "index_corpus": "train_static embed_faces train_dynamic train_functional train_acoustic predict_acoustic"
    " train_attention align_predictions sweep_smoothing fuse_dirichlet fuse_forest write_submission"
    " score_predictions plot_timeline plot_confusion compare_paper estimate_nested describe_voice"
    " train_voice_functional predict_voice_functional",
    "check_corpus": "",
    # faces, speech
    "track_faces": "measure_mouths train_static embed_faces list_broken",
    "measure_mouths": "gate_speech",
    "export_spleeter": "separate_speech",
    "separate_speech": "train_acoustic predict_acoustic describe_voice",
    "gate_speech": "train_acoustic predict_acoustic describe_voice",
    # static, dynamic, functional
    "train_static": "embed_faces plot_curves",
    "embed_faces": "train_dynamic predict_dynamic train_functional predict_functional predict_acoustic train_attention"
    " predict_attention",
    "train_dynamic": "choose_dynamic plot_sweep estimate_nested",
    "choose_dynamic": "predict_dynamic plot_sweep plot_curves",
    "predict_dynamic": "align_predictions sweep_smoothing",
    "train_functional": "predict_functional compare_paper estimate_nested",
    "predict_functional": "align_predictions sweep_smoothing",
    "describe_voice": "train_voice_functional predict_voice_functional",
    "train_voice_functional": "predict_voice_functional",
    "predict_voice_functional": "align_predictions sweep_smoothing",
    # acoustic, attention
    "train_acoustic": "choose_acoustic estimate_nested",
    "choose_acoustic": "predict_acoustic train_attention plot_curves compare_paper",
    "predict_acoustic": "align_predictions sweep_smoothing train_attention predict_attention",
    "train_attention": "predict_attention plot_curves",
    "predict_attention": "align_predictions sweep_smoothing",
    # timeline, fusion, submission
    "sweep_smoothing": "write_report",
    "align_predictions": "fuse_dirichlet fuse_forest write_submission score_predictions plot_timeline plot_confusion",
    "fuse_dirichlet": "write_submission score_predictions plot_timeline plot_confusion plot_weights",
    "fuse_forest": "write_submission score_predictions plot_timeline plot_confusion write_report",
    "estimate_nested": "score_predictions",
    "write_submission": "zip_submissions",
    "zip_submissions": "",
    # report
    "score_predictions": "collect_scores",
    "collect_scores": "compare_paper write_report",
    "compare_paper": "write_report",
    **dict.fromkeys(FIGURES.split(), "write_report"),
    "write_report": "",
    "list_broken": "",
}
"""Which rules read what a rule writes."""

NEVER_TEST = (
    "train_static train_dynamic choose_dynamic train_functional train_acoustic choose_acoustic"
    " train_attention predict_attention sweep_smoothing estimate_nested describe_voice train_voice_functional"
    " predict_voice_functional"
)
"""What has nothing to do with the test split: all that learns, and models that are in no system."""

SYSTEMS = "fuse_dirichlet fuse_forest write_submission plot_timeline"
"""What reads models that are in a system, which attention and the functional model of the voice are not."""


@dataclass(frozen=True)
class Edit:
    """An edit of a finished folder, and the rules that read what it changes.

    `do` makes it, gives further arguments for the dry run, and undoes it. The rules that follow from the `first` run as
    well, but for those in `spared`. `only` gives all values that a wildcard has in what runs, `jobs` how many jobs of a
    rule that is.
    """

    do: Doing
    first: str = ""
    spared: str = ""
    only: dict[str, set[str]] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)

    def expected(self) -> set[str]:
        """The rules that read what was changed, those that read what these write, and so on."""
        found: set[str] = set()
        pending = self.first.split()
        while pending:
            rule = pending.pop()
            if rule not in found and rule not in self.spared.split():
                found.add(rule)
                pending += READERS[rule].split()
        return found | {"all"} if found else set()

    def check(self, folder: Path, *arguments: str) -> None:
        with self.do(folder) as more:
            plan = planned(folder, *arguments, *more)
        assert set(plan.jobs) == self.expected()
        assert {name: plan.wildcards.get(name, set()) for name in self.only} == self.only
        assert {rule: plan.jobs[rule] for rule in self.jobs} == self.jobs


def value(text: str) -> Doing:
    """Put a value into the configuration."""

    @contextmanager
    def do(folder: Path) -> Iterator[list[str]]:
        (folder / "mine.yaml").write_text(text)
        yield ["mine.yaml"]

    return do


def line(path: str, text: str = "\n# an edited line\n") -> Doing:
    """Add to a file."""

    @contextmanager
    def do(folder: Path) -> Iterator[list[str]]:
        before = (folder / path).read_bytes()
        (folder / path).write_bytes(before + text.encode())
        try:
            yield []
        finally:
            (folder / path).write_bytes(before)

    return do


@contextmanager
def nothing(folder: Path) -> Iterator[list[str]]:
    yield []


@contextmanager
def everything_touched(folder: Path) -> Iterator[list[str]]:
    for path in (path for part in ["results", *PARTS] for path in [folder / part, *(folder / part).rglob("*")]):
        if path.is_file() and not path.is_symlink():
            path.touch()
    yield []


STATIC, BACKBONE = "results/static", "tf_efficientnet_lite0.in1k"
ENTRY = (
    "\nmine: {file: mine.onnx, url: 'https://example.org/mine.onnx', licence: MIT, input: RGB, mean: null, std: null,"
    f" sha256: {'a' * 64}}}\n"
)
FIFTH = "{title: both simple models, models: [acoustic, functional], fusion: dirichlet}"

EDITS = {
    "nothing": Edit(nothing),
    "everything touched": Edit(everything_touched),
    "a comment in the Snakefile": Edit(line("Snakefile")),
    "a comment in a stage's rules": Edit(line("workflow/rules/static.smk")),
    # a value of each stage
    "demo": Edit(value("demo: {max_duration_s: 6.0}"), "make_demo_corpus"),
    "seed, of the trainings alone": Edit(
        value("seed: 1"),
        "train_static train_dynamic train_acoustic train_attention fuse_dirichlet fuse_forest score_predictions"
        " compare_paper",
    ),
    "corpus.source": Edit(value("corpus: {source: folders}"), "write_report"),
    "corpus.on_unreadable": Edit(value("corpus: {on_unreadable: skip}"), "list_broken"),
    "corpus.sound_track": Edit(value("corpus: {sound_track: 2}"), "index_corpus check_corpus separate_speech"),
    "faces": Edit(value("faces: {min_score: 0.6}"), "track_faces"),
    "resources": Edit(value("resources: {weights_dir: /somewhere}")),
    "embedding": Edit(value("embedding: {without_face: repeat_last}"), "embed_faces"),
    "speech": Edit(value("speech: {gate: {min_run_s: 0.4}}"), "gate_speech"),
    "static": Edit(value("static: {class_weights: none}"), "train_static"),
    "dynamic": Edit(value("dynamic: {network: {dropout: 0.2}}"), "train_dynamic predict_dynamic"),
    "dynamic, one more window": Edit(
        value("dynamic: {sweep: {windows_s: [1.0, 2.0, 3.0]}}"), "train_dynamic", jobs={"train_dynamic": len(TASKS)}
    ),
    "functional": Edit(value("functional: {kernels: [rbf]}"), "train_functional predict_functional"),
    "voice_functional": Edit(
        value("voice_functional: {regularisation: [1.0]}"),
        "train_voice_functional predict_voice_functional",
        spared=SYSTEMS,
        jobs={"train_voice_functional": len(TASKS)},
    ),
    "voice_functional.statistics": Edit(
        value("voice_functional: {statistics: {loud_db: 20.0}}"), "describe_voice", spared=SYSTEMS
    ),
    "acoustic": Edit(value("acoustic: {network: {label_smoothing: 0.1}}"), "train_acoustic predict_acoustic"),
    "attention": Edit(
        value("attention: {network: {dropout: 0.2}}"), "train_attention predict_attention", spared=SYSTEMS
    ),
    "timeline": Edit(
        value("timeline: {smoothing_s: 1.0}"),
        "align_predictions sweep_smoothing estimate_nested",
        # Models, challenges and splits; no system takes attention and voice_functional, whose test is not asked for.
        jobs={"align_predictions": 3 * 2 * 3 + 3 * 2 * 2},
    ),
    "fusion": Edit(value("fusion: {dirichlet: {candidates: 60}}"), "fuse_dirichlet estimate_nested"),
    "systems, a title": Edit(value("systems: {system_2: {title: both}}"), "compare_paper"),
    "systems, a fifth": Edit(
        value(f"systems: {{system_5: {FIFTH}}}"),
        "fuse_dirichlet estimate_nested",
        jobs={"fuse_dirichlet": len(TASKS), "write_submission": len(TASKS)},
    ),
    "scoring": Edit(value("scoring: {resamples: 200}"), "score_predictions"),
    "scoring.folds": Edit(value("scoring: {folds: 2}"), "estimate_nested"),
    "corpus.unscored": Edit(value("corpus: {unscored: ['476']}"), "index_corpus"),
    "speech, another rate": Edit(value("speech: {gate: {rate_hz: 12.5}}"), "measure_mouths gate_speech"),
    # a module of each stage, a script, a page, a weight
    "corpus/check.py": Edit(line("src/abaw/corpus/check.py"), "check_corpus"),
    "faces/tracking.py": Edit(line("src/abaw/faces/tracking.py"), "track_faces"),
    "another entry of the manifest": Edit(line("resources/weights.yaml", ENTRY)),
    "weights/retrieval.py, which mediapipe does without": Edit(line("src/abaw/weights/retrieval.py")),
    "speech/spleeter.py": Edit(line("src/abaw/speech/spleeter.py"), "export_spleeter separate_speech"),
    "static/training.py": Edit(line("src/abaw/static/training.py"), "train_static"),
    "functional/elm.py": Edit(
        line("src/abaw/functional/elm.py"),
        "train_functional train_voice_functional",
    ),
    "functional/kernels.py": Edit(
        line("src/abaw/functional/kernels.py"),
        "train_functional predict_functional train_voice_functional predict_voice_functional",
    ),
    "functional/ear.py": Edit(line("src/abaw/functional/ear.py"), "describe_voice", spared=SYSTEMS),
    "attention/model.py": Edit(
        line("src/abaw/attention/model.py"), "train_attention predict_attention", spared=SYSTEMS
    ),
    "timeline/alignment.py": Edit(
        line("src/abaw/timeline/alignment.py"), "align_predictions sweep_smoothing estimate_nested"
    ),
    "fusion/dirichlet.py": Edit(line("src/abaw/fusion/dirichlet.py"), "fuse_dirichlet estimate_nested"),
    "submission.py": Edit(line("src/abaw/submission.py"), "write_submission zip_submissions"),
    "report/bootstrap.py": Edit(line("src/abaw/report/bootstrap.py"), "score_predictions estimate_nested"),
    "a script": Edit(line("workflow/scripts/report/plot_curves.py"), "plot_curves"),
    "the report's page": Edit(line("workflow/report/index.html", "<!-- an edited line -->\n"), "write_report"),
    "a trained weight": Edit(
        line(f"{STATIC}/va/{BACKBONE}/model.safetensors", "x"),
        "embed_faces",
        spared="plot_confusion",
        only={"task": {"va"}},
    ),
}


@pytest.fixture(scope="module")
def edited(finished, tmp_path_factory) -> Path:
    """A copy of the finished run, as it is, in which edits are tried and undone."""
    folder = tmp_path_factory.mktemp("edited") / "flow"
    return shutil.copytree(finished, folder, symlinks=True)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_reruns_exactly_what_reads_it(edited, name):
    EDITS[name].check(edited)


VIDEOS, LABELS = "results/demo/videos", "results/demo/annotations/6th_ABAW_Annotations"
VA_TRAIN = f"{LABELS}/VA_Estimation_Challenge/Train_Set"
VA_VAL = f"{LABELS}/VA_Estimation_Challenge/Validation_Set"
EXPR_TRAIN = f"{LABELS}/EXPR_Recognition_Challenge/Train_Set"
TEMPLATE = "results/demo/prediction_files_format/CVPR_6th_ABAW_VA_test_set_sample.txt"
ONLY_VA = {"spared": "plot_confusion", "only": {"task": {"va"}}}
OF_A_VIDEO = "digest_video"
MINE = """
corpus: {source: folders}
static: {backbones: {va: {weights: given/backbone.safetensors}, expr: {weights: given/backbone.safetensors}}}
"""


@pytest.fixture(scope="module")
def cloned(finished, tmp_path_factory) -> Path:
    """A fresh clone, its files younger than the results that were copied into it."""
    folder = tmp_path_factory.mktemp("cloned") / "clone"
    for part in ("results", ".snakemake"):
        shutil.copytree(finished / part, folder / part, copy_function=shutil.copy)
    copy_tree(folder)
    with everything_touched(folder):
        return folder


@pytest.fixture(scope="module")
def own(cloned) -> Path:
    """The clone with a corpus and a weight that are not the workflow's."""
    (cloned / "given").mkdir()
    (cloned / "given" / "backbone.safetensors").write_bytes(b"weights")
    (cloned / "own.yaml").write_text(MINE)
    for targets in ([f"{STATIC}/{task}/{BACKBONE}/model.safetensors" for task in TASKS], ["all"]):
        snakemake(cloned, *targets, "--cores", "1", "--touch", *SHRUNKEN, "own.yaml")  # as if run with them
    return cloned


def test_a_fresh_clone_with_copied_results_reruns_nothing(cloned):
    assert planned(cloned).jobs == {}


@contextmanager
def video_added(folder: Path) -> Iterator[list[str]]:
    new = [folder / VIDEOS / "batch2" / "new.mp4", folder / VA_TRAIN / "new.txt"]
    shutil.copy(folder / VIDEOS / "batch2" / "video59.mp4", new[0])
    shutil.copy(folder / VA_TRAIN / "video59.txt", new[1])
    try:
        yield []
    finally:
        for path in new:
            path.unlink()


@contextmanager
def video_removed(folder: Path) -> Iterator[list[str]]:
    gone = [folder / VIDEOS / "batch2" / "video59.mp4"]
    gone += [folder / labels / "video59.txt" for labels in (VA_TRAIN, EXPR_TRAIN)]
    for path in gone:
        path.rename(folder / path.name.replace(".", f".{path.parent.parent.name}."))
    try:
        yield []
    finally:
        for path in gone:
            (folder / path.name.replace(".", f".{path.parent.parent.name}.")).rename(path)


CORPUS_EDITS = {
    "a corpus and a weight of one's own": Edit(nothing),
    "a training video changed": Edit(
        line(f"{VIDEOS}/batch2/video59.mp4", "x"),
        OF_A_VIDEO,
        only={"video": {"video59"}},
        jobs={"digest_video": 1, "track_faces": 1},
    ),
    "a test video changed": Edit(
        line(f"{VIDEOS}/batch2/102.mp4", "x"),
        OF_A_VIDEO,
        spared=NEVER_TEST,
        only={"video": {"102"}, "split": {"test", "val"}},
        jobs={"index_corpus": len(TASKS), "embed_faces": len(TASKS)},
    ),
    "a video added": Edit(
        video_added, OF_A_VIDEO, ONLY_VA["spared"], ONLY_VA["only"] | {"video": {"new"}}, {"track_faces": 1}
    ),
    "a video removed": Edit(
        video_removed, "index_corpus check_corpus train_static train_acoustic list_broken", only={"video": set()}
    ),
    "a label": Edit(line(f"{VA_VAL}/476.txt", "0.1,0.1\n"), "index_corpus check_corpus", **ONLY_VA),
    "a template": Edit(
        line(TEMPLATE, "\n"),
        "index_corpus check_corpus write_submission zip_submissions",
        spared=f"{NEVER_TEST} plot_confusion",
        only={"task": {"va"}, "video": set()},
    ),
    "a weight": Edit(line("given/backbone.safetensors", "x"), "train_static"),
}


@pytest.mark.parametrize("name", CORPUS_EDITS)
def test_an_edit_of_the_corpus_or_a_weight_reruns_exactly_what_reads_it(own, name):
    CORPUS_EDITS[name].check(own, "own.yaml")


def test_the_table_names_every_rule_that_runs(finished):
    ran = {path.name.removesuffix(".log") for path in (finished / "logs").iterdir()}
    assert ran == set(READERS)
    assert {reader for readers in READERS.values() for reader in readers.split()} <= set(READERS)
