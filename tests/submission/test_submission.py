"""Submissions: templates of every form, round trips, and twenty-odd ways to break one, each with its sentence."""

import re
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import write_submission
import zip_submissions
from hypothesis import given
from hypothesis import strategies as st

from abaw.corpus.template import read_template, template_rows
from abaw.running.errors import UserError
from abaw.submission import check_predictions, predictions_text, write_zip
from abaw.tables.files import write_table
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS

HEADERS = {
    "va": "image_location,valence,arousal",
    "expr": "image_location,Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other",
}
ROWS = {"2-30-640x360": 3, "video86_2": 2, "video10_1_left": 1, "6": 2}
LOCATIONS = [f"{sample}/{k:05d}.jpg" for sample, n in ROWS.items() for k in range(1, n + 1)]
FILLED = {"va": ",0.5,-0.5", "expr": ",0"}


def template(folder, task, rows=None, end="\n", rest=",", tail="\n"):
    lines = [HEADERS[task], *(f"{location}{rest}" for location in (LOCATIONS if rows is None else rows))]
    path = folder / f"CVPR_6th_ABAW_{task}_test_set_sample.txt"
    path.write_bytes((end.join(lines) + tail).encode())
    return path


def frames(task, locations=None, values=None):
    locations = LOCATIONS if locations is None else locations
    if values is None:
        rng = np.random.default_rng(0)
        values = rng.uniform(-1 if task == "va" else 0, 1, (len(locations), len(TASKS[task].outputs)))
    keys = {
        "sample": [location.split("/")[0] for location in locations],
        "frame": [int(location.split("/")[1][:-4]) for location in locations],
    }
    outputs = dict(zip(TASKS[task].outputs, np.asarray(values, np.float32).T, strict=True))
    return pa.table(keys | outputs).cast(SCHEMAS[f"frames_{task}"])


@pytest.mark.parametrize("task", ["va", "expr"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("form", ["sample", "example", "bare"])
@pytest.mark.parametrize("blank", [0, 1, 3])
def test_templates_of_every_form_are_read(tmp_path, task, end, form, blank):
    rest = {"sample": ",", "example": FILLED[task], "bare": ""}[form]
    path = template(tmp_path, task, end=end, rest=rest, tail=end * blank)
    locations = read_template(path, task)
    assert locations == LOCATIONS
    assert list(template_rows(locations).items()) == list(ROWS.items())


def test_a_video_of_more_than_99999_frames(tmp_path):
    long = [f"a/{k:05d}.jpg" for k in range(1, 100_002)]
    assert read_template(template(tmp_path, "va", long), "va") == long
    assert long[-1] == "a/100001.jpg"


@pytest.mark.parametrize(
    ("rows", "line", "says"),
    [
        (["a/00001.jpg", "a/00001.jpg"], 3, "comes twice or out of order, expected frame 2 of a"),
        (["a/00001.jpg", "a/00002.jpg", "a/00001.jpg"], 4, "comes twice or out of order, expected frame 3 of a"),
        (["a/00001.jpg", "a/00003.jpg"], 3, "leaves a gap, expected frame 2 of a"),
        (["a/00002.jpg"], 2, "leaves a gap, expected frame 1 of a"),
        (["a/00000.jpg"], 2, "leaves a gap, expected frame 1 of a"),
        (["a/00001.jpg", "b/00001.jpg", "a/00002.jpg"], 4, "expected all rows of a in one run"),
        (["a/1.jpg"], 2, "is not a location"),
        (["a/000001.jpg"], 2, "is not a location"),
        (["a/00001.png"], 2, "is not a location"),
        (["00001.jpg"], 2, "is not a location"),
        (["../00001.jpg"], 2, "is not a location"),
        (["x/a/00001.jpg"], 2, "is not a location"),
        (['"a/00001.jpg"'], 2, "is not a location"),
        (["a b/00001.jpg"], 2, "is not a location"),
        (["a/00001.jpg", "", "a/00002.jpg"], 3, "is not a location"),
    ],
)
def test_a_broken_template_is_refused_with_line_and_value(tmp_path, rows, line, says):
    path = template(tmp_path, "va", rows)
    with pytest.raises(UserError) as error:
        read_template(path, "va")
    assert str(error.value).startswith(f"{path}, line {line}: {rows[line - 2]!r} ")
    assert says in str(error.value)


def test_other_files_are_not_templates(tmp_path):
    with pytest.raises(UserError, match=r"line 1: the header is 'image_location,Neutral.*expected 'image_location,v"):
        read_template(template(tmp_path, "expr"), "va")
    with pytest.raises(UserError, match="a header and no row"):
        read_template(template(tmp_path, "va", []), "va")
    with pytest.raises(UserError, match=r"none\.txt cannot be read"):
        read_template(tmp_path / "none.txt", "va")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"binary\.txt cannot be read"):
        read_template(tmp_path / "binary.txt", "va")
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(UserError, match="line 1: the header is ''"):
        read_template(tmp_path / "empty.txt", "va")


@pytest.mark.parametrize("task", ["va", "expr"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_round_trip(task, shuffled):
    table = frames(task)
    order = np.random.default_rng(1).permutation(len(LOCATIONS)) if shuffled else np.arange(len(LOCATIONS))
    text = predictions_text(task, LOCATIONS, table.take(order))
    check_predictions(text, LOCATIONS, task)
    header, *rows = text.split("\n")[:-1]
    assert header == HEADERS[task]
    assert text.endswith("\n")
    assert not re.search(r'["\r ]', text)
    assert [row.split(",")[0] for row in rows] == LOCATIONS
    values = np.array([row.split(",")[1:] for row in rows], float)
    expected = np.column_stack([table[name].to_numpy() for name in TASKS[task].outputs])
    if task == "va":
        assert values == pytest.approx(expected, abs=5.1e-7)
    else:
        assert values[:, 0].tolist() == expected.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.500000"),
        (-0.5, "-0.500000"),
        (1, "1.000000"),
        (-1, "-1.000000"),
        (0, "0.000000"),
        (-0.0, "0.000000"),
        (-0.0000004, "0.000000"),
        (-0.0000006, "-0.000001"),
        (1 / 3, "0.333333"),
        (-0.99999999, "-1.000000"),
        (1e-30, "0.000000"),
    ],
)
def test_values_have_six_decimals_and_no_negative_zero(value, text):
    written = predictions_text("va", ["a/00001.jpg"], frames("va", ["a/00001.jpg"], [[value, value]]))
    assert written == f"{HEADERS['va']}\na/00001.jpg,{text},{text}\n"
    check_predictions(written, ["a/00001.jpg"], "va")


@given(st.lists(st.tuples(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32)), min_size=1, max_size=20))
def test_whatever_is_in_bounds_passes_the_check(values):
    locations = [f"a/{k:05d}.jpg" for k in range(1, len(values) + 1)]
    check_predictions(predictions_text("va", locations, frames("va", locations, values)), locations, "va")


