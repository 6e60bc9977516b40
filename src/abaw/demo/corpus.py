"""Writing the demo corpus in AffWild2's own form: videos, annotations, test lists, submission templates, and its truth.

Real faces of installed packages move and speak as drawn emotions ask; see `plan` for who plays where, `latent` for what
they feel, `puppet` and `actor` for the faces, `voice` for the speech.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from abaw.config import CorpusConfig
from abaw.demo.film import write_video
from abaw.demo.latent import Latents, latents
from abaw.demo.plan import TEMPLATES, CorpusPlan, TrackPlan, VideoPlan, annotation_file
from abaw.demo.scene import Scene, frame_times
from abaw.demo.truth import write_corpus_truth, write_speech, write_track_truth
from abaw.demo.voice import RATE_HZ, Speech, mixed, perform
from abaw.running.files import whole_file
from abaw.tasks import TASKS, TaskName

_INVALID: dict[TaskName, str] = {"va": "-5,-5", "expr": "-1"}


def write_corpus(plan: CorpusPlan, corpus: CorpusConfig, truth: Path, workers: int = 1) -> None:
    """Write all of `plan.files(corpus)` and `plan.truth_files(truth)`.

    `workers` processes draw videos side by side; the files do not depend on how many.
    """
    spoken = perform(plan)
    for _ in tqdm(_filmed(plan, corpus, truth, spoken, workers), total=len(plan.videos), unit="video", disable=None):
        pass
    for video in plan.videos:
        for track in video.tracks:
            _write_annotations(corpus, video, track)
    for task in TASKS:
        _write_test_split(plan, corpus, task)
    write_corpus_truth(truth, plan, spoken)


def _filmed(
    plan: CorpusPlan, corpus: CorpusConfig, truth: Path, spoken: Mapping[str, Speech], workers: int
) -> Iterator[str]:
    """Make each video; yields its name when it is done."""
    jobs = [
        (video, {track.sample: spoken[track.sample] for track in video.tracks}, Path(corpus.videos), truth)
        for video in plan.videos
    ]
    if workers == 1:
        for job in jobs:
            yield _film(*job)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_film, *job) for job in jobs]):
            yield done.result()


def _film(video: VideoPlan, spoken: Mapping[str, Speech], folder: Path, truth: Path) -> str:
    clean = np.stack([speech.sound for speech in spoken.values()]).sum(axis=0)
    runs_s = tuple(run for speech in spoken.values() for run in speech.runs_s)
    cv2.setNumThreads(1)
    with threadpool_limits(1):
        scene = Scene(video, spoken)
        size_px = (video.width_px, video.height_px)
        sound = mixed(video, clean, runs_s)
        write_video(folder / video.path, scene.frames(), video.fps, size_px, sound, RATE_HZ)
    write_speech(truth, video, clean)
    for track in video.tracks:
        write_track_truth(truth, video, track, scene.seen[track.sample])
    return video.name


def _write_annotations(corpus: CorpusConfig, video: VideoPlan, track: TrackPlan) -> None:
    if track.split == "test":
        return
    felt = latents(track, frame_times(video, track.n_rows))
    for task in track.tasks:
        rows = _rows(task, track, felt)
        _write_lines(annotation_file(corpus, task, track), [TASKS[task].label_header, *rows])


def _rows(task: TaskName, track: TrackPlan, felt: Latents) -> list[str]:
    """The lines of an annotation after its header."""
    if task == "expr":
        rows = [str(expression) for expression in felt.expression]
    else:
        digits = 4 if track.split == "train" else 3
        rows = [
            f"{_number(valence, digits)},{_number(arousal, digits)}"
            for valence, arousal in zip(felt.valence, felt.arousal, strict=True)
        ]
    if track.invalid:
        first, last = track.invalid
        rows[first - 1 : last] = [_INVALID[task]] * (last - first + 1)
    return rows


def _number(value: float, digits: int) -> str:
    # Adding 0 turns -0.0 into 0.0.
    return str(round(float(value), digits) + 0.0)


def _write_test_split(plan: CorpusPlan, corpus: CorpusConfig, task: TaskName) -> None:
    tracks = sorted(plan.annotated(task, "test"), key=lambda track: track.sample)
    _write_lines(Path(corpus.test_lists) / TASKS[task].test_list, [track.sample for track in tracks])
    rows = [f"{track.sample}/{frame:05d}.jpg," for track in tracks for frame in range(1, track.n_rows + 1)]
    _write_lines(Path(corpus.templates) / TEMPLATES[task], [TASKS[task].header, *rows])


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with whole_file(path) as beside:
        beside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
