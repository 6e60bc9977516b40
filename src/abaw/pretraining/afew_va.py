"""AFEW-VA: film clips, frame by frame valence and arousal as whole numbers from -10 to 10 (paper §3.1.1).

`CLIP/CLIP.json` (001 to 600, in any folders below the root) holds `frames`: number to `valence`, `arousal` and
`landmarks`; the image is `CLIP/NUMBER.png`. The values are divided by 10.
"""

import json
from pathlib import Path
from typing import Any

from abaw.config import PretrainingConfig
from abaw.pretraining.items import BY_VIDEO_OR_IMAGE, Item, draw_splits
from abaw.pretraining.sources import Images, number
from abaw.running.errors import UserError
from abaw.tasks import DIMENSIONS

SCALE = 10


def files(root: Path) -> list[Path]:
    """The label file of each clip."""
    found = sorted(path for path in root.rglob("[0-9][0-9][0-9].json") if path.stem == path.parent.name)
    if not found:
        raise UserError(
            f"afew_va was not found: pretraining.roots.afew_va is {str(root)!r}, which has no folder with a file such "
            "as 001/001.json; docs/pretraining.md shows the form that is expected"
        )
    return found


def read(root: Path, settings: PretrainingConfig) -> list[Item]:
    """Every frame of every clip, as the authors took them; split by clip."""
    images = Images()
    items = [item for path in files(root) for item in _clip(path, images)]
    return draw_splits(items, [item.path.parent.name for item in items], BY_VIDEO_OR_IMAGE, settings.split_seed)


def _clip(path: Path, images: Images) -> list[Item]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}; copy it again") from error
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, dict) or not frames:
        raise UserError(f"{path} has no frames; expected an object 'frames' with an entry such as '00000'")
    return [_frame(path, name, frames[name], images) for name in sorted(frames)]


def _frame(path: Path, name: str, labels: Any, images: Images) -> Item:
    where = f"{path}, frame {name}"
    if not isinstance(labels, dict) or not labels.keys() >= set(DIMENSIONS):
        raise UserError(f"{where}: expected an object with valence and arousal, found {str(labels)[:80]!r}")
    valence, arousal = (number(labels[key], -SCALE, SCALE, where, key) / SCALE for key in DIMENSIONS)
    return Item(images.find(path.parent, f"{name}.png", where), valence=valence, arousal=arousal)
