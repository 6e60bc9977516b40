"""The bundle of a finished run: of the run's own test split it says what the run said, and it predicts any video."""

import csv
import json
import re
import shutil
import subprocess
import sys
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow.compute as pc
import pytest
from clips import write_clip
from runs import ROOT, SHRUNKEN, environment, snakemake

from abaw.bundle.engine import Engine, Footage
from abaw.bundle.reading import unpack_bundle
from abaw.bundle.words import in_words
from abaw.config import ComputeConfig
from abaw.tables.files import read_table, read_tables
from abaw.tables.schemas import frames
from abaw.tasks import EXPRESSIONS, TASKS
from abaw.timeline.rows import rows_of

pytestmark = pytest.mark.workflow


ALONE = ("self_attention", "cross_attention", "voice_functional")
OF_ALONE = [f"results/frames/{task}/{name}/test.parquet" for task in TASKS for name in ALONE]


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory) -> Path:
    """A copy of the finished run with its bundle, and with the test split by the models that no system has."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("bundled") / "flow", symlinks=True)
    snakemake(folder, "bundle", *OF_ALONE, "--cores", "2", *SHRUNKEN)
    return folder


@pytest.fixture(scope="module")
def zipped(folder, tmp_path_factory) -> Path:
    """The bundle as a zip that lies elsewhere."""
    path = tmp_path_factory.mktemp("elsewhere") / "bundle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((folder / "results/bundle").rglob("*")):
            archive.write(file, file.relative_to(folder / "results/bundle"))
    return path


def footage_of(folder: Path, task: str) -> Footage:
    """The test split of a run."""
    tracks = read_table("tracks", folder / f"results/corpus/{task}/test/tracks.parquet")
    of_sample = dict(zip(tracks["sample"].to_pylist(), tracks["video"].to_pylist(), strict=True))
    videos = sorted(set(of_sample.values()))
    return Footage(
        rows_of(tracks),
        [folder / f"results/faces/{video}.parquet" for video in videos],
        {sample: folder / f"results/speech/vocals/{video}.flac" for sample, video in of_sample.items()},
        read_tables("voiced", [folder / f"results/speech/voiced/{video}.parquet" for video in videos]),
    )


def the_same(folder: Path, bundle: Path, task: str) -> dict[str, bool]:
    """Which systems and models of a bundle say of a run's test split what the run said."""
    engine = Engine(bundle, ComputeConfig(device="cpu", threads=1, deterministic=True))
    known = engine.bundle.tasks[task]
    names = [*known.systems, *(name for name in known.models if name != "static")]
    said = engine.frames(task, names, footage_of(folder, task))
    written = {name: folder / f"results/frames/{task}/{name}/test.parquet" for name in known.models}
    for name, system in known.systems.items():
        alone = len(system.models) == 1
        written[name] = written[system.models[0]] if alone else folder / f"results/systems/{task}/{name}/test.parquet"
    found = {}
    for name, table in said.items():
        theirs = read_table(frames(task), written[name])
        found[name] = all(
            table[column].to_numpy().tobytes() == theirs[column].to_numpy().tobytes() for column in TASKS[task].outputs
        ) and table.select(["sample", "frame"]).equals(theirs.select(["sample", "frame"]))
    return found


@pytest.mark.parametrize("task", TASKS)
def test_a_bundle_predicts_the_test_split_byte_for_byte(folder, zipped, tmp_path, task):
    unpack_bundle(zipped, tmp_path / "here")
    found = the_same(folder, tmp_path / "here", task)
    assert set(found) >= {"system_1", "system_2", "system_3", "visual", "acoustic", "functional", *ALONE}
    assert all(found.values()), found


def test_its_words_say_what_it_knows_and_what_it_does_not(zipped, tmp_path):
    said = in_words(unpack_bundle(zipped, tmp_path))
    assert "Valence and arousal: system_" in said
    assert "Trained on the embedded corpus" in said
    assert "on which it was chosen, so rather too good" in said
    assert "Not in it: system_4" in said


