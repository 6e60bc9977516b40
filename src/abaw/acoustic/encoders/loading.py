"""The encoder that the configuration names: a folder or an id of transformers, a package's, or the small one.

Transformers take seconds to load, so they are imported where a name asks for them.
"""

from abaw.acoustic.encoders import whisper_tiny
from abaw.acoustic.encoders.base import SpeechEncoder
from abaw.weights.manifest import known

SMALL = "small"


def load_encoder(name: str, window_s: float) -> SpeechEncoder:
    """The encoder of this name, for windows of this length; `UserError` where it or part of its weights is missing."""
    if name == whisper_tiny.NAME:
        return whisper_tiny.WhisperTiny(window_s)
    if name == SMALL:
        from abaw.acoustic.encoders.waveform import Small

        return Small(window_s)
    from abaw.acoustic.encoders.checkpoints import load_checkpoint

    return load_checkpoint(name, window_s)


def licence_of(name: str) -> str:
    """The licence of an encoder, as its model card or the list of weights says; that of PDEM forbids commercial use."""
    if name == whisper_tiny.NAME:
        return known(name).licence
    if name == SMALL:
        return "none needed, random weights"
    from abaw.acoustic.encoders.checkpoints import licence_of_checkpoint

    return licence_of_checkpoint(name)
