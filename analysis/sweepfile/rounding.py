"""Numbers as people write them, without leaving what they bound."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..types import Floats

DIGITS = (2, 3, 4, 6, 12)
MOVED = 0.05
"""Share of the width by which an end may move for the sake of a short number."""
LARGEST_POWER = 300
_CLOSE = 1e-9


def multiples(low: float, high: float, step: float) -> tuple[float, float]:
    """The lowest and highest multiple of a step from ``low`` to ``high``; the first above the second where none is."""
    first, last = (math.ceil(low / step - _CLOSE) * step, math.floor(high / step + _CLOSE) * step)
    return float(f"{first:.12g}"), float(f"{last:.12g}")


def into(low: float, high: float, *, decimals: bool = False) -> tuple[float, float]:
    """Both ends of a range rounded into it, to as few significant digits as move each by a 20th of it at most.

    decimals: to decimals, not digits: of exponents each decimal is a ratio, wherever they lie.
    """
    width = high - low
    found = []
    for end, up in ((low, True), (high, False)):
        short = (_turned(end, digits - 1 if decimals else digits, up, decimals) for digits in DIGITS)
        found.append(next((one for one in short if abs(one - end) <= MOVED * width and low <= one <= high), end))
    return found[0], found[1]


def _turned(value: float, digits: int, up: bool, decimals: bool) -> float:
    places = digits if decimals or value == 0 else digits - 1 - math.floor(math.log10(abs(value)))
    if places > LARGEST_POWER:
        return value
    scaled = value * 10.0**places
    close = _CLOSE * abs(scaled)
    turned = math.ceil(scaled - close) if up else math.floor(scaled + close)
    return float(f"{turned / 10.0**places:.12g}")


def midpoints(middle: float, step: int | None) -> Iterator[float]:
    """A number near ``middle``, shortest first; of a step only its nearest multiple."""
    if step is not None and step > 1:
        yield float(round(middle / step) * step)
        return
    for digits in DIGITS:
        short = float(f"{middle:.{digits}g}")
        yield float(round(short)) if step is not None else short


def shares(weights: Floats) -> list[float]:
    """Chances to four digits that still add up to 1; none that there is becomes none."""
    rounded = [float(f"{one:.4g}") for one in weights]
    most = int(np.argmax(rounded))
    rounded[most] = float(f"{rounded[most] + 1.0 - math.fsum(rounded):.10g}")
    return rounded
