"""What was decided for a video whose file leaves room for it: short codes and a sentence for each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    """A short `code`, what the video is (`found`), and what is made of it (`remedy`)."""

    code: str
    found: str
    remedy: str


REMEDIES = {
    "sound_track": "that one is heard; corpus.sound_track names another",
    "no_decodable_sound": "silence is taken where corpus.on_unreadable is skip; convert the sound to AAC",
    "mirrored": "none is needed: it is analysed as players show it",
    "odd_rotation": "it is analysed turned by the nearest quarter; turn it anew where heads hang askew",
    "deinterlaced": "none is needed: each analysed frame is made whole from its first field",
    "tone_mapped": "none is needed: it is put into the range of a screen (BT.709) before faces are sought",
    "squeezed_pixels": "none is needed: it is analysed in true shape, boxes are in square pixels",
    "odd_pixels": "no picture is so; they are taken for square",
    "time_stamps_mended": "none is needed: each part follows the one before; check that the parts belong together",
}


def decision(code: str, found: str) -> Decision:
    """A decision with the remedy of its code."""
    return Decision(code, found, REMEDIES[code])
