"""Does the corpus hold together, and is it what was published? Labels are read, of videos no more than a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product

from tqdm import tqdm

from abaw.config import CorpusConfig
from abaw.corpus.index import test_rows, track_problems
from abaw.corpus.labels import read_labels
from abaw.corpus.layout import Layout, read_folders
from abaw.media.decisions import Decision
from abaw.media.video import decisions, probe
from abaw.running.errors import Mistakes
from abaw.tasks import SPLITS, TASKS, Split, TaskName

PROBLEM_COLUMNS = ("task", "split", "sample", "code", "problem", "remedy")
COUNT_COLUMNS = ("tracks", "rows", "labelled")


@dataclass(frozen=True)
class Count:
    """What a split of a challenge holds: `found` and `published` by `COUNT_COLUMNS`, the latter where it is known."""

    task: TaskName
    split: Split
    found: dict[str, int]
    published: Mapping[str, int]


@dataclass(frozen=True)
class CorpusCheck:
    """The counts of every split, and every problem as a row of `PROBLEM_COLUMNS`; none of them stops a run."""

    counts: tuple[Count, ...]
    problems: tuple[dict[str, str], ...]


def check_corpus(corpus: CorpusConfig) -> CorpusCheck:
    """Read all labels, lists and templates, probe all videos and look at their first pictures, one file at a time.

    Raises one `UserError` with a sentence for everything that would stop a run: first for what is wrong with names and
    folders, and when nothing is, for what is wrong inside the files.
    """
    layout = read_folders(corpus)
    mistakes, probed, decided = Mistakes(), cache(probe), cache(decisions)
    counts, problems = [], []
    for task, split in tqdm(list(product(TASKS, SPLITS)), disable=None):
        published = TASKS[task].published.get(split, {}) if corpus.edition == "affwild2" else {}
        rows, labelled = _read_rows(layout, task, split, mistakes)
        found = {"tracks": len(rows), "rows": sum(rows.values()), "labelled": labelled}
        counts.append(Count(task, split, found, published))
        for track in layout.tracks_of(task, split):
            with mistakes.kept():
                info = probed(track.path)
                if track.sample in rows:
                    ours = decided(track.path, corpus.chosen_sound)
                    these = track_problems(track.sample, info, ours, rows[track.sample], corpus.max_row_difference)
                    problems += [_problem(task, split, track.sample, one) for one in these]
    mistakes.tell()
    return CorpusCheck(tuple(counts), (*_skipped(layout), *_miscounts(counts), *problems))


def _read_rows(layout: Layout, task: TaskName, split: Split, mistakes: Mistakes) -> tuple[dict[str, int], int]:
    """The rows of each track of a split, of those that can be read, and how many rows have a label in all."""
    chosen = [track.sample for track in layout.tracks_of(task, split)]
    if split == "test":
        with mistakes.kept():
            asked = test_rows(layout, task)
            return {sample: asked[sample] for sample in chosen}, 0
        return {}, 0
    rows, labelled = {}, 0
    for track in layout.tracks_of(task, split):
        with mistakes.kept():
            table = read_labels(track.labels[task], task, track.sample)
            rows[track.sample] = len(table)
            labelled += len(table) - table[TASKS[task].labels[0]].null_count
    return rows, labelled


def _problem(task: str, split: str, sample: str, found: Decision) -> dict[str, str]:
    return dict(zip(PROBLEM_COLUMNS, (task, split, sample, found.code, found.found, found.remedy), strict=True))


def _skipped(layout: Layout) -> list[dict[str, str]]:
    return [
        _problem(
            task,
            split,
            skip.track.sample,
            Decision("skipped", f"skipped: {skip.reason}", "copy the video again, or do without it"),
        )
        for skip in layout.skipped
        for task, split in skip.track.splits.items()
    ]


def _miscounts(counts: list[Count]) -> list[dict[str, str]]:
    return [
        _problem(
            count.task,
            count.split,
            "",
            Decision(
                "miscount",
                f"{count.found[column]} {column}, published are {number}",
                "see that all archives are unpacked; for a corpus other than AffWild2 set corpus.edition to other",
            ),
        )
        for count in counts
        for column, number in count.published.items()
        if count.found[column] != number
    ]