def test_equal_scores_go_to_the_first_class():
    text = predictions_text("expr", ["a/00001.jpg"], frames("expr", ["a/00001.jpg"], [[0, 0, 0.5, 0, 0.5, 0, 0, 0]]))
    assert text.splitlines()[1] == "a/00001.jpg,2"


def changed(row, column, value):
    def change(table):
        array = table[column].to_pylist()
        array[row] = value
        index = table.column_names.index(column)
        return table.set_column(index, column, pa.array(array, table.schema.field(column).type))

    return change


BROKEN_FRAMES = [
    ("va", lambda t: t.slice(1), "no prediction for frame 1 of the sample 2-30-640x360"),
    ("va", lambda t: t.slice(0, 7), "no prediction for frame 2 of the sample 6"),
    (
        "va",
        lambda t: pa.concat_tables([t.slice(0, 4), t.slice(5)]),
        "no prediction for frame 2 of the sample video86_2",
    ),
    ("va", lambda t: t.slice(0, 0), "no prediction for frame 1 of the sample 2-30-640x360"),
    ("va", lambda t: pa.concat_tables([t, t.slice(5, 1)]), "2 predictions for frame 1 of the sample video10_1_left"),
    ("va", changed(7, "frame", 3), "frame 3 of the sample 6, of which the template has the frames 1 to 2"),
    ("va", changed(0, "frame", 0), "frame 0 of the sample 2-30-640x360, of which the template has the frames 1 to 3"),
    ("va", changed(0, "frame", -1), "frame -1 of the sample 2-30-640x360"),
    ("va", changed(5, "sample", "video10_1"), "the sample video10_1, which the template does not have"),
    ("va", changed(2, "valence", float("nan")), "2-30-640x360/00003.jpg is [nan"),
    ("va", changed(2, "arousal", float("inf")), "expected finite numbers"),
    ("va", changed(3, "arousal", 1.001), "1.0010000467300415], expected values in [-1, 1]"),
    ("va", changed(3, "valence", -1.0000002), "expected values in [-1, 1]"),
    ("expr", changed(6, "fear", float("nan")), "6/00001.jpg is ["),
    ("expr", changed(6, "other", float("-inf")), "expected finite numbers"),
    ("expr", lambda t: t.slice(0, 5), "no prediction for frame 1 of the sample video10_1_left"),
]


