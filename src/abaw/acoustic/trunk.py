"""The part of an encoder that no model trains: what it says of a window is computed once, whoever asks for it."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from abaw.acoustic.augmentation import Augmentation
from abaw.acoustic.encoders.base import SpeechEncoder, Steps
from abaw.acoustic.kept import Kept
from abaw.acoustic.model import AudioModel
from abaw.acoustic.voices import Places
from abaw.acoustic.waveforms import SAMPLE_RATE_HZ
from abaw.nn.runtime import half_on_gpu, sent
from abaw.running.errors import UserError

KEPT_BYTES = 1 << 30
"""How much of what an exact trunk says is kept in memory: 3,400 windows of 4 s of Whisper tiny.en."""
_BATCH = 16

Moment = tuple[int, int]
"""Of a training: the epoch, and the number of the batch in it."""


class Trunk:
    """An encoder below the layer `depth`, on the device, for models that train together.

    A batch of a training is drawn, changed by the augmentation and heard once for all models: by the seed and the
    moment alone, so that a training that was cut off hears the same again. Where the encoder is exact and nothing is
    changed in the waveforms, each window is heard once for all epochs, as far as `KEPT_BYTES` allow. Batches that are
    judged after each epoch are heard once for all epochs and models: what was said is kept in a scratch file. So is
    what is said in training where there are only so many `variants` of a window, which epochs take in turn.
    """

    def __init__(
        self,
        encoder: SpeechEncoder,
        depth: int,
        device: torch.device,
        seed: int = 0,
        augmentation: Augmentation | None = None,
        keeps: bool = True,
        variants: int | None = None,
    ) -> None:
        self.encoder, self.depth, self.device = encoder, depth, device
        self.seed, self.augmentation, self.variants = seed, augmentation, variants
        upper = {id(parameter) for layer in encoder.layers[depth:] for parameter in layer.parameters()}
        self.frozen = not any(one.requires_grad for one in encoder.parameters() if id(one) not in upper)
        self.keeps = keeps and self.frozen
        self._said = Kept() if self.keeps else None
        self._whose: dict[int, Places] = {}  # kept with what was said of them, so that no others have their identity
        self._kept: dict[int, torch.Tensor] = {}
        self._left = KEPT_BYTES
        self._last: tuple[Moment, Steps] | None = None

    def steps(self, places: Places, items: NDArray[np.int64]) -> Steps:
        """What some windows are to the layers above, in evaluation."""
        kept = self._of(places)
        if kept is not None:
            return Steps(sent(kept[torch.from_numpy(items)], self.device), {})
        key = (self._identity(places), items.tobytes())
        said = None if self._said is None else self._said.find(key, self.device)
        if said is None:
            with _mode(self.encoder, training=False):
                said = self._heard(places, items)
            self._keep(key, said)
        return said

    def _keep(self, key: Hashable, said: Steps) -> None:
        """Keep what was said of a batch, as far as there is room for it."""
        try:
            if self._said is not None:
                self._said.keep(key, said)
        except OSError as error:
            if self.variants is not None:
                raise
            self._said = None
            print(f"validation is heard anew after each epoch: there is no room to keep it ({error})", flush=True)

    def training_steps(self, places: Places, items: NDArray[np.int64], moment: Moment) -> Steps:
        """The same in training, with the augmentation.

        Raises `UserError` where there are `variants` of what cannot be kept.
        """
        if self.augmentation is None and self._of(places) is not None:
            return self.steps(places, items)
        if self._last is not None and self._last[0] == moment:
            return self._last[1]
        if self.variants is not None:
            found = self._variant(places, items, (moment[0] - 1) % self.variants)
        else:
            found = self._drawn(places, items, moment)
        if self.frozen:  # what learns says something else after each step
            self._last = (moment, found)
        return found

    def _drawn(self, places: Places, items: NDArray[np.int64], moment: tuple[int, ...]) -> Steps:
        """What is heard in training, with what is drawn by the seed and the moment."""
        devices = [self.device] if self.device.type == "cuda" else []
        with (
            torch.random.fork_rng(devices),
            _mode(self.encoder, training=True),
            torch.set_grad_enabled(not self.frozen),
        ):
            draw = int(np.random.SeedSequence([self.seed, *moment]).generate_state(1)[0])
            torch.manual_seed(draw)
            np.random.seed(draw)  # transformers masks by it
            return self._heard(places, items, self.augmentation)

    def _variant(self, places: Places, items: NDArray[np.int64], variant: int) -> Steps:
        """Some windows of a variant, in which all were heard in their own order, whatever batches come later."""
        assert self._said is not None
        windows = [(self._identity(places), variant, item) for item in items.tolist()]
        found = [self._said.find(window, self.device) for window in windows]
        if found[0] is None:
            for number, part in enumerate(_parts(places)):
                said = self._drawn(places, part, (0, variant, number))  # epochs count from 1
                for item, hidden in zip(part.tolist(), said.hidden.split(1), strict=True):
                    if not self._said.keep((self._identity(places), variant, item), Steps(hidden, said.beside)):
                        raise self._not_kept(places, part)
            return self._variant(places, items, variant)
        return Steps(torch.cat([said.hidden for said in found if said is not None]), found[0].beside)

    def _not_kept(self, places: Places, items: NDArray[np.int64]) -> UserError:
        shortest_s = min(len(places.tracks[track]) for track in places.track[items]) / SAMPLE_RATE_HZ
        beside = "relative positions beside them"
        if shortest_s < places.window_s:
            beside = f"a mask beside them, for a track of {shortest_s:.2f} s is shorter than a window"
        return UserError(
            f"acoustic.network.heard_variants is {self.variants}, but only the steps of a window can be kept, and the "
            f"upper layers of {type(self.encoder).__name__} take {beside}; set it to null"
        )

    def _identity(self, places: Places) -> int:
        self._whose[id(places)] = places
        return id(places)

    def _heard(self, places: Places, items: NDArray[np.int64], augmentation: Augmentation | None = None) -> Steps:
        waveforms, known = places.batch(items, self.encoder)
        if augmentation:
            waveforms = augmentation(waveforms, known)
        sound = None if known.all() else sent(known, self.device)  # asked here, where an encoder would wait for a GPU
        with half_on_gpu(self.device):
            return self.encoder.below(sent(waveforms, self.device), sound, self.depth)

    def _of(self, places: Places) -> torch.Tensor | None:
        """What is kept of all windows, which are heard in their own order, whatever batches come later."""
        if not (self.keeps and self.encoder.exact):
            return None
        if self._identity(places) not in self._kept:
            size = len(places) * round(places.window_s * self.encoder.step_rate_hz) * self.encoder.width * 4
            if size > self._left:
                return None
            self._left -= size
            with torch.no_grad(), _mode(self.encoder, training=False):
                parts = [self._heard(places, part).hidden.cpu() for part in _parts(places)]
                self._kept[id(places)] = torch.cat(parts)
        return self._kept[id(places)]


def _parts(places: Places) -> list[NDArray[np.int64]]:
    """All windows in their own order, in batches."""
    return np.array_split(np.arange(len(places)), -(-len(places) // _BATCH))


def trunks_of(
    models: Sequence[AudioModel],
    device: torch.device,
    seed: int,
    augmentation: Augmentation | None,
    variants: int | None = None,
) -> list[Trunk]:
    """The trunk of each of some models: one for all, up to the lowest layer that any of them trains.

    Where a model trains all of its encoder each has its own. The layers of a common trunk are the same in memory.
    """
    if any(model.frozen_layers is None for model in models):
        return [Trunk(model.encoder, 0, device, seed, augmentation) for model in models]
    first, depth = models[0].encoder, min(model.frozen_layers or 0 for model in models)
    for model in models[1:]:
        for number in range(depth):
            model.encoder.layers[number] = first.layers[number]
    return [Trunk(first, depth, device, seed, augmentation, variants=variants)] * len(models)


@contextmanager
def _mode(encoder: SpeechEncoder, training: bool) -> Iterator[None]:
    """The encoder in training or in evaluation, and then as it was."""
    before = encoder.training
    encoder.train(training)
    try:
        yield
    finally:
        encoder.train(before)
