"""What each part of config/affwild2_best.yaml gains over the paper's way, one at a time: an ablation over seeds.

    python benchmarks/beyond.py
    python benchmarks/beyond.py --seeds 2024 1 --parts smoothing class_bias --cores 2
    python benchmarks/beyond.py --configfile config/standin.yaml
    python benchmarks/beyond.py --minutes 0

A finished run is read (--results): its videos, faces, voices, frame-level models, embeddings and kernel ELMs stay as
they are, for neither a part nor a seed changes them. For each seed the networks after the embeddings are trained once
the paper's way, and once with each part that changes networks: those that it changes, of the system in which it is
scored, and no others. What comes after the networks is no training: filters, weights and biases of all parts are fitted
in one process to what the networks of the paper's way say of validation. A part is some keys of the preset, with its
values; what the run's corpus cannot have (other backbones and encoders, pre-training, folds) is no part. Crops at
several scales train the frame-level model anew, so they are a part only if they are named, and so are windows that are
longer than a third of the longest video. Of several normalisers, which no part is about, the transformer has the last,
in all.

A system that stays the same is scored on validation with a part off and on: `fitted`, as its epochs, weights, filters
and biases were chosen there, and `nested`, chosen anew without each fold of its videos (docs/report.md). Only the
second is quoted as a gain. `preset` is all parts together and all models, beside the paper's third system.

What is finished is kept in --folder (cells.json, and table.md to read), so the same command goes on where it stopped or
was killed; after --minutes no further training begins, and with 0 what is there is printed. The last line printed is a
JSON object: for each challenge and part `off` and `on`, nested, and `gain`, nested, and `fitted_gain`, each a mean over
the seeds of which both are there with the lowest and the highest, and `helps`, with how many of them; under `paired`
the gain of the preset in each challenge, with an interval from drawing the videos anew; `seeds`, those in which nothing
is missing, `minutes` of the clock and `processor_minutes`.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

os.environ.setdefault("OMP_NUM_THREADS", "1")  # each core has a process

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from beyond_figures import Cells, figures, table  # noqa: E402  (the folders need not be installed)
from beyond_judging import Asked, judge  # noqa: E402
from beyond_parts import OFF, PARTS, QUICK, Setting, setting_of  # noqa: E402
from runs import command, copy_tree, environment  # noqa: E402

from abaw.config import check_config  # noqa: E402
from abaw.fusion.candidates import Candidates  # noqa: E402
from abaw.report.scores import Resampling  # noqa: E402
from abaw.running.files import whole_file  # noqa: E402

KEPT = (
    *("demo", "standin", "corpus", "weights", "pretraining", "faces", "speech", "static", "embeddings"),
    *("functional", "voice_functional"),
)
"""Folders of results that no seed and no part changes. Embeddings of the voice are an acoustic model's: made anew."""


