"""Tracks over time, and whose they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from abaw.faces.cuts import CutFinder
from abaw.faces.detection import Detection
from abaw.faces.subjects import LOOK_AHEAD_S, Subject, TrackedFace, TrackedFrame, cast, places
from abaw.faces.tracking import MAX_GAP_S, Tracker, overlaps
from abaw.running.errors import BrokenVideoError, UserError

STEP_S = 0.2
GAP = round(MAX_GAP_S / STEP_S) - 1
"""Frames without a face that a track bridges."""


def face(x, side=20.0, score=0.9, y=50.0):
    half = side / 2
    return Detection(np.array([x - half, y - half, x + half, y + half]), score, np.full((5, 2), np.nan))


def tracks(frames, cuts=()):
    """The track of each face of frame after frame."""
    tracker = Tracker()
    return [tracker.update(k * STEP_S, faces, k in cuts) for k, faces in enumerate(frames)]


def tracked(frames, cuts=(), width_px=200):
    tracker, shot = Tracker(), 0
    for k, faces in enumerate(frames):
        shot += k in cuts
        found = tracker.update(k * STEP_S, faces, k in cuts)
        named = [TrackedFace(track, one, b"", (0, 0), lambda: None) for track, one in zip(found, faces, strict=True)]
        yield TrackedFrame(k + 1, k * STEP_S, shot, width_px, named)


def followed(people, frames, cuts=(), rule="prominent"):
    """The centres of each person's face, frame after frame; None where there is none."""
    return [
        tuple(None if one is None else float(one.face.centre[0]) for one in seen)
        for _, seen in cast(tracked(frames, cuts), people, rule)
    ]


def test_overlaps_by_hand():
    boxes = np.array([[0, 0, 2, 2], [10, 10, 11, 11.0]])
    others = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [0, 0, 1, 4.0]])
    assert overlaps(boxes, others) == pytest.approx(np.array([[1, 1 / 7, 2 / 6], [0, 0, 0]]))


def test_a_track_goes_on_in_larger_pictures_of_the_same_scene():
    tracker = Tracker()
    assert tracker.update(0, [face(40)]) == [0]
    tracker.resize(3)
    assert tracker.update(STEP_S, [face(120, side=60, y=150)]) == [0]
    assert tracker.update(2 * STEP_S, [face(40)]) == [1]


def test_two_faces_that_come_close_are_not_swapped():
    left, right = np.linspace(20, 58, 9), np.linspace(120, 82, 9)
    both = [[face(a), face(b)] for a, b in zip(left, right, strict=True)]
    assert tracks(both) == [[0, 1]] * 9
    assert tracks([pair[:: (-1) ** k] for k, pair in enumerate(both)]) == [[0, 1], [1, 0]] * 4 + [[0, 1]]


def test_of_two_ways_to_pair_the_one_with_the_smallest_sum_is_taken():
    """Greedily, track 0 would take the face at 36, which is nearest of all, and leave 20 to track 1."""
    assert tracks([[face(30), face(45)], [face(38), face(20)]]) == [[0, 1], [1, 0]]


def test_gaps_are_bridged_up_to_their_limit():
    assert tracks([[face(50)], *[[]] * GAP, [face(55)]])[-1] == [0]
    assert tracks([[face(50)], *[[]] * (GAP + 1), [face(55)]])[-1] == [1]


def test_a_jump_and_another_size_begin_a_track():
    assert tracks([[face(50)], [face(79)], [face(110)]]) == [[0], [0], [1]]
    assert tracks([[face(50)], [face(50, side=39)], [face(50, side=19)]]) == [[0], [0], [1]]


def test_a_small_face_beside_a_large_one_that_leaves_is_somebody_else():
    assert tracks([[face(100, side=60)], [face(60, side=31)]]) == [[0], [0]]
    assert tracks([[face(100, side=60)], [face(50, side=31)]]) == [[0], [1]]


