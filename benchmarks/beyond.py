"""What each part of config/affwild2_best.yaml gains over the paper's way, one at a time: an ablation over seeds.

    python benchmarks/beyond.py
    python benchmarks/beyond.py --seeds 2024 1 --parts smoothing class_bias --cores 2
    python benchmarks/beyond.py --configfile config/standin.yaml

A finished run is read (--results): its videos, faces, voices, frame-level models and embeddings stay as they are, and
everything after the embeddings is trained and fitted anew for each seed, once the paper's way and once with each part.
A part is some keys of the preset, with its values; what the run's corpus cannot have (other backbones and encoders,
pre-training, folds) is no part. Snakemake runs what depends on those keys and nothing else. Crops at several scales
train the frame-level model anew, so they are a part only if they are named.

A system that stays the same is scored on validation with a part off and on: `fitted`, as its weights, filters and
biases were chosen there, and `nested`, chosen anew without each fold of its videos (docs/report.md). Only the second is
quoted as a gain. `preset` is all parts together and all models, beside the paper's third system.

Finished cells are kept in --folder (cells.json), so the same command goes on where it stopped. The last line printed is
a JSON object: for each challenge and part `off` and `on`, nested, and `gain`, nested, and `fitted_gain`, each a mean
over the seeds with the lowest and the highest, and `helps`, with how many seeds; under `paired` the gain of the preset
in each challenge, with an interval from drawing the videos anew; `seeds`, and `minutes` of the clock.
"""

import argparse
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from snakemake.utils import update_config

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from runs import command, copy_tree, environment  # noqa: E402  (the folders need not be installed)

from abaw.comparison.runs import Run, drawn_scores  # noqa: E402
from abaw.config import check_config  # noqa: E402
from abaw.report.bootstrap import INTERVAL  # noqa: E402
from abaw.report.scores import Resampling  # noqa: E402
from abaw.running.files import whole_file  # noqa: E402
from abaw.tables.arrays import KEYS, matrix  # noqa: E402
from abaw.tables.files import read_table  # noqa: E402
from abaw.tables.schemas import frames  # noqa: E402
from abaw.tasks import TASKS, TaskName  # noqa: E402

OFF, ALL = "off", "preset"
KEPT = ("demo", "standin", "corpus", "weights", "pretraining", "faces", "speech", "static", "embeddings")
"""Folders of results before and with the embeddings; those of the voice are an acoustic model's, and made anew."""
STATISTICS = "voice_functional/{task}/statistics"
ATTENTION, PAPER, WHOLE = "system_1", "system_3", "system_4"


@dataclass(frozen=True)
class Part:
    """Keys of the preset, dots between the sections, and the system that is scored without and with them.

    Some change nothing of valence and arousal. `also` are keys that have the value of the first one; a part with such
    ones trains the frame-level model anew, which takes longer than all others together.
    """

    keys: tuple[str, ...]
    system: str = PAPER
    tasks: tuple[TaskName, ...] = ("va", "expr")
    also: tuple[str, ...] = ()


PARTS = {
    "smoothing": Part(("timeline",)),
    "refine": Part(("fusion.dirichlet.candidates", "fusion.dirichlet.search")),
    "logits": Part(("fusion.dirichlet.combined",), tasks=("expr",)),
    "class_bias": Part(("fusion.calibration",), tasks=("expr",)),
    "average": Part(tuple(f"{name}.network.training.ema_decay" for name in ("dynamic", "acoustic", "attention"))),
    "focal": Part(("dynamic.network.expression_loss", "attention.network.expression_loss"), tasks=("expr",)),
    "label_smoothing": Part(("dynamic.network.label_smoothing", "attention.network.label_smoothing"), tasks=("expr",)),
    "modality_dropout": Part(("attention.network.modality_dropout",), ATTENTION),
    "windows": Part(
        ("dynamic.sweep.windows_s", "dynamic.network.overlap", "attention.window_s", "attention.network.overlap")
    ),
    "layers": Part(("dynamic.network.layers",)),
    "crop_scales": Part(("static.backbones.expr.crop_scales",), also=("static.backbones.va.crop_scales",)),
}
QUICK = [name for name, part in PARTS.items() if not part.also]


