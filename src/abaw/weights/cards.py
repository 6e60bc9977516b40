"""Cards, the JSON files beside trained weights: what a model is, was trained on and reached. Read without torch."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from abaw.running.files import whole_file


def read_card(path: Path) -> dict[str, Any]:
    """Read the card of a network (`abaw.nn.checkpoint.save`) or of the functional model."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_card(card: Mapping[str, Any], path: Path) -> None:
    """Write a card as JSON, its keys in order, whole or not at all."""
    with whole_file(path) as beside:
        beside.write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def git_commit() -> str | None:
    """The commit of this checkout, with `-dirty` where files were changed; None outside of git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