def test_a_cut_ends_all_tracks():
    assert tracks([[face(50)], [face(50)], [face(50)]], cuts=[2]) == [[0], [0], [1]]


@given(seed=st.integers(0, 10_000))
def test_tracks_do_not_depend_on_the_order_of_the_faces(seed):
    rng = np.random.default_rng(seed)
    frames = [
        [face(*rng.uniform(0, 200, 1), side=rng.uniform(10, 40), y=rng.uniform(0, 200)) for _ in range(n)]
        for n in rng.integers(0, 5, 6)
    ]
    orders = [rng.permutation(len(faces)) for faces in frames]

    def partners(found, of):
        return {
            (k, of[k][i], of[k + 1][j])
            for k in range(len(found) - 1)
            for i, one in enumerate(found[k])
            for j, other in enumerate(found[k + 1])
            if one == other
        }

    straight = partners(tracks(frames), [range(len(faces)) for faces in frames])
    shuffled = partners(tracks([[frames[k][i] for i in order] for k, order in enumerate(orders)]), orders)
    assert straight == shuffled


def test_cuts_between_pictures_and_none_where_a_picture_moves():
    cat, coffee = data.chelsea()[:240, :400, ::-1], data.coffee()[:240, :400, ::-1]
    finder = CutFinder()
    shots = [cat, np.roll(cat, 30, axis=1), (cat * 0.9).astype(np.uint8), coffee, coffee, cat]
    assert [finder.is_cut(np.ascontiguousarray(picture)) for picture in shots] == [False] * 3 + [True, False, True]


@pytest.mark.parametrize(("rule", "chosen"), [("prominent", 150), ("longest", 20), ("largest", 80)])
def test_the_rule_chooses_the_subject(rule, chosen):
    frames = [[face(20, side=10)] for _ in range(3)]
    frames += [[face(20, side=10), face(80, side=50), face(150, side=40)] for _ in range(2)]
    frames += [[face(20, side=10), face(150, side=40)] for _ in range(5)]
    found = followed(1, frames, rule=rule)
    assert {one for (one,) in found} <= {chosen, None}
    assert found[4] == (chosen,)


def test_a_bystander_seen_beside_the_subject_never_takes_over():
    both, alone = [face(50, side=40), face(150)], [face(150)]
    assert followed(1, [both] * 4 + [alone] * 10) == [(50,)] * 4 + [(None,)] * 10
    frames = [alone] * 3 + [both] * 4 + [alone] * 8
    assert followed(1, frames) == [(None,)] * 3 + [(50,)] * 4 + [(None,)] * 8


def test_a_subject_whose_track_breaks_is_found_again():
    frames = [[face(50)]] * 3 + [[]] * 10 + [[face(150)]] * 3 + [[face(20)]] * 3
    assert followed(1, frames) == [(50,)] * 3 + [(None,)] * 10 + [(150,)] * 3 + [(20,)] * 3


def test_a_false_face_while_the_subjects_is_missed_does_not_count():
    frames = [[face(50, side=30)]] * 3 + [[face(150, side=60)]] + [[face(50, side=30)]] * 5
    assert followed(1, frames) == [(50,)] * 3 + [(None,)] + [(50,)] * 5


def test_each_shot_has_its_own_subject():
    frames = [[face(50, side=40), face(150)]] * 4 + [[face(50), face(150, side=40)]] * 4
    assert followed(1, frames, cuts=[4]) == [(50,)] * 4 + [(150,)] * 4


def test_left_and_right_are_told_by_the_pair_and_not_by_the_picture():
    assert followed(2, [[face(20), face(60)]] * 3) == [(20, 60)] * 3
    assert followed(2, [[face(190), face(140)]] * 3) == [(140, 190)] * 3
    frames = [[face(60)]] * 5 + [[face(60), face(20)]] * 5
    assert followed(2, frames) == [(None, 60)] * 5 + [(20, 60)] * 5


