"""The embedded corpus: its plan at every size, and a shrunken one that is really made."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import espeakng_loader
import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import yaml
from embedded_truth import Scores
from runs import ROOT

from abaw.config import CorpusConfig, DemoConfig, FacesConfig, GateConfig
from abaw.corpus.labels import read_labels
from abaw.corpus.layout import read_folders
from abaw.demo.corpus import write_corpus
from abaw.demo.plan import (
    CorpusPlan,
    TrackPlan,
    VideoPlan,
    annotation_file,
    corpus_truth_file,
    plan_corpus,
    speech_file,
    truth_file,
)
from abaw.demo.voice import RATE_HZ, loudness, mixed
from abaw.faces.mouth import MouthMeter
from abaw.faces.pipeline import analyse_video
from abaw.faces.subjects import Subject
from abaw.media.sound import extract_stereo
from abaw.media.video import probe, sample_frames
from abaw.speech.mouths import Boxes, measure_mouths
from abaw.speech.resampling import to_mono
from abaw.submission import check_predictions, predictions_text
from abaw.tables.arrays import frames_table, matrix
from abaw.tasks import EXPRESSIONS, SPLITS, TASKS, TaskName

SEED = 2024
DEFAULT = DemoConfig(tracks=24, max_duration_s=16.0, seed=SEED)
SMALL = DemoConfig(tracks=10, max_duration_s=4.0, seed=SEED)


def _config(root: Path) -> CorpusConfig:
    return CorpusConfig(
        source="demo",
        crops=None,
        unscored=[],
        videos=str(root / "videos"),
        annotations=str(root / "annotations"),
        test_lists=str(root / "lists"),
        templates=str(root / "templates"),
        edition="other",
        max_row_difference=60,
        on_unreadable="stop",
        sound_track="default",
    )


@pytest.fixture(scope="module")
def small() -> CorpusPlan:
    return plan_corpus(SMALL)


@pytest.fixture(scope="module")
def made(small: CorpusPlan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    write_corpus(small, _config(root), root / "truth")
    return root


SPEAK = f"""
import hashlib
import espeakng_loader
from abaw.config import DemoConfig
from abaw.demo.plan import plan_corpus
from abaw.demo.voice import perform

if __name__ == "__main__":
    spoken = perform(plan_corpus(DemoConfig(tracks=10, max_duration_s=4.0, seed={SEED})))
    print(espeakng_loader.__file__)
    print(hashlib.sha256(b"".join(speech.sound.tobytes() for speech in spoken.values())).hexdigest())
