"""How well the frame-level model learns real faces: FER2013, EfficientNet-Lite0, ImageNet weights out of its package.

    python benchmarks/faces_fer2013.py FER2013.parquet --threads 2
    python benchmarks/faces_fer2013.py FER2013.parquet --test OTHER.parquet

A table has the columns usage (train, validation, test), label (a word) and jpeg, as docs/pretraining.md says. What runs
is the workflow's pre-training by its own code and default (config/config.yaml), for grey faces: labels read, faces
taken whole, the network learns from them at 96 px and is judged at 112, 104, 96 and 88, with mirrored copies; no
epoch is chosen. `--changes` tries other settings: '{"input_px": 96, "training": {"epochs": 8}}'. `--keep FOLDER` writes
the trained model there, and `--kept FOLDER` judges one anew, with the changes that concern how. The last line printed
is a JSON object.
`macro_f1`: the mean F1 of FER2013's seven classes on the faces of usage validation, or on all faces of the table given
by --test, which had no part in training; `seconds`: of reading, training and judging, `seconds_per_epoch`: of training.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import torch
import yaml
from tqdm import tqdm

from abaw.config import ComputeConfig, FacesConfig, JointPhaseConfig
from abaw.metrics import class_f1
from abaw.nn import checkpoint, runtime
from abaw.pretraining.cropping import crop_faces
from abaw.pretraining.fer import read_parquet
from abaw.pretraining.items import items_table
from abaw.static.crops import Crops, crops_of
from abaw.static.model import StaticModel
from abaw.static.phases import MODEL_FILES
from abaw.static.spec import StaticSpec
from abaw.static.training import predict_crops, train_static
from abaw.tables.schemas import SCHEMAS
from abaw.tasks import EXPRESSIONS, TASKS
from abaw.weights.cards import read_card

CONFIG = yaml.safe_load((Path(__file__).resolve().parents[1] / "config" / "config.yaml").read_text("utf-8"))
SEVEN = EXPRESSIONS[:-1]
"""FER2013 has no Other."""
FORM = {
    "input_px": 112,
    "input_scales": [1.0, 0.93, 0.86, 0.79],
    "learning_scale": 0.86,
    "grey": True,
    "mirrored": True,
}
"""What is for FER2013's faces, which are small and grey."""
WEIGHTS, CARD = MODEL_FILES


def read_faces(path: Path, side_px: int, *splits: str) -> list[Crops]:
    """The faces of each split of a table, of about `side_px`, or all of it as one where none is named."""
    rows = items_table("fer", read_parquet(path)).to_pylist()
    cropped = crop_faces("fer", rows, FacesConfig.model_validate(CONFIG["faces"]), "original", threads=1)
    found = [row for row in tqdm(cropped, str(path), len(rows), unit="face", disable=None) if row is not None]
    parts = [[row for row in found if row["split"] == split] for split in splits] or [found]
    return [crops_of([pa.Table.from_pylist(part, SCHEMAS["pretraining_crops"])], side_px) for part in parts]


def phase(changes: str) -> JointPhaseConfig:
    """The default settings of pre-training in `FORM`, with `changes` as JSON."""
    static = CONFIG["static"]
    own = {name: value for name, value in static["pretraining"].items() if name != "enabled"}
    form, given = static["backbones"]["expr"] | FORM, json.loads(changes)
    training = own["training"] | given.pop("training", {})
    return JointPhaseConfig.model_validate(own | form | given | {"training": training})


def trained(
    args: argparse.Namespace, settings: JointPhaseConfig, train: Crops, val: Crops, device: torch.device
) -> tuple[StaticModel, StaticSpec]:
    """The model that learns from `train`, or the one that is kept, and its spec; epochs are printed."""
    if args.kept:
        card = read_card(args.kept / CARD)
        spec = StaticSpec.from_card(card)
        seen = {name: getattr(settings, name) for name in ("input_px", "input_scales", "crop_scales", "mirrored")}
        return checkpoint.load(StaticModel(spec), args.kept / WEIGHTS, card).to(device), replace(spec, **seen)
    model, spec, history = train_static(train, val, settings, args.seed, device)
    measure = TASKS["expr"].challenge_measure
    for number, scores in enumerate(history.epochs, start=1):
        said = f"epoch {number}: loss {scores['train_loss']:.3f}"
        if measure in scores:
            said += f", macro F1 of the seven {scores[measure] * len(EXPRESSIONS) / len(SEVEN):.3f} on validation"
        print(said)
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
        checkpoint.save(model, spec.as_card(), args.keep / WEIGHTS, args.keep / CARD)
    return model, spec


def main() -> None:
    """Read, train, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--test", type=Path, help="another table of the same columns, all of which is judged")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=CONFIG["seed"])
    parser.add_argument("--changes", default="{}", help="settings that differ, as JSON")
    models = parser.add_mutually_exclusive_group()
    models.add_argument("--keep", type=Path, help="folder that the trained model is written to")
    models.add_argument("--kept", type=Path, help="folder of such a model, which is judged; none is trained")
    args = parser.parse_args()

    begin = time.perf_counter()
    device = runtime.start(ComputeConfig(device="auto", threads=args.threads, deterministic=True), args.seed)
    settings = phase(args.changes)
    train, val = read_faces(args.table, settings.input_px, "train", "val")
    judged = read_faces(args.test, settings.input_px)[0] if args.test else val
    trained_from = time.perf_counter()
    model, spec = trained(args, settings, train, val, device)
    seconds_per_epoch = None if args.kept else round((time.perf_counter() - trained_from) / settings.training.epochs)
    logits = predict_crops(model.eval(), judged, spec, device)["expr"][:, : len(SEVEN)]
    f1 = class_f1(judged.labels["expr"], logits.argmax(axis=1), len(SEVEN))
    for name, value in zip(SEVEN, f1, strict=True):
        print(f"{name}: F1 {value:.3f}")
    print(f"{len(train)} faces to train on, {len(judged)} judged, {device}")
    figures = {"macro_f1": round(float(f1.mean()), 3), "seconds": round(time.perf_counter() - begin)}
    print(json.dumps(figures | {"seconds_per_epoch": seconds_per_epoch}))


if __name__ == "__main__":
    main()
