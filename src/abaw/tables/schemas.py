"""The schemas of the Parquet tables that pass between the stages, by kind.

`sample` is the annotation's name, with any `_left` or `_right`; `video` is it without exactly that suffix. `frame`
counts from 1. Times are seconds from the first video frame: frame k begins at (k - 1) / fps,
or at the k-th of the track's `frame_times_s` where the frame rate is variable and these are not null.
"""

from collections.abc import Mapping

import pyarrow as pa

from abaw.tasks import DIMENSIONS, TASKS, Kind, Task, TaskName

EMBEDDING_SIZE = 256
VOICED = "voiced"
"""Whether the target speaker speaks in a prediction's span; models that do not hear leave the column out: null."""
FIVE_POINTS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
"""The subject's own right and left, in the order of RetinaFace and of insightface's alignment."""


def _schema(required: Mapping[str, pa.DataType], nullable: Mapping[str, pa.DataType] | None = None) -> pa.Schema:
    fields = [pa.field(name, kind, nullable=False) for name, kind in required.items()]
    return pa.schema(fields + [pa.field(name, kind) for name, kind in (nullable or {}).items()])


_ROW = {"sample": pa.string(), "frame": pa.int32()}
_SPAN = {"sample": pa.string(), "start_s": pa.float64(), "end_s": pa.float64()}

SCHEMAS: dict[str, pa.Schema] = {
    "tracks": _schema(
        {
            "sample": pa.string(),
            "video": pa.string(),
            "path": pa.string(),
            "fps_num": pa.int64(),
            "fps_den": pa.int64(),
            "n_frames": pa.int64(),
            "n_rows": pa.int64(),
            "duration_s": pa.float64(),
            "has_audio": pa.bool_(),
            "problems": pa.string(),
        },
        {"side": pa.string(), "frame_times_s": pa.list_(pa.float64())},
    ),
    "faces": _schema(
        _ROW | {"time_s": pa.float64(), "has_face": pa.bool_()},
        {"score": pa.float32()}
        | {name: pa.float32() for name in ("x0_px", "y0_px", "x1_px", "y1_px")}
        | {f"{point}_{axis}_px": pa.float32() for point in FIVE_POINTS for axis in "xy"}
        | {"mouth_opening": pa.float32(), "mouth_area": pa.float32(), "crop": pa.binary()}
        | {"mesh": pa.list_(pa.float16())},
    ),
    "mouths": _schema(_ROW | {"time_s": pa.float64()}, {"mouth_opening": pa.float32(), "mouth_area": pa.float32()}),
    "voiced": _schema({"sample": pa.string(), "run": pa.int32(), "start_s": pa.float64(), "end_s": pa.float64()}),
    "embeddings": _schema(
        _ROW | {"time_s": pa.float64(), "has_face": pa.bool_()},
        {"embedding": pa.list_(pa.float16(), EMBEDDING_SIZE)},
    ),
    "voice_embeddings": _schema(
        _ROW | {"time_s": pa.float64(), "has_face": pa.bool_(), "embedding": pa.list_(pa.float16())}
    ),
    "features": _schema(_ROW | {"time_s": pa.float64(), "has_face": pa.bool_()}, {"embedding": pa.list_(pa.float16())}),
}
EMBEDDED = ("embeddings", "voice_embeddings", "features")
"""The kinds of tables with numbers for each analysed frame: of faces, of the voice, of anything else.

`has_face` is false where a table has none; what `features` are made of, and how many they are, is nobody's business.
"""
_STATISTICS = dict.fromkeys(("mean", "deviation"), pa.list_(pa.float16()))
SCHEMAS["voice_statistics"] = _schema(_SPAN | {VOICED: pa.bool_()} | _STATISTICS)
_LABELS: dict[Kind, pa.DataType] = {"values": pa.float64(), "classes": pa.int8(), "flags": pa.int8()}


