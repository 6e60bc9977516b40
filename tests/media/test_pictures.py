"""The picture is the one that a player shows: compared with what ffmpeg itself makes of files really encoded."""

import gc
from fractions import Fraction
from itertools import product

import av
import cv2
import numpy as np
import pytest
from clips import ffmpeg, shown_by_ffmpeg, write_clip

from abaw.media.container import frames, opened_film
from abaw.media.picture import Around, Pictures, Turn, true_size
from abaw.media.tones import HLG, PQ, standard_range
from abaw.media.video import decisions, probe, sample_frames

FPS = Fraction(25)
QUADRANTS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))


def quartered(height=96, width=128):
    """A picture whose quarters have colours of their own, so that no turn or mirror looks like another."""
    picture = np.zeros((height, width, 3), np.uint8)
    for (y, x), colour in zip(product((0, 1), (0, 1)), QUADRANTS, strict=True):
        picture[y * height // 2 : (y + 1) * height // 2, x * width // 2 : (x + 1) * width // 2] = colour
    return picture


def first(path):
    return next(sample_frames(path, 5.0)).bgr


def codes(path):
    return [found.code for found in decisions(path)]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("base") / "base.mp4", [quartered()] * 5, FPS, encoder={"crf": "10"})


@pytest.mark.parametrize("mirror", [[], ["-display_hflip"], ["-display_vflip"], ["-display_hflip", "-display_vflip"]])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_display_matrix_turns_and_mirrors_as_ffmpeg_does(base, tmp_path, mirror, degrees):
    clip = ffmpeg("-display_rotation", degrees, *mirror, "-i", base, "-c", "copy", tmp_path / "a.mp4")
    shown, expected = first(clip), shown_by_ffmpeg(clip)
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 2
    assert codes(clip) == (["mirrored"] if len(mirror) == 1 else [])


@pytest.mark.parametrize(("degrees", "quarters"), [(30, 0), (-30, 0), (89.6, 1), (-89.6, 3), (179, 2), (61, 1)])
def test_a_turn_that_is_no_quarter_is_by_the_nearest_and_said(base, tmp_path, degrees, quarters):
    clip = ffmpeg("-display_rotation", degrees, "-i", base, "-c", "copy", tmp_path / "a.mp4")
    assert np.abs(first(clip).astype(int) - Turn(quarters).lay(first(base))).mean() < 2
    (found,) = decisions(clip)
    assert found.code == "odd_rotation"
    assert "degrees" in found.found


def test_an_ordinary_video_leaves_nothing_to_decide(base):
    assert codes(base) == []


@pytest.mark.parametrize(
    ("suffix", "codec", "size", "aspect", "expected"),
    [
        ("mp4", "libx264", (720, 576), "64/45", (1024, 576)),
        ("avi", "mpeg4", (720, 576), "16/15", (768, 576)),
        ("mpg", "mpeg2video", (352, 576), "24/11", (768, 576)),
        ("mkv", "libx264", (480, 640), "3/4", (480, 853)),
        ("mp4", "libx264", (240, 240), "240/241", (240, 240)),  # an encoder's rounding, no shape
        ("mp4", "libx264", (240, 240), "200/1", (240, 240)),  # no camera's
    ],
)
def test_pixels_that_are_not_square_are_shown_in_true_shape(tmp_path, suffix, codec, size, aspect, expected):
    source = f"color=gray:s={size[0]}x{size[1]}:r=25:d=0.4"
    clip = ffmpeg("-f", "lavfi", "-i", source, "-vf", f"setsar={aspect}", "-c:v", codec, tmp_path / f"a.{suffix}")
    assert (probe(clip).width_px, probe(clip).height_px) == size
    height, width = first(clip).shape[:2]
    assert (width, height) == pytest.approx(expected, abs=4)
    known = {"200/1": ["odd_pixels"], "240/241": []}
    assert codes(clip) == known.get(aspect, ["squeezed_pixels"])


