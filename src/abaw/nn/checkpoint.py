"""Weights as safetensors beside a card: what a network is, was trained on and reached. No pickle."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.weights.cards import check_card, write_card
from abaw.weights.manifest import sha256_of

Model = TypeVar("Model", bound=nn.Module)


def save(
    model: nn.Module, card: Mapping[str, Any], weights_path: Path, card_path: Path, given: Collection[str] = ()
) -> None:
    """Write the weights and, beside them, the card as JSON with the weights' sha256 added.

    `given` names tensors that the model has from elsewhere, and that are left out of the file.
    """
    save_state(model, weights_path, given)
    write_card({**card, "sha256": sha256_of(weights_path)}, card_path)


def save_state(model: nn.Module, path: Path, given: Collection[str] = ()) -> None:
    """Write the weights alone; see `save`."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(model.state_dict().items())}
    with whole_file(path) as beside:
        save_file({name: tensor for name, tensor in state.items() if name not in given}, beside)
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(0o666 & ~umask)  # safetensors gives its files to their owner alone


def load(model: Model, weights_path: Path, card: Mapping[str, Any], given: Collection[str] = ()) -> Model:
    """Load what `save` wrote into a model of that form, in evaluation mode; `UserError` where it is not the card's."""
    check_card(weights_path, card)
    load_state(model, weights_path, given=given)
    return model.eval()


def load_state(model: nn.Module, path: Path, leave_out: str | Sequence[str] = (), given: Collection[str] = ()) -> None:
    """Load every tensor of a safetensors file into `model`; names and shapes must be the model's own.

    `leave_out` names parts of the file, such as a classifier, that the model does not have; `given` are tensors of the
    model that the file does not have.
    """
    parts = tuple(f"{part}." for part in ([leave_out] if isinstance(leave_out, str) else leave_out))
    try:
        state = load_file(path)
        own = {name: tensor for name, tensor in model.state_dict().items() if name in given}
        model.load_state_dict(own | {name: tensor for name, tensor in state.items() if not name.startswith(parts)})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise UserError(f"the weights {path} do not fit {type(model).__name__}: {error}") from error


def load_pinned_torch_file(path: Path, sha256: str) -> dict[str, torch.Tensor]:
    """Read a torch file of tensors whose digest is known, without running what a pickle may hold."""
    found = sha256_of(path)
    if found != sha256:
        raise UserError(f"{path} has the sha256 {found}, expected {sha256}; it is not the file that was vetted")
    return torch.load(path, map_location="cpu", weights_only=True)
