"""Malformed corpora, one mistake each: a sentence that names file and row, an exit code, and nothing written."""

import codecs
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path

import av
import check_corpus
import numpy as np
import pytest
from clips import ffmpeg, write_numbered
from small_corpus import (
    EXPR_LIST,
    EXPR_TRAIN,
    EXPR_VAL,
    FOLDERS,
    N_FRAMES,
    VA_LIST,
    VA_TEMPLATE,
    VA_TRAIN,
    VA_VAL,
    labels,
    put,
    template,
    write_small,
)
from standins import write_standin

from abaw.commands.base import run
from abaw.config import CorpusConfig
from abaw.tasks import TASKS

VA = f"{VA_TRAIN}/102.txt"
EXPR = f"{EXPR_TRAIN}/video29_left.txt"
VIDEO = "videos/batch2/102.mp4"
NOBODY = 65534

LABELS = [
    ("an empty file", VA, "", "102.txt, line 1: must begin with the line 'valence,arousal'; found nothing"),
    ("no rows", VA, "valence,arousal\n", "102.txt has a header but no rows"),
    ("no header", VA, "0.1,0.2\n0.1,0.2\n", "102.txt, line 1: must begin with"),
    ("columns exchanged", VA, "arousal,valence\n0,0\n", "line 1: must begin with"),
    ("one column's header", VA, "valence\n0\n", "line 1: must begin with"),
    ("semicolons in the header", VA, "valence;arousal\n0,0\n", "found 'valence;arousal'"),
    ("another challenge's header", VA, labels("expr"), "line 1: must begin with the line 'valence,arousal'"),
    ("a word", VA, labels("va", "0,0", "high,0.1"), "102.txt, line 3: expected two numbers, valence and arousal"),
    ("nan", VA, labels("va", "nan,0"), "line 2: expected two numbers, valence and arousal, found 'nan,0'"),
    ("infinity", VA, labels("va", "0,inf"), "line 2: expected two numbers, valence and arousal, found '0,inf'"),
    ("1.2", VA, labels("va", "0,0", "1.2,0"), "line 3: '1.2,0' is outside [-1, 1]"),
    ("just below -1", VA, labels("va", "0,-1.000000000000001"), "line 2: '0,-1.000000000000001' is outside"),
    ("a huge number", VA, labels("va", "1e999,0"), "line 2: '1e999,0' is outside"),
    ("-5 in valence only", VA, labels("va", "-5,0.1"), "line 2: '-5,0.1' is outside [-1, 1]; only -5,-5 marks"),
    ("-5 in arousal only", VA, labels("va", "0.1,-5"), "line 2: '0.1,-5' is outside"),
    ("-4 twice", VA, labels("va", "-4,-4"), "line 2: '-4,-4' is outside"),
    ("three fields", VA, labels("va", "0,0,0"), "line 2: expected two numbers, valence and arousal, found '0,0,0'"),
    ("one field", VA, labels("va", "0.5"), "line 2: expected two numbers, valence and arousal, found '0.5'"),
    ("an empty field", VA, labels("va", "0.5,"), "line 2: expected two numbers, valence and arousal, found '0.5,'"),
    ("a blank line inside", VA, labels("va", "0,0", ""), "line 3: expected two numbers, valence and arousal, found ''"),
    ("decimal commas", VA, labels("va", "0,5;0,5"), "line 2: expected two numbers, valence and arousal"),
    ("tabs", VA, labels("va", "0.5\t0.5"), "line 2: expected two numbers, valence and arousal"),
    ("an underscore", VA, labels("va", "0_1,0"), "line 2: expected two numbers, valence and arousal, found '0_1,0'"),
    ("digits of another script", VA, labels("va", "\u0660,0"), "line 2: expected two numbers, valence and arousal"),
    ("hexadecimal", VA, labels("va", "0x1,0"), "line 2: expected two numbers, valence and arousal"),
    ("quoted numbers", VA, labels("va", '"0.1","0.2"'), "line 2: expected two numbers, valence and arousal"),
    ("a per cent sign", VA, labels("va", "50%,0"), "line 2: expected two numbers, valence and arousal"),
    ("the header again", VA, labels("va", "0,0", "valence,arousal"), "line 3: expected two numbers"),
    ("a NUL byte", VA, labels("va", "0.1\0,0"), "line 2: expected two numbers, valence and arousal"),
    ("UTF-16", VA, labels("va").encode("utf-16"), "102.txt cannot be read as text"),
    ("Latin-1", VA, labels("va", "0,0").encode() + b"\xe9\n", "102.txt cannot be read as text"),
    ("binary junk", VA, bytes(range(256)), "102.txt cannot be read as text"),
    ("class 8", EXPR, labels("expr", "0", "8"), "video29_left.txt, line 3: the class 8 is not in 0..7"),
    ("class -2", EXPR, labels("expr", "-2"), "line 2: the class -2 is not in 0..7"),
    ("-5 as a class", EXPR, labels("expr", "-5"), "line 2: the class -5 is not in 0..7"),
    ("a decimal class", EXPR, labels("expr", "1.0"), "line 2: expected one class number, found '1.0'"),
    ("a class by name", EXPR, labels("expr", "Anger"), "line 2: expected one class number, found 'Anger'"),
    ("one-hot classes", EXPR, labels("expr", "0,0,0,0,1,0,0,0"), "line 2: expected one class number"),
    ("padded columns", EXPR, labels("expr", "4,,,,,,,"), "line 2: expected one class number, found '4,,,,,,,'"),
    ("seven classes", EXPR, TASKS["expr"].label_header.removesuffix(",Other") + "\n0\n", "line 1: must begin with"),
    ("blank lines only", VA, "\n\n\n", "102.txt, line 1: must begin with the line 'valence,arousal'; found nothing"),
    ("zeros", VA, bytes(1000), "line 1: must begin with"),
    ("an archive", VA, b"\x1f\x8b\x08\x00" + bytes(40), "102.txt cannot be read as text"),
    ("a page that asks to log in", VA, "<!DOCTYPE html>\n<html></html>\n", "found '<!DOCTYPE html>'"),
    ("a spreadsheet's first line", VA, "sep=,\n" + labels("va"), "line 1: must begin with"),
    ("a quoted header", VA, '"valence","arousal"\n0,0\n', "line 1: must begin with"),
    ("a third column", VA, labels("va").replace("arousal", "arousal,frame", 1), "line 1: must begin with"),
    ("two marks of UTF-8", VA, "\ufeff\ufeff" + labels("va"), "line 1: must begin with"),
    ("frame numbers", VA, labels("va", "1,0.5,0.5"), "line 2: expected two numbers, valence and arousal"),
    ("a trailing comma", VA, labels("va", "0.5,0.5,"), "line 2: expected two numbers, valence and arousal"),
    ("blanks for commas", VA, labels("va", "0.5 0.5"), "line 2: expected two numbers, valence and arousal"),
    ("a typographic minus", VA, labels("va", "\u22120.5,0"), "line 2: expected two numbers, valence and arousal"),
    ("two signs", VA, labels("va", "--0.5,0"), "line 2: expected two numbers, valence and arousal"),
    ("half a power", VA, labels("va", "1e,0"), "line 2: expected two numbers, valence and arousal"),
    ("words for nothing", VA, labels("va", "None,None"), "line 2: expected two numbers, valence and arousal"),
    ("marks of a merge", VA, labels("va", "0,0", "<<<<<<< HEAD"), "line 3: expected two numbers"),
    ("a comment", VA, labels("va", "# first"), "line 2: expected two numbers, valence and arousal, found '# first'"),
    ("four decimal commas", VA, labels("va", "0,5,0,5"), "line 2: expected two numbers, valence and arousal"),
    ("an endless line", VA, labels("va", "1" * 1_000_000), "line 2: expected two numbers, valence and arousal"),
    ("a class of 5,000 digits", EXPR, labels("expr", "1" * 5000), "line 2: expected one class number"),
    ("a hexadecimal class", EXPR, labels("expr", "0x4"), "line 2: expected one class number, found '0x4'"),
    ("a class as a power", EXPR, labels("expr", "4e0"), "line 2: expected one class number, found '4e0'"),
    ("two classes", EXPR, labels("expr", "4,5"), "line 2: expected one class number, found '4,5'"),
    ("-1.0 as a class", EXPR, labels("expr", "-1.0"), "line 2: expected one class number, found '-1.0'"),
    ("a blank class", EXPR, labels("expr", "4", ""), "line 3: expected one class number, found ''"),
    ("valence as classes", EXPR, labels("va"), "line 1: must begin with the line 'Neutral,"),
    ("far too many rows", VA, labels("va", n_rows=90), "'102' has 90 rows for 12 frames, a difference of 78"),
]
LISTS = [
    ("a name twice", VA_LIST, "video86_2\n\nvideo86_2\n", "line 3: names 'video86_2' more than once, first on line 1"),
    ("a blank in a name", VA_LIST, "video86 2\n", "line 1: 'video86 2' cannot be the name of a track"),
    ("a list with commas", VA_LIST, "video86_2,\n", "line 1: 'video86_2,' cannot be the name of a track"),
    ("a list in UTF-16", VA_LIST, "video86_2\n".encode("utf-16"), "release.txt cannot be read"),
    ("a quoted name", VA_LIST, '"video86_2"\n', "cannot be the name of a track"),
    ("a list as JSON", VA_LIST, '["video86_2", "6-30-1920x1080"]', "cannot be the name of a track"),
    ("a path in a list", VA_LIST, "batch2/video86_2\n", "line 1: 'batch2/video86_2' cannot be the name of a track"),
    ("a Windows path in a list", VA_LIST, "batch2\\video86_2\n", "cannot be the name of a track"),
    ("a name that is a point", VA_LIST, "..\n", "line 1: '..' cannot be the name of a track"),
    ("a comment in a list", VA_LIST, "# names\n", "line 1: '# names' cannot be the name of a track"),
    ("a page for a list", VA_LIST, "<html lang='en'>\n", "cannot be the name of a track"),
    ("a list in Latin-1", VA_LIST, b"caf\xe9\n", "release.txt cannot be read"),
    (
        "a name of 300 letters",
        VA_LIST,
        "a" * 300 + "\n",
        "has 300 bytes, of which a file system takes no more than 200",
    ),
    ("an invisible letter", EXPR_LIST, "102\nvideo2_left\u200b\n", r"'video2_left\u200b' has no video"),
    ("other cases of letters", EXPR_LIST, "102\nVIDEO2_left\n", "'VIDEO2_left' has no video"),
    ("an empty list", VA_LIST, "\n\n", "no test list names '6-30-1920x1080'"),
    ("a name without a video", EXPR_LIST, "102\nvideo2_left\nghost\n", "'ghost' has no video"),
    ("a name with the suffix", EXPR_LIST, "102\nvideo2_left.mp4\n", "'video2_left.mp4' has no video"),
    ("a training name", VA_LIST, "6-30-1920x1080\nvideo86_2\n102\n", "'102' is in both the train and the test split"),
    ("no rows for a name", VA_TEMPLATE, template("va", "video86_2"), "names 6-30-1920x1080, for which the template"),
    (
        "an unknown row",
        VA_TEMPLATE,
        template("va", "video86_2", "102", "6-30-1920x1080"),
        f"sample.txt, line {N_FRAMES + 2}: '102' is not a name in the test list",
    ),
    (
        "a row twice",
        VA_TEMPLATE,
        template("va", "video86_2").replace("00003", "00002"),
        "sample.txt, line 4: 'video86_2/00002.jpg' comes twice or out of order",
    ),
    ("a row left out", VA_TEMPLATE, template("va", "video86_2").replace("00003", "00004"), "line 4: 'video86_2/00004"),
    ("two runs", VA_TEMPLATE, template("va", "a", "b") + "a/00013.jpg,\n", "line 26: 'a/00013.jpg' comes after"),
    (
        "four digits",
        VA_TEMPLATE,
        template("va", "a").replace("00002", "0002"),
        "line 3: 'a/0002.jpg' is not a location",
    ),
    ("frame 0", VA_TEMPLATE, template("va", "a").replace("00001", "00000"), "'a/00000.jpg' leaves a gap, expected fra"),
    ("six digits", VA_TEMPLATE, template("va", "a").replace("00002", "000002"), "'a/000002.jpg' is not a location"),
    ("a png", VA_TEMPLATE, template("va", "a").replace("2.jpg", "2.png"), "'a/00002.png' is not a location"),
    ("a JPG", VA_TEMPLATE, template("va", "a").replace("2.jpg", "2.JPG"), "'a/00002.JPG' is not a location"),
    ("an absolute location", VA_TEMPLATE, template("va", "/a"), "line 2: '/a/00001.jpg' is not a location"),
    ("a location in a folder", VA_TEMPLATE, template("va", "batch1/a"), "'batch1/a/00001.jpg' is not a location"),
    (
        "a quoted location",
        VA_TEMPLATE,
        template("va", "a").replace("a/00002.jpg", '"a/00002.jpg"'),
        "is not a location",
    ),
    ("a Windows location", VA_TEMPLATE, template("va", "a").replace("a/00002", "a\\00002"), "is not a location"),
    ("a blank line in a template", VA_TEMPLATE, template("va", "a").replace("a/00002.jpg,", ""), "line 3: '' is not"),
    ("a negative frame", VA_TEMPLATE, template("va", "a").replace("00002", "-0002"), "is not a location"),
    (
        "a header with semicolons",
        VA_TEMPLATE,
        template("va", "a").replace(",", ";"),
        "line 1: the header is 'image_loc",
    ),
    ("a template in UTF-16", VA_TEMPLATE, template("va", "a").encode("utf-16"), "sample.txt cannot be read"),
    ("a template of zeros", VA_TEMPLATE, bytes(99), "sample.txt, line 1: the header is"),
    ("no location", VA_TEMPLATE, template("va", "a") + "a.jpg\n", "line 14: 'a.jpg' is not a location"),
    ("the other template", VA_TEMPLATE, template("expr", "a"), "sample.txt, line 1: the header is 'image_location,Neu"),
    ("an empty template", VA_TEMPLATE, "", "sample.txt, line 1: the header is ''"),
    ("a template without rows", VA_TEMPLATE, "image_location,valence,arousal\n", "has a header and no row"),
    ("a binary template", VA_TEMPLATE, b"\x89PNG\r\n\xff", "sample.txt cannot be read"),
]
FILES = [
    ("a label without a video", f"{VA_TRAIN}/ghost.txt", labels("va"), "'ghost' has no video"),
    ("a label in two splits", f"{VA_VAL}/102.txt", labels("va"), "'102' is in both the train and the val split of va"),
    ("a label of a test track", f"{EXPR_VAL}/102.txt", labels("expr"), "'102' is in both the val and the test split"),
    ("two label files", f"{VA_TRAIN}/102.TXT", labels("va"), "102.txt are two label files of one track"),
    ("a table among the labels", f"{VA_TRAIN}/102.csv", labels("va"), "102.csv lies among the label files"),
    ("a leak", f"{VA_VAL}/102_left.txt", labels("va"), "'102' leaks between the splits of va"),
    ("a third person", f"{VA_TRAIN}/video29.txt", labels("va"), "video29.mp4 has 3 tracks"),
    ("a label with a blank", f"{VA_TRAIN}/102 (1).txt", labels("va"), "'102 (1)' cannot be the name of a track"),
    ("a label with two suffixes", f"{VA_TRAIN}/102.txt.txt", labels("va"), "'102.txt' has no video"),
    ("a label with a comma", f"{VA_TRAIN}/1,02.txt", labels("va"), "'1,02' cannot be the name of a track"),
    ("a label with a long name", f"{VA_TRAIN}/{'a' * 240}.txt", labels("va"), "has 240 bytes"),
    ("a label with a line break", f"{VA_TRAIN}/a\nb.txt", labels("va"), r"'a\nb' cannot be the name of a track"),
    ("a label in another encoding", f"{VA_TRAIN}/caf\udce9.txt", labels("va"), "is not in UTF-8; rename the file"),
    ("a video in another encoding", "videos/caf\udce9.mp4", b"", "is not in UTF-8; rename the file"),
    ("a video with a line break", "videos/a\nb.mp4", b"", r"'a\nb' cannot be the name"),
    ("a video with a long name", f"videos/{'a' * 240}.mp4", b"", "has 240 bytes"),
    ("a video in two cases", "videos/batch2/102.MP4", b"", "are two videos of one name"),
    ("a video in a new form", "videos/batch2/102.mov", b"", "are two videos of one name"),
    ("a picture as a video", VIDEO, b"\xff\xd8\xff\xe0" + bytes(500), "cannot be read as a video"),
    ("an archive as a video", VIDEO, b"PK\x03\x04" + bytes(500), "cannot be read as a video"),
    ("a page as a video", VIDEO, "<!DOCTYPE html><html></html>", "cannot be read as a video"),
    ("a pointer for a video", VIDEO, "version https://git-lfs.github.com/spec/v1\n", "cannot be read as a video"),
    ("a list of parts as a video", VIDEO, "ffconcat version 1.0\nfile /etc/passwd\n", "cannot be read as a video"),
    ("two folders of a split", f"{VA_TRAIN}/../train/7.txt", labels("va"), "train are two folders of va's train split"),
    (
        "two folders of a challenge",
        f"{EXPR_TRAIN}/../../EXPR_Classification_Challenge/Train_Set/7.txt",
        labels("expr"),
        "EXPR_Recognition_Challenge are two folders of expr",
    ),
    ("two test lists", f"{FOLDERS['test_lists']}/3rd/VA_test_set_release.txt", "", "exactly one list of va"),
    ("two templates", VA_TEMPLATE.replace("sample", "example"), template("va", "a"), "exactly one template of va"),
    ("a video without a track", "videos/999.mp4", b"", "999.mp4 has no track"),
    ("a video in two forms", "videos/batch2/102.avi", b"", "102.mp4 are two videos of one name"),
    ("a video in two folders", "videos/batch1/102.mp4", b"", "102.mp4 are two videos of one name"),
    ("a video with a blank", "videos/a b.mp4", b"", "'a b' cannot be the name"),
    ("a video with a quote", 'videos/a"b.mp4', b"", "cannot be the name"),
    ("a video with a brace", "videos/{video}.mp4", b"", "'{video}' cannot be the name"),
    ("a decomposed umlaut", f"{VA_TRAIN}/mu\u0308de.txt", labels("va"), "has no video"),
    ("an empty video", VIDEO, b"", "102.mp4 (0 bytes) cannot be read as a video"),
    ("a text as a video", VIDEO, "no video at all\n", "102.mp4 (16 bytes) cannot be read as a video"),
    ("a playlist as a video", VIDEO, "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "cannot be read as a video"),
]


def _truncated(root: Path) -> None:
    raw = (root / VIDEO).read_bytes()
    (root / VIDEO).write_bytes(raw[: len(raw) // 2])


def _truncated_after_its_index(root: Path) -> None:
    clip = write_numbered(root / VIDEO, N_FRAMES, Fraction(25), container={"movflags": "faststart"})
    clip.write_bytes(clip.read_bytes()[:-100])


def _sound_only(root: Path) -> None:
    with av.open(str(root / VIDEO), "w") as output:
        stream = output.add_stream("aac", rate=16000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 16000
        output.mux(stream.encode(samples))
        output.mux(stream.encode())


def _linked(name: str, target: str) -> Callable[[Path], None]:
    def link(root: Path) -> None:
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)

    return link


def _folder_for_file(root: Path) -> None:
    (root / VIDEO).unlink()
    (root / VIDEO).mkdir()


def _pipe(name: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / name).unlink()
        os.mkfifo(root / name)

    return make


def _unknown_codec(root: Path) -> None:
    clip = write_numbered(root / VIDEO, N_FRAMES, Fraction(25))
    raw = clip.read_bytes()
    assert raw.count(b"avc1") >= 1
    clip.write_bytes(raw.replace(b"avc1", b"xyz1").replace(b"avcC", b"xyzC"))


def _cover_only(root: Path) -> None:
    picture = root.parent / f"{root.name}.png"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=32x32:d=0.1", "-frames:v", "1", picture)
    sound = ["-f", "lavfi", "-i", "sine=d=1", "-i", picture, "-map", "0", "-map", "1", "-c:v", "png"]
    ffmpeg(*sound, "-c:a", "aac", "-disposition:v", "attached_pic", root / VIDEO)
    picture.unlink()


CHANGES = [
    ("a pipe for a label", _pipe(VA), "102.txt is a pipe, a device or a socket, expected a file"),
    ("a pipe for a video", _pipe(VIDEO), "102.mp4 is a pipe, a device or a socket, expected a file"),
    ("a device for a list", _linked(VA_LIST, "/dev/zero"), "release.txt is a pipe, a device or a socket"),
    ("a device for a template", _linked(VA_TEMPLATE, "/dev/urandom"), "is a pipe, a device or a socket"),
    ("a codec that nobody knows", _unknown_codec, "102.mp4 has pictures of a codec that nothing here decodes"),
    ("sound with a cover", _cover_only, "102.mp4 has no video stream"),
    ("a truncated video", _truncated, "102.mp4 has no video stream"),
    ("a video cut off behind its index", _truncated_after_its_index, "is cut off"),
    ("a video without frames", lambda root: write_standin(root / VIDEO, 0, Fraction(30)), "102.mp4"),
    ("sound only", _sound_only, "102.mp4 has no video stream"),
    ("a folder named like a video", _folder_for_file, "'102' has no video"),
    ("a folder that holds itself", _linked("videos/batch1/again", ".."), "again is a link to a folder that holds it"),
    ("a link to itself", _linked(VIDEO, "102.mp4"), "102.mp4 is a link that leads to no file"),
    ("a label that links nowhere", _linked(VA, "nowhere.txt"), "102.txt is a link that leads to no file"),
    ("no folder of videos", lambda root: shutil.rmtree(root / "videos"), "corpus.videos is"),
    ("no annotations", lambda root: shutil.rmtree(root / "annotations"), "corpus.annotations is"),
    ("no validation split", lambda root: shutil.rmtree(root / VA_VAL), "no track was found in the val split of va"),
    ("no test list", lambda root: (root / VA_LIST).unlink(), "exactly one list of va"),
    ("no template", lambda root: (root / VA_TEMPLATE).unlink(), "exactly one template of va"),
    ("no video of a track", lambda root: (root / VIDEO).unlink(), "'102' has no video"),
    ("a label without permission", lambda root: (root / VA).chmod(0), "102.txt cannot be read as text"),
    ("a folder without permission", lambda root: (root / "videos/batch2").chmod(0), "batch2 cannot be read"),
    ("a video without permission", lambda root: (root / VIDEO).chmod(0), "102.mp4"),
]


def _written(name: str, content: str | bytes) -> Callable[[Path], None]:
    return lambda root: put(root / name, content)


CASES = [(what, _written(name, content), said) for what, name, content, said in (*LABELS, *LISTS, *FILES)] + CHANGES


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that everyone may enter, as `bound_by_rights` needs it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextmanager
def bound_by_rights() -> Iterator[None]:
    """As another user where the tests run as root, who may read everything."""
    codecs.lookup("utf-8-sig")  # modules that are read later may not be his to read
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def check(corpus: CorpusConfig, root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the command; what it ends with."""
    outputs = ["--problems", f"{root}/out/problems.csv", "--page", f"{root}/out/corpus.html"]
    monkeypatch.setattr(sys, "argv", ["check_corpus.py", "--corpus", corpus.model_dump_json(), *outputs])
    with pytest.raises(SystemExit) as ended:
        run(check_corpus.main)
    return str(ended.value.code)


@pytest.mark.parametrize(("what", "change", "said"), CASES, ids=[case[0] for case in CASES])
def test_a_mistake_is_one_sentence_and_nothing_is_written(root, monkeypatch, what, change, said):
    corpus = write_small(root)
    change(root)
    before = sorted(root.iterdir())
    with bound_by_rights() if "permission" in what else nullcontext():
        message = check(corpus, root, monkeypatch)
    assert message.startswith("error: ")
    assert said in message
    assert len(message.splitlines()) == 1
    assert sorted(root.iterdir()) == before


def test_there_are_a_hundred_and_fifty_or_more():
    assert len({case[0] for case in CASES}) == len(CASES) >= 150


def test_several_mistakes_are_told_together(root, monkeypatch):
    corpus = write_small(root)
    put(root / VA, labels("va", "1.2,0"))
    put(root / EXPR, labels("expr", "8"))
    put(root / "videos/new_vids/480.avi", b"")
    message = check(corpus, root, monkeypatch)
    assert len(message.splitlines()) == 3
    for name in ("102.txt, line 2", "video29_left.txt, line 2", "480.avi (0 bytes)"):
        assert name in message


def test_the_command_itself_ends_with_code_1(root):
    corpus = write_small(root)
    put(root / VA, "")
    source = Path(__file__).resolve().parents[2]
    command = [sys.executable, source / "workflow/scripts/corpus/check_corpus.py", "--corpus", corpus.model_dump_json()]
    done = subprocess.run(
        [*command, "--problems", root / "p.csv", "--page", root / "p.html"],
        env={**os.environ, "PYTHONPATH": str(source / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "102.txt, line 1" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (root / "p.csv").exists()