def test_a_circle_is_round_under_a_turn_too(tmp_path):
    stored = np.zeros((240, 320, 3), np.uint8)
    cv2.ellipse(stored, (160, 120), (45, 64), 0, 0, 360, (255, 255, 255), -1)
    clip = write_clip(tmp_path / "a.mp4", [stored] * 5, FPS)
    wide = ffmpeg("-i", clip, "-vf", "setsar=64/45", tmp_path / "b.mp4")
    turned = ffmpeg("-display_rotation", 90, "-i", wide, "-c", "copy", tmp_path / "c.mp4")
    for path in (wide, turned):
        ys, xs = np.nonzero(first(path)[..., 0] > 128)
        assert np.ptp(xs) == pytest.approx(np.ptp(ys), abs=3)


def test_true_size_never_makes_smaller():
    assert true_size(720, 576, Fraction(64, 45)) == (1024, 576)
    assert true_size(720, 576, Fraction(45, 64)) == (720, 819)
    assert true_size(720, 576, None) == true_size(720, 576, Fraction(1)) == (720, 576)


def moving_bar(number, height=240, width=320):
    picture = np.full((height, width, 3), 40, np.uint8)
    picture[:, 8 * number : 8 * number + 40] = 220
    return picture


def combed(picture):
    """How much more a line differs from its neighbours than these from each other."""
    grey = picture[..., 0].astype(int)
    return np.abs(2 * grey[1:-1] - grey[:-2] - grey[2:]).mean()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", ["-c:v", "libx264", "-x264-params", "tff=1"]),
        ("b.mp4", ["-c:v", "libx264", "-x264-params", "bff=1"]),
        ("a.mts", ["-c:v", "libx264", "-x264-params", "tff=1"]),
        ("a.mpg", ["-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct"]),
        ("a.dv", ["-c:v", "dvvideo", "-pix_fmt", "yuv420p", "-flags", "+ilme+ildct"]),
    ],
)
def test_interlaced_pictures_have_no_combs(tmp_path, name, options):
    pictures = [moving_bar(number, 576, 720) for number in range(30)]
    progressive = write_clip(tmp_path / "source.mkv", pictures, Fraction(50), codec="ffv1")
    field = "bottom" if name == "b.mp4" else "top"
    weave = f"tinterlace=interleave_{field},setfield={field[0]}ff"
    clip = ffmpeg("-i", progressive, "-vf", weave, *options, tmp_path / name)
    with av.open(str(clip)) as container:
        stored = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    shown = list(sample_frames(clip, 5.0))
    assert len(shown) >= 2
    for frame in shown:
        assert combed(stored[frame.number - 1]) > 5
        assert combed(frame.bgr) < 3
    assert "deinterlaced" in codes(clip)


def test_the_moment_of_a_deinterlaced_frame_is_its_first_field(tmp_path):
    progressive = write_clip(tmp_path / "source.mkv", map(moving_bar, range(30)), Fraction(50), codec="ffv1")
    options = [
        "-vf",
        "tinterlace=interleave_top,setfield=tff",
        "-c:v",
        "libx264",
        "-x264-params",
        "tff=1",
        "-crf",
        "10",
    ]
    clip = ffmpeg("-i", progressive, *options, tmp_path / "a.mp4")
    for frame in sample_frames(clip, 5.0):
        first_field = moving_bar(2 * (frame.number - 1))
        assert np.abs(frame.bgr[10:-10].astype(int) - first_field[10:-10]).mean() < 4


def test_a_progressive_picture_is_not_touched(base):
    with av.open(str(base)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="bgr24")
    assert np.array_equal(first(base), stored)


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_a_high_dynamic_range_is_tone_mapped_and_said(tmp_path, transfer, name):
    ramp = "gradients=s=320x64:c0=black:c1=white:x0=0:y0=0:x1=319:y1=0:d=0.4:speed=0.00001:r=10"
    marks = f"format=yuv420p10le,setparams=color_trc={transfer}:color_primaries=bt2020:colorspace=bt2020nc:range=tv"
    options = ["-c:v", "libx265", "-x265-params", "log-level=none:lossless=1"]
    clip = ffmpeg("-f", "lavfi", "-i", ramp, "-vf", marks, *options, tmp_path / "a.mp4")
    with av.open(str(clip)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="gbrp16le")[..., 0][32].astype(float) / 65535
    grey = np.repeat(stored[:, None], 3, axis=1)
    expected = 255 * standard_range(grey, {"PQ": PQ, "HLG": HLG}[name])
    assert np.abs(first(clip)[32].astype(float) - expected).max() < 4
    (found,) = decisions(clip)
    assert (found.code, name in found.found) == ("tone_mapped", True)


