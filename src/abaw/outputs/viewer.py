"""`viewer.html`: a video as it is and, beneath it, what was found in it; and `index.html`, all videos of a folder.

Each page is one file and asks the network for nothing. Bokeh's JavaScript, which its package carries, draws the curves;
its Python is never imported.
"""

import base64
import os
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from abaw.outputs.columns import packed
from abaw.outputs.people import CLASSES, People
from abaw.running.errors import UserError

COLORS = ("#7f8c9b", "#d62728", "#7a8b2f", "#8e44ad", "#f2b01e", "#1f77b4", "#17a2a2", "#a0714f")
"""One for each of `CLASSES`, on white and on a picture."""
INKS = ("#fff", "#fff", "#fff", "#fff", "#000", "#fff", "#fff", "#fff")
"""What is written on each of `COLORS`."""
VALUE_COLORS = ("#1f5fbf", "#d9730d")
"""Those of valence and arousal."""
_ENDS = re.compile(r"<(/script|!--)", re.IGNORECASE)
"""What would end a script inside a page, or begin a comment; only texts in it have such."""
_PAGES = files("abaw.outputs") / "pages"
_LIBRARIES = ("bokeh.min.js", "bokeh-api.min.js")


def viewer(people: People, video: Path, folder: Path, size_px: tuple[int, int], poster: bytes | None) -> str:
    """The page of a video, to be written into `folder`; `size_px` (width, height) is that of the picture as shown.

    `poster` is a JPEG for before the video plays. Raises `UserError` where Bokeh is not there.
    """
    meta = {
        "video": people.video,
        "name": os.fsencode(video.name).decode(errors="replace"),
        "source": relative_url(video, folder),
        "place": os.fsencode(os.path.relpath(video.absolute(), folder.absolute())).decode(errors="replace"),
        "n_frames": len(people.time_s),
        "first_frame": people.first_frame,
        "end_s": people.end_s,
        "width_px": size_px[0],
        "height_px": size_px[1],
        "subjects": [person.subject for person in people.persons],
        "is_proxy": any(person.is_proxy for person in people.persons),
        "classes": CLASSES,
        "colors": COLORS,
        "value_colors": VALUE_COLORS,
        "inks": INKS,
    }
    scripts = [*_library(), _page("viewer.js")]
    return _rendered(
        "viewer.html",
        meta=meta,
        data=packed(people),
        poster=base64.b64encode(poster).decode() if poster else None,
        scripts=[Markup(_ENDS.sub(r"<\\\g<1>", script)) for script in scripts],
    )


def index(rows: Sequence[Mapping[str, Any]], folder: Path, thumbnails: Mapping[str, bytes]) -> str:
    """The page of all videos: `rows` of the summary, grouped by video, and a JPEG of each video that has one.

    Links lead to `{video}/viewer.html` in `folder`.
    """
    videos: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        videos.setdefault(row["video"], []).append(row)
    shown = [
        {
            "name": name,
            "url": f"{quote(os.fsencode(name), safe='')}/viewer.html",
            "thumbnail": base64.b64encode(thumbnails[name]).decode() if name in thumbnails else None,
            "people": [row for row in people if row["subject"] is not None],
            "problem": people[0]["problem"],
        }
        for name, people in videos.items()
    ]
    named = list(zip(CLASSES, COLORS, strict=True))
    return _rendered("index.html", videos=shown, classes=named, title=folder.absolute().name)


def relative_url(path: Path, folder: Path) -> str:
    """The address of a file as seen from a page in `folder`, percent-encoded byte by byte, whatever the name is."""
    parts = Path(os.path.relpath(path.absolute(), folder.absolute())).parts
    return "/".join(quote(os.fsencode(part), safe="") for part in parts)


def _library() -> list[str]:
    found = find_spec("bokeh")
    if found is None or found.origin is None:
        raise UserError("the package bokeh, whose JavaScript draws the curves, is missing; run make setup")
    folder = Path(found.origin).parent / "server" / "static" / "js"
    return [(folder / name).read_text(encoding="utf-8") for name in _LIBRARIES]


def _page(name: str) -> str:
    return (_PAGES / name).read_text(encoding="utf-8")


def _rendered(name: str, **values: Any) -> str:
    """A template of `pages` with values, escaped; a value that is missing is an error."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(_page(name)).render(style=Markup(_page("style.css")), **values)
