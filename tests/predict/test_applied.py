"""The bundle of a finished run: of the run's own test split it says what the run said, and it predicts any video."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest
from clips import ffmpeg, write_clip
from runs import ROOT, SHRUNKEN, environment, snakemake

from abaw.bundle.engine import Engine, Footage
from abaw.bundle.reading import unpack_bundle
from abaw.bundle.words import in_words
from abaw.config import ComputeConfig, PredictConfig
from abaw.media.video import probe
from abaw.predict.calling import predict_file as abaw_predict
from abaw.predict.film import Film, predict_film
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


FIVE = ["bbaf2n", "brbk7n", "lbax4n", "lbbc2a", "lrwp9a"]
"""Clips of GRID, each of another speaker."""
FILMS = {"Über_uns_(1)", "nobody.mp4", "nobody.mkv", "turns_away", "angry", "holes"}
NOT_READ = "cannot be read as a video"
SETTINGS = PredictConfig.model_fields.keys() - {"videos", "bundle", "out", "also"}
UNEVEN = "variable frame rate: every frame counts at its own time"
FAILED = {
    "text": NOT_READ,
    "empty": NOT_READ,
    "zeros": NOT_READ,
    "half": NOT_READ,
    "head": NOT_READ,
    "picture": NOT_READ,
    "sound": NOT_READ,
    "torn": "is cut off: it holds 41 of the 72 frames that it promises; copy it again",
    "blank": "has no video stream; give a file with one",
    "link": "there is no video file",
}


@pytest.fixture(scope="module")
def videos(shared, tmp_path_factory) -> Path:
    """Videos as people have them, of every kind of real footage: odd names, two of one name, five people without sound,
    nobody, somebody who goes; ten broken files, one of which breaks in the middle; and a text that calls itself one.
    """
    folder = tmp_path_factory.mktemp("my videos, all")
    pexels, grid = shared / "media" / "pexels", shared / "media" / "grid"
    shutil.copy(pexels / "single_face.mp4", folder / "Über uns (1).mp4")
    shutil.copy(pexels / "no_face.mp4", folder / "nobody.mp4")
    shutil.copy(pexels / "face_noface.mov", folder / "turns away.MOV")
    (folder / "more").mkdir()
    side_by_side = zip(*(pictures(grid / f"{name}.mpg") for name in FIVE), strict=True)
    write_clip(folder / "more" / "nobody.mkv", [np.hstack(five) for five in side_by_side][:45], Fraction(30000, 1001))
    whole = (pexels / "single_face.mp4").read_bytes()
    (folder / "text.mp4").write_text("no video")
    (folder / "empty.avi").touch()
    (folder / "zeros.mkv").write_bytes(bytes(50_000))
    (folder / "half.mp4").write_bytes(whole[:60_000])
    (folder / "head.mov").write_bytes(whole[:100])
    shutil.copy(pexels / "multi_face.jpg", folder / "picture.mp4")
    shutil.copy(shared / "media" / "dialogue" / "sample.wav", folder / "sound.mp4")
    tracks = whole.index(b"moov") + 200
    (folder / "blank.mp4").write_bytes(whole[:tracks] + bytes(400) + whole[tracks + 400 :])
    (folder / "link.mp4").symlink_to("elsewhere.mp4")
    streamed = ffmpeg("-i", pexels / "single_face.mp4", "-c", "copy", "-movflags", "+faststart", folder / "torn.mp4")
    streamed.write_bytes(streamed.read_bytes()[: len(whole) * 6 // 10])
    (folder / "holes.mp4").write_bytes(whole[:150_000] + np.random.default_rng(1).bytes(40_000) + whole[190_000:])
    shutil.copy(shared / "media" / "crema-d" / "1001_DFA_ANG_XX.flv", folder / "angry.flv")
    (folder / "notes.txt").write_text("not a video by its name")
    return folder


def pictures(path: Path) -> list[np.ndarray]:
    """All frames of a video, BGR."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def abaw(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The console command, run from a folder that is no project."""
    variables = environment() | {"PYTHONPATH": str(ROOT / "src")}
    call = [sys.executable, "-m", "abaw.commands.console", *arguments]
    return subprocess.run(call, cwd=folder, env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def killed(videos, zipped, tmp_path_factory) -> tuple[Path, dict[str, int]]:
    """A run that is killed with all its jobs when the first video has its page; when the table of each was written."""
    folder = tmp_path_factory.mktemp("elsewhere")
    call = [sys.executable, "-m", "abaw.commands.console", "predict", str(videos)]
    call += ["--out", "out put", "--bundle", str(zipped)]
    variables = environment() | {"PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen([*call, "--cores", "2"], cwd=folder, env=variables, start_new_session=True)
    try:
        while process.poll() is None and not list((folder / "out put").glob("*/viewer.html")):
            time.sleep(0.2)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    pages = (folder / "out put").glob("*/viewer.html")
    done = {page.parent.name: (page.parent / "metadata.json").stat().st_mtime_ns for page in pages}
    assert process.returncode == -signal.SIGKILL and 0 < len(done) < len(FILMS)
    return folder, done


@pytest.fixture(scope="module")
def predicted(killed, videos, zipped) -> Path:
    """What the same command makes of the videos after the kill."""
    folder, _ = killed
    done = abaw(folder, "predict", str(videos), "--out", "out put", "--bundle", str(zipped), "--cores", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "written to out put, open index.html there; 10 videos cannot be read, see failed.csv" in done.stdout
    assert all(f"{name}: " in done.stderr for name in FAILED)
    return folder / "out put"


def test_what_was_killed_goes_on_and_gives_the_same(killed, predicted, videos, zipped):
    _, before = killed
    assert {name: (predicted / name / "metadata.json").stat().st_mtime_ns for name in before} == before
    undisturbed = abaw_predict(videos / "Über uns (1).mp4", bundle=zipped, cores=2)
    assert len(undisturbed) == 72
    pd.testing.assert_frame_equal(
        pd.read_parquet(predicted / "Über_uns_(1)" / "frames.parquet"), undisturbed, check_exact=True
    )


def test_every_video_has_its_outcome(predicted):
    found = {path.name for path in predicted.iterdir()}
    assert found == {".abaw", "failed.csv", "summary.csv", "index.html", *FILMS}
    for film in FILMS:
        files = {"frames.parquet", "frames.csv", "metadata.json", "viewer.html", "thumbnail.jpg"}
        assert {path.name for path in (predicted / film).iterdir()} == files
    with (predicted / "failed.csv").open(newline="", encoding="utf-8") as handle:
        failed = {row["video"]: row["reason"] for row in csv.DictReader(handle)}
    assert set(failed) == set(FAILED)
    assert all(FAILED[name] in reason for name, reason in failed.items()), failed
    with (predicted / "summary.csv").open(newline="", encoding="utf-8") as handle:
        lines = [(row["video"], row["subject"], row["problem"]) for row in csv.DictReader(handle)]
    assert {video for video, _, _ in lines} == FILMS | set(failed)
    assert {video: problem for video, _, problem in lines if problem} == failed
    assert {video for video, subject, _ in lines if not subject} == {"nobody.mp4", *failed}
    about = {name: json.loads((predicted / name / "metadata.json").read_text()) for name in FILMS}
    assert all(one["settings"].keys() == SETTINGS for one in about.values())
    subjects = {name: about[name]["subjects"] for name in FILMS}
    assert subjects == {"Über_uns_(1)": 1, "nobody.mp4": 0, "nobody.mkv": 5, "turns_away": 1, "angry": 1, "holes": 1}
    for name, expected in {
        "Über_uns_(1)": [],
        "nobody.mp4": ["no face was found", UNEVEN],
        "nobody.mkv": ["no audio stream: silence is taken"],
        "turns_away": [UNEVEN],
        "angry": [],
        "holes": ["breaks after frame 49 (1.60 s)"],
    }.items():
        said = about[name]["problems"]
        assert len(said) == len(expected), (name, said)
        assert all(words in one for words, one in zip(expected, said, strict=True)), (name, said)
    faces = {name: read_table("people", predicted / name / "frames.parquet") for name in FILMS}
    for name, (n_frames, first, last) in {
        "Über_uns_(1)": (72, 1, 72),
        "turns_away": (169, 1, 70),
        "angry": (67, 1, 67),
        "holes": (72, 1, 46),
    }.items():
        seen = faces[name].filter(pc.field("has_face"))["frame"].to_pylist()
        assert (len(faces[name]), seen) == (n_frames, list(range(first, last + 1))), name
    seen = faces["nobody.mkv"].group_by("subject").aggregate([("has_face", "all"), ("frame", "count")])
    assert seen.to_pydict() == {"subject": [1, 2, 3, 4, 5], "has_face_all": [True] * 5, "frame_count": [45] * 5}


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


def test_a_bundle_of_expressions_alone_leaves_valence_and_arousal_empty(predicted, zipped, tmp_path):
    unpack_bundle(zipped, tmp_path)
    said = json.loads((tmp_path / "bundle.json").read_text())
    said["tasks"].pop("va")
    said["files"] = {name: file for name, file in said["files"].items() if not name.startswith("va/")}
    (tmp_path / "bundle.json").write_text(json.dumps(said))
    made = predicted / ".abaw" / "results" / "films"
    about = json.loads((predicted / "Über_uns_(1)" / "metadata.json").read_text())
    voice = made / "vocals" / "Über_uns_(1).flac"
    tables = [made / kind / "Über_uns_(1).parquet" for kind in ("faces", "voiced")]
    film = Film("Über_uns_(1)", probe(Path(about["path"])), *tables, voice, (0.0, np.inf), 5.0)
    found = predict_film(film, tmp_path, ComputeConfig(device="cpu", threads=1, deterministic=True))
    assert "It has no model for valence and arousal: these columns stay empty." in found.about["bundle"]["knows"]
    both = read_table("people", predicted / "Über_uns_(1)" / "frames.parquet")
    for name in both.column_names:
        if name in ("valence", "arousal", "va_system"):
            assert found.table[name].null_count == len(both) and both[name].null_count < len(both)
        elif name in ("valence_proxy", "arousal_proxy"):
            assert found.table[name].null_count < len(both)
            assert np.nanmax(np.abs(found.table[name].to_numpy())) <= 1
        else:
            assert found.table[name].equals(both[name]), name


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
        (["predict", str(videos), "--out", "o", "--bundle", str(tmp_path)], "is no complete bundle"),
        (["predict", str(tmp_path), "--out", "o"], "holds no video"),
        (["info", str(tmp_path / "none.zip")], "there is no bundle"),
    ):
        done = abaw(tmp_path, *arguments)
        assert done.returncode == 1, arguments
        assert says in done.stderr and done.stderr.startswith("error: ") and "Traceback" not in done.stderr
