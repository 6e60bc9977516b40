"""High dynamic range (HLG, PQ) on a screen of the standard range: one table of colours, made once for a transfer.

Light is computed as ITU-R BT.2100 says, a white of 203 cd/m2 (BT.2408) is the screen's, what is brighter is rolled off
by the curve of BT.2390, and BT.2020's colours are put into BT.709's (BT.2087).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

PQ, HLG = 16, 18
"""SMPTE ST 2084 and ARIB STD-B67, by their numbers in ITU-T H.273."""
WIDE_TRANSFERS = (PQ, HLG)
WHITE_CD_M2, PEAK_CD_M2 = 203.0, 1000.0
_SIDE = 6
"""A Hald image of this level has _SIDE**2 steps of each colour."""
_LUMA = np.array([0.2627, 0.6780, 0.0593])
_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
_SCREEN_GAMMA = 2.4

_M1, _M2 = 1305 / 8192, 2523 / 32
_C1, _C2, _C3 = 107 / 128, 2413 / 128, 2392 / 128


@cache
def color_table(transfer: int) -> NDArray[np.uint16]:
    """What stands for each colour code of `PQ` or `HLG`, as a Hald image (216 x 216 x 3, red changing fastest)."""
    steps = np.linspace(0, 1, _SIDE**2)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    codes = np.stack([red, green, blue], axis=-1).reshape(_SIDE**3, _SIDE**3, 3)
    return np.round(65535 * standard_range(codes, transfer)).astype(np.uint16)


def standard_range(codes: NDArray[np.float64], transfer: int) -> NDArray[np.float64]:
    """Colour codes (..., 3) in [0, 1] of BT.2020 in `PQ` or `HLG` as codes of BT.709 in [0, 1]."""
    light = _pq_light(codes) if transfer == PQ else _hlg_light(codes)
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    light *= _rolled_off(brightest) / brightest
    inside = np.clip(light / WHITE_CD_M2 @ _TO_BT709.T, 0, 1)
    return inside ** (1 / _SCREEN_GAMMA)


def _hlg_light(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light in cd/m2 on a screen of `PEAK_CD_M2`, by HLG's inverse transfer and its system gamma of 1.2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - c) / a) + b) / 12)
    return PEAK_CD_M2 * scene * np.maximum(scene @ _LUMA, 1e-9)[..., None] ** 0.2


def _pq_light(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = codes ** (1 / _M2)
    return 10_000 * (np.maximum(powers - _C1, 0) / (_C2 - _C3 * powers)) ** (1 / _M1)


def _pq_codes(light: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = (light / 10_000) ** _M1
    return ((_C1 + _C2 * powers) / (1 + _C3 * powers)) ** _M2


def _rolled_off(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light up to `PEAK_CD_M2` as light up to `WHITE_CD_M2`: as it is below a knee, by a Hermite spline above it."""
    peak, white = _pq_codes(np.array(PEAK_CD_M2)), _pq_codes(np.array(WHITE_CD_M2))
    most = white / peak
    knee = 1.5 * most - 0.5
    code = np.minimum(_pq_codes(light) / peak, 1)
    t = (code - knee) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    return _pq_light(np.where(code < knee, code, spline) * peak)
