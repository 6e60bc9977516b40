"""The functional model of the voice: what counts of a window, its statistics, its labels, and the three commands."""

import csv
import json
import sys

import describe_voice
import numpy as np
import predict_voice_functional
import pyarrow as pa
import pytest
import torch
import train_voice_functional
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler, normalize

from abaw.config import VoiceFunctionalConfig, VoiceStatisticsConfig
from abaw.functional.ear import Ear, counted_steps, moments
from abaw.functional.model import Scaling
from abaw.functional.voice import voice_windows
from abaw.running.errors import UserError
from abaw.speech.audio import Track, write_flac
from abaw.tables.files import read_table, write_table
from abaw.tables.schemas import SCHEMAS
from abaw.timeline.rows import rows_of

CPU = torch.device("cpu")
STATISTICS = VoiceStatisticsConfig(encoder="small", layers=[1, 2], window_s=4.0, step_s=2, loud_db=30.0, min_share=0.25)
SETTINGS = VoiceFunctionalConfig(
    enabled=True,
    statistics=STATISTICS,
    scalings=["standard", "per_video"],
    sets=[["mean", "deviation"]],
    kernels=["rbf"],
    regularisation=[1.0, 10.0],
    exact_rows=12_000,
    weighted=True,
)


@pytest.fixture(scope="module")
def ear():
    return Ear.of(STATISTICS, CPU)


def track(seconds, seed=0):
    return np.random.default_rng(seed).normal(0, 3000, round(16000 * seconds)).astype(np.int16)


def plain(layers, levels, spoken):
    """Window by window, step by step: which steps count, and the moments of each layer over them."""
    found = []
    for window, level, said in zip(layers, levels, spoken, strict=True):
        loud = [20 * np.log10(one / level.max()) >= -30 if one else False for one in level]
        both = [a and b for a, b in zip(loud, said, strict=True)]
        counted = both if said.mean() >= 0.25 and any(both) else loud
        some = window[:, counted]
        found.append((some.mean(axis=1).ravel(), some.std(axis=1).ravel()))
    return (np.stack(part) for part in zip(*found, strict=True))


@given(st.integers(0, 999))
def test_moments_are_those_of_the_loud_steps_of_the_speaker(seed):
    rng = np.random.default_rng(seed)
    layers = rng.normal(3, 1, (4, 2, 9, 5))
    levels = 10 ** rng.uniform(0, 3, (4, 9))
    spoken = rng.random((4, 9)) < rng.random((4, 1))
    counted, of_speaker = counted_steps(levels, spoken, STATISTICS)
    mean, deviation = moments(torch.from_numpy(layers), torch.from_numpy(counted)).numpy()
    for found, expected in zip((mean, deviation), plain(layers, levels, spoken), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-9)
    assert of_speaker.tolist() == (spoken.mean(axis=1) >= 0.25).tolist()


def test_a_silent_window_has_statistics_too():
    counted, of_speaker = counted_steps(np.zeros((1, 4)), np.zeros((1, 4), bool), STATISTICS)
    assert counted.all()
    assert not of_speaker.any()


def test_a_track_is_covered_and_another_speaker_is_left_out(ear, tmp_path):
    """Two seconds of the speaker, then of somebody else: what the other one says changes nothing where it may not."""
    ours, theirs = track(2), track(2, seed=1)
    table = ear.statistics("a", np.concatenate([ours, theirs, track(3, 2)]), [(0.0, 2.0)])
    assert table["start_s"].to_pylist() == [0, 2, 3]
    assert table["end_s"].to_pylist() == [4, 6, 7]
    assert table["voiced"].to_pylist() == [True, False, False]
    assert {len(one) for one in table["mean"].to_pylist()} == {2 * 64}
    assert table.cast(SCHEMAS["voice_statistics"]).equals(
        ear.statistics("a", np.concatenate([ours, theirs, track(3, 2)]), [(0.0, 2.0)]).cast(SCHEMAS["voice_statistics"])
    )
    write_flac([np.concatenate([ours, theirs, track(3, 2)])], 16000, 1, tmp_path / "a.flac")
    assert table.equals(ear.statistics("a", Track(tmp_path / "a.flac"), [(0.0, 2.0)]))
    encoder = ear.encoder
    waveforms = np.concatenate([ours, theirs])[None]
    with torch.inference_mode():
        outputs = encoder.layer_outputs(encoder.prepare(waveforms, np.ones(waveforms.shape, bool)))
    expected = torch.cat([one[0, :100].mean(dim=0) for one in outputs])  # steps of 20 ms, all of them loud
    np.testing.assert_allclose(np.array(table["mean"][0].as_py(), float), expected.numpy(), atol=2e-3)


