"""Features that other programs have written: at our frames, or refused in a sentence that names the file."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import import_features
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from settings import DYNAMIC

from abaw.attention.model import AttentionFusion
from abaw.attention.prediction import predict_attention
from abaw.bundle.sources import Sources
from abaw.commands.predictions import read_embedded
from abaw.config import AttentionNetworkConfig, FunctionalConfig, OverTimeConfig, check_config
from abaw.dynamic.prediction import predict_dynamic
from abaw.dynamic.training import Sequences, build_dynamic
from abaw.foreign.feature_files import by_sample, files_of, read_features
from abaw.foreign.features import REACH_S, at_frames, features_table
from abaw.foreign.predictions import Asked
from abaw.functional.model import Windows
from abaw.nn import checkpoint
from abaw.running.errors import UserError
from abaw.tables.arrays import embedding_matrix
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.provenance import fused, trained_from
from abaw.tables.schemas import SCHEMAS
from abaw.timeline.rows import Rows

SAMPLES, FPS, N = ("102", "b_left"), Fraction(25), 250
ASKED = {name: Asked(Rows(name, N, FPS), N, 10.0) for name in SAMPLES}
TIMES_S = np.arange(50) / 5
FUNCTIONALS = FunctionalConfig(
    inputs=["faces"],
    window_s=2.0,
    min_share=0.5,
    scalings=["none"],
    sets=[["mean", "max"]],
    kernels=["linear"],
    regularisation=[1.0],
    exact_rows=100,
    weighted=True,
)


def analysed(sample):
    """The analysed frames of a sample, five a second, as the stage faces has them."""
    frames = pa.array(np.arange(50) * 5 + 1, pa.int32())
    return pa.table({"sample": [sample] * 50, "frame": frames, "time_s": TIMES_S})


def theirs(folder, kind):
    script = Path(__file__).with_name("their_features.py")
    subprocess.run([sys.executable, script, folder, kind], check=True)
    return folder


def read(folder, max_gap_s=2.0):
    files = by_sample(files_of(folder, SAMPLES, {*SAMPLES, "other"}))
    return features_table(files, ((name, analysed(name)) for name in SAMPLES), ASKED, max_gap_s)


@pytest.mark.parametrize("kind", ["npz", "npy", "parquet", "lists", "h5"])
def test_every_kind_of_file_comes_to_the_same(tmp_path, kind):
    if kind == "h5":
        pytest.importorskip("h5py", reason="h5py is not installed; requirements.lock has it")
    table = read(theirs(tmp_path / "theirs", kind))
    assert table["sample"].to_pylist() == ["102"] * 50 + ["b_left"] * 50
    assert table["has_face"].to_pylist() == [True] * 100  # ten frames are less than half a second on either side
    values = embedding_matrix(table)
    np.testing.assert_allclose(values[:, 0], np.tile(TIMES_S, 2), atol=5e-3)  # half precision
    expected = np.random.default_rng(1).normal(size=(240, 5))[:100:5]  # frames 1 to 96 are rows 0 to 95
    np.testing.assert_allclose(values[50:70, 1:], expected, atol=2e-3)


def test_without_a_list_the_rows_are_all_frames_and_far_from_any_there_is_no_face(tmp_path):
    for name in SAMPLES:
        np.save(tmp_path / f"{name}.npy", np.arange(N * 3, dtype=np.float32).reshape(N, 3))
    np.testing.assert_allclose(embedding_matrix(read(tmp_path))[:50, 0], np.arange(50) * 15)
    (tmp_path / "102.npy").unlink()
    np.savez(tmp_path / "102.npz", features=np.ones((125, 3)), time_s=np.arange(125) / 25)
    with pytest.raises(UserError, match=r"102.npz has nothing between the seconds 4.96 and 9.96 of the sample 102"):
        read(tmp_path)
    known = read(tmp_path, max_gap_s=6.0)["has_face"].to_numpy()
    np.testing.assert_array_equal(known[:50], TIMES_S <= 4.96 + REACH_S)


def test_between_two_values_lies_what_is_between_them():
    values, known = at_frames(
        np.array([0.0, 0.4, 3.0]), np.array([[0.0], [4.0], [30.0]], np.float32), np.array([0.1, 0.4, 0.8, 1.5, 2.7])
    )
    np.testing.assert_allclose(values[:, 0], [1, 4, 4, 4, 30], atol=1e-6)
    assert known.tolist() == [True, True, True, False, True]
    alone, known = at_frames(np.array([1.0]), np.array([[7.0]], np.float32), np.array([0.2, 1.3]))
    assert (alone.tolist(), known.tolist()) == ([[7.0], [7.0]], [False, True])


def changed(**arrays):
    """Arrays of a sample, of which some are changed."""
    return {"features": np.ones((N, 4)), "frame": np.arange(1, N + 1)} | arrays


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (changed(features=np.ones((100, 4)), frame=np.arange(1, 101)), "nothing between the seconds 3.96 and 9.96"),
        (changed(frame=np.arange(N)), "row 1, is for frame 0 of the sample 102, expected whole numbers from 1 to 250"),
        (changed(frame=np.arange(1, N + 1) + 60, features=np.ones((N, 4))), "row 191, is for frame 251 of the sample"),
        ({"features": np.ones((190, 4)), "frame": np.arange(61, 251)}, "nothing between the seconds 0.00 and 2.40"),
        ({"features": np.ones((300, 4)), "frame": np.arange(1, 301)}, "row 251, is for frame 251 of the sample 102"),
        ({"features": np.ones((300, 4)), "time_s": np.arange(300) / 25}, "is for second 10.12 of the sample 102"),
        ({"features": np.ones((150, 4)), "frame": np.arange(1, 151)}, "or of another frame rate looks like that"),
        (changed(features=np.full((N, 4), np.nan)), "row 1, has nan among its features, expected finite numbers"),
        (changed(features=np.full((N, 4), 1e5)), "row 1, has 100000 among its features, expected finite numbers up to"),
        (changed(frame=np.repeat(np.arange(1, 126), 2)), "row 2, is for frame 1 of the sample 102, as is a row before"),
        (changed(features=np.ones((N - 1, 4))), "has 249 rows of features and 250 of frame, expected as many"),
        (changed(features=np.ones(N)), "has features of the shape (250,) and the type float64, expected numbers in"),
        (changed(features=np.array([["a"] * 4] * N)), "expected numbers in rows and columns"),
        (changed(features=np.array([[None]] * N, object)), "cannot be read as features"),
        (changed(time_s=np.arange(N) / 25), "expected features (n, width), and of frame (n,) and time_s (n,) one"),
        ({"embeddings": np.ones((N, 4))}, "has embeddings, expected features (n, width)"),
        (changed(features=np.ones((N, 5))), "b_left.npz has 4 features a row, expected 5, as"),
    ],
)
def test_what_cannot_be_right_is_a_sentence(tmp_path, arrays, said):
    np.savez(tmp_path / "102.npz", **arrays)
    np.savez(tmp_path / "b_left.npz", **changed())
    with pytest.raises(UserError) as caught:
        read(tmp_path)
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_samples_that_are_unknown_missing_or_there_twice(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        files_of(tmp_path / "nowhere", SAMPLES, SAMPLES)
    np.savez(tmp_path / "102.npz", **changed())
    with pytest.raises(UserError, match="has no file for the sample b_left and 0 more, expected one for each of 2"):
        files_of(tmp_path, SAMPLES, SAMPLES)
    np.save(tmp_path / "b_left.npy", np.ones((N, 4)))
    np.save(tmp_path / "b_left.frames.npy", np.arange(1, N + 1))
    assert [path.name for path in files_of(tmp_path, SAMPLES, SAMPLES)] == [
        "102.npz",
        "b_left.npy",
        "b_left.frames.npy",
    ]
    np.save(tmp_path / "b.npy", np.ones((N, 4)))
    with pytest.raises(UserError, match=r"b.npy is for the sample b, which the corpus does not have; expected the ann"):
        files_of(tmp_path, SAMPLES, SAMPLES)
    np.savez(tmp_path / "b.frames.npz", frame=np.arange(1, N + 1))
    with pytest.raises(UserError, match=r"b.frames.npz is a list of frames, expected it in npy, as b.frames.npy"):
        files_of(tmp_path, SAMPLES, {*SAMPLES, "b"})
    (tmp_path / "b.frames.npz").unlink()
    np.save(tmp_path / "102.npy", np.ones((N, 4)))
    with pytest.raises(UserError, match=r"has 102.npy and 102.npz; remove one of them"):
        files_of(tmp_path, SAMPLES, {*SAMPLES, "b"})
    (tmp_path / "102.npz").write_bytes(b"no archive")
    (tmp_path / "102.npy").unlink()
    with pytest.raises(UserError, match=r"102.npz cannot be read as features"):
        features_table({"102": [tmp_path / "102.npz"]}, [("102", analysed("102"))], ASKED, 2.0)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"features": [None, [1.0, 2.0]], "time_s": [0.0, 0.1]}, "row 1 has no features; leave out rows that say"),
        ({"features": [[1.0, 2.0], None], "time_s": [0.0, 0.1]}, "row 2 has no features; leave out rows that say"),
        ({"features": [[1.0, 2.0], [1.0]]}, "its lists are not all of one length"),
        ({"features": [1.0, 2.0]}, "its column features is of the type double, not of lists of numbers"),
        ({"frame": [1, 2]}, "has frame, expected features"),
    ],
)
def test_tables_without_lists_of_numbers_are_a_sentence(tmp_path, columns, said):
    pq.write_table(pa.table(columns), tmp_path / "102.parquet")
    with pytest.raises(UserError, match=said):
        read_features(tmp_path / "102.parquet")


def test_files_that_are_not_what_their_suffix_says(tmp_path):
    np.savez(tmp_path / "a.npz", features=np.ones((2, 3)))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(UserError, match=r"a.npy is an archive of arrays, expected one array"):
        read_features(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.ones((2, 3)))
    (tmp_path / "b.npy").rename(tmp_path / "b.npz")
    with pytest.raises(UserError, match=r"b.npz cannot be read as features"):
        read_features(tmp_path / "b.npz")
    h5py = pytest.importorskip("h5py", reason="h5py is not installed; requirements.lock has it")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["embeddings"] = np.ones((2, 3))
    with pytest.raises(UserError, match=r"c.h5 has embeddings, expected features"):
        read_features(tmp_path / "c.h5")


def brought(tmp_path, monkeypatch):
    """The table that the command writes, and one of faces with the same frames."""
    folder = theirs(tmp_path / "theirs", "npz")
    track = {"path": "p", "fps_num": 25, "fps_den": 1, "n_frames": N, "n_rows": N, "duration_s": 10.0}
    track |= {"has_audio": True, "problems": "", "side": None, "frame_times_s": None}
    rows = [track | {"sample": name, "video": name} for name in SAMPLES]
    write_table("tracks", pa.Table.from_pylist(rows, schema=SCHEMAS["tracks"]), tmp_path / "tracks.parquet")
    # As of two people in one video, whose rows alternate.
    frames = pa.concat_tables(analysed(name) for name in reversed(SAMPLES)).sort_by("frame")
    bare = {name: pa.nulls(len(frames), SCHEMAS["faces"].field(name).type) for name in SCHEMAS["faces"].names}
    columns = bare | {name: frames[name] for name in frames.column_names} | {"has_face": [True] * len(frames)}
    write_table("faces", pa.table(columns), tmp_path / "faces.parquet")
    arguments = ["--given", *files_of(folder, SAMPLES, SAMPLES), "--tracks", tmp_path / "tracks.parquet"]
    arguments += ["--faces", tmp_path / "faces.parquet", "--settings", json.dumps({"features": str(folder)})]
    arguments += ["--output", tmp_path / "mine.parquet"]
    monkeypatch.setattr(sys, "argv", ["import_features.py", *map(str, arguments)])
    import_features.main()
    keys = read_table("features", tmp_path / "mine.parquet", ["sample", "frame", "time_s"])
    rng = np.random.default_rng(3)
    values = pa.FixedSizeListArray.from_arrays(rng.normal(size=100 * 256).astype(np.float16), 256)
    own = {name: keys[name] for name in keys.column_names} | {"has_face": rng.random(100) < 0.9, "embedding": values}
    about = {"model": json.dumps({"fitted_on": "train; epoch of the frames' model on val"})}
    write_table("embeddings", pa.table(own), tmp_path / "faces_embedded.parquet", about)
    return tmp_path / "mine.parquet", tmp_path / "faces_embedded.parquet"


def test_they_feed_the_transformer_and_the_functionals_alone_and_beside_faces(tmp_path, monkeypatch):
    mine, faces = brought(tmp_path, monkeypatch)
    assert read_metadata(mine)["fitted_on"].startswith("brought")
    cpu = torch.device("cpu")
    for paths, width in (([mine], 6), ([faces, mine], 262), ([mine, faces], 262), ([faces, mine, mine], 268)):
        tables = read_embedded(paths)
        sequences = Sequences.of("va", tables, None, 10, "train_minmax", cpu)
        assert sum(sequences.widths) == width
        np.testing.assert_array_equal(
            sequences.windows.has_face.numpy(), tables[0]["has_face"].to_numpy(zero_copy_only=False)
        )
        model = build_dynamic("va", sequences, "train_minmax", DYNAMIC)
        card = {"window": 10, "normaliser": "train_minmax", "width": width, "prior": {"valence": 0.0, "arousal": 0.0}}
        checkpoint.save(model.eval(), card, tmp_path / "m.safetensors", tmp_path / "m.json")
        card = json.loads((tmp_path / "m.json").read_text())
        said = predict_dynamic("va", tmp_path / "m.safetensors", card, DYNAMIC, tables, cpu)
        assert set(said["sample"].to_pylist()) == set(SAMPLES)
        windows = Windows.of("va", tables, None, FUNCTIONALS)
        assert windows.statistics.features(["mean", "max"]).shape == (10, 2 * width)


@pytest.mark.parametrize("mechanism", ["self", "cross"])
def test_attention_asks_them_beside_faces_and_hears_each(tmp_path, monkeypatch, mechanism):
    mine, faces = brought(tmp_path, monkeypatch)
    shared = {name: getattr(DYNAMIC, name) for name in OverTimeConfig.model_fields}
    settings, cpu = AttentionNetworkConfig(**shared, modality_dropout=0.0), torch.device("cpu")
    tables = read_embedded([faces, mine, mine])
    torch.manual_seed(0)
    model = AttentionFusion("va", mechanism, settings, [256, 6, 6])
    card = {"window": 10, "mechanism": mechanism, "widths": [256, 6, 6], "prior": {"valence": 0.0, "arousal": 0.0}}
    checkpoint.save(model.eval(), card, tmp_path / "m.safetensors", tmp_path / "m.json")
    card = json.loads((tmp_path / "m.json").read_text())

    def said(modalities):
        return predict_attention("va", tmp_path / "m.safetensors", card, settings, modalities, cpu)

    before = said(tables)
    assert set(before["sample"].to_pylist()) == set(SAMPLES)
    for place in (1, 2):
        silent = np.zeros((len(tables[place]), 6), np.float16)
        other = pa.FixedSizeListArray.from_arrays(silent.ravel(), 6)
        column = tables[place].schema.get_field_index("embedding")
        changed = [*tables[:place], tables[place].set_column(column, "embedding", other), *tables[place + 1 :]]
        assert not said(changed).equals(before)


def test_a_bundle_leaves_out_models_that_learned_from_what_it_cannot_make():
    config = yaml.safe_load((Path(__file__).parents[2] / "config/config.yaml").read_text(encoding="utf-8"))
    config["embeddings"] = {"mine": {"features": "here"}}
    config["functional"]["inputs"] = ["faces", "mine"]
    sources = Sources(check_config(config))
    assert "functional" not in sources.models("va")
    assert set(sources.models("va")) >= {"static", "visual", "acoustic", "self_attention"}
    assert sources.left_out()["system_3"] == "functional learned from what a bundle does not make of a video"
    assert sources.systems() == ["system_1", "system_2"]


def test_scores_say_that_a_model_learned_from_features_that_were_brought(tmp_path, monkeypatch):
    mine, faces = brought(tmp_path, monkeypatch)
    words = trained_from([faces, mine], "epoch")
    assert words == "train; epoch of the frames' model, epoch on val; on features that were brought"
    assert fused([words, "train; window on val"], "weights on val") == (
        "train; epoch of the frames' model, epoch, window on val; on features that were brought; weights on val"
    )
