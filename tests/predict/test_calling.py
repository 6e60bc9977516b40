"""The ways in from outside of the workflow: the command, the function, and what is said on the way."""

import io
import json
import os
import re
import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runs import ROOT
from small_bundle import write

import abaw
from abaw.commands import console
from abaw.predict import calling
from abaw.predict.progress import STAGES, Progress
from abaw.running.errors import UserError

LINES = """Job stats:
job                     count
--------------------  -------
find_people                 2
predict_film                2
total                       4

rule find_people:
    wildcards: film=a
Finished jobid: 3 (Rule: find_people)
1 of 4 steps (25%) done
Finished jobid: 4 (Rule: predict_film)
2 of 4 steps (50%) done
Error in rule find_people:
    jobid: 5
    log: logs/find_people/b.log (check log file(s) for error details)
"""


def test_a_run_is_put_into_videos_and_the_reason_of_a_failure(tmp_path):
    (tmp_path / "logs/find_people").mkdir(parents=True)
    (tmp_path / "logs/find_people/b.log").write_text("device: cpu\nerror: the disk is full; make room\nmore\n")
    with Progress() as progress:
        for line in LINES.splitlines():
            progress.hear(line)
    assert progress.planned["predict_film"] == 2
    assert progress.done == {"find_people": 1, "predict_film": 1}
    log = tmp_path / "logs/find_people/b.log"
    assert progress.sentences(tmp_path) == [f"the disk is full; make room (log: {log})"]
    for line in ("device: cpu", "error: the disk is full; make room", "error: the seed is -1"):
        progress.hear(line)
    assert progress.sentences(tmp_path) == ["the seed is -1", f"the disk is full; make room (log: {log})"]


def test_every_job_of_predict_is_called_by_words():
    rules = [
        (ROOT / "workflow" / "rules" / f"{name}.smk").read_text(encoding="utf-8") for name in ("predict", "outputs")
    ]
    named = re.findall(r"^ +(?:use rule \w+ as|rule) (\w+)(?: with)?:", "\n".join(rules), re.MULTILINE)
    assert len(named) > 10
    assert {*named, "retrieve_weights", "export_detector", "export_spleeter", "predict"} == STAGES.keys()


def test_what_the_workflow_says_itself_comes_first_and_else_its_last_lines():
    with Progress() as progress:
        progress.hear("error: the configuration is wrong: seed is -1")
    assert progress.sentences(calling.ROOT) == ["the configuration is wrong: seed is -1"]
    with Progress() as progress:
        progress.hear("MissingInputException in rule x")
    assert progress.sentences(calling.ROOT) == ["MissingInputException in rule x"]


def test_why_the_workflow_does_not_start_is_said_without_its_places():
    with Progress() as progress:
        for line in (
            'WorkflowError in file "common.smk", line 310:',
            "another run is writing in x",
            '  File "S", line 5',
        ):
            progress.hear(line)
    assert progress.sentences(calling.ROOT) == ["another run is writing in x"]


def test_the_package_can_be_called_and_names_a_video_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"there is no video .*/film\.mp4"):
        abaw.predict(tmp_path / "film.mp4")
    with pytest.raises(AttributeError, match="has no attribute 'predicts'"):
        abaw.predicts  # noqa: B018


def test_a_folder_without_videos_is_named_before_anything_is_written(tmp_path, capsys):
    (tmp_path / "videos").mkdir()
    for videos, says in (("videos", "holds no video"), ("nowhere", "neither a folder nor a video")):
        with pytest.raises(UserError, match=says):
            calling.predict_folder(tmp_path / videos, tmp_path / "out", None, {}, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["videos"] and not capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--from", "60", "--to", "10"], "error: --to is 10 and --from is 60; give --to a later second than --from"),
        (["--fps", "0"], "predict.fps is 0.0: input should be greater than 0"),
        (["--recogniser", "mine"], "mine"),
        (["--bundle", "none.zip"], "there is no bundle"),
        (["--out", "a{b}"], "predict.out is "),
        (["--out", "a" * 300], f"error: '{'a' * 100}...' leads nowhere on this machine (File name too long); give "),
        (["--out", "~nobody-at-all/out"], "error: '~nobody-at-all/out' leads nowhere on this machine ("),
        (["--bundle", "b" * 5000], f"error: '{'b' * 100}...' leads nowhere on this machine (File name too long); give"),
    ],
)
def test_what_cannot_be_is_named_before_anything_is_written(tmp_path, monkeypatch, capsys, flags, says):
    (tmp_path / "film.mp4").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["abaw", "predict", "film.mp4", "--out", "out", *flags])
    with pytest.raises(SystemExit) as caught:
        console.main()
    assert says in str(caught.value.code) and "{'" not in str(caught.value.code)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"] and not capsys.readouterr().err


