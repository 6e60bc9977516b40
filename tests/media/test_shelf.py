"""Pictures that two processes share: they stay as they are while anybody has them, and all come."""

import gc
import json
import os
import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import number_of, write_numbered
from hypothesis import given, settings
from hypothesis import strategies as st

from abaw.media import process, shelf
from abaw.media.shelf import AHEAD, MOST_LAID, Shelf, Shelved
from abaw.media.video import sample_frames
from abaw.running.errors import BrokenVideoError

FPS = Fraction(25)

pytestmark = pytest.mark.usefixtures("no_workers")


def both_sides(monkeypatch, size):
    monkeypatch.setattr(shelf, "SHELF_BYTES", size)
    here = Shelf()
    return here, Shelved(*here.inherited)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4000), st.integers(0, 5)), max_size=60))
def test_a_picture_is_as_it_was_laid_for_as_long_as_anybody_has_it(steps):
    with pytest.MonkeyPatch.context() as monkeypatch:
        here, decoder = both_sides(monkeypatch, 16_384)
        held: list[tuple[int, np.ndarray]] = []
        for number, (size, dropped) in enumerate(steps):
            del held[:dropped]
            begin = decoder.lay(np.full(size, number % 251, np.uint8))
            if begin is None:
                gaps = 1 + len(held)
                assert sum(len(array) + 64 for _, array in held) + gaps * size > 16_384
            else:
                held.append((number % 251, here.taken(begin, size)[:]))
            assert all((array == value).all() for value, array in held)
        held.clear()
        assert decoder.lay(np.zeros(16_384, np.uint8)) == 0


def test_a_child_that_is_forked_gives_nothing_back_for_its_parent(monkeypatch):
    here, decoder = both_sides(monkeypatch, 1000)
    found = here.taken(decoder.lay(np.full(900, 7, np.uint8)), 900)
    child = os.fork()
    if child == 0:
        del found
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert decoder.lay(np.zeros(900, np.uint8)) is None
    assert (found == 7).all()
    del found
    assert decoder.lay(np.zeros(900, np.uint8)) == 0


def test_a_view_keeps_the_picture_and_rows_may_lie_apart(monkeypatch):
    here, decoder = both_sides(monkeypatch, 1000)
    picture = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)
    turned = np.rot90(picture, 1)
    found = here.taken(decoder.lay(turned), turned.nbytes).reshape(turned.shape)
    corner = found[:3, :3]
    del found
    assert decoder.lay(picture) is None
    assert (corner == turned[:3, :3]).all()
    del corner
    assert decoder.lay(picture) == 0


def test_the_decoder_waits_until_it_is_heard(monkeypatch):
    here, decoder = both_sides(monkeypatch, 1000)
    places = [decoder.lay(np.zeros(10, np.uint8)) for _ in range(AHEAD)]
    waiting = threading.Thread(target=lambda: places.append(decoder.lay(np.zeros(10, np.uint8))), daemon=True)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    held = here.taken(places[0], 10)
    waiting.join(10)
    assert len(set(places)) == AHEAD + 1 and len(held) == 10


def test_a_decoder_whose_reader_is_gone_ends(monkeypatch):
    here, decoder = both_sides(monkeypatch, 1000)
    del here
    with pytest.raises(SystemExit):
        decoder.lay(np.zeros(10, np.uint8))


@pytest.mark.parametrize("room", [0, 1, 3])
def test_pictures_for_which_there_is_no_room_come_all_the_same(tmp_path, monkeypatch, no_workers, room):
    clip = write_numbered(tmp_path / "a.mp4", 30, FPS)
    [first, *_] = sample_frames(clip, 1.0)
    no_workers()
    monkeypatch.setattr(shelf, "SHELF_BYTES", max(1, room * (first.bgr.nbytes + 64)))
    held = list(sample_frames(clip, 25.0))
    assert [number_of(frame.bgr) for frame in held] == list(range(1, 31))


def test_descriptors_go_with_the_worker(tmp_path, no_workers):
    clip = write_numbered(tmp_path / "a.mp4", 5, FPS)

    def opened():
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    list(sample_frames(clip, 5.0))
    no_workers()
    gc.collect()
    before = opened()
    for _ in range(3):
        last = list(sample_frames(clip, 5.0))[-1]
        no_workers()
        assert number_of(last.bgr) == 1
    del last
    assert opened() == before


def test_however_many_pictures_are_let_go_at_once_nobody_waits(monkeypatch):
    here, decoder = both_sides(monkeypatch, 1 << 20)
    held = []
    for _ in range(10_000):
        begin = decoder.lay(np.zeros(1, np.uint8))
        if begin is not None:
            held.append(here.taken(begin, 1))
    assert len(held) == MOST_LAID
    going = threading.Thread(target=held.clear, daemon=True)
    going.start()
    going.join(10)
    assert not going.is_alive()
    assert decoder.lay(np.zeros(1 << 20, np.uint8)) == 0


def test_a_decoder_that_hears_nobody_does_not_stop_who_asks(monkeypatch):
    here, _decoder = both_sides(monkeypatch, 1 << 20)

    def take():
        for _ in range(10_000):
            here.taken(0, 1)

    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    taking.join(10)
    assert not taking.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="no other system seals the size of files")
@pytest.mark.parametrize("size", [0, 100, 1 << 20])
def test_the_memory_cannot_be_cut_off(monkeypatch, size):
    monkeypatch.setattr(shelf, "SHELF_BYTES", 10_000)
    shared, _ = Shelf().inherited
    with pytest.raises(PermissionError):
        os.ftruncate(shared, size)


FAULTY = {
    "before": {"place": -64},
    "beyond": {"place": shelf.SHELF_BYTES - 1},
    "no_number": {"place": "0"},
    "everything": {"size": -1},
    "nothing": {"size": 0},
    "no_size": {"size": None},
    "less_than_the_shape": {"size": 64},
    "too_much": {"size": 1 << 60},
    "too_much_of_a_pipe": {"size": 1 << 60, "place": None},
    "less_than_nothing_of_a_pipe": {"size": -1, "place": None},
    "no_answer": {"answer": None},
    "no_shape": {"answer": {"number": 1, "time_s": 0.0}},
}


@pytest.mark.parametrize("fault", FAULTY.values(), ids=FAULTY)
def test_a_place_that_is_none_is_a_sentence(tmp_path, monkeypatch, fault):
    clip = write_numbered(tmp_path / "a.mp4", 5, FPS)
    loads = json.loads

    def faulty(text):
        return loads(text) | (fault if b'"place"' in text else {})

    monkeypatch.setattr(process.json, "loads", faulty)
    said = r"a\.mp4 breaks after frame 0 \(0\.00 s\): its decoder gives an answer that is none \(.+\); copy it again"
    with pytest.raises(BrokenVideoError, match=said):
        list(sample_frames(clip, 5.0))
    assert not process._idle
