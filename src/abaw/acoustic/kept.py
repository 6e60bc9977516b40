"""What a trunk says of windows that come again, in a scratch file."""

import os
from collections.abc import Hashable, Mapping
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import torch
from torch import Tensor

from abaw.acoustic.encoders.base import Steps
from abaw.nn.runtime import sent
from abaw.running.files import named_scratch


class _Place(NamedTuple):
    """Where the numbers of some windows begin in the file, their form, and what stands beside them."""

    begin: int
    shape: torch.Size
    dtype: torch.dtype
    beside: Mapping[str, Any]


class Kept:
    """What was said of some windows, by any key, to the last bit.

    It lies in a file without a name in the folder that TMPDIR names, which goes with the process. Memory that is free
    caches it.
    """

    def __init__(self) -> None:
        self._file = TemporaryFile(prefix="abaw.heard.")  # noqa: SIM115 (it lives as long as this object)
        self._places: dict[Hashable, _Place] = {}

    def keep(self, key: Hashable, said: Steps) -> bool:
        """Keep what was said of some windows, (n, steps, width), and say whether it was kept.

        What has tensors beside it, such as the mask of windows that end in silence, is not. Raises OSError, with the
        name of the folder, where its disk is full.
        """
        if any(isinstance(value, Tensor) for value in said.beside.values()):
            return False
        hidden = said.hidden.cpu().contiguous()
        begin = self._file.seek(0, os.SEEK_END)
        with named_scratch():
            self._file.write(_bytes_of(hidden))
            self._file.flush()
        self._places[key] = _Place(begin, hidden.shape, hidden.dtype, said.beside)
        return True

    def find(self, key: Hashable, device: torch.device) -> Steps | None:
        """What was kept under a key; None where nothing was."""
        place = self._places.get(key)
        if place is None:
            return None
        hidden = torch.empty(place.shape, dtype=place.dtype)
        self._file.seek(place.begin)
        self._file.readinto(_bytes_of(hidden))  # unlike os.preadv, which ends after 2 GiB, it reads all
        return Steps(sent(hidden, device), place.beside)


def _bytes_of(tensor: Tensor) -> memoryview:
    """The memory of a tensor; numpy has no bfloat16."""
    return tensor.view(torch.uint8).numpy().data
