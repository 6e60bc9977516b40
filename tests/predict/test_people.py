"""The table of people, by hand: which face stands for a frame, how old it is, what is known and what is not."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abaw.media.video import VideoInfo, analysed_frames
from abaw.predict.circumplex import on_circumplex
from abaw.predict.people import Said, Shown, Sightings, people_rows
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import EXPRESSIONS

# 25 frames a second, analysed five times a second: frames 1, 6, 11, 16, 21; no face at 1 and 16.
FRAMES = np.arange(1, 26)
SHOWN = Shown.of((FRAMES - 1) / 25, (0, np.inf), 5)
NAN = [np.nan] * 5
SEEN = Sightings(
    np.array([1, 6, 11, 16, 21]),
    np.array([0, 0.2, 0.4, 0.6, 0.8]),
    np.array([False, True, True, False, True]),
    np.array([NAN, [10, 10, 20, 20, 0.8], [20, 10, 30, 20, 0.9], NAN, [0, 0, 9, 9, 1.0]]),
)
VA = Said(np.linspace([-1, 0], [1, 1], 25), "system_1")
EXPR = Said(np.tile(np.eye(8)[4] * 0.6 + 0.05, (25, 1)), "system_2")


def rows(said, seen=SEEN, runs=()):
    table = people_rows("film", 3, SHOWN, seen, said, runs)
    assert table.schema == SCHEMAS["people"]
    return table.to_pydict()


def test_faces_boxes_and_ages_by_hand():
    found = rows({"va": VA, "expr": EXPR}, runs=[(0.3, 0.5), (0.9, 2.0)])
    assert found["frame"] == list(FRAMES)
    assert found["time_s"] == [k / 25 for k in range(25)]
    with_face = [frame for frame, seen in zip(found["frame"], found["has_face"], strict=True) if seen]
    # the analysed frame 6 stands for 4 to 8, and so on, the last one for all that are left
    assert with_face == [*range(4, 14), *range(19, 26)]
    assert found["x0_px"][5] == 10 and found["x0_px"][10] == 20
    assert found["x0_px"][7] == pytest.approx(14)  # two fifths of the way
    assert found["x0_px"][12] == 20 and found["x0_px"][15] is None
    assert found["age_s"][:5] == [None] * 5
    assert found["age_s"][5:8] == pytest.approx([0, 0.04, 0.08])
    assert found["age_s"][15] == pytest.approx(0.2)
    assert found["age_s"][20] == 0
    known = [frame for frame, value in zip(found["frame"], found["valence"], strict=True) if value is not None]
    assert known == list(range(4, 26))  # from the first face to the last, half an interval before and all that is left
    assert found["valence"][12] == pytest.approx(0)
    assert found["expression"][12] == "happiness" and found["expression"][0] is None
    assert found["p_happiness"][12] == pytest.approx(0.65)
    speaking = [frame for frame, value in zip(found["frame"], found["speaking"], strict=True) if value]
    assert speaking == [9, 10, 11, 12, 13, 24, 25]  # 0.32 to 0.48 s, and from 0.92 s on
    assert found["speaking"][15] is None and found["speaking"][4] is False
    assert set(found["va_system"]) == {"system_1"} and set(found["expr_system"]) == {"system_2"}
    assert set(found["valence_proxy"]) == {None}


def test_no_frame_between_two_analysed_ones_is_without_a_face_where_the_rate_is_not_whole():
    times_s = np.arange(67) * 1001 / 30000
    analysed = np.arange(0, 67, 6)
    seen = Sightings(analysed + 1, times_s[analysed], np.ones(12, bool), np.ones((12, 5)))
    table = people_rows("film", 1, Shown.of(times_s, (0, np.inf), 5), seen, {}, [])
    assert table["has_face"].to_pylist() == [True] * 67


@pytest.mark.parametrize(
    ("fps", "n"), [(25, 76), (25, 78), (30, 1), (30, 2), (Fraction(30000, 1001), 67), (3, 20), (10, 7)]
)
@pytest.mark.parametrize("rate_hz", [5.0, 4.0, 30.0])
def test_the_ends_are_the_frames_that_are_analysed(fps, n, rate_hz):
    info = VideoInfo(Fraction(fps), n, float(n / Fraction(fps)), False, 640, 360)
    times_s = np.array([float(time) for time in info.times()])
    for span_s in ((0.0, np.inf), (0.3, 1.7)):
        at_s = [time_s for _, time_s in analysed_frames(info, rate_hz) if span_s[0] <= time_s < span_s[1]]
        found = Shown.of(times_s, span_s, rate_hz)
        assert found.analysed_s == ((at_s[0], at_s[-1]) if at_s else (0.0, 0.0))
        assert found.times_s.tolist() == [time_s for time_s in times_s if span_s[0] <= time_s < span_s[1]]


def test_a_face_before_a_cut_does_not_stand_beyond_it_and_one_at_an_end_stands_up_to_there():
    times_s = np.arange(75) / 25  # analysed are 1, 6, .. 71, at 2.8 s
    for analysed, expected in [(range(1, 62, 5), range(1, 64)), (range(1, 72, 5), range(1, 76))]:
        at = np.array(analysed)
        seen = Sightings(at, times_s[at - 1], np.ones(len(at), bool), np.ones((len(at), 5)))
        table = people_rows("film", 1, Shown.of(times_s, (0, np.inf), 5), seen, {}, [])
        assert table.filter(table["has_face"])["frame"].to_pylist() == list(expected)
    begun = Shown.of(times_s, (0.24, np.inf), 5)  # the first that is analysed is 11, at 0.4 s
    at = np.arange(11, 72, 5)
    seen = Sightings(at, times_s[at - 1], np.ones(len(at), bool), np.ones((len(at), 5)))
    table = people_rows("film", 1, begun, seen, {}, [])
    assert table["has_face"].to_pylist() == [True] * len(begun.numbers)


def test_a_task_without_a_model_is_empty_and_a_proxy_stands_under_its_own_name():
    found = rows({"expr": EXPR})
    assert set(found["valence"]) == {None} == set(found["va_system"])
    happy, others = 0.65, 0.05
    assert found["valence_proxy"][10] == pytest.approx(
        (happy * 0.81 + others * (-0.51 - 0.60 - 0.64 - 0.63 + 0.40)) / (happy + 6 * others), abs=1e-6
    )
    found = rows({"va": VA})
    for name in ("p_neutral", "expression", "expr_system", "valence_proxy"):
        assert set(found[name]) == {None}


def test_of_somebody_who_is_never_seen_nothing_is_known():
    nobody = Sightings(np.empty(0, int), np.empty(0), np.empty(0, bool), np.empty((0, 5)))
    found = rows({"va": VA, "expr": EXPR}, nobody, [(0.0, 1.0)])
    assert not any(found["has_face"])
    for name in ("x0_px", "score", "valence", "expression", "p_other", "speaking", "age_s"):
        assert set(found[name]) == {None}


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_ages_and_faces_agree_whatever_is_seen(flags):
    times_s = np.arange(len(flags)) / 5
    boxes = np.where(np.array(flags)[:, None], 1.0, np.nan) * np.ones((1, 5))
    found = rows({"va": VA}, Sightings(np.arange(len(flags)) * 5 + 1, times_s, np.array(flags), boxes))
    for has_face, x0, age, value in zip(
        *(found[name] for name in ("has_face", "x0_px", "age_s", "valence")), strict=True
    ):
        assert has_face == (x0 is not None)
        assert age is None or age >= 0
        assert not has_face or value is not None
    assert found["age_s"].count(0) == sum(flag for flag, at in zip(flags, times_s, strict=True) if at < 1)


def test_the_circumplex_at_its_corners():
    corners = on_circumplex(np.eye(len(EXPRESSIONS)))
    assert corners[0].tolist() == [0, 0]
    assert corners[EXPRESSIONS.index("Sadness")].tolist() == [-0.63, -0.27]
    assert np.isnan(corners[EXPRESSIONS.index("Other")]).all()