@pytest.mark.parametrize(("task", "change", "says"), BROKEN_FRAMES)
def test_frames_that_do_not_match_are_refused(task, change, says):
    with pytest.raises(UserError) as error:
        predictions_text(task, LOCATIONS, change(frames(task)))
    assert says in str(error.value)


def swap(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


BROKEN_TEXTS = [
    ("va", lambda t: t.rstrip("\n"), "single line feed"),
    ("va", lambda t: t.replace("\n", "\r\n"), "single line feed"),
    ("va", lambda t: t + "\n", "9 rows, the template has 8"),
    ("va", lambda t: "".join(t.splitlines(True)[:-1]), "7 rows, the template has 8"),
    ("va", lambda t: t + t.splitlines(True)[-1], "9 rows, the template has 8"),
    ("va", lambda t: "", "single line feed"),
    ("va", lambda t: swap(t, "valence,arousal", "arousal,valence"), "line 1 of the predictions is"),
    ("va", lambda t: swap(t, HEADERS["va"], f'"{HEADERS["va"]}"'), "line 1 of the predictions is"),
    ("va", lambda t: t.split("\n", 1)[1], "line 1 of the predictions is"),
    ("va", lambda t: swap(t, "6/00001", "6/00002"), "line 8 of the predictions is for '6/00002.jpg'"),
    ("va", lambda t: swap(t, "6/00001.jpg", '"6/00001.jpg"'), "line 8 of the predictions is for"),
    ("va", lambda t: swap(t, "video86_2/00001.jpg,", "video86_2/00001.jpg, "), "line 5 of the predictions has ' "),
    ("va", lambda t: re.sub(r"(00003.jpg).*", r"\1,1.000001,0.000000", t), "line 4 of the predictions has '1.000001"),
    ("va", lambda t: re.sub(r"(00003.jpg).*", r"\1,nan,0.000000", t), "line 4 of the predictions has 'nan"),
    ("va", lambda t: re.sub(r"(00003.jpg).*", r"\1,0.5", t), "expected two values with six decimals in [-1, 1]"),
    ("va", lambda t: re.sub(r"(00003.jpg).*", r"\1,", t), "line 4 of the predictions has ''"),
    ("va", lambda t: re.sub(r"(00003.jpg,.*)", r"\1,0.000000", t), "line 4 of the predictions has"),
    ("expr", lambda t: re.sub(r"(00003.jpg).*", r"\1,8", t), "has '8', expected one class from 0 to 7"),
    ("expr", lambda t: re.sub(r"(00003.jpg).*", r"\1,-1", t), "has '-1', expected one class from 0 to 7"),
    ("expr", lambda t: re.sub(r"(00003.jpg).*", r"\1,1.0", t), "has '1.0', expected one class from 0 to 7"),
    ("expr", lambda t: re.sub(r"(00003.jpg).*", r"\1,Anger", t), "has 'Anger', expected one class from 0 to 7"),
    ("expr", lambda t: swap(t, HEADERS["expr"], HEADERS["va"]), "line 1 of the predictions is"),
]


@pytest.mark.parametrize(("task", "change", "says"), BROKEN_TEXTS)
def test_a_broken_text_is_refused(task, change, says):
    text = predictions_text(task, LOCATIONS, frames(task))
    with pytest.raises(UserError) as error:
        check_predictions(change(text), LOCATIONS, task)
    assert says in str(error.value)


TRAIN_LABELS = {
    "va": {"valence": [0.5, None, 0.25], "arousal": [-0.5, None, -1.0]},
    "expr": {"expression": [3, None, 3]},
}


def run_command(monkeypatch, folder, table, task="va", skipped=()):
    keys = {"sample": ["a", "a", "a"], "frame": [1, 2, 3]}
    write_table(f"labels_{task}", pa.table(keys | TRAIN_LABELS[task]), folder / "labels.parquet")
    write_table(f"frames_{task}", table, folder / "fused.parquet")
    path = template(folder, task, end="\r\n")
    output = folder / "results" / "predictions.txt"
    arguments = [
        "--task",
        task,
        "--template",
        str(path),
        "--frames",
        f"{folder}/fused.parquet",
        "--labels",
        f"{folder}/labels.parquet",
        "--skipped",
        *skipped,
        "--output",
        str(output),
    ]
    monkeypatch.setattr(sys, "argv", ["write_submission.py", *arguments])
    write_submission.main()
    return output


@pytest.mark.parametrize("task", ["va", "expr"])
def test_the_command_writes_the_same_text_each_time(monkeypatch, tmp_path, capsys, task):
    output = run_command(monkeypatch, tmp_path, frames(task), task)
    assert capsys.readouterr().out == f"{output}: 8 rows of 4 samples\n"
    before = output.read_bytes()
    assert before.decode() == predictions_text(task, LOCATIONS, frames(task))
    output.unlink()
    assert run_command(monkeypatch, tmp_path, frames(task), task).read_bytes() == before


def run_zip(monkeypatch, folder, texts, task="va"):
    path = template(folder, task)
    for system, text in texts.items():
        (folder / f"{system}.txt").write_text(text, newline="\n")
    output = folder / "results" / f"submission_{task}.zip"
    arguments = ["--task", task, "--template", str(path), "--systems", *texts]
    arguments += ["--predictions", *(f"{folder}/{system}.txt" for system in texts), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["zip_submissions.py", *arguments])
    zip_submissions.main()
    return output


@pytest.mark.parametrize("task", ["va", "expr"])
def test_the_archive_has_a_folder_for_each_system_and_the_same_bytes_each_time(monkeypatch, tmp_path, task):
    text = predictions_text(task, LOCATIONS, frames(task))
    output = run_zip(monkeypatch, tmp_path, {"system_2": text, "system_1": text}, task)
    with zipfile.ZipFile(output) as archive:
        assert archive.namelist() == ["system_1/predictions.txt", "system_2/predictions.txt"]
        assert archive.read("system_1/predictions.txt").decode() == text
        entry = archive.getinfo("system_1/predictions.txt")
        assert (entry.date_time, entry.external_attr >> 16) == ((1980, 1, 1, 0, 0, 0), 0o644)
    before = output.read_bytes()
    output.unlink()
    assert run_zip(monkeypatch, tmp_path, {"system_1": text, "system_2": text}, task).read_bytes() == before


def test_no_archive_with_a_text_that_was_changed_afterwards(monkeypatch, tmp_path):
    text = predictions_text("va", LOCATIONS, frames("va"))
    with pytest.raises(UserError, match=r"b\.txt does not match .*: the predictions have 7 rows, the template has 8"):
        run_zip(monkeypatch, tmp_path, {"a": text, "b": "\n".join(text.split("\n")[:-2]) + "\n"})
    assert not (tmp_path / "results").exists()


def test_the_command_leaves_nothing_where_rows_are_missing(monkeypatch, tmp_path):
    with pytest.raises(
        UserError, match=r"fused\.parquet does not match .*sample\.txt: there is no prediction for frame 2"
    ):
        run_command(monkeypatch, tmp_path, frames("va").slice(0, 7))
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(("task", "prior"), [("va", "0.375000,-0.750000"), ("expr", "3")])
def test_rows_of_a_skipped_video_get_the_prior_of_the_training_labels(monkeypatch, tmp_path, task, prior):
    skipped = LOCATIONS[0].partition("/")[0]
    table = frames(task)
    left = table.filter(pc.not_equal(table["sample"], skipped))
    assert 0 < len(left) < len(table)
    text = run_command(monkeypatch, tmp_path, left, task, [skipped]).read_text()
    check_predictions(text, LOCATIONS, task)
    rows = [row.partition(",") for row in text.splitlines()[1:]]
    assert {value for place, _, value in rows if place.startswith(f"{skipped}/")} == {prior}
    assert len({value for place, _, value in rows if not place.startswith(f"{skipped}/")}) > 1


def test_a_zip_does_not_depend_on_the_order_of_its_files(tmp_path):
    write_zip(tmp_path / "a.zip", {"x.txt": "1\n", "y.txt": "2\n"})
    write_zip(tmp_path / "b.zip", {"y.txt": "2\n", "x.txt": "1\n"})
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert zipfile.ZipFile(tmp_path / "a.zip").testzip() is None
