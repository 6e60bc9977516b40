"""A script as another team has it, which knows nothing of this workflow: what its model says of videos, in two forms.

python their_predictions.py FOLDER: for two samples of 250 frames at 25 a second valence and arousal of each frame in a
CSV, and the logits of the eight expressions, of windows of 2 s in any order, in Parquet.
"""

import csv
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd

CLASSES = ["neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other"]
SAMPLES = ["102", "b_left"]


def main(folder: Path) -> None:
    """Write a file for each challenge."""
    folder.mkdir()
    with (folder / "va_val.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sample", "frame", "valence", "arousal"])
        for sample in SAMPLES:
            for frame in range(1, 251):
                time_s = (frame - 1) / 25
                writer.writerow([sample, frame, f"{math.sin(time_s) / 2:.6f}", f"{math.cos(time_s) / 2:.6f}"])
    rows = []
    for sample in SAMPLES:
        for start_s in range(9):  # the expressions one after the other
            rows.append([sample, float(start_s), start_s + 2.0, *(3.0 * np.eye(8)[start_s % 8] - 1.0)])
    table = pd.DataFrame(rows, columns=["sample", "start_s", "end_s", *CLASSES])
    table.sample(frac=1, random_state=1).to_parquet(folder / "expr_val.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
