"""Make a bundle of a finished run: weights copied, everything else into `bundle.json`."""

import csv
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from abaw.bundle.form import FORM, JSON_NAME, VERSION, Bundle, EncoderForm, Floats, PackagedEncoder
from abaw.bundle.sources import STATIC, Sources
from abaw.config import Config
from abaw.running.files import whole_file
from abaw.tasks import TASKS, TaskName
from abaw.timeline.filters import Smoothing
from abaw.timeline.widths import best_smoothing
from abaw.weights.cards import Card, check_card, git_commit, package_version, read_card
from abaw.weights.manifest import known, sha256_of

LIMITS = [
    "What is recognised is what a face and a voice express, not what a person feels; it is no ground for a decision "
    "about anyone, such as in hiring, policing, medicine or school.",
    "Of people, languages, cameras and light unlike those that it was trained on, nothing is known.",
]
LARGEST_HALF = float(np.finfo(np.float16).max)
OF_THE_DEMO = (
    "It was trained on the embedded corpus: seven faces from photographs and synthesised voices. It shows that "
    "everything works; of real footage it knows next to nothing."
)


def export_bundle(config: Config, folder: Path) -> Bundle:
    """Write the bundle of the run in the current folder, with `bundle.json` last.

    Raises `UserError` where a card and its weights do not belong together.
    """
    sources = Sources(config)
    cards: dict[TaskName, dict[str, Card]] = {task: {} for task in sources.tasks}
    for task in sources.tasks:
        for name, at in sources.models(task).items():
            path, card = Path(at, "model.safetensors"), read_card(Path(at, "card.json"))
            check_card(path, card)
            inside = folder / f"{task}/{name}.safetensors"
            _write_weights(path, inside, config.bundle.floats)
            cards[task][name] = Card(card | {"sha256": sha256_of(inside)}, card.path)
    encoders = export_encoders(sources, folder)
    files = {
        name: {"sha256": sha256_of(folder / name), "size_bytes": (folder / name).stat().st_size}
        for name in sources.weights()
    }
    bundle = {
        "form": FORM,
        "version": VERSION,
        "package": f"abaw-flow {package_version('abaw-flow') or 'of no version'}",
        "commit": git_commit(),
        "threads": config.compute.threads,
        "trained_on": {
            "corpus": config.corpus.source,
            "edition": config.corpus.edition,
            "pretraining": sorted({name for models in cards.values() for name in models["static"]["pretrained_on"]}),
            "data": config.bundle.data,
        },
        "floats": config.bundle.floats,
        "licences": _licences(cards),
        "limits": [*([OF_THE_DEMO] if config.corpus.source == "demo" else []), *config.bundle.limits, *LIMITS],
        "left_out": [f"{name}: {why}" for name, why in sources.left_out().items()],
        "encoders": encoders,
        "settings": _settings(config),
        "tasks": {task: _task(task, sources, cards[task]) for task in sources.tasks},
        "files": files,
    }
    checked = Bundle.model_validate(bundle)
    with whole_file(folder / JSON_NAME) as beside:
        beside.write_text(checked.model_dump_json(indent=2, exclude_defaults=True) + "\n", encoding="utf-8")
    return checked


def _write_weights(path: Path, target: Path, floats: Floats) -> None:
    """Copy the weights of a model, byte for byte, or with its matrices as half floats.

    Vectors stay as they are, since they are small and a half float may not hold a variance; so does a matrix that half
    floats do not hold.
    """
    with whole_file(target) as beside:
        if floats == "float32":
            shutil.copyfile(path, beside)
        else:
            halved = {name: _halved(array) for name, array in sorted(load_file(path).items())}
            beside.write_bytes(save(halved))


def _halved(array: NDArray) -> NDArray:
    if array.ndim < 2 or array.dtype not in (np.float32, np.float64) or np.abs(array).max(initial=0) > LARGEST_HALF:
        return array
    return array.astype(np.float16)


def export_encoders(sources: Sources, folder: Path) -> dict[str, PackagedEncoder | EncoderForm]:
    """The encoders of a run by name, but for the small one; the weights of one that no model holds go to `folder`."""
    found: dict[str, PackagedEncoder | EncoderForm] = {}
    for name in sources.packaged_encoders():
        weights = known(name)
        found[name] = PackagedEncoder(package=str(weights.package), file=weights.file, sha256=weights.sha256)
    inside = sources.encoder_files()
    for name in sources.other_encoders():
        # Torch and transformers load only where they are needed.
        from abaw.acoustic.encoders.checkpoints import form_of_encoder, load_checkpoint
        from abaw.nn import checkpoint

        config, processor = form_of_encoder(name)
        if name in inside:
            window_s = sources.config.voice_functional.statistics.window_s
            checkpoint.save_state(load_checkpoint(name, window_s), folder / inside[name])
        found[name] = EncoderForm(config=config, processor=processor, weights=inside.get(name))
    return found