@pytest.mark.parametrize("video", ["a" * 300 + ".mp4", "round", "~nobody-at-all/a.mp4", "a\0.mp4"])
def test_a_path_that_cannot_be_is_a_sentence(tmp_path, monkeypatch, video):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(UserError, match=r"leads nowhere on this machine \(.+\); give another|there is no video"):
        abaw.predict(video)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--out", "config"], "--out is config, a folder; give the name of a zip, such as config/bundle.zip"),
        (["--configfile", "no.yaml"], "there is no file no.yaml; give to --configfile those by which the models were "),
    ],
)
def test_export_names_what_cannot_be_before_it_begins(tmp_path, monkeypatch, flags, says):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["abaw", "export", *flags])
    with pytest.raises(SystemExit) as caught:
        console.main()
    assert str(caught.value.code).startswith(f"error: {says}")


def test_export_names_the_folder_where_no_run_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["abaw", "export"])
    with pytest.raises(SystemExit) as caught:
        console.main()
    assert str(caught.value.code).startswith(f"error: {tmp_path} is not the folder of a run")
    assert list(tmp_path.iterdir()) == []


def test_info_says_what_a_bundle_knows_and_refuses_one_that_is_not_whole(tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "bundle")
    monkeypatch.setattr(sys, "argv", ["abaw", "info", str(path)])
    with pytest.raises(SystemExit) as caught:
        console.main()
    assert caught.value.code == 0 and "Nothing is known of cats." in capsys.readouterr().out
    (path / "expr" / "visual.safetensors").write_bytes(b"other!")
    with pytest.raises(SystemExit) as caught:
        console.main()
    assert f"error: {path} has been altered or cut off: expr/visual.safetensors is not" in caught.value.code


