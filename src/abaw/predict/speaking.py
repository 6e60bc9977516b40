"""Who speaks: the person whose lips do, while a voice is heard."""

from pathlib import Path

from abaw.config import GateConfig
from abaw.speech.audio import read_blocks
from abaw.speech.gate import Runs, common_runs, tidied
from abaw.speech.vad import heard_runs


def heard_in(voice: Path | None, has_audio: bool) -> Runs | None:
    """When a voice is heard in a 16 kHz track, whosever it is; None without a track or without sound in the video."""
    return heard_runs(block[0] for block in read_blocks(voice)) if voice is not None and has_audio else None


def spoken_runs(lips: Runs, heard: Runs | None, gate: GateConfig) -> Runs:
    """The runs in which lips speak and a voice is heard, tidied as the gate does; the lips' alone where it is None."""
    return list(lips) if heard is None else tidied(common_runs(list(lips), heard), gate)
