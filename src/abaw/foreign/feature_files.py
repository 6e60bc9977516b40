"""Files of features of one sample that other programs have written: npy, npz, Parquet or HDF5, never a pickle."""

import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from abaw.running.errors import UserError

SUFFIXES = (".parquet", ".npz", ".npy", ".h5", ".hdf5")
FRAME_LIST = ".frames"
"""What stands before the suffix of the list that belongs to a file in npy: SAMPLE.frames.npy."""
_UNREADABLE = (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error, pa.ArrowNotImplementedError)
"""What the readers raise of a file that is broken, or is not what its suffix says."""
FEATURES, FRAME, TIME = "features", "frame", "time_s"
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
MOST = 60_000.0
"""Beyond which a number has no place in half precision, in which embeddings are kept."""


class Features(NamedTuple):
    """The features (n, width) of a sample, at frames of the video, from 1, or at seconds from its first frame, (n,)."""

    values: NDArray[np.float32]
    at: NDArray[np.float64]
    by_frame: bool


def files_of(folder: Path, samples: Collection[str], known: Collection[str]) -> list[Path]:
    """The file of each of `samples` in a folder, in their order, each followed by its list of frames where it has one.

    Raises `UserError` where a sample has none or several, or where a file is for none of all `known` samples.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}, expected one with a file of features for each sample")
    found: dict[str, list[Path]] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.name.startswith(".")):
        found.setdefault(path.stem, []).append(path)
    lists = {stem.removesuffix(FRAME_LIST): paths[0] for stem, paths in found.items() if stem.endswith(FRAME_LIST)}
    for sample, paths in found.items():
        if sample.removesuffix(FRAME_LIST) not in known:
            raise UserError(
                f"{paths[0]} is for the sample {sample.removesuffix(FRAME_LIST)}, which the corpus does not have; "
                f"expected the annotations' names, such as {min(known)}, with any _left or _right; take it out"
            )
        if sample.endswith(FRAME_LIST) and paths[0].suffix != ".npy":
            raise UserError(f"{paths[0]} is a list of frames, expected it in npy, as {sample}.npy; write it again")
        if len(paths) > 1:
            raise UserError(f"the folder {folder} has {' and '.join(path.name for path in paths)}; remove one of them")
    missing = [sample for sample in samples if sample not in found]
    if missing:
        raise UserError(
            f"the folder {folder} has no file for the sample {missing[0]} and {len(missing) - 1} more, expected one "
            f"for each of {len(samples)}, of {', '.join(SUFFIXES)}; write it there, or give another folder "
            "(docs/foreign.md)"
        )
    return [path for sample in samples for path in (found[sample][0], lists.get(sample)) if path is not None]


def by_sample(files: Sequence[Path]) -> dict[str, list[Path]]:
    """The files that `files_of` found, by their samples."""
    found: dict[str, list[Path]] = {}
    for path in files:
        found.setdefault(path.stem.removesuffix(FRAME_LIST), []).append(path)
    return found


def read_features(path: Path, frame_list: Path | None = None) -> Features:
    """What a file holds, its rows in the order of the file.

    Raises `UserError`, naming the file and the row, where it cannot be read, has another form, or holds what is no
    number or too large a one.
    """
    try:
        arrays = _READERS[path.suffix](path)
        if frame_list is not None:
            arrays = {**arrays, FRAME: _array(frame_list)}
    except _UNREADABLE as error:
        raise UserError(f"{path} cannot be read as features ({error}); write it again, without objects") from error
    keys = [name for name in (FRAME, TIME) if name in arrays]
    if FEATURES not in arrays or len(keys) > 1:
        there = ", ".join(arrays) or "nothing"
        raise UserError(f"{path} has {there}, expected features (n, width), and of frame (n,) and time_s (n,) one")
    values = _numbers(path, arrays[FEATURES], "features", 2)
    if not keys:
        return Features(values.astype(np.float32), np.arange(1.0, len(values) + 1), True)
    at = _numbers(path, arrays[keys[0]], keys[0], 1)
    if len(at) != len(values):
        raise UserError(f"{path} has {len(values)} rows of features and {len(at)} of {keys[0]}, expected as many")
    return Features(values.astype(np.float32), at, keys[0] == FRAME)


def _numbers(path: Path, values: NDArray, what: str, dimensions: int) -> NDArray[np.float64]:
    if values.ndim != dimensions or values.size == 0 or values.dtype.kind not in "fiu":
        raise UserError(
            f"{path} has {what} of the shape {values.shape} and the type {values.dtype}, expected numbers in "
            f"{'rows and columns' if dimensions == 2 else 'one row'}"
        )
    found = values.astype(np.float64)
    wrong = np.argwhere(~np.isfinite(found) if dimensions == 1 else ~(np.abs(found) <= MOST))
    if len(wrong):
        value = found[tuple(wrong[0])]
        raise UserError(
            f"{path}, row {wrong[0][0] + 1}, has {value:g} among its {what}, expected finite numbers"
            + (f" up to {MOST:g}, in half precision; scale them, or" if np.isfinite(value) else ";")
            + " leave out rows that say nothing"
        )
    return found


def _array(path: Path) -> NDArray:
    found = np.load(path, allow_pickle=False)
    if not isinstance(found, np.ndarray):
        raise ValueError(f"{path.name} is an archive of arrays, expected one array")
    return found


def _from_npy(path: Path) -> Mapping[str, NDArray]:
    return {FEATURES: _array(path)}


def _from_npz(path: Path) -> Mapping[str, NDArray]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _from_hdf5(path: Path) -> Mapping[str, NDArray]:
    import h5py  # which most jobs do without

    with h5py.File(path, "r") as stored:
        # Of the others only the names count, which an error tells.
        return {name: np.asarray(stored[name]) if name in (FEATURES, FRAME, TIME) else np.empty(0) for name in stored}


def _from_parquet(path: Path) -> Mapping[str, NDArray]:
    """A column of lists called features, or a column for each of its numbers; pandas' own index is left out."""
    table = pq.read_table(path)
    keys = {name: table[name].to_numpy() for name in (FRAME, TIME) if name in table.column_names}
    if FEATURES in table.column_names:
        lists = table[FEATURES].combine_chunks()
        if not any(is_lists(lists.type) for is_lists in _LISTS):
            raise ValueError(f"its column features is of the type {lists.type}, not of lists of numbers")
        if lists.null_count:
            row = int(pc.index(pc.is_null(lists), True).as_py())
            raise ValueError(f"row {row + 1} has no features; leave out rows that say nothing")
        width = len(lists[0]) if len(lists) else 0
        flat = lists.flatten().to_numpy(zero_copy_only=False)
        if len(flat) != width * len(lists):
            raise ValueError("its lists are not all of one length")
        return {**keys, FEATURES: flat.reshape(len(lists), width)}
    names = [name for name in table.column_names if name not in keys and not name.startswith("__index_level_")]
    return {**keys, FEATURES: np.column_stack([table[name].to_numpy() for name in names])} if names else keys


_READERS = {".npy": _from_npy, ".npz": _from_npz, ".parquet": _from_parquet, ".h5": _from_hdf5, ".hdf5": _from_hdf5}
