"""Windows of any overlap, of every n-th frame, and of 400 frames; of each frame the mean of what its windows say."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from settings import DYNAMIC
from test_dynamic import annotated, embedded

from abaw.config import DynamicNetworkConfig
from abaw.dynamic.model import Windows, mean_per_row, predict_windows
from abaw.dynamic.training import Sequences, build_dynamic, predict_over_time, train_over_time
from abaw.dynamic.windows import frames_of_window, step_mb, window_step
from abaw.tables.priors import label_prior

CPU = torch.device("cpu")


def rows_of(lengths, window, overlap, every_nth):
    """The rows (n, window) of each window over sequences in which every frame has a face, -1 for padding."""
    n_frames = sum(lengths)
    values = np.zeros((n_frames, 256), np.float16)
    windows = Windows.over(values, np.ones(n_frames, bool), lengths, window, CPU, overlap, every_nth)
    return windows.take(windows.rows, torch.arange(len(windows))).numpy()


def test_the_memory_of_a_step_is_about_what_was_measured_and_grows_with_the_square_of_a_window():
    """The peak of a step of training, 8 windows on a CPU: 668 MB of 400 frames, 1,474 MB of two modalities."""
    training = DYNAMIC.training.model_copy(update={"batch_size": 8})
    three, two = (DYNAMIC.model_copy(update={"layers": layers, "training": training}) for layers in (3, 2))
    assert step_mb(three, 80, 5) == pytest.approx(668, rel=0.15)
    assert step_mb(two, 80, 5, n_sequences=2) == pytest.approx(1474, rel=0.15)
    assert step_mb(three, 80, 5, learning=False) == pytest.approx(step_mb(three, 80, 5) / 3, abs=1)
    assert step_mb(three.model_copy(update={"every_nth": 2}), 160, 5) == step_mb(three, 80, 5)


def test_windows_by_hand():
    assert rows_of([10], 4, 0.75, 2).tolist() == [[0, 2, 4, 6], [2, 4, 6, 8], [1, 3, 5, 7], [3, 5, 7, 9]]
    assert rows_of([3, 5], 2, 0.0, 2).tolist() == [[0, 2], [1, -1], [3, 5], [5, 7], [4, 6]]
    assert rows_of([7], 3, 0.0, 1).tolist() == [[0, 1, 2], [3, 4, 5], [4, 5, 6]]


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    window=st.integers(2, 12),
    overlap=st.floats(0, 0.99),
    every_nth=st.integers(1, 4),
)
def test_windows_are_of_one_sequence_in_even_steps_and_have_every_frame(lengths, window, overlap, every_nth):
    rows = rows_of(lengths, window, overlap, every_nth)
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    for line in rows:
        own = line[line >= 0]
        assert (line[: len(own)] == own).all()  # padding stands at the end
        assert (np.diff(own) == every_nth).all()
        assert len(set(sequence[own])) == 1
    assert set(rows[rows >= 0]) == set(range(sum(lengths)))
    starts = rows[:, 0][np.flatnonzero(sequence[rows[:, 0]] == 0)]
    steps = np.diff(starts)[np.diff(starts) > 0]
    assert (steps <= max(1, window * (1 - overlap)) * every_nth + 1e-6).all()


def test_a_step_is_what_does_not_overlap_and_half_of_a_window_as_ever():
    assert [window_step(window, 0.5) for window in range(2, 50)] == [max(1, window // 2) for window in range(2, 50)]
    assert (window_step(400, 0.625), window_step(20, 0.9), window_step(100, 0.71), window_step(7, 0)) == (150, 2, 29, 7)
    assert frames_of_window(80, 5.0, 1) == frames_of_window(160, 5.0, 2) == 400
    assert frames_of_window(0.1, 5.0, 3) == 2


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_means_of_batches_are_the_means_of_all(seed, batch_size):
    rng = np.random.default_rng(seed)
    rows, outputs = rng.integers(0, 12, 60), rng.normal(size=(60, 2)).astype(np.float32)
    batches = [(rows[k : k + batch_size], outputs[k : k + batch_size]) for k in range(0, 60, batch_size)]
    known, means = mean_per_row(batches, 12, 2)
    assert known.tolist() == sorted(set(rows.tolist()))
    expected = [outputs[rows == row].mean(axis=0, dtype=np.float64) for row in known]
    np.testing.assert_allclose(means, expected, atol=1e-12)
    again = mean_per_row([(rows, outputs)], 12, 2)[1]
    assert (means == again).all()  # to the last bit, whatever the batches


def windowed(lengths, window, overlap, every_nth=1):
    table, truth = embedded(lengths), annotated(lengths, [0, 4])
    return Sequences.of("expr", [table], truth, window, "per_video_minmax", CPU, overlap, every_nth)


def test_a_frame_of_many_windows_has_one_prediction_their_mean():
    torch.manual_seed(0)
    lengths = {"a": 37, "b": 9}
    prior = label_prior("expr", windowed(lengths, 10, 0.5).labels)
    model = build_dynamic("expr", windowed(lengths, 10, 0.5), "per_video_minmax", DYNAMIC).eval()
    tables = {
        overlap: predict_over_time("expr", model, windowed(lengths, 10, overlap, 2), prior, 3) for overlap in (0.5, 0.8)
    }
    keys = pa.TableGroupBy(tables[0.5], ["sample", "start_s"])
    assert keys.aggregate([([], "count_all")]).num_rows < len(tables[0.5])  # one for each window that has it
    assert len(tables[0.8]) == sum(lengths.values())
    sequences = windowed(lengths, 10, 0.8, 2)
    said = predict_windows(model, sequences.windows, 3)
    rows, outputs = (np.concatenate(part) for part in zip(*said, strict=True))
    assert np.bincount(rows).max() >= 5
    name = list(prior)[3]
    for row in (0, 17, 36, 45):
        sample, time_s = sequences.samples[row], sequences.times_s[row]
        [found] = tables[0.8].filter((pc.field("sample") == sample) & (pc.field("start_s") == time_s))[name].to_pylist()
        assert found == pytest.approx(outputs[rows == row][:, 3].mean(), abs=1e-6)


@pytest.mark.slow
def test_windows_of_400_frames_train_predict_and_repeat_themselves():
    lengths = {"a": 900, "b": 120}
    made = []
    for _ in range(2):
        torch.manual_seed(0)
        train = windowed(lengths, 400, 0.625, 2)
        assert train.windows.starts.tolist() == [0, 50, 450, 500, 900, 1300]
        model = build_dynamic("expr", train, "per_video_minmax", DYNAMIC)
        history = train_over_time("expr", model, train, windowed({"c": 500}, 400, 0.625, 2), DYNAMIC, 1, CPU)
        prior = label_prior("expr", train.labels)
        made.append((history.epochs, predict_over_time("expr", model, windowed({"d": 850}, 400, 0.9, 2), prior, 2)))
    assert made[0][0] == made[1][0]
    assert made[0][1].equals(made[1][1])
    assert len(made[0][1]) == 850


@pytest.mark.parametrize(("key", "value"), [("overlap", 1.0), ("overlap", -0.1), ("every_nth", 0), ("every_nth", 1.5)])
def test_windows_that_cannot_be_are_refused(key, value):
    with pytest.raises(ValidationError, match=key):
        DynamicNetworkConfig.model_validate(DYNAMIC.model_dump() | {key: value})