def test_people_who_change_places_keep_their_names():
    xs = np.linspace(40, 160, 25)
    frames = [[face(x, y=40), face(200 - x, y=70)] for x in xs]
    assert followed(2, frames) == [(pytest.approx(x), pytest.approx(200 - x)) for x in xs]


def test_a_lone_face_goes_to_whom_it_was_nearest_or_to_its_half():
    assert followed(2, [[face(130)]]) == [(None, 130)]
    assert followed(2, [[face(30)]]) == [(30, None)]
    both, empty = [face(30), face(130)], [[]] * 10
    assert followed(2, [both, *empty, [face(90)]])[-1] == (None, 90)
    assert followed(2, [both, *empty, [face(60)]])[-1] == (60, None)


def test_who_comes_back_is_the_other_one_if_on_the_proper_side():
    start = [[face(30), face(130)]] + [[face(30)]] * 10
    assert followed(2, [*start, *[[face(30), face(180)]] * 3])[-1] == (30, 180)
    assert followed(2, [*start, *[[face(30), face(5, side=8)]] * 3])[-1] == (30, None)


def test_of_three_faces_the_two_best_are_people():
    frames = [[face(30, side=30), face(90, side=10), face(130, side=30)]] * 5
    assert followed(2, frames) == [(30, 130)] * 5


def test_a_guess_is_mended_by_the_first_pair():
    """Alone for longer than one looks ahead, the right person sat in the left half."""
    n_alone = round(LOOK_AHEAD_S / STEP_S) + 10
    found = followed(2, [[face(60)]] * n_alone + [[face(60), face(20)]] * 10)
    assert found[0] == (60, None)
    assert found[-10:] == [(20, 60)] * 10


def test_frames_before_a_break_come_first_and_memory_is_bounded():
    taken = 0

    def broken():
        nonlocal taken
        for frame in tracked([[face(50)]] * 300):
            taken += 1
            yield frame
        raise BrokenVideoError("the video breaks")

    numbers = []
    with pytest.raises(BrokenVideoError):
        for frame, _ in cast(broken(), 1, "prominent"):
            numbers.append(frame.number)
            assert taken - frame.number <= LOOK_AHEAD_S / STEP_S + 1
    assert numbers == list(range(1, 301))


@given(seed=st.integers(0, 10_000), people=st.integers(1, 2))
def test_every_frame_comes_once_and_no_face_is_two_peoples(seed, people):
    rng = np.random.default_rng(seed)
    frames = [
        [face(*rng.uniform(0, 200, 1), side=rng.uniform(5, 60)) for _ in range(n)] for n in rng.integers(0, 5, 30)
    ]
    cuts = set(rng.integers(1, 30, 2).tolist())
    found = list(cast(tracked(frames, cuts), people, "longest"))
    assert [frame.number for frame, _ in found] == list(range(1, 31))
    owners = {}
    for frame, seen in found:
        assert len(seen) == people
        chosen = [one for one in seen if one is not None]
        assert len({one.track for one in chosen}) == len(chosen)
        assert all(any(one is offered for offered in frame.faces) for one in chosen)
        owners |= {one.track: person for person, one in enumerate(seen) if one is not None}
    for frame, seen in found if people == 1 else ():
        for one in frame.faces:
            if one.track in owners:
                assert seen[owners[one.track]] is one


def test_places():
    left, right, unnamed = Subject("x_left", "left"), Subject("x_right", "right"), Subject("x", None)
    assert (places([unnamed]), places([left]), places([right])) == ([0], [0], [1])
    assert (places([left, right]), places([right, left])) == ([0, 1], [1, 0])
    assert (places([unnamed, left]), places([unnamed, right]), places([right, unnamed])) == ([1, 0], [0, 1], [1, 0])
    for wrong in ([], [unnamed, unnamed], [left, left], [left, right, unnamed]):
        with pytest.raises(UserError, match=r"expected is one, or two on different sides"):
            places(wrong)
