"""The nested estimate against a loop that chooses and fits without each fold, and against what may not be seen."""

from fractions import Fraction

import numpy as np
import pytest

from abaw.config import CalibrationConfig, DirichletConfig, ForestConfig, FusionConfig, TimelineConfig
from abaw.fusion.calibration import fit_calibration
from abaw.fusion.dirichlet import DirichletWeightedFusion
from abaw.fusion.nested import Validation, model_frames, system_frames
from abaw.fusion.systems import Members
from abaw.metrics import score
from abaw.running.errors import UserError
from abaw.tables.arrays import candidates_table
from abaw.tables.folds import folds_of
from abaw.tasks import TASKS
from abaw.timeline.rows import Rows
from abaw.timeline.widths import over_folds, smoothings

ROWS = 40
TIMELINE = TimelineConfig(
    smoothing_s=0.0, smoothed="logits", sweep_s=[0.0, 1.0], width="fixed", filter="hamming", sweep_filters=[]
)
FUSION = FusionConfig(
    dirichlet=DirichletConfig(
        candidates=30, concentration=1.0, search="sample", max_entropy_nats=None, combined="probabilities"
    ),
    forest=ForestConfig(trees=[3], chosen_by="out_of_bag", folds=2),
    calibration=CalibrationConfig(class_bias=False, temperature=False),
)


def validation_of(task, n_videos=6, seed=0):
    rng = np.random.default_rng(seed)
    samples = [f"v{n}" for n in range(n_videos)]
    rows = [Rows(sample, ROWS, Fraction(5)) for sample in samples]
    n = n_videos * ROWS
    truth = rng.uniform(-1, 1, (n, 2)) if task == "va" else rng.integers(0, 8, (n, 1)).astype(float)
    truth[rng.random(n) < 0.1] = np.nan
    videos = np.repeat(samples, ROWS)
    fold = folds_of(videos.tolist(), truth, 3)
    prior = dict.fromkeys(TASKS[task].outputs, 0.0)
    return Validation(task, rows, truth, {name: name for name in samples}, fold, prior)


def candidates_of(validation, n_candidates, seed):
    """Candidates that know the truth of some videos better than that of others."""
    rng = np.random.default_rng(seed)
    task, truth = validation.task, np.nan_to_num(validation.truth)
    known = truth if task == "va" else 4 * np.eye(8)[truth[:, 0].astype(int)]
    how_well = rng.random((n_candidates, len(validation.samples))).repeat(ROWS, axis=1)[..., None]
    outputs = known * how_well + rng.normal(0, 0.5, (n_candidates, *known.shape))
    if task == "va":
        outputs = outputs.clip(-1, 1)
    outputs = outputs.astype(np.float16)
    times_s = np.tile(np.arange(ROWS) / 5, len(validation.samples))
    samples = np.repeat(validation.samples, ROWS)
    return outputs, candidates_table(samples, times_s, times_s, outputs, validation.truth, task)


@pytest.mark.parametrize("task", TASKS)
def test_each_fold_gets_the_best_candidate_of_the_others(task):
    validation = validation_of(task)
    cells = [candidates_of(validation, 7, seed) for seed in (1, 2)]
    found, chosen = model_frames([table for _, table in cells], validation, TIMELINE)
    measure = TASKS[task].challenge_measure
    different = set()
    for fold, (frames, choice) in enumerate(zip(found, chosen, strict=True)):
        others = validation.fold_of_row != fold
        reached = [
            [score(task, validation.truth[others], said[others].astype(float))[measure] for said in outputs]
            for outputs, _ in cells
        ]
        best = max(((value, -k, -c) for k, cell in enumerate(reached) for c, value in enumerate(cell)))
        assert (choice["cell"], choice["candidate"]) == (-best[1], -best[2])
        said = cells[choice["cell"]][0][choice["candidate"]].astype(float)
        expected = said if task == "va" else np.exp(said) / np.exp(said).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(frames, expected, atol=1e-5)
        different.add((choice["cell"], choice["candidate"]))
    assert len(different) > 1  # else the test says nothing


@pytest.mark.parametrize("fusion", ["dirichlet", "forest"])
@pytest.mark.parametrize("task", TASKS)
def test_the_truth_of_a_video_has_no_part_in_what_is_said_of_it(task, fusion):
    validation = validation_of(task)
    found = []
    for changed in (False, True):
        truth = validation.truth.copy()
        own = validation.video_of_row == "v2"
        if changed:
            truth[own] = truth[own][::-1]
        now = Validation(task, validation.rows, truth, validation.video_of_sample, validation.fold, validation.prior)
        of_models = {}
        for seed, name in ((1, "visual"), (2, "acoustic")):
            outputs, _ = candidates_of(validation, 5, seed)
            table = candidates_table(
                np.repeat(now.samples, ROWS), *[np.tile(np.arange(ROWS) / 5, 6)] * 2, outputs, truth, task
            )
            of_models[name] = model_frames([table], now, TIMELINE)[0]
        found.append(system_frames(Members(["visual", "acoustic"], fusion), of_models, now, FUSION, 0, 1))
    own = validation.video_of_row == "v2"
    np.testing.assert_array_equal(found[0][own], found[1][own])
    assert (found[0] != found[1]).any()  # it has a part in what is said of others


