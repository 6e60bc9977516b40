"""The functional model: it learns, its choice is the best of the grid, and it comes back from its files."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.kernel_ridge import KernelRidge

from abaw.config import FunctionalConfig
from abaw.functional.choosing import choose
from abaw.functional.model import Scaling, Windows, about, load_model, save_model
from abaw.metrics import score
from abaw.running.errors import UserError
from abaw.tables.arrays import blocks
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import TASKS
from abaw.weights.manifest import sha256_of

SETTINGS = FunctionalConfig(
    inputs=["faces"],
    window_s=2.0,
    min_share=0.5,
    scalings=["standard"],
    sets=[["mean", "max", "min"], ["mean"]],
    kernels=["linear", "rbf"],
    regularisation=[0.1, 1.0, 10.0],
    exact_rows=12_000,
    weighted=True,
)


def carded(path, model):
    """The card of a model as the command writes it, as far as loading asks for it."""
    return about(model) | {"sha256": sha256_of(path)}


def tables(task, names, seed, rate_hz=5, seconds=20):
    """Embeddings that tell the label of their 2-s window, with noise, and labels at 25 rows a second."""
    rng = np.random.default_rng(seed)
    coding = np.random.default_rng(99).normal(size=(8, 256))
    embeddings, labels = [], []
    for name in names:
        state = rng.integers(0, 8, seconds // 2)
        values = rng.uniform(-1, 1, (seconds // 2, 2))
        for k in range(seconds * rate_hz):
            window = int(k / rate_hz // 2)
            code = coding[state[window]] if task == "expr" else values[window] @ coding[:2]
            has_face = bool(rng.random() < 0.9)
            vector = np.tanh(code + rng.normal(0, 0.5, 256)).astype(np.float16) if has_face else None
            row = {"sample": name, "frame": 1 + k * 25 // rate_hz, "time_s": k / rate_hz, "has_face": has_face}
            embeddings.append(row | {"embedding": vector})
        for frame in range(seconds * 25):
            window = frame // 50
            row = {"sample": name, "frame": frame + 1}
            if task == "expr":
                labels.append(row | {"expression": int(state[window])})
            else:
                labels.append(row | {"valence": values[window, 0], "arousal": values[window, 1]})
    table = pa.Table.from_pylist(embeddings, schema=SCHEMAS["embeddings"])
    return [table], pa.Table.from_pylist(labels, schema=SCHEMAS[f"labels_{task}"])


@pytest.mark.parametrize("task", ["va", "expr"])
def test_without_scaling_the_features_are_as_they_are(task, tmp_path):
    bare = SETTINGS.model_copy(update={"scalings": ["none"], "sets": [["mean"]], "kernels": ["linear"]})
    train = Windows.of(task, *tables(task, list("abcdef"), 1), bare)
    val = Windows.of(task, *tables(task, list("xyz"), 2), bare)
    choice = choose(task, train, val, bare)
    known = ~np.isnan(train.labels).any(axis=1)
    features, labels = train.statistics.values["mean"][known].astype(float), train.labels[known]
    if task == "va":
        ridge = KernelRidge(alpha=1 / choice.cells[choice.chosen].c, kernel="linear").fit(features, labels)
        said = ridge.predict(val.statistics.values["mean"].astype(float)).clip(-1, 1)
        np.testing.assert_allclose(choice.best.outputs(task, val.statistics), said, atol=1e-6)
    assert choice.best.scaling == Scaling()
    save_model(choice.best, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors", carded(tmp_path / "model.safetensors", choice.best))
    assert again.scaling == Scaling()
    np.testing.assert_array_equal(again.outputs(task, val.statistics), choice.best.outputs(task, val.statistics))
    said = choice.cells[choice.chosen].outputs
    np.testing.assert_allclose(said, choice.best.outputs(task, val.statistics), atol=4e-3)


def test_more_windows_than_are_solved_exactly_are_approximated():
    few = SETTINGS.model_copy(update={"exact_rows": 100, "kernels": ["rbf"], "sets": [["mean"]]})
    train = Windows.of("va", *tables("va", [f"t{n}" for n in range(30)], 1), few)
    val = Windows.of("va", *tables("va", list("xyz"), 2), few)
    assert len(train.labels) > 100
    exact = choose("va", train, val, few.model_copy(update={"exact_rows": 12_000})).best.elm
    approximate = choose("va", train, val, few).best.elm
    assert not np.array_equal(np.sort(exact.basis, axis=0), np.sort(approximate.basis, axis=0)) or not np.allclose(
        exact.coefficients, approximate.coefficients
    )


@pytest.mark.parametrize("task", ["va", "expr"])
def test_it_learns_what_is_there_and_keeps_the_best_cell(task, tmp_path):
    train = Windows.of(task, *tables(task, list("abcdef"), 1), SETTINGS)
    val = Windows.of(task, *tables(task, list("xyz"), 2), SETTINGS)
    choice = choose(task, train, val, SETTINGS)
    model, cells, chosen = choice.best, choice.cells, choice.chosen
    measure = TASKS[task].challenge_measure
    assert len(cells) == 2 * 2 * 3
    assert cells[chosen].scores[measure] == max(cell.scores[measure] for cell in cells) > 0.8
    for own, (best, number) in enumerate(choice.best_of_sets):
        of_set = cells[6 * own : 6 * own + 6]
        assert cells[number].scores[measure] == max(cell.scores[measure] for cell in of_set)
        assert list(best.functionals) == SETTINGS.sets[own]
    outputs = model.outputs(task, val.statistics)
    assert score(task, val.labels, outputs)[measure] == pytest.approx(cells[chosen].scores[measure], abs=1e-12)
    save_model(model, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors", carded(tmp_path / "model.safetensors", model))
    np.testing.assert_allclose(again.outputs(task, val.statistics), outputs, rtol=0, atol=1e-12)
    if task == "expr":
        shares = np.exp(outputs)
        assert shares.min() >= 1e-3 - 1e-12
        assert shares.max() <= 1 + 1e-12


def test_labels_of_windows_are_means_and_most_frequent_classes():
    embeddings, labels = tables("expr", ["a"], 3)
    windows = Windows.of("expr", embeddings, labels, SETTINGS)
    by_frame = dict(zip(labels["frame"].to_pylist(), labels["expression"].to_pylist(), strict=True))
    expected = [by_frame[int(start * 25) + 1] for start in windows.statistics.start_s]
    assert windows.labels[:, 0].tolist() == expected
    unlabelled = Windows.of("expr", embeddings, None, SETTINGS)
    assert np.isnan(unlabelled.labels).all()
    assert list(unlabelled.samples) == ["a"] * len(expected)


def test_a_class_that_training_lacks_is_never_said():
    embeddings, labels = tables("expr", ["a", "b"], 5)
    row = labels["expression"].to_numpy().copy()
    row[row == 3] = 4
    fewer = labels.set_column(2, labels.schema.field(2), pa.array(row, pa.int8()))
    train = Windows.of("expr", embeddings, fewer, SETTINGS)
    model = choose("expr", train, train, SETTINGS).best
    assert 3 not in model.classes
    assert (model.outputs("expr", train.statistics).argmax(axis=1) != 3).all()


def test_a_split_without_a_window_is_refused_and_predicts_nothing():
    embeddings, labels = tables("va", ["a"], 1)
    train = Windows.of("va", embeddings, labels, SETTINGS)
    [(_, block)] = blocks(embeddings[0])
    faceless = block.set_column(3, "has_face", pa.array([False] * len(block))).cast(SCHEMAS["embeddings"])
    none = Windows.of("va", [faceless], labels, SETTINGS)
    with pytest.raises(UserError, match="no window of the validation split of va has both enough faces and a label"):
        choose("va", train, none, SETTINGS)
    model = choose("va", train, train, SETTINGS).best
    assert model.outputs("va", none.statistics).shape == (0, 2)


def test_broken_weights_are_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(UserError, match=r"model\.safetensors cannot be read"):
        load_model(tmp_path / "model.safetensors", {"sha256": sha256_of(tmp_path / "model.safetensors")})
    with pytest.raises(UserError, match=r"model\.safetensors has the sha256 .*, but its card says"):
        load_model(tmp_path / "model.safetensors", {"sha256": "0" * 64})
