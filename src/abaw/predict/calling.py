"""Running the workflow from outside of it: a folder of videos, or one video as a pandas DataFrame."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

import abaw
from abaw.bundle.words import in_words
from abaw.config import check_config
from abaw.config.predict import Also, Subjects
from abaw.predict.films import OF_RESULTS, RESERVED, Films, find_films
from abaw.predict.plan import Plan, plan_prediction
from abaw.predict.progress import Progress
from abaw.running.children import end_with_parent
from abaw.running.errors import UserError
from abaw.running.files import whole_file, whole_path
from abaw.running.machine import usable_cores

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(abaw.__file__).resolve().parents[2]
HIDDEN = ".abaw"
"""The folder beside the results that holds what the stages make, so that the same command goes on."""


def predict_file(
    video: str | os.PathLike[str],
    *,
    bundle: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    fps: float | None = None,
    from_s: float = 0.0,
    to_s: float | None = None,
    detect_every_s: float | None = 0.6,
    mouths_hz: float | None = 10.0,
    subjects: Subjects = "all",
    recogniser: str | None = None,
    same_person: float = 0.363,
    also: Sequence[Also] = (),
    cores: int | None = None,
) -> "pd.DataFrame":
    """What the people in one video express: the table `people` as a DataFrame, a row for every frame and subject.

    `bundle` is a folder or a zip, or the one that the repository carries; the other settings are the keys of `predict`
    in the configuration. Results go to `out`, where the same call finds them again, and where what is made `also` lies,
    or to a folder that is removed. Raises `UserError` where the video cannot be read or the bundle cannot be used.
    """
    path = whole_path(video)
    if not path.is_file():
        raise UserError(f"there is no video {path}; check the folder and the name")
    settings: dict[str, Any] = {"fps": fps, "from_s": float(from_s), "to_s": to_s, "detect_every_s": detect_every_s}
    settings |= {"mouths_hz": mouths_hz, "subjects": subjects, "recogniser": recogniser, "same_person": same_person}
    settings |= {"also": list(also)}
    with TemporaryDirectory(prefix="abaw.") as folder:
        results = whole_path(folder if out is None else out)
        predict_folder(path, results, bundle, settings, cores)
        for row in failed_videos(results):
            raise UserError(row["reason"])
        [film] = find_films(path).paths
        import pandas as pd  # only here: a workflow's job needs none of it

        return pd.read_parquet(results / film / "frames.parquet")


def predict_folder(
    videos: Path,
    out: Path,
    bundle: str | os.PathLike[str] | None,
    settings: Mapping[str, Any],
    cores: int | None,
) -> None:
    """Predict all videos of a folder into `out`; called again, it goes on where it stopped.

    `settings` are keys of `predict` beside those that are arguments. Without a `bundle` the one that the repository
    carries is taken, and what it knows is said first. Raises `UserError` with a sentence for each job that failed; the
    other videos are done all the same.
    """
    if cores is not None and cores < 1:
        raise UserError(f"cores is {cores}, expected a whole number from 1 on, or None for all of them")
    out = whole_path(out)
    section = {
        **settings,
        "videos": str(whole_path(videos)),
        "bundle": None if bundle is None else str(whole_path(bundle)),
        "out": str(out),
    }
    plan = _plan(section)  # before anything is said or written
    refuse_strangers(out, plan.films)
    if bundle is None:
        print(in_words(plan.bundle), file=sys.stderr)
    folder = out / HIDDEN
    with whole_file(folder / "predict.json") as beside:
        beside.write_text(json.dumps({"predict": section}, indent=2) + "\n", encoding="utf-8")
    files = [str(root() / "config" / "config.yaml"), str(folder / "predict.json")]
    run_workflow(["predict", "--configfile", *files, "--keep-going"], folder, cores)


def refuse_strangers(out: Path, films: Films) -> None:
    """Raise `UserError` where something lies in the place of results that no run has made: it would be overwritten."""
    begun = out / HIDDEN / "results" / "films" / "digests"
    strange = [] if _is_ours(out) else [out / name for name in sorted(RESERVED) if (out / name).exists()]
    for film in films.paths:
        there = _inside(out / film)
        if not (begun / f"{film}.sha256").exists() and not {path.name for path in there} >= OF_RESULTS:
            strange += there
    if strange:
        raise UserError(
            f"{strange[0]} is there already and of no run that wrote to {out}, results would take its place; give "
            "another folder (--out), or move it away"
        )


def _is_ours(out: Path) -> bool:
    """Whether a run has written to the folder, though what its stages make may be gone."""
    listed = out / "failed.csv"
    return (out / HIDDEN).is_dir() or (listed.is_file() and listed.read_bytes().startswith(b"video,path,reason\n"))


def _inside(folder: Path) -> list[Path]:
    """What lies in a folder, or in its place."""
    if folder.is_dir():
        return sorted(folder.iterdir())
    return [folder] if folder.exists() else []


def _plan(section: Mapping[str, Any]) -> Plan:
    """What the workflow will do by these keys of `predict`; `UserError` where it would refuse them as it starts."""
    values = yaml.safe_load((root() / "config" / "config.yaml").read_text(encoding="utf-8"))
    config = check_config(values | {"predict": values["predict"] | section})
    plan = plan_prediction(config.predict, with_probe=False)
    assert plan is not None  # the videos are named
    return plan


def failed_videos(out: Path) -> list[dict[str, str]]:
    """The videos that could not be read: `video`, `path` and `reason` of each."""
    with (out / "failed.csv").open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def root() -> Path:
    """The folder of the workflow; `UserError` where the package is installed without it."""
    if not (ROOT / "Snakefile").is_file():
        raise UserError(
            f"the workflow is not beside the package ({ROOT} has no Snakefile); install abaw-flow from a clone of its "
            "repository with `make setup`, or `pip install -e .`"
        )
    return ROOT


def run_workflow(arguments: Sequence[str], folder: Path, cores: int | None) -> None:
    """Run the workflow in a folder and show how far it is; `UserError` with what its jobs said where some failed.

    A profile that the user has for other workflows is not heeded: it might send the jobs elsewhere.
    """
    count = usable_cores() if cores is None else cores
    # -P: nothing is imported from the folder where the user is, such as one of videos from elsewhere
    command = [sys.executable, "-P", "-m", "snakemake", *arguments, "--snakefile", str(root() / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(count)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with (
        subprocess.Popen(
            command,
            env={name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"} | {"PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            preexec_fn=end_with_parent,  # or Snakemake, which nobody hears any more, would go on
        ) as process,
        Progress() as progress,
    ):
        assert process.stderr is not None
        try:
            for line in process.stderr:
                progress.hear(line.rstrip("\n"))
        except KeyboardInterrupt:
            process.communicate()  # the terminal has told it, too: it ends its jobs and removes what is half written
            raise UserError("stopped; the same command goes on from here") from None
    if process.returncode:
        raise UserError("\n".join(progress.sentences(folder)))
