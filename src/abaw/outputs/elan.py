"""For ELAN: expressions and speech as tiers (.eaf), the curves as a time series (.csv), and what links them (.xml).

The forms are those of pympi's EAF 2.8 and of the `_tsconf.xml` that ELAN writes where a user links a CSV.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
from pympi import Elan

from abaw.outputs.people import CLASSES, PROBABILITIES, People
from abaw.outputs.tiers import Tier
from abaw.outputs.viewer import COLORS, VALUE_COLORS
from abaw.running.files import whole_file
from abaw.tables.files import write_csv
from abaw.tasks import DIMENSIONS

VOCABULARY, LANGUAGE = "expressions", "eng"
_LANGUAGE_ADDRESS = "http://cdb.iso.org/lg/CDB-00138502-001"
_MIME_TYPES = {
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "mpg": "video/mpeg",
    "mpeg": "video/mpeg",
    "mov": "video/quicktime",
}
_OTHER_MIME_TYPE = "video/*"
_PROVIDER = "mpi.eudico.client.annotator.timeseries.csv.CSVServiceProvider"
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DATE = "1970-01-01T00:00:00+00:00"
"""The forms want a date; the same table gives the same bytes on any day."""


def write_elan(people: People, tiers: Sequence[Tier], video: Path, start_s: float, path: Path) -> list[Path]:
    """Write `path` (.eaf), and beside it the curves and what links them; gives all three.

    ELAN counts from the first frame: the file says that this is `start_s` by the video's own clock. A tier holds the
    expressions, of a controlled vocabulary, or the speech of one person. Valence, arousal and probabilities of each
    person are columns of the CSV, a row for each frame; nothing where nothing is known.
    """
    curves, linking = path.with_suffix(".csv"), path.with_name(f"{path.stem}_tsconf.xml")
    table = curves_of(people)
    write_csv(table, curves)
    with whole_file(linking) as beside:
        beside.write_bytes(_linking(table.column_names[1:], curves))
    with whole_file(path) as beside:
        Elan.to_eaf(str(beside), _document(tiers, video, start_s, path, curves, linking))
    return [path, curves, linking]


def curves_of(people: People) -> pa.Table:
    """`time_s`, and for each person the values and probabilities, named like `valence_1`."""
    columns = {"time_s": people.time_s}
    for person in people.persons:
        names = [f"{name}_{person.subject}" for name in (*DIMENSIONS, *PROBABILITIES)]
        columns |= dict(zip(names, np.hstack([person.values, person.probabilities]).T, strict=True))
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


def _document(tiers: Sequence[Tier], video: Path, start_s: float, path: Path, curves: Path, linking: Path) -> Elan.Eaf:
    eaf = Elan.Eaf(author="abaw-flow")
    eaf.adocument["DATE"] = _DATE
    eaf.add_language(LANGUAGE, _LANGUAGE_ADDRESS, "English (eng)")
    eaf.add_controlled_vocabulary(VOCABULARY)
    eaf.add_cv_description(VOCABULARY, LANGUAGE, "the eight expressions of the ABAW challenge")
    for place, name in enumerate(CLASSES):
        eaf.add_cv_entry(VOCABULARY, f"cveid_{place}", [(name, LANGUAGE, None)])
    eaf.remove_tier("default")
    eaf.remove_linguistic_type("default-lt")
    for kind in ("expression", "speaking"):
        eaf.add_linguistic_type(kind)
    eaf.linguistic_types["expression"]["CONTROLLED_VOCABULARY_REF"] = VOCABULARY
    for tier in tiers:
        eaf.add_tier(tier.name, ling=tier.kind, part=f"subject {tier.subject}")
        for start_ms, end_ms, label in tier.stretches:
            eaf.add_annotation(tier.name, start_ms, end_ms, label)
    _put_times_in_order(eaf)
    origin = round(start_s * 1000) or None
    mime_type = _MIME_TYPES.get(video.suffix[1:].lower(), _OTHER_MIME_TYPE)
    eaf.add_linked_file(_address(video), _relative(video, path), mime_type, origin)
    eaf.add_secondary_linked_file(_address(curves), _relative(curves, path), "text/csv")
    eaf.add_secondary_linked_file(_address(linking), _relative(linking, path), "text/xml")
    return eaf


def _put_times_in_order(eaf: Elan.Eaf) -> None:
    """Number the time slots as they follow each other: pympi does it tier by tier, ELAN's form wants them to rise."""
    rising = sorted(eaf.timeslots, key=eaf.timeslots.__getitem__)
    names = {slot: f"ts{number}" for number, slot in enumerate(rising, start=1)}
    eaf.timeslots = {names[slot]: eaf.timeslots[slot] for slot in rising}
    for aligned, *_ in eaf.tiers.values():
        for key, (start, end, *rest) in aligned.items():
            aligned[key] = (names[start], names[end], *rest)


def _linking(names: Sequence[str], curves: Path) -> bytes:
    root = ElementTree.Element("timeseries", {"date": _DATE, "version": "1.0"})
    about = {"sample-type": "Discontinuous Rate", "source-url": _address(curves), "time-column": "0"}
    source = ElementTree.SubElement(root, "tracksource", about)
    ElementTree.SubElement(source, "property", {"key": "provider", "value": _PROVIDER})
    forms = [("-1.0", color) for color in VALUE_COLORS] + [("0.0", color) for color in COLORS]
    for place, name in enumerate(names):
        low, color = forms[place % len(forms)]
        track = ElementTree.SubElement(source, "track", {"derivative": "0", "name": name})
        ElementTree.SubElement(track, "property", {"key": "detect-range", "value": "false"})
        position = ElementTree.SubElement(track, "sample-position")
        ElementTree.SubElement(position, "pos", {"row": "0", "col": str(place + 1)})
        ElementTree.SubElement(track, "description")
        ElementTree.SubElement(track, "units")
        ElementTree.SubElement(track, "range", {"min": low, "max": "1.0"})
        rgb = ",".join(str(part) for part in bytes.fromhex(color[1:]))
        ElementTree.SubElement(track, "color").text = rgb
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _address(path: Path) -> str:
    """ELAN takes what follows `file://` for a path as it is, without percent-encoding."""
    return _xml(f"file://{path.absolute()}")


def _relative(path: Path, document: Path) -> str:
    found = os.path.relpath(path.absolute(), document.absolute().parent)
    return _xml(found if found.startswith("..") else f"./{found}")


def _xml(text: str) -> str:
    """Text without what XML cannot hold, such as bytes of a name that are no UTF-8."""
    return _NOT_IN_XML.sub("\ufffd", text)
