"""The integrity report: aliases, counts, problems with remedies, skipped videos, and a corpus of AffWild2's shape."""

import csv
import json
import shutil
import sys
from collections import Counter
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import check_corpus as command
import pytest
from affwild2 import TRACKS, write_affwild2
from runs import copy_tree, snakemake
from small_corpus import (
    EXPR_LIST,
    EXPR_TEMPLATE,
    EXPR_TRAIN,
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

from abaw.corpus.check import check_corpus
from abaw.corpus.index import index_split
from abaw.corpus.layout import WITHOUT_TRACKS, read_folders
from abaw.corpus.names import files_under
from abaw.media.video import probe, sample_frames
from abaw.running.errors import UserError
from abaw.tasks import SPLITS, TASKS

ALIASES = [
    (VA_TRAIN, "train"),
    (VA_TRAIN, "TRAIN_SET"),
    (VA_TRAIN, "Training_Set"),
    *((VA_VAL, name) for name in ("validate", "Val_Set", "validation", "val", "validation_set")),
    ("annotations/EXPR_Recognition_Challenge", "EXPR_Classification_Challenge"),
    ("annotations/EXPR_Recognition_Challenge", "expr_recognition_challenge"),
    ("annotations", "annotations/Third ABAW Annotations"),
    (VA_LIST, "CVPR_2022_3rd_ABAW_Competition _Test_Set_Release_&_Submission_Instructions/" + Path(VA_LIST).name),
    (EXPR_LIST, "Expression_Classification_Challenge_test_set_release.txt"),
    (VA_TEMPLATE, "ICCV_9th_ABAW_VA_test_set_sample.txt"),
    (VA_TEMPLATE, "ABAW_VA_test_set_example.txt"),
    (VA_TEMPLATE, "CVPR_5th_ABAW_VA_test_set_example.txt"),
    (EXPR_TEMPLATE, "CVPR_5th_ABAW_EXPR_test_set_sample.txt"),
]


@pytest.mark.parametrize(("part", "alias"), ALIASES)
def test_every_edition_s_names_give_the_same_tracks(tmp_path, part, alias):
    corpus = write_small(tmp_path)
    before = read_folders(corpus)
    kept = tmp_path / "kept"
    (tmp_path / part).rename(kept)
    new = tmp_path / alias if part == "annotations" else (tmp_path / part).parent / alias
    new.parent.mkdir(parents=True, exist_ok=True)
    kept.rename(new)
    after = read_folders(corpus)
    assert [(t.sample, t.video, t.side, t.splits) for t in after.tracks] == [
        (t.sample, t.video, t.side, t.splits) for t in before.tracks
    ]
    assert all(path.is_file() for track in after.tracks for path in track.labels.values())


def test_two_folders_that_link_to_each_other_are_a_circle(tmp_path):
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / name).mkdir()
        (tmp_path / name / other).symlink_to(tmp_path / other)
    with pytest.raises(UserError, match="one/two/one is a link to a folder that holds it"):
        list(files_under(tmp_path))


def test_leftovers_are_passed_over_and_links_followed(tmp_path):
    corpus = write_small(tmp_path / "its own")
    videos = Path(corpus.videos)
    before = read_folders(corpus)
    put(videos / "__MACOSX" / "102.mp4", b"")
    put(videos / "batch1" / "._102.mp4", b"")
    put(Path(corpus.annotations) / "VA_Estimation_Challenge" / "Train_Set" / ".DS_Store", b"\0")
    (videos / "batch2").rename(tmp_path / "elsewhere")
    (videos / "batch2").symlink_to(tmp_path / "elsewhere")
    assert read_folders(corpus) == before


def test_one_folder_may_hold_everything(tmp_path):
    corpus = write_small(tmp_path)
    one = dict.fromkeys(("videos", "annotations", "test_lists", "templates"), str(tmp_path))
    assert read_folders(corpus.model_copy(update=one)) == read_folders(corpus)


def test_the_two_tracks_of_a_video_share_it_and_know_their_side(tmp_path):
    tracks = {track.sample: track for track in read_folders(write_small(tmp_path)).tracks}
    sides = {sample: track.side for sample, track in tracks.items() if track.side}
    assert sides == {"video29_left": "left", "video29_right": "right", "video2": "right", "video2_left": "left"}
    assert tracks["video2"].path == tracks["video2_left"].path


