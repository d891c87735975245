"""Pairs of settings: found where they act together only, not called where each acts by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from aftersweep.analysis.risk import interactions as module
from aftersweep.analysis.risk.interactions import interactions

from .risk_cases import exponential_sweep


def sweeps(kind: str, n: int, count: int) -> Any:
    rng = np.random.default_rng(3)
    for _ in range(count):
        configs = [{name: int(rng.integers(0, 2 + (name > "b"))) for name in "abcd"} for _ in range(n)]
        ratio = {
            "nothing": lambda _: 1.0,
            "each": lambda c: 0.5 * (4.0 if c["a"] else 1.0) * (4.0 if c["b"] else 1.0),
            "together": lambda c: 4.0 if c["a"] == c["b"] else 0.5,
        }[kind]
        hazards = np.array([0.03 * ratio(c) for c in configs])
        yield exponential_sweep(rng, configs, hazards, rng.choice([2, 6, 20], n, p=[0.4, 0.2, 0.4]))


def called(sweep: Any, outcomes: Any) -> list[set[str]]:
    found = interactions(sweep, outcomes)
    return [set(pair.where) for pair in found.shown if pair.q is not None and pair.q <= 0.05]


@pytest.mark.parametrize("kind", ["nothing", "each"])
def test_settings_that_act_by_themselves_are_no_pair(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any pair is called in about 5 % of sweeps, with strong main effects as without (80 sweeps of 80 runs)."""
    monkeypatch.setattr(module, "DRAWS", 1_999)
    hits = sum(bool(called(*case)) for case in sweeps(kind, 80, 80))
    assert hits <= stats.binom(80, 0.05).ppf(0.999)


def test_settings_that_act_together_only_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two settings that crash where they agree, and have no effect of their own, are called as that pair."""
    monkeypatch.setattr(module, "DRAWS", 1_999)
    hits = sum({"a", "b"} in called(*case) for case in sweeps("together", 120, 20))
    assert hits >= 15
    pair = interactions(*next(sweeps("together", 200, 1))).shown[0]
    assert set(pair.where) == {"a", "b"}
    assert pair.effect.low is not None
    assert pair.effect.high is not None
    assert (pair.effect.low > 1) == ((pair.z or 0) > 0)


def test_small_cells_and_few_crashes_are_not_tried() -> None:
    """Every cell has five runs and the sweep ten crashes, or nothing is tested."""
    sweep, outcomes = next(sweeps("each", 16, 1))
    assert interactions(sweep, outcomes).tested == 0
    sweep, outcomes = next(sweeps("each", 120, 1))
    found = interactions(sweep, outcomes)
    assert found.tested > 0
    assert len(found.shown) <= 5
    assert all(pair.n_in >= 5 for pair in found.shown)
