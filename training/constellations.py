"""The 17 digital modulations of the source sweep as points of unit mean power.

ASK is bipolar: 2k + 1 - M on the in-phase axis. 32QAM and 128QAM are crosses: a square without its corners. APSK is
DVB-S2's at code rate 4/5, or the rate nearest to it: 16APSK and 32APSK of ETSI EN 302 307-1 (sections 5.4.3 and 5.4.4),
64APSK 8+16+20+20 and 128APSK (rate 140/180) of EN 302 307-2, DVB-S2X (section 5.4). RadioML's own are not published.

OQPSK delays QPSK's quadrature by half a symbol (T / 2). A receiver that does not know what was sent has one clock for
both branches; ours is locked to the in-phase one. So at its instants the quadrature is half-way between two symbols:
their mean where the pulse is rectangular, or where there is one sample a symbol. That is -1, 0, 0 or 1 instead of -1
or 1, and it tells OQPSK from QPSK. A clock of its own for each branch would show the two alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OFFSET = frozenset({"OQPSK"})
"""Whose quadrature comes half a symbol late."""

_RINGS: dict[str, tuple[tuple[int, float, float], ...]] = {
    "16APSK": ((4, 1.0, 0.5), (12, 2.75, 0.5)),
    "32APSK": ((4, 1.0, 0.5), (12, 2.72, 0.5), (16, 4.87, 0.0)),
    "64APSK": ((8, 1.0, 0.5), (16, 2.2, 0.5), (20, 3.6, 0.5), (20, 5.2, 0.5)),
}
"""Of each ring: its points, its radius over the innermost, the angle of its first point over the angle between two."""

_S2X_128: tuple[tuple[float, tuple[int, ...]], ...] = (
    (1.0, (332, 927, 1593, 2187)),
    (1.715, (242, 1017, 1503, 2278)),
    (2.118, (414, 845, 1673, 2106)),
    (2.681, (427, 834, 1686, 2094)),
    (2.75, (133, 1126, 1393, 2387)),
    (3.733, (528, 111, 330, 732, 1149, 929, 1993, 2408, 2190, 1789, 1372, 1590)),
)
"""128APSK: radius, and the angles of the first quadrant in pi / 5040; the other three mirror it."""


def points(name: str) -> NDArray[np.complex128]:
    """What a receiver without noise shows at its instants: equally likely points [M], mean power 1, in no order.

    M is the order of the modulation; for OQPSK 8, two of which lie on two others (see above).
    """
    if name not in OFFSET:
        return alphabet(name)
    sign = _levels(2)
    halfway = (sign[:, None] + sign[None, :]).ravel() / 2.0
    return _unit((sign[:, None] + 1j * halfway[None, :]).ravel())


def alphabet(name: str) -> NDArray[np.complex128]:
    """The symbols that are sent: equally likely points [M] of a name of ``settings.MODULATIONS``, mean power 1."""
    return _unit(_raw(name))


def _unit(made: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return made / np.sqrt(np.mean(np.abs(made) ** 2))


def _raw(name: str) -> NDArray[np.complex128]:
    if name in _RINGS:
        return np.concatenate([radius * _ring(count, turn) for count, radius, turn in _RINGS[name]])
    if name == "128APSK":
        quadrant = np.concatenate([radius * np.exp(1j * np.pi * np.array(at) / 5040) for radius, at in _S2X_128])
        return np.concatenate([quadrant, -quadrant, quadrant.conj(), -quadrant.conj()])
    if name.endswith("ASK"):
        return _levels(int(name.removesuffix("ASK"))).astype(complex)
    if name == "BPSK":
        return np.array([-1.0, 1.0], dtype=complex)
    if name.endswith("PSK"):
        return _ring({"QPSK": 4, "OQPSK": 4}.get(name) or int(name.removesuffix("PSK")), 0.5)
    return _qam(int(name.removesuffix("QAM")))


def _ring(count: int, turn: float) -> NDArray[np.complex128]:
    """``count`` points on the unit circle, the first ``turn`` steps from the axis."""
    return np.exp(2j * np.pi * (np.arange(count) + turn) / count)


def _levels(count: int) -> NDArray[np.float64]:
    return np.arange(1 - count, count, 2, dtype=float)


def _qam(count: int) -> NDArray[np.complex128]:
    """A square where ``count`` is a power of four, else a cross: a square of 9/8 as many points without its corners."""
    side = round(count**0.5)
    cross = side * side != count
    if cross:
        side = round((count * 9 / 8) ** 0.5)
    level = _levels(side)
    grid = level[:, None] + 1j * level[None, :]
    if not cross:
        return grid.ravel()
    edge = side - 1 - 2 * (side // 6 - 1)
    return grid[~((np.abs(grid.real) >= edge) & (np.abs(grid.imag) >= edge))]
