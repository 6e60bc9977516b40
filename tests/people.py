"""Made-up `people` tables for the tests of outputs: as a run of predict would write them, small and known."""

from fractions import Fraction

import numpy as np
import pyarrow as pa

from abaw.outputs.people import BOX, CLASSES, PROBABILITIES
from abaw.tables.schemas import SCHEMAS


def made_table(video="film", n_frames=60, subjects=2, fps=Fraction(30), time_s=None, size_px=(64, 48), every=6):
    """Every subject in every frame: slow waves, an expression that changes every 15 frames, speech in turns.

    Each is measured in every `every`-th frame; the second is not seen in the last third.
    """
    if time_s is None:
        time_s = np.array([float(k / fps) for k in range(n_frames)])
    n = len(time_s)
    rows = np.arange(n)
    parts = []
    for subject in range(1, subjects + 1):
        seen = rows < (2 * n // 3 if subject == 2 else n)
        chosen = (rows // 15 + subject) % len(CLASSES)
        sure = np.full((n, len(CLASSES)), 0.05, np.float32)
        sure[rows, chosen] = 0.65
        left, width = 4 + 20 * (subject - 1), size_px[0] // 4
        box = np.array([left, 8, left + width, 8 + width], np.float32) * np.ones((n, 1), np.float32)
        columns = {
            "video": pa.array([video] * n),
            "subject": pa.array(np.full(n, subject, np.int32)),
            "frame": pa.array(rows.astype(np.int32) + 1),
            "time_s": pa.array(time_s),
            "has_face": pa.array(seen),
            "score": pa.array(np.full(n, 0.9, np.float32), mask=~seen),
            "valence": pa.array(np.sin(time_s + subject).astype(np.float32) * 0.8),
            "arousal": pa.array(np.cos(time_s * 2 + subject).astype(np.float32) * 0.5),
            "expression": pa.array([CLASSES[place] for place in chosen]),
            "valence_proxy": pa.array(np.zeros(n, np.float32)),
            "arousal_proxy": pa.array(np.zeros(n, np.float32)),
            "speaking": pa.array((rows // 20 + subject) % 2 == 0),
            "age_s": pa.array(time_s - time_s[rows - rows % every]),
            "va_system": pa.array(["1"] * n),
            "expr_system": pa.array(["2"] * n),
        }
        columns |= {name: pa.array(box[:, place], mask=~seen) for place, name in enumerate(BOX)}
        columns |= {name: pa.array(sure[:, place]) for place, name in enumerate(PROBABILITIES)}
        parts.append(pa.table({name: columns[name] for name in SCHEMAS["people"].names}))
    return pa.concat_tables(parts).cast(SCHEMAS["people"]) if parts else SCHEMAS["people"].empty_table()


def blanked(table, *names):
    """The table without anything in some columns, as where no model knows them."""
    for name in names:
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), pa.nulls(len(table), table.schema.field(name).type))
    return table
