from fractions import Fraction
from math import ceil

import av
import numpy as np
import pytest
from clips import number_of, numbered, write_clip, write_numbered

from abaw.media.video import analysed_frames, probe, sample_frames
from abaw.running.errors import UserError

RATES = [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(30), Fraction(25), Fraction(2038, 100), Fraction(15, 2)]


def nearest_by_brute_force(times, rate_hz):
    """For each analysis time, up to where the last frame's turn would end, the nearest of all frames."""
    rate = Fraction(str(rate_hz))
    end = times[-1] + (times[-1] - times[-2]) / 2
    wanted = [j / rate for j in range(ceil(end * rate) + 1) if j / rate <= end]
    return sorted({min(range(len(times)), key=lambda k: (abs(times[k] - t), k)) + 1 for t in wanted})


@pytest.mark.parametrize("fps", RATES, ids=str)
@pytest.mark.parametrize("rate_hz", [5.0, 1.5, 0.3, 12.5])
def test_nearest_frames_in_exact_time(tmp_path, fps, rate_hz):
    clip = write_numbered(tmp_path / "a.mp4", 73, fps)
    frames = list(sample_frames(clip, rate_hz))
    assert [frame.number for frame in frames] == nearest_by_brute_force([k / fps for k in range(73)], rate_hz)
    assert [number_of(frame.bgr) for frame in frames] == [frame.number for frame in frames]
    assert [frame.time_s for frame in frames] == pytest.approx([float((frame.number - 1) / fps) for frame in frames])


def test_of_two_frames_equally_near_the_earlier(tmp_path):
    clip = write_numbered(tmp_path / "a.mp4", 10, Fraction(10))
    assert [frame.number for frame in sample_frames(clip, 4.0)] == [1, 3, 6, 8]


@pytest.mark.parametrize("rate_hz", [25.0, 30.0, 60.0])
def test_a_rate_above_the_videos_gives_every_frame(tmp_path, rate_hz):
    clip = write_numbered(tmp_path / "a.mp4", 31, Fraction(25))
    assert [number_of(frame.bgr) for frame in sample_frames(clip, rate_hz)] == list(range(1, 32))


def test_variable_frame_rate(tmp_path):
    ticks = [0, 3, 4, 5, 20, 21, 50, 51, 52, 90]
    clip = write_clip(tmp_path / "a.mp4", (numbered(k + 1) for k in range(10)), Fraction(30), pts=ticks)
    frames = list(sample_frames(clip, 5.0))
    assert [frame.number for frame in frames] == nearest_by_brute_force([Fraction(tick, 30) for tick in ticks], 5.0)
    assert [frame.time_s for frame in frames] == [ticks[number_of(frame.bgr) - 1] / 30 for frame in frames]


def test_times_count_from_the_first_frame(tmp_path):
    clip = write_clip(tmp_path / "a.mkv", (numbered(k + 1) for k in range(9)), Fraction(10), pts=list(range(100, 109)))
    assert [frame.time_s for frame in sample_frames(clip, 5.0)] == [0.0, 0.2, 0.4, 0.6, 0.8]


@pytest.mark.parametrize(
    ("name", "codec", "encoder"),
    [
        ("a.mp4", "libx264", {"bf": "3"}),
        ("a.avi", "libx264", {"bf": "3"}),  # stores no presentation times
        ("a.avi", "mpeg4", {"bf": "2"}),
        ("a.mkv", "libx264", {}),
        ("a.flv", "flv1", {}),
        ("a.mpg", "mpeg1video", {}),
        ("a.webm", "libvpx-vp9", {"deadline": "realtime"}),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_containers(tmp_path, name, codec, encoder, threads):
    fps = Fraction(30000, 1001)
    clip = write_numbered(tmp_path / name, 40, fps, codec=codec, encoder=encoder)
    info = probe(clip)
    assert (info.fps, info.n_frames, info.has_audio) == (fps, 40, False)
    assert (info.width_px, info.height_px) == (64, 48)
    assert info.duration_s == pytest.approx(40 / fps, abs=1e-3)
    frames = list(sample_frames(clip, 60.0, threads))
    assert [number_of(frame.bgr) for frame in frames] == list(range(1, 41))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(40) / float(fps), atol=1e-3)


@pytest.mark.parametrize("fps", RATES, ids=str)
def test_the_exact_frame_rate(tmp_path, fps):
    assert probe(write_numbered(tmp_path / "a.mp4", 31, fps)).fps == fps


def test_probe_sees_audio_and_does_not_decode(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        video, sound = output.add_stream("libx264", rate=25), output.add_stream("aac", rate=16000)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for k in range(30):
            frame = av.VideoFrame.from_ndarray(numbered(k + 1), format="bgr24")
            output.mux(video.encode(frame))
        tone = np.sin(np.arange(19200) / 20)[None].astype(np.float32)
        samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        samples.sample_rate = 16000
        output.mux(sound.encode(samples))
        for stream in (video, sound):
            output.mux(stream.encode())
    raw = bytearray(path.read_bytes())
    start = raw.index(b"mdat") + 4
    raw[start : raw.index(b"moov") - 4] = bytes(raw.index(b"moov") - 4 - start)
    path.write_bytes(raw)
    info = probe(path)
    assert (info.fps, info.n_frames, info.has_audio) == (25, 30, True)
    with pytest.raises(UserError, match=r"breaks after frame 0 .* copy it again"):
        list(sample_frames(path, 5.0))


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (-90, 3), (180, 2)])
def test_a_rotation_flag_is_followed(tmp_path, rotation, turns):
    clip = write_numbered(tmp_path / "a.mp4", 3, Fraction(25), rotation=rotation)
    frame = next(sample_frames(clip, 5.0))
    assert number_of(np.rot90(frame.bgr, -turns)) == 1
    assert frame.bgr.flags.c_contiguous


