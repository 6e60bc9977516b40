"""Where class probabilities stand on the circumplex: a proxy of valence and arousal where no model knows them.

The coordinates are the mean pleasure and arousal that people gave to the words in Russell and Mehrabian, Evidence for a
three-factor theory of emotions, Journal of Research in Personality 11 (1977), 273-294: angry, disgusted, fearful,
happy, sad, surprised. Neutral is the origin. The class other has no place; its probability is left out of the mean.
"""

import numpy as np
from numpy.typing import NDArray

from abaw.tasks import EXPRESSIONS

COORDINATES = {
    "Neutral": (0.0, 0.0),
    "Anger": (-0.51, 0.59),
    "Disgust": (-0.60, 0.35),
    "Fear": (-0.64, 0.60),
    "Happiness": (0.81, 0.51),
    "Sadness": (-0.63, -0.27),
    "Surprise": (0.40, 0.67),
}


def on_circumplex(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the classes' coordinates by their probabilities (n, 8): (n, 2) in [-1, 1], NaN where all is other."""
    placed = [EXPRESSIONS.index(name) for name in COORDINATES]
    shares = probabilities[:, placed]
    total = shares.sum(axis=1, keepdims=True)
    weights = np.divide(shares, total, out=np.full(shares.shape, np.nan), where=total > 0)
    return weights @ np.array(list(COORDINATES.values()))
