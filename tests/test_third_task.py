"""A third challenge, twelve action units by their F1, through every stage from its label files to its submission.

All that is said of it is an entry in `TASKS`. Labels and embeddings are made up; the embeddings know something of them.
"""

import re
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import write_submission
from settings import DYNAMIC, SHORT_TRAINING
from sklearn.metrics import f1_score
from standins import write_standin

from abaw import metrics
from abaw.acoustic.model import steps_per_window
from abaw.acoustic.windows import window_labels
from abaw.config import CorpusConfig, ForestConfig, FunctionalConfig
from abaw.corpus.index import index_split
from abaw.corpus.labels import read_labels
from abaw.corpus.layout import read_folders
from abaw.dynamic.training import Sequences, build_dynamic, predict_over_time, train_over_time
from abaw.foreign.predictions import asked_of, foreign_predictions
from abaw.functional.choosing import choose
from abaw.functional.model import Windows
from abaw.fusion.dirichlet import DirichletWeightedFusion
from abaw.fusion.forest import fuse_by_forests
from abaw.report.bootstrap import drawn_measures
from abaw.report.scores import constant_outputs
from abaw.running.errors import UserError
from abaw.static.model import _head
from abaw.tables.arrays import frames_table, matrix, truth_at
from abaw.tables.files import write_table
from abaw.tables.priors import label_prior, predictions_table
from abaw.tables.schemas import SCHEMAS, schemas_of
from abaw.tasks import TASKS, Task
from abaw.timeline.alignment import frames_of
from abaw.timeline.rows import rows_of

UNITS = tuple(f"AU{number}" for number in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26))
AU = Task(
    name="au",
    title="action units",
    kind="flags",
    outputs=tuple(name.lower() for name in UNITS),
    labels=tuple(name.lower() for name in UNITS),
    challenge_measure="f1_macro",
    header="image_location," + ",".join(UNITS),
    label_header=",".join(UNITS),
    folder="AU_Detection_Challenge",
    folder_form=r"au_\w+_challenge",
    test_list="Action_Unit_Detection_Challenge_test_set_release.txt",
    list_form=r"(action_unit|au)(_\w+)?_test_set_release\.txt",
)
MEMBERS = {"train": [f"t{k}" for k in range(8)], "val": [f"v{k}" for k in range(4)], "test": ["x_left", "x_right", "y"]}
N_FRAMES, FPS = 200, Fraction(25)
SETTINGS = DYNAMIC.model_copy(
    update={"training": SHORT_TRAINING.model_copy(update={"epochs": 12, "learning_rate": 0.002})}
)
FUNCTIONALS = FunctionalConfig(
    inputs=["faces"],
    window_s=1.0,
    min_share=0.5,
    scalings=["standard"],
    sets=[["mean"]],
    kernels=["linear"],
    regularisation=[0.1, 1.0],
    exact_rows=1000,
    weighted=True,
)


@pytest.fixture
def third(monkeypatch):
    """The entry; nothing else is told of it. The corpora of this file have no other challenge."""
    for name in list(TASKS):
        monkeypatch.delitem(TASKS, name)
    monkeypatch.setitem(TASKS, "au", AU)
    for kind, schema in schemas_of(AU).items():
        monkeypatch.setitem(SCHEMAS, kind, schema)


