"""Estimate what each system reaches on videos on which nothing of it was chosen, by folds of validation.

In: what every candidate of each model says of validation, tracks and labels of validation, labels of training. Out: the
frames of each system, those of a video by what was chosen without it, and a JSON file of what was chosen in each fold.
A system for which there are too few videos has a table without rows.
"""

import json
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
from pydantic import TypeAdapter
from tqdm import tqdm

from abaw.commands.base import add_task, parser, run, settings_from
from abaw.commands.nested import read_candidates, read_validation
from abaw.config import FusionConfig, TimelineConfig
from abaw.fusion.nested import model_frames, system_frames
from abaw.fusion.systems import Members
from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.tables.arrays import frames_table
from abaw.tables.files import read_metadata, write_table
from abaw.tables.provenance import BROUGHT, FRAMES_MODEL, ON_BROUGHT, choices, trained
from abaw.tables.schemas import SCHEMAS, frames


def main() -> None:
    """Read, choose and fit without each fold, write."""
    arguments = parser(__doc__)
    add_task(arguments)
    arguments.add_argument("--models", nargs="+", required=True, help="the model of each table of candidates")
    arguments.add_argument("--candidates", type=Path, nargs="+", required=True, help="tables, in the order of --models")
    arguments.add_argument("--tracks", type=Path, required=True)
    arguments.add_argument("--labels", type=Path, nargs=2, required=True, help="of training, of validation")
    arguments.add_argument("--systems", type=TypeAdapter(dict[str, Members]).validate_json, required=True)
    arguments.add_argument("--fusion", type=settings_from(FusionConfig), required=True)
    arguments.add_argument("--timeline", type=settings_from(TimelineConfig), required=True)
    arguments.add_argument("--folds", type=int, required=True)
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--output", type=Path, nargs="+", required=True, help="one for each system, by name")
    arguments.add_argument("--chosen", type=Path, required=True, help="JSON file to write")
    args = arguments.parse_args()
    if len(args.models) != len(args.candidates) or len(args.systems) != len(args.output):
        arguments.error("--models and --candidates, --systems and --output need one value for each of the other")

    behind = {choice for path in args.candidates for choice in choices(read_metadata(path)["fitted_on"])}
    left = [FRAMES_MODEL] if FRAMES_MODEL in behind else []
    fitted_on = f"{trained(*left)}; all{' else' * len(left)} chosen on other videos of val"
    found: dict[str, pa.Table] = {}
    notes: dict[str, list[str]] = {}
    chosen: dict[str, object] = {}
    validation = None
    try:
        keys, validation = read_validation(args.task, args.tracks, *args.labels, args.folds)
    except UserError as error:
        print(f"no system has a nested estimate: {error}")
    if validation is not None:
        tables = defaultdict(list)
        for model, path in zip(args.models, args.candidates, strict=True):
            tables[model].append(path)
        asked = sorted({model for system in args.systems.values() for model in system.models})
        of_models = {}
        for model in tqdm(asked, "models", disable=None):
            read = [read_candidates(args.task, path) for path in tables[model]]
            words = read_metadata(tables[model][0])["fitted_on"]
            notes[model] = [note for note in (BROUGHT, ON_BROUGHT) if note in words]
            of_models[model], of_folds = model_frames(read, validation, args.timeline)
            chosen[model] = [each | {"cell": tables[model][each["cell"]].parent.name} for each in of_folds]
        for name, system in tqdm(args.systems.items(), "systems", disable=None):
            try:
                fused = system_frames(system, of_models, validation, args.fusion, args.seed, args.threads)
                found[name] = frames_table(args.task, keys, fused)
            except UserError as error:
                print(f"{name} has no nested estimate: {error}")
    for name, path in zip(sorted(args.systems), args.output, strict=True):
        table = found.get(name, SCHEMAS[frames(args.task)].empty_table())
        own = dict.fromkeys(note for model in args.systems[name].models for note in notes.get(model, []))
        write_table(frames(args.task), table, path, {"fitted_on": "; ".join([fitted_on, *own])})
    with whole_file(args.chosen) as beside:
        folds = {} if validation is None else validation.fold
        text = json.dumps({"task": args.task, "folds": folds, "chosen": chosen}, indent=2, sort_keys=True)
        beside.write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"{len(found)} of {len(args.systems)} systems, {len(set(folds.values()))} folds: {args.chosen}")


if __name__ == "__main__":
    run(main)
