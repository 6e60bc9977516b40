"""Both rules of the mouth gate on real speakers, with silero-vad as the witness of when there is speech.

    python benchmarks/gate.py ../shared/media                        CREMA-D and GRID
    python benchmarks/gate.py ../shared/media --sets crema-d grid two-people pexels

The folder holds a folder of clips for each set. Each clip shows who is heard, so that a voice is the speaker's; of a
set with `two` in its name the voice may be either of two people's, and their runs are put together. Faces are analysed
at the rate of config/config.yaml, and mouths measured at that rate, at that of the gate (--rate-hz, else as there), and
at every frame. With --predict the mouths at the gate's rate are those that `predict` has by default: of the pass that
finds the faces, at predict.mouths_hz, the detector asked every predict.detect_every_s. Speech is compared in seconds:
what the gate finds is right where the witness hears a voice. The witness is no truth: lips open before the voice and
close after it, and of a voice off the picture it hears as much.

With --choose the thresholds of `movement` are chosen from a grid on one set, by its F1 and without a missed clip, and
judged on the other. The last line printed is a JSON object, of the sets CREMA-D and GRID at the rate of
the gate: `f1_movement`, `recall_movement`, `precision_movement`, `f1_authors`,
`missed_clips` (with speech and without a run on it), and with --choose `f1_held_out`.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from embedded_truth import seconds  # noqa: E402  (the folders need not be installed)

from abaw.config import Config, GateConfig, check_config  # noqa: E402
from abaw.faces.detectors import make_detector  # noqa: E402
from abaw.faces.pipeline import analyse_video, followed_frames  # noqa: E402
from abaw.faces.subjects import Subject  # noqa: E402
from abaw.media.sound import MIXTURE_RATE_HZ, extract_stereo  # noqa: E402
from abaw.media.video import probe  # noqa: E402
from abaw.predict.mouths import mouth_rows  # noqa: E402
from abaw.speech.gate import Runs, authors_runs, join_runs, moving_runs, tidied  # noqa: E402
from abaw.speech.mouths import Boxes, measure_mouths  # noqa: E402
from abaw.speech.resampling import resampled  # noqa: E402
from abaw.speech.vad import SAMPLE_RATE_HZ, heard_runs  # noqa: E402

CHOSEN_ON = ("crema-d", "grid")
SUFFIXES = {".flv", ".mpg", ".mp4", ".mov", ".avi", ".mkv", ".webm"}
GRID = {
    "min_opening": (0.005, 0.01, 0.02, 0.03, 0.05),
    "min_movement": (0.006, 0.01, 0.015, 0.02, 0.03),
    "window_s": (0.3, 0.4, 0.5, 0.6, 0.8),
    "max_blip_s": (0.0, 0.1, 0.2),
    "max_gap_s": (0.3, 0.5, 0.8),
}


@dataclass(frozen=True)
class Clip:
    """A clip of a set: its mouths by rate, (time_s, opening, area) rows for each person, and what the witness hears."""

    group: str
    name: str
    mouths: dict[str, list[np.ndarray]]
    heard: Runs

    def found(self, rate: str, rule: str, gate: GateConfig) -> Runs:
        """The runs of any person by a rule."""
        runs: Runs = []
        for rows in self.mouths[rate]:
            times_s, opening, area = rows.T
            runs += (
                tidied(moving_runs(times_s, opening, gate), gate) if rule == "movement" else authors_runs(times_s, area)
            )
        return join_runs(sorted(runs), 0.0)


def clips(folder: Path, sets: Sequence[str], config: Config, as_predict: bool) -> Iterator[Clip]:
    """The clips with sound, analysed."""
    for group in sets:
        paths = sorted(path for path in (folder / group).iterdir() if path.suffix in SUFFIXES)
        for path in tqdm(paths, group, unit="clip", disable=None):
            if not probe(path).has_audio:
                continue
            sides = ("left", "right") if "two" in group else (None,)
            subjects = [Subject(f"{path.stem}_{side}", side) for side in sides]
            rows = [row for frame in analyse_video(path, subjects, config.faces, 1) for row in frame]
            boxes = {one.sample: Boxes.of(row for row in rows if row["sample"] == one.sample) for one in subjects}
            tables = [rows] + [
                [row for frame in measure_mouths(path, boxes, rate_hz, config.faces.margin_px) for row in frame]
                for rate_hz in (config.speech.gate.rate_hz, None)
            ]
            if as_predict:
                tables[1] = rows_of_predict(path, subjects, config)
            mono = (block.mean(axis=1).astype(np.float32) / 32768 for block in extract_stereo(path))
            heard = heard_runs(resampled(mono, MIXTURE_RATE_HZ, SAMPLE_RATE_HZ))
            series = {rate: [_series(table, name) for name in boxes] for rate, table in zip(RATES, tables, strict=True)}
            yield Clip(group, path.name, series, heard)


def rows_of_predict(path: Path, subjects: list[Subject], config: Config) -> list[dict]:
    """The mouths of a clip as `predict` measures them."""
    faces = config.faces.model_copy(update={"detect_every_s": config.predict.detect_every_s})
    detector, rate_hz = make_detector(faces, 1), config.speech.gate.rate_hz
    found: list[dict] = []
    for frame, seen in followed_frames(path, subjects, faces, 1, detector, mouths_hz=rate_hz):
        found += mouth_rows(frame, zip([one.sample for one in subjects], seen, strict=True))
    return found


RATES = ("analysed", "the gate's", "every frame")


def _series(rows: Sequence[dict], sample: str) -> np.ndarray:
    names = ("time_s", "mouth_opening", "mouth_area")
    return np.array([[row[name] for name in names] for row in rows if row["sample"] == sample], dtype=float)


@dataclass(frozen=True)
class Score:
    """Seconds called speech, their recall, precision and F1, and the clips with speech on which no run lies."""

    called_s: float
    recall: float
    precision: float
    f1: float
    missed: int

    @classmethod
    def of(cls, chosen: Sequence[Clip], rate: str, rule: str, gate: GateConfig) -> "Score":
        """Over the seconds of all clips together."""
        each = [seconds(clip.found(rate, rule, gate), clip.heard) for clip in chosen]
        right, wrong, lost = np.sum(each, axis=0) if each else np.zeros(3)
        missed = sum(bool(clip.heard) and bool(own[0] <= 0) for clip, own in zip(chosen, each, strict=True))
        parts = (right + lost, right + wrong, right + (wrong + lost) / 2)
        return cls(float(right + wrong), *(float(right / part) if part > 0 else 0.0 for part in parts), missed)


def held_out(found: Sequence[Clip], rate: str, gate: GateConfig) -> float:
    """The mean F1 on each set of `CHOSEN_ON` of the thresholds that are best on the other."""
    tried = [
        gate.model_copy(update=dict(zip(GRID, values, strict=True))) for values in itertools.product(*GRID.values())
    ]
    scores = {
        group: [Score.of([clip for clip in found if clip.group == group], rate, "movement", one) for one in tried]
        for group in CHOSEN_ON
    }
    reached = []
    for judged, chosen in zip(CHOSEN_ON, reversed(CHOSEN_ON), strict=True):
        best = max(one.f1 for one in scores[chosen] if not one.missed)
        equals = [k for k, one in enumerate(scores[chosen]) if one.f1 == best and not one.missed]
        mean = float(np.mean([scores[judged][k].f1 for k in equals]))
        values = ", ".join(f"{name} {getattr(tried[equals[0]], name)}" for name in GRID)
        print(
            f"chosen on {chosen}: F1 {best:.3f} there, {mean:.3f} on {judged}; {len(equals)} equals, such as {values}"
        )
        reached.append(mean)
    return float(np.mean(reached))


def main() -> None:
    """Measure, and print a line for each set, rate and rule, and the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(CHOSEN_ON), help="folders in it")
    parser.add_argument("--rate-hz", type=float, help="of the gate, in place of speech.gate.rate_hz")
    parser.add_argument("--predict", action="store_true", help="mouths as predict has them, at its rate")
    parser.add_argument("--choose", action="store_true", help="choose thresholds on one set, judge them on the other")
    args = parser.parse_args()

    config = check_config(yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8")))
    rate_hz = config.predict.mouths_hz if args.predict else args.rate_hz
    if rate_hz:
        rated = config.speech.gate.model_copy(update={"rate_hz": rate_hz})
        speech = config.speech.model_copy(update={"gate": rated})
        config = config.model_copy(update={"speech": speech})
    gate = config.speech.gate
    found = list(clips(args.folder, args.sets, config, args.predict))
    both = [clip for clip in found if clip.group in CHOSEN_ON]
    heads = ["set", "clips", "speech_s", "rate", "rule", "called_s", "recall", "precision", "F1", "missed"]
    print("{:12} {:>5} {:>8} {:12} {:9} {:>8} {:>7} {:>9} {:>6} {:>7}".format(*heads))
    parts = [(group, [clip for clip in found if clip.group == group]) for group in args.sets]
    for group, own in [*parts, ("both", both)]:
        spoken = sum(end - start for clip in own for start, end in clip.heard)
        for rate, rule in itertools.product(RATES, ("movement", "authors")):
            one = Score.of(own, rate, rule, gate)
            values = f"{one.called_s:8.1f} {one.recall:7.3f} {one.precision:9.3f} {one.f1:6.3f} {one.missed:7}"
            print(f"{group:12} {len(own):5} {spoken:8.1f} {rate:12} {rule:9} {values}")
    rate = RATES[1]
    chosen = {"f1_held_out": round(held_out(both, rate, gate), 3)} if args.choose else {}
    movement, authors = (Score.of(both, rate, rule, gate) for rule in ("movement", "authors"))
    print(
        json.dumps(
            {
                "f1_movement": round(movement.f1, 3),
                "recall_movement": round(movement.recall, 3),
                "precision_movement": round(movement.precision, 3),
                "f1_authors": round(authors.f1, 3),
                "missed_clips": movement.missed,
            }
            | chosen
        )
    )


if __name__ == "__main__":
    main()