def flags_of(sample):
    """Twelve flags that come and go, some often and some seldom, (N_FRAMES, 12)."""
    rng = np.random.default_rng(sum(sample.encode()))
    seconds = rng.random((N_FRAMES // 25, 12)) < np.linspace(0.15, 0.6, 12)
    return np.repeat(seconds, 25, axis=0).astype(int)


def written(root):
    """A corpus in the organisers' form: label files with some frames that nobody has annotated."""
    for video in [*MEMBERS["train"], *MEMBERS["val"], "x", "y"]:
        path = root / "videos" / f"{video}.mp4"
        path.parent.mkdir(exist_ok=True)
        write_standin(path, N_FRAMES, FPS)
    for folder, split in (("Train_Set", "train"), ("Validation_Set", "val")):
        for sample in MEMBERS[split]:
            lines = [",".join(map(str, row)) for row in flags_of(sample)]
            lines[3] = ",".join(["-1"] * 12)
            path = root / "annotations" / AU.folder / folder / f"{sample}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join([AU.label_header, *lines, ""]))
    (root / "lists").mkdir()
    (root / "lists" / AU.test_list).write_text("\n".join([*MEMBERS["test"], ""]))
    rows = [f"{sample}/{k:05d}.jpg," for sample in MEMBERS["test"] for k in range(1, N_FRAMES + 1)]
    (root / "templates").mkdir()
    template = root / "templates" / "CVPR_6th_ABAW_AU_test_set_sample.txt"
    template.write_text("\n".join([AU.header, *rows, ""]))
    names = {"videos": "videos", "annotations": "annotations", "test_lists": "lists", "templates": "templates"}
    about = {"source": "folders", "crops": None, "unscored": [], "edition": "other", "max_row_difference": 0}
    about |= {"on_unreadable": "stop", "sound_track": "default"}
    return CorpusConfig(**about, **{key: str(root / name) for key, name in names.items()}), template


def embedded(tracks):
    """An embedding a fifth of a second that knows something of the flags."""
    coding = np.random.default_rng(0).normal(size=(12, 256))
    parts = []
    for sample in tracks["sample"].to_pylist():
        noise = np.random.default_rng(len(parts)).normal(0, 2.0, (N_FRAMES // 5, 256))
        values = np.tanh((flags_of(sample)[::5] @ coding + noise) / 3).astype(np.float16)
        column = pa.FixedSizeListArray.from_arrays(values.ravel(), 256)
        frames = pa.array(np.arange(0, N_FRAMES, 5) + 1, pa.int32())
        keys = {"sample": [sample] * len(frames), "frame": frames, "time_s": np.arange(len(frames)) / 5}
        parts.append(
            pa.table(keys | {"has_face": [True] * len(frames), "embedding": column}).cast(SCHEMAS["embeddings"])
        )
    return pa.concat_tables(parts)


def f1(truth, outputs):
    """The mean over the units of scikit-learn's F1 of what is there."""
    known = ~np.isnan(truth).any(axis=1)
    return f1_score(truth[known], outputs[known] >= 0.5, average="macro", zero_division=0)


@pytest.mark.slow
def test_from_label_files_to_the_submission(third, tmp_path, monkeypatch):
    corpus, template = written(tmp_path)
    layout = read_folders(corpus)
    index = {split: index_split(layout, "au", split, corpus) for split in MEMBERS}
    assert index["val"].labels.num_rows == 4 * N_FRAMES
    assert index["val"].labels["au1"].null_count == 4
    labels = pa.concat_tables([index["train"].labels, index["val"].labels])
    embeddings = {split: embedded(own.tracks) for split, own in index.items()}

    cpu = torch.device("cpu")
    torch.manual_seed(0)
    train, val, test = (
        Sequences.of("au", [embeddings[split]], labels if split != "test" else None, 10, "train_minmax", cpu)
        for split in MEMBERS
    )
    model = build_dynamic("au", train, "train_minmax", SETTINGS)
    history = train_over_time("au", model, train, val, SETTINGS, 0, cpu)
    prior = label_prior("au", train.labels)
    assert prior["au26"] == pytest.approx(np.concatenate([flags_of(s)[::5] for s in MEMBERS["train"]])[:, -1].mean())
    visual = {
        "val": predict_over_time("au", model, val, prior, 8),
        "test": predict_over_time("au", model, test, prior, 8),
    }

    windows = {s: Windows.of("au", [embeddings[s]], None if s == "test" else labels, FUNCTIONALS) for s in MEMBERS}
    choice = choose("au", windows["train"], windows["val"], FUNCTIONALS)
    functional = {}
    for split in ("val", "test"):
        own = windows[split]
        said = choice.best.outputs("au", own.statistics)
        spans = own.statistics.start_s, own.statistics.end_s
        functional[split] = predictions_table("au", own.samples, *spans, said, own.names, prior)

    at_rows = {
        split: [frames_of("au", one[split], rows_of(index[split].tracks), 0.5) for one in (visual, functional)]
        for split in ("val", "test")
    }
    truth = truth_at("au", at_rows["val"][0], index["val"].labels)
    outputs = {split: [matrix(table, AU.outputs) for table in tables] for split, tables in at_rows.items()}
    assert all(one.min() >= 0 and one.max() <= 1 for one in outputs["val"])
    reached = [metrics.score("au", truth, one)["f1_macro"] for one in outputs["val"]]
    assert reached == pytest.approx([f1(truth, one) for one in outputs["val"]], abs=1e-12)
    assert min(reached) > f1(truth, constant_outputs("au", truth)) + 0.2
    assert history.epochs[-1]["train_loss"] < history.epochs[0]["train_loss"]

    fusion = DirichletWeightedFusion("au", candidates=50).fit(outputs["val"], truth)
    fused = fusion.predict(outputs["val"])
    assert fusion.score_ == pytest.approx(f1(truth, fused), abs=1e-12)
    assert fusion.score_ >= max(reached)
    videos = at_rows["val"][0]["sample"].to_pylist()
    forest = ForestConfig(trees=[5], chosen_by="grouped", folds=2)
    both = (np.stack(outputs[split]) for split in ("val", "test"))
    stacked = fuse_by_forests("au", next(both), truth, videos, next(both), forest, 0, 1)
    assert stacked.tried[0]["grouped"] == pytest.approx(f1(truth, stacked.grouped), abs=1e-12)
    assert f1(truth, stacked.in_sample) > f1(truth, stacked.grouped)

    said = fusion.predict(outputs["test"])
    write_table("frames_au", frames_table("au", at_rows["test"][0].select(["sample", "frame"]), said), tmp_path / "f")
    write_table("labels_au", index["train"].labels, tmp_path / "l")
    arguments = ["--task", "au", "--template", template, "--frames", tmp_path / "f", "--labels", tmp_path / "l"]
    monkeypatch.setattr(
        sys, "argv", ["write_submission.py", *map(str, arguments), "--output", str(tmp_path / "out.txt")]
    )
    write_submission.main()
    header, *rows = (tmp_path / "out.txt").read_text().splitlines()
    assert header == AU.header
    assert len(rows) == 3 * N_FRAMES
    assert rows[N_FRAMES].startswith("x_right/00001.jpg,")
    assert all(re.fullmatch(r"[xy_a-z]+/\d{5}\.jpg(,[01]){12}", row) for row in rows)
    found = np.array([row.split(",")[1:] for row in rows], int)
    expected = np.concatenate([flags_of(sample) for sample in MEMBERS["test"]])
    assert f1_score(expected, found, average="macro") > f1(expected, np.ones(expected.shape)) + 0.1


def test_what_a_label_file_has_wrong_is_a_sentence(third, tmp_path):
    path = tmp_path / "a.txt"
    for line, said in (
        ("0," * 11 + "2", "line 2: .* has a number that is neither 0 nor 1"),
        ("0,1", "line 2: expected 12 flags, 0 or 1, au1, au2"),
        ("0.5," * 11 + "1", "line 2: expected 12 flags"),
    ):
        path.write_text(f"{AU.label_header}\n{line}\n")
        with pytest.raises(UserError, match=said):
            read_labels(path, "au", "a")


def test_scores_of_drawn_videos_are_those_of_their_rows(third):
    rng = np.random.default_rng(0)
    truth, outputs = rng.integers(0, 2, (60, 12)).astype(float), rng.random((60, 12))
    of_row = np.repeat([0, 1, 2], 20)
    found = drawn_measures("au", truth, outputs, of_row, np.array([[1.0, 0.0, 2.0]]))
    rows = np.concatenate([np.arange(20), *[np.arange(40, 60)] * 2])
    expected = metrics.score("au", truth[rows], outputs[rows])
    assert {name: values[0] for name, values in found.items()} == pytest.approx(expected, abs=1e-12)


def test_speech_faces_and_predictions_of_others_know_it_too(third, tmp_path):
    assert steps_per_window("au", 4) == 4
    labels = np.repeat(np.eye(12)[:4], 25, axis=0)
    labels[:3] = np.nan
    found = window_labels("au", labels, np.arange(101) / 25, 0.0, (0.0, 4.0), 4)
    np.testing.assert_array_equal(found, np.eye(12)[:4])
    with torch.inference_mode():
        said = _head("au")(torch.randn(5, 256))
    assert said.shape == (5, 12)
    assert said.min() > 0 and said.max() < 1
    track = {"sample": "a", "video": "a", "path": "p", "fps_num": 25, "fps_den": 1, "n_frames": 50, "n_rows": 50}
    track |= {"duration_s": 2.0, "has_audio": True, "problems": "", "side": None, "frame_times_s": None}
    asked = asked_of(pa.Table.from_pylist([track], schema=SCHEMAS["tracks"]))
    path = tmp_path / "au_val.csv"
    lines = [f"a,{k}," + ",".join(["0.5"] * 12) for k in range(1, 51)]
    path.write_text("\n".join(["sample,frame," + ",".join(AU.outputs), *lines, ""]))
    assert len(foreign_predictions("au", path, asked, (), 2.0)) == 50
    path.write_text(
        "\n".join(["sample,frame," + ",".join(AU.outputs), *lines[:-1], lines[-1] + "1", ""]).replace("0.51", "1.5")
    )
    with pytest.raises(UserError, match=r"line 51, has the outputs .*; expected values in \[0, 1\]"):
        foreign_predictions("au", path, asked, (), 2.0)


def test_no_other_module_from_labels_to_submission_names_a_challenge():
    """But what is about the paper's two: its tables and figures, the embedded corpus, films of one's own."""
    root = Path(__file__).parents[1] / "src" / "abaw"
    about_both = {"report", "demo", "predict", "outputs", "bundle", "tasks.py"}
    named = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in sorted(root.rglob("*.py"))
        if path.relative_to(root).parts[0] not in about_both
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"""["'](va|expr)["']""", line)
    ]
    assert named == ['tables/schemas.py: | {f"p_{name}": pa.float32() for name in TASKS["expr"].outputs}']
