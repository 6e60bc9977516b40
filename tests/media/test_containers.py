"""Files of every container and codec, whole and odd: the same frames by index, packets and decoder."""

from fractions import Fraction

import av
import numpy as np
import pytest
from clips import ffmpeg, number_of, write_clicks, write_numbered

from abaw.media.sound import extract_stereo
from abaw.media.video import analysed_frames, decisions, probe, sample_frames

FPS = Fraction(25)
N_FRAMES = 30
LARGE = ["-vf", "scale=352:288:flags=neighbor"]
FORMS = {
    "h264.mp4": ["-c:v", "libx264"],
    "h265.mp4": ["-c:v", "libx265", "-x265-params", "log-level=none"],
    "av1.mp4": ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"],
    "fragments.mp4": ["-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov", "-g", "10"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-cpu-used", "8"],
    "vp8.webm": ["-c:v", "libvpx", "-cpu-used", "8"],
    "live.webm": ["-c:v", "libvpx-vp9", "-cpu-used", "8", "-live", "1"],  # without a duration
    "alpha.webm": ["-c:v", "libvpx-vp9", "-cpu-used", "8", "-pix_fmt", "yuva420p"],
    "mjpeg.mov": ["-c:v", "mjpeg", "-q:v", "3"],
    "prores.mov": ["-c:v", "prores"],
    "mjpeg.avi": ["-c:v", "mjpeg", "-q:v", "3"],
    "xvid.avi": ["-c:v", "mpeg4", "-bf", "2", "-q:v", "3"],
    "wmv.wmv": ["-c:v", "wmv2", "-q:v", "3"],
    "wmv.asf": ["-c:v", "wmv1", "-q:v", "3"],
    "h263.3gp": [*LARGE, "-c:v", "h263", "-q:v", "3"],
    "mpeg2.vob": [*LARGE, "-c:v", "mpeg2video", "-q:v", "3"],
    "mpeg1.mpg": [*LARGE, "-c:v", "mpeg1video", "-q:v", "3"],
    "avchd.mts": ["-c:v", "libx264"],
    "avchd.m2ts": ["-c:v", "libx264", "-bf", "3"],
    "dv.dv": ["-vf", "scale=720:576:flags=neighbor", "-c:v", "dvvideo", "-pix_fmt", "yuv420p"],
    "dv.avi": ["-vf", "scale=720:576:flags=neighbor", "-c:v", "dvvideo", "-pix_fmt", "yuv420p"],
    "flash.flv": ["-c:v", "flv1", "-q:v", "3"],
    "h264.flv": ["-c:v", "libx264"],
    "theora.ogv": ["-c:v", "libtheora", "-q:v", "10"],
    "h264.m4v": ["-c:v", "libx264", "-f", "mp4"],
    "mpeg2.mxf": [*LARGE, "-c:v", "mpeg2video", "-q:v", "3"],
    "h264.nut": ["-c:v", "libx264"],
}


@pytest.mark.parametrize(("name", "options"), FORMS.items(), ids=FORMS)
def test_every_container_and_codec(tmp_path, name, options):
    source = write_numbered(tmp_path / "source.mkv", N_FRAMES, FPS, codec="ffv1", pix_fmt="bgr0")
    clip = ffmpeg("-i", source, *options, tmp_path / name)
    info = probe(clip)
    assert (info.fps, info.n_frames) == (FPS, N_FRAMES)
    every = list(sample_frames(clip, 1000.0))
    assert [number_of(frame.bgr) for frame in every] == list(range(1, N_FRAMES + 1))
    taken = [(frame.number, round(frame.time_s, 2)) for frame in sample_frames(clip, 5.0)]
    assert taken == [(number, round(time_s, 2)) for number, time_s in analysed_frames(info, 5.0)]


@pytest.mark.parametrize("fps", [Fraction(1, 5), Fraction(240)])
def test_rates_far_from_the_usual(tmp_path, fps):
    clip = write_numbered(tmp_path / "a.mp4", 12, fps)
    info = probe(clip)
    assert (info.fps, info.n_frames, info.is_variable) == (fps, 12, False)
    found = [(frame.number, frame.time_s) for frame in sample_frames(clip, 5.0)]
    assert found == list(analysed_frames(info, 5.0))
    assert len(found) == (12 if fps < 5 else 1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("cover_first", [True, False])
def test_a_cover_is_not_the_video(tmp_path, name, cover_first):
    source = write_numbered(tmp_path / "source.mp4", N_FRAMES, FPS)
    picture = tmp_path / "cover.png"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=640x480:d=0.1", "-frames:v", "1", "-update", "1", picture)
    order = ["-map", "1", "-map", "0"] if cover_first else ["-map", "0", "-map", "1"]
    flag = ["-disposition:v:0" if cover_first else "-disposition:v:1", "attached_pic"]
    if name == "a.mkv":
        order, flag = ["-map", "0"], ["-attach", picture, "-metadata:s:t", "mimetype=image/png"]
    clip = ffmpeg("-i", source, "-i", picture, *order, "-c", "copy", *flag, tmp_path / name)
    assert probe(clip).n_frames == N_FRAMES
    assert [number_of(frame.bgr) for frame in sample_frames(clip, 5.0)] == [1, 6, 11, 16, 21, 26]


def test_of_two_films_the_default_one_is_read_everywhere(tmp_path):
    small = write_numbered(tmp_path / "small.mp4", 10, FPS)
    source = write_numbered(tmp_path / "source.mp4", N_FRAMES, FPS)
    large = ffmpeg("-i", source, *LARGE, tmp_path / "large.mp4")
    default = ["-disposition:v:0", "0", "-disposition:v:1", "default"]
    clip = ffmpeg("-i", small, "-i", large, "-map", "0", "-map", "1", "-c", "copy", *default, tmp_path / "a.mkv")
    info = probe(clip)
    assert (info.n_frames, info.width_px) == (N_FRAMES, 352)
    assert sum(1 for _ in sample_frames(clip, 1000.0)) == N_FRAMES


def test_a_film_without_a_decoder_beside_one_with(tmp_path):
    small = write_numbered(tmp_path / "small.mp4", 10, FPS)
    large = ffmpeg("-i", small, *LARGE, "-c:v", "mpeg4", tmp_path / "large.mp4")
    clip = ffmpeg("-i", small, "-i", large, "-map", "0", "-map", "1", "-c", "copy", tmp_path / "a.mkv")
    raw = clip.read_bytes()
    assert raw.count(b"V_MPEG4/ISO/ASP") == 1
    clip.write_bytes(raw.replace(b"V_MPEG4/ISO/ASP", b"V_UNKNOWN/CODEC"))
    assert probe(clip).width_px == 64
    assert [number_of(frame.bgr) for frame in sample_frames(clip, 5.0)] == [1, 6]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.flv", "a.wmv", "a.webm"])
def test_a_title_in_a_local_code_page_does_not_matter(tmp_path, name):
    clicks = write_clicks(tmp_path / "source.mkv", FPS, 2, {25}, "pcm_s16le", rate_hz=48000)
    options = FORMS[{"flv": "flash.flv", "wmv": "wmv.wmv", "webm": "vp8.webm"}.get(name[2:], "h264.mp4")]
    sound = ["-c:a", {"webm": "libopus", "wmv": "wmav2", "flv": "libmp3lame"}.get(name[2:], "aac")]
    rate = ["-ar", "44100"] if name == "a.flv" else []
    tags = ["-metadata", "title=TITLETITLE", "-metadata", "artist=TITLETITLE"]
    clip = ffmpeg("-i", clicks, *options, *sound, *rate, *tags, tmp_path / name)
    raw = clip.read_bytes()
    text = "TITLETITLE".encode("utf-16-le") if name == "a.wmv" else b"TITLETITLE"
    assert text in raw
    clip.write_bytes(raw.replace(text, b"\xe9\xff\xfe\x80\xd8caf\xe9\xe0".ljust(len(text), b"\xd8")))
    assert probe(clip).n_frames == 50
    assert decisions(clip) == ()
    assert len(list(sample_frames(clip, 5.0))) == 10
    assert sum(len(block) for block in extract_stereo(clip)) > 1.8 * 44100


def test_a_stream_that_appears_late_is_passed_over(tmp_path):
    """Flash says in its header which streams it has: a sound that is not announced, after megabytes of pictures."""
    noise = ["-f", "lavfi", "-i", "nullsrc=s=320x240:r=25:d=12,geq=random(1)*255:128:128"]
    late = ["-itsoffset", "11", "-f", "lavfi", "-i", "sine=d=1:r=44100", "-map", "0", "-map", "1"]
    clip = ffmpeg(*noise, *late, "-c:v", "flv1", "-q:v", "2", "-c:a", "libmp3lame", tmp_path / "a.flv")
    raw = bytearray(clip.read_bytes())
    assert raw[:5] == b"FLV\x01\x05"
    raw[4] = 1
    clip.write_bytes(raw)
    with av.open(str(clip)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        with pytest.raises(IndexError):
            for _ in container.decode(video=0):
                pass
    assert probe(clip).n_frames == sum(1 for _ in sample_frames(clip, 1000.0)) == 300


def test_a_sound_that_begins_late_is_where_it_was(tmp_path):
    film = write_numbered(tmp_path / "film.mkv", 100, FPS)
    late = ["-itsoffset", "2", "-f", "lavfi", "-i", "sine=f=440:d=2"]
    clip = ffmpeg("-i", film, *late, "-map", "0", "-map", "1", "-c:v", "copy", "-c:a", "aac", tmp_path / "a.mp4")
    sound = np.concatenate(list(extract_stereo(clip)))[:, 0].astype(float)
    onset = np.flatnonzero(np.abs(sound) > 500)[0] / 44100
    assert onset == pytest.approx(2, abs=0.05)
