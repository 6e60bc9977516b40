"""Pictures and sound on one timeline, by files whose flashes and clicks fall together, and the track that is heard."""

import sys
from fractions import Fraction

import av
import extract_audio
import numpy as np
import pytest
import soundfile
from clips import ffmpeg, write_clicks, write_numbered

from abaw.media.sound import MIXTURE_RATE_HZ, sound_track
from abaw.media.timing import Clock, Stamps
from abaw.media.video import analysed_frames, decisions, probe, sample_frames
from abaw.running.errors import UserError

FPS = Fraction(25)


def codes(path):
    return [found.code for found in decisions(path)]


def extracted(path, number="default", policy="stop"):
    """What the command writes, (n,) of the left channel."""
    output = path.parent / "out" / f"{path.stem}.flac"
    with pytest.MonkeyPatch.context() as patch:
        arguments = ["--video", path, "--on-unreadable", policy, "--sound-track", number, "--output", output]
        patch.setattr(sys, "argv", ["extract_audio.py", *map(str, arguments)])
        extract_audio.main()
    return soundfile.read(output, dtype="int16", always_2d=True)[0][:, 0]


def flashes_s(path):
    """When the pictures turn white."""
    lit = [(frame.time_s, frame.bgr.mean() > 128) for frame in sample_frames(path, 60.0)]
    return [time_s for (_, before), (time_s, now) in zip([(0, False), *lit], lit, strict=False) if now and not before]


def clicks_s(track):
    """When clicks begin that follow at least a tenth of a second of silence."""
    loud = np.flatnonzero(np.abs(track.astype(float)) > 3000)
    return (loud[np.diff(loud, prepend=-MIXTURE_RATE_HZ) > MIXTURE_RATE_HZ // 10] / MIXTURE_RATE_HZ).tolist()


def assert_one_timeline(path):
    """Probe, sampler and sound agree about the frames, their times and what is heard then."""
    info = probe(path)
    frames = list(sample_frames(path, 5.0))
    numbers, times_s = zip(*analysed_frames(info, 5.0), strict=True)
    assert [frame.number for frame in frames] == list(numbers)
    assert [frame.time_s for frame in frames] == pytest.approx(times_s, abs=0.002)  # Matroska rounds to 1/1000 s
    assert sum(1 for _ in sample_frames(path, 1000.0)) == info.n_frames
    track = extracted(path)
    assert len(track) == round(info.duration_s * MIXTURE_RATE_HZ)
    seen, heard = flashes_s(path), clicks_s(track)
    assert len(seen) >= 2
    assert heard == pytest.approx(seen, abs=0.05)
    return info


def twice(tmp_path, name, codec):
    """A recording of three seconds after itself, as `cat` joins them."""
    clicks = write_clicks(tmp_path / "clicks.mkv", FPS, 3, {25, 50}, "pcm_s16le")
    film = {"flv": "flv1", "wmv": "wmv2"}.get(name.rpartition(".")[2], "mpeg4")
    source = ffmpeg("-i", clicks, "-c:v", film, "-c:a", codec, tmp_path / f"source_{name}")
    (tmp_path / name).write_bytes(2 * source.read_bytes())
    return tmp_path / name


@pytest.mark.parametrize(
    ("name", "codec"), [("a.ts", "mp2"), ("a.mts", "ac3"), ("a.mpg", "mp2"), ("a.mkv", "libmp3lame")]
)
def test_time_stamps_that_begin_again_are_put_on_one_timeline(tmp_path, name, codec):
    path = twice(tmp_path, name, codec)
    info = assert_one_timeline(path)
    assert info.n_frames == 150
    assert info.duration_s == pytest.approx(6, abs=0.1)
    assert flashes_s(path) == pytest.approx([1, 2, 4, 5], abs=0.05)
    assert codes(path) == ["time_stamps_mended"]


@pytest.mark.parametrize("name", ["a.flv", "a.wmv", "a.mp4", "a.avi"])
def test_containers_that_say_their_length_have_one_timeline_too(tmp_path, name):
    codec = {"a.wmv": "wmav2", "a.mp4": "aac"}.get(name, "libmp3lame")
    info = assert_one_timeline(twice(tmp_path, name, codec))
    assert info.duration_s == pytest.approx(3, abs=0.1) or info.duration_s == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mov"])
@pytest.mark.parametrize("offset_s", [-1, 1, 1000])
def test_stamps_that_begin_below_zero_or_late(tmp_path, suffix, offset_s):
    source = write_clicks(tmp_path / "source.mp4", FPS, 4, {50, 75}, "aac")
    shift = ["-avoid_negative_ts", "disabled", "-output_ts_offset", offset_s]
    shift += ["-bsf:v", "dump_extra"] if suffix == "ts" else []
    assert_one_timeline(ffmpeg("-i", source, "-c", "copy", *shift, tmp_path / f"a.{suffix}"))


def test_pictures_without_a_stamp_are_counted(tmp_path):
    """Matroska keeps no time below zero: thirty frames have none, and the sound before zero neither."""
    source = write_numbered(tmp_path / "source.mp4", 60, Fraction(30), encoder={"bf": "2"})
    shift = ["-avoid_negative_ts", "disabled", "-output_ts_offset", "-1"]
    path = ffmpeg("-i", source, "-c", "copy", *shift, tmp_path / "a.mkv")
    assert probe(path).n_frames == sum(1 for _ in sample_frames(path, 1000.0)) == 60
    assert probe(path).is_mended


def test_parts_that_the_sound_does_not_share_are_a_sentence(tmp_path):
    sounding = write_clicks(tmp_path / "a.ts", FPS, 3, {25, 50}, "mp2")
    silent = ffmpeg("-i", sounding, "-c", "copy", "-an", tmp_path / "b.ts")
    path = tmp_path / "c.ts"
    path.write_bytes(sounding.read_bytes() + silent.read_bytes())
    with pytest.raises(
        UserError, match=r"sound of .*c\.ts cannot be put beside its pictures: its .* 0 times, theirs 1"
    ):
        sound_track(path)
    assert not extracted(path, policy="skip").any()


def test_a_clock_by_hand():
    clock = Clock(Fraction(1, 10))
    stamps = [
        None,
        Fraction(5),
        Fraction(51, 10),
        Fraction(51, 10),
        None,
        Fraction(56, 10),
        Fraction(2),
        Fraction(21, 10),
    ]
    placed = [float(clock.place(stamp)) for stamp in stamps]
    assert placed == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.7, 0.8, 0.9])
    assert [float(start) for start in clock.starts] == pytest.approx([4.9, 1.2])


