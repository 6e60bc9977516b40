"""Leaving out pictures that nobody needs changes neither which frames are sampled nor their pixels."""

import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest
from av.packet import Packet
from clips import number_of, write_clip, write_numbered
from imageio_ffmpeg import get_ffmpeg_exe

from abaw.media.decoding import LeftOutError, decode_wanted
from abaw.media.sampling import decoding_threads
from abaw.media.video import probe, sample_frames

N_FRAMES = 90
STREAMS = {
    "three B pictures": {"bf": "3"},
    "no pyramid": {"bf": "3", "x264-params": "b-pyramid=none:b-adapt=0"},
    "pyramid": {"bf": "7", "x264-params": "b-pyramid=normal:b-adapt=0"},
    "open groups": {"bf": "3", "x264-params": "open-gop=1:keyint=12:min-keyint=12:b-adapt=0"},
    "no B pictures": {"bf": "0"},
    "fields": {"flags": "+ildct+ilme", "x264-params": "tff=1"},
    "zero latency": {"tune": "zerolatency"},
}


def moving(number, height=64, width=96):
    """A picture that differs from its neighbours everywhere."""
    y, x = np.mgrid[:height, :width]
    channels = [127 + 127 * np.sin((x * (k + 1) + y + 5 * number) / 9) for k in range(3)]
    return np.stack(channels, axis=2).astype(np.uint8)


def all_frames(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def items_of(path, wanted):
    with av.open(str(path)) as container:
        yield from decode_wanted(container, container.streams.video[0], wanted)


@pytest.mark.parametrize("options", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(25)], ids=str)
@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_frames_as_of_all(tmp_path, options, fps, threads):
    clip = write_clip(tmp_path / "a.mp4", map(moving, range(N_FRAMES)), fps, encoder=options)
    expected = all_frames(clip)
    assert len(expected) == N_FRAMES
    for rate_hz in (5.0, 2.3, 11.0):
        frames = list(sample_frames(clip, rate_hz, threads))
        wanted = [min(range(N_FRAMES), key=lambda k: (abs(k / fps - j / Fraction(str(rate_hz))), k)) for j in range(99)]
        last = frames[-1].number
        assert [frame.number for frame in frames] == sorted({k + 1 for k in wanted if k + 1 <= last})
        assert N_FRAMES - last <= fps / Fraction(str(rate_hz))
        for frame in frames:
            same = np.array_equal(frame.bgr, expected[frame.number - 1])
            assert same != (options is STREAMS["fields"])  # which are made whole


def test_half_of_the_pictures_are_not_decoded_and_all_have_their_place(tmp_path):
    encoder = {"bf": "3", "x264-params": "b-pyramid=none:b-adapt=0"}
    clip = write_clip(tmp_path / "a.mp4", map(moving, range(N_FRAMES)), Fraction(25), encoder=encoder)
    items = list(items_of(clip, lambda ticks: False))
    left_out = [item for item in items if isinstance(item, Packet)]
    assert len(items) == N_FRAMES
    assert 0.6 * N_FRAMES < len(left_out) < 0.76 * N_FRAMES
    times = [item.pts for item in items]
    assert times == sorted(set(times))
    assert not any(isinstance(item, Packet) for item in items_of(clip, lambda ticks: True))


def test_other_codecs_and_containers_are_decoded_whole(tmp_path):
    for name, codec in (("a.mkv", "libx264"), ("a.mp4", "mpeg4")):
        clip = write_clip(tmp_path / name, map(moving, range(30)), Fraction(25), codec=codec, encoder={"bf": "2"})
        items = list(items_of(clip, lambda ticks: False))
        assert len(items) == 30
        assert not any(isinstance(item, Packet) for item in items)


def test_fields_are_refused(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", map(moving, range(30)), Fraction(25), encoder=STREAMS["fields"])
    with pytest.raises(LeftOutError):
        list(items_of(clip, lambda ticks: True))


def test_a_pause_in_the_video_is_decoded_after_all(tmp_path):
    ticks = [*range(20), *range(40, 60), *range(61, 101)]
    encoder = {"bf": "3", "x264-params": "b-pyramid=none:b-adapt=0"}
    clip = write_numbered(tmp_path / "a.mp4", len(ticks), Fraction(25), pts=ticks, encoder=encoder)
    assert probe(clip).is_variable
    frames = list(sample_frames(clip, 4.0, 2))
    assert [number_of(frame.bgr) for frame in frames] == [frame.number for frame in frames]
    assert [frame.time_s for frame in frames] == [ticks[frame.number - 1] / 25 for frame in frames]
    due = [Fraction(j, 4) for j in range(1 + int(ticks[-1] / 25 * 4))]
    nearest = {min(range(len(ticks)), key=lambda k: (abs(Fraction(ticks[k], 25) - time), k)) for time in due}
    assert [frame.number for frame in frames] == sorted(k + 1 for k in nearest)


def test_a_clip_that_an_edit_list_cuts(tmp_path):
    encoder = {"bf": "3", "x264-params": "b-pyramid=none:b-adapt=0:keyint=25"}
    whole = write_clip(tmp_path / "a.mp4", map(moving, range(N_FRAMES)), Fraction(25), encoder=encoder)
    clip = tmp_path / "cut.mp4"
    cut = [get_ffmpeg_exe(), "-v", "error", "-ss", "1.3", "-i", str(whole), "-c", "copy", str(clip)]
    subprocess.run(cut, check=True)
    with av.open(str(clip)) as container:
        assert any(packet.is_discard for packet in container.demux(video=0))
    expected = all_frames(clip)
    frames = list(sample_frames(clip, 5.0, 2))
    assert [frame.number for frame in frames] == list(range(1, len(expected) + 1, 5))
    assert all(np.array_equal(frame.bgr, expected[frame.number - 1]) for frame in frames)


@pytest.mark.parametrize(
    ("size_px", "threads", "decoding"),
    [((1280, 720), 1, 1), ((1280, 720), 2, 1), ((1920, 1088), 4, 3), ((3840, 2160), 2, 2), ((3840, 2160), 1, 1)],
)
def test_one_thread_is_left_to_who_looks_at_small_pictures(size_px, threads, decoding):
    assert decoding_threads(*size_px, threads) == decoding
