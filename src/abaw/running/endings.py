"""How jobs end, by their logs, and what follows: more time or more memory at the next try, or no further try."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

OUT_OF_TIME = "the job was told to end"
OUT_OF_MEMORY = "the memory is used up"
"""How the sentences of `abaw.commands.base` begin that are no mistake of the user's."""


class Ending(Enum):
    """Why a job failed: a mistake that the user has to mend, too little time or memory, or something else."""

    MISTAKE = "mistake"
    TIME = "time"
    MEMORY = "memory"
    OTHER = "other"


def how_it_ended(log: Path, since: float = 0.0) -> Ending:
    """Why the job failed that wrote this log; `since` is when the run began, in seconds of the epoch.

    A log without a last word is that of a job which was killed, most likely for want of memory. One with a traceback,
    or that is not of this run, says nothing: a node went down, or there is a bug.
    """
    try:
        text = log.read_text(encoding="utf-8", errors="replace") if log.stat().st_mtime >= since else None
    except OSError:
        text = None
    if text is None or "Traceback (most recent call last)" in text:
        return Ending.OTHER
    word = next((line for line in reversed(text.splitlines()) if line.startswith("error: ")), None)
    if word is None:
        return Ending.MEMORY
    for beginning, ending in ((OUT_OF_TIME, Ending.TIME), (OUT_OF_MEMORY, Ending.MEMORY)):
        if word.startswith(f"error: {beginning}"):
            return ending
    return Ending.MISTAKE


def key_of(rule: str, wildcards: Mapping[str, str]) -> tuple[str, frozenset[tuple[str, str]]]:
    """What tells a job from all others."""
    return rule, frozenset(wildcards.items())


class Endings(logging.Handler):
    """Hears of every job that fails, counts why, and lets none be tried again that a user's mistake has ended.

    It listens to Snakemake's own logger, which tells of a failed job before the scheduler decides whether it is tried
    again. `running` gives the scheduler's running jobs, single or in groups; `since` is when the run began.
    """

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[tuple[Any, Ending]] = Counter()
        self._running: Callable[[], Iterable[Any]] = tuple
        self._since = 0.0

    def listen(self, logger: logging.Logger, running: Callable[[], Iterable[Any]], since: float) -> None:
        """Begin, in the process that schedules the jobs."""
        self._running, self._since = running, since
        logger.addHandler(self)

    def count(self, rule: str, wildcards: Mapping[str, str], ending: Ending) -> int:
        """How often this job has ended so, in this run."""
        return self._counts[key_of(rule, wildcards), ending]

    def emit(self, record: logging.LogRecord) -> None:
        """Look at the log of a job that has failed; what is no message of a failed job is none of ours."""
        if getattr(getattr(record, "event", None), "value", None) != "job_error":
            return
        number = getattr(record, "jobid", None)
        for whole in list(self._running()):
            for job in whole.jobs if whole.is_group() else [whole]:
                if job.jobid == number and not all(Path(path).exists() for path in job.output):
                    self._heed(whole, job)

    def _heed(self, whole: Any, job: Any) -> None:
        ending = how_it_ended(Path(str(job.log[0])), self._since) if job.log else Ending.OTHER
        self._counts[key_of(job.rule.name, job.wildcards_dict), ending] += 1
        if ending is Ending.MISTAKE:
            whole.attempt = whole.restart_times + 1  # the last one
