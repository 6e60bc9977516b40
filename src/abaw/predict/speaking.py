"""Who speaks: the person whose lips do, while a voice is heard."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from abaw.config import GateConfig
from abaw.speech.audio import read_blocks, write_flac
from abaw.speech.gate import Runs, common_runs, tidied
from abaw.speech.vad import SAMPLE_RATE_HZ, heard_runs


def heard_in(voice: Path | None, has_audio: bool) -> Runs | None:
    """When a voice is heard in a 16 kHz track, whosever it is; None without a track or without sound in the video."""
    if voice is None or not has_audio:
        return None
    if not any(block.any() for block in read_blocks(voice)):
        return []
    return heard_runs(block[0] for block in read_blocks(voice))


def spoken_runs(lips: Runs, heard: Runs | None, gate: GateConfig) -> Runs:
    """The runs in which lips speak and a voice is heard, tidied as the gate does; the lips' alone where it is None."""
    return list(lips) if heard is None else tidied(common_runs(list(lips), heard), gate)


@contextmanager
def a_voice(track: Path | None, anybody_speaks: bool) -> Iterator[Path | None]:
    """The 16 kHz track that models hear: where nobody speaks a second of silence, so that no speech is embedded."""
    if track is None or anybody_speaks:
        yield track
        return
    with TemporaryDirectory() as folder:
        silence = Path(folder) / "silence.flac"
        write_flac([np.zeros(SAMPLE_RATE_HZ, np.int16)], SAMPLE_RATE_HZ, 1, silence)
        yield silence
