"""Estimate what each system reaches on videos on which nothing of it was chosen, by folds of validation.

In: what every candidate of each model says of validation, tracks and labels of validation, labels of training. Out: the
frames of each system, those of a video by what was chosen without it, and a JSON file of what was chosen in each fold.
A system for which there are too few videos has a table without rows. Where the models of several trainings speak
together, those of all folds or of all seeds, each of these has tables of its own; a system with models that they do
not have, which are brought, has no rows either.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import TypeAdapter
from tqdm import tqdm

from abaw.commands.base import add_task, parser, run, settings_from
from abaw.commands.nested import read_candidates, read_validation
from abaw.config import FusionConfig, TimelineConfig
from abaw.folds.nesting import frames_of_all, mean_over_seeds, of_one_number, rows_in_order, validation_of_all
from abaw.fusion.nested import Validation, model_frames, system_frames
from abaw.fusion.systems import Members
from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.tables.arrays import frames_table
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tables.provenance import BROUGHT, BY_FOLDS, FRAMES_MODEL, ON_BROUGHT, choices, trained
from abaw.tables.schemas import SCHEMAS, frames

Array = NDArray[np.float64]


def main() -> None:
    """Read, choose and fit without each fold, write."""
    args = read_arguments()
    found: dict[str, pa.Table] = {}
    notes: dict[str, list[str]] = {}
    chosen: dict[str, object] = {}
    fold: dict[str, int] = {}
    try:
        paths = zip(args.tracks, args.learned, args.asked, strict=True)
        read = [read_validation(args.task, *own, args.folds) for own in paths]
        nested = Nested(args, [keys for keys, _ in read], [validation for _, validation in read])
    except UserError as error:
        print(f"no system has a nested estimate: {error}")
    else:
        fold, of_models = dict(nested.validation.fold), {}
        for model in tqdm(sorted(nested.models), "models", disable=None):
            of_models[model], chosen[model] = nested.model(model)
            notes[model] = nested.notes(model)
        for name, system in tqdm(args.systems.items(), "systems", disable=None):
            if strangers := set(system.models) - set(of_models):
                print(f"{name} has no nested estimate here: {', '.join(sorted(strangers))} is brought")
                continue
            try:
                fused = system_frames(system, of_models, nested.validation, args.fusion, args.seed, args.threads)
                found[name] = frames_table(args.task, nested.keys, fused)
            except UserError as error:
                print(f"{name} has no nested estimate: {error}")
    words = fitted_on(args)
    for name, path in zip(sorted(args.systems), args.output, strict=True):
        table = found.get(name, SCHEMAS[frames(args.task)].empty_table())
        own = dict.fromkeys(note for model in args.systems[name].models for note in notes.get(model, []))
        write_table(frames(args.task), table, path, {"fitted_on": "; ".join([words, *own])})
    with whole_file(args.chosen) as beside:
        text = json.dumps({"task": args.task, "folds": fold, "chosen": chosen}, indent=2, sort_keys=True)
        beside.write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"{len(found)} of {len(args.systems)} systems, {len(set(fold.values()))} folds: {args.chosen}")


def read_arguments() -> argparse.Namespace:
    """The arguments, whose lists must have one length each."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--trainings", nargs="+", required=True, help="names of those that speak together, or one")
    for name, about in (("tracks", "of validation"), ("learned", "labels, of training"), ("asked", "of validation")):
        arguments.add_argument(f"--{name}", type=Path, nargs="+", required=True, help=f"{about}, one for each training")
    arguments.add_argument("--together", choices=("alone", "folds", "seeds"), required=True)
    arguments.add_argument("--order", type=Path, required=True, help="tracks of all rows that are scored")
    arguments.add_argument("--candidates", type=Path, nargs="+", required=True, help="tables, those of a model by cell")
    arguments.add_argument("--models", nargs="+", required=True, help="the model of each table of candidates")
    arguments.add_argument("--training-of", nargs="+", required=True, help="the training of each of them")
    arguments.add_argument("--systems", type=TypeAdapter(dict[str, Members]).validate_json, required=True)
    arguments.add_argument("--fusion", type=settings_from(FusionConfig), required=True)
    arguments.add_argument("--timeline", type=settings_from(TimelineConfig), required=True)
    arguments.add_argument("--folds", type=int, required=True)
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--output", type=Path, nargs="+", required=True, help="one for each system, by name")
    arguments.add_argument("--chosen", type=Path, required=True, help="JSON file to write")
    args = arguments.parse_args()
    if not len(args.models) == len(args.candidates) == len(args.training_of) or len(args.systems) != len(args.output):
        arguments.error("--models, --candidates and --training-of, --systems and --output must fit each other")
    return args


class Nested:
    """The candidates of all trainings, and the rows that they speak of together."""

    def __init__(self, args: argparse.Namespace, keys: list[pa.Table], parts: list[Validation]) -> None:
        self._args = args
        self._tables: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
        for model, training, path in zip(args.models, args.training_of, args.candidates, strict=True):
            self._tables[model][training].append(path)
        self._parts, self.keys, self.validation = parts, keys[0], parts[0]
        if args.together == "folds":
            self._order = read_table("tracks", args.order, ["sample"])["sample"].to_pylist()
            self._parts = of_one_number(parts)
            self.keys = pa.concat_tables(keys).take(rows_in_order(parts, self._order))
            self.validation = validation_of_all(self._parts, self._order)

    @property
    def models(self) -> set[str]:
        """The models that have candidates."""
        return set(self._tables)

    def notes(self, model: str) -> list[str]:
        """What is to be said of each system that has a model."""
        words = read_metadata(next(iter(self._tables[model].values()))[0])["fitted_on"]
        return [note for note in (BROUGHT, ON_BROUGHT) if note in words]

    def model(self, model: str) -> tuple[list[Array], object]:
        """What a model says of all rows, chosen without each fold, and what was chosen, by training if several."""
        said, chosen = [], {}
        for training, part in zip(self._args.trainings, self._parts, strict=True):
            if not (paths := self._tables[model].get(training)):  # which this seed does not change
                continue
            read = [read_candidates(self._args.task, path) for path in paths]
            frames_of_folds, of_folds = model_frames(read, part, self._args.timeline)
            said.append(frames_of_folds)
            chosen[training] = [each | {"cell": paths[each["cell"]].parent.name} for each in of_folds]
        if self._args.together == "folds":
            return frames_of_all(self._parts, said, self._order), chosen
        return (said[0], chosen[training]) if self._args.together == "alone" else (mean_over_seeds(said), chosen)


def fitted_on(args: argparse.Namespace) -> str:
    """What all tables were fitted on, in words."""
    behind = {choice for path in args.candidates for choice in choices(read_metadata(path)["fitted_on"])}
    left = [FRAMES_MODEL] if FRAMES_MODEL in behind else []
    how = f"all{' else' * len(left)} chosen on other videos"
    if args.together == "folds":
        return f"{trained(*left, notes=[BY_FOLDS])}; {how}"
    return f"{trained(*left)}; {how} of val"


if __name__ == "__main__":
    run(main)