def test_layers_that_an_encoder_does_not_have_are_said():
    with pytest.raises(UserError, match=r"layers has 3, but the encoder small has 2 layers"):
        Ear.of(STATISTICS.model_copy(update={"layers": [1, 3]}), CPU)


def statistics_table(rows):
    """Rows of sample, begin, voiced and mean; the deviations are ones."""
    records = [
        {"sample": s, "start_s": b, "end_s": b + 4, "voiced": v, "mean": m, "deviation": [1.0] * len(m)}
        for s, b, v, m in rows
    ]
    return pa.Table.from_pylist(records, SCHEMAS["voice_statistics"])


def tracks_table(names, seconds):
    row = dict.fromkeys(SCHEMAS["tracks"].names) | {"path": "", "fps_num": 10, "fps_den": 1, "problems": ""}
    row |= {"n_frames": seconds * 10, "n_rows": seconds * 10, "duration_s": float(seconds), "has_audio": True}
    return pa.Table.from_pylist([row | {"sample": name, "video": name} for name in names], SCHEMAS["tracks"])


def labels_table(task, values):
    """Labels at 10 rows a second by sample."""
    names = {"va": ("valence", "arousal"), "expr": ("expression",)}[task]
    rows = [
        {"sample": sample, "frame": k + 1} | dict(zip(names, np.atleast_1d(value).tolist(), strict=True))
        for sample, series in values.items()
        for k, value in enumerate(series)
    ]
    return pa.Table.from_pylist(rows, SCHEMAS[f"labels_{task}"])


def test_labels_of_windows_are_those_of_the_speaker_s_own_windows():
    table = statistics_table([("b", 0.0, True, [1.0]), ("b", 2.0, False, [2.0]), ("a", 1.0, True, [3.0])])
    tracks = rows_of(tracks_table(["a", "b", "silent"], 6))
    classes = {"a": [0] * 20 + [3] * 40, "b": [5] * 22 + [1] * 38}
    windows = voice_windows("expr", table, tracks, labels_table("expr", classes), STATISTICS)
    assert list(windows.samples) == ["b", "b", "a"]
    assert windows.names == ["a", "b", "silent"]
    # Read at .1, .3, ..., 3.9 s: of b eleven times 5 (rows 1 to 22) and nine times 1; of a from 1 s on, 5 and 15 times.
    np.testing.assert_array_equal(windows.labels[:, 0], [5, np.nan, 3])
    values = {name: [(k / 100, -k / 100) for k in range(60)] for name in "ab"}
    found = voice_windows("va", table, tracks, labels_table("va", values), STATISTICS).labels
    expected = np.floor((np.arange(20) * 0.2 + 0.1) * 10 + 1e-9) / 100
    np.testing.assert_allclose(found[0], [expected.mean(), -expected.mean()], atol=1e-9)
    assert np.isnan(found[1]).all()
    assert np.isnan(voice_windows("va", table, tracks, None, STATISTICS).labels).all()


@given(st.integers(0, 999))
def test_scaling_within_a_track_is_fitted_on_nothing_else(seed):
    rng = np.random.default_rng(seed)
    of_sample = np.repeat(np.arange(4), rng.integers(1, 6, 4))
    features = rng.normal(100, 3, (len(of_sample), 6))
    features[:, 2] = 0.1  # constant
    found = Scaling.fitted("per_video", features).of(features, of_sample)
    for number in range(4):
        own = of_sample == number
        expected = StandardScaler().fit_transform(features[own]) * (own.sum() > 1)
        expected[:, 2] = 0
        np.testing.assert_allclose(found[own], normalize(expected), atol=1e-6)
        others = np.where(own[:, None], features, 7.0)
        np.testing.assert_array_equal(Scaling("per_video").of(others, of_sample)[own], found[own])


def call(command, monkeypatch, **arguments):
    words = [command.__name__]
    for name, value in arguments.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{name}", *map(str, values)]
    monkeypatch.setattr(sys, "argv", words)
    command.main()