def _settings(config: Config) -> dict[str, Any]:
    return {
        "faces": config.faces.model_dump() | {"source": "detect", "mesh": False, "crop_side_px": config.crop_side_px},
        "speech": _speech(config),
        "embedding": config.embedding.model_dump(),
        "dynamic": config.dynamic.network.model_dump(),
        "functional": config.functional.model_dump(),
        "voice_functional": config.voice_functional.model_dump(),
        "acoustic": config.acoustic.network.model_dump(),
        "attention": config.attention.network.model_dump(),
        "smoothed": config.timeline.smoothed,
        "max_entropy_nats": config.fusion.dirichlet.max_entropy_nats,
        "combined": config.fusion.dirichlet.combined,
    }


def _speech(config: Config) -> dict[str, Any]:
    """How speech is found in videos that the bundle predicts."""
    gate = config.speech.gate.model_dump() | ({"source": config.bundle.gate} if config.bundle.gate else {})
    return config.speech.model_dump() | {"engine": "torch", "gate": gate}


def _task(task: TaskName, sources: Sources, cards: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    widths, fits, calibrations = sources.widths(task), sources.fits(task), sources.calibrations(task)
    fixed = Smoothing(sources.config.timeline.filter, sources.config.timeline.smoothing_s)
    models: dict[str, dict[str, Any]] = {}
    for name, card in cards.items():
        models[name] = {"weights": f"{task}/{name}.safetensors", "card": card, "smoothing_s": None}
        if name != STATIC:
            own = best_smoothing(Path(widths[name])) if widths else fixed
            models[name] |= {"smoothing_s": own.width_s, "filter": own.kind}
    systems = {
        name: {
            "title": sources.config.systems[name].title,
            "models": sources.config.systems[name].models,
            "weights": read_card(Path(fits[name]))["weights"] if name in fits else None,
            "calibration": _calibration(Path(calibrations[name])) if name in calibrations else None,
        }
        for name in sources.systems()
    }
    scores = _scores(task, [*models, *systems, *(f"{name}_nested" for name in systems)])
    return {
        "models": models,
        "systems": systems,
        "preferred": _preferred(task, list(systems), scores),
        "scores": scores,
    }


def _calibration(path: Path) -> dict[str, Any]:
    fit = read_card(path)
    return {"temperature": fit["temperature"], "bias": [fit["bias"][name] for name in TASKS["expr"].outputs]}


def _scores(task: TaskName, names: list[str]) -> list[dict[str, Any]]:
    """The scores of models and systems on validation, as `score_predictions` wrote them."""
    with Path(f"results/report/scores/{task}_val.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return [
        {name: row[name] for name in ("system", "measure", "fitted_on")}
        | {name: float(row[name]) for name in ("value", "low", "high")}
        | {name: int(row[name]) for name in ("rows", "videos")}
        for row in rows
        if row["system"] in names
    ]


def _preferred(task: TaskName, systems: list[str], scores: list[dict[str, Any]]) -> str:
    """The system with the best nested estimate, else with the best score on validation; the first of equals."""
    measure = TASKS[task].challenge_measure
    values = {row["system"]: row["value"] for row in scores if row["measure"] == measure}
    for form in ("{}_nested", "{}"):
        known = {name: values[form.format(name)] for name in systems if form.format(name) in values}
        if known:
            return max(known, key=lambda name: known[name])
    return systems[0]


def _licences(cards: Mapping[TaskName, Mapping[str, Mapping[str, Any]]]) -> dict[str, str]:
    """Of the backbones and the encoders, by name."""
    found = {}
    for of_task in cards.values():
        found[of_task[STATIC]["backbone"]] = of_task[STATIC]["licence"] or "not stated"
        if acoustic := of_task.get("acoustic"):
            found[f"encoder {acoustic['encoder']}"] = acoustic["encoder_licence"]
        if voice := of_task.get("voice_functional"):
            found[f"encoder {voice['statistics']['encoder']}"] = voice["encoder_licence"]
    return found
