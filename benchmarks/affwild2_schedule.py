"""How long the jobs of AffWild2 take on one machine's cards, for benchmarks/affwild2.py."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

BEFORE = "pre-training"
FACES_BEFORE = f"faces of {BEFORE}"
HEARD = "validation heard below the layers that learn"


@dataclass(frozen=True)
class Job:
    """A job: its stage, hours, how many cards it takes, none on the cores, and the jobs that it waits for."""

    stage: str
    hours: float
    cards: int
    after: set[str]


ON_CORES = {"faces": (), "separation": ("faces",), FACES_BEFORE: ("separation",)}
"""The stages that take the machine's cores, one by one, and what each waits for."""
NEXT = {
    BEFORE: (FACES_BEFORE,),
    "fine-tuning": (BEFORE, "faces"),
    "choosing its epoch": ("fine-tuning",),
    "embeddings": ("choosing its epoch",),
    "the transformers of the sweep": ("embeddings",),
    HEARD: ("separation",),
    "acoustic models": ("separation",),
    "choosing their epochs": ("acoustic models", HEARD),
    "predictions and embeddings of the voice": ("choosing their epochs",),
    "attention": ("embeddings", "predictions and embeddings of the voice"),
    "statistics of the voice": ("separation",),
}
"""What each stage of a challenge waits for: of the same challenge, or on the cores, where separation follows faces."""


def waits(stage: str, other: str) -> bool:
    """Whether a stage, such as "va: fine-tuning" or "faces", waits for another."""
    if stage in ON_CORES:
        return other in ON_CORES[stage]
    (task, name), (of, _, before) = stage.split(": "), other.rpartition(": ")
    return of in ("", task) and before in NEXT[name]


def makespan(jobs: Mapping[str, Job], cards: int) -> float:
    """Hours until all are done, where a job that is ready and has the most behind it goes first."""
    behind: dict[str, float] = {}
    for name in reversed(list(jobs)):  # jobs wait for earlier ones only
        behind[name] = jobs[name].hours + max((behind[n] for n, job in jobs.items() if name in job.after), default=0.0)
    waiting, done, now, free = set(jobs), set[str](), 0.0, cards
    running: list[tuple[float, str]] = []
    while waiting or running:
        ready = sorted((name for name in waiting if jobs[name].after <= done), key=lambda n: (-behind[n], n))
        for name in ready:
            if jobs[name].cards <= free:
                free -= jobs[name].cards
                waiting.remove(name)
                heapq.heappush(running, (now + jobs[name].hours, name))
        now, name = heapq.heappop(running)
        free += jobs[name].cards
        done.add(name)
    return now