def test_the_commands_learn_from_voices_and_predict_them(tmp_path, monkeypatch):
    """Voices whose statistics tell the expression but for what is particular to a person; one has no sound."""
    rng = np.random.default_rng(0)
    codes = rng.normal(0, 1, (8, 12))
    for split, names in {"train": "abcdef", "val": "xyz"}.items():
        rows, labels = [], {}
        for name in names:
            person, feels = rng.normal(0, 4, 12), rng.permutation(8)
            rows += [
                (name, 4.0 * k, True, codes[feel] + person + rng.normal(0, 0.2, 12)) for k, feel in enumerate(feels)
            ]
            labels[name] = np.repeat(feels, 40).tolist()
        remarks = {"encoder_licence": "MIT"}
        write_table("voice_statistics", statistics_table(rows), tmp_path / f"{split}.parquet", remarks)
        write_table("tracks", tracks_table([*names, f"mute_{split}"], 32), tmp_path / f"tracks_{split}.parquet")
        write_table("labels_expr", labels_table("expr", labels), tmp_path / f"labels_{split}.parquet")
    both = {
        f"{kind}": [tmp_path / f"{kind}_{split}.parquet" for split in ("train", "val")] for kind in ("tracks", "labels")
    }
    files = {"weights": tmp_path / "model.safetensors", "card": tmp_path / "card.json"}
    same = {"task": "expr", "settings": SETTINGS.model_dump_json()}
    outputs = files | {"grid": tmp_path / "grid.csv", "candidates": tmp_path / "candidates.parquet"}
    inputs = {"train": tmp_path / "train.parquet", "val": tmp_path / "val.parquet"}
    call(train_voice_functional, monkeypatch, **same, **both, **inputs, **outputs)
    with outputs["grid"].open(newline="") as handle:
        grid = list(csv.DictReader(handle))
    best = {way: max(float(row["f1_macro"]) for row in grid if row["scaling"] == way) for way in SETTINGS.scalings}
    assert best["per_video"] > best["standard"] + 0.2  # the person is taken out
    card = json.loads(files["card"].read_text())
    assert card["scaling"] == "per_video"
    assert card["fitted_on"] == "train; scaling, C on val"
    assert card["encoder_licence"] == "MIT"

    where = {"statistics": inputs["val"], "tracks": both["tracks"][1], "output": tmp_path / "predictions.parquet"}
    call(predict_voice_functional, monkeypatch, **same, **files, **where)
    said = read_table("predictions_expr", where["output"])
    assert said["sample"].to_pylist() == ["mute_val"] + ["x"] * 8 + ["y"] * 8 + ["z"] * 8
    assert said["voiced"].to_pylist() == [False] + [True] * 24
    outputs = np.column_stack([said[name].to_numpy() for name in said.column_names[3:11]])
    truth = np.concatenate([labels[name][::40] for name in "xyz"])
    assert (outputs[1:].argmax(axis=1) == truth).mean() > 0.8
    assert json.loads(json.dumps(card["prior"])) == pytest.approx(dict(zip(card["prior"], outputs[0], strict=True)))


def test_voices_are_described_sample_by_sample(tmp_path, monkeypatch):
    sound = track(5)
    write_flac([sound], 16000, 1, tmp_path / "v.flac")
    write_flac([np.zeros(80_000, np.int16)], 16000, 1, tmp_path / "mute.flac")
    tracks = tracks_table(["v", "v_left", "mute"], 5)
    names = pa.array(["v", "v", "mute"])
    write_table("tracks", tracks.set_column(1, SCHEMAS["tracks"].field("video"), names), tmp_path / "tracks.parquet")
    runs = [{"sample": "v", "run": 0, "start_s": 0.0, "end_s": 5.0}]
    write_table("voiced", pa.Table.from_pylist(runs, SCHEMAS["voiced"]), tmp_path / "voiced.parquet")
    call(
        describe_voice,
        monkeypatch,
        task="va",
        settings=STATISTICS.model_dump_json(),
        compute=json.dumps({"device": "cpu", "threads": 1, "deterministic": True}),
        audio=[tmp_path / "v.flac", tmp_path / "mute.flac"],
        voiced=tmp_path / "voiced.parquet",
        tracks=tmp_path / "tracks.parquet",
        output=tmp_path / "statistics.parquet",
    )
    found = read_table("voice_statistics", tmp_path / "statistics.parquet")
    assert found["sample"].to_pylist() == ["v", "v", "v_left", "v_left"]
    assert found["start_s"].to_pylist() == [0, 1, 0, 1]
    assert found["voiced"].to_pylist() == [True, True, False, False]
