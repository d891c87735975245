"""How often outcomes are right, and as often as they claim, on simulated sweeps: ``python -m tests.outcomes.measure``.

Only runs that crashed or that the rule stopped count: the others show by their state what they are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aftersweep.analysis.outcomes.adjudicate import adjudicate
from aftersweep.analysis.types import Sweep

from .simulate import View, simulate, without_times

TIMES = ("known", "coarse", "missing")
BINS = 10

VIEWS: Mapping[str, View] = {
    "exact": View(),
    "late 1 min": View(late_s=60.0),
    "late 10 min": View(late_s=600.0),
    "stale looks": View(stale=0.3),
    "10 % hidden": View(hidden=0.1),
    "40 % hidden": View(hidden=0.4),
    "5 % dropped": View(dropped=0.05),
    "20 % deleted": View(deleted=0.2),
}


@dataclass
class Score:
    """Runs that crashed or were stopped: [n] chances of a crash, whether they crashed, whether the label is right."""

    chances: list[float] = field(default_factory=list)
    crashed: list[bool] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.right))

    @property
    def bias(self) -> float:
        """Mean chance of a crash less the share that crashed."""
        return float(np.mean(self.chances) - np.mean(self.crashed))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: |mean chance - share crashed| over bins of the chance, weighted by runs."""
        return sum(abs(told - true) * n for told, true, n in self.reliability()) / max(len(self.chances), 1)

    @property
    def brier(self) -> float:
        return float(np.mean((np.array(self.chances) - np.array(self.crashed)) ** 2))

    @property
    def stops_called_crashes(self) -> float:
        """Of the runs that the rule stopped, the share that is called crashed."""
        stopped = ~np.array(self.crashed)
        return float(np.mean(~np.array(self.right)[stopped])) if stopped.any() else 0.0

    def reliability(self) -> list[tuple[float, float, int]]:
        """By bin of the chance: its mean, the share that crashed, the runs in it."""
        chances, crashed = np.array(self.chances), np.array(self.crashed)
        bins = np.minimum((chances * BINS).astype(int), BINS - 1)
        return [
            (float(chances[bins == b].mean()), float(crashed[bins == b].mean()), int((bins == b).sum()))
            for b in np.unique(bins)
        ]


def shown(sweep: Sweep, times: str) -> Sweep:
    """The sweep as a source shows it that keeps times so well."""
    return sweep if times == "known" else without_times(sweep, keep_ends=times == "coarse")


def measure(seeds: Iterable[int], times: str = "known", **world: Any) -> Score:
    """The score over simulated sweeps, one a seed; ``world`` goes to ``simulate``."""
    score = Score()
    for seed in seeds:
        simulated = simulate(seed, **world)
        for run_id, outcome in adjudicate(shown(simulated.sweep, times)).items():
            truth = simulated.truth[run_id]
            if truth in ("crashed", "early_stopped"):
                score.chances.append(sum(outcome.crash_probability) / 2.0)
                score.crashed.append(truth == "crashed")
                score.right.append(outcome.label == truth)
    return score


def _row(name: str, times: str, seeds: Sequence[int], **world: Any) -> None:
    score = measure(seeds, times, **world)
    print(
        f"{name:34} {times:8} {len(score.right):6} {100 * score.accuracy:6.1f} {100 * score.bias:+6.1f} "
        f"{100 * score.calibration_error:6.1f} {score.brier:7.4f} {100 * score.stops_called_crashes:6.1f}",
        flush=True,
    )


def main(sweeps: int) -> None:
    """Prints the table; ``sweeps`` of 50 runs a cell, fewer of larger ones."""
    seeds = range(1000, 1000 + sweeps)
    print(f"{'sweeps':34} {'times':8} {'ends':>6} {'right%':>6} {'bias':>6} {'ECE':>6} {'Brier':>7} {'stop>crash%':>6}")
    for times in TIMES:
        for hazard in (0.0, 0.02, 0.1):
            _row(f"hazard {hazard:g}", times, seeds, hazard=hazard)
        for runs in (20, 200):
            _row(f"{runs} runs", times, seeds[: sweeps * 100 // (runs + 50) + 1], runs=runs)
        for low, high in ((5.0, 30.0), (120.0, 240.0), (1800.0, 3600.0)):
            _row(f"epochs of {low:g} to {high:g} s", times, seeds, epoch_s=(low, high))
        _row("strict false", times, seeds, strict=False)
        for share in (0.7, 1.0):
            _row(f"logs, {share:.0%} of crashes in them", times, seeds, logged=share)
    for name, view in VIEWS.items():
        for hazard in (0.0, 0.02):
            _row(f"view: {name}, hazard {hazard:g}", "known", seeds, view=view, hazard=hazard)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
