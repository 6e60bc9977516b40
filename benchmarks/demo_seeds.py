"""How far the scores of the embedded default differ from one seed of the trainings to another.

    python benchmarks/demo_seeds.py
    python benchmarks/demo_seeds.py --seeds 2024 1 2 --cores 8

The whole workflow runs once for each seed in a copy of the project: videos, faces and voices are those of the default
and made once, everything that is trained or drawn is done anew. Scores are those on the validation videos, on which
epochs, cells and fusion weights are chosen, as everywhere in the default.

After each seed a JSON object is printed, the last of which counts: for each system and challenge the lowest and the
highest score, `seeds` and `minutes`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from runs import copy_tree  # noqa: E402  (the folders need not be installed)

from abaw.tasks import TASKS  # noqa: E402


def scores_of(folder: Path) -> dict[tuple[str, str], float]:
    """The challenge measure on validation by system and challenge."""
    with (folder / "results" / "report" / "scores.csv").open(newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] == "val"]
    return {
        (row["system"], row["task"]): float(row["value"])
        for row in rows
        if row["measure"] == TASKS[row["task"]].challenge_measure
    }


def ranges(found: list[dict[tuple[str, str], float]]) -> dict[str, dict[str, list[float]]]:
    """The lowest and the highest score of each system and challenge over the runs so far."""
    table: dict[str, dict[str, list[float]]] = {}
    for system, task in found[0]:
        values = [scores[system, task] for scores in found]
        table.setdefault(system, {})[task] = [round(min(values), 4), round(max(values), 4)]
    return table


def main() -> None:
    """Run once a seed, and print the ranges after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2024, 1, 2, 3, 4])
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    args = parser.parse_args()
    began, found = time.monotonic(), []
    with tempfile.TemporaryDirectory() as name:
        folder = copy_tree(Path(name) / "flow")
        for seed in args.seeds:
            command = [sys.executable, "-m", "snakemake", "--cores", str(args.cores), "--quiet", "all"]
            subprocess.run([*command, "--config", f"seed={seed}"], cwd=folder, check=True)
            found.append(scores_of(folder))
            minutes = round((time.monotonic() - began) / 60, 1)
            print(json.dumps({**ranges(found), "seeds": len(found), "minutes": minutes}), flush=True)


if __name__ == "__main__":
    main()
