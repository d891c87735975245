"""The accuracy that a perfect model of the data could reach: maximum likelihood over all modulations and SNRs.

Records are drawn from a data definition and classified by their exact likelihood (``densities``), all classes equally
likely. Each task takes its own best decision: the modulation by the likelihood summed over SNRs, the SNR by the
likelihood summed over modulations, the pair by the largest of all, and "within one step" by the largest sum of three
neighbouring levels. So the pair's ceiling is no product of the two others, and each is a bound of its own: one for the
synchronised symbols, and so for a picture of them, which with its pixels and its edge holds no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest

from .constellations import OFFSET
from .densities import Mixture, log_likelihoods
from .errors import SettingsError
from .settings import Settings, shown
from .signals import seen

Scores = NDArray[np.float64]

_TASKS = {
    "modulation": "modulation",
    "snr": "SNR",
    "snr_within_one": "SNR within one step",
    "joint": "modulation and SNR",
}


@dataclass(frozen=True)
class Accuracy:
    """A fraction of records, 0 to 1, with Wilson's 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ceiling:
    """What maximum likelihood reaches on ``n`` records of one data definition."""

    modulation: Accuracy
    snr: Accuracy
    snr_within_one: Accuracy
    joint: Accuracy
    n: int
    classes: int
    definition: str
    """The data in words."""
    exact: bool
    """Whether the likelihood is that of the data; where not, ``limits`` says what was left out."""
    limits: str


def ceiling(settings: Settings, *, records_per_class: int, seed: int, device: str = "cpu") -> Ceiling:
    """Draws ``records_per_class`` records of each class and classifies them by maximum likelihood.

    The same (settings, records_per_class, seed) give the same records on every device. Cost: all 272 classes at 128
    symbols, normalised by record, are about 20 ms a record on one core; with known gain a twentieth of that.
    Raises SettingsError where the likelihood of these data is not tractable: it says which parameter stands in the way.
    """
    if records_per_class < 1:
        raise SettingsError(
            f"records_per_class is {records_per_class}; a ceiling needs at least 1 record of each class"
        )
    exact, limits = tractable(settings)
    noises = [noise_of(settings, level) for level in settings.snr_list]
    shape = len(settings.modulations), len(noises)
    jitter = settings.gain_jitter_db * math.log(10.0) / 20.0
    found, truth = [], []
    for row, name in enumerate(settings.modulations):
        rng = np.random.default_rng((seed, row))
        drawn = [draw(seen(settings, name), noise, records_per_class, settings.symbols, rng) for noise in noises]
        records = np.concatenate(drawn)
        records *= np.exp(jitter * rng.standard_normal((len(records), 1)))
        found.append(scores(torch.as_tensor(records, dtype=torch.complex64, device=device), settings))
        truth += [(row, column) for column in range(shape[1]) for _ in range(records_per_class)]
    hits = decided(np.concatenate(found), np.array(truth))
    return Ceiling(
        **{task: _accuracy(hit) for task, hit in hits.items()},
        n=len(truth),
        classes=math.prod(shape),
        definition=definition(settings),
        exact=exact,
        limits=limits,
    )


def scores(records: torch.Tensor, settings: Settings) -> Scores:
    """Log-likelihoods [records, modulations, levels] of complex records [records, symbols], synchronised.

    Up to a term of each record alone. Records of unknown scale may come normalised or not: it makes no difference.
    """
    noises = [noise_of(settings, level) for level in settings.snr_list]
    jitter = math.inf if settings.normalise == "record" else settings.gain_jitter_db * math.log(10.0) / 20.0
    mixtures = [Mixture.of(seen(settings, name), str(records.device)) for name in settings.modulations]

    def one(pair: tuple[Mixture, float]) -> torch.Tensor:
        return log_likelihoods(records, pair[0], [pair[1]], jitter=jitter)[:, 0]

    # A core for each class: torch's own threads would meet at a barrier after each small operation, and on a machine
    # that is busy wait there for minutes.
    threads = torch.get_num_threads()
    workers = threads if records.device.type == "cpu" else 1
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            found = list(pool.map(one, product(mixtures, noises)))
    finally:
        torch.set_num_threads(threads)
    return torch.stack(found, 1).cpu().double().numpy().reshape(len(records), len(mixtures), len(noises))


