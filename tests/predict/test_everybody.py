"""Who is a subject among all that is followed in a video."""

import numpy as np
import pytest

from abaw.faces.detection import Detection
from abaw.faces.subjects import TrackedFace, TrackedFrame
from abaw.predict.everybody import MOST_ROWS, UNSEEN, Everybody


def frame(number, tracks, shot=0):
    """A frame at 5 Hz; `tracks` are numbers, or pairs of number and side in pixels."""
    pairs = [track if isinstance(track, tuple) else (track, 20) for track in tracks]
    faces = [
        TrackedFace(
            track, Detection(np.array([0.0, 0, side, side]), 1.0, np.full((5, 2), np.nan)), b"", (0, 0), lambda: None
        )
        for track, side in pairs
    ]
    return TrackedFrame(number, (number - 1) / 5, shot, 100, faces)


def followed(frames):
    everybody = Everybody(0.2)
    return everybody, [[(row["sample"], row["has_face"]) for row in rows] for rows in everybody.rows(frames)]


def test_a_track_has_a_row_where_it_is_missed_and_none_after_its_end_or_a_cut():
    tracks = [[7], [7, 8], [8], [], [], [], [], [], []]
    _, rows = followed([frame(n, each) for n, each in enumerate(tracks, start=1)])
    assert rows[0] == [("7", True)]
    assert rows[2] == [("8", True), ("7", False)]
    assert [len(each) for each in rows] == [1, 2, 2, 2, 2, 2, 2, 1, 0]
    _, rows = followed([frame(1, [7]), frame(2, [], shot=1)])
    assert rows == [[("7", True)], []]


def test_subjects_are_numbered_by_first_appearance_and_flashes_are_nobody():
    tracks = [[4]] * 2 + [[4, 2]] * 5 + [[2, 9]] + [[2]] * 3
    everybody, _ = followed([frame(n, each) for n, each in enumerate(tracks, start=1)])
    assert everybody.subjects("all", 100) == ({"4": "1", "2": "2"}, [])


@pytest.mark.parametrize(("n_frames", "n_seen"), [(1, 1), (3, 2), (4, 2), (9, 5), (50, 5)])
def test_of_what_is_short_half_is_enough_and_of_shorter_flashes_alone_there_is_a_sentence(n_frames, n_seen):
    for seen, expected in ((n_seen, ({"4": "1"}, [])), (n_seen - 1, ({}, [UNSEEN] if n_seen > 1 else []))):
        everybody, _ = followed([frame(n, [4] if n <= seen else []) for n in range(1, n_frames + 1)])
        assert everybody.subjects("all", 100) == expected


def test_a_number_keeps_those_who_stand_out_at_any_time():
    first = [[(1, 50), (2, 40), (3, 10)]] * 6
    second = [[(4, 12), (5, 11), (6, 10)]] * 6
    frames = [frame(n, each, shot=int(n > 6)) for n, each in enumerate(first + second, start=1)]
    everybody, _ = followed(frames)
    for people, kept in ((1, "14"), (2, "1245"), (3, "123456")):
        assert "".join(everybody.subjects(people, 100)[0]) == kept


def test_more_people_than_a_table_has_room_for_are_counted_in_a_sentence():
    everybody, _ = followed([frame(n, [(1, 10), (2, 30), (3, 20)]) for n in range(1, 7)])
    found, said = everybody.subjects("all", MOST_ROWS // 2)
    assert found == {"2": "1", "3": "2"}
    assert said == ["3 people are seen, of whom the 2 who stand out most have rows"]


@pytest.mark.parametrize("seed", range(20))
def test_never_more_are_seen_at_a_time_than_are_asked_for(seed):
    draw = np.random.default_rng(seed)
    spans = [(int(begin), int(begin + length)) for begin, length in draw.integers(1, 12, (9, 2))]
    frames = [
        frame(n, [(track, 10 + track) for track, (begin, end) in enumerate(spans) if begin <= n <= end])
        for n in range(1, 25)
    ]
    everybody, _ = followed(frames)
    kept, _ = everybody.subjects(2, 100)
    for n in range(1, 25):
        assert sum(begin <= n <= end for track, (begin, end) in enumerate(spans) if str(track) in kept) <= 2
