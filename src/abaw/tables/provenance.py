"""What a table was fitted on, in words that grow from stage to stage: `train; epoch, window on val; weights on val`."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from abaw.tables.files import read_metadata

_FIRST = re.compile(r"train(?:; (?P<chosen>[^;]*) on val)?")
FRAMES_MODEL = "epoch of the frames' model"
"""The choice on validation that is behind everything that is made of embeddings of faces, where the best is kept."""
BROUGHT = "brought; on what it was fitted is not known"
"""Of the predictions of other programs."""
ON_BROUGHT = "on features that were brought"
"""Of our own models that learn from features of other programs."""
BY_FOLDS = "each video by models of folds that have not seen it"
"""Of what the models of all folds say together; what was chosen on validation was, of each, chosen on its own fold."""


def trained(*chosen: str, notes: Sequence[str] = ()) -> str:
    """Of a model: trained on the training split, what of it was chosen on validation, and notes on what it learns from.

    >>> trained("epoch", "window")
    'train; epoch, window on val'
    """
    words = [f"{', '.join(dict.fromkeys(chosen))} on val"] if chosen else []
    return "; ".join(["train", *words, *notes])


def choices(fitted_on: str) -> list[str]:
    """What was chosen on validation of the models behind a table, out of the words of `trained` or `fused`."""
    found = _FIRST.match(fitted_on)
    return found["chosen"].split(", ") if found and found["chosen"] else []


def trained_from(embeddings: Sequence[Path], *chosen: str) -> str:
    """Of a model that learns from tables of embeddings: what was chosen of the models behind these, then of it.

    A table has the card of its model in its metadata, or the words themselves.
    """
    about = [read_metadata(path) for path in embeddings]
    words = [json.loads(each["model"])["fitted_on"] if "model" in each else each["fitted_on"] for each in about]
    voices = [each["abaw_table"] == "voice_embeddings" for each in about]
    behind = [
        f"{choice} of the voice's model" if voice else choice
        for own, voice in zip(words, voices, strict=True)
        for choice in choices(own)
    ]
    return trained(*behind, *chosen, notes=[ON_BROUGHT] if BROUGHT in words else [])


def joined(models: Sequence[str], *notes: str) -> str:
    """Of what several models of one kind say together, such as those of all folds: what was chosen of any of them.

    >>> joined(["train; epoch on val", "train; epoch on val"], BY_FOLDS)
    'train; epoch on val; each video by models of folds that have not seen it'
    """
    brought = [ON_BROUGHT] if any(ON_BROUGHT in words for words in models) else []
    return trained(*(choice for words in models for choice in choices(words)), notes=[*brought, *notes])


def also_chosen(fitted_on: str, *chosen: str) -> str:
    """The words with more choices among those on validation.

    >>> also_chosen("train; epoch on val; weights on val", "width")
    'train; epoch, width on val; weights on val'
    """
    if fitted_on.startswith(BROUGHT):
        return f"{fitted_on}; {', '.join(chosen)} on val"
    rest = _FIRST.sub("", fitted_on, count=1)
    return trained(*choices(fitted_on), *chosen) + rest


def fused(models: Sequence[str], how: str) -> str:
    """Of a system: what was chosen of any of its models, and what was then fitted.

    >>> fused(["train; epoch on val", "train; epoch, architecture on val"], "weights on val")
    'train; epoch, architecture on val; weights on val'
    """
    brought = [words for words in dict.fromkeys(models) if words.startswith(BROUGHT)]
    own = [words for words in models if words not in brought]
    notes = [note for note in (ON_BROUGHT, BY_FOLDS) if any(note in words for words in own)]
    ours = [trained(*(choice for words in own for choice in choices(words)), notes=notes)] if own else []
    return "; ".join([*ours, *brought, how])
