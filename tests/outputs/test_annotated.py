"""The annotated video: as many frames, each at its own time, with its sound; by ffmpeg's own packets."""

from fractions import Fraction

import annotate_video
import av
import numpy as np
import pytest
from clips import ffmpeg, number_of, numbered, write_clip, write_numbered
from people import made_table

from abaw.media.sound import extract_stereo
from abaw.media.video import first_shown_s, probe, sample_frames
from abaw.outputs.drawing import draw_people
from abaw.outputs.people import people_of
from abaw.running.errors import UserError
from abaw.tables.files import write_table

FPS = Fraction(24000, 1001)


def annotated(monkeypatch, folder, video, table):
    write_table("people", table, folder / "out" / "frames.parquet")
    out = folder / "out" / "annotated.mp4"
    arguments = {"--frames": folder / "out" / "frames.parquet", "--video": video, "--out": out}
    monkeypatch.setattr("sys.argv", ["", *(str(part) for pair in arguments.items() for part in pair)])
    annotate_video.main()
    return out


def stamps(path):
    """When each picture is shown, by the packets, since the first."""
    with av.open(str(path)) as container:
        times = sorted(packet.pts * packet.time_base for packet in container.demux(video=0) if packet.size)
    return [time - times[0] for time in times]


@pytest.mark.parametrize("pts", [None, [0, 1, 2, 5, 6, 11, *range(12, 36)]], ids=["constant", "variable"])
def test_frames_and_times_are_those_of_the_video(monkeypatch, tmp_path, pts):
    video = write_numbered(tmp_path / "film.mp4", 30, FPS, pts=pts)
    info = probe(video)
    times = [float(time) for time in info.times()]
    out = annotated(monkeypatch, tmp_path, video, made_table(subjects=0))
    assert stamps(out) == pytest.approx(times, abs=1e-4)
    assert [number_of(frame.bgr) for frame in sample_frames(out, 1000)] == list(range(1, 31))
    assert first_shown_s(out) == 0


def test_sound_stays_beside_its_pictures_and_odd_sizes_are_made_even(monkeypatch, tmp_path):
    pictures = [np.full((49, 65, 3), 40, np.uint8)] * 48
    plain = write_clip(tmp_path / "plain.mkv", pictures, FPS, codec="ffv1", pix_fmt="bgr0")
    beep = "aevalsrc=0.5*sin(2*PI*440*t)*gt(t\\,1.4)*lt(t\\,1.6):d=2.4:s=44100"  # 1 s after the first picture
    sound = ("-f", "lavfi", "-i", beep)
    video = ffmpeg("-itsoffset", "0.4", "-i", plain, *sound, "-c:v", "copy", "-c:a", "aac", tmp_path / "beep.mkv")
    out = annotated(monkeypatch, tmp_path, video, made_table(n_frames=48, fps=FPS, size_px=(65, 49)))
    info = probe(out)
    assert (info.n_frames, info.width_px, info.height_px, info.has_audio) == (48, 66, 50, True)
    loud = np.abs(np.concatenate(list(extract_stereo(out))).astype(np.float64)).max(axis=1) > 3000
    assert np.flatnonzero(loud)[[0, -1]] / 44100 == pytest.approx([1.0, 1.2], abs=0.03)


def test_boxes_labels_and_curves_are_drawn_where_they_belong():
    people = people_of(made_table(n_frames=60, size_px=(640, 480)), "here")
    picture = np.full((480, 640, 3), 90, np.uint8)
    draw_people(picture, people, 50)  # the second person is not seen here
    changed = (picture != 90).any(axis=2)
    x0, y0, x1, y1 = people.persons[0].box_px[50].astype(int)
    assert changed[y0 : y1 + 1, x0].all() and changed[y1, x0 : x1 + 1].all()
    assert not changed[y0 + 40 : y1 - 5, x0 + 5 : x1 - 5].any()
    assert changed[480 * 3 // 4 :].any() and not changed[:, 400:].any()
    blue = (picture[..., 0].astype(int) - picture[..., 2] > 100) & changed
    rows, columns = np.nonzero(blue[350:])
    newest = rows[columns == columns.max()].mean() + 350  # the curve of valence ends at the value of this frame
    top, height = 480 - (60 + 480 // 50), 60
    assert newest == pytest.approx(top + (1 - people.persons[0].values[50, 0]) / 2 * (height - 1), abs=2)


def test_a_table_of_another_video_is_refused_and_nothing_is_written(monkeypatch, tmp_path):
    video = write_clip(tmp_path / "film.mp4", (numbered(k + 1) for k in range(10)), FPS)
    with pytest.raises(UserError, match=r"frame 2 of .*film.mp4 is at 0.042 s, but at 0.033 s by the table"):
        annotated(monkeypatch, tmp_path, video, made_table(n_frames=10))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["frames.parquet"]


def test_a_part_of_a_video_is_drawn_in_where_it_is(monkeypatch, tmp_path):
    """As of `predict` from one second to another."""
    video = write_clip(tmp_path / "film.mp4", [np.full((240, 320, 3), 90, np.uint8)] * 20, FPS)
    rows = made_table(n_frames=20, subjects=1, fps=FPS, size_px=(320, 240)).slice(5, 10)
    out = annotated(monkeypatch, tmp_path, video, rows)
    drawn = [bool((np.abs(frame.bgr.astype(int) - 90) > 60).any()) for frame in sample_frames(out, 1000)]
    assert drawn == [False] * 5 + [True] * 10 + [False] * 5


def test_a_real_clip_keeps_its_frames(monkeypatch, tmp_path, shared):
    video = shared / "media" / "pexels" / "single_face.mp4"
    info = probe(video)
    table = made_table(n_frames=info.n_frames, fps=info.fps, size_px=(info.width_px, info.height_px))
    out = annotated(monkeypatch, tmp_path, video, table)
    assert stamps(out) == pytest.approx([float(time) for time in info.times()], abs=1e-4)
    assert probe(out).has_audio
