"""For Praat: expressions and speech as interval tiers of a TextGrid."""

from collections.abc import Sequence
from pathlib import Path

from praatio import textgrid

from abaw.outputs.tiers import Tier
from abaw.running.files import whole_file


def write_textgrid(tiers: Sequence[Tier], end_ms: int, path: Path) -> None:
    """Write a TextGrid from 0 to `end_ms`, in the long form; what lies between the stretches has no label.

    Praat opens no grid without a tier: where nobody was found there is one, `nobody`, without labels.
    """
    end_s = max(end_ms, 1) / 1000
    grid = textgrid.Textgrid(0, end_s)
    for tier in tiers or [Tier("expression", 0, ())]:
        entries = [(start / 1000, end / 1000, label) for start, end, label in tier.stretches]
        name = tier.name if tiers else "nobody"
        grid.addTier(textgrid.IntervalTier(name, entries, 0, end_s))
    with whole_file(path) as beside:
        grid.save(str(beside), format="long_textgrid", includeBlankSpaces=True)
