"""Where the organisers' crops of AffWild2 lie: a folder of numbered JPEGs for each track, in the folders they ship.

Only the folders above the tracks' own are listed, so that Snakemake can ask while it plans.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from abaw.running.errors import UserError

CROP_FOLDERS = (
    "cropped",
    "cropped_aligned",
    "cropped_new_50_vids",
    "cropped_aligned_new_50_vids",
    "batch1",
    "batch2",
)
"""What the organisers' archives unpack to; they may lie beside each other or in one another."""


@dataclass(frozen=True)
class CropFolders:
    """The folder of each track's crops, by sample, and the `strays`: what lies beside them and belongs to no track."""

    by_sample: Mapping[str, Path]
    strays: tuple[Path, ...]


def find_crops(root: Path, samples: Collection[str]) -> CropFolders:
    """Find the folders named like `samples` in `root`, or in the organisers' folders inside it, at any depth.

    Raises `UserError` where `root` is no folder that can be read, a track has two folders, or one has none.
    """
    if not root.is_dir():
        raise UserError(f"corpus.crops is {str(root)!r}, which is not a folder; set it to where the crops are unpacked")
    folders: dict[str, Path] = {}
    strays: list[Path] = []
    pending, visited = [root], {root.resolve()}
    while pending:
        for path in _entries(pending.pop(0)):
            if path.name in samples and path.is_dir():
                if path.name in folders:
                    raise UserError(
                        f"the track {path.name!r} has crops in both {folders[path.name]} and {path}; keep one of them, "
                        "or set corpus.crops to the folder of one kind (cropped or cropped_aligned)"
                    )
                folders[path.name] = path
            elif path.name in CROP_FOLDERS and path.is_dir() and path.resolve() not in visited:
                visited.add(path.resolve())
                pending.append(path)
            else:
                strays.append(path)
    missing = sorted(set(samples) - set(folders))
    if missing:
        raise UserError(
            f"{len(missing)} of {len(samples)} tracks have no folder of crops in {root} or its "
            f"{', '.join(CROP_FOLDERS)}; the first is {missing[0]!r}: unpack all of the organisers' archives, or set "
            "faces.source to detect"
        )
    return CropFolders(folders, tuple(sorted(strays)))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"the folder of crops {folder} cannot be listed: {error.strerror}") from error
