"""What fusing faces and voices gains on the stand-in corpus: reads the scores of a finished run, and trains nothing.

    make bundle
    python benchmarks/standin.py

The last line printed is a JSON object of macro F1 on the corpus's validation: `face` and `voice` are the best models of
each part, the systems are those of config/standin.yaml, `nested` is what each reaches on videos on which nothing of it
was chosen. `fused_over_part` is the better of systems 2 and 3 over the better part, all of which were chosen on
validation; `nested_over_part` is the better nested estimate of systems 2 to 4 over the same.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

MEASURE = "f1_macro"
FACES, VOICE = ("visual", "functional"), "voice_functional"
FUSED = ("system_2", "system_3", "system_4")


def read_scores(path: Path) -> dict[str, float]:
    """Macro F1 by the names of models and systems."""
    with path.open(newline="", encoding="utf-8") as handle:
        return {row["system"]: float(row["value"]) for row in csv.DictReader(handle) if row["measure"] == MEASURE}


def gains(scores: dict[str, float]) -> dict[str, object]:
    """The figures that are printed."""
    face, voice = max(scores[name] for name in FACES), scores[VOICE]
    better = max(face, voice)
    plain = {name: scores[name] for name in ("system_1", *FUSED[:2])}
    nested = {name: scores[f"{name}_nested"] for name in ("system_1", *FUSED)}
    over = {
        "fused_over_part": max(scores[name] for name in FUSED[:2]) / better,
        "nested_over_part": max(nested[name] for name in FUSED) / better,
    }
    return rounded({"face": face, "voice": voice, **plain, **over}) | {"nested": rounded(nested)}


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Each to three digits."""
    return {name: round(value, 3) for name, value in figures.items()}


def main() -> None:
    """Read, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, nargs="?", default=Path("results/report/scores/expr_val.csv"))
    args = parser.parse_args()

    if not args.scores.is_file():
        sys.exit(f"there is no {args.scores}; `make bundle` makes the run that is read")
    scores = read_scores(args.scores)
    if missing := sorted({*FACES, VOICE, "system_4_nested"} - scores.keys()):
        sys.exit(f"{args.scores} has no score of {missing[0]}; it is not of a run of config/standin.yaml")
    print(json.dumps(gains(scores)))


if __name__ == "__main__":
    main()
