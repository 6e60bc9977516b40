"""One split of a challenge as tables: its tracks with their videos and row counts, and its rows with their labels."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa
from tqdm import tqdm

from abaw.config import CorpusConfig
from abaw.corpus.labels import read_labels, unlabelled_rows
from abaw.corpus.layout import Layout, Track
from abaw.corpus.template import read_template, template_rows
from abaw.media.decisions import Decision
from abaw.media.video import VideoInfo, decisions, probe
from abaw.running.errors import UserError
from abaw.tables.schemas import SCHEMAS, labels
from abaw.tasks import SPLITS, TASKS, Split, TaskName

_REMEDIES = {
    "one row more": "none is needed: the organisers often count one frame more, the last prediction is held",
    "more rows": "the last prediction is held; check the video where the difference is large",
    "fewer rows": "the frames beyond the last row are not asked for; check the video where the difference is large",
}


@dataclass(frozen=True)
class Index:
    """The tables `tracks` and `labels_{task}` of one split; the labels of the template's rows are null."""

    tracks: pa.Table
    labels: pa.Table


def index_split(layout: Layout, task: TaskName, split: Split, corpus: CorpusConfig) -> Index:
    """Read the label files or the template of a split, and the metadata and the first picture of its videos.

    The label file or the template decides how many rows a track has, never the decoder; where the two differ, the track
    has a problem, which is counted and shown. The labels of validation's tracks in `corpus.unscored` are left out.
    Raises `UserError` for what cannot be read or contradicts itself, and for an unscored track that there is not.
    """
    chosen = layout.tracks_of(task, split)
    if split == "test":
        n_rows = test_rows(layout, task)
        tables = [unlabelled_rows(task, track.sample, n_rows[track.sample]) for track in chosen]
    else:
        tables = [read_labels(track.labels[task], task, track.sample) for track in chosen]
    if split == "val":
        _refuse_unknown(layout, corpus.unscored)
        tables = [
            unlabelled_rows(task, track.sample, len(table)) if track.sample in corpus.unscored else table
            for track, table in zip(chosen, tables, strict=True)
        ]
    rows = [
        _track_row(
            track,
            probe(track.path),
            decisions(track.path, corpus.chosen_sound),
            len(table),
            corpus.max_row_difference,
        )
        for track, table in tqdm(zip(chosen, tables, strict=True), total=len(chosen), disable=None)
    ]
    schema = SCHEMAS[labels(task)]
    return Index(pa.Table.from_pylist(rows, SCHEMAS["tracks"]), pa.concat_tables([schema.empty_table(), *tables]))


def _refuse_unknown(layout: Layout, unscored: Collection[str]) -> None:
    known = {track.sample for track in layout.tracks}.union(
        *(layout.skipped_of(task, split) for task in TASKS for split in SPLITS)
    )
    if unknown := sorted(set(unscored) - known):
        raise UserError(
            f"corpus.unscored names {', '.join(unknown)}, of which the corpus has no track; correct the name, or "
            "take it out"
        )


def test_rows(layout: Layout, task: TaskName) -> dict[str, int]:
    """How many rows the template asks for of each test sample; `UserError` where template and test list differ."""
    template, listed = layout.templates[task], layout.test_lists[task]
    asked = template_rows(read_template(template, task))
    names = {track.sample for track in layout.tracks_of(task, "test")} | set(layout.skipped_of(task, "test"))
    line = 2
    for sample, n_rows in asked.items():
        if sample not in names:
            raise UserError(
                f"{template}, line {line}: {sample!r} is not a name in the test list {listed}; take both from the same "
                "edition"
            )
        line += n_rows
    if lacking := sorted(names - set(asked)):
        raise UserError(
            f"the test list {listed} names {', '.join(lacking)}, for which the template {template} has no rows; take "
            "both from the same edition"
        )
    return asked


def track_problems(
    sample: str, info: VideoInfo, decided: Sequence[Decision], n_rows: int, max_row_difference: int
) -> list[Decision]:
    """What does not fit together in a track, and what was decided for its video.

    Raises `UserError` where rows and frames differ by more than `max_row_difference` rows.
    """
    found = []
    surplus = n_rows - info.n_frames
    if surplus:
        kind = "one row more" if surplus == 1 else "more rows" if surplus > 0 else "fewer rows"
        said = f"{kind} than frames ({n_rows} rows, {info.n_frames} frames)"
        found.append(Decision(kind.replace(" ", "_"), said, _REMEDIES[kind]))
    if abs(surplus) > max_row_difference:
        raise UserError(
            f"the track {sample!r} has {n_rows} rows for {info.n_frames} frames, a difference of {abs(surplus)}; check "
            "that labels and video belong together, or raise corpus.max_row_difference from "
            f"{max_row_difference}"
        )
    if not info.has_audio:
        remedy = "none is needed: silence is taken; copy the video again if it should have sound"
        found.append(Decision("no_audio", "no audio stream", remedy))
    if info.is_variable:
        remedy = "none is needed: every frame counts at its own time, not at (k - 1) / fps"
        found.append(Decision("variable_rate", "variable frame rate", remedy))
    return [*found, *decided]


def _track_row(
    track: Track, info: VideoInfo, decided: Sequence[Decision], n_rows: int, max_row_difference: int
) -> dict[str, object]:
    problems = track_problems(track.sample, info, decided, n_rows, max_row_difference)
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
        "problems": "; ".join(problem.found for problem in problems),
        "side": track.side,
        "frame_times_s": [float(time) for time in info.frame_times] if info.frame_times else None,
    }
