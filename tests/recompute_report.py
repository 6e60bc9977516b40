"""Recompute every number of a run's report from its tables, with other code than the project's.

    python tests/recompute_report.py [FOLDER]

FOLDER (default: here) holds `config/` and `results/` of a finished run, with the configuration that it ran with if that
is not config/config.yaml in `--configfile`. Nothing of the package is imported: CCC is audmetric's, F1 and its kin are
scikit-learn's, kernel ELMs are its KernelRidge, forests are its own, smoothing is numpy's convolution, intervals come
from rows that are really drawn. Prints a line for each number that differs, and fails where there is one.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import audmetric
import numpy as np
import pyarrow.parquet as pq
import yaml
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler, normalize

CLASSES = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other")
OUTPUTS = {"va": ("valence", "arousal"), "expr": CLASSES}
LABELS = {"va": ("valence", "arousal"), "expr": ("expression",)}
MEASURE = {"va": "ccc_mean", "expr": "f1_macro"}
ROUNDING = 1.01e-4  # four decimals were written


def measures(task: str, truth: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    """Every measure of a challenge, from truth without gaps (n, 2 or 1) and outputs (n, 2 or 8)."""
    if task == "va":
        each = {}
        for k, name in enumerate(OUTPUTS["va"]):
            moves = np.ptp(truth[:, k]) > 0 and np.ptp(outputs[:, k]) > 1e-9
            each[f"ccc_{name}"] = audmetric.concordance_cc(truth[:, k], outputs[:, k]) if moves else 0.0
        return each | {"ccc_mean": sum(each.values()) / 2}
    t, p = truth[:, 0].astype(int), outputs.argmax(axis=1)
    options = {"labels": range(8), "zero_division": 0}
    found = {
        "f1_macro": f1_score(t, p, average="macro", **options),
        "accuracy": accuracy_score(t, p),
        "precision_macro": precision_score(t, p, average="macro", **options),
        "recall_macro": recall_score(t, p, average="macro", **options),
    }
    return found | dict(zip((f"f1_{name}" for name in CLASSES), f1_score(t, p, average=None, **options), strict=True))


class Run:
    """The files of a run, as arrays."""

    def __init__(self, folder: Path, config: dict) -> None:
        self.results, self.config = folder / "results", config

    def rows(self, path: Path, columns: tuple[str, ...]) -> dict[tuple[str, int], list[float]]:
        table = pq.read_table(path)
        values = zip(*(table[name].to_pylist() for name in columns), strict=True)
        keys = zip(table["sample"].to_pylist(), table["frame"].to_pylist(), strict=True)
        return {key: [np.nan if v is None else float(v) for v in row] for key, row in zip(keys, values, strict=True)}

    def labels(self, task: str, split: str) -> dict[tuple[str, int], list[float]]:
        return self.rows(self.results / f"corpus/{task}/{split}/labels.parquet", LABELS[task])

    def tracks(self, task: str, split: str) -> list[dict]:
        return pq.read_table(self.results / f"corpus/{task}/{split}/tracks.parquet").to_pylist()

    def frames(self, task: str, name: str, split: str) -> Path:
        for kind in ("out_of_bag", "in_sample"):
            if name.endswith(f"_{kind}"):
                return self.results / f"systems/{task}/{name.removesuffix(f'_{kind}')}/{kind}.parquet"
        if name.endswith("_nested"):
            return self.results / f"nested/{task}/{name.removesuffix('_nested')}.parquet"
        system = self.config["systems"].get(name)
        if system and system["fusion"] != "none":
            return self.results / f"systems/{task}/{name}/{split}.parquet"
        return self.results / f"frames/{task}/{system['models'][0] if system else name}/{split}.parquet"

    def csv(self, path: str) -> list[dict[str, str]]:
        with (self.results / path).open(newline="", encoding="utf-8") as handle:
            return list(csv.DictReader(handle))

    def pairs(self, task: str, name: str, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Truth, outputs and videos of the labelled rows, in the order of the labels."""
        truth = {key: row for key, row in self.labels(task, split).items() if not np.isnan(row).any()}
        t = np.array(list(truth.values()))
        if name == "constant":
            flat = t.mean(axis=0) if task == "va" else np.eye(8)[np.bincount(t[:, 0].astype(int)).argmax()]
            p = np.tile(flat, (len(t), 1))
        else:
            found = self.rows(self.frames(task, name, split), OUTPUTS[task])
            p = np.array([found[key] for key in truth])
        video = {row["sample"]: row["video"] for row in self.tracks(task, split)}
        return t, p, np.array([video[sample] for sample, _ in truth])


