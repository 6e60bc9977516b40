"""Dirichlet weighted fusion against frames, scikit-learn, brute force and optima that are known."""

import itertools
import json
import sys

import fuse_dirichlet
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.metrics import f1_score

import abaw.fusion
from abaw.errors import UserError
from abaw.fusion.dirichlet import (
    BLOCK_ROWS,
    DirichletWeightedFusion,
    ccc_means,
    fuse,
    macro_f1s,
    weight_pool,
    without_the_unsure,
)
from abaw.metrics import score
from abaw.tables import SCHEMAS, matrix, read_metadata, read_table, write_table
from abaw.tasks import TASKS, TaskName


def data(task: TaskName, n_models=3, n=400, seed=0, unknown=0.1):
    """Models that each know something of the truth, some rows of which are not annotated."""
    rng = np.random.default_rng(seed)
    if task == "va":
        truth = rng.uniform(-1, 1, (n, 2))
        outputs = [0.4 * truth + rng.normal(0.1 * m, 0.3, (n, 2)) for m in range(n_models)]
    else:
        truth = rng.integers(0, 8, n).astype(float)
        outputs = [rng.random((n, 8)) + 0.5 * np.eye(8)[truth.astype(int)] for _ in range(n_models)]
    truth[rng.random(n) < unknown] = np.nan
    return outputs, truth


def measure(task, truth, outputs):
    return score(task, truth, outputs)[TASKS[task].challenge_measure]


@given(st.integers(1, 5), st.integers(5, 300), st.integers(0, 99))
@settings(max_examples=30)
def test_ccc_from_moments_equals_ccc_from_frames(n_models, n, seed):
    outputs, truth = data("va", n_models, n, seed)
    stacked = np.stack(outputs)
    pool = weight_pool(n_models, 2, 20, 1.0, seed)
    expected = [measure("va", truth, fuse(stacked, weights)) for weights in pool]
    assert ccc_means(pool, stacked, truth) == pytest.approx(expected, abs=1e-10)


def test_ccc_from_moments_of_far_off_and_constant_models():
    outputs, truth = data("va")
    stacked = np.stack([outputs[0] + 1000, np.full_like(outputs[1], 0.1), np.full_like(outputs[2], 1 / 3)])
    pool = weight_pool(3, 2, 50, 1.0, 0)
    expected = [measure("va", truth, fuse(stacked, weights)) for weights in pool]
    found = ccc_means(pool, stacked, truth)
    assert found == pytest.approx(expected, abs=1e-10)
    assert found[1] == found[2] == 0


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3])
def test_nothing_scores_where_nothing_moves(constant):
    flat = np.full((20, 2), constant)
    fusion = DirichletWeightedFusion("va", candidates=20).fit([flat, flat], flat)
    assert (fusion.scores_ == 0).all()
    assert fusion.weights_.tolist() == [[1, 1], [0, 0]]
    assert measure("va", flat, flat) == 0


@given(st.integers(1, 4), st.sampled_from([1, 7, 200]), st.integers(0, 99))
@settings(max_examples=20)
def test_f1_of_each_candidate_is_scikit_learns(n_models, n, seed):
    outputs, truth = data("expr", n_models, n, seed, unknown=0.0)
    stacked = np.stack(outputs)
    pool = weight_pool(n_models, 8, 10, 0.5, seed)
    expected = [
        f1_score(truth, fuse(stacked, weights).argmax(axis=1), labels=range(8), average="macro", zero_division=0)
        for weights in pool
    ]
    assert macro_f1s(pool, stacked, truth).tolist() == expected


@pytest.mark.parametrize("n", [BLOCK_ROWS - 1, BLOCK_ROWS, 2 * BLOCK_ROWS + 1])
def test_f1_across_blocks_of_rows(n):
    outputs, truth = data("expr", 2, n)
    fusion = DirichletWeightedFusion("expr", candidates=3).fit(outputs, truth)
    pool = weight_pool(2, 8, 3, 1.0, 0)
    assert fusion.scores_.tolist() == [measure("expr", truth, fuse(np.stack(outputs), weights)) for weights in pool]


def test_the_class_is_found_in_its_package():
    assert abaw.fusion.DirichletWeightedFusion is DirichletWeightedFusion
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = abaw.fusion.Nothing


