"""The videos of a folder: ids of any name, in whatever folders."""

import errno
import os
from fractions import Fraction
from pathlib import Path

import pytest
from clips import write_numbered
from hypothesis import given
from hypothesis import strategies as st

from abaw.predict.films import LONGEST_ID_BYTES, _by_id, find_films, readable
from abaw.running.errors import UserError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def test_names_become_ids_and_equal_ones_are_told_apart(tmp_path):
    names = ["a b.mp4", "a_b.MOV", "c.mp4", "c.mkv", "x/d.mp4", "y/d.mp4", "Über uns, zwei.mp4", "{e}.mp4", "-f.mp4"]
    touch(tmp_path, *names, ".hidden.mp4", "notes.txt", "failed.csv.mp4")
    films = find_films(tmp_path)
    assert {film: str(path.relative_to(tmp_path)) for film, path in films.paths.items()} == {
        "a_b": "a b.mp4",
        "a_b-2": "a_b.MOV",
        "c.mp4": "c.mp4",
        "c.mkv": "c.mkv",
        "x-d": "x/d.mp4",
        "y-d": "y/d.mp4",
        "Über_uns__zwei": "Über uns, zwei.mp4",
        "_e_": "{e}.mp4",
        "_f": "-f.mp4",
        "failed.csv-2": "failed.csv.mp4",
    }
    assert films.others == 1


def test_ids_that_differ_by_case_or_form_alone_are_told_apart(tmp_path):
    """Else one folder on the disks of macOS and Windows would have the results of both."""
    touch(tmp_path, "Case.mp4", "case.mp4", "CASE.mkv", "u\u0308ber.mp4", "\u00fcber.mp4", "Index.html.mp4")
    assert set(find_films(tmp_path).paths) == {"CASE", "Case-2", "case-3", "\u00fcber", "\u00fcber-2", "Index.html-2"}


@pytest.mark.parametrize("odd", ["{film}/a {c}.mp4", "new\nline.mp4"])
def test_a_video_that_snakemake_does_not_watch_is_watched_by_its_size_and_time(tmp_path, odd):
    films = find_films(touch(tmp_path, "plain.mp4", odd))
    [film] = set(films.paths) - {"plain"}
    assert films.watched("plain") == [str(tmp_path / "plain.mp4")]
    assert films.watched(film) == []
    before = films.stamp(film)
    os.utime(tmp_path / odd, (0, 0))
    assert films.stamp(film) != before


def test_a_video_that_an_older_one_replaces_is_another_and_one_that_is_touched_is_not(tmp_path):
    films = find_films(touch(tmp_path, "a.mp4", "older.mp4"))
    (tmp_path / "older.mp4").write_bytes(b"older")
    os.utime(tmp_path / "older.mp4", (0, 0))
    before = films.stamp("a")
    (tmp_path / "a.mp4").touch()
    assert films.stamp("a") == before
    (tmp_path / "older.mp4").replace(tmp_path / "a.mp4")
    assert films.stamp("a") != before


def test_results_among_the_videos_are_no_videos(tmp_path):
    results = [f"out/a/{name}" for name in ("frames.parquet", "metadata.json", "annotated.mp4")]
    touch(tmp_path, "a.mp4", "more/b.mp4", *results, "out/mine.mp4", "out/.abaw/c.mp4")
    assert list(find_films(tmp_path).paths) == ["a", "b", "mine"]


def test_links_are_followed_and_circles_are_not(tmp_path):
    touch(tmp_path / "videos", "a.mp4")
    touch(tmp_path / "elsewhere", "b.mp4")
    (tmp_path / "videos/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "videos/round").symlink_to(tmp_path / "videos")
    (tmp_path / "videos/lost.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "videos")
    (tmp_path / "elsewhere/again").symlink_to(tmp_path / "elsewhere")
    films = find_films(tmp_path / "videos")
    assert list(films.paths) == ["a", "b", "lost"]
    assert [failed.film for failed in readable(films).failed] == ["a", "b", "lost"]


def test_a_folder_that_cannot_be_read_is_no_folder_without_videos(tmp_path, monkeypatch):
    """Root may read every folder, so the system's own refusal is not to be had here."""
    touch(tmp_path, "a.mp4", "private/b.mp4")
    scandir = os.scandir

    def refusing(folder):
        if Path(folder).name in ("private", "all"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    films = readable(find_films(tmp_path))
    assert {failed.film for failed in films.failed} == {"a", "private"}
    [private] = [failed for failed in films.failed if failed.film == "private"]
    assert private.path == tmp_path / "private"
    assert private.reason == (
        f"the folder {tmp_path}/private cannot be read (Permission denied); give yourself the right to it"
    )
    (tmp_path / "all").mkdir()
    with pytest.raises(UserError, match=r"the folder .*/all cannot be read \(Permission denied\); give yourself"):
        find_films(tmp_path / "all")


def test_what_can_be_read_and_what_cannot(tmp_path):
    write_numbered(tmp_path / "good.mp4", 5, Fraction(25))
    (tmp_path / "text.mp4").write_text("text")
    films = readable(find_films(tmp_path))
    assert list(films.paths) == ["good"]
    [failed] = films.failed
    assert (failed.film, failed.path.name) == ("text", "text.mp4")
    assert "cannot be read as a video" in failed.reason


def test_one_video_and_nothing_to_predict(tmp_path):
    touch(tmp_path, "film.dat", "notes.txt")
    assert list(find_films(tmp_path / "film.dat").paths) == ["film"]
    with pytest.raises(UserError, match="holds no video"):
        find_films(tmp_path)
    with pytest.raises(UserError, match="neither a folder nor a video"):
        find_films(tmp_path / "nowhere")


@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=80), unique=True, max_size=8))
def test_any_name_has_an_id_of_its_own_that_a_path_a_shell_and_a_table_carry(names):
    paths = [Path("v") / f"{name}.mp4" for name in names]
    found = _by_id(Path("v"), paths)
    assert sorted(found.values()) == sorted(paths)
    for film in found:
        assert film.encode().decode().isprintable()
        assert len(film.encode()) <= LONGEST_ID_BYTES + 4
        assert not set(film) & set(" ,\"'/\\{}*?$`\t\n") and film[0] not in ".-"
