"""A script as another team has it, which knows nothing of this workflow: features of videos, in four kinds of files.

python their_features.py FOLDER KIND: for two samples of 250 frames at 25 a second, six features a frame, of which the
first is the frame's time. The faceless frames 101 to 110 have none.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd


def main(folder: Path, kind: str) -> None:
    """Write a file a sample."""
    folder.mkdir()
    frames = np.setdiff1d(np.arange(1, 251), np.arange(101, 111))
    for number, sample in enumerate(["102", "b_left"]):
        rng = np.random.default_rng(number)
        features = np.column_stack([(frames - 1) / 25, rng.normal(size=(len(frames), 5))])
        if kind == "npz":
            np.savez(folder / f"{sample}.npz", features=features.astype(np.float32), frame=frames)
        if kind == "npy":
            np.save(folder / f"{sample}.npy", features)
            np.save(folder / f"{sample}.frames.npy", frames)
        if kind == "parquet":
            table = pd.DataFrame(features, columns=[f"f{k}" for k in range(6)], index=frames)
            table.rename_axis("frame").reset_index().to_parquet(folder / f"{sample}.parquet")
        if kind == "lists":
            table = pd.DataFrame({"time_s": (frames - 1) / 25, "features": list(features)})
            table.sample(frac=1, random_state=1).to_parquet(folder / f"{sample}.parquet")
        if kind == "h5":
            import h5py

            with h5py.File(folder / f"{sample}.h5", "w") as file:
                file["features"], file["time_s"] = features, (frames - 1) / 25


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