@dataclass(frozen=True)
class Setting:
    """What a corpus can have: its configuration with the systems that are compared, its challenges, and its parts."""

    base: dict[str, Any]
    tasks: list[TaskName]
    parts: dict[str, dict[str, Any]]

    def config(self, cell: str, seed: int) -> dict[str, Any]:
        """The whole configuration of a cell: nothing of the preset, one part of it, or all."""
        asked = self.parts.values() if cell == ALL else [self.parts[cell]] if cell in self.parts else []
        return merged(self.base, {"seed": seed}, *asked)

    def tasks_of(self, cell: str) -> list[TaskName]:
        """The challenges in which a cell may differ."""
        return [task for task in self.tasks if cell not in PARTS or task in PARTS[cell].tasks]

    @property
    def has_attention(self) -> bool:
        """Whether there is a model of attention, which the preset has beside the paper's systems."""
        return bool(self.base["attention"]["mechanisms"])


def merged(base: Mapping[str, Any], *over: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with others over it."""
    found = deepcopy(dict(base))
    for one in over:
        update_config(found, deepcopy(dict(one)))
    return found


def setting_of(configfiles: Sequence[Path], asked: Sequence[str]) -> Setting:
    """What the configuration of a finished run can have of the preset; parts that change nothing of it are left out."""
    default, best, *own = (
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (ROOT / "config/config.yaml", ROOT / "config/affwild2_best.yaml", *configfiles)
    )
    base = merged(default, *own)
    attention = bool(base["attention"]["mechanisms"])
    base["attention"]["mechanisms"] = ["cross"] if attention else []
    base["systems"] = systems_of(base["acoustic"]["enabled"], attention)
    parts = {}
    for name in asked:
        if PARTS[name].system == ATTENTION and not attention:
            continue
        if PARTS[name].also and any(base["pretraining"]["roots"].values()):
            continue  # it would pre-train anew as well
        over: dict[str, Any] = {}
        values = {key: reduce(lambda inside, word: inside[word], key.split("."), best) for key in PARTS[name].keys}
        values |= dict.fromkeys(PARTS[name].also, values[PARTS[name].keys[0]])
        for key, value in values.items():
            update_config(over, nested(key, value))
        if merged(base, over) != base:
            parts[name] = over
    return Setting(base, list(base["bundle"]["tasks"]), parts)


def nested(key: str, value: object) -> dict[str, Any]:
    """A value under a key with dots between the sections."""
    return reduce(lambda inside, word: {word: inside}, reversed(key.split(".")), value)  # type: ignore[return-value]


def systems_of(has_acoustic: bool, has_attention: bool) -> dict[str, dict[str, Any]]:
    """The paper's systems 2 and 3, attention alone where there is any, and the preset's, with all models."""
    speech = "acoustic" if has_acoustic else "voice_functional"
    paper = ["visual", speech, "functional"]
    whole = [*dict.fromkeys([*paper, *(["cross_attention"] if has_attention else []), "voice_functional"])]
    alone = {"models": ["cross_attention" if has_attention else "visual"], "fusion": "none"}
    several = {
        "system_2": {"models": paper[:2], "fusion": "dirichlet"},
        PAPER: {"models": paper, "fusion": "dirichlet"},
        WHOLE: {"models": whole, "fusion": "dirichlet"},
    }
    return {name: own | {"title": name} for name, own in {ATTENTION: alone, **several}.items()}


class Cells:
    """What has been scored, in a file: by part and seed, as long as the configuration of the cell is the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def get(self, cell: str, seed: int, config: Mapping[str, Any]) -> dict[str, Any] | None:
        """The scores of a cell, if they are there."""
        known = self._found.get(f"{cell}/{seed}")
        return known["found"] if known and known["config"] == self._digest(config) else None

    def put(self, cell: str, seed: int, config: Mapping[str, Any], found: dict[str, Any]) -> None:
        """Keep the scores of a cell."""
        self._found[f"{cell}/{seed}"] = {"config": self._digest(config), "found": found}
        with whole_file(self._path) as beside:
            beside.write_text(json.dumps(self._found, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @staticmethod
    def _digest(config: Mapping[str, Any]) -> str:
        return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def snakemake(folder: Path, config: Mapping[str, Any], cores: int, *arguments: str) -> None:
    """Run the workflow in a folder with a whole configuration; exit with what it said last where it fails."""
    (folder / "cell.json").write_text(json.dumps(config), encoding="utf-8")
    call = command("--cores", str(cores), "--configfile", "cell.json", "--quiet", "all", *arguments)
    with (folder / "said.log").open("w") as said:
        done = subprocess.run(call, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    if done.returncode:
        sys.exit(f"{folder} has failed, and is left as it is:\n{(folder / 'said.log').read_text()[-3000:]}")


def begin(folder: Path, results: Path, setting: Setting, seed: int) -> None:
    """A project in which everything up to the embeddings is done, whatever the seed, and nothing after them."""
    if (folder / "begun").is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    copy_tree(folder)
    shared = ROOT.parent / "shared"
    if shared.is_dir() and not (folder.parent / "shared").exists():
        (folder.parent / "shared").symlink_to(shared)
    for name in [*KEPT, *(STATISTICS.format(task=task) for task in setting.tasks)]:
        if (results / name).is_dir():
            shutil.copytree(results / name, folder / "results" / name, ignore=shutil.ignore_patterns("acoustic"))
    made = [f"results/{path}" for path in wanted(folder / "results", setting)]
    snakemake(folder, setting.config(OFF, seed), 1, "--touch", "--", *made)
    (folder / "begun").touch()


def wanted(results: Path, setting: Setting) -> list[str]:
    """The files that later stages read, of which none is made anew."""
    folders, backbones = ["speech/vocals", "speech/voiced"], check_config(setting.base).static.backbones
    for task in setting.tasks:
        folders += [f"embeddings/{task}/{getattr(backbones, task).folder}", STATISTICS.format(task=task)]
        folders += [f"corpus/{task}/{split}" for split in ("train", "val", "test")]
    found = sorted(str(path.relative_to(results)) for name in folders for path in (results / name).glob("*.*"))
    if not any(name.startswith("embeddings/") for name in found):
        sys.exit(f"{results} has no embeddings; let a run of the same configuration finish there, such as `make demo`")
    return found


def scored(folder: Path, tasks: Sequence[TaskName]) -> dict[str, dict[str, float]]:
    """The challenge measure on validation of every model, system and nested estimate, by challenge."""
    found: dict[str, dict[str, float]] = {}
    for task in tasks:
        with (folder / f"results/report/scores/{task}_val.csv").open(newline="", encoding="utf-8") as handle:
            rows = [row for row in csv.DictReader(handle) if row["measure"] == TASKS[task].challenge_measure]
        found[task] = {row["system"]: float(row["value"]) for row in rows}
    return found


def run_cell(folder: Path, setting: Setting, cell: str, seed: int, cores: int) -> dict[str, Any]:
    """Run a cell in its folder, and read its scores."""
    tasks = setting.tasks_of(cell)
    targets = [f"results/report/scores/{task}_val.csv" for task in tasks]
    snakemake(folder, setting.config(cell, seed), cores, "--", *targets)
    return {"scores": scored(folder, tasks)}


def run_seed(folder: Path, results: Path, setting: Setting, seed: int, cores: int, cells: Cells) -> None:
    """All cells of a seed that are not there yet: the paper's way first, and each part in a copy of that."""
    missing = [cell for cell in cells_of(setting) if cells.get(cell, seed, setting.config(cell, seed)) is None]
    if not missing:
        return
    plain = folder / f"seed{seed}" / "flow"
    begin(plain, results, setting, seed)
    for cell in dict.fromkeys([OFF, *missing]):  # without its files no part can begin
        began, place = time.monotonic(), plain
        if cell != OFF:
            place = plain.with_name(cell)
            shutil.rmtree(place, ignore_errors=True)
            copy_run(plain, place)
        found = run_cell(place, setting, cell, seed, cores)
        if cell == ALL:
            found["drawn"] = {task: drawn(plain, place, task, setting) for task in setting.tasks}
        seconds = time.monotonic() - began
        if cell in missing:
            cells.put(cell, seed, setting.config(cell, seed), found | {"seconds": round(seconds, 1)})
        print(f"seed {seed}, {cell}: {seconds:.0f} s", flush=True)
        if cell != OFF:
            shutil.rmtree(place)
    shutil.rmtree(plain.parent)


def copy_run(source: Path, target: Path) -> None:
    """A finished run in another folder. Results are linked, for jobs replace them whole; records are copied."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("results", "logs"), symlinks=True)
    shutil.copytree(source / "results", target / "results", copy_function=os.link)


def drawn(plain: Path, other: Path, task: TaskName, setting: Setting) -> list[float]:
    """What the preset gains over the paper's third system, both nested: as scored, and on each draw of the videos."""
    runs = [(Run(OFF, plain), PAPER), (Run(ALL, other), WHOLE)]
    tables = [read_table(frames(task), run.folder / f"results/nested/{task}/{name}.parquet") for run, name in runs]
    keys = tables[0].select(KEYS)
    if not tables[1].select(KEYS).equals(keys):
        sys.exit(f"{other} and {plain} have other rows of {task}")
    truth, videos = runs[0][0].truth(task, keys)
    resampling = Resampling(setting.base["scoring"]["resamples"], setting.base["seed"])
    outputs = [matrix(table, TASKS[task].outputs) for table in tables]
    first, second = drawn_scores(task, truth, outputs, videos, resampling)
    return [round(value, 6) for value in (second - first).tolist()]


def cells_of(setting: Setting) -> list[str]:
    """The names of all cells of a seed."""
    return [OFF, *setting.parts, ALL]


def spread(values: Sequence[float]) -> list[float]:
    """The mean, the lowest and the highest."""
    return [round(value, 4) for value in (sum(values) / len(values), min(values), max(values))]


def gain(off: Sequence[Mapping[str, float]], on: Sequence[Mapping[str, float]], before: str, after: str) -> Any:
    """Scores of a system without and with something, a mapping for each seed."""
    pairs = list(zip(off, on, strict=True))
    differences = [two[f"{after}_nested"] - one[f"{before}_nested"] for one, two in pairs]
    better = sum(value > 0 for value in differences)
    return {
        "off": spread([one[f"{before}_nested"] for one in off]),
        "on": spread([two[f"{after}_nested"] for two in on]),
        "gain": spread(differences),
        "fitted_gain": spread([two[after] - one[before] for one, two in pairs]),
        "helps": f"with {better} of {len(pairs)} seeds",
    }


def figures(setting: Setting, seeds: Sequence[int], cells: Cells) -> dict[str, Any]:
    """What is printed, of the seeds all of whose cells are there."""
    known = {cell: [cells.get(cell, seed, setting.config(cell, seed)) for seed in seeds] for cell in cells_of(setting)}
    done = [k for k in range(len(seeds)) if all(found[k] for found in known.values())]
    by_cell = {cell: [found[k] for k in done] for cell, found in known.items()}

    def of(cell: str, task: TaskName) -> list[Mapping[str, float]]:
        return [found["scores"][task] for found in by_cell[cell]]

    found: dict[str, Any] = {"paired": {}}
    for task in setting.tasks if done else []:
        own = {
            name: gain(of(OFF, task), of(name, task), PARTS[name].system, PARTS[name].system)
            for name in setting.parts
            if task in PARTS[name].tasks
        }
        if setting.base["systems"][WHOLE]["models"] != setting.base["systems"][PAPER]["models"]:
            own["models"] = gain(of(OFF, task), of(OFF, task), PAPER, WHOLE)
        found[task] = own | {ALL: gain(of(OFF, task), of(ALL, task), PAPER, WHOLE)}
        draws = np.mean([one["drawn"][task] for one in by_cell[ALL]], axis=0)
        tail = (1 - INTERVAL) / 2
        ends = np.quantile(draws[1:], [tail, 1 - tail]).tolist()
        found["paired"][task] = [round(value, 4) for value in (float(draws[0]), *ends)]
    seconds = sum(one["seconds"] for own in by_cell.values() for one in own)
    return found | {"seeds": len(done), "minutes": round(seconds / 60, 1)}


def main() -> None:
    """Run what is missing, seed by seed, and print the figures after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2024, 1, 2, 3, 4])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=QUICK)
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="of a finished run; only read")
    parser.add_argument("--configfile", type=Path, nargs="*", default=[], help="of that run; none for the default")
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "beyond", help="where to work")
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()

    setting = setting_of(args.configfile, args.parts)
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    cells = Cells(folder / "cells.json")
    for left_out in (name for name in args.parts if name not in setting.parts):
        print(f"{left_out} is no part of this configuration, and is left out")
    for number, seed in enumerate(args.seeds, start=1):
        run_seed(folder, args.results.resolve(), setting, seed, args.cores, cells)
        print(json.dumps(figures(setting, args.seeds[:number], cells)), flush=True)


if __name__ == "__main__":
    main()
