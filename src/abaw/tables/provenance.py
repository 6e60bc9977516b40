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


def trained(*chosen: str) -> str:
    """Of a model: trained on the training split, and what of it was chosen on validation.

    >>> trained("epoch", "window")
    'train; epoch, window on val'
    """
    return f"train; {', '.join(dict.fromkeys(chosen))} on val" if chosen else "train"


def choices(fitted_on: str) -> list[str]:
    """What was chosen on validation of the models behind a table, out of the words of `trained` or `fused`."""
    found = _FIRST.match(fitted_on)
    return found["chosen"].split(", ") if found and found["chosen"] else []


def chosen_behind(embeddings: Path) -> list[str]:
    """What was chosen on validation of the model behind a table of embeddings, which has its card in its metadata."""
    return choices(json.loads(read_metadata(embeddings)["model"])["fitted_on"])


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
    ours = [trained(*(choice for words in own for choice in choices(words)))] if own else []
    return "; ".join([*ours, *brought, how])