KILLED = """
import subprocess, sys
from abaw.running.children import end_with_parent
child = subprocess.Popen(["sleep", "60"], preexec_fn=end_with_parent, stdout=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a process that its parent has ended")
def test_a_command_that_is_killed_takes_its_workflow_along():
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True) as command:
        workflow = Path(f"/proc/{command.stdout.readline().strip()}/stat")
        assert workflow.exists()
        command.kill()
    for _ in range(300):
        if not workflow.exists() or workflow.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("it goes on")


def test_of_a_video_that_cannot_be_read_the_reason_is_raised(tmp_path, monkeypatch):
    reason = 'a, "b".mp4 cannot be read; copy it again'
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps([["film", "film.mp4", reason]])))
    monkeypatch.setattr("sys.argv", ["list_failed", "--output", str(tmp_path / "out" / "failed.csv")])
    runpy.run_path(str(ROOT / "workflow/scripts/predict/list_failed.py"))["main"]()
    given = []
    monkeypatch.setattr(calling, "predict_folder", lambda *arguments: given.extend(arguments))
    (tmp_path / "film.mp4").touch()
    with pytest.raises(UserError) as caught:
        chosen = {"recogniser": "sface", "same_person": 0.5, "mouths_hz": None, "also": ["elan"]}
        abaw.predict(tmp_path / "film.mp4", out=tmp_path / "out", **chosen)
    assert str(caught.value) == reason
    assert given[3] == {
        "fps": None,
        "from_s": 0.0,
        "to_s": None,
        "detect_every_s": 0.6,
        "subjects": "all",
        **chosen,
    }


def test_videos_that_cannot_be_read_are_listed_whatever_their_names_and_however_many(tmp_path):
    names = ["{x}", "new\nline", "100%d", "$(id)", "-f", "a b'c\"", os.fsdecode(b"\xff")]
    names += [f"{number:0100}" for number in range(700)]  # an argument of a program has 128 KB at most
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in names:
        (videos / f"{name}.mp4").write_text("text")
    calling.predict_folder(videos, videos, None, {}, 1)
    failed = {row["path"].removeprefix(f"{videos}/"): row for row in calling.failed_videos(videos)}
    assert set(failed) == {f"{name}.mp4".replace("\udcff", "\\udcff") for name in names}
    for path, row in failed.items():
        says = "is not in UTF-8; rename the file" if path.startswith("\\udc") else "cannot be read as a video"
        assert path in row["reason"] and says in row["reason"]


def test_what_lies_where_the_command_is_given_is_not_run_and_profiles_are_not_heeded(tmp_path, monkeypatch):
    for name in ("yaml", "numpy", "snakemake"):
        (tmp_path / f"{name}.py").write_text(f"open('{tmp_path}/run', 'w'); raise SystemExit('not mine')")
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "config.yaml").write_text("dry-run: true\n")
    (tmp_path / "film.mp4").write_text("text")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SNAKEMAKE_PROFILE", str(tmp_path / "profile"))
    with pytest.raises(UserError, match=r"film\.mp4 .*cannot be read as a video"):
        abaw.predict("film.mp4", cores=1)
    assert not (tmp_path / "run").exists()


def test_a_package_without_its_workflow_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(calling, "ROOT", tmp_path)
    with pytest.raises(UserError, match="the workflow is not beside the package"):
        calling.root()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["predict"], "the following arguments are required: FOLDER"),
        (
            ["predict", "v", "--subjects", "some"],
            "it is 'some', expected prominent, all or a whole number from 1 to 100",
        ),
        (["predict", "v", "--subjects", "0"], "it is '0', expected prominent, all or a whole number from 1 to 100"),
        (["predict", "v", "--cores", "no"], "it is 'no', expected a whole number from 1 on"),
        (["predict", "v", "--margin", "3"], "unrecognized arguments: --margin 3"),
        (["predict", ""], "argument FOLDER: it is empty, expected a path"),
        (["predict", "v", "--out", ""], "argument --out: it is empty, expected a path"),
        (["info", ""], "argument BUNDLE: it is empty, expected a path"),
        (["infos"], "invalid choice: 'infos'"),
    ],
)
def test_a_wrong_flag_is_named_with_what_is_expected(monkeypatch, capsys, arguments, says):
    monkeypatch.setattr(sys, "argv", ["abaw", *arguments])
    with pytest.raises(SystemExit) as caught:
        console.main()
    assert caught.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(("text", "value"), [("all", "all"), ("prominent", "prominent"), ("3", 3)])
def test_every_flag_of_predict_is_a_key_of_the_configuration(monkeypatch, tmp_path, text, value):
    given = {}
    monkeypatch.setattr(calling, "predict_folder", lambda *arguments: given.update(enumerate(arguments)))
    (tmp_path / "failed.csv").write_text("video,path,reason\n")
    flags = ["--out", str(tmp_path), "--fps", "10", "--from", "1", "--to", "2.5", "--subjects", text, "--cores", "3"]
    flags += [
        "--detect-every",
        "1",
        "--mouths",
        "20",
        "--recogniser",
        "sface",
        "--same-person",
        "0.5",
        "--also",
        "elan",
        "speakers",
    ]
    monkeypatch.setattr(sys, "argv", ["abaw", "predict", "v", "--bundle", "b.zip", *flags])
    with pytest.raises(SystemExit) as caught:
        console.main()
    assert caught.value.code == 0
    assert [str(given[0]), str(given[2]), given[4]] == ["v", "b.zip", 3]
    people = {"subjects": value, "recogniser": "sface", "same_person": 0.5, "detect_every_s": 1.0, "mouths_hz": 20.0}
    assert given[3] == {"fps": 10.0, "from_s": 1.0, "to_s": 2.5, **people, "also": ["elan", "speakers"]}
    assert set(given[3]) | {"videos", "bundle", "out"} == set(abaw_keys())


def abaw_keys():
    from abaw.config import PredictConfig

    return PredictConfig.model_fields
