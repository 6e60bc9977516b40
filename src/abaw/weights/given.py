"""Weights that the configuration gives by a path rather than by a name."""

from pathlib import Path


def files_of_weights(given: str) -> list[str]:
    """The files of weights given as a file or a folder; none where they are given by a name or an id."""
    path = Path(given)
    if path.is_dir():
        return sorted(str(file) for file in path.iterdir() if file.suffix in (".json", ".safetensors", ".bin"))
    return [given] if path.suffix == ".safetensors" else []