"""


@pytest.mark.slow
def test_the_voices_speak_from_an_environment_that_lies_deep_in_folders(tmp_path):
    deep = tmp_path.joinpath(*["a folder of some length"] * 8)
    shutil.copytree(Path(espeakng_loader.__file__).parent, deep / "espeakng_loader")
    (tmp_path / "speak.py").write_text(SPEAK)
    found = []
    for folders in ([ROOT / "src"], [deep, ROOT / "src"]):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
        command = [sys.executable, str(tmp_path / "speak.py")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.splitlines())
    assert found[1][0].startswith(str(deep))
    assert found[0][1] == found[1][1]


def _everyone(plan: CorpusPlan) -> list[tuple[VideoPlan, TrackPlan]]:
    return [(video, track) for video in plan.videos for track in video.tracks]


def _truth(root: Path, track: TrackPlan) -> dict[str, np.ndarray]:
    table = pq.read_table(truth_file(root / "truth", track))
    return {name: table[name].to_numpy() for name in table.column_names}


def _spoken(root: Path) -> dict[str, list[list[float]]]:
    videos = json.loads(corpus_truth_file(root / "truth").read_text())["videos"].values()
    return {sample: about["speech_runs_s"] for video in videos for sample, about in video["tracks"].items()}


@pytest.mark.parametrize("tracks", range(10, 31))
def test_every_size_serves_both_tasks(tracks: int) -> None:
    plan = plan_corpus(DemoConfig(tracks=tracks, max_duration_s=4.0, seed=SEED))
    assert len({track.sample for track in plan.tracks}) == len(plan.tracks) == tracks
    for task in TASKS:
        counts = [len(plan.annotated(task, split)) for split in SPLITS]
        assert all(count >= least for count, least in zip(counts, (2, 1, 1), strict=True))
    assert max(video.duration_s for video in plan.videos) <= 4.0


def test_default_plan_has_the_special_cases() -> None:
    plan = plan_corpus(DEFAULT)
    samples = {track.sample: track for track in plan.tracks}
    assert {"video29_left", "video29_right", "10-60-1280x720", "10-60-1280x720_right", "video86_2"} <= samples.keys()
    assert {"12-24-1920x1080", "476"} <= samples.keys()
    assert {str(video.fps) for video in plan.videos} == {"30", "30000/1001", "24000/1001", "25", "1019/50", "15/2"}
    assert {video.path.suffix for video in plan.videos} == {".mp4", ".avi"}
    assert {video.path.parent.name for video in plan.videos} == {"batch1", "batch2", "new_vids"}
    beyond = {track.n_rows - video.n_frames for video, track in _everyone(plan)}
    assert {0, 1} < beyond and min(beyond) < -1
    assert {track.tasks for track in plan.tracks} == {("va",), ("expr",), ("va", "expr")}
    assert any(track.away_s for track in plan.tracks)
    assert any(len(video.tracks) == 1 and not video.tracks[0].speaks for video in plan.videos)
    assert {track.split for track in plan.tracks if track.invalid} == {"train", "val"}
    assert all(8 <= video.duration_s <= 16 for video in plan.videos)


def test_all_classes_are_annotated_in_train_and_val_of_the_default() -> None:
    plan = plan_corpus(DEFAULT)
    for split in ("train", "val"):
        shown = {segment.expression for track in plan.annotated("expr", split) for segment in track.segments}
        assert shown == set(range(len(EXPRESSIONS)))


def test_no_identity_crosses_the_splits() -> None:
    splits: dict[str, set[str]] = {}
    for track in plan_corpus(DemoConfig(tracks=30, max_duration_s=20.0, seed=SEED)).tracks:
        splits.setdefault(track.identity, set()).add(track.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {split for found in splits.values() for split in found} == set(SPLITS)


def test_the_seed_decides_the_plan() -> None:
    one, other = (SMALL.model_copy(update={"seed": seed}) for seed in (1, 2))
    assert plan_corpus(one) == plan_corpus(one) != plan_corpus(other)


def test_planning_needs_no_heavy_library() -> None:
    heavy = "{'cv2', 'av', 'mediapipe', 'torch', 'pyarrow', 'scipy'}"
    code = f"import sys, abaw.demo.plan; sys.exit(bool({heavy} & set(sys.modules)))"
    source = str(Path(__file__).parents[2] / "src")
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}, check=False).returncode == 0


@pytest.mark.slow
def test_the_files_are_those_of_the_plan(small: CorpusPlan, made: Path) -> None:
    truth = small.truth_files(made / "truth")
    written = [path for path in made.rglob("*") if path.is_file()]
    assert sorted([*small.files(_config(made)), *truth]) == sorted(written)


@pytest.mark.slow
def test_the_same_bytes_come_again_and_from_two_processes(small: CorpusPlan, made: Path, tmp_path: Path) -> None:
    first = CorpusPlan(small.videos[:2])
    write_corpus(first, _config(tmp_path), tmp_path / "truth", workers=2)
    again = [tmp_path / "videos" / video.path for video in first.videos]
    again += [path for path in first.truth_files(tmp_path / "truth") if path.name != "corpus.json"]
    for path in again:
        assert path.read_bytes() == (made / path.relative_to(tmp_path)).read_bytes(), path.name


@pytest.mark.slow
def test_it_enters_by_the_door_of_the_real_corpus(small: CorpusPlan, made: Path) -> None:
    layout = read_folders(_config(made))
    found = {track.sample: (track.video, dict(track.splits)) for track in layout.tracks}
    assert found == {
        track.sample: (video.name, dict.fromkeys(track.tasks, track.split)) for video, track in _everyone(small)
    }
    assert {track.sample: track.side for track in layout.tracks if track.side} == {
        "video29_left": "left",
        "video29_right": "right",
        "10-60-1280x720": "left",
        "10-60-1280x720_right": "right",
    }


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.slow
def test_labels_go_round_through_the_form_of_a_submission(small: CorpusPlan, made: Path, task: TaskName) -> None:
    """What the file says, `frames_table` carries and a submission says again; frames without a label are left out."""
    tracks = [track for split in ("train", "val") for track in small.annotated(task, split)]
    assert tracks
    for track in tracks:
        path = annotation_file(_config(made), task, track)
        raw = [[float(field) for field in line.split(",")] for line in path.read_text().splitlines()[1:]]
        table = read_labels(path, task, track.sample)
        keys = table.filter(table[TASKS[task].labels[0]].is_valid())
        values = matrix(keys, TASKS[task].labels)
        outputs = values if task == "va" else np.eye(len(EXPRESSIONS))[values[:, 0].astype(int)]
        locations = [f"{track.sample}/{frame:05d}.jpg" for frame in range(1, len(keys) + 1)]
        rows = keys.set_column(1, "frame", [range(1, len(keys) + 1)])
        text = predictions_text(task, locations, frames_table(task, rows, outputs))
        check_predictions(text, locations, task)
        again = [[float(field) for field in line.split(",")[1:]] for line in text.splitlines()[1:]]
        assert again == [raw[frame - 1] for frame in keys["frame"].to_pylist()]


@pytest.mark.slow
def test_labels_are_the_latents(small: CorpusPlan, made: Path) -> None:
    invalid_rows = 0
    for _, track in _everyone(small):
        if track.split == "test":
            continue
        truth = _truth(made, track)
        valid = np.ones(track.n_rows, bool)
        if track.invalid:
            valid[track.invalid[0] - 1 : track.invalid[1]] = False
        digits = 4 if track.split == "train" else 3

        header, *rows = annotation_file(_config(made), "va", track).read_text().splitlines()
        assert header == TASKS["va"].label_header and len(rows) == track.n_rows
        assert max(len(number.partition(".")[2]) for row in rows for number in row.split(",")) == digits
        values = np.array([[float(number) for number in row.split(",")] for row in rows])
        felt = np.stack([truth["valence"], truth["arousal"]], axis=1)[: track.n_rows]
        assert np.abs(values[valid] - felt[valid]).max() <= 0.5 * 10**-digits + 1e-9
        assert (np.abs(values[valid]) <= 1).all() and (values[~valid] == -5).all()

        header, *rows = annotation_file(_config(made), "expr", track).read_text().splitlines()
        assert header == TASKS["expr"].label_header and len(rows) == track.n_rows
        classes = np.array([int(row) for row in rows])
        assert (classes[valid] == truth["expression"][: track.n_rows][valid]).all()
        assert (classes[~valid] == -1).all()
        invalid_rows += int((~valid).sum())
    assert invalid_rows > 0


@pytest.mark.slow
def test_templates_ask_for_every_row_in_turn(small: CorpusPlan, made: Path) -> None:
    for task, name in (
        ("va", "CVPR_6th_ABAW_VA_test_set_sample.txt"),
        ("expr", "CVPR_6th_ABAW_Expr_test_set_sample.txt"),
    ):
        header, *rows = (made / "templates" / name).read_text().splitlines()
        tracks = sorted(small.annotated(task, "test"), key=lambda track: track.sample)
        assert header == TASKS[task].header
        assert rows == [f"{track.sample}/{k:05d}.jpg," for track in tracks for k in range(1, track.n_rows + 1)]


@pytest.mark.slow
def test_videos_have_the_planned_rate_frames_and_sound(small: CorpusPlan, made: Path) -> None:
    for video in small.videos:
        path = made / "videos" / video.path
        info = probe(path)
        assert (info.fps, info.n_frames, info.has_audio) == (video.fps, video.n_frames, True), video.name
        assert (info.width_px, info.height_px) == (video.width_px, video.height_px)
        assert [frame.number for frame in sample_frames(path, 60)] == list(range(1, video.n_frames + 1))
        assert abs(len(_sound(path)) / RATE_HZ - video.duration_s) < 0.2


@pytest.mark.parametrize("name", ["video29", "476"])
@pytest.mark.slow
def test_sound_and_pictures_begin_together(name: str, small: CorpusPlan, made: Path) -> None:
    video = next(video for video in small.videos if video.name == name)
    clean, _ = soundfile.read(speech_file(made / "truth", video))
    sound = _sound(made / "videos" / video.path)[: len(clean)]
    size = 2 * len(clean)
    match = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(clean[: len(sound)], size)))
    lag = int(np.argmax(match))
    assert abs(lag if lag < len(clean) else lag - size) / RATE_HZ < 0.003


def _sound(path: Path) -> np.ndarray:
    blocks = (block.T.astype(np.float32) / 32768 for block in extract_stereo(path))
    return np.concatenate(list(to_mono(blocks, RATE_HZ)))


@pytest.mark.slow
def test_the_mouth_follows_the_loudness_of_who_speaks(small: CorpusPlan, made: Path) -> None:
    spoken = _spoken(made)
    for video, track in _everyone(small):
        if not spoken[track.sample]:
            continue
        sound, _ = soundfile.read(speech_file(made / "truth", video))
        truth = _truth(made, track)
        own = np.zeros(video.n_frames)
        for start_s, end_s in spoken[track.sample]:
            during = (truth["time_s"] >= start_s) & (truth["time_s"] < end_s)
            own[during[: video.n_frames]] = 1
        opening = truth["mouth_opening"][: video.n_frames]
        seen = ~np.isnan(opening)
        expected = own * loudness(sound, truth["time_s"][: video.n_frames])
        # Fear and surprise open the mouth a little as well.
        assert np.corrcoef(opening[seen], expected[seen])[0, 1] > 0.75, track.sample


@pytest.mark.slow
def test_who_never_speaks_has_no_runs_and_a_still_mouth(small: CorpusPlan, made: Path) -> None:
    spoken = _spoken(made)
    silent = [track for track in small.tracks if not track.speaks]
    assert silent
    for track in silent:
        assert spoken[track.sample] == []
        assert np.nanmax(np.abs(np.diff(_truth(made, track)["mouth_opening"]))) < 0.02


@pytest.mark.slow
def test_a_face_mesh_sees_the_faces_and_their_mouths(small: CorpusPlan, made: Path) -> None:
    meter = MouthMeter()
    for video in small.videos:
        for track in video.tracks:
            truth = _truth(made, track)
            measured, expected = [], []
            for frame in sample_frames(made / "videos" / video.path, 4.0):
                box = [truth[side][frame.number - 1] for side in ("x0_px", "y0_px", "x1_px", "y1_px")]
                if np.isnan(box).any():
                    continue
                left, top, right, bottom = (
                    max(0, round(side)) for side in np.array(box) + np.array([-15, -15, 15, 15])
                )
                mouth = meter.measure(np.ascontiguousarray(frame.bgr[top:bottom, left:right, ::-1]))
                measured.append(np.nan if mouth is None else mouth.opening)
                expected.append(truth["mouth_opening"][frame.number - 1])
            assert len(measured) >= 6 and np.mean(np.isnan(measured)) < 0.1, track.sample
            assert bottom - top > 110
            if np.ptp(expected) > 0.1:
                assert np.corrcoef(np.nan_to_num(measured), expected)[0, 1] > 0.6, track.sample


@pytest.mark.slow
def test_faces_and_speech_are_found_where_they_are(made: Path) -> None:
    """What `benchmarks/mouth.py` measures on the whole corpus, at the embedded default's settings."""
    config = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text())
    faces, gate = FacesConfig.model_validate(config["faces"]), GateConfig.model_validate(config["speech"]["gate"])
    scores = Scores()
    for tracks in read_folders(_config(made)).videos().values():
        subjects = [Subject(track.sample, track.side) for track in tracks]
        frames = list(analyse_video(tracks[0].path, subjects, faces, threads=1))
        found = {track.sample: [rows[place] for rows in frames] for place, track in enumerate(tracks)}
        boxes = {sample: Boxes.of(rows) for sample, rows in found.items()}
        every = list(measure_mouths(tracks[0].path, boxes, gate.rate_hz, faces.margin_px))
        for place, (sample, rows) in enumerate(found.items()):
            scores.add(sample, rows, [mouths[place] for mouths in every], made / "truth", gate)
    assert scores.share_of_boxes > 0.95
    assert scores.false_faces == 0
    assert scores.f1("movement") > 0.85 > scores.f1("authors")


@pytest.mark.slow
def test_the_face_is_away_where_the_plan_says(small: CorpusPlan, made: Path) -> None:
    away = [track for track in small.tracks if track.away_s]
    assert away
    for track in away:
        truth = _truth(made, track)
        gone = (truth["time_s"] >= track.away_s[0]) & (truth["time_s"] < track.away_s[1])
        assert gone.any() and (np.isnan(truth["x0_px"]) == gone).all()


@pytest.mark.parametrize("noise", ["hiss", "music"])
def test_noise_has_the_planned_ratio(noise: str, small: CorpusPlan) -> None:
    video = replace(small.videos[1], noise=noise, snr_db=12.0)
    length = round(video.duration_s * RATE_HZ)
    clean = (0.1 * np.sin(np.arange(length) / 10)).astype(np.float32)
    noisy = mixed(video, clean, ((0.0, video.duration_s),))
    ratio = np.mean(clean**2) / np.mean((noisy - clean) ** 2)
    assert abs(10 * np.log10(ratio) - 12.0) < 0.1
