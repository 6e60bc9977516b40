"""Models in Hugging Face's form: where they lie, what they are, under which licence. No code of theirs runs."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from abaw.running.errors import UserError

_NO_FORM = ("attn_implementation", "auto_map", "architectures", "dtype", "torch_dtype", "transformers_version")
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w.-]+)?")


def source_of(name: str, said: str) -> tuple[str, str]:
    """A folder with a `config.json`, or a model's id on Hugging Face, and its revision.

    Raises `UserError`, which begins with what was `said`, for what is neither.
    """
    if (Path(name) / "config.json").is_file():
        return name, "main"
    if Path(name).exists() or not _HUB.fullmatch(name):
        raise UserError(
            f"{said}, neither a folder with a config.json nor the id of a Hugging Face model (owner/name, or "
            "owner/name@revision)"
        )
    source, _, revision = name.partition("@")
    return source, revision or "main"


def plain_form(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a configuration describes the form: other keys name code to fetch and run, or say nothing of it."""
    return {key: value for key, value in config.items() if not key.startswith("_") and key not in _NO_FORM}


def licence_of(source: str) -> str | None:
    """The licence as the model card says, None where it says nothing."""
    from huggingface_hub import ModelCard  # which backbones of timm do without

    try:
        return ModelCard.load(Path(source) / "README.md" if Path(source).is_dir() else source).data.license
    except Exception:  # a card is no part of a model: missing, unreadable or out of reach, it says nothing
        return None


def processor_of(source: str, revision: str) -> dict[str, Any]:
    """What a model says of how its inputs are prepared; nothing where it says nothing."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    name = "preprocessor_config.json"
    try:
        path = Path(source) / name if Path(source).is_dir() else hf_hub_download(source, name, revision=revision)
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, EntryNotFoundError):
        return {}