def differs(where: str, written: str, value: float) -> Iterator[str]:
    """A line where a number is not what was written."""
    if written in ("", None) or abs(float(written) - value) > ROUNDING:
        yield f"{where}: written {written}, recomputed {value:.4f}"


def scores(run: Run) -> Iterator[str]:
    """Each score with its interval, in results/report/scores.csv."""
    rows = run.csv("report/scores.csv")
    for task, system, split in dict.fromkeys((row["task"], row["system"], row["split"]) for row in rows):
        t, p, videos = run.pairs(task, system, split)
        found, low, high = with_interval(run, task, t, p, videos)
        own = [row for row in rows if (row["task"], row["system"], row["split"]) == (task, system, split)]
        if {row["measure"] for row in own} != set(found):
            yield f"{task} {system} {split}: the measures are {[row['measure'] for row in own]}"
        for row in own:
            where = f"scores.csv, {task} {system} {split} {row['measure']}"
            yield from differs(where, row["value"], found[row["measure"]])
            yield from differs(f"{where}, low", row["low"], low[row["measure"]])
            yield from differs(f"{where}, high", row["high"], high[row["measure"]])
            if (int(row["rows"]), int(row["videos"])) != (len(t), len(set(videos))):
                yield f"{where}: {row['rows']} rows of {row['videos']} videos, found {len(t)} of {len(set(videos))}"


