"""Intervals from sums over videos against scores of rows that are really drawn."""

import numpy as np
import pytest

from abaw.metrics import score
from abaw.report.bootstrap import intervals


def split(task, n_videos=5, seed=0):
    rng = np.random.default_rng(seed)
    of_row = np.repeat(np.arange(n_videos), rng.integers(5, 40, n_videos))
    if task == "va":
        truth = rng.uniform(-1, 1, (len(of_row), 2))
        outputs = 0.5 * truth + rng.normal(0, 0.3, truth.shape)
    else:
        truth = rng.integers(0, 8, (len(of_row), 1)).astype(float)
        outputs = rng.random((len(of_row), 8)) + 0.4 * np.eye(8)[truth[:, 0].astype(int)]
    truth[rng.random(len(truth)) < 0.1] = np.nan
    return truth, outputs, of_row


@pytest.mark.parametrize("task", ["va", "expr"])
def test_ends_are_quantiles_of_scores_of_drawn_rows(task):
    truth, outputs, of_row = split(task)
    found = intervals(task, truth, outputs, [f"v{n}" for n in of_row], 200, seed=9)
    draws = np.random.default_rng(9).multinomial(5, np.full(5, 1 / 5), size=200)
    scores = []
    for draw in draws:
        rows = np.concatenate([np.tile(np.flatnonzero(of_row == video), times) for video, times in enumerate(draw)])
        scores.append(score(task, truth[rows], outputs[rows]))
    assert set(found) == set(scores[0])
    for name, ends in found.items():
        assert ends == pytest.approx(np.quantile([one[name] for one in scores], [0.025, 0.975]), abs=1e-9)


@pytest.mark.parametrize("task", ["va", "expr"])
def test_one_video_has_no_spread(task):
    truth, outputs, of_row = split(task)
    found = intervals(task, truth, outputs, ["v"] * len(of_row), 100, seed=0)
    for name, value in score(task, truth, outputs).items():
        assert found[name] == pytest.approx((value, value), abs=1e-9)


def test_a_constant_scores_nothing_in_every_draw():
    truth, _, of_row = split("va")
    found = intervals("va", truth, np.full(truth.shape, 0.3), [f"v{n}" for n in of_row], 100, seed=0)
    assert set(found.values()) == {(0.0, 0.0)}
