"""The transformer over time: positions, attention, masks, windows and normalisers."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from settings import DYNAMIC
from torch import nn

from abaw.dynamic.model import (
    DynamicModel,
    Windows,
    mean_per_row,
    minmax_per_video,
    minmax_range,
    predict_windows,
)
from abaw.dynamic.training import Sequences, build_dynamic, predict_over_time, train_over_time
from abaw.dynamic.windows import window_starts
from abaw.nn.positions import sinusoidal_positions
from abaw.running.errors import UserError
from abaw.tables.priors import label_prior
from abaw.tables.schemas import SCHEMAS

CPU = torch.device("cpu")


def multi_head_attention(layer: nn.MultiheadAttention, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Vaswani et al. 2017, section 3.2.2, on torch's own scaled dot product, with the layer's weights."""
    n, w, d = x.shape
    parts = nn.functional.linear(x, layer.in_proj_weight, layer.in_proj_bias).chunk(3, dim=-1)
    q, k, v = (part.view(n, w, layer.num_heads, d // layer.num_heads).transpose(1, 2) for part in parts)
    seen = mask[:, None, None, :].expand(n, 1, w, w)
    mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
    return layer.out_proj(mixed.transpose(1, 2).reshape(n, w, d))


def test_the_model_is_its_formula_layer_by_layer():
    torch.manual_seed(0)
    model = DynamicModel("va", DYNAMIC).eval()
    x, mask = torch.randn(2, 9, 256), torch.ones(2, 9, dtype=torch.bool)
    mask[1, 6:] = False
    model.scale_by(np.full(256, -3, np.float32), np.full(256, 6, np.float32))
    with torch.inference_mode():
        found = model(x, mask)
        hidden = torch.where(mask[..., None], (x + 3) / 6 / math.sqrt(1 + 1e-5), 0) + sinusoidal_positions(9, 256)
        for layer in model.encoder.layers:
            hidden = layer.norm1(hidden + multi_head_attention(layer.self_attn, hidden, mask))
            hidden = layer.norm2(hidden + layer.linear2(layer.linear1(hidden).relu()))
        expected = model.head(hidden).tanh()
    torch.testing.assert_close(found[mask], expected[mask], rtol=1e-4, atol=1e-5)


def test_one_output_stands_at_every_frame_of_its_window_whatever_is_masked():
    torch.manual_seed(0)
    model = DynamicModel("expr", DYNAMIC.model_copy(update={"output": "one"})).eval()
    x, mask = torch.randn(2, 9, 256), torch.ones(2, 9, dtype=torch.bool)
    mask[1, 2] = False
    with torch.inference_mode():
        found = model(x, mask)
        x[1, 2] = 100
        again = model(x, mask)
    assert found.shape == (2, 9, 8)
    assert (found == found[:, :1]).all()
    assert torch.equal(found, again)
    assert not torch.equal(found[0, 0], found[1, 0])


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(2, 12))
def test_windows_are_stretches_of_one_sequence_and_cover_every_frame(lengths, window):
    n_frames = sum(lengths)
    values = np.repeat(np.arange(n_frames, dtype=np.float32)[:, None], 256, axis=1)
    windows = Windows.over(values, np.ones(n_frames, bool), lengths, window, CPU)
    embeddings, mask, _ = windows.batch(torch.arange(len(windows)))
    rows = windows.take(windows.rows, torch.arange(len(windows)))
    assert (mask == (rows >= 0)).all()
    assert (embeddings[mask] == rows[mask][:, None]).all()
    assert sorted(set(rows[mask].tolist())) == list(range(n_frames))
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    for line, seen in zip(rows, mask, strict=True):
        assert len(set(sequence[line[seen].numpy()])) == 1
    assert windows.embeddings.dtype == torch.float16


def test_a_split_without_a_face_has_no_windows():
    windows = Windows.over(np.zeros((12, 256), np.float32), np.zeros(12, bool), [12], 5, CPU)
    assert len(windows) == 0
    known, means = mean_per_row(predict_windows(DynamicModel("va", DYNAMIC).eval(), windows, 4), 12, 2)
    assert known.shape == (0,)
    assert means.shape == (0, 2)


def test_the_range_of_training_is_of_its_frames_with_a_face():
    values = np.random.default_rng(0).normal(size=(9, 256)).astype(np.float32)
    values[:, 7] = 3
    values[4] = 99
    has_face = np.arange(9) != 4
    low, span = minmax_range(values, has_face)
    assert (low == values[has_face].min(axis=0)).all()
    np.testing.assert_allclose(np.delete(low + span, 7), np.delete(values[has_face].max(axis=0), 7), rtol=1e-6)
    assert span[7] == 1


def test_positions_are_those_of_the_formula():
    positions = sinusoidal_positions(50, 256)
    for position, dimension in ((0, 0), (7, 10), (49, 255)):
        angle = position / 10_000 ** ((dimension - dimension % 2) / 256)
        expected = math.cos(angle) if dimension % 2 else math.sin(angle)
        assert positions[position, dimension].item() == pytest.approx(expected, abs=1e-5)


def test_what_a_masked_frame_holds_changes_nothing():
    torch.manual_seed(0)
    model = DynamicModel("va", DYNAMIC).eval()
    embeddings = torch.randn(1, 10, 256)
    mask = torch.ones(1, 10, dtype=torch.bool)
    mask[0, 4] = False
    changed = embeddings.clone()
    changed[0, 4] = 100
    with torch.inference_mode():
        before, after = model(embeddings, mask), model(changed, mask)
    assert torch.equal(before[mask], after[mask])
    assert before.abs().max() <= 1


@pytest.mark.parametrize(
    ("n_frames", "expected"), [(1, [0]), (10, [0]), (11, [0, 1]), (15, [0, 5]), (17, [0, 5, 7]), (20, [0, 5, 10])]
)
def test_windows_cover_a_sequence_and_end_with_it(n_frames, expected):
    assert window_starts(n_frames, 10, 5) == expected


def test_every_frame_with_a_face_is_predicted_and_no_other():
    torch.manual_seed(0)
    lengths = [7, 25, 4, 12]
    has_face = np.ones(sum(lengths), dtype=bool)
    has_face[[3, 10, 11]] = False
    has_face[32:36] = False  # the third sequence has no face at all
    embeddings = np.random.default_rng(0).normal(size=(len(has_face), 256)).astype(np.float32)
    windows = Windows.over(embeddings, has_face, lengths, 10, CPU)
    said = list(predict_windows(DynamicModel("expr", DYNAMIC).eval(), windows, 3))
    rows, outputs = (np.concatenate(part) for part in zip(*said, strict=True))
    known, means = mean_per_row(said, len(has_face), 8)
    assert known.tolist() == np.flatnonzero(has_face).tolist()
    assert np.isfinite(means).all()
    row = known[20]
    np.testing.assert_allclose(means[20], outputs[rows == row].mean(axis=0), rtol=1e-6)


def test_minmax_scales_each_video_over_its_frames_with_a_face():
    values = np.random.default_rng(0).normal(size=(9, 256)).astype(np.float32)
    has_face = np.array([1, 1, 0, 1, 1, 1, 1, 1, 0], bool)
    values[2] = 99
    values[4:, 7] = 3  # constant over the second video
    scaled = minmax_per_video(values, has_face, [4, 5])
    assert not scaled[~has_face].any()
    for rows in (np.array([0, 1, 3]), np.arange(4, 8)):
        others = np.delete(np.arange(256), 7) if rows[0] == 4 else np.arange(256)
        assert (scaled[rows][:, others].min(axis=0) == 0).all()
        assert scaled[rows][:, others].max(axis=0) == pytest.approx(1)
    assert not scaled[4:, 7].any()


def embedded(lengths: dict[str, int], seen: bool = True) -> pa.Table:
    """An embeddings table of made-up samples at 5 frames a second, with faces or without any."""
    rows = [(sample, frame) for sample, length in lengths.items() for frame in range(1, length + 1)]
    values = np.random.default_rng(len(rows)).normal(size=(len(rows), 256)).astype(np.float16)
    columns = {
        "sample": [sample for sample, _ in rows],
        "frame": [frame for _, frame in rows],
        "time_s": [(frame - 1) / 5 for _, frame in rows],
        "has_face": [seen] * len(rows),
        "embedding": list(values) if seen else [None] * len(rows),
    }
    return pa.table(columns, schema=SCHEMAS["embeddings"])


def annotated(lengths: dict[str, int], classes: list[int]) -> pa.Table:
    rows = [(sample, frame) for sample, length in lengths.items() for frame in range(1, length + 1)]
    found = {
        "sample": [s for s, _ in rows],
        "frame": [f for _, f in rows],
        "expression": [classes[f % len(classes)] for _, f in rows],
    }
    return pa.table(found, schema=SCHEMAS["labels_expr"])


def sequences(lengths: dict[str, int], classes: list[int], seen: bool = True, normaliser="train_minmax") -> Sequences:
    return Sequences.of("expr", [embedded(lengths, seen)], annotated(lengths, classes), 10, normaliser, CPU)


@pytest.mark.parametrize("normaliser", ["none", "train_minmax", "per_video_minmax"])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_few_and_short_videos_and_absent_classes_train_to_finite_weights(normaliser, batch_norm):
    """Two videos shorter than a window, two of the eight classes; validation has a class that training lacks."""
    settings = DYNAMIC.model_copy(update={"input_batch_norm": batch_norm})
    train = sequences({"a": 6, "b": 4}, [0, 4], normaliser=normaliser)
    val = sequences({"c": 7}, [0, 4, 6], normaliser=normaliser)
    model = build_dynamic("expr", train, normaliser, settings)
    assert isinstance(model.normalise, nn.BatchNorm1d if batch_norm else nn.Identity)
    history = train_over_time("expr", model, train, val, settings, 1, CPU)
    assert all(np.isfinite(list(epoch.values())).all() for epoch in history.epochs)
    assert all(torch.isfinite(tensor.float()).all() for tensor in model.state_dict().values())
    prior = label_prior("expr", train.labels)
    predictions = predict_over_time("expr", model, val, prior, batch_size=4)
    assert predictions.num_rows == 7


def test_a_video_without_any_face_is_said_or_gets_the_prior():
    train, val = sequences({"a": 30}, [0, 4]), sequences({"b": 30}, [0, 4])
    blind = sequences({"c": 30}, [0, 4], seen=False)
    model = build_dynamic("expr", train, "train_minmax", DYNAMIC)
    train_over_time("expr", model, train, val, DYNAMIC, 1, CPU)
    prior = label_prior("expr", train.labels)
    [row] = predict_over_time("expr", model, blind, prior, batch_size=4).to_pylist()
    assert (row["sample"], row["start_s"]) == ("c", 0.0)
    assert [row[name] for name in prior] == pytest.approx(list(prior.values()))
    with pytest.raises(UserError, match="there are 0 labelled training items"):
        train_over_time("expr", build_dynamic("expr", blind, "train_minmax", DYNAMIC), blind, val, DYNAMIC, 1, CPU)
    with pytest.raises(
        UserError, match="no analysed frame of the validation split of expr has both a face and a label"
    ):
        train_over_time("expr", model, train, blind, DYNAMIC, 1, CPU)


def test_a_single_window_is_too_little_to_train_on_and_said_so():
    one, val = sequences({"a": 8}, [0, 4]), sequences({"b": 30}, [0, 4])
    with pytest.raises(UserError, match="there are 1 labelled training items"):
        train_over_time("expr", build_dynamic("expr", one, "none", DYNAMIC), one, val, DYNAMIC, 1, CPU)


def test_the_papers_sweep_is_six_windows_by_the_two_normalisers_that_differ():
    path = Path(__file__).parents[2] / "config" / "affwild2.yaml"
    sweep = yaml.safe_load(path.read_text(encoding="utf-8"))["dynamic"]["sweep"]
    assert sweep["windows_s"] == [1, 2, 3, 4, 6, 8]
    assert set(sweep["normalisers"]) == {"train_minmax", "per_video_minmax"}