@pytest.mark.parametrize(
    "name", ["a b.mp4", 'it\'s "q" $x.mp4', "http:x.mp4", "-y.mp4", "a%03d.mp4", "concat:a|b.mp4", "größe 顔.mp4"]
)
def test_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_numbered(tmp_path / name, 5, Fraction(25))
    assert probe(name).n_frames == 5
    assert [number_of(frame.bgr) for frame in sample_frames(name, 60.0)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("content", [b"", b"hello\n" * 1000, bytes(5000)], ids=["empty", "text", "zeros"])
@pytest.mark.parametrize("name", ["a.mp4", "a.txt", "a.avi"])
def test_what_is_no_video(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    for read in (probe, lambda path: list(sample_frames(path, 5.0))):
        with pytest.raises(UserError, match=f"{name} .{len(content)} bytes. cannot be read as a video .*convert it"):
            read(path)


def test_a_playlist_leads_nowhere(tmp_path):
    clip = write_numbered(tmp_path / "a.mp4", 5, Fraction(25))
    for name, text in {
        "b.mp4": f"ffconcat version 1.0\nfile {clip}\n",
        "c.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(UserError, match="cannot be read as a video"):
            probe(tmp_path / name)


def test_missing_file_folder_and_sound_only(tmp_path):
    with pytest.raises(UserError, match=r"there is no video file .*no\.mp4"):
        probe(tmp_path / "no.mp4")
    with pytest.raises(UserError, match="there is no video file"):
        probe(tmp_path)
    with av.open(str(tmp_path / "a.mp4"), "w") as output:
        sound = output.add_stream("aac", rate=16000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 16000
        output.mux(sound.encode(samples))
        output.mux(sound.encode())
    with pytest.raises(UserError, match=r"a\.mp4 has no video stream"):
        probe(tmp_path / "a.mp4")


@pytest.mark.parametrize("damage", ["cut", "noise"])
def test_a_clip_that_breaks_gives_the_frames_before_and_then_an_error(tmp_path, damage):
    clip = write_numbered(
        tmp_path / "a.mp4", 200, Fraction(25), container={"movflags": "faststart"}, encoder={"g": "10"}
    )
    raw = clip.read_bytes()
    keep = len(raw) * 7 // 10
    noise = np.random.default_rng(0).integers(0, 256, len(raw) - keep, dtype=np.uint8).tobytes()
    clip.write_bytes(raw[:keep] + (noise if damage == "noise" else b""))
    numbers = []
    with pytest.raises(UserError, match=r"a\.mp4 breaks after frame \d+ .* repair it by converting"):
        for frame in sample_frames(clip, 5.0):
            numbers.append(number_of(frame.bgr))
    assert numbers == list(range(1, numbers[-1] + 1, 5))
    assert 50 < numbers[-1] < 150


def test_a_cut_that_the_container_does_not_notice_is_a_shorter_video(tmp_path):
    clip = write_numbered(tmp_path / "a.mkv", 200, Fraction(25), encoder={"g": "10", "bf": "0"})
    raw = clip.read_bytes()
    clip.write_bytes(raw[: len(raw) * 7 // 10])
    n_frames = probe(clip).n_frames
    assert 50 < n_frames < 200
    assert [number_of(frame.bgr) for frame in sample_frames(clip, 60.0)] == list(range(1, n_frames + 1))


TICKS = [0, 3, 4, 5, 20, 21, 50, 51, 52, 90]


@pytest.mark.parametrize(
    ("name", "codec", "encoder"),
    [
        ("a.mp4", "libx264", {"bf": "2"}),  # stored in another order than shown
        ("a.mkv", "libx264", {"bf": "2"}),
        ("a.avi", "mpeg4", {}),  # the frames left out are promised in the header
    ],
)
def test_probe_tells_a_variable_rate_and_the_time_of_each_frame(tmp_path, name, codec, encoder):
    pictures = (numbered(k + 1) for k in range(10))
    clip = write_clip(tmp_path / name, pictures, Fraction(30), pts=TICKS, codec=codec, encoder=encoder)
    info = probe(clip)
    assert info.is_variable
    assert info.n_frames == 10
    assert [float(time) for time in info.times()] == pytest.approx([tick / 30 for tick in TICKS], abs=1e-3)
    assert info.duration_s >= 3
    decoded = [(frame.number, frame.time_s) for frame in sample_frames(clip, 5.0)]
    assert list(analysed_frames(info, 5.0)) == decoded


@pytest.mark.parametrize("fps", RATES, ids=str)
@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
def test_a_constant_rate_has_no_frame_times_and_the_frames_that_decoding_takes(tmp_path, name, fps):
    clip = write_numbered(tmp_path / name, 73, fps, encoder={"bf": "2"})
    info = probe(clip)
    assert not info.is_variable
    assert list(info.times()) == [k / fps for k in range(73)]
    numbers, times_s = zip(*analysed_frames(info, 5.0), strict=True)
    assert list(numbers) == nearest_by_brute_force([k / fps for k in range(73)], 5.0)
    assert times_s == tuple(float((number - 1) / fps) for number in numbers)
    if name == "a.mp4":
        assert list(numbers) == [frame.number for frame in sample_frames(clip, 5.0)]


def test_a_frame_left_out_shifts_all_that_follow_and_a_late_start_shifts_none(tmp_path):
    ticks = [k + (k > 20) for k in range(60)]
    clip = write_clip(tmp_path / "a.avi", (numbered(k + 1) for k in range(60)), Fraction(30), pts=ticks, codec="mpeg4")
    assert probe(clip).frame_times == tuple(Fraction(tick, 30) for tick in ticks)
    late = write_clip(tmp_path / "b.mp4", (numbered(k + 1) for k in range(60)), Fraction(30), pts=range(7, 67))
    assert not probe(late).is_variable  # a late start is none either: times count from the first frame


def test_the_size_is_the_stored_one_under_a_rotation_flag(tmp_path):
    info = probe(write_numbered(tmp_path / "a.mp4", 3, Fraction(25), rotation=90))
    assert (info.width_px, info.height_px) == (64, 48)
    assert next(sample_frames(tmp_path / "a.mp4", 5.0)).bgr.shape == (64, 48, 3)


@pytest.mark.parametrize(
    ("name", "codec", "container"), [("a.mp4", "libx264", {"movflags": "faststart"}), ("a.avi", "mpeg4", {})]
)
def test_probe_sees_that_a_file_is_cut_off(tmp_path, name, codec, container):
    clip = write_numbered(tmp_path / name, 200, Fraction(25), codec=codec, container=container)
    raw = clip.read_bytes()
    clip.write_bytes(raw[: len(raw) * 7 // 10])
    with pytest.raises(UserError, match=rf"{name} is cut off: it holds \d+ of the 200 frames .* copy it again"):
        probe(clip)


def test_a_cut_before_the_table_of_frames(tmp_path):
    clip = write_numbered(tmp_path / "a.mp4", 100, Fraction(25))
    raw = clip.read_bytes()
    clip.write_bytes(raw[: raw.index(b"moov")])
    with pytest.raises(UserError, match=r"a\.mp4 .* cannot be read as a video"):
        probe(clip)


@pytest.mark.parametrize(
    ("name", "said"),
    [("a.avi", "has a video stream without a frame; copy"), ("a.mkv", r".*cannot be read as a video \(End of file\)")],
)
def test_a_stream_without_a_frame(tmp_path, name, said):
    with av.open(str(tmp_path / name), "w") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.start_encoding()
    with pytest.raises(UserError, match=f"{name} {said}"):
        probe(tmp_path / name)


def test_junk_inside_the_container_is_one_sentence(tmp_path):
    clip = write_numbered(tmp_path / "a.mp4", 100, Fraction(25))
    raw = bytearray(clip.read_bytes())
    table = raw.index(b"stbl")
    raw[table:] = np.random.default_rng(0).integers(0, 256, len(raw) - table, dtype=np.uint8).tobytes()
    clip.write_bytes(raw)
    with pytest.raises(UserError, match=r"a\.mp4 .*(cannot be read|no video stream|frame|nothing here decodes)"):
        probe(clip)
