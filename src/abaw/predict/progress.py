"""What Snakemake says of a run, put into one line that a person understands."""

import re
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

STAGES = {
    "digest_film": "reading the videos",
    "list_failed": "listing videos that cannot be read",
    "open_bundle": "opening the bundle",
    "export_embedder": "preparing networks",
    "export_spleeter": "preparing networks",
    "export_detector": "preparing networks",
    "retrieve_weights": "getting weights",
    "find_people": "finding people",
    "separate_film_speech": "separating voices",
    "gate_film_speech": "finding speech",
    "predict_film": "predicting",
    "write_viewer": "drawing pages",
    "export_annotations": "writing for other programs",
    "annotate_video": "drawing into the videos",
    "write_summary": "summing up",
    "write_index": "drawing pages",
    "predict": "done",
}
LAST = "predict_film"
_STEPS = re.compile(r"(\d+) of (\d+) steps \(")
_PLANNED = re.compile(r"(\w+) +(\d+)")
_RULE = re.compile(r"(?:local)?rule (\w+):")
_FINISHED = re.compile(r"Finished jobid: \d+ \(Rule: (\w+)\)")
_REFUSED = re.compile(r"WorkflowError in .*:")
_LOG = re.compile(r"    log: (.+?)(?: \(check log file.*)?")


class Progress:
    """Hears a run's lines: shows videos done of all, the stage at work and the time left, and keeps what went wrong.

    It is silent where there is no terminal.
    """

    def __init__(self) -> None:
        self.planned: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self._bar: tqdm[Any] = tqdm(unit="step", disable=None, leave=False, bar_format="{l_bar}{bar}| {remaining} left")
        self._tail: deque[str] = deque(maxlen=30)
        self._logs: list[str] = []
        self._said: list[str] = []
        self._failing = False

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def hear(self, line: str) -> None:
        """Take in one line."""
        if self._tail and _REFUSED.fullmatch(self._tail[-1]):
            self._said.append(line)
        self._tail.append(line)
        if line.startswith("error: "):
            self._said.append(line.removeprefix("error: "))
        elif found := _STEPS.match(line):
            self._bar.total = int(found[2])
            self._bar.n = int(found[1])
            self._bar.refresh()
        elif found := _FINISHED.match(line):
            self.done[found[1]] = self.done.get(found[1], 0) + 1
            self._describe(found[1])
        elif found := _RULE.match(line):
            self._describe(found[1])
        elif line.startswith("Error in rule "):
            self._failing = True
        elif self._failing and (found := _LOG.fullmatch(line)):
            self._logs.append(found[1])
            self._failing = False
        elif not self.done and (found := _PLANNED.fullmatch(line)):
            self.planned[found[1]] = int(found[2])

    def sentences(self, folder: Path) -> list[str]:
        """Why the run failed: what it said itself, and the last words of each job's log; else its last lines.

        Snakemake shows the logs of failed jobs, too: what a job said last is told once.
        """
        last_words: list[tuple[str, Path]] = []
        for name in dict.fromkeys(self._logs):
            path = folder / name
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
            last = next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1] if lines else "?")
            last_words.append((last.removeprefix("error: "), path))
        own = [said for said in dict.fromkeys(self._said) if said not in dict(last_words)]
        return own + [f"{said} (log: {path})" for said, path in last_words] or list(self._tail)

    def _describe(self, rule: str) -> None:
        videos = self.planned.get(LAST)
        counted = f"{self.done.get(LAST, 0)} of {videos} videos, " if videos else ""
        self._bar.set_description_str(f"{counted}{STAGES.get(rule, rule.replace('_', ' '))}")
