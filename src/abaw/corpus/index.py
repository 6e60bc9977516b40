"""One split of a challenge as tables: its tracks with their videos and row counts, and its rows with their labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from abaw.corpus.labels import read_labels, unlabelled_rows
from abaw.corpus.layout import Layout, Track
from abaw.errors import UserError
from abaw.submission import read_template, template_rows
from abaw.tables import SCHEMAS, labels
from abaw.tasks import Split, TaskName
from abaw.video import VideoInfo, probe


@dataclass(frozen=True)
class Index:
    """The tables `tracks` and `labels_{task}` of one split; the labels of the template's rows are null."""

    tracks: pa.Table
    labels: pa.Table


def index_split(layout: Layout, task: TaskName, split: Split) -> Index:
    """Read the label files or the template of a split, and the metadata of its videos; nothing is decoded.

    The label file or the template decides how many rows a track has, never the decoder; where the two differ, the track
    has a problem, which is counted and shown. Raises `UserError` for what cannot be read or contradicts itself.
    """
    chosen = [track for track in layout.tracks if track.splits.get(task) == split]
    if split == "test":
        n_rows = _template_rows(layout.templates[task], task, {track.sample for track in chosen})
        tables = [unlabelled_rows(task, track.sample, n_rows[track.sample]) for track in chosen]
    else:
        tables = [read_labels(track.labels[task], task, track.sample) for track in chosen]
    rows = [
        _track_row(track, probe(track.path), len(table))
        for track, table in tqdm(zip(chosen, tables, strict=True), total=len(chosen), disable=None)
    ]
    schema = SCHEMAS[labels(task)]
    return Index(pa.Table.from_pylist(rows, SCHEMAS["tracks"]), pa.concat_tables([schema.empty_table(), *tables]))


def _template_rows(template: Path, task: TaskName, listed: set[str]) -> dict[str, int]:
    asked = template_rows(read_template(template, task))
    if listed != set(asked):
        missing, unknown = sorted(listed - set(asked)), sorted(set(asked) - listed)
        raise UserError(
            f"the test list of {task} and the template {template} differ: the template lacks {missing or 'nothing'} "
            f"and has {unknown or 'nothing'} that the list does not name; take both from the same edition"
        )
    return asked


def _problems(info: VideoInfo, n_rows: int) -> Iterator[str]:
    surplus = n_rows - info.n_frames
    if surplus:
        kind = "one row more" if surplus == 1 else "more rows" if surplus > 0 else "fewer rows"
        yield f"{kind} than frames ({n_rows} rows, {info.n_frames} frames)"
    if not info.has_audio:
        yield "no audio stream"
    if info.is_variable:
        yield "variable frame rate: every frame counts at its own time, not at (k - 1) / fps"


def _track_row(track: Track, info: VideoInfo, n_rows: int) -> dict[str, object]:
    return {
        "sample": track.sample,
        "video": track.video,
        "path": str(track.path),
        "fps_num": info.fps.numerator,
        "fps_den": info.fps.denominator,
        "n_frames": info.n_frames,
        "n_rows": n_rows,
        "duration_s": float(info.duration_s),
        "has_audio": info.has_audio,
        "problems": "; ".join(_problems(info, n_rows)),
        "side": track.side,
        "frame_times_s": [float(time) for time in info.frame_times] if info.frame_times else None,
    }
