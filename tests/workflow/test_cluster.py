"""What can be said of the cluster's profile, its environments and its container without a cluster."""

import os
import re
import stat
from pathlib import Path

import pytest
import yaml
from runs import SHRUNKEN, copy_tree, pins_of, snakemake

from abaw.running.errors import UserError
from abaw.running.machine import has_gpu
from abaw.running.slurm import JOB_PREFIX, check_none_left, jobs_left

ROOT = Path(__file__).resolve().parents[2]
RULES = {
    name: body
    for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for name, body in re.findall(
        r"^ *rule (\w+):\n(.*?)(?=^ *rule \w+:|\Z)", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
}


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / "workflow/profiles" / name / "profile.yaml").read_text(encoding="utf-8"))


def test_the_cluster_keeps_the_settings_of_the_default_profile():
    own = {"resources"}  # the memory and the GPUs of one machine
    assert {name: value for name, value in profile("default").items() if name not in own}.items() <= profile(
        "slurm"
    ).items()


def test_the_profile_names_rules_that_exist():
    slurm = profile("slurm")
    assert set(slurm["groups"]) | set(slurm["set-resources"]) <= set(RULES)
    assert set(slurm["group-components"]) <= set(slurm["groups"].values())
    assert f"{slurm['slurm-jobname-prefix']}_" == JOB_PREFIX


def test_networks_are_trained_on_a_gpu_and_no_job_that_others_share_asks_for_one():
    slurm = profile("slurm")
    on_gpu = {name for name, body in RULES.items() if re.search("gpu=(NETWORK|PICTURE)_GPUS", body)}
    on_cpu = {name for name in RULES if name.startswith("train_")} - on_gpu
    assert on_cpu == {"train_functional", "train_voice_functional"}
    assert set(slurm["set-resources"]) == on_gpu
    for name in on_gpu:
        assert slurm["set-resources"][name] == {"slurm_partition": "gpu"}
        assert name not in slurm["groups"]
        assert "compute=compute_on(CONFIG.compute.device)" in RULES[name]


@pytest.mark.workflow
def test_a_training_on_pictures_asks_for_its_cards_and_is_started_on_each(tmp_path):
    folder = copy_tree(tmp_path / "flow")
    wanted = ["-n", "-p", *SHRUNKEN, "--cores", "2", "--config"]
    said = snakemake(folder, *wanted, "compute={device: cuda, gpus: 2, compile: true}", "--resources", "gpu=2")
    jobs = dict(re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", said, re.MULTILINE | re.DOTALL))
    assert re.search(r"^    resources: .*\bgpu=2\b", jobs["train_static"], re.MULTILINE)
    assert "-m abaw.commands.cards 2 workflow/scripts/static/train_static.py " in jobs["train_static"]
    assert " --compile " in jobs["train_static"]
    assert re.search(r"^    resources: .*\bgpu=1\b", jobs["train_dynamic"], re.MULTILINE)
    assert not re.search("abaw.commands.cards|--compile", jobs["train_dynamic"] + jobs["train_acoustic"])
    if not has_gpu():
        said = snakemake(folder, *wanted, "compute={device: auto, compile: true}", check=False)
        assert "compute.compile is true, but there is no GPU here" in said
        assert "Traceback" not in said


@pytest.mark.parametrize("name", RULES)
def test_a_job_takes_a_gpu_where_it_has_asked_for_one_and_else_computes_on_the_cpu(name):
    body = RULES[name]
    assert ("take_gpu {resources.gpu}; python" in body) == ("gpu=" in body)
    if "gpu=" not in body:
        assert set(re.findall(r"compute=(.*),", body)) <= {'compute_on("cpu")'}


@pytest.mark.parametrize("name", RULES)
def test_partitions_and_accounts_are_in_the_profile_only_and_limits_grow_where_they_were_too_low(name):
    assert "slurm_" not in RULES[name]
    assert "mem_mb=memory_mb(" in RULES[name]
    assert "runtime=minutes(" in RULES[name]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_has_an_environment_that_exists(name):
    [file] = re.findall(r"conda:\s+\"../../(.*?)\"", RULES[name])
    assert (ROOT / file).is_file()


@pytest.mark.parametrize(("name", "lock"), [("main", "requirements.lock"), ("spleeter", "requirements-spleeter.lock")])
def test_the_environments_pin_what_their_lock_pins(name, lock):
    pins = pins_of(ROOT / "envs" / f"{name}.yaml")
    lines = (line.split("#")[0].strip() for line in (ROOT / lock).read_text(encoding="utf-8").splitlines())
    assert pins == [line for line in lines if line]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)


def test_the_container_installs_the_same_lock_for_the_same_python():
    definition = (ROOT / "envs" / "main.def").read_text(encoding="utf-8")
    [base] = re.findall(r"^From: \S+:(\S+)$", definition, re.MULTILINE)
    assert re.fullmatch(r"[\d.]+-slim", base), "a tag that stays what it is"
    assert "requirements.lock /opt/requirements.lock" in definition
    assert "pip install --no-cache-dir --disable-pip-version-check --no-deps -r /opt/requirements.lock" in definition
    environment = yaml.safe_load((ROOT / "envs" / "main.yaml").read_text(encoding="utf-8"))
    assert set(re.findall(r"python(3\.\d+)", definition)) == {environment["dependencies"][0].removeprefix("python=")}
    assert "apptainer build envs/main.sif envs/main.def" in definition
    assert 'container: "envs/main.sif"' in (ROOT / "Snakefile").read_text(encoding="utf-8")


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A squeue that says what it is told, in the form of the real one, which tests/slurm asks."""

    def answers(text: str) -> None:
        program = tmp_path / "bin" / "squeue"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n", encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return answers


def test_jobs_that_a_killed_run_has_left_in_this_folder_are_named(queue, tmp_path):
    here = tmp_path / "a|b"
    here.mkdir()
    queue(
        f"11|{JOB_PREFIX}0a-1|{here}\n12_[3-4]|{JOB_PREFIX}0a-1|{here}/\n"
        f"13|{JOB_PREFIX}0a-2|{tmp_path}\n14|my_own_job|{here}"
    )
    assert jobs_left(here) == ["11", "12_[3-4]"]
    with pytest.raises(UserError, match=r"\(2 of them\); .* scancel 11 12_\[3-4\]$"):
        check_none_left(here)


def test_without_slurm_there_is_nothing_left(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert jobs_left(tmp_path) == []
    check_none_left(tmp_path)