@pytest.fixture(scope="module")
def videos(shared, tmp_path_factory) -> Path:
    """Videos as people have them: odd names, two of one name, five people, nobody, no sound, and what is no video."""
    folder = tmp_path_factory.mktemp("my videos, all")
    pexels = shared / "media" / "pexels"
    shutil.copy(pexels / "single_face.mp4", folder / "Über uns (1).mp4")
    shutil.copy(pexels / "no_face.mp4", folder / "nobody.mp4")
    people = cv2.imread(str(pexels / "multi_face.jpg"))
    people = people[: people.shape[0] // 2 * 2, : people.shape[1] // 2 * 2]
    (folder / "more").mkdir()
    write_clip(folder / "more" / "nobody.mkv", [people] * 45, Fraction(30000, 1001))
    (folder / "text.mp4").write_text("no video")
    (folder / "half.mp4").write_bytes((pexels / "single_face.mp4").read_bytes()[:60_000])
    (folder / "notes.txt").write_text("not a video by its name")
    return folder


def abaw(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The console command, run from a folder that is no project."""
    variables = environment() | {"PYTHONPATH": str(ROOT / "src")}
    call = [sys.executable, "-m", "abaw", *arguments]
    return subprocess.run(call, cwd=folder, env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def predicted(videos, zipped, tmp_path_factory) -> Path:
    """What comes out of them."""
    folder = tmp_path_factory.mktemp("elsewhere")
    done = abaw(folder, "predict", str(videos), "--out", "out put", "--bundle", str(zipped), "--cores", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "written to out put, open index.html there; 2 videos cannot be read, see failed.csv" in done.stdout
    assert "half: " in done.stderr and "text: " in done.stderr
    return folder / "out put"


def test_every_video_has_its_outcome(predicted):
    found = {path.name for path in predicted.iterdir()}
    films = {"Über_uns_(1)", "nobody.mp4", "nobody.mkv"}
    assert found == {".abaw", "failed.csv", "summary.csv", "index.html", *films}
    for film in films:
        files = {"frames.parquet", "frames.csv", "metadata.json", "viewer.html", "thumbnail.jpg"}
        assert {path.name for path in (predicted / film).iterdir()} == files
    with (predicted / "failed.csv").open(newline="", encoding="utf-8") as handle:
        failed = {row["video"]: row["reason"] for row in csv.DictReader(handle)}
    assert set(failed) == {"half", "text"}
    assert all("copy it again, or convert it" in reason for reason in failed.values()), failed
    with (predicted / "summary.csv").open(newline="", encoding="utf-8") as handle:
        lines = [(row["video"], row["subject"], row["problem"]) for row in csv.DictReader(handle)]
    assert {video for video, _, _ in lines} == films | set(failed)
    assert {video: problem for video, _, problem in lines if problem} == failed
    about = {name: json.loads((predicted / name / "metadata.json").read_text()) for name in films}
    assert (about["Über_uns_(1)"]["subjects"], about["nobody.mp4"]["subjects"]) == (1, 0)
    assert about["nobody.mkv"]["subjects"] >= 3
    assert "no face was found" in about["nobody.mp4"]["problems"]
    assert "no audio stream: silence is taken" in about["nobody.mkv"]["problems"]


@pytest.mark.parametrize("name", ["Über_uns_(1)", "nobody.mp4", "nobody.mkv"])
def test_rows_are_the_frames_that_a_player_shows_at_their_own_times(predicted, videos, name):
    table = read_table("people", predicted / name / "frames.parquet")
    path = Path(json.loads((predicted / name / "metadata.json").read_text())["path"])
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None and not packet.is_discard]
        stamps = sorted(packet.pts * stream.time_base for packet in packets)
    subjects = sorted(set(table["subject"].to_pylist()))
    assert subjects == list(range(1, len(subjects) + 1))
    for subject in subjects:
        rows = table.filter(pc.field("subject") == subject)
        assert rows["frame"].to_pylist() == list(range(1, len(stamps) + 1))
        assert rows["time_s"].to_numpy() == pytest.approx([float(stamp - stamps[0]) for stamp in stamps], abs=1e-3)
    with (predicted / name / "frames.csv").open(newline="", encoding="utf-8") as handle:
        assert len(list(csv.DictReader(handle))) == len(table)


def test_values_are_there_where_faces_are_and_add_up(predicted):
    table = read_table("people", predicted / "Über_uns_(1)" / "frames.parquet")
    seen = table.filter(pc.field("has_face"))
    assert len(seen) > 60
    shares = np.column_stack([seen[f"p_{name.lower()}"].to_numpy() for name in EXPRESSIONS])
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert [EXPRESSIONS[k].lower() for k in shares.argmax(axis=1)] == seen["expression"].to_pylist()
    for name in ("valence", "arousal"):
        assert np.abs(seen[name].to_numpy()).max() <= 1
        assert seen[f"{name}_proxy"].null_count == len(seen)
    nobody = read_table("people", predicted / "nobody.mp4" / "frames.parquet")
    assert nobody["valence"].null_count == nobody["p_neutral"].null_count == len(nobody) > 0


def test_what_is_there_is_not_made_again_and_a_new_video_runs_alone(predicted, videos, finished):
    settings = predicted / ".abaw" / "predict.json"
    call = ["--directory", str(predicted / ".abaw"), "--configfile", str(ROOT / "config/config.yaml"), str(settings)]
    assert "Nothing to be done" in snakemake(ROOT, "predict", "-n", *call)
    video = sorted((finished / "results/demo/videos").rglob("*.mp4"))[0]
    try:
        shutil.copy(video, videos / "zz new.mp4")
        said = snakemake(ROOT, "predict", "-n", *call)
        assert set(re.findall(r"wildcards: film=(.*)", said)) == {"zz_new"}
        (videos / "text.mp4").rename(videos / "other.mp4")
        assert "rule list_failed" in snakemake(ROOT, "predict", "-n", *call)
    finally:
        (videos / "zz new.mp4").unlink()
        if (videos / "other.mp4").exists():
            (videos / "other.mp4").rename(videos / "text.mp4")


def test_mistakes_are_sentences(predicted, videos, tmp_path):
    for arguments, says in (
        (["predict", str(tmp_path), "--out", "o", "--bundle", str(tmp_path)], "is no complete bundle"),
        (["predict", str(videos), "--out", "o"], "carries no bundle of its own yet"),
        (["info", str(tmp_path / "none.zip")], "there is no bundle"),
    ):
        done = abaw(tmp_path, *arguments)
        assert done.returncode == 1, arguments
        assert says in done.stderr and done.stderr.startswith("error: ") and "Traceback" not in done.stderr
