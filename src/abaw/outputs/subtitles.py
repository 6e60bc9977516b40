"""Subtitles for any player: WebVTT (W3C), a cue for each stretch of an expression."""

from collections.abc import Sequence

from abaw.outputs.tiers import Tier, in_order


def webvtt(tiers: Sequence[Tier]) -> str:
    """The file: cues by time; where there are several people, each says by a voice tag and a number whose it is."""
    several = len({tier.subject for tier in tiers}) > 1
    cues = ["WEBVTT"]
    for subject, (start_ms, end_ms, label) in in_order(tiers, "expression"):
        text = f"<v subject {subject}>{subject}: {label}</v>" if several else label
        cues.append(f"{_clock(start_ms)} --> {_clock(end_ms)}\n{text}")
    return "\n\n".join(cues) + "\n"


def _clock(ms: int) -> str:
    hours, rest = divmod(ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
