"""Runs by where they are: folders in which one has finished, CSV files in long form, and MLflow's file stores."""

from collections.abc import Sequence
from pathlib import Path

from abaw.comparison.mlflow import META, read_run, runs_in
from abaw.comparison.runs import KEPT, SCORES, Run
from abaw.comparison.tracking import TrackedRun, read_tracked
from abaw.running.errors import UserError


def open_runs(places: Sequence[str], least: int = 2) -> list[Run]:
    """The runs in these folders, or whose folders of results these are; all those of a CSV or of a store of MLflow.

    Raises `UserError` where one has no scores, where one stands there twice, and where there are fewer than `least`.
    """
    runs: list[Run] = []
    for place in places:
        found = _opened(place)
        for run in found:
            if not isinstance(run, TrackedRun) and run.folder.resolve() in [other.folder.resolve() for other in runs]:
                raise UserError(f"runs has {place} twice, expected each folder once")
        runs += found
    if len(runs) < least:
        raise UserError(
            f"runs has {len(runs)} folders, expected two or more in which a run has finished, such as "
            "--config 'runs=[a, b]'"
        )
    return _with_names_of_their_own(runs)


def _opened(place: str) -> list[Run]:
    path = Path(place)
    if path.is_file() and path.suffix == ".csv":
        return read_tracked(path)
    folder = path.parent if _is_results(path) else path
    if (folder / SCORES).is_file():
        return [Run(place, folder)]
    if found := runs_in(path):
        return [read_run(one) for one in found]
    raise UserError(
        f"{place} has no {SCORES}, and is no CSV and no store of MLflow either; let its run finish, or leave it out of "
        "runs"
    )


def _is_results(folder: Path) -> bool:
    return not (folder / SCORES).is_file() and (folder.parent / SCORES).is_file() and folder.name == "results"


def _with_names_of_their_own(runs: Sequence[Run]) -> list[Run]:
    """The runs, those with a name that another has had before with a number behind it."""
    taken: set[str] = set()
    found: list[Run] = []
    for run in runs:
        name, number = run.name, 2
        while name in taken:
            name, number = f"{run.name} ({number})", number + 1
        taken.add(name)
        renamed = TrackedRun(name, run.folder, run.rows) if isinstance(run, TrackedRun) else Run(name, run.folder)
        found.append(renamed)
    return found


def files_of(places: Sequence[str], least: int = 2) -> list[str]:
    """The files that tell whether a run is another one; errors as in `open_runs`."""
    found = []
    for run in open_runs(places, least):
        own = [run.folder / SCORES, run.folder / KEPT, *run.together.values()]
        if isinstance(run, TrackedRun):
            own = [run.folder, run.folder / META]
        found += [str(path) for path in own if path.is_file()]
    return list(dict.fromkeys(found))
