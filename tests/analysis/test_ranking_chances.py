"""The chance of being the best: calibrated against simulated truth, and the same however the sweep is written down.

A larger run of the simulation below (700 sweeps for each of three kinds of values and of four spreads of the levels'
means, 0.05 to 1 standard deviations of a run) is where the figures of the module's docstring come from.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aftersweep.analysis.ranking.chances import best_chances, normal_population
from aftersweep.analysis.types import Floats


def groups_of(rng: np.random.Generator, spread: float) -> tuple[list[Floats], int]:
    """2 to 5 levels of 4 to 40 runs each, and which has the highest true mean."""
    means = spread * rng.standard_normal(int(rng.choice([2, 3, 5])))
    sizes = rng.choice([4, 8, 15, 40], len(means))
    return [mean + rng.standard_normal(n) for mean, n in zip(means, sizes, strict=True)], int(means.argmax())


def bootstrapped(groups: list[Floats], rng: np.random.Generator) -> Floats:
    means = np.stack([rng.choice(x, (500, len(x))).mean(axis=1) for x in groups], axis=1)
    return np.bincount(means.argmax(axis=1), minlength=len(groups)) / 500


def test_the_chances_are_calibrated_and_the_bootstraps_are_not() -> None:
    """Reliability table: of levels given a chance in a bin, about that share is the best; Brier below bootstrap's."""
    rng = np.random.default_rng(4)
    ours: list[float] = []
    drawn: list[float] = []
    truth: list[bool] = []
    for spread in np.repeat([0.15, 0.4, 1.0], 150):
        groups, best = groups_of(rng, float(spread))
        ours.extend(chance for chance in best_chances(groups) if chance is not None)
        drawn.extend(bootstrapped(groups, rng))
        truth.extend(i == best for i in range(len(groups)))
    p, boot, right = np.array(ours), np.array(drawn), np.array(truth, dtype=float)
    for low, high in ((0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.001)):
        held = (p >= low) & (p < high)
        miss = abs(right[held].mean() - p[held].mean())
        assert miss < 0.05 + 2.5 * np.sqrt(0.25 * min(1.0, 4 * p[held].mean() * (1 - p[held].mean())) / held.sum())
    assert ((p - right) ** 2).mean() < ((boot - right) ** 2).mean()
    sure = boot > 0.95
    assert right[sure].mean() < 0.95


def test_chances_sum_to_one_and_go_with_the_means() -> None:
    """Of levels with as many runs each the higher mean has the higher chance; an empty level has none."""
    rng = np.random.default_rng(1)
    base = rng.standard_normal(12)
    chances = best_chances([base, base + 0.4, np.empty(0), base + 0.8])
    assert chances[2] is None
    known = [chance for chance in chances if chance is not None]
    assert sum(known) == pytest.approx(1.0)
    assert known == sorted(known)


def test_neither_order_nor_units_change_the_chances() -> None:
    """Levels in another order, runs in another order, values in percent: the same chances."""
    rng = np.random.default_rng(2)
    groups = [rng.standard_normal(n) + mean for n, mean in ((5, 0.1), (9, 0.0), (14, 0.5))]
    chances = best_chances(groups)
    assert best_chances([groups[i][::-1] for i in (2, 0, 1)]) == pytest.approx([chances[i] for i in (2, 0, 1)])
    assert best_chances([1e6 + 100 * x for x in groups]) == pytest.approx(chances, abs=2e-3)


def test_one_diverged_run_does_not_decide() -> None:
    """A value of -1e30 is pulled in to the fences: the chances of the others stay as they are."""
    rng = np.random.default_rng(3)
    a, b, c = (rng.standard_normal(20) + mean for mean in (0.0, 0.2, 1.2))
    with_one = best_chances([np.append(a, -1e30), b, c])
    without = best_chances([np.append(a, -6.0), b, c])
    assert with_one[2] == pytest.approx(without[2], abs=0.02)


@pytest.mark.parametrize(
    "groups",
    [
        [],
        [[1.0, 2.0, 3.0, 4.0, 5.0]],
        [[1.0, 1.0, 1.0], [1.0, 1.0]],
        [[1.0], [2.0], [3.0]],
        [[1.0, 2.0], [], [3.0, 1.0]],
    ],
)
def test_too_little_gives_no_chance(groups: list[list[float]]) -> None:
    """One level, equal values, hardly any repetition within levels: nothing is said."""
    assert best_chances([np.array(group) for group in groups]) == [None] * len(groups)


@pytest.mark.parametrize("size", [1.7e308, 5e-324, 1e-300])
def test_any_magnitude(size: float) -> None:
    """The largest and the smallest numbers give chances, without a warning."""
    shape = np.array([-1.0, 0.0, 1.0, 0.0, 0.0])
    chances = best_chances([shape * size, np.full(5, size)])
    assert chances[1] is not None
    assert chances[1] > 0.9


def test_the_posterior_of_the_spread_is_the_numerical_one() -> None:
    """Centre integrated out by hand: the weights follow the marginal likelihood of scipy's multivariate normal."""
    means, errors = np.array([0.3, -0.2, 1.1, 0.4]), np.array([0.05, 0.1, 0.2, 0.02])
    spread, _, _, weight, _ = normal_population(means, errors, 0.5, 12)
    # A flat prior of the centre, as a normal one so wide that it makes no difference.
    wide = [stats.multivariate_normal(np.zeros(4), np.diag(errors + s**2) + 1e4).pdf(means) for s in spread]
    assert weight == pytest.approx(np.array(wide) / sum(wide), rel=1e-3)
    _, _, _, counted, _ = normal_population(means[:2], errors[:2], 0.5, 12, np.array([2.0, 1.0]))
    _, _, _, listed, _ = normal_population(means[[0, 0, 1]], errors[[0, 0, 1]], 0.5, 12)
    assert counted == pytest.approx(listed)
