"""The speech encoders of a bundle, made again where it is applied."""

from pathlib import Path

from abaw.acoustic.encoders.base import SpeechEncoder
from abaw.bundle.form import Bundle, EncoderForm, PackagedEncoder
from abaw.nn import checkpoint
from abaw.running.errors import UserError
from abaw.weights.manifest import known


def trained_encoder(bundle: Bundle) -> SpeechEncoder | None:
    """The encoder of the acoustic models, whose weights are theirs; None where its name is enough."""
    settings = bundle.settings.acoustic
    return _made(bundle, settings.encoder, settings.window_s)


def frozen_encoder(bundle: Bundle, folder: Path) -> SpeechEncoder | None:
    """The encoder through which the functional model hears, with its weights; None where its name is enough."""
    settings = bundle.settings.voice_functional.statistics
    encoder = _made(bundle, settings.encoder, settings.window_s)
    stored = bundle.encoders.get(settings.encoder)
    if encoder is not None and isinstance(stored, EncoderForm) and stored.weights is not None:
        checkpoint.load_state(encoder, folder / stored.weights)
    return encoder


def _made(bundle: Bundle, name: str, window_s: float) -> SpeechEncoder | None:
    stored = bundle.encoders.get(name)
    if isinstance(stored, EncoderForm):
        from abaw.acoustic.encoders.checkpoints import encoder_of_form  # transformers load only where they are needed

        return encoder_of_form(name, stored.config, stored.processor, window_s)
    if isinstance(stored, PackagedEncoder) and known(name).sha256 != stored.sha256:
        raise UserError(
            f"the bundle was made with the encoder {name} out of {stored.package}, whose file {stored.file} has the "
            f"sha256 {stored.sha256}; resources/weights.yaml has another, so take the version of abaw-flow that made it"
        )
    return None