@pytest.mark.parametrize("task", ["va", "expr"])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_the_pool_is_chosen_and_never_below_a_single_model(task, seed):
    outputs, truth = data(task, seed=seed)
    fusion = DirichletWeightedFusion(task, candidates=60, concentration=0.7, random_state=seed).fit(outputs, truth)
    pool = weight_pool(3, len(TASKS[task].outputs), 60, 0.7, seed)
    brute = np.array([measure(task, truth, fuse(np.stack(outputs), weights)) for weights in pool])
    assert fusion.scores_ == pytest.approx(brute, abs=1e-10)
    assert fusion.weights_.tolist() == pool[brute.argmax()].tolist()
    assert fusion.score_ == pytest.approx(measure(task, truth, fusion.predict(outputs)), abs=1e-10)
    assert fusion.score_ >= max(measure(task, truth, one) for one in outputs) - 1e-12
    assert fusion.score_ > brute[:3].max()  # these models complement each other


@pytest.mark.parametrize("task", ["va", "expr"])
def test_the_pool_holds_single_models_mean_and_draws_that_sum_to_one(task):
    n_outputs = len(TASKS[task].outputs)
    pool = weight_pool(3, n_outputs, 500, 1.0, 0)
    assert pool.shape == (504, 3, n_outputs)
    assert (pool[:3] == np.eye(3)[:, :, None]).all()
    assert (pool[3] == 1 / 3).all()
    assert (pool >= 0).all()
    assert pool.sum(axis=1) == pytest.approx(1, abs=1e-12)
    # Dirichlet(1, 1, 1): each weight has mean 1/3 and variance 1/18; classes are drawn independently of each other.
    assert pool[4:].mean(axis=0) == pytest.approx(1 / 3, abs=0.05)
    assert pool[4:].var(axis=0) == pytest.approx(1 / 18, abs=0.01)
    assert abs(np.corrcoef(pool[4:, 0, 0], pool[4:, 0, 1])[0, 1]) < 0.15


def test_concentration_pulls_towards_the_mean():
    spread = [weight_pool(3, 2, 200, concentration, 0)[4:].std() for concentration in (0.1, 1.0, 50.0)]
    assert spread[0] > spread[1] > spread[2]


def test_two_models_with_opposite_errors_are_averaged():
    truth = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 2))
    error = np.random.default_rng(1).normal(0, 0.3, (300, 2))
    fusion = DirichletWeightedFusion("va", candidates=200).fit([truth + error, truth - error], truth)
    assert (fusion.weights_ == 0.5).all()
    assert fusion.score_ == pytest.approx(1)


def test_each_dimension_goes_to_the_model_that_knows_it():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, (300, 2))
    noise = rng.uniform(-1, 1, (300, 2))
    valence_only, arousal_only = np.array([1, 0]), np.array([0, 1])
    outputs = [truth * valence_only + noise * arousal_only, truth * arousal_only + noise * valence_only]
    fusion = DirichletWeightedFusion("va", candidates=3000).fit(outputs, truth)
    assert fusion.weights_ == pytest.approx(np.eye(2), abs=0.1)
    assert fusion.score_ > 0.97


def test_a_perfect_model_wins_and_the_first_of_equals():
    outputs, truth = data("expr", unknown=0.0)
    perfect = np.eye(8)[truth.astype(int)]
    fusion = DirichletWeightedFusion("expr", candidates=50).fit([outputs[0], perfect, perfect], truth)
    assert fusion.score_ == 1
    assert fusion.weights_.tolist() == np.repeat([[0.0], [1.0], [0.0]], 8, axis=1).tolist()


@pytest.mark.parametrize("task", ["va", "expr"])
def test_rows_without_truth_do_not_matter(task):
    outputs, truth = data(task, unknown=0.3)
    known = ~np.isnan(truth.reshape(len(truth), -1)[:, 0])
    assert 0 < known.sum() < len(truth)
    other = [np.where(known[:, None], one, 0.123 * m) for m, one in enumerate(outputs)]
    dropped = [one[known] for one in outputs]
    fits = [
        DirichletWeightedFusion(task, candidates=40).fit(*pair).weights_.tolist()
        for pair in ((outputs, truth), (other, truth), (dropped, truth[known]))
    ]
    assert fits[0] == fits[1] == fits[2]