def with_interval(
    run: Run, task: str, t: np.ndarray, p: np.ndarray, videos: np.ndarray
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Each measure, and the ends of its interval, from rows of videos that are really drawn."""
    names, of_row = np.unique(videos, return_inverse=True)
    draws = np.random.default_rng(run.config["seed"]).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=run.config["scoring"]["resamples"]
    )
    places = [np.flatnonzero(of_row == video) for video in range(len(names))]
    cache: dict[bytes, dict[str, float]] = {}  # a small corpus draws the same videos again and again
    for draw in draws:
        if draw.tobytes() not in cache:
            chosen = np.concatenate([np.tile(places[v], times) for v, times in enumerate(draw)]).astype(int)
            cache[draw.tobytes()] = measures(task, t[chosen], p[chosen])
    found = measures(task, t, p)
    drawn = {name: [cache[draw.tobytes()][name] for draw in draws] for name in found}
    low, high = ({name: np.quantile(values, end) for name, values in drawn.items()} for end in (0.025, 0.975))
    return found, low, high


def smoothing(run: Run) -> Iterator[str]:
    """Each width's scores, in results/timeline/."""
    for path in sorted((run.results / "timeline").glob("*/*.csv")):
        task, model = path.parent.name, path.stem
        table = pq.read_table(run.results / f"predictions/{task}/{model}/val.parquet")
        samples = np.array(table["sample"].to_pylist())
        centre = (table["start_s"].to_numpy() + table["end_s"].to_numpy()) / 2
        values = np.column_stack([table[name].to_numpy() for name in OUTPUTS[task]]).astype(float)
        truth = run.labels(task, "val")
        for row in run.csv(f"timeline/{task}/{model}.csv"):
            t, p = [], []
            for track in run.tracks(task, "val"):
                own = samples == track["sample"]
                aligned = smoothed(centre[own], values[own], track, float(row["smoothing_s"]))
                for k, output in enumerate(aligned):
                    label = truth.get((track["sample"], k + 1), [np.nan])
                    if not np.isnan(label).any():
                        t.append(label)
                        p.append(output)
            for name, value in measures(task, np.array(t), np.float32(p).astype(float)).items():
                yield from differs(f"{path.name} of {task}, {row['smoothing_s']} s, {name}", row[name], value)


def smoothed(centre: np.ndarray, values: np.ndarray, track: dict, width_s: float) -> np.ndarray:
    """Predictions at the rows of a sample: overlap mean, interpolation, a Hamming window cut at the edges."""
    times = np.unique(centre.round(6))
    means = np.array([values[np.abs(centre - time) < 2e-6].mean(axis=0) for time in times])
    fps = Fraction(track["fps_num"], track["fps_den"])
    steady = track["frame_times_s"] is None
    at = np.arange(track["n_rows"]) / float(fps) if steady else np.array(track["frame_times_s"])[: track["n_rows"]]
    window = np.hamming(2 * int(fps * Fraction(str(width_s)) / 2) + 1) if width_s else np.ones(1)
    if not steady:
        raise SystemExit("this script knows steady frame rates only")
    ends = len(window) // 2
    found = []
    for column in means.T:
        line = np.interp(at, times, column)
        weight = np.convolve(np.ones(len(line)), window)[ends : ends + len(line)]
        found.append(np.convolve(line, window)[ends : ends + len(line)] / weight)
    return np.array(found).T


def forests(run: Run) -> Iterator[str]:
    """What each number of trees scores, in the fit.json of random forests."""
    for path in sorted((run.results / "systems").glob("*/*/fit.json")):
        fit = json.loads(path.read_text(encoding="utf-8"))
        if "tried" not in fit:
            continue
        task = fit["task"]
        data = [run.pairs(task, model, "val") for model in fit["models"]]
        order = list(run.rows(run.frames(task, fit["models"][0], "val"), OUTPUTS[task]))
        labelled = [key for key, row in run.labels(task, "val").items() if not np.isnan(row).any()]
        place = {key: number for number, key in enumerate(labelled)}
        rows = [place[key] for key in order if key in place]  # the forest has seen them in the order of the frames
        truth, videos = data[0][0][rows], data[0][2][rows]
        outputs = np.stack([p[rows] for _, p, _ in data])
        for tried in fit["tried"]:
            bag, grouped = forest(task, outputs, truth, videos, tried["trees"], fit["seed"], fit["settings"]["folds"])
            for kind, found in (("out_of_bag", bag), ("grouped", grouped)):
                value = measures(task, truth, found)[MEASURE[task]]
                yield from differs(f"{path}, {tried['trees']} trees, {kind}", str(tried[kind]), value)


def forest(
    task: str, outputs: np.ndarray, truth: np.ndarray, videos: np.ndarray, trees: int, seed: int, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Out-of-bag and grouped outputs of scikit-learn's forests."""
    bag, grouped = np.zeros((2, len(truth), outputs.shape[2]))
    parts = [outputs[:, :, k].T for k in range(2)] if task == "va" else [np.hstack(list(outputs))]
    split = list(GroupKFold(min(folds, len(set(videos)))).split(truth, groups=videos))
    for k, inputs in enumerate(parts):
        target = truth[:, k] if task == "va" else truth[:, 0].astype(int)
        kind = RandomForestRegressor if task == "va" else RandomForestClassifier
        make = {} if task == "va" else {"class_weight": "balanced"}
        fitted = kind(trees, random_state=seed, **make).fit(inputs, target)
        columns = [k] if task == "va" else fitted.classes_
        sums, votes = np.zeros((len(truth), len(columns))), np.zeros((len(truth), 1))
        for tree, seen in zip(fitted.estimators_, fitted.estimators_samples_, strict=True):
            out = ~np.isin(np.arange(len(truth)), seen)
            said = tree.predict(inputs[out])[:, None] if task == "va" else tree.predict_proba(inputs[out])
            sums[out] += said
            votes[out] += 1
        mean = [target.mean()] if task == "va" else np.bincount(target, minlength=8)[columns] / len(target)
        bag[:, columns] = np.where(votes > 0, sums / np.maximum(votes, 1), mean)
        for learned, held in split:
            fold = kind(trees, random_state=seed, **make).fit(inputs[learned], target[learned])
            said = fold.predict(inputs[held])[:, None] if task == "va" else fold.predict_proba(inputs[held])
            grouped[np.ix_(held, [k] if task == "va" else fold.classes_)] = said
    return bag, grouped


def functionals(run: Run) -> Iterator[str]:
    """Each cell of the grids of kernel ELMs, in results/functional/, by KernelRidge."""
    for task in OUTPUTS:
        [folder] = [path for path in (run.results / f"embeddings/{task}").iterdir() if path.name != "acoustic"]
        (train, t_train), (val, t_val) = (windows(run, task, folder, split) for split in ("train", "val"))
        for row in run.csv(f"functional/{task}/grid.csv"):
            x, at = (np.hstack([part[name] for name in row["functionals"].split()]) for part in (train, val))
            known = ~np.isnan(t_train).any(axis=1)
            scaler = StandardScaler().fit(x[known])
            x, at = normalize(scaler.transform(x[known])), normalize(scaler.transform(at))
            y, weight = t_train[known], None
            if task == "expr":
                counts = np.bincount(y[:, 0].astype(int), minlength=8)
                weight = (len(y) / ((counts > 0).sum() * counts[y[:, 0].astype(int)])).astype(float)
                weight = weight if run.config["functional"]["weighted"] else None
                y = np.eye(8)[y[:, 0].astype(int)]
            w = np.ones(len(x)) if weight is None else weight
            centre = np.average(x, axis=0, weights=w).mean()
            gamma = 1 / (x.shape[1] * np.average((x - centre) ** 2, axis=0, weights=w).mean())
            options = {"gamma": gamma, "degree": 3, "coef0": 1} if row["kernel"] != "linear" else {}
            peer = KernelRidge(alpha=1 / float(row["c"]), kernel=row["kernel"], **options).fit(x, y, weight)
            said = peer.predict(at)
            said = said.clip(-1, 1) if task == "va" else said.clip(1e-3, 1)
            scored = ~np.isnan(t_val).any(axis=1)
            for name, value in measures(task, t_val[scored], said[scored]).items():
                where = f"grid.csv of {task}, {row['functionals']}, {row['kernel']}, C = {row['c']}, {name}"
                yield from differs(where, row[name], value)


def windows(run: Run, task: str, folder: Path, split: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Functionals and labels of every window that counts, one window after the other."""
    settings = run.config["functional"]
    labels = run.labels(task, split)
    table = pq.read_table(folder / f"{split}.parquet").to_pylist()
    groups: dict[tuple[str, int], list[dict]] = {}
    for row in table:
        groups.setdefault((row["sample"], int(row["time_s"] / settings["window_s"] + 1e-9)), []).append(row)
    found: dict[str, list] = {"mean": [], "max": [], "min": []}
    truth = []
    for rows in groups.values():
        seen = [np.float32(row["embedding"]) for row in rows if row["has_face"]]
        if not seen or len(seen) < settings["min_share"] * len(rows):
            continue
        for name, values in found.items():
            values.append(getattr(np, name)(seen, axis=0).astype(float))
        own = [labels.get((row["sample"], row["frame"]), [np.nan]) for row in rows]
        known = np.array([row for row in own if not np.isnan(row).any()])
        if not len(known):
            truth.append(np.full(len(LABELS[task]), np.nan))
        elif task == "va":
            truth.append(known.mean(axis=0))
        else:
            truth.append(np.array([float(np.bincount(known[:, 0].astype(int)).argmax())]))
    return {name: np.array(values) for name, values in found.items()}, np.array(truth)


def tables(run: Run) -> Iterator[str]:
    """The comparison with the paper, from what the functions above have checked and the acoustic models' windows."""
    written = run.csv("report/tables.csv")
    video = {task: {row["sample"]: row["video"] for row in run.tracks(task, "val")} for task in OUTPUTS}
    rows = {
        (row["task"], row["system"], row["measure"]): row
        for row in run.csv("report/scores.csv")
        if row["split"] == "val"
    }
    for row in written:
        task, table = row["task"], int(row["table"])
        where = f"tables.csv, Table {table}, {task}, {row['row']}, {row['measure']}"
        if row["fitted_on"] == "not run":
            if row["ours"]:
                yield f"{where}: has a score but was not run"
        elif table in (2, 3, 4):
            model = f"functional/{task}" if table == 4 else f"acoustic/{task}/best"
            scored = pq.read_table(run.results / model / "scored.parquet").to_pylist()
            own = [one for one in scored if one["variant"] == row["row"]]
            own = [one for one in own if all(one[f"true_{name}"] is not None for name in LABELS[task])]
            t = np.array([[one[f"true_{name}"] for name in LABELS[task]] for one in own])
            p = np.array([[one[name] for name in OUTPUTS[task]] for one in own])
            videos = np.array([video[task][one["sample"]] for one in own])
            found, low, high = with_interval(run, task, t, p, videos)
            for name, value in (("ours", found), ("low", low), ("high", high)):
                yield from differs(f"{where}, {name}", row[name], value[row["measure"]])
            if table == 4 and row["measure"] == MEASURE[task]:
                cells = run.csv(f"functional/{task}/grid.csv")
                best = max(float(c[MEASURE[task]]) for c in cells if c["functionals"] == row["row"].replace(",", ""))
                yield from differs(f"{where}, the best of its cells", row["ours"], best)
        else:
            own = rows[task, row["row"], row["measure"]]
            for ours, theirs in (("ours", "value"), ("low", "low"), ("high", "high")):
                yield from differs(where, row[ours], float(own[theirs]))
            nested = rows.get((task, f"{row['row']}_nested", row["measure"]))
            if bool(nested) != bool(row["nested"]):
                yield f"{where}: the nested estimate stands in one of scores.csv and tables.csv"
            elif nested:
                for ours, theirs in (("nested", "value"), ("nested_low", "low"), ("nested_high", "high")):
                    yield from differs(f"{where}, {ours}", row[ours], float(nested[theirs]))
    if {int(row["table"]) for row in written} != {2, 3, 4, 5, 6}:
        yield "tables.csv does not have the paper's Tables 2 to 6"


def page(run: Run) -> Iterator[str]:
    """Every score of the tables stands in the page."""
    text = (run.results / "report/index.html").read_text(encoding="utf-8")
    for row in run.csv("report/tables.csv"):
        if row["ours"] and f"{float(row['ours']):.3f}" not in text:
            yield f"index.html lacks {float(row['ours']):.3f} of {row['row']}"
        ends = [row[name] for name in ("nested", "nested_low", "nested_high")]
        if all(ends) and "{:.3f} [{:.3f}, {:.3f}]".format(*map(float, ends)) not in text:
            yield f"index.html lacks the nested estimate {float(row['nested']):.3f} of {row['row']}"
    if "http://" in text or "https://" in text or "<script" in text:
        yield "index.html refers to a network or runs a script"


CHECKS = (scores, smoothing, forests, functionals, tables, page)


def merged(base: dict, over: dict) -> dict:
    """`base` with the values of `over`, sections inside each other, as Snakemake merges configuration files."""
    both = {key: merged(base[key], over[key]) for key in base.keys() & over.keys() if isinstance(over[key], dict)}
    return {**base, **over, **both}


def main() -> None:
    """Run every check and say what differs."""
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("folder", nargs="?", type=Path, default=Path())
    command.add_argument("--configfile", type=Path, action="append", default=[])
    args = command.parse_args()
    config: dict = {}
    for path in [args.folder / "config/config.yaml", *args.configfile]:
        config = merged(config, yaml.safe_load(path.read_text(encoding="utf-8")))
    lines = []
    for check in CHECKS:
        found = list(check(Run(args.folder, config)))
        print(f"{check.__name__}: {len(found)} numbers differ")
        lines += found
    print("\n".join(lines))
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
