"""A bundle of a finished run says of the run's own test split what the run said, byte for byte."""

import shutil
import zipfile
from pathlib import Path

import pytest
from runs import SHRUNKEN, snakemake

from abaw.bundle.engine import Engine, Footage
from abaw.bundle.reading import unpack_bundle
from abaw.bundle.words import in_words
from abaw.config import ComputeConfig
from abaw.tables.files import read_table, read_tables
from abaw.tables.schemas import frames
from abaw.tasks import TASKS
from abaw.timeline.rows import rows_of

pytestmark = pytest.mark.workflow


ATTENTION = [f"results/frames/{task}/{name}_attention/test.parquet" for task in TASKS for name in ("self", "cross")]


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory) -> Path:
    """A copy of the finished run with its bundle, and with the test split by the models that no system has."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("bundled") / "flow", symlinks=True)
    snakemake(folder, "bundle", *ATTENTION, "--cores", "2", *SHRUNKEN)
    return folder


@pytest.fixture(scope="module")
def zipped(folder, tmp_path_factory) -> Path:
    """The bundle as a zip that lies elsewhere."""
    path = tmp_path_factory.mktemp("elsewhere") / "bundle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((folder / "results/bundle").rglob("*")):
            archive.write(file, file.relative_to(folder / "results/bundle"))
    return path


def footage_of(folder: Path, task: str) -> Footage:
    """The test split of a run."""
    tracks = read_table("tracks", folder / f"results/corpus/{task}/test/tracks.parquet")
    of_sample = dict(zip(tracks["sample"].to_pylist(), tracks["video"].to_pylist(), strict=True))
    videos = sorted(set(of_sample.values()))
    return Footage(
        rows_of(tracks),
        [folder / f"results/faces/{video}.parquet" for video in videos],
        {sample: folder / f"results/speech/vocals/{video}.flac" for sample, video in of_sample.items()},
        read_tables("voiced", [folder / f"results/speech/voiced/{video}.parquet" for video in videos]),
    )


def the_same(folder: Path, bundle: Path, task: str) -> dict[str, bool]:
    """Which systems and models of a bundle say of a run's test split what the run said."""
    engine = Engine(bundle, ComputeConfig(device="cpu", threads=1))
    known = engine.bundle.tasks[task]
    names = [*known.systems, *(name for name in known.models if name != "static")]
    said = engine.frames(task, names, footage_of(folder, task))
    written = {name: folder / f"results/frames/{task}/{name}/test.parquet" for name in known.models}
    for name, system in known.systems.items():
        alone = len(system.models) == 1
        written[name] = written[system.models[0]] if alone else folder / f"results/systems/{task}/{name}/test.parquet"
    found = {}
    for name, table in said.items():
        theirs = read_table(frames(task), written[name])
        found[name] = all(
            table[column].to_numpy().tobytes() == theirs[column].to_numpy().tobytes() for column in TASKS[task].outputs
        ) and table.select(["sample", "frame"]).equals(theirs.select(["sample", "frame"]))
    return found


@pytest.mark.parametrize("task", TASKS)
def test_a_bundle_predicts_the_test_split_byte_for_byte(folder, zipped, tmp_path, task):
    unpack_bundle(zipped, tmp_path / "here")
    found = the_same(folder, tmp_path / "here", task)
    assert set(found) >= {"system_1", "system_2", "system_3", "visual", "acoustic", "functional", "cross_attention"}
    assert all(found.values()), found


def test_its_words_say_what_it_knows_and_what_it_does_not(zipped, tmp_path):
    said = in_words(unpack_bundle(zipped, tmp_path))
    assert "Valence and arousal: system_" in said
    assert "Trained on the embedded corpus" in said
    assert "on which it was chosen, so rather too good" in said
    assert "Not in it: system_4" in said