@pytest.mark.parametrize("task", ["va", "expr"])
def test_the_seed_decides(task):
    outputs, truth = data(task)
    first, again, other = (DirichletWeightedFusion(task, 50, random_state=k).fit(outputs, truth) for k in (5, 5, 6))
    assert first.weights_.tolist() == again.weights_.tolist()
    assert first.scores_.tolist() == again.scores_.tolist()
    assert first.scores_[:4].tolist() == other.scores_[:4].tolist()
    assert first.scores_[4:].tolist() != other.scores_[4:].tolist()


def test_it_is_an_estimator_and_leaves_its_input():
    outputs, truth = data("va")
    before = [one.copy() for one in outputs]
    fusion = clone(DirichletWeightedFusion("va", candidates=7, concentration=2.0, random_state=3))
    parameters = {"task": "va", "candidates": 7, "concentration": 2.0, "search": "sample", "random_state": 3}
    assert fusion.get_params() == parameters
    assert fusion.fit(outputs, truth) is fusion
    fusion.predict(outputs)
    assert all((one == old).all() for one, old in zip(outputs, before, strict=True))


def test_one_model_without_draws_is_itself():
    outputs, truth = data("expr", 1)
    fusion = DirichletWeightedFusion("expr", candidates=0).fit(outputs, truth[:, None])
    assert fusion.predict(outputs).tolist() == outputs[0].tolist()
    assert len(fusion.scores_) == 2


@pytest.mark.parametrize(
    ("task", "outputs", "truth", "says"),
    [
        ("va", [], np.zeros((3, 2)), "per model"),
        ("va", [np.zeros((3, 8))], np.zeros((3, 2)), r"shape \(n, 2\)"),
        ("va", [np.zeros((3, 2)), np.zeros((4, 2))], np.zeros((3, 2)), "one n"),
        ("va", [np.zeros(3)], np.zeros((3, 2)), r"shape \(n, 2\)"),
        ("va", [np.zeros((3, 2))], np.zeros((4, 2)), r"shape \(3, 2\)"),
        ("va", [np.zeros((3, 2))], np.zeros(3), r"shape \(3, 2\)"),
        ("va", [np.full((3, 2), np.nan)], np.zeros((3, 2)), "not finite"),
        ("va", [np.zeros((3, 2))], np.full((3, 2), np.nan), "no row has a truth"),
        ("expr", [np.zeros((3, 8))], np.zeros((3, 8)), r"shape \(3,\)"),
        ("expr", [np.zeros((3, 8))], np.array([0, 1, 8]), "integers 0 to 7"),
        ("expr", [np.zeros((3, 8))], np.array([0, 1, 0.5]), "integers 0 to 7"),
        ("expr", [np.zeros((3, 8))], np.full(3, np.nan), "no row has a truth"),
    ],
)
def test_wrong_input_is_refused(task, outputs, truth, says):
    with pytest.raises(ValueError, match=says):
        DirichletWeightedFusion(task, candidates=2).fit(outputs, truth)


def test_another_number_of_models_is_refused():
    outputs, truth = data("va")
    with pytest.raises(ValueError, match="for 3 models, not 2"):
        DirichletWeightedFusion("va", candidates=2).fit(outputs, truth).predict(outputs[:2])


@pytest.mark.parametrize("task", ["va", "expr"])
@pytest.mark.parametrize("seed", range(5))
def test_refining_never_loses_and_ends_in_a_local_optimum(task, seed):
    outputs, truth = data(task, 3, 300, seed)
    sampled = DirichletWeightedFusion(task, 20, random_state=seed).fit(outputs, truth)
    refined = DirichletWeightedFusion(task, 20, search="refine", random_state=seed).fit(outputs, truth)
    singles = [measure(task, truth, one) for one in outputs]
    assert refined.score_ >= sampled.score_ >= max(singles) - 1e-12
    np.testing.assert_allclose(refined.weights_.sum(axis=0), 1)
    assert (refined.weights_ >= 0).all()
    assert measure(task, truth, refined.predict(outputs)) == pytest.approx(refined.score_, abs=1e-10)
    for giver, taker in itertools.permutations(range(3), 2):  # no step of the last width is better
        for output in range(refined.weights_.shape[1]):
            moved = refined.weights_.copy()
            step = min(1 / 512, moved[giver, output])
            moved[giver, output] -= step
            moved[taker, output] += step
            assert measure(task, truth, fuse(np.stack(outputs), moved)) <= refined.score_ + 1e-10


