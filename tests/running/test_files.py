"""Outputs whole or not at all; one run at a time in a folder; which files a script runs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from abaw.running.errors import UserError
from abaw.running.files import check_room, lock_folder, whole_file
from abaw.running.imports import digest_behind, files_behind

ROOT = Path(__file__).resolve().parents[2]


def test_a_file_appears_only_when_the_block_ends_well(tmp_path):
    path = tmp_path / "folder" / "table.csv"
    with whole_file(path) as beside:
        beside.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    with pytest.raises(ZeroDivisionError), whole_file(path) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "whole"
    assert [entry.name for entry in path.parent.iterdir()] == ["table.csv"]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    for name in (".table.123.part.csv", ".table.x.123.part.csv", ".other.123.part.csv"):
        (tmp_path / name).write_text("half")
    with whole_file(tmp_path / "table.csv") as beside:
        beside.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"table.csv", ".table.x.123.part.csv", ".other.123.part.csv"}


def test_a_full_disk_is_a_sentence(tmp_path):
    with (
        pytest.raises(UserError, match=r"table\.csv cannot be written, for the disk is full; make room"),
        whole_file(tmp_path / "table.csv"),
        Path("/dev/full").open("w") as full,
    ):
        full.write("x")
        full.flush()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_in_is_a_sentence(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="is read-only or not yours"), whole_file(tmp_path / "table.csv") as beside:
        beside.write_text("x")
    with pytest.raises(UserError, match="is read-only or not yours"):
        check_room(tmp_path, 1)


@pytest.mark.parametrize("name", ["file/table.csv", "file/deeper/table.csv"])
def test_a_file_where_a_folder_should_be_is_named(tmp_path, name):
    (tmp_path / "file").touch()
    says = r"table\.csv cannot be written, for .*/file is no folder"
    with pytest.raises(UserError, match=says), whole_file(tmp_path / name) as beside:
        beside.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_disk_without_room_is_a_sentence(tmp_path):
    check_room(tmp_path, 1)
    with pytest.raises(UserError, match=r"the disk of .* has .* MB left, a run needs \d+ MB to begin"):
        check_room(tmp_path, 10**12)


def test_a_folder_has_one_run_at_a_time_and_a_kill_leaves_no_lock(tmp_path):
    holder = "import sys, time; from abaw.running.files import lock_folder as lock; "
    holder += "held = lock(sys.argv[1]); print('ok', flush=True); time.sleep(9)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    other = subprocess.Popen([sys.executable, "-c", holder, tmp_path / "x"], stdout=subprocess.PIPE, env=environment)
    assert other.stdout is not None
    assert other.stdout.readline() == b"ok\n"
    with pytest.raises(UserError, match=f"another run is writing in .* \\(process {other.pid}\\)"):
        lock_folder(tmp_path / "x")
    other.send_signal(signal.SIGKILL)
    other.wait()
    time.sleep(0.05)
    lock_folder(tmp_path / "x").close()


def test_the_files_behind_a_script_are_its_own_and_those_it_imports(tmp_path):
    source = tmp_path / "src"
    (source / "abaw" / "deep").mkdir(parents=True)
    files = {
        "src/abaw/__init__.py": "",
        "src/abaw/one.py": "from abaw.deep import two",
        "src/abaw/deep/__init__.py": "",
        "src/abaw/deep/two.py": "def f():\n    import abaw.three",
        "src/abaw/three.py": "import numpy",
        "src/abaw/other.py": "",
        "src/abaw/config.py": "import abaw.other",
        "scripts/x.py": "import json\nfrom abaw.one import g\nfrom abaw.config import C",
        "scripts/y.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = [str(path.relative_to(tmp_path)) for path in files_behind(tmp_path / "scripts" / "x.py", source)]
    assert found == [
        "scripts/x.py",
        "src/abaw/__init__.py",
        "src/abaw/deep/__init__.py",
        "src/abaw/deep/two.py",
        "src/abaw/one.py",
        "src/abaw/three.py",
    ]


def test_the_digest_behind_a_script_is_of_names_and_content(tmp_path):
    def digest_of(folder: str, **changed: str) -> str:
        files = {
            "src/abaw/__init__.py": "",
            "src/abaw/one.py": "A = 1",
            "src/abaw/two.py": "",
            "x.py": "import abaw.one",
        }
        for name, text in (files | changed).items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return digest_behind(tmp_path / folder / "x.py", tmp_path / folder / "src")

    as_it_was = digest_of("here")
    assert digest_of("elsewhere") == as_it_was
    assert digest_of("unread", **{"src/abaw/two.py": "B = 2"}) == as_it_was
    edited = {"src/abaw/one.py": "A = 2", "x.py": "import abaw.one  # again", "src/abaw/__init__.py": "C = 3"}
    assert len({as_it_was, *(digest_of(str(k), **{name: text}) for k, (name, text) in enumerate(edited.items()))}) == 4


def test_the_timeline_is_behind_no_earlier_stage():
    scripts = ROOT / "workflow" / "scripts"
    with_timeline = {
        script.stem
        for script in scripts.glob("*/*.py")
        if ROOT / "src" / "abaw" / "timeline" / "alignment.py" in files_behind(script, ROOT / "src")
    }
    later = {"align_predictions", "sweep_smoothing", "estimate_nested", "predict_film"}
    assert with_timeline == later
