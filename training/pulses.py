"""Pulse shapes at the samples: root raised cosine and rectangle, in time and half a symbol late."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

_SPANS = 8, 12, 16, 24, 32, 48, 64
_LEFT = 1e-5
"""Largest power that neighbours may leave at a symbol's instant: -50 dB, 0.04 dB of the noise at an SNR of 30 dB."""


@dataclass(frozen=True)
class Pulse:
    """One pulse. Symbol j begins at sample j k: its taps lie on samples j k to j k + L - 1."""

    taps: NDArray[np.float64]
    """[L], unit energy."""
    late: NDArray[np.float64]
    """[L], the same pulse T / 2 later; half-way between two samples where k is odd."""
    first: int
    """The tap at the symbol's own first sample; for the root raised cosine, its middle."""
    span: int
    """Symbols on each side of it that the pulse reaches into."""
    samples_per_symbol: int

    def at_instants(self, sent: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the matched filter gives at the instants around a single symbol that was sent with pulse ``sent``."""
        whole = np.correlate(sent, self.taps, mode="full")
        return whole[(len(self.taps) - 1) % self.samples_per_symbol :: self.samples_per_symbol]

    def phases(self) -> NDArray[np.float64]:
        """The taps [J, 2 k] that turn J symbols in a row into the k samples of the last, on time and late."""
        k = self.samples_per_symbol
        rows = -(-self.taps.size // k)
        both = [np.pad(one, (0, rows * k - one.size)).reshape(rows, k) for one in (self.taps, self.late)]
        return np.concatenate(both, axis=1)[::-1].copy()

    @property
    def interference(self) -> float:
        """Power that neighbouring symbols leave at an instant, over a symbol's own: 0 but for the cut-off."""
        found = np.sort(self.at_instants(self.taps) ** 2)
        return float(found[:-1].sum())

    @property
    def power_between(self) -> float:
        """Mean power half-way between two instants, of symbols of unit power: 1/2 for a rectangle."""
        return float(np.sum(self.at_instants(self.late) ** 2))

    @property
    def late_energy(self) -> float:
        """Energy of the late pulse: under 1 where an edge of a rectangle falls on a sample."""
        return float(np.sum(self.late**2))


@cache
def pulse(shape: str, samples_per_symbol: int, roll_off: float) -> Pulse:
    """The pulse ``shape`` ('rrc' or 'rectangular'); as long as its interference asks, at most 64 symbols a side."""
    if shape == "rectangular" or samples_per_symbol == 1:
        return _rectangle(samples_per_symbol)
    for span in _SPANS:
        made = _root_raised_cosine(samples_per_symbol, roll_off, span)
        if made.interference <= _LEFT:
            break
    return made


def _rectangle(k: int) -> Pulse:
    taps = np.zeros(2 * k)
    taps[:k] = 1.0 / np.sqrt(k)
    late = (np.roll(taps, k // 2) + np.roll(taps, (k + 1) // 2)) / 2.0
    return Pulse(taps, late, 0, 1, k)


def _root_raised_cosine(k: int, roll_off: float, span: int) -> Pulse:
    time = np.arange(-span * k, span * k + 1) / k
    taps, late = (root_raised_cosine(time - shift, roll_off) for shift in (0.0, 0.5))
    energy = np.sqrt(np.sum(taps**2))
    return Pulse(taps / energy, late / energy, span * k, span, k)


def root_raised_cosine(time: NDArray[np.float64], roll_off: float) -> NDArray[np.float64]:
    """h(t), t in symbols, of unit energy over all t, 0 < roll_off <= 1.

    sinc form of Proakis and Salehi (Digital Communications, 5th edition, section 9.2-1), with its limits at t = 0 and
    at t = 1 / (4 roll_off), where numerator and denominator vanish together.
    """
    b, t = roll_off, time
    edge = np.isclose(np.abs(t), 1 / (4 * b), rtol=0, atol=1e-9)
    zero = np.isclose(t, 0, atol=1e-12)
    safe = np.where(edge | zero, 1 / (8 * b), t)
    above = np.sin(np.pi * safe * (1 - b)) + 4 * b * safe * np.cos(np.pi * safe * (1 + b))
    made = above / (np.pi * safe * (1 - (4 * b * safe) ** 2))
    limit = (b / np.sqrt(2)) * ((1 + 2 / np.pi) * np.sin(np.pi / (4 * b)) + (1 - 2 / np.pi) * np.cos(np.pi / (4 * b)))
    return np.asarray(np.where(edge, limit, np.where(zero, 1 - b + 4 * b / np.pi, made)))
