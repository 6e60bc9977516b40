"""MLflow's file store, written and read as the plain files that it is; MLflow itself is not needed.

A store is a folder of experiments, each with `meta.yaml` and a folder for each run: `meta.yaml`, and in `params`,
`metrics` and `tags` a file for each name, with its value or with lines of time in ms, value and step (MLflow 1 to 3,
`mlflow.store.tracking.file_store`).
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from abaw.comparison.runs import BENCHMARKS, KEPT, SCORES, Run
from abaw.comparison.tracking import Row, TrackedRun, check_number, rows_of
from abaw.running.errors import UserError

META = "meta.yaml"
EXPERIMENT = "abaw-flow"
COST = "cost/"
"""How the names of metrics begin that are costs."""
FINISHED, LOCAL = 3, 4
"""MLflow's numbers for a run that has ended well, and for one that no project has started."""


def write_store(runs: Sequence[Run], store: Path) -> None:
    """Write runs as one experiment of a new store, which takes the place of any that is there.

    A run's id follows from its rows and name, so the same run has the same one everywhere; configuration and scores are
    also artifacts.
    """
    beside = store.with_name(f".{store.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    experiment = str(int(_digest(EXPERIMENT)[:14], 16))
    location = (store.absolute() / experiment).as_uri()
    ended_ms = [_ended_ms(run) for run in runs]
    about: dict[str, Any] = {"experiment_id": experiment, "name": EXPERIMENT, "artifact_location": location}
    about |= {"lifecycle_stage": "active", "creation_time": min(ended_ms), "last_update_time": max(ended_ms)}
    _write_meta(beside / experiment, about)
    for run, ended in zip(runs, ended_ms, strict=True):
        _write_run(run, ended, beside / experiment, location)
    shutil.rmtree(store, ignore_errors=True)
    beside.replace(store)


def _write_run(run: Run, ended_ms: int, folder: Path, location: str) -> None:
    rows = rows_of(run)
    number = _digest(json.dumps([run.name, rows]))[:32]
    own = folder / number
    name = run.name if isinstance(run, TrackedRun) else run.folder.absolute().name
    about: dict[str, Any] = {"run_id": number, "run_uuid": number, "run_name": name, "experiment_id": folder.name}
    about |= {"artifact_uri": f"{location}/{number}/artifacts", "lifecycle_stage": "active", "deleted_time": None}
    about |= {
        "status": FINISHED,
        "start_time": _started_ms(run, ended_ms),
        "end_time": ended_ms,
        "user_id": "",
        "tags": [],
    }
    about |= {"source_type": LOCAL, "source_name": "", "source_version": "", "entry_point_name": ""}
    _write_meta(own, about)
    for kind, key, value in rows:
        if kind == "parameter":
            _write(own / "params" / key, value)
        else:
            _write(own / "metrics" / (key if kind == "metric" else COST + key), f"{ended_ms} {value} 0\n")
    tags = {"mlflow.runName": name, "mlflow.source.name": EXPERIMENT, "mlflow.source.type": "LOCAL"}
    for key, value in tags.items():
        _write(own / "tags" / key, value)
    (own / "artifacts").mkdir()
    for path in (run.folder / KEPT, run.folder / SCORES):
        if path.is_file():
            shutil.copyfile(path, own / "artifacts" / path.name)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _ended_ms(run: Run) -> int:
    """When its scores were written, or what it was read from."""
    path = run.folder if isinstance(run, TrackedRun) else run.folder / SCORES
    return int(path.stat().st_mtime * 1000)


def _started_ms(run: Run, ended_ms: int) -> int:
    """When its first job had ended, as far as that is known."""
    times = [path.stat().st_mtime * 1000 for path in (run.folder / BENCHMARKS).rglob("*.tsv")]
    return int(min(times, default=ended_ms))


def _write_meta(folder: Path, about: dict[str, Any]) -> None:
    _write(folder / META, yaml.safe_dump(about, default_flow_style=False, allow_unicode=True))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def runs_in(folder: Path) -> list[Path]:
    """The folders of the runs in a store or in one of its experiments, or the run itself; none elsewhere."""
    candidates = [folder / META, *folder.glob(f"*/{META}"), *folder.glob(f"*/*/{META}")]
    return sorted(path.parent for path in candidates if path.is_file() and "run_id" in _read_meta(path))


def read_run(folder: Path) -> Run:
    """A run of a store by its folder, with the last value of each metric; deleted ones as well.

    Raises `UserError` for a file that is not of MLflow's form.
    """
    about = _read_meta(folder / META)
    rows: list[Row] = [("parameter", _key(path, folder / "params"), _text(path)) for path in _files(folder / "params")]
    for path in _files(folder / "metrics"):
        key, value = _key(path, folder / "metrics"), _last(path)
        cost = key.startswith(COST) and key.count("/") > 1
        rows.append(("cost", key.removeprefix(COST), value) if cost else ("metric", key, value))
    return TrackedRun(str(about.get("run_name") or about["run_id"]), folder, tuple(rows))


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no {META} of MLflow: {str(error).splitlines()[0]}") from None
    return found if isinstance(found, dict) else {}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _key(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _last(path: Path) -> str:
    """The value of a metric at its last step, and of several at one step the latest."""
    found = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        words = line.split()
        where = f"{path}, line {number}"
        if len(words) not in (2, 3, 5):
            raise UserError(
                f"{where} has {len(words)} words, expected a time in ms, a value and a step, as MLflow writes"
            )
        step = words[2] if len(words) > 2 else "0"
        for word in (words[0], words[1], step):
            check_number(word, where)
        found.append((int(float(step)), int(float(words[0])), float(words[1]), words[1]))
    if not found:
        raise UserError(f"{path} is empty, expected a value of the metric on each line, as MLflow writes")
    return max(found, key=lambda one: one[:3])[3]
