"""The width of smoothing that did best on validation."""

import csv
from pathlib import Path


def best_width(path: Path) -> float:
    """The width that `sweep_smoothing` marks as the best in its CSV, in seconds."""
    with path.open(newline="", encoding="utf-8") as handle:
        return next(float(row["smoothing_s"]) for row in csv.DictReader(handle) if row["best"] == "1")
