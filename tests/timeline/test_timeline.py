"""Overlap mean, interpolation and smoothing: invariants, and brute force beside the vectorised code."""

import sys
from fractions import Fraction

import align_predictions
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import softmax

from abaw.running.errors import UserError
from abaw.tables.arrays import matrix, truth_at, videos_of
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS
from abaw.timeline.alignment import frames_of
from abaw.timeline.filters import smooth, taps
from abaw.timeline.interpolation import interpolate, overlap_mean
from abaw.timeline.rows import Rows, row_times, rows_of

rates = st.sampled_from([Fraction(30000, 1001), Fraction(24000, 1001), Fraction(1019, 50)]) | st.fractions(
    1, 60, max_denominator=1001
)
windows = st.sampled_from([0, 0.04, 0.3, 0.5, 1, 8]) | st.floats(0, 5)
columns = hnp.arrays(np.float64, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=st.floats(-1, 1))


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 80), st.floats(-1, 1)), min_size=1, max_size=50))
def test_overlap_mean_equals_a_loop(rows):
    start_s, length_s, values = np.array(rows).T * np.array([[0.02], [0.02], [1]])
    times_s, means = overlap_mean(start_s, start_s + length_s, values[:, None])
    groups: dict[int, list[float]] = {}
    for start, length, value in rows:
        groups.setdefault(2 * start + length, []).append(value)
    assert times_s == pytest.approx([centre / 100 for centre in sorted(groups)], abs=1e-12)
    assert means[:, 0] == pytest.approx([np.mean(groups[centre]) for centre in sorted(groups)], abs=1e-12)
    assert (np.diff(times_s) > 0).all()


def test_overlap_mean_merges_within_a_microsecond_and_not_beyond():
    times_s, means = overlap_mean(np.array([0.1 + 0.2, 0.3, 0.300002]), np.array([0.3, 0.3, 0.300002]), np.eye(3))
    assert times_s == pytest.approx([0.3, 0.300002], abs=1e-15)
    assert means.tolist() == [[0.5, 0.5, 0], [0, 0, 1]]


def test_an_interval_stands_at_its_centre():
    times_s, _ = overlap_mean(np.array([2.0, 0.0]), np.array([6.0, 1.0]), np.zeros((2, 1)))
    assert times_s.tolist() == [0.5, 4.0]


