"""Sound on the video's timeline, whatever the file is like, and its resampling."""

import sys
from fractions import Fraction

import av
import extract_audio
import mix_down
import numpy as np
import pytest
import separate_speech
import soundfile
from clips import write_clicks, write_sound
from hypothesis import given, settings
from hypothesis import strategies as st

from abaw.media.sound import MIXTURE_RATE_HZ, extract_stereo
from abaw.media.video import probe
from abaw.running.errors import UserError
from abaw.speech.audio import as_long_as, made_by, read_blocks, read_flac
from abaw.speech.resampling import resampled, to_mono


def heard(path):
    """The sound of a file as the models hear it without a separator, (n,) at 16 kHz."""
    blocks = (block.T.astype(np.float32) / 32768 for block in extract_stereo(path))
    return np.concatenate(list(to_mono(blocks, 16000)))


def extracted(path, output, policy="stop"):
    """What the command writes, (n,) of the left channel."""
    with pytest.MonkeyPatch.context() as patch:
        arguments = [
            "--video",
            str(path),
            "--on-unreadable",
            policy,
            "--sound-track",
            "default",
            "--output",
            str(output),
        ]
        patch.setattr(sys, "argv", ["extract_audio.py", *arguments])
        extract_audio.main()
    return soundfile.read(output, dtype="int16", always_2d=True)[0][:, 0]