def snakemake(folder: Path, config: Mapping[str, Any], cores: int, *arguments: str) -> None:
    """Run the workflow in a folder with a whole configuration; exit with what it said last where it fails."""
    # config.yaml's own systems, where nothing stands in their place, may have models that this configuration has not.
    one, *_ = config["systems"].values()
    systems = (
        dict.fromkeys(yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["systems"], one)
        | config["systems"]
    )
    (folder / "cell.json").write_text(json.dumps({**config, "systems": systems}), encoding="utf-8")
    call = command("--cores", str(cores), "--configfile", "cell.json", "--quiet", "all", *arguments)
    with (folder / "said.log").open("w") as said:
        done = subprocess.run(call, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    if done.returncode:
        sys.exit(f"{folder} has failed, and is left as it is:\n{(folder / 'said.log').read_text()[-3000:]}")


def begin(folder: Path, results: Path, setting: Setting, seed: int) -> None:
    """A project in which everything up to the embeddings is done, whatever the seed, and kernel ELMs after them."""
    if (folder / "begun").is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    copy_tree(folder)
    shared = ROOT.parent / "shared"
    if shared.is_dir() and not (folder.parent / "shared").exists():
        (folder.parent / "shared").symlink_to(shared)
    for name in KEPT:
        if (results / name).is_dir():
            shutil.copytree(results / name, folder / "results" / name, ignore=shutil.ignore_patterns("acoustic"))
    made = [f"results/{path}" for path in wanted(folder / "results", setting)]
    snakemake(folder, setting.config(OFF, seed), 1, "--touch", "--", *made)
    (folder / "begun").touch()


def wanted(results: Path, setting: Setting) -> list[str]:
    """The files that later stages read, of which none is made anew."""
    folders, backbones = ["speech/vocals", "speech/voiced"], check_config(setting.base).static.backbones
    for task in setting.tasks:
        folders += [f"embeddings/{task}/{getattr(backbones, task).folder}"]
        folders += [f"functional/{task}", f"voice_functional/{task}", f"voice_functional/{task}/statistics"]
        folders += [f"corpus/{task}/{split}" for split in ("train", "val", "test")]
    found = sorted(str(path.relative_to(results)) for name in folders for path in (results / name).glob("*.*"))
    if not any(name.startswith("embeddings/") for name in found):
        sys.exit(f"{results} has no embeddings; let a run of the same configuration finish there, such as `make demo`")
    return found


def copy_run(source: Path, target: Path) -> None:
    """A finished run in another folder. Results are linked, for jobs replace them whole; records are copied."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("results", "logs"), symlinks=True)
    shutil.copytree(source / "results", target / "results", copy_function=os.link)


def train(folder: Path, setting: Setting, cell: str, seed: int, cores: int) -> None:
    """Train the models of the systems that a cell is scored by, as far as they are not there."""
    config = setting.config(cell, seed)
    snakemake(folder, config, cores, *asked_for(setting, cell, config))


def asked_for(setting: Setting, cell: str, config: Mapping[str, Any]) -> list[str]:
    """What Snakemake is asked for in a cell: the candidates of its models.

    What `begin` took from elsewhere has no record, so Snakemake is told if a setting of the frame-level model differs.
    """
    candidates = Candidates(check_config(config))
    paths = [path for task in setting.tasks_of(cell) for path in candidates.of_task(task)]
    return [*(["--forcerun", "train_static"] if setting.trains_faces(cell) else []), "--", *paths]


def run_seed(place: Path, results: Path, setting: Setting, seed: int, cores: int, cells: Cells, until: float) -> None:
    """All cells of a seed that are not there yet: the paper's way first, and each other training in a copy of that."""
    missing = [cell for cell in setting.cells if cells.get(cell, seed, setting.config(cell, seed)) is None]
    read_off = [cell for cell in missing if cell in setting.parts and not PARTS[cell].trains]
    resampling = Resampling(setting.base["scoring"]["resamples"], setting.base["seed"])  # the same draws for all seeds
    # Without the paper's way no part can begin, and the preset is compared with what it says.
    for cell in dict.fromkeys([OFF, *missing] if missing else []):
        if cell in read_off:
            continue
        if time.monotonic() >= until:
            return
        began, folder = spent(), place / cell
        if cell == OFF:
            begin(folder, results, setting, seed)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            copy_run(place / OFF, folder)
        train(folder, setting, cell, seed, cores)
        names = [OFF, *read_off] if cell == OFF else [cell]
        asked = [Asked(name, setting.config(name, seed), setting.tasks_of(name)) for name in names]
        found = judge(folder, asked, setting.tasks_of(cell), place, resampling, cores)
        cost = {key: round(now - began[key], 1) for key, now in spent().items()}  # all of what was judged together
        for name, own in found.items():
            cells.put(name, seed, setting.config(name, seed), own | (cost if name == cell else {}))
        said = f"{cost['seconds']:.0f} s, {cost['cpu_s']:.0f} s of processor"
        print(f"seed {seed}, {', '.join(names)}: {said}", flush=True)
        if cell != OFF:
            shutil.rmtree(folder)
    shutil.rmtree(place, ignore_errors=True)


def spent() -> dict[str, float]:
    """The clock, and what this process and all that it has waited for have had of the processor, in seconds."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {"seconds": time.monotonic(), "cpu_s": sum(one.ru_utime + one.ru_stime for one in used)}


def keep_table(folder: Path, found: Mapping[str, Any], tasks: Sequence[str]) -> None:
    """What there is so far, to read."""
    with whole_file(folder / "table.md") as beside:
        beside.write_text(table(found, tasks), encoding="utf-8")


def main() -> None:
    """Run what is missing, seed by seed, and print the figures after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2024, 1, 2, 3, 4])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), help="those that the corpus can have, if none")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="of a finished run; only read")
    parser.add_argument("--configfile", type=Path, nargs="*", default=[], help="of that run; none for the default")
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "beyond", help="where to work")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no training begins later than this")
    args = parser.parse_args()

    until = time.monotonic() + 60 * args.minutes
    setting = setting_of(args.configfile, args.parts)
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    cells = Cells(folder / "cells.json")
    for left_out in (name for name in args.parts or QUICK if name not in setting.parts):
        print(f"{left_out} is no part of this configuration, and is left out")
    for seed in args.seeds:
        place = folder / f"seed{seed}"
        run_seed(place, args.results.resolve(), setting, seed, args.cores, cells, until)
        found = figures(setting, args.seeds, cells)
        keep_table(folder, found, setting.tasks)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