def test_stamps_by_hand():
    tick = Fraction(1, 10)
    plain = Stamps(tick, in_fields=False)
    for shown, decoded in [(0, -1), (2, 0), (1, 1), (None, None), (3, 2), (0, -9), (1, 0)]:
        plain.add(shown, decoded)
    assert list(plain) == [0, 1, None, 2, 3, 0, 1]
    assert plain.are_mended
    fields = Stamps(tick, in_fields=True)
    for shown in (0, None, 1, None):
        fields.add(shown, shown)
    assert list(fields) == [0, 1]
    assert not fields.are_mended


def test_a_time_stamp_hours_away_is_no_hours_of_work(tmp_path):
    """Half of a sound lies a day after the pictures: it is left out, before silence is made up to there."""
    source = write_clicks(tmp_path / "a.mkv", FPS, 4, {25, 75}, "pcm_s16le")
    path = tmp_path / "b.mkv"
    with av.open(str(source)) as read, av.open(str(path), "w") as output:
        streams = {stream.index: output.add_stream_from_template(stream) for stream in read.streams}
        for packet in read.demux():
            if packet.dts is None:
                continue
            late = packet.stream.type == "audio" and packet.pts * packet.time_base >= 2
            packet.pts = packet.dts = packet.pts + (round(86_400 / packet.time_base) if late else 0)
            packet.stream = streams[packet.stream.index]
            output.mux(packet)
    track = extracted(path)
    assert len(track) == 4 * MIXTURE_RATE_HZ
    assert clicks_s(track) == pytest.approx([1], abs=0.02)


def tones(tmp_path, name, tracks, *options):
    """A dark video with a tone in each track: its frequency in Hz, channels and disposition."""
    arguments = ["-f", "lavfi", "-i", "color=black:s=64x64:r=25:d=2"]
    for hz, _, _ in tracks:
        arguments += ["-f", "lavfi", "-i", f"sine=f={hz}:d=2:r=48000,volume=18dB"]
    for number in range(len(tracks) + 1):
        arguments += ["-map", number]
    for number, (_, channels, disposition) in enumerate(tracks):
        arguments += [f"-ac:a:{number}", channels, f"-disposition:a:{number}", disposition]
    return ffmpeg(*arguments, *options, tmp_path / name)