def test_a_cut_of_a_two_person_video_shows_one_person(tmp_path):
    corpus = write_small(tmp_path)
    whole = tmp_path / "videos/batch1/video29.mp4"
    for side in ("left", "right"):
        shutil.copy(whole, whole.with_stem(f"video29_{side}"))
    whole.unlink()
    found = [(t.video, t.side) for t in read_folders(corpus).tracks if t.sample.startswith("video29")]
    assert found == [("video29_left", None), ("video29_right", None)]


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (0, None),
        (1, f"one row more than frames ({N_FRAMES + 1} rows, {N_FRAMES} frames)"),
        (2, f"more rows than frames ({N_FRAMES + 2} rows, {N_FRAMES} frames)"),
        (-3, f"fewer rows than frames ({N_FRAMES - 3} rows, {N_FRAMES} frames)"),
    ],
)
def test_rows_against_frames_are_classified(tmp_path, extra, said):
    corpus = write_small(tmp_path, max_row_difference=3)
    put(tmp_path / VA_TRAIN / "102.txt", labels("va", n_rows=N_FRAMES + extra))
    problems = [row for row in check_corpus(corpus).problems if row["sample"] == "102" and row["split"] == "train"]
    found = [row["problem"] for row in problems if "audio" not in row["problem"]]
    assert found == ([said] if said else [])
    assert all(row["remedy"] for row in problems)


@pytest.mark.parametrize("extra", [3, -3])
def test_a_large_difference_is_an_error_by_the_threshold(tmp_path, extra):
    corpus = write_small(tmp_path, max_row_difference=2)
    put(tmp_path / VA_TRAIN / "102.txt", labels("va", n_rows=N_FRAMES + extra))
    said = f"'102' has {N_FRAMES + extra} rows for {N_FRAMES} frames, a difference of 3"
    for read in (check_corpus, lambda corpus: index_split(read_folders(corpus), "va", "train", corpus)):
        with pytest.raises(UserError, match=said):
            read(corpus)


class Cells(HTMLParser):
    """The texts of a page's table cells, and the names of its elements."""

    def __init__(self):
        super().__init__()
        self.texts, self.elements = [], Counter()

    def handle_starttag(self, tag, attrs):
        self.elements[tag] += 1

    def handle_data(self, data):
        self.texts.append(data)


