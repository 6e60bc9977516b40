"""Of which frames the detector is asked, and where faces lie in those in between."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abaw.faces import stream
from abaw.faces.asking import ask, looks
from abaw.faces.detection import Detection, Detector
from abaw.faces.stream import ahead, detected_frames
from abaw.media.video import SampledFrame
from abaw.running.errors import BrokenVideoError


def frame(number, size=(8, 8), shade=0):
    """A frame at 5 Hz that carries its number."""
    bgr = np.full((*size, 3), shade, np.uint8)
    bgr[0, 0, 0] = number
    return SampledFrame(number, (number - 1) / 5, bgr)


def face(x, y=0.0, side=100.0, score=0.9):
    return Detection(np.array([x, y, x + side, y + side]), score, np.full((5, 2), x))


@dataclass
class Told(Detector):
    """Finds what it is told, and remembers what it was asked."""

    shown: dict
    batch: int = 1
    calls: list = field(default_factory=list)

    def detect_batch(self, images):
        self.calls.append([int(bgr[0, 0, 0]) for bgr in images])
        assert len({bgr.shape for bgr in images}) == 1 and len(images) <= max(self.batch, 3)
        return [self.shown.get(number, []) for number in self.calls[-1]]

    @property
    def asked(self):
        return sorted(number for call in self.calls for number in call)


def found(frames, shown, every_s=0.6, batch=1):
    detector = Told(shown, batch)
    seen = list(ask(looks(frames), detector, every_s))
    assert [look.frame.number for look in seen] == [one.number for one in frames]
    assert [look.frame.number for look in seen if look.asked] == detector.asked
    return seen, detector.asked


def test_a_face_that_holds_lies_on_the_way_between_two_askings():
    shown = {number: [face(4.0 * number, score=0.5 + number / 100)] for number in range(1, 14)}
    frames = [frame(number) for number in range(1, 14)]
    seen, asked = found(frames, shown)
    assert asked == [1, 4, 7, 10, 13]
    for look in seen:
        [one], [expected] = look.faces, shown[look.frame.number]
        assert one.box == pytest.approx(expected.box) and one.score == pytest.approx(expected.score)
        assert one.points == pytest.approx(expected.points)
    assert found(frames, shown, every_s=None)[1] == list(range(1, 14))
    assert found(frames, {})[1] == [1, 4, 7, 10, 13]  # nobody before and nobody after is nobody in between


def test_the_last_frame_is_asked_wherever_it_lies():
    assert found([frame(number) for number in range(1, 7)], {})[1] == [1, 4, 6]


TWO, NEAR = [face(0), face(300)], [face(0), face(60)]


@pytest.mark.parametrize(
    ("before", "after", "doubtful"),
    [
        ([face(0)], [face(10)], False),
        (TWO, [face(305), face(3)], False),
        ([face(0)], [], True),
        ([], [face(0)], True),
        ([face(0)], [face(50)], True),  # the boxes share a third
        ([face(0)], [face(400)], True),
        (TWO, NEAR, True),
        ([*TWO, face(600)], [*TWO, face(600)], True),
    ],
    ids=["holds", "two hold", "goes", "comes", "moves", "jumps", "two touch", "three"],
)
def test_in_doubt_the_frames_in_between_are_asked(before, after, doubtful):
    shown = {1: before, 4: after, 2: [face(7)], 3: [face(8)]}
    seen, asked = found([frame(number) for number in range(1, 5)], shown)
    assert asked == ([1, 2, 3, 4] if doubtful else [1, 4])
    assert [len(look.faces) for look in seen[1:3]] == ([1, 1] if doubtful else [len(after)] * 2)
    if len(after) == 2 and not doubtful:  # the first of the later ones is the second of those before
        assert [one.box[0] for one in seen[1].faces] == pytest.approx([301.667, 1.0], abs=1e-3)


def test_the_first_and_the_last_frame_of_a_shot_are_asked_and_nothing_lies_across_a_cut():
    frames = [frame(number, shade=255 * (number > 6)) for number in range(1, 12)]
    shown = {number: [face(0)] for number in range(1, 12)}
    seen, asked = found(frames, shown)
    assert [look.frame.number for look in seen if look.is_cut] == [7]
    assert asked == [1, 4, 6, 7, 10, 11]


def test_pictures_that_grow_are_no_cut_and_those_of_another_shape_are():
    frames = [frame(1), frame(2), frame(3, (16, 16)), frame(4, (16, 16)), frame(5, (16, 8)), frame(6, (16, 8))]
    seen, asked = found(frames, {})
    assert [look.growth for look in seen] == [1, 1, 2, 1, 0.5, 1]
    assert [look.is_cut for look in seen] == [False] * 4 + [True, False]
    assert asked == [1, 2, 3, 4, 5, 6]


@given(
    sizes=st.lists(st.sampled_from([4, 6]), max_size=12),
    batch=st.integers(1, 5),
    count=st.integers(1, 6),
    every_s=st.sampled_from([None, 0.4, 0.6]),
)
def test_order_and_faces_do_not_depend_on_batches(sizes, batch, count, every_s):
    frames = [frame(number, (size, size)) for number, size in enumerate(sizes, start=1)]
    shown = {number: [face(3.0 * number)] for number in range(1, 13, 2)}
    alone, asked = found(frames, shown, every_s)
    detector = Told(shown, batch)
    together = list(ask(looks(ahead(iter(frames), count)), detector, every_s))
    assert detector.asked == asked
    for look, other in zip(alone, together, strict=True):
        assert look.frame is other.frame
        assert [one.box.tolist() for one in look.faces] == [one.box.tolist() for one in other.faces]


@pytest.mark.parametrize("threads", [1, 2])
def test_frames_before_a_break_come_first_and_its_error_crosses_threads(monkeypatch, threads):
    def breaking(*_):
        yield from (frame(1), frame(2), frame(3))
        raise BrokenVideoError("it breaks")

    monkeypatch.setattr(stream, "sample_frames", breaking)
    seen = []
    with pytest.raises(BrokenVideoError, match="it breaks"):
        for look in detected_frames("film.mp4", 5.0, Told({}, batch=2), threads, every_s=0.6):
            seen.append(look.frame.number)
    assert seen == [1, 2, 3]