def pitch_hz(track):
    half = track[len(track) // 4 : len(track) * 3 // 4].astype(float)
    spectrum = np.abs(np.fft.rfft(half * np.hanning(len(half))))
    return float(np.argmax(spectrum) * MIXTURE_RATE_HZ / len(half))


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
@pytest.mark.parametrize(
    ("tracks", "number", "expected_hz"),
    [
        ([(440, 2, "0"), (1000, 1, "default")], "default", 1000),
        ([(440, 1, "default"), (1000, 6, "0")], "default", 440),
        ([(440, 2, "0"), (1000, 1, "default")], "1", 440),
        ([(440, 1, "default"), (1000, 2, "0"), (3000, 2, "0")], "3", 3000),
        ([(440, 1, "default"), (1000, 2, "0")], "3", 440),
    ],
)
def test_the_default_track_is_heard_and_a_key_names_another(tmp_path, capsys, name, tracks, number, expected_hz):
    path = tones(tmp_path, name, tracks)
    assert pitch_hz(extracted(path, number)) == pytest.approx(expected_hz, abs=3)
    assert f"{path} has {len(tracks)} sound tracks: number" in capsys.readouterr().out
    (found,) = decisions(path, None if number == "default" else int(number))
    assert found.code == "sound_track"


def test_one_channel_beside_two_is_as_loud_as_alone(tmp_path):
    alone = tones(tmp_path, "one.mkv", [(440, 1, "default")], "-c:a", "pcm_s16le")
    beside = tones(tmp_path, "two.mkv", [(1000, 2, "0"), (440, 1, "default")], "-c:a", "pcm_s16le")
    assert np.array_equal(extracted(alone), extracted(beside))


def test_a_first_track_without_a_decoder_is_passed_over(tmp_path, capsys):
    path = tones(tmp_path, "a.mp4", [(440, 2, "default"), (1000, 2, "0")], "-c:a", "aac")
    raw = path.read_bytes()
    assert raw.count(b"mp4a") == raw.count(b"\x40\x15") == 2  # a sample entry, and the kind of its stream inside
    path.write_bytes(raw.replace(b"mp4a", b"apac", 1).replace(b"\x40\x15", b"\xff\x15", 1))
    assert pitch_hz(extracted(path)) == pytest.approx(1000, abs=3)
    assert "2 sound tracks: number 2 is taken, the first that can be decoded" in capsys.readouterr().out
    path.write_bytes(raw.replace(b"mp4a", b"apac").replace(b"\x40\x15", b"\xff\x15"))
    with pytest.raises(UserError, match=r"audio of .*a\.mp4 cannot be decoded: it has no sound track of a codec that"):
        extracted(path)
    assert codes(path) == ["no_decodable_sound"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("51.mkv", ["-c:a", "ac3", "-ac", "6"]),
        ("mulaw.mov", ["-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"]),
        ("opus.webm", ["-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus"]),
        ("wma.wmv", ["-c:v", "wmv2", "-c:a", "wmav2"]),
        ("amr.3gp", ["-c:v", "h263", "-s", "176x144", "-c:a", "libopencore_amrnb", "-ar", "8000", "-ac", "1"]),
        ("ac3.vob", ["-c:v", "mpeg2video", "-c:a", "ac3"]),
        ("late.mkv", ["-c:a", "aac"]),
    ],
)
def test_sounds_of_every_kind_are_heard_at_their_time(tmp_path, name, options):
    source = write_clicks(tmp_path / "source.mkv", FPS, 3, {25, 50}, "pcm_s16le", rate_hz=48000)
    large = ["-vf", "scale=176:144:flags=neighbor"]
    path = ffmpeg("-i", source, *large, *options, tmp_path / name)
    assert clicks_s(extracted(path)) == pytest.approx(flashes_s(path), abs=0.06)


def test_a_timecode_track_is_no_matter(tmp_path):
    source = write_clicks(tmp_path / "source.mp4", FPS, 3, {25, 50}, "aac")
    path = ffmpeg("-i", source, "-c", "copy", "-timecode", "10:00:00:00", tmp_path / "a.mov")
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio", "data"]
    assert_one_timeline(path)