def test_refined_ccc_reaches_a_known_optimum():
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, (2000, 2))
    noise = rng.normal(0, 0.4, (2000, 2))
    refined = DirichletWeightedFusion("va", 5, search="refine").fit([truth + noise, truth - noise], truth)
    np.testing.assert_allclose(refined.weights_, 0.5, atol=0.02)
    assert refined.score_ > 0.999


def test_the_unsure_have_no_say():
    sure, unsure = np.eye(8)[2], np.full(8, 1 / 8)
    border = np.array([0.5, 0.5, 0, 0, 0, 0, 0, 0])  # ln 2 nats
    found = without_the_unsure(np.stack([sure, unsure, border]), np.log(2) + 1e-9)
    assert found.tolist() == [sure.tolist(), [0.0] * 8, border.tolist()]
    assert without_the_unsure(border[None], np.log(2) - 1e-9).sum() == 0


def test_the_command_gates_only_the_acoustic_model_s_expressions(monkeypatch, tmp_path, project):
    outputs, tests, truth = project("expr")
    path = run_fusion(monkeypatch, tmp_path, "expr", max_entropy_nats=1.9)
    gated = [outputs[0], without_the_unsure(outputs[1], 1.9)]
    fusion = DirichletWeightedFusion("expr", 100, 1.0, "sample", 11).fit(gated, truth)
    table = read_table("frames_expr", path / "test.parquet")
    expected = fusion.predict([tests[0], without_the_unsure(tests[1], 1.9)])
    assert table.equals(frames_table("expr", "test", expected))
    ungated = run_fusion(monkeypatch, tmp_path, "expr", out="ungated")
    assert not read_table("frames_expr", ungated / "test.parquet").equals(table)


KEYS = {"val": [("b", 40), ("a_left", 30)], "test": [("t", 25)]}


def frames_table(task, split, values):
    sizes = KEYS[split]
    keys = {
        "sample": np.repeat([sample for sample, _ in sizes], [n for _, n in sizes]),
        "frame": np.concatenate([np.arange(1, n + 1) for _, n in sizes]),
    }
    outputs = dict(zip(TASKS[task].outputs, values.astype(np.float32).T, strict=True))
    return pa.table(keys | outputs).cast(SCHEMAS[f"frames_{task}"])


@pytest.fixture
def project(tmp_path):
    """Two models' frames of both splits and labels of validation and training, as files."""

    def make(task):
        outputs, truth = data(task, 2, 70, seed=2)
        tests, _ = data(task, 2, 25, seed=3)
        for model, val, test in zip(("visual", "acoustic"), outputs, tests, strict=True):
            write_table(f"frames_{task}", frames_table(task, "val", val), tmp_path / f"{model}_val.parquet")
            write_table(f"frames_{task}", frames_table(task, "test", test), tmp_path / f"{model}_test.parquet")
        keys = frames_table(task, "val", np.zeros((70, len(TASKS[task].outputs)))).select(["sample", "frame"])
        rows = zip(keys.to_pylist(), truth.reshape(70, -1).tolist(), strict=True)
        cast = float if task == "va" else int
        labels = [
            row
            | {
                name: None if value != value else cast(value)
                for name, value in zip(TASKS[task].labels, own, strict=True)
            }
            for row, own in rows
        ]
        labels.insert(0, {"sample": "of training", "frame": 1} | dict.fromkeys(TASKS[task].labels, 1))
        write_table(
            f"labels_{task}",
            pa.Table.from_pylist(labels, schema=SCHEMAS[f"labels_{task}"]),
            tmp_path / "labels.parquet",
        )
        return (
            [np.float32(one).astype(float) for one in outputs],
            [np.float32(one).astype(float) for one in tests],
            truth,
        )

    return make


SETTINGS = {"candidates": 100, "concentration": 1.0, "search": "sample", "max_entropy_nats": None}


