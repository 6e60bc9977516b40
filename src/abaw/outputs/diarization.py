"""Who speaks when: RTTM, the form of NIST's Rich Transcription evaluations and of pyannote."""

import re
from collections.abc import Sequence

from abaw.outputs.tiers import Tier, in_order


def rttm(video: str, tiers: Sequence[Tier]) -> str:
    """A line for each stretch of speech: file, channel 1, start and length in seconds, and the subject.

    Fields end at blanks, so those of a video's name become underscores.
    """
    name = re.sub(r"\s", "_", video)
    lines = []
    for subject, (start_ms, end_ms, _) in in_order(tiers, "speaking"):
        times = f"{start_ms / 1000:.3f} {(end_ms - start_ms) / 1000:.3f}"
        lines.append(f"SPEAKER {name} 1 {times} <NA> <NA> subject_{subject} <NA> <NA>\n")
    return "".join(lines)
