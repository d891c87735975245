"""Synthetic records: symbols, pulse, carrier, noise, receiver; whole batches at once on any device.

The signal is x(t) = sum_k s_k h(t - kT) exp(j (2 pi f t + phi)), h of unit energy, symbols of unit mean power: so the
energy of a symbol is Es = 1. White complex noise of variance N0 is added to each sample. ``es_n0``: the SNR is Es / N0.
``in_band``: it is the power of the samples, Es / k with k samples a symbol, over N0. A matched filter leaves Es / N0 at
the symbol instants in both (Proakis and Salehi, Digital Communications, 5th edition, chapter 4).

OQPSK at ``sync=symbols`` (see ``constellations``): Es is the mean energy that is seen at the instants, half of which
comes from a quadrature between two symbols. It is sent that much stronger, so that its SNR means what all others' do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from .constellations import OFFSET, alphabet, points
from .philox import choice, complex_normal, uniform, words
from .pulses import Pulse, pulse
from .settings import Settings

_SPLITS = {"train": 0, "val": 1}
_CARRIER = 4
"""Words of a record that its carrier and its gain are drawn from."""


@dataclass(frozen=True)
class Signals:
    """Records of one batch. samples: complex64 [n, N]; modulation, snr: classes, int64 [n]."""

    samples: torch.Tensor
    modulation: torch.Tensor
    snr: torch.Tensor


class Generator:
    """Makes the records of a data definition. The same (seed, split, epoch, index) is the same record."""

    def __init__(self, settings: Settings, device: torch.device) -> None:
        self.settings, self.device = settings, device
        k, names = settings.samples_per_symbol, settings.modulations
        self._pulse = pulse_of(settings)
        self._instants = k == 1 or settings.sync == "symbols"
        rows = [alphabet(name) / self._loss(name) for name in names]
        table = np.zeros((len(rows), max(map(len, rows))), dtype=np.complex64)
        for row, made in zip(table, rows, strict=True):
            row[: len(made)] = made
        self._table = torch.from_numpy(table).to(device)
        self._counts = torch.tensor([len(row) for row in rows], device=device)
        self._offset = torch.tensor([name in OFFSET for name in names], device=device)
        self._mixed = any(name in OFFSET for name in names)
        self._taps = torch.from_numpy(self._pulse.taps)[None, None].to(device)
        self._phases = torch.from_numpy(self._pulse.phases()).to(device)
        levels = torch.tensor(settings.snr_list, dtype=torch.float64)
        reference = k if settings.snr_reference == "in_band" else 1
        self._noise = (10.0 ** (-levels / 10.0) / reference).float().to(device)
        self._symbols, self._first, self._samples = self._window()

    def labels(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Modulation and SNR class of each record: all pairs equally often, as the number of a record counts up."""
        classes = len(self.settings.modulations)
        return indices % classes, (indices // classes) % len(self.settings.snr_list)

    def generate(self, split: str, epoch: int, indices: torch.Tensor) -> Signals:
        """The records ``indices`` (int64 [n]) of a split and an epoch, as the receiver shows them: [n, N].

        N is the symbols of a record, times the samples a symbol at ``sync=samples``.
        """
        chosen, end = self.settings, _CARRIER + self._symbols
        indices = indices.to(self.device)
        modulation, snr = self.labels(indices)
        drawn = words(chosen.seed, _SPLITS[split], epoch, indices, end + 2 * self._samples)
        which = choice(drawn[:, _CARRIER:end], self._counts[modulation][:, None])
        received = self._shaped(self._table[modulation[:, None], which], modulation)
        if chosen.carrier_offset or chosen.phase_offset != "none":
            received = received * self._carrier(drawn)
        received = received + complex_normal(drawn[:, end:], self._noise[snr][:, None])
        if chosen.gain_jitter_db:
            received = received * self._gain(drawn)
        return Signals(self._shown(received), modulation, snr)

    def _window(self) -> tuple[int, int, int]:
        """Symbols to be sent, which of the samples that they shape is the first received, and how many are.

        Symbols on both sides of the record reach into its samples, and twice as far into what a filter makes of them.
        """
        k, symbols, shape = self.settings.samples_per_symbol, self.settings.symbols, self._pulse
        if k == 1:  # one more symbol: the last quadrature may lie between two
            return symbols + 1, 0, symbols
        known = (len(self._phases) - 1) * k  # samples before that one would need symbols that are not there
        if self._instants:
            return symbols + 4 * shape.span, 2 * shape.span * k - known, (symbols - 1) * k + shape.taps.size
        return symbols + 2 * shape.span, shape.span * k + shape.first - known, symbols * k

    def _loss(self, name: str) -> float:
        """Root of the mean power that is shown where the symbols' own is 1."""
        if name not in OFFSET:
            return 1.0
        late = self._pulse.power_between if self._instants else self._pulse.late_energy
        return math.sqrt((1.0 + late) / 2.0)

    def _shaped(self, symbols: torch.Tensor, modulation: torch.Tensor) -> torch.Tensor:
        """The symbols [n, K] as the samples that are received, each with its pulse."""
        if self.settings.samples_per_symbol == 1:
            sent = symbols[:, :-1]
            between = (sent.imag + symbols.imag[:, 1:]) * 0.5 if self._mixed else sent.imag
        else:
            # In 64 bits: the order of a sum may depend on the batch, and is lost in the rounding to 32.
            windows = _parts(symbols)[:, 0].unfold(1, len(self._phases), 1)
            wide = (windows @ self._phases).float().unflatten(2, (2, -1)).movedim(2, 1).flatten(2)
            cut = wide[..., self._first : self._first + self._samples].unflatten(0, (-1, 2))
            sent, between = torch.complex(cut[:, 0, 0], cut[:, 1, 0]), cut[:, 1, 1]
        if not self._mixed:
            return sent
        return torch.complex(sent.real, torch.where(self._offset[modulation][:, None], between, sent.imag))

    def _carrier(self, drawn: torch.Tensor) -> torch.Tensor:
        """The turning carrier [n, samples], unit magnitude."""
        chosen, place = self.settings, uniform(drawn[:, :2])
        turns = torch.arange(self._samples, device=self.device) / chosen.samples_per_symbol
        angle = (place[:, :1] * 2.0 - 1.0) * (2.0 * math.pi * chosen.carrier_offset) * turns
        if chosen.phase_offset == "random":
            angle = angle + place[:, 1:] * (2.0 * math.pi)
        return torch.polar(torch.ones_like(angle), angle)

    def _gain(self, drawn: torch.Tensor) -> torch.Tensor:
        """The gain [n, 1] of each record, of its noise too: log-normal."""
        decibel = complex_normal(drawn[:, 2:_CARRIER], 2.0).real * self.settings.gain_jitter_db
        return torch.exp(decibel * (math.log(10.0) / 20.0))

    def _shown(self, samples: torch.Tensor) -> torch.Tensor:
        """What the image shows: the samples, or the symbols behind a matched filter."""
        k = self.settings.samples_per_symbol
        if k == 1:
            return samples
        if not self._instants:  # the power of a sample is 1 / k: scaled to that of a symbol
            return samples * math.sqrt(k)
        found = functional.conv1d(_parts(samples), self._taps, stride=k).float().unflatten(0, (-1, 2))
        return torch.complex(found[:, 0, 0], found[:, 1, 0])


def pulse_of(settings: Settings) -> Pulse:
    """The pulse of a data definition."""
    return pulse(settings.pulse, settings.samples_per_symbol, settings.roll_off)


def seen(settings: Settings, name: str) -> NDArray[np.complex128]:
    """The points [M] of a modulation that these data show at the instants, mean power 1, equally likely.

    They are ``constellations.points``, but for OQPSK behind root-raised-cosine pulses: there the quadrature is a sum
    over many symbols, of which the six nearest are counted, three on each side.
    """
    if name not in OFFSET or settings.samples_per_symbol == 1 or settings.pulse == "rectangular":
        return points(name)
    made = pulse_of(settings)
    weights = np.sort(np.abs(made.at_instants(made.late)))[-6:]
    signs = 1.0 - 2.0 * ((np.arange(64)[:, None] >> np.arange(6)) & 1)
    shown = (np.array([-1.0, 1.0])[:, None] + 1j * (signs @ weights)[None, :]).ravel()
    return np.asarray(shown / np.sqrt(np.mean(np.abs(shown) ** 2)))


def _parts(samples: torch.Tensor) -> torch.Tensor:
    """Complex [n, N] as real and imaginary rows: float64 [2 n, 1, N]."""
    return torch.view_as_real(samples).movedim(2, 1).flatten(0, 1)[:, None, :].double()