def run_fusion(monkeypatch, folder, task, out="out", models=("visual", "acoustic"), others=(), **settings):
    path = folder / out
    arguments = [
        *("--task", task, "--models", *models),
        *("--frames-val", *(f"{folder}/{model}_val.parquet" for model in models)),
        *("--frames-test", *(f"{folder}/{model}_test.parquet" for model in models), *others),
        *("--labels", f"{folder}/labels.parquet", "--settings", json.dumps(SETTINGS | settings)),
        *("--seed", "11", "--output-val", f"{path}/val.parquet", "--output-test", f"{path}/test.parquet"),
        *("--fit", f"{path}/fit.json"),
    ]
    monkeypatch.setattr(sys, "argv", ["fuse_dirichlet.py", *arguments])
    fuse_dirichlet.main()
    return path


@pytest.mark.parametrize("task", ["va", "expr"])
def test_the_command_fits_on_validation_and_fuses_both_splits(monkeypatch, tmp_path, project, task):
    outputs, tests, truth = project(task)
    path = run_fusion(monkeypatch, tmp_path, task)
    fusion = DirichletWeightedFusion(task, 100, 1.0, "sample", 11).fit(outputs, truth)
    for split, inputs in (("val", outputs), ("test", tests)):
        table = read_table(f"frames_{task}", path / f"{split}.parquet")
        assert table.equals(frames_table(task, split, fusion.predict(inputs)))
        metadata = read_metadata(path / f"{split}.parquet")
        assert metadata == {"abaw_table": f"frames_{task}", "fitted_on": "val", "models": "visual acoustic"}
    written = json.loads((path / "fit.json").read_text())
    assert np.array(written["weights"]).tolist() == fusion.weights_.tolist()
    assert written["score"] == fusion.score_
    assert written["single_scores"] == pytest.approx(
        {model: measure(task, truth, one) for model, one in zip(("visual", "acoustic"), outputs, strict=True)},
        abs=1e-10,
    )
    assert written["outputs"] == list(TASKS[task].outputs)
    assert (written["measure"], written["seed"]) == (TASKS[task].challenge_measure, 11)
    assert written["settings"] == SETTINGS
    recomputed = measure(task, truth, matrix(read_table(f"frames_{task}", path / "val.parquet"), TASKS[task].outputs))
    assert recomputed == pytest.approx(written["score"], abs=1e-6)

    again = run_fusion(monkeypatch, tmp_path, task, out="again")
    for name in ("val.parquet", "test.parquet", "fit.json"):
        assert (path / name).read_bytes() == (again / name).read_bytes()


@pytest.mark.parametrize(
    ("change", "sample"),
    [(lambda t: t.slice(0, 69), "a_left"), (lambda t: pa.concat_tables([t.slice(1), t.slice(0, 1)]), "b")],
)
def test_models_with_other_rows_are_refused(monkeypatch, tmp_path, project, change, sample):
    project("va")
    path = tmp_path / "acoustic_val.parquet"
    write_table("frames_va", change(read_table("frames_va", path)), path)
    with pytest.raises(UserError, match=rf"acoustic_val\.parquet \(acoustic\) and .*visual_val.* the sample {sample};"):
        run_fusion(monkeypatch, tmp_path, "va")
    assert not (tmp_path / "out").exists()


def test_labels_without_any_value_are_refused(monkeypatch, tmp_path, project):
    project("va")
    labels = read_table("labels_va", tmp_path / "labels.parquet")
    write_table("labels_va", labels.slice(0, 1), tmp_path / "labels.parquet")
    with pytest.raises(UserError, match=r"labels\.parquet has no annotated row among those of .*visual_val"):
        run_fusion(monkeypatch, tmp_path, "va")


def test_a_label_without_a_prediction_is_refused(monkeypatch, tmp_path, project):
    project("va")
    for model in ("visual", "acoustic"):
        path = tmp_path / f"{model}_val.parquet"
        write_table("frames_va", read_table("frames_va", path).slice(0, 69), path)
    with pytest.raises(UserError, match=r"labels\.parquet and .*: frame 30 of the sample a_left has a label"):
        run_fusion(monkeypatch, tmp_path, "va")


def test_each_model_needs_a_file_of_each_split(monkeypatch, tmp_path, project, capsys):
    project("va")
    with pytest.raises(SystemExit):
        run_fusion(monkeypatch, tmp_path, "va", others=["one too many"])
    assert "one value for each model" in capsys.readouterr().err