def tractable(settings: Settings) -> tuple[bool, str]:
    """Whether the likelihood is exactly that of the data, and the reason in words.

    Raises SettingsError where it cannot be computed: the parameter in the way, and the value that would do.
    """
    stand = "the likelihood of these data is not tractable:"
    if settings.data != "synthetic":
        raise SettingsError(f"{stand} the channel of recorded data is not known; a ceiling needs data=synthetic")
    if settings.phase_offset != "none":
        raise SettingsError(f"{stand} each record has an unknown carrier phase; a ceiling needs phase_offset=none")
    if settings.carrier_offset:
        raise SettingsError(
            f"{stand} each record has an unknown carrier offset; a ceiling needs carrier_offset=0, "
            f"not {settings.carrier_offset:g}"
        )
    if settings.samples_per_symbol > 1 and settings.sync == "samples":
        raise SettingsError(
            f"{stand} its samples depend on several symbols each; a ceiling needs sync=symbols or samples_per_symbol=1"
        )
    left_out = []
    if settings.samples_per_symbol > 1 and settings.pulse == "rrc":
        left_out.append("what neighbouring symbols leave at the instants, the pulse being cut off, is not modelled")
    if OFFSET & set(settings.modulations):
        left_out.append(
            "the order of OQPSK's symbols, two of which share a quadrature, is not used: a picture has none"
        )
    return not left_out, "; ".join(left_out) or "independent symbols, known constellations, known noise"


def noise_of(settings: Settings, level: float) -> float:
    """N0, the variance of a synchronised symbol's complex noise at unit symbol energy, at ``level`` dB."""
    gain = settings.samples_per_symbol if settings.snr_reference == "in_band" else 1
    return 10.0 ** (-level / 10.0) / gain


def definition(settings: Settings) -> str:
    """The data in words: whatever moves the ceiling."""
    scale = "divided by its own root mean power"
    if settings.normalise == "known":
        scale = f"gain known within {settings.gain_jitter_db:g} dB" if settings.gain_jitter_db else "gain known"
    reference = {"es_n0": "Es/N0", "in_band": f"in band, {settings.samples_per_symbol} samples a symbol"}
    levels = f"{shown(settings.snr_list)} dB ({reference[settings.snr_reference]})"
    return (
        f"{len(settings.modulations)} modulations, SNR {levels}, "
        f"{settings.symbols} independent symbols a record, {scale}, synchronised"
    )


def draw(
    table: NDArray[np.complex128], noise: float, records: int, symbols: int, rng: np.random.Generator
) -> NDArray[np.complex128]:
    """Records [records, symbols] of independent symbols in complex white Gaussian noise of variance ``noise``."""
    sent = table[rng.integers(table.size, size=(records, symbols))]
    parts = rng.standard_normal((2, records, symbols)) * math.sqrt(noise / 2.0)
    return np.asarray(sent + parts[0] + 1j * parts[1])


def decided(found: Scores, truth: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Which records each task's best decision gets right, under a uniform prior.

    found: log-likelihoods [records, modulations, levels]; truth: the true indices [records, 2].
    """
    records, _, levels = found.shape
    posterior = np.exp(found - found.max((1, 2), keepdims=True))
    posterior /= posterior.sum((1, 2), keepdims=True)
    level = posterior.sum(1)
    near = np.pad(level, ((0, 0), (1, 1)))
    near = near[:, :-2] + near[:, 1:-1] + near[:, 2:]
    return {
        "modulation": posterior.sum(2).argmax(1) == truth[:, 0],
        "snr": level.argmax(1) == truth[:, 1],
        "snr_within_one": np.abs(near.argmax(1) - truth[:, 1]) <= 1,
        "joint": found.reshape(records, -1).argmax(1) == truth[:, 0] * levels + truth[:, 1],
    }


def _accuracy(hit: NDArray[np.bool_]) -> Accuracy:
    interval = binomtest(int(hit.sum()), hit.size).proportion_ci(0.95, method="wilson")
    return Accuracy(float(hit.mean()), float(interval.low), float(interval.high))


def share_of_ceiling(accuracy: float, found: Ceiling, task: str = "joint") -> float:
    """``accuracy`` (0 to 1) divided by the ceiling of ``task``: modulation, snr, snr_within_one or joint."""
    return accuracy / float(getattr(found, task).value)


def from_dict(kept: Mapping[str, Any]) -> Ceiling:
    """A ceiling from what ``dataclasses.asdict`` made of it. Raises KeyError or TypeError where something is amiss."""
    return Ceiling(**{**kept, **{task: Accuracy(**kept[task]) for task in _TASKS}})


def ceiling_lines(found: Ceiling) -> list[str]:
    """The ceiling as lines for a terminal."""
    lines = [
        f"Ceiling of {found.classes} classes by maximum likelihood, {found.n} records",
        f"Data: {found.definition}",
    ]
    width = max(map(len, _TASKS.values()))
    for task, words in _TASKS.items():
        one = getattr(found, task)
        interval = f"95 % interval {100 * one.low:.2f} to {100 * one.high:.2f} %"
        lines.append(f"  {words:<{width}}  {100 * one.value:6.2f} %   {interval}")
    return [*lines, f"{'Exact' if found.exact else 'Approximate'}: {found.limits}"]