def schemas_of(task: Task) -> dict[str, pa.Schema]:
    """The schemas of the tables that each challenge has of its own, by kind."""
    outputs = dict.fromkeys(task.outputs, pa.float32())
    truth = {f"true_{name}": pa.float64() for name in task.labels}
    return {
        f"labels_{task.name}": _schema(_ROW, dict.fromkeys(task.labels, _LABELS[task.kind])),
        f"predictions_{task.name}": _schema(_SPAN | outputs, {VOICED: pa.bool_()}),
        f"frames_{task.name}": _schema(_ROW | outputs),
        f"scored_{task.name}": _schema(
            {"variant": pa.string()} | _SPAN | dict.fromkeys(task.outputs, pa.float64()), truth
        ),
        f"candidates_{task.name}": _schema(
            _SPAN | {"chooses": pa.bool_(), "predicts": pa.bool_(), "outputs": pa.list_(pa.float16())}, truth
        ),
    }


for _task in TASKS.values():
    SCHEMAS |= schemas_of(_task)
SCHEMAS["pretraining"] = _schema(
    {"corpus": pa.string(), "path": pa.string(), "split": pa.string()},
    {"time_s": pa.float64(), "row": pa.int64()}
    | {name: pa.float32() for name in ("x0_px", "y0_px", "x1_px", "y1_px")}
    | {"valence": pa.float64(), "arousal": pa.float64(), "expression": pa.int8(), "subject": pa.string()},
)
SCHEMAS["pretraining_crops"] = _schema(
    {"corpus": pa.string(), "path": pa.string(), "split": pa.string(), "crop": pa.binary()},
    {"time_s": pa.float64(), "row": pa.int64()}
    | {"valence": pa.float64(), "arousal": pa.float64(), "expression": pa.int8()},
)

SCHEMAS["people"] = _schema(
    {
        "video": pa.string(),
        "subject": pa.int32(),
        "frame": pa.int32(),
        "time_s": pa.float64(),
        "has_face": pa.bool_(),
    },
    {name: pa.float32() for name in ("x0_px", "y0_px", "x1_px", "y1_px", "score")}
    | {name: pa.float32() for name in DIMENSIONS}
    | {f"p_{name}": pa.float32() for name in TASKS["expr"].outputs}
    | {"expression": pa.string()}
    | {f"{name}_proxy": pa.float32() for name in DIMENSIONS}
    | {"speaking": pa.bool_(), "age_s": pa.float64(), "va_system": pa.string(), "expr_system": pa.string()},
)
"""What `predict` gives: a row for every frame that a player shows and every subject, by subject, then frame.

`subject` counts from 1 by first appearance; `time_s` is the frame's own time, counted from the first frame's.
`has_face` says whether a face was found at the analysed frame that stands for this one; the box is in pixels of the
picture as it is shown, null without a face. Values are null where no model knows them; `expression` is the class of the
largest probability, in lower case. The proxies are where the probabilities stand on the circumplex. `age_s` is how old
the last measured face is: 0 where measured, null before the first.
"""


def predictions(task: TaskName) -> str:
    """The kind of the table that every model of `task` writes; only those that hear fill its column `voiced`."""
    return f"predictions_{task}"


def frames(task: TaskName) -> str:
    """The kind of the table of predictions at the rows that labels or template ask for."""
    return f"frames_{task}"


def scored(task: TaskName) -> str:
    """The kind of the table of a model's own windows on validation, with outputs and truth (null where unknown).

    `variant` says which of a model's forms the outputs are of; all have the same windows.
    """
    return f"scored_{task}"


def candidates(task: TaskName) -> str:
    """The kind of the table of what each candidate of a model, an epoch or a cell, says of validation.

    `outputs` are those of all candidates, one after the other. A row may be one by which candidates are compared with
    the truth (`chooses`), one of the predictions that go on to the timeline (`predicts`), or both.
    """
    return f"candidates_{task}"


def labels(task: TaskName) -> str:
    """The kind of the table of annotations of `task`."""
    return f"labels_{task}"
