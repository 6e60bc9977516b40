"""Cards, the JSON files beside trained weights: what a model is, was trained on and reached. Read without torch."""

import json
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.weights.manifest import sha256_of

_AGAIN = "delete the model's folder and run again, or get the model again"


class Card(dict[str, Any]):
    """What the card at `path` says; asking for what it does not say is a `UserError`."""

    def __init__(self, said: Mapping[str, Any], path: Path) -> None:
        super().__init__(said)
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise UserError(f"the card {self.path} does not say its {key}; {_AGAIN}")


def read_card(path: Path) -> Card:
    """Read the card of a network (`abaw.nn.checkpoint.save`) or of the functional model; `UserError` if it is none."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"the card {path} cannot be read ({error}); {_AGAIN}") from error
    if not isinstance(said, dict):
        raise UserError(f"the card {path} holds a {type(said).__name__}, expected an object; {_AGAIN}")
    return Card(said, path)


def check_card(weights_path: Path, card: Mapping[str, Any]) -> None:
    """Refuse weights that are not those of the card, by their sha256; `UserError` with both digests."""
    found = sha256_of(weights_path)
    if found != card["sha256"]:
        raise UserError(
            f"{weights_path} has the sha256 {found}, but its card says {card['sha256']}; delete both and run again"
        )


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


def package_version(name: str) -> str | None:
    """The version of an installed package; None where it runs from its source or is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