def test_the_command_writes_a_table_and_a_page_that_escapes_names(tmp_path, monkeypatch, capsys):
    corpus = write_small(tmp_path / "a folder's name")
    strange = "<b>é&'"
    write_standin(Path(corpus.videos) / f"{strange}.mp4", N_FRAMES, Fraction(30))
    put(Path(corpus.annotations).parent / EXPR_TRAIN / f"{strange}.txt", labels("expr", "-1"))
    out = tmp_path / "out"
    outputs = ["--problems", f"{out}/problems.csv", "--page", f"{out}/corpus.html"]
    monkeypatch.setattr(sys, "argv", ["check_corpus.py", "--corpus", corpus.model_dump_json(), *outputs])
    command.main()
    with (out / "problems.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == ["task", "split", "sample", "code", "problem", "remedy"]
    assert {row["problem"] for row in rows} == {"no audio stream"}
    assert len(rows) == 13
    page = Cells()
    page.feed((out / "corpus.html").read_text(encoding="utf-8"))
    assert strange in page.texts
    assert page.elements["b"] == 0
    assert page.elements["tr"] == 1 + 6 + 1 + len(rows)
    assert f"{2 * N_FRAMES - 1}" in page.texts
    said = capsys.readouterr().out
    assert f"expr train: 2 tracks, {2 * N_FRAMES} rows, {2 * N_FRAMES - 1} labelled" in said
    assert "13 problems, none of which stops a run" in said


def test_a_corpus_that_claims_to_be_affwild2_is_held_against_it(tmp_path):
    check = check_corpus(write_small(tmp_path, edition="affwild2"))
    problems = {row["problem"]: row for row in check.problems if not row["sample"]}
    assert "3 tracks, published are 356" in problems
    assert f"{2 * N_FRAMES} rows, published are 927210" in problems
    assert not any(row["sample"] == "" for row in check_corpus(write_small(tmp_path)).problems)
    assert sum(TASKS["va"].published[split]["rows"] for split in SPLITS) == 2_993_081


def test_an_unreadable_video_is_skipped_in_every_split_where_that_is_asked_for(tmp_path):
    corpus = write_small(tmp_path)
    put(tmp_path / "videos/batch1/video2.avi", "junk")
    with pytest.raises(UserError, match=r"video2\.avi .* cannot be read as a video"):
        check_corpus(corpus)
    skip = corpus.model_copy(update={"on_unreadable": "skip"})
    layout = read_folders(skip)
    assert not [track for track in layout.tracks if track.video == "video2"]
    assert layout.skipped_of("va", "val") == ["video2", "video2_left"]
    assert layout.skipped_of("expr", "test") == ["video2_left"]
    rows = [row for row in check_corpus(skip).problems if row["problem"].startswith("skipped: ")]
    assert sorted((row["task"], row["split"], row["sample"]) for row in rows) == [
        ("expr", "test", "video2_left"),
        ("va", "val", "video2"),
        ("va", "val", "video2_left"),
    ]
    assert all("video2.avi" in row["problem"] and row["remedy"] for row in rows)
    assert index_split(layout, "expr", "test", corpus).tracks["sample"].to_pylist() == ["102"]


def test_a_split_without_a_readable_video_stops_even_so(tmp_path):
    corpus = write_small(tmp_path, on_unreadable="skip")
    put(tmp_path / "videos/batch2/video86_2.mp4", "junk")
    with pytest.raises(UserError, match=r"no video in the val split of expr can be read; the first: .*video86_2\.mp4"):
        read_folders(corpus)


def test_template_and_list_may_be_in_different_orders(tmp_path):
    corpus = write_small(tmp_path)
    put(tmp_path / VA_TEMPLATE, template("va", "video86_2", "6-30-1920x1080").replace("\n", "\r\n"))
    assert len(index_split(read_folders(corpus), "va", "test", corpus).labels) == 2 * N_FRAMES


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize(
    ("n_frames", "fps"), [(73, Fraction(30)), (47434, Fraction(30000, 1001)), (500, Fraction(23, 3))]
)
def test_stand_ins_say_what_they_should(tmp_path, suffix, n_frames, fps):
    path = tmp_path / f"a{suffix}"
    write_standin(path, n_frames, fps)
    info = probe(path)
    assert (info.n_frames, info.fps) == (n_frames, fps)
    if suffix == ".mp4" and n_frames < 100:
        assert sum(1 for _ in sample_frames(path, 60.0)) == n_frames


@pytest.fixture(scope="module")
def whole(shared, tmp_path_factory):
    return write_affwild2(tmp_path_factory.mktemp("affwild2"), shared / "media" / "affwild2-stats")


def test_a_corpus_of_affwild2_s_shape_has_its_numbers(whole):
    layout = read_folders(whole)
    check = check_corpus(whole)
    assert len({track.sample for track in layout.tracks if "va" in track.splits}) == 594
    assert len(layout.videos()) == 578
    assert len(list(Path(whole.videos).rglob("*.*"))) == 578 + len(WITHOUT_TRACKS) == 598
    found = {(count.task, count.split): count.found for count in check.counts}
    assert {key: value["tracks"] for key, value in found.items()} == {
        (task, split): TRACKS[task][split] for task in TASKS for split in SPLITS
    }
    assert all(TASKS[task].published[split]["tracks"] == value["tracks"] for (task, split), value in found.items())
    assert 2.4e6 < sum(value["rows"] for (task, _), value in found.items() if task == "va") < 3.6e6
    kinds = Counter(row["problem"].split(" than")[0] for row in check.problems if " than frames" in row["problem"])
    assert set(kinds) == {"one row more", "more rows", "fewer rows"}
    assert kinds["one row more"] > kinds["more rows"]


@pytest.mark.workflow
def test_the_workflow_checks_skips_and_stops(tmp_path):
    """`snakemake check_corpus` with a video that cannot be read: skipped, then refused, and then nothing is left."""
    folder = copy_tree(tmp_path / "a run's folder")
    corpus = write_small(tmp_path / "a corpus")
    put(tmp_path / "a corpus/videos/batch1/video2.avi", "junk")
    for on_unreadable in ("skip", "stop"):
        changed = corpus.model_copy(update={"on_unreadable": on_unreadable})
        (folder / f"{on_unreadable}.json").write_text(json.dumps({"corpus": changed.model_dump()}))
    snakemake(folder, "check_corpus", "--cores", "1", "--configfile", "skip.json")
    assert 'video2_left,skipped,"skipped: ' in (folder / "results/report/problems.csv").read_text()
    planned = snakemake(folder, "-n", "-p", "--configfile", "skip.json")
    assert "results/faces/video29.parquet" in planned
    assert "results/faces/video2.parquet" not in planned
    assert "--skipped video2_left --output results/submissions/expr/system_1/predictions.txt" in planned
    said = snakemake(folder, "check_corpus", "--cores", "1", "--configfile", "stop.json", check=False)
    assert "video2.avi (4 bytes) cannot be read as a video" in said
    assert not list((folder / "results/report").glob("*"))
    put(tmp_path / "a corpus" / VA_VAL / "102_left.txt", labels("va"))
    said = snakemake(folder, "-n", "--configfile", "stop.json", check=False)
    assert "'102' leaks between the splits of va" in said
    assert "Traceback" not in said