def remux(source, target, shifts_s, lengths_s=(1e9, 1e9)):
    """Copy the streams of a file, moved in time (video, audio) and cut off at lengths."""
    with av.open(str(source)) as read, av.open(str(target), "w") as output:
        streams = {kind.index: output.add_stream_from_template(kind) for kind in read.streams}
        for packet in read.demux():
            if packet.dts is None:
                continue
            kind = 0 if packet.stream.type == "video" else 1
            if packet.pts * packet.time_base >= lengths_s[kind]:
                continue
            ticks = round(shifts_s[kind] / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            packet.stream = streams[packet.stream.index]
            output.mux(packet)
    return target


def onset_s(track):
    return np.flatnonzero(np.abs(track.astype(float)) > 3000)[0] / MIXTURE_RATE_HZ


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(("film_s", "sound_s"), [(0.5, 0.0), (0.0, 0.3)])
def test_the_track_begins_with_the_first_frame_whichever_stream_starts_first(tmp_path, suffix, film_s, sound_s):
    source = write_clicks(tmp_path / "a.mp4", Fraction(25), 4, {50}, "aac")
    path = remux(source, tmp_path / f"b.{suffix}", (film_s, sound_s))
    track = extracted(path, tmp_path / "b.flac")
    assert onset_s(track) == pytest.approx(2.0 + sound_s - film_s, abs=0.01)
    assert len(track) == round(probe(path).duration_s * MIXTURE_RATE_HZ)


@pytest.mark.parametrize("lengths_s", [(4.0, 1.5), (1.5, 4.0)])
def test_sound_is_cut_off_or_filled_up_to_the_video(tmp_path, lengths_s):
    source = write_clicks(tmp_path / "a.mp4", Fraction(25), 4, {25}, "aac")
    path = remux(source, tmp_path / "b.mkv", (0.0, 0.0), lengths_s)
    track = extracted(path, tmp_path / "b.flac")
    assert len(track) / MIXTURE_RATE_HZ == pytest.approx(lengths_s[0], abs=0.1)
    assert len(track) == round(probe(path).duration_s * MIXTURE_RATE_HZ)
    assert onset_s(track) == pytest.approx(1.0, abs=0.01)


def test_a_third_of_a_second_is_extracted_with_the_decoder_s_version(tmp_path):
    path = write_clicks(tmp_path / "a.mp4", Fraction(30), 1, {3}, "aac")
    short = remux(path, tmp_path / "b.mp4", (0.0, 0.0), (0.3, 0.3))
    track = extracted(short, tmp_path / "b.flac")
    assert len(track) == round(0.3 * MIXTURE_RATE_HZ)
    assert onset_s(track) == pytest.approx(0.1, abs=0.01)
    assert made_by(tmp_path / "b.flac").startswith("ffmpeg ")


def test_sound_after_damage_is_still_where_it_was(tmp_path):
    """Packets of one second are overwritten; what comes after is heard at its time, whatever the damage sounds like."""
    source = write_clicks(tmp_path / "a.mkv", Fraction(25), 6, {25, 125}, "libmp3lame")
    with av.open(str(source)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.dts is not None]
    raw = source.read_bytes()
    noise = np.random.default_rng(0)
    for data in packets[len(packets) * 2 // 6 : len(packets) * 3 // 6]:
        assert raw.count(data) >= 1
        raw = raw.replace(data, noise.bytes(len(data)), 1)
    source.write_bytes(raw)
    track = extracted(source, tmp_path / "a.flac")
    assert len(track) == 6 * MIXTURE_RATE_HZ
    assert onset_s(track) == pytest.approx(1.0, abs=0.01)
    late = track[int(4.5 * MIXTURE_RATE_HZ) :]
    assert onset_s(late) + 4.5 == pytest.approx(5.0, abs=0.01)


@pytest.mark.parametrize(("codec", "layout", "channels"), [("pcm_s16le", "7.1", 8), ("pcm_s16le", "mono", 1)])
def test_silence_stays_silence_of_its_length(tmp_path, codec, layout, channels):
    path = write_sound(tmp_path / "a.mkv", np.zeros((channels, 48000), np.float32), 48000, codec, layout)
    track = np.concatenate(list(as_long_as(extract_stereo(path), 1)))
    assert track.shape == (MIXTURE_RATE_HZ, 2)
    assert not track.any()


@given(
    length=st.integers(0, 60_000),
    pieces=st.integers(1, 9),
    rates=st.sampled_from([(44100, 16000), (8000, 16000), (192000, 44100)]),
)
@settings(max_examples=15)
def test_pieces_are_resampled_to_what_the_whole_gives(length, pieces, rates):
    sound = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    whole = np.concatenate(list(resampled([sound], *rates)))
    parts = np.concatenate(list(resampled(np.array_split(sound, pieces), *rates)))
    assert len(whole) == -(-length * rates[1] // rates[0])
    np.testing.assert_array_equal(parts, whole)


def test_a_tone_keeps_its_phase_and_none_is_folded_back():
    times = np.arange(3 * 44100) / 44100
    inner = slice(16000, 32000)
    for tone_hz, most in ((100, 1e-6), (3000, 1e-6), (5000, 1e-4), (7000, 1e-3)):  # soxr falls off from 5 kHz on
        found = np.concatenate(list(resampled([np.sin(2 * np.pi * tone_hz * times).astype(np.float32)], 44100, 16000)))
        expected = np.sin(2 * np.pi * tone_hz * np.arange(48000) / 16000)
        assert np.abs(found - expected)[inner].max() < most
    for tone_hz in (8500, 12000, 20000):
        found = np.concatenate(list(resampled([np.sin(2 * np.pi * tone_hz * times).astype(np.float32)], 44100, 16000)))
        assert np.abs(found[inner]).max() < 1e-6


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz", "layout", "channels"),
    [
        ("a b's.mp4", "aac", 44100, "stereo", 2),
        ("-x:y.avi", "libmp3lame", 48000, "mono", 1),
        ("8k.mkv", "pcm_s16le", 8000, "mono", 1),
        ("192k.mkv", "pcm_s16le", 192000, "stereo", 2),
        ("eight.mkv", "pcm_s16le", 48000, "7.1", 8),
    ],
)
def test_audio_comes_out_at_16_khz_where_it_was(tmp_path, name, codec, rate_hz, layout, channels):
    times = np.arange(2 * rate_hz) / rate_hz
    tone = 0.5 * np.sin(2 * np.pi * 440 * times) * (times >= 1)  # silent for one second, then a tone
    path = write_sound(tmp_path / name, np.tile(tone.astype(np.float32), (channels, 1)), rate_hz, codec, layout)
    track = heard(path)
    assert len(track) == pytest.approx(32000, abs=1700)
    onset = np.flatnonzero(np.abs(track) > 0.1)[0] / 16000
    assert onset == pytest.approx(1.0, abs=0.06)
    assert np.abs(track[18000:30000]).max() == pytest.approx(0.5, abs=0.05)
    assert np.array_equal(heard(path), track)


def test_audio_that_cannot_be_decoded_is_a_sentence(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("not a video")
    with pytest.raises(UserError, match=r"text\.mp4 .* cannot be read as a video"):
        heard(path)


@pytest.mark.parametrize(("policy", "said"), [("stop", None), ("skip", "1.00 s of silence, for the audio of")])
@pytest.mark.parametrize("command", [extract_audio, separate_speech])
def test_sound_that_cannot_be_decoded_is_silence_where_unreadable_videos_are_skipped(
    tmp_path, capsys, command, policy, said
):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        film = output.add_stream("mpeg4", rate=25)
        film.width = film.height = 32
        film.pix_fmt = "yuv420p"
        sound = output.add_stream("pcm_s16le", rate=16000, layout="mono")
        for _ in range(25):
            output.mux(film.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 16000
        output.mux(sound.encode(frame))
        output.mux(film.encode())
        output.mux(sound.encode())
    raw = path.read_bytes()
    assert raw.count(b"A_PCM/INT/LIT") == 1
    path.write_bytes(raw.replace(b"A_PCM/INT/LIT", b"A_UNKNOWN/XYZ"))  # a codec that no decoder knows
    arguments = [
        "--video",
        str(path),
        "--on-unreadable",
        policy,
        "--sound-track",
        "default",
        "--output",
        str(tmp_path / "out" / "a.flac"),
    ]
    if command is separate_speech:
        arguments += ["--settings", '{"sample_rate_hz": 16000}']
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [command.__name__, *arguments])
        if said is None:
            with pytest.raises(UserError, match=r"a\.mkv cannot be decoded"):
                command.main()
            assert list((tmp_path / "out").iterdir()) == []
            return
        command.main()
    assert said in capsys.readouterr().out
    assert soundfile.info(tmp_path / "out" / "a.flac").duration == 1
    assert not read_flac(tmp_path / "out" / "a.flac").any()


def test_without_a_separator_the_sound_is_mixed_down_and_tracks_of_the_program_are_too(tmp_path):
    path = write_clicks(tmp_path / "a.mkv", Fraction(25), 2, {3, 40}, "pcm_s16le")
    whole, voice, other = (tmp_path / name for name in ("a.flac", "b.flac", "c.flac"))
    extracted(path, whole)
    form = ["--settings", '{"sample_rate_hz": 16000}', "--output"]
    with pytest.MonkeyPatch.context() as patch:
        reading = ["--video", str(path), "--on-unreadable", "stop", "--sound-track", "default"]
        patch.setattr(sys, "argv", ["separate_speech.py", *reading, *form, str(voice)])
        separate_speech.main()
        patch.setattr(sys, "argv", ["mix_down.py", "--voice", str(whole), *form, str(other)])
        mix_down.main()
    expected = np.concatenate(list(to_mono(read_blocks(whole), 16000)))
    for made in (voice, other):
        assert np.abs(soundfile.read(made)[0] - expected).max() < 1 / 32768 and len(expected) == 32000
        assert made_by(made) == made_by(whole)
    assert np.abs(expected).max() > 0.5
