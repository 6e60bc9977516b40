"""What a trunk says of the batches that are judged after each epoch, in a scratch file."""

import os
from collections.abc import Mapping
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abaw.acoustic.encoders.base import Steps
from abaw.acoustic.voices import Places


class _Batch(NamedTuple):
    """Where the numbers of a batch begin in the file, their form, what stands beside them, and whose windows it has."""

    begin: int
    shape: torch.Size
    dtype: torch.dtype
    beside: Mapping[str, Any]
    places: Places


class Judged:
    """What was said of whole batches: the same windows in the same batch are read, not heard again.

    The numbers are those that were heard, to the last bit. They lie in a file without a name in the folder that TMPDIR
    names, which goes with the process; what is free of the memory caches it. A batch with a tensor beside it, such as
    the mask of windows that end in silence, is not kept.
    """

    def __init__(self) -> None:
        self._file = TemporaryFile(prefix="abaw.heard.")  # noqa: SIM115 (it lives as long as this object)
        self._batches: dict[tuple[int, bytes], _Batch] = {}

    def keep(self, places: Places, items: NDArray[np.int64], said: Steps) -> None:
        """Keep what was said of some windows, (n, steps, width)."""
        if any(isinstance(value, Tensor) for value in said.beside.values()):
            return
        hidden = said.hidden.cpu().contiguous()
        begin = self._file.tell()
        self._file.write(_bytes_of(hidden))
        self._file.flush()
        self._batches[_key(places, items)] = _Batch(begin, hidden.shape, hidden.dtype, said.beside, places)

    def find(self, places: Places, items: NDArray[np.int64], device: torch.device) -> Steps | None:
        """What was said of these windows as a batch; None where it is not known."""
        batch = self._batches.get(_key(places, items))
        if batch is None:
            return None
        hidden = torch.empty(batch.shape, dtype=batch.dtype)
        os.preadv(self._file.fileno(), [_bytes_of(hidden)], batch.begin)
        return Steps(hidden.to(device), batch.beside)


def _key(places: Places, items: NDArray[np.int64]) -> tuple[int, bytes]:
    """Windows by their numbers; `places` are kept with the batch, so that no others have their identity."""
    return id(places), items.tobytes()


def _bytes_of(tensor: Tensor) -> memoryview:
    """The memory of a tensor; numpy has no bfloat16."""
    return tensor.view(torch.uint8).numpy().data