def test_tone_mapping_by_hand():
    """A white of 203 cd/m2 in PQ (code 0.5806) and 75 % in HLG are near the top; mid greys keep their light."""
    for transfer, code in ((PQ, 0.5806), (HLG, 0.75)):
        white = standard_range(np.full((1, 3), code), transfer)
        assert 0.85 < white.min() <= white.max() < 0.95
        assert standard_range(np.zeros((1, 3)), transfer) == pytest.approx(0, abs=1e-3)
        assert standard_range(np.ones((1, 3)), transfer) == pytest.approx(1, abs=1e-3)
        ramp = standard_range(np.linspace(0, 1, 50)[:, None].repeat(3, axis=1), transfer)[:, 0]
        assert (np.diff(ramp) >= 0).all()
    # 26 cd/m2 (a code of 0.3772) lie below the knee: 26 / 203 of the screen's white
    assert standard_range(np.full((1, 3), 0.3772), PQ) == pytest.approx((26 / 203) ** (1 / 2.4), abs=0.01)


def test_tone_mapping_agrees_with_another_one(tmp_path):
    """zscale and the tonemap filter of ffmpeg's own binary, on colours that are below the knee."""
    marks = "setparams=color_trc=smpte2084:color_primaries=bt2020:colorspace=bt2020nc:range=tv"
    other = (
        "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=clip,zscale=t=bt709:m=bt709:r=tv,format=rgb24"
    )
    for colour in ("0x405040", "0x503838", "0x383858"):
        source = f"color={colour}:s=64x64:r=10:d=0.2,format=yuv420p10le,{marks}"
        clip = ffmpeg("-f", "lavfi", "-i", source, "-c:v", "ffv1", tmp_path / "a.mkv")
        assert first(clip)[32, 32] == pytest.approx(shown_by_ffmpeg(clip, other)[32, 32], abs=3)


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
@pytest.mark.parametrize("levels", ["tv", "pc"])
def test_colours_are_those_that_ffmpeg_shows(tmp_path, matrix, levels):
    scaled = f"scale=out_color_matrix={matrix}:out_range={levels},format=yuv420p"
    marks = f"{scaled},setparams=colorspace={matrix}:range={levels}"
    clip = ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=0.3", "-vf", marks, "-crf", "8", tmp_path / "a.mp4")
    assert np.abs(first(clip).astype(int) - shown_by_ffmpeg(clip)).mean() < 2


def test_transparency_is_left_out(tmp_path):
    source = "testsrc2=s=320x240:r=10:d=0.3,format=yuva420p"
    clip = ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libvpx-vp9", tmp_path / "a.webm")
    assert first(clip).shape == (240, 320, 3)


def test_a_size_that_changes_in_mid_stream(tmp_path):
    parts = []
    for number, (width, height) in enumerate([(320, 240), (160, 120), (240, 320)]):
        picture = cv2.resize(quartered(), (width, height))
        source = tmp_path / f"{number}.ts"
        part = write_clip(source, [picture] * 25, FPS, pts=range(25 * number, 25 * number + 25), encoder={"bf": "0"})
        parts.append(part.read_bytes())
    clip = tmp_path / "all.ts"
    clip.write_bytes(b"".join(parts))
    shapes = [frame.bgr.shape[:2] for frame in sample_frames(clip, 5.0)]
    assert shapes == [(240, 320)] * 5 + [(120, 160)] * 5 + [(320, 240)] * 5


def test_a_frame_is_let_go_when_its_picture_is_made(tmp_path):
    """Frames that stay until a collection, as in circles, take the memory of hundreds."""
    clip = write_clip(tmp_path / "a.mp4", [quartered()] * 40, FPS)
    gc.collect()
    gc.disable()
    try:
        with opened_film(clip) as (container, stream):
            pictures = Pictures(None)
            for frame in frames(container, stream):
                pictures.bgr(Around(frame))
            kept = sum(type(one) is av.VideoFrame for one in gc.get_objects())
    finally:
        gc.enable()
    assert kept <= 2
