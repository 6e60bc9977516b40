"""A training in several processes beside the same one alone, and how it ends where one of them fails."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from runs import ROOT

from abaw.config import check_config
from abaw.running.errors import UserError
from abaw.running.machine import check_gpus

TRAINING = str(ROOT / "tests" / "trained_together.py")


def started(processes: int, *command: str) -> subprocess.Popen[str]:
    launcher = ["-m", "abaw.commands.cards", str(processes)] if processes > 1 else []
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    pipes: dict = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen([sys.executable, *launcher, *command], env=environment, text=True, **pipes)


def trained(folder: Path, processes: int, settings: dict[str, object]) -> dict:
    path = folder / f"{processes}.json"
    process = started(processes, TRAINING, str(path), json.dumps(settings))
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return json.loads(path.read_text())


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path):
    """CCC, class weights and batch normalisation are those of the whole batch, or this would differ by a thousandth."""
    alone, both = (trained(tmp_path, processes, {"va_loss": "ccc", "unfrozen_layers": 3}) for processes in (1, 2))
    assert (alone["size"], both["size"]) == (1, 2)
    for one, two in zip(alone["epochs"], both["epochs"], strict=True):
        assert two == pytest.approx(one, rel=1e-4, abs=1e-4)
    assert both["weights"] == pytest.approx(alone["weights"], rel=1e-3, abs=1e-3)


def a_command(folder: Path, work: str) -> str:
    path = folder / "command.py"
    path.write_text(f"""
import sys, time
from abaw.commands.base import run
from abaw.running.errors import UserError
from abaw.running.machine import check_gpus

def main():
    {work}

run(main)
""")
    return str(path)


def test_the_last_word_is_why_the_first_one_failed(tmp_path):
    process = started(2, a_command(tmp_path, "raise UserError('there is nothing to learn from; give it something')"))
    said = process.communicate(timeout=120)[0].splitlines()
    assert process.returncode == 1
    assert said[-1] == "error: there is nothing to learn from; give it something"
    assert not [line for line in said if "Traceback" in line]


def test_several_processes_that_are_asked_to_end_say_so_once(tmp_path):
    process = started(2, a_command(tmp_path, "sys.stdout.write('waiting\\n'); sys.stdout.flush(); time.sleep(60)"))
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["waiting\n", "waiting\n"]
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[0].splitlines()
    assert process.returncode == 1
    assert [line for line in said if line.startswith("error")] == [said[-1]]
    assert "SIGTERM" in said[-1]


@pytest.mark.parametrize(
    ("compute", "sentence"),
    [
        ({"gpus": 2, "device": "cpu"}, "compute.gpus is 2, but compute.device is cpu"),
        ({"gpus": 64}, "compute.gpus is 64, more than a batch of 32 images has"),
    ],
)
def test_cards_without_pictures_are_refused(compute, sentence):
    raw = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    raw["compute"] |= compute
    with pytest.raises(UserError, match=sentence):
        check_config(raw)


def test_a_run_that_may_use_fewer_cards_than_a_training_wants_says_so():
    check_gpus(2, 2)
    with pytest.raises(UserError, match=r"asks for 4 GPUs .* may use 2; say --resources gpu=4"):
        check_gpus(4, 2)
