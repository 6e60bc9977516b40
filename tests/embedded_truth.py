"""Faces and mouths of the embedded corpus against what its generator knows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from abaw.config import GateConfig
from abaw.faces.tracking import overlaps
from abaw.speech.gate import Runs, authors_runs, interval_s, moving_runs, tidied

MIN_OVERLAP = 0.6
BOX = ("x0_px", "y0_px", "x1_px", "y1_px")


@dataclass
class Scores:
    """What was found of all samples together.

    `box_overlaps`: intersection over union with the true box for each analysed frame that has one, 0 where no face was
    found; `false_faces`: faces in frames that have none; `speech_s`: for each way to tell speech, the seconds of it
    that were found, that were called speech wrongly, and that were missed.
    """

    box_overlaps: list[float] = field(default_factory=list)
    false_faces: int = 0
    speech_s: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def share_of_boxes(self) -> float:
        """Of the faces, those whose box overlaps the true one by more than `MIN_OVERLAP`."""
        return float(np.mean(np.array(self.box_overlaps) > MIN_OVERLAP))

    def f1(self, way: str) -> float:
        """F1 of the seconds of speech."""
        right, wrong, missed = self.speech_s[way]
        return float(2 * right / (2 * right + wrong + missed))

    def add(
        self,
        sample: str,
        rows: Sequence[Mapping[str, Any]],
        mouths: Sequence[Mapping[str, Any]],
        truth: Path,
        gate: GateConfig,
    ) -> dict[str, np.ndarray]:
        """Count the rows of the tables `faces` and `mouths` of a sample; the seconds of speech of it alone."""
        known = pq.read_table(truth / "tracks" / f"{sample}.parquet", columns=list(BOX)).to_pydict()
        for row in rows:
            box = [known[name][row["frame"] - 1] for name in BOX]
            if box[0] is None:
                self.false_faces += row["has_face"]
            else:
                seen = [[row[name] for name in BOX]] if row["has_face"] else []
                self.box_overlaps += overlaps(np.array([box]), np.array(seen).reshape(-1, 4))[0].tolist() or [0.0]
        times_s, opening, area = (
            np.array([row[name] for row in mouths], dtype=float) for name in ("time_s", "mouth_opening", "mouth_area")
        )
        spoken = speech_runs(truth)[sample]
        said = {
            "movement": tidied(moving_runs(times_s, opening, gate), gate),
            "authors": authors_runs(times_s, area),
            "always": [(0.0, times_s[-1] + interval_s(times_s) / 2)],
        }
        own = {way: seconds(runs, spoken) for way, runs in said.items()}
        for way, counted in own.items():
            self.speech_s[way] = self.speech_s.get(way, np.zeros(3)) + counted
        return own


def speech_runs(truth: Path) -> dict[str, Runs]:
    """When each sample speaks, in seconds."""
    videos = json.loads((truth / "corpus.json").read_text())["videos"].values()
    return {
        sample: [(start_s, end_s) for start_s, end_s in about["speech_runs_s"]]
        for video in videos
        for sample, about in video["tracks"].items()
    }


def seconds(runs: Runs, known: Runs) -> np.ndarray:
    """Seconds of speech that were found, found wrongly, and missed; runs of one list do not overlap."""
    common = sum(max(0.0, min(b, d) - max(a, c)) for a, b in runs for c, d in known)
    said, spoken = (sum(b - a for a, b in each) for each in (runs, known))
    return np.array([common, said - common, spoken - common])
