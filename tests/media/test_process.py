"""The decoder's process: its bounds, its death as a sentence, and what goes on after it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import pytest
import track_faces
import yaml
from clips import write_clicks, write_numbered

from abaw.media import confined, process, signs
from abaw.media.container import opened_film, packets
from abaw.media.sound import extract_stereo
from abaw.media.video import probe, sample_frames
from abaw.running.errors import BrokenVideoError, UserError
from abaw.running.imports import files_behind
from abaw.tables.files import read_table

FPS = Fraction(25)
SOURCE = Path(process.__file__).parents[2]
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("no_workers")


@pytest.fixture
def clip(tmp_path):
    return write_numbered(tmp_path / "a.mp4", 200, FPS)


def run_confined(program):
    """What a Python program says in a confined process."""
    command = [sys.executable, "-m", confined.__name__, sys.executable, "-c", program]
    return subprocess.run(command, env=process.environment(), capture_output=True, text=True)


def the_worker():
    (worker,) = process._idle
    return worker._process


def test_no_network_where_the_system_has_namespaces():
    if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode and (
        subprocess.run(["unshare", "-Un", "true"], capture_output=True).returncode
    ):
        pytest.skip("this system lets nobody leave the network")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        assert subprocess.run([sys.executable, "-c", connect]).returncode == 0
        refused = run_confined(connect)
    assert refused.returncode == 1
    assert "Network is unreachable" in refused.stderr or "Connection refused" in refused.stderr


def test_memory_and_files_are_bounded(tmp_path):
    assert "MemoryError" in run_confined(f"bytearray({confined.MEMORY_BYTES})").stderr
    path = tmp_path / "large"
    assert run_confined(f"open({str(path)!r}, 'wb').write(bytes(1 << 24))").returncode != 0
    assert path.stat().st_size <= 1 << 20


def test_one_process_serves_one_video_after_the_other_in_any_folder(clip, monkeypatch):
    first = probe(clip)
    pid = the_worker().pid
    assert sum(1 for _ in sample_frames(clip, 5.0)) == 40
    monkeypatch.chdir(clip.parent)
    assert probe("a.mp4") == first
    assert the_worker().pid == pid


def test_the_process_imports_nothing_from_the_folder_where_it_starts(clip, monkeypatch):
    (clip.parent / "numpy.py").write_text("raise SystemExit('not mine')")
    monkeypatch.chdir(clip.parent)
    assert probe(clip).n_frames == 200


def test_a_sound_is_decoded_in_any_folder(tmp_path, monkeypatch):
    path = write_clicks(tmp_path / "a.mp4", FPS, 2, {25}, "aac")
    (tmp_path / "ctypes.py").write_text("raise SystemExit('not mine')")
    monkeypatch.chdir(tmp_path)
    assert sum(len(piece) for piece in extract_stereo(path)) > 0


def test_a_video_that_is_left_in_the_middle_leaves_no_process(clip):
    frames = sample_frames(clip, 5.0)
    next(frames)
    assert not process._idle
    frames.close()
    assert not process._idle


def test_a_decoder_that_dies_while_probing_is_a_sentence_and_the_next_lives(clip, monkeypatch):
    monkeypatch.setattr(process._Worker, "ask", lambda worker, request: worker._process.send_signal(signal.SIGSEGV))
    with pytest.raises(
        UserError, match=r"a\.mp4 cannot be decoded: the process .* is gone, for it ended by SIGSEGV; copy it"
    ):
        probe(clip)
    monkeypatch.undo()
    assert probe(clip).n_frames == 200


def killed_after(count):
    """A generator of answers whose process is killed after so many."""
    answer = process._Worker.answer
    left = [count]

    def answered(worker, path):
        if not left[0]:
            worker._process.kill()
            worker._process.wait()
            while os.read(worker._process.stdout.fileno(), 1 << 20):
                pass  # what it had said before
        left[0] -= 1
        return answer(worker, path)

    return answered


def test_a_decoder_that_dies_in_the_middle_breaks_its_video_there(clip, monkeypatch):
    monkeypatch.setattr(process._Worker, "answer", killed_after(3))
    numbers = []
    said = r"a\.mp4 breaks after frame 11 \(0\.40 s\): .* it was killed, most likely for want of memory; copy"
    with pytest.raises(BrokenVideoError, match=said):
        for frame in sample_frames(clip, 5.0):
            numbers.append(frame.number)
    assert numbers == [1, 6, 11]


def test_with_skip_the_run_goes_on_after_a_decoder_s_death(clip, monkeypatch):
    settings = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["faces"]
    output = clip.parent / "faces.parquet"
    arguments = ["--video", str(clip), "--subjects", '[{"sample": "solo", "side": null}]', "--threads", "1"]
    arguments += ["--settings", json.dumps(settings), "--on-unreadable", "skip", "--output", str(output)]
    monkeypatch.setattr(
        sys,
        "argv",
        ["track_faces.py", *arguments, "--compute", '{"device": "cpu", "threads": 1, "deterministic": true}'],
    )
    monkeypatch.setattr(process._Worker, "answer", killed_after(6))  # two of them are the probe's
    track_faces.main()
    assert [row["frame"] for row in read_table("faces", output).to_pylist()] == list(range(1, 201, 5))


def test_a_decoder_that_hangs_is_a_sentence(clip, monkeypatch):
    monkeypatch.setattr(process, "PATIENCE_S", 0.5)
    monkeypatch.setattr(process._Worker, "ask", lambda worker, request: worker._process.send_signal(signal.SIGSTOP))
    with pytest.raises(
        UserError, match=r"a\.mp4 cannot be decoded: its decoder is busy for 0 s without a picture; copy it"
    ):
        probe(clip)
    assert not process._idle


def test_a_decoder_that_works_gives_signs_of_life(clip, monkeypatch):
    """Which come between the pictures, as often as packets are read, but no more than once in a while."""
    said = []
    monkeypatch.setattr(signs, "_say", lambda: said.append(True))
    monkeypatch.setattr(signs, "EVERY_S", 0.0)
    with opened_film(clip) as (container, stream):
        count = sum(1 for _ in packets(container, stream))
    assert (count, len(said)) == (200, 201)  # one for the end
    monkeypatch.setattr(signs, "EVERY_S", 3600.0)
    signs.beat()
    assert len(said) == 201


def test_a_picture_that_wants_more_memory_than_there_is(tmp_path, monkeypatch):
    """A flag makes 64 pixels 30,000 wide: a sentence, whatever the decoder makes of it."""
    clip = write_numbered(tmp_path / "a.mkv", 5, FPS, codec="mpeg4")
    raw = clip.read_bytes()
    assert raw.count(b"\xb0\x81\x40") == 1  # Matroska's PixelWidth of one byte
    clip.write_bytes(raw.replace(b"\xb0\x81\x40", b"\xb0\x81\xff"))
    for frame in sample_frames(clip, 5.0):
        assert frame.bgr.shape[0] == 48


def test_a_sound_whose_decoder_hangs_is_a_sentence(tmp_path, monkeypatch):
    path = write_clicks(tmp_path / "a.mp4", FPS, 2, {25}, "aac")
    monkeypatch.setattr("abaw.media.sound.PATIENCE_S", 0.0)
    with pytest.raises(UserError, match=r"audio of .*a\.mp4 cannot be decoded: nothing came of it for 0 s"):
        list(extract_stereo(path))


def test_threads_may_decode_side_by_side(clip):
    counts = []
    threads = [
        threading.Thread(target=lambda: counts.append(sum(1 for _ in sample_frames(clip, 5.0)))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [40, 40, 40]


def test_a_job_that_asks_loads_no_decoder_but_knows_by_its_digest_what_the_decoder_runs():
    look = "import sys, abaw.media.video; sys.exit('av' in sys.modules)"
    subprocess.run([sys.executable, "-c", look], env=process.environment(), check=True)
    behind = files_behind(ROOT / "workflow" / "scripts" / "predict" / "find_people.py", SOURCE)
    assert {SOURCE / "abaw" / "media" / name for name in ("decoder.py", "sampling.py", "picture.py")} <= set(behind)


def test_nothing_else_of_the_project_opens_media():
    """The embedded corpus's films and the annotated videos are written with PyAV; nothing else knows a decoder."""
    openers = re.compile(r"^\s*(import|from) (av|ffmpeg|imageio_ffmpeg)\b|cv2\.VideoCapture|torchcodec", re.MULTILINE)
    sources = [*(ROOT / "src" / "abaw").rglob("*.py"), *(ROOT / "workflow").rglob("*.py")]
    found = [path for path in sources if openers.search(path.read_text(encoding="utf-8"))]
    writers = {path.name: path.read_text(encoding="utf-8") for path in found if path.parent.name != "media"}
    assert set(writers) == {"film.py", "burning.py"}
    for text in writers.values():
        assert len(re.findall(r"av\.open\(", text)) == len(re.findall(r'av\.open\([^)]*\)?[^)]*"w"', text)) == 1