@given(rates, st.integers(0, 50_000))
@settings(max_examples=50)
def test_row_times_are_the_nearest_floats_to_the_exact_times(fps, n_rows):
    times_s = row_times(n_rows, fps)
    assert len(times_s) == n_rows
    for k in {1, 2, n_rows // 2, n_rows} & set(range(1, n_rows + 1)):
        assert times_s[k - 1] == float((k - 1) / fps)


@given(rates, st.floats(-1, 1), st.floats(-1, 1), st.integers(2, 30))
def test_a_linear_ramp_stays_linear_at_any_frame_rate(fps, slope, offset, n):
    times_s = np.arange(n) / 5
    ramp = np.column_stack([slope * times_s + offset, -slope * times_s])
    at_s = row_times(int(times_s[-1] * fps) + 1, fps)
    assert interpolate(times_s, ramp, at_s) == pytest.approx(
        np.column_stack([slope * at_s + offset, -slope * at_s]), abs=1e-12
    )


def test_the_first_and_last_value_hold_outside():
    values = np.array([[1.0, -1.0], [3.0, -3.0]])
    held = interpolate(np.array([1.0, 2.0]), values, np.array([0.0, 1.0, 1.5, 2.0, 9.0]))
    assert held.tolist() == [[1, -1], [1, -1], [2, -2], [3, -3], [3, -3]]
    single = interpolate(np.array([4.0]), np.array([[0.25]]), np.array([0.0, 4.0, 9.0]))
    assert single.tolist() == [[0.25]] * 3
    with pytest.raises(ValueError, match="no prediction"):
        interpolate(np.array([]), np.empty((0, 2)), np.array([0.0]))


@given(rates, windows)
def test_the_window_has_the_nearest_odd_number_of_taps(fps, window_s):
    odd = taps(fps, window_s)
    assert odd >= 1
    assert odd % 2 == 1
    exact = fps * Fraction(str(window_s))
    assert abs(odd - exact) <= 1
    assert abs(odd - exact) < abs(odd + 2 - exact)


@pytest.mark.parametrize(
    ("fps", "window_s", "expected"),
    [
        (Fraction(30), 0.5, 15),
        (Fraction(30000, 1001), 0.5, 15),
        (Fraction(24), 0.5, 13),
        (Fraction(25), 0.5, 13),
        (Fraction(20), 0.3, 7),
        (Fraction(6), 0.5, 3),
        (Fraction(30), 0, 1),
        (Fraction(30), 0.06, 1),
    ],
)
def test_taps_by_hand(fps, window_s, expected):
    assert taps(fps, window_s) == expected


@given(columns, rates, st.sampled_from([0, 0.1, 0.5, 2]))
def test_smoothing_equals_a_loop(values, fps, window_s):
    half = taps(fps, window_s) // 2
    expected = np.empty_like(values)
    for row in range(len(values)):
        near = [k for k in range(row - half, row + half + 1) if 0 <= k < len(values)]
        phase = np.array([(k - row + half) / max(2 * half, 1) for k in near])
        weights = 0.54 - 0.46 * np.cos(2 * np.pi * phase) if half else np.ones(1)
        expected[row] = weights @ values[near] / weights.sum()
    assert smooth(values, fps, window_s) == pytest.approx(expected, abs=1e-12)


@given(st.floats(-1, 1), st.integers(1, 80), rates, windows)
def test_constants_stay_constant_up_to_the_edges(constant, n_rows, fps, window_s):
    assert smooth(np.full((n_rows, 2), constant), fps, window_s) == pytest.approx(constant, abs=1e-14)


@given(columns, rates, windows)
def test_smoothing_keeps_bounds_and_reverses_with_time(values, fps, window_s):
    smoothed = smooth(values, fps, window_s)
    assert (smoothed <= values.max(axis=0) + 1e-12).all()
    assert (smoothed >= values.min(axis=0) - 1e-12).all()
    assert smooth(values[::-1], fps, window_s) == pytest.approx(smoothed[::-1], abs=1e-12)


@given(columns, rates)
def test_no_window_leaves_the_values(values, fps):
    assert smooth(values, fps, 0).tolist() == values.tolist()


NTSC = Fraction(30000, 1001)
SMOOTH = 0.5


def predictions(task, n_by_sample, seed=0, scale=1.0):
    """Instants every 0.2 s for each sample, the samples interleaved, so that order cannot help."""
    rng = np.random.default_rng(seed)
    spans = [(sample, k / 5) for k in range(max(n_by_sample.values())) for sample, n in n_by_sample.items() if k < n]
    time_s = np.array([time for _, time in spans])
    values = rng.uniform(-scale, scale, (len(spans), len(TASKS[task].outputs))).astype(np.float32)
    table = {"sample": [sample for sample, _ in spans], "start_s": time_s, "end_s": time_s}
    columns = (
        table | dict(zip(TASKS[task].outputs, values.T, strict=True)) | {"voiced": pa.nulls(len(spans), pa.bool_())}
    )
    return pa.table(columns).cast(SCHEMAS[f"predictions_{task}"])


@pytest.mark.parametrize("task", ["va", "expr"])
@given(rows=st.lists(st.tuples(st.integers(1, 90), rates), min_size=1, max_size=4), seed=st.integers(0, 9))
@settings(max_examples=25)
def test_the_rows_are_exactly_those_asked_for(task, rows, seed):
    names = ["b", "a_left", "a_right", "video86_2"][: len(rows)]
    wanted = [Rows(name, n_rows, fps) for name, (n_rows, fps) in zip(names, rows, strict=True)]
    table = predictions(task, dict.fromkeys([*reversed(names), "another split's"], 7), seed)
    aligned = frames_of(task, table, wanted, SMOOTH)
    assert aligned.schema.equals(SCHEMAS[f"frames_{task}"])
    keys = list(zip(aligned["sample"].to_pylist(), aligned["frame"].to_pylist(), strict=True))
    assert keys == [(row.sample, k) for row in wanted for k in range(1, row.n_rows + 1)]
    values = matrix(aligned, TASKS[task].outputs)
    assert np.isfinite(values).all()
    assert (np.abs(values) <= 1).all()


def test_each_sample_goes_through_mean_interpolation_and_smoothing_alone():
    table = predictions("expr", {"x": 12, "y": 5}, seed=1, scale=4)
    both = frames_of("expr", table, [Rows("y", 40, NTSC), Rows("x", 70, Fraction(25))], SMOOTH)
    own = table.filter(pa.compute.equal(table["sample"], "y"))
    logits = smooth(
        interpolate(
            *overlap_mean(*matrix(own, ["start_s", "end_s"]).T, matrix(own, TASKS["expr"].outputs)),
            row_times(40, NTSC),
        ),
        NTSC,
        0.5,
    )
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert matrix(both, TASKS["expr"].outputs)[:40] == pytest.approx(expected, abs=1e-6)


def test_probabilities_sum_to_one_and_a_steady_logit_wins():
    table = predictions("expr", {"x": 12}, scale=2)
    table = table.set_column(6, "fear", pa.array(np.full(12, 9, np.float32)))
    values = matrix(frames_of("expr", table, [Rows("x", 60, Fraction(30))], SMOOTH), TASKS["expr"].outputs)
    assert values.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (values.argmax(axis=1) == TASKS["expr"].outputs.index("fear")).all()


def test_valence_and_arousal_are_clipped():
    table = predictions("va", {"x": 12}, scale=5)
    values = matrix(frames_of("va", table, [Rows("x", 66, Fraction(30))], SMOOTH), TASKS["va"].outputs)
    assert values.min() == -1
    assert values.max() == 1


def test_a_sample_without_predictions_is_named():
    with pytest.raises(UserError, match="no prediction for the sample y_left"):
        frames_of("va", predictions("va", {"x": 3}), [Rows("x", 3, NTSC), Rows("y_left", 3, NTSC)], SMOOTH)


@pytest.mark.parametrize(("column", "value"), [("arousal", np.nan), ("valence", np.inf), ("end_s", np.nan)])
def test_a_prediction_that_is_no_number_is_named(column, value):
    table = predictions("va", {"x": 4, "y": 4})
    broken = table[column].to_numpy().copy()
    broken[[3, 5]] = value  # both of sample y
    table = table.set_column(table.column_names.index(column), table.schema.field(column), pa.array(broken))
    assert frames_of("va", table, [Rows("x", 9, NTSC)], SMOOTH).num_rows == 9
    with pytest.raises(UserError, match="sample y is not a finite number"):
        frames_of("va", table, [Rows("x", 9, NTSC), Rows("y", 9, NTSC)], SMOOTH)


def tracks():
    rows = [("b", 31, 30000, 1001), ("a_left", 12, 25, 1)]
    defaults = {"path": "v.mp4", "n_frames": 1, "duration_s": 1.0, "has_audio": True, "problems": ""}
    defaults |= {"side": None, "frame_times_s": None}
    made = [
        defaults | {"sample": sample, "video": sample, "fps_num": num, "fps_den": den, "n_rows": n_rows}
        for sample, n_rows, num, den in rows
    ]
    return pa.Table.from_pylist(made, schema=SCHEMAS["tracks"])


def test_rows_come_in_the_order_of_the_tracks():
    assert rows_of(tracks()) == [Rows("b", 31, NTSC), Rows("a_left", 12, Fraction(25))]
    with pytest.raises(UserError, match="no track to align"):
        frames_of("va", predictions("va", {"b": 4}), rows_of(tracks().slice(0, 0)), SMOOTH)


UNEVEN_S = (0.0, 0.1, 0.5, 0.52, 0.54, 2.0, 2.04, 3.0)
"""The frames of a variable rate, 25 a second at times."""


def test_rows_of_a_variable_rate_begin_at_their_frames_times_and_go_on_at_the_rate(tmp_path):
    table = tracks().to_pylist()
    table[1]["frame_times_s"] = list(UNEVEN_S)
    write_table("tracks", pa.Table.from_pylist(table, schema=SCHEMAS["tracks"]), tmp_path / "tracks.parquet")
    steady, uneven = rows_of(read_table("tracks", tmp_path / "tracks.parquet"))
    assert steady == Rows("b", 31, NTSC)
    assert uneven.times_s().tolist() == pytest.approx([*UNEVEN_S, 3.04, 3.08, 3.12, 3.16])
    assert uneven.edges_s()[-1] == pytest.approx(3.2)
    assert uneven._replace(n_rows=3).edges_s().tolist() == [0.0, 0.1, 0.5, 0.52]
    assert len(steady.edges_s()) == 32


@pytest.mark.parametrize("smoothing_s", [0.0, 0.5])
def test_a_ramp_is_read_at_the_time_of_each_frame_of_a_variable_rate(smoothing_s):
    at_s = np.arange(0, 6, 0.2)
    made = {"sample": ["x"] * len(at_s), "start_s": at_s, "end_s": at_s, "valence": at_s / 6, "arousal": -at_s / 6}
    rows = Rows("x", 8, Fraction(25), UNEVEN_S)
    aligned = frames_of("va", pa.table(made), [rows], smoothing_s)
    found = matrix(aligned, ["valence", "arousal"])
    inner = [k for k, time_s in enumerate(UNEVEN_S) if smoothing_s == 0 or 0.25 <= time_s <= 2.75]
    expected = np.array(UNEVEN_S)[inner] / 6
    assert found[inner] == pytest.approx(np.column_stack([expected, -expected]), abs=1e-6)


def brute_force_smoothed(at_s, times_s, values, rate_hz, window_s):
    """The mean under a Hamming window around each time, of the values read off between the predictions."""
    n_taps = taps(Fraction(rate_hz), window_s)
    found = []
    for row_s in at_s:
        near = [row_s + (k - n_taps // 2) / rate_hz for k in range(n_taps)]
        kept = [k for k, time_s in enumerate(near) if at_s[0] - 1e-9 < time_s < at_s[-1] + 1e-9]
        weights = [0.54 - 0.46 * np.cos(2 * np.pi * k / (n_taps - 1)) for k in kept]
        read = [np.interp(near[k], times_s, values) for k in kept]
        found.append(np.dot(weights, read) / np.sum(weights))
    return np.array(found)


@pytest.mark.parametrize("window_s", [0.5, 2.0])
def test_a_freeze_and_a_burst_are_smoothed_over_the_same_seconds(window_s):
    """71 frames in 26 s: 30 a second, one that stands for 24 s, 30 a second; the mean rate is 2.7 Hz."""
    at_s = (*(np.arange(40) / 30), *(25.3 + np.arange(31) / 30))
    times_s = np.arange(132) / 5
    rng = np.random.default_rng(3)
    valence = rng.uniform(-1, 1, len(times_s))
    made = {
        "sample": ["x"] * len(times_s),
        "start_s": times_s,
        "end_s": times_s,
        "valence": valence,
        "arousal": valence,
    }
    rows = Rows("x", 71, Fraction(71, 26), at_s)
    assert taps(rows.fps, 0.5) == 1
    found = matrix(frames_of("va", pa.table(made), [rows], window_s), ["valence"])[:, 0]
    assert found == pytest.approx(brute_force_smoothed(np.array(at_s), times_s, valence, 30, window_s), abs=1e-6)
    plain = matrix(frames_of("va", pa.table(made), [rows], 0), ["valence"])[:, 0]
    assert np.abs(found - plain).max() > 0.02  # it is not off


@given(st.lists(st.floats(0.001, 20), min_size=1, max_size=40), st.floats(-1, 1), windows, rates)
def test_a_constant_stays_one_at_the_rows_of_any_variable_rate(steps_s, constant, window_s, fps):
    at_s = tuple(np.cumsum([0, *steps_s]).tolist())
    made = {"sample": ["x"], "start_s": [1.0], "end_s": [1.0], "valence": [constant], "arousal": [0.0]}
    found = frames_of("va", pa.table(made), [Rows("x", len(at_s) + 2, fps, at_s)], float(window_s))
    assert found["valence"].to_numpy() == pytest.approx(constant, abs=1e-6)


def label_table(rows):
    names = ("sample", "frame", "valence", "arousal")
    made = [dict(zip(names, row, strict=True)) for row in rows]
    return pa.Table.from_pylist(made, schema=SCHEMAS["labels_va"])


def test_truth_is_found_by_sample_and_frame_in_the_order_of_the_frames():
    keys = pa.table({"sample": ["b", "b", "a", "a"], "frame": pa.array([1, 2, 1, 2], pa.int32())})
    labels = label_table([("z", 1, 0.9, 0.9), ("a", 2, None, None), ("b", 1, 0.1, 0.2), ("a", 1, 0.3, 0.4)])
    assert truth_at("va", keys, labels) == pytest.approx(
        np.array([[0.1, 0.2], [np.nan, np.nan], [0.3, 0.4], [np.nan, np.nan]]), nan_ok=True
    )
    with pytest.raises(UserError, match="frame 3 of the sample b has a label"):
        truth_at("va", keys, label_table([("b", 5, 0.1, 0.2), ("b", 3, 0.1, 0.2), ("z", 1, 0, 0)]))


def test_truth_of_no_label_and_videos_by_their_names():
    keys = pa.table({"sample": ["b_left", "a", "b"], "frame": pa.array([1, 1, 1], pa.int32())})
    assert np.isnan(truth_at("va", keys, label_table([]))).all()
    of = pa.table({"sample": ["c", "b_left", "b", "a"], "video": ["c", "b", "b", "a"]})
    assert videos_of(keys, of).tolist() == [1, 0, 1]


def run_align(monkeypatch, folder, metadata, task="va", sizes=None):
    table = predictions(task, sizes or {"a_left": 9, "b": 6})
    write_table("tracks", tracks(), folder / "tracks.parquet")
    write_table(f"predictions_{task}", table, folder / "predictions.parquet", metadata)
    options = {
        "predictions": folder / "predictions.parquet",
        "tracks": folder / "tracks.parquet",
        "task": task,
        "smoothing-s": 0.5,
        "filter": "hamming",
        "smoothed": "logits",
        "output": folder / "out" / "frames.parquet",
    }
    arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    monkeypatch.setattr(sys, "argv", ["align_predictions.py", *arguments])
    align_predictions.main()
    return folder / "out" / "frames.parquet"


@pytest.mark.parametrize(("task", "units", "written"), [("va", "value", "value"), ("expr", "logit", "probability")])
def test_the_command_writes_the_frames_and_passes_the_metadata_on(monkeypatch, tmp_path, task, units, written):
    path = run_align(monkeypatch, tmp_path, {"units": units, "fitted_on": "train"}, task)
    expected = frames_of(task, predictions(task, {"a_left": 9, "b": 6}), rows_of(tracks()), SMOOTH)
    assert read_table(f"frames_{task}", path).equals(expected)
    assert read_metadata(path) == {"abaw_table": f"frames_{task}", "units": written, "fitted_on": "train"}
    before = path.read_bytes()
    assert run_align(monkeypatch, tmp_path, {"units": units, "fitted_on": "train"}, task).read_bytes() == before


@pytest.mark.parametrize("metadata", [{}, {"units": "logit"}])
def test_the_command_refuses_other_units(monkeypatch, tmp_path, metadata):
    with pytest.raises(UserError, match=r"predictions\.parquet holds predictions in the units .* expected 'value'"):
        run_align(monkeypatch, tmp_path, metadata)
    assert not (tmp_path / "out").exists()


def test_the_command_names_the_files_where_a_sample_is_missing(monkeypatch, tmp_path):
    with pytest.raises(UserError, match=r"predictions\.parquet and .*tracks\.parquet: .* the sample b;"):
        run_align(monkeypatch, tmp_path, {"units": "value"}, sizes={"a_left": 9})
    assert not (tmp_path / "out").exists()


def test_smoothing_probabilities_is_the_mean_of_their_shares():
    table = predictions("expr", {"x": 3})
    rows = [Rows("x", 60, Fraction(30))]
    logits, shares = (
        matrix(frames_of("expr", table, rows, 0.5, smoothed), TASKS["expr"].outputs)
        for smoothed in ("logits", "probabilities")
    )
    assert np.abs(logits - shares).max() > 1e-3
    for values in (logits, shares):
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
    said = softmax(matrix(table, TASKS["expr"].outputs), axis=1)
    assert (shares.min(axis=0) >= said.min(axis=0) - 1e-6).all()
    assert (shares.max(axis=0) <= said.max(axis=0) + 1e-6).all()
    times = (table["start_s"].to_numpy() + table["end_s"].to_numpy()) / 2
    unsmoothed = matrix(frames_of("expr", table, rows, 0.0, "probabilities"), TASKS["expr"].outputs)
    expected = interpolate(times, said, np.arange(60) / 30)
    np.testing.assert_allclose(unsmoothed, expected, atol=1e-6)
