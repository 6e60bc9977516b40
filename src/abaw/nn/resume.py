"""Where a training stands after each epoch, so that a killed one goes on and ends with the same weights."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from abaw.running.files import whole_file


@dataclass(frozen=True)
class Resume:
    """The file of a training's state, and a fingerprint of all that the training depends on.

    The file holds tensors and plain values only and is read with `weights_only`. One of another fingerprint, or one
    that cannot be read, is no state of this training: it begins anew.
    """

    path: Path
    fingerprint: str

    def load(self) -> dict[str, Any] | None:
        """The state that `save` wrote, and the random state restored; None where this training has none yet."""
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
            return None
        if not isinstance(state, dict) or state.get("fingerprint") != self.fingerprint:
            return None
        torch.set_rng_state(state["random"])
        if torch.cuda.is_available():
            # A job has one device, the first that it sees; how many it saw when it was cut off does not matter.
            for device, random in enumerate(state["random_cuda"][: torch.cuda.device_count()]):
                torch.cuda.set_rng_state(random, device)
        return state["training"]

    def save(self, training: dict[str, Any]) -> None:
        """Write the state and torch's random state, whole or not at all."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        state = {"fingerprint": self.fingerprint, "random": torch.get_rng_state(), "random_cuda": cuda}
        with whole_file(self.path) as beside:
            torch.save(state | {"training": training}, beside)

    def clear(self) -> None:
        """Remove the file: the training is done and its weights are written."""
        self.path.unlink(missing_ok=True)