def test_weights_are_those_of_the_other_folds():
    validation = validation_of("va")
    of_models = {
        name: model_frames([candidates_of(validation, 1, seed)[1]], validation, TIMELINE)[0]
        for seed, name in ((1, "visual"), (2, "acoustic"))
    }
    found = system_frames(Members(["visual", "acoustic"], "dirichlet"), of_models, validation, FUSION, 7, 1)
    for fold in range(3):
        own = validation.fold_of_row == fold
        outputs = [of_models[name][fold] for name in ("visual", "acoustic")]
        fitted = DirichletWeightedFusion("va", 30, 1.0, "sample", 7)
        fitted.fit([one[~own] for one in outputs], validation.truth[~own])
        np.testing.assert_array_equal(found[own], fitted.predict([one[own] for one in outputs]))


def test_an_estimate_of_noise_does_not_profit_from_choosing():
    """Of 200 candidates that know nothing the best scores well where it was chosen, and nothing elsewhere."""
    validation = validation_of("va", n_videos=12)
    rng = np.random.default_rng(5)
    outputs = np.repeat(rng.uniform(-1, 1, (200, 12, 2)), ROWS, axis=1).astype(np.float16)  # constant over a video
    truth = np.repeat(rng.uniform(-1, 1, (12, 2)), ROWS, axis=0)
    now = Validation("va", validation.rows, truth, validation.video_of_sample, validation.fold, validation.prior)
    times_s = np.tile(np.arange(ROWS) / 5, 12)
    table = candidates_table(np.repeat(now.samples, ROWS), times_s, times_s, outputs, truth, "va")
    fitted = max(score("va", truth, said.astype(float))["ccc_mean"] for said in outputs)
    frames, _ = model_frames([table], now, TIMELINE)
    nested = score("va", truth, system_frames(Members(["visual"], "none"), {"visual": frames}, now, FUSION, 0, 1))
    assert fitted > 0.3
    assert nested["ccc_mean"] < 0.2


def test_the_width_is_chosen_on_the_others_too():
    validation = validation_of("va")
    _, table = candidates_of(validation, 1, 1)
    best = TIMELINE.model_copy(update={"width": "best"})
    _, chosen = model_frames([table], validation, best)
    assert {choice["smoothing_s"] for choice in chosen} == {0.0}  # the truth is noise from row to row


def test_a_video_is_in_one_fold_and_one_alone_is_too_few():
    truth = np.zeros((100, 2))
    truth[90:] = np.nan
    videos = np.repeat(["a", "b", "c", "d", "e"], [30, 30, 20, 10, 10])
    fold = folds_of(videos.tolist(), truth, 3)
    assert set(fold) == {"a", "b", "c", "d", "e"}
    assert sorted(fold[name] for name in "abcd") == [0, 1, 2, 2]
    with pytest.raises(UserError, match="need two annotated videos of validation at least, there is 1"):
        folds_of(["a"] * 90 + ["e"] * 10, truth, 3)


def test_bias_and_temperature_are_those_of_the_other_folds():
    validation = validation_of("expr")
    settings = CalibrationConfig(class_bias=True, temperature=True)
    fusion = FUSION.model_copy(update={"calibration": settings})
    of_models = {"visual": model_frames([candidates_of(validation, 3, 1)[1]], validation, TIMELINE)[0]}
    found = system_frames(Members(["visual"], "none"), of_models, validation, fusion, 0, 1)
    for fold, said in enumerate(of_models["visual"]):
        own = validation.fold_of_row == fold
        fitted = fit_calibration(said[~own], validation.truth[~own], settings)
        np.testing.assert_array_equal(found[own], fitted.apply(said[own]))
        assert any(fitted.bias)


def test_a_smoothing_is_chosen_over_the_other_folds():
    validation = validation_of("va")
    timeline = TIMELINE.model_copy(update={"width": "folds", "sweep_filters": ["median"]})
    table = candidates_of(validation, 1, 1)[1]
    found, chosen = model_frames([table], validation, timeline)
    for fold, (frames, choice) in enumerate(zip(found, chosen, strict=True)):
        others = validation.fold_of_row != fold
        reached = {}
        for smoothing in smoothings(timeline):
            fixed = {"width": "fixed", "smoothing_s": smoothing.width_s, "filter": smoothing.kind}
            one = model_frames([table], validation, timeline.model_copy(update=fixed))[0][0]
            told = validation.truth[others], one[others], validation.fold_of_row[others]
            reached[smoothing] = over_folds("va", *told), one
        best = max(reached, key=lambda smoothing: reached[smoothing][0])
        assert (choice["filter"], choice["smoothing_s"]) == best
        np.testing.assert_array_equal(frames, reached[best][1])
