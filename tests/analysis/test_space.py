"""What the search space left out, and what the search did with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from aftersweep.analysis.searched.coverage import gaps, largest_spacing_p, pairs, unseen
from aftersweep.analysis.searched.edges import edges
from aftersweep.analysis.searched.holm import holm
from aftersweep.analysis.searched.impute import imputed
from aftersweep.analysis.searched.narrowing import narrowing
from aftersweep.analysis.space import space
from aftersweep.analysis.sweepfile.config import read_config
from aftersweep.analysis.types import Outcome, Sweep

from ..factories import START, make_run, make_sweep

DONE = Outcome(label="completed", grade="observed")
STOPPED = Outcome(label="early_stopped", grade="replayed")


def _declared(sweep: Sweep, method: str = "random", metric: Mapping[str, Any] | None = None, **spec: Any) -> Sweep:
    """The sweep with a configuration that declares ``spec`` for its parameters."""
    raw = {
        "method": method,
        "metric": {"name": sweep.metric.name, "goal": sweep.metric.goal, **(metric or {})},
        "parameters": spec,
    }
    return replace(sweep, config=read_config(raw))


def _ranged(values: Sequence[float], metric: Sequence[float] | None = None) -> Sweep:
    metric = [0.5] * len(values) if metric is None else metric
    return make_sweep(
        [
            make_run(f"r{i:03d}", [m], config={"lr": v}, start=START + i)
            for i, (v, m) in enumerate(zip(values, metric, strict=True))
        ]
    )


LOG = {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1}


# Several tests at once.


def test_holm_is_that_of_statsmodels() -> None:
    """Ties and ones included; and no test at all has no adjusted p."""
    for p in ([0.01, 0.04, 0.03, 0.005], [0.02, 0.02, 1.0], [0.5]):
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm([]).size == 0


# Edges.


def test_an_edge_is_fishers_exact_test_one_sided() -> None:
    """The hypergeometric p of the best runs' places is that of scipy's Fisher test on the same table."""
    rng = np.random.default_rng(0)
    levels = rng.choice([16, 32, 64, 128], 50).tolist()
    sweep = make_sweep([make_run(f"r{i:02d}", [rng.normal()], config={"bs": v}) for i, v in enumerate(levels)])
    found = edges(sweep)
    assert found is not None
    assert found.best == 10
    for end in found.ends:
        table = [
            [end.k_best, end.n_best - end.k_best],
            [end.k_rest, end.n_rest - end.k_rest],
        ]
        assert end.p == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue)
        assert end.low == end.high == (16 if end.side == "lowest" else 128)


def test_best_runs_at_the_end_of_a_range_are_found() -> None:
    """A metric that rises with the range to its end: the highest tenth, on the declared scale, is called."""
    rng = np.random.default_rng(1)
    lr = 10 ** rng.uniform(-5, -1, 100)
    sweep = _declared(_ranged(lr.tolist(), (np.log10(lr) + 0.3 * rng.normal(size=100)).tolist()), lr=LOG)
    found = edges(sweep)
    assert found is not None
    low, high = found.ends
    assert low.q > 0.5
    assert high.q < 0.01
    assert high.low >= 10 ** (-5 + 0.9 * 4)
    assert high.top == (float(lr[int(np.argmax([run.metric[0] for run in sweep.runs]))]) >= high.low)


def test_a_best_value_inside_is_no_edge() -> None:
    """The best runs in the middle leave both ends alone."""
    rng = np.random.default_rng(2)
    lr = 10 ** rng.uniform(-5, -1, 100)
    sweep = _declared(_ranged(lr.tolist(), (-np.abs(np.log10(lr) + 3)).tolist()), lr=LOG)
    found = edges(sweep)
    assert found is not None
    assert all(end.p == 1.0 for end in found.ends)


def test_what_has_no_ends_is_not_tested() -> None:
    """Two levels have no middle, text no order, a normal distribution no bounds; and nine runs are too few."""
    rng = np.random.default_rng(3)
    runs = [
        make_run(f"r{i}", [rng.normal()], config={"two": i % 2, "text": "abc"[i % 3], "free": rng.normal()})
        for i in range(30)
    ]
    sweep = _declared(make_sweep(runs), free={"distribution": "normal"}, two={"values": [0, 1]})
    found = edges(sweep)
    assert found is not None
    assert found.ends == ()
    assert edges(make_sweep(runs[:9])) is None


def test_declared_levels_that_were_not_tried_are_the_end() -> None:
    """The highest level tried is no end where the sweep file has a higher one."""
    runs = [make_run(f"r{i:02d}", [float(i % 3)], config={"bs": 16 * 2 ** (i % 3)}) for i in range(30)]
    found = edges(_declared(make_sweep(runs), bs={"values": [16, 32, 64, 128]}))
    assert found is not None
    assert [end.side for end in found.ends] == ["lowest"]


def test_minimise_of_minus_x_is_maximise_of_x_and_order_does_not_matter() -> None:
    """Of edges, as of everything."""
    rng = np.random.default_rng(4)
    metric, levels = rng.normal(size=40), rng.choice([1, 2, 3, 4], 40)
    up = [make_run(f"r{i:02d}", [m], config={"a": int(v)}) for i, (m, v) in enumerate(zip(metric, levels, strict=True))]
    down = [
        make_run(f"r{i:02d}", [-m], goal="minimize", config={"a": int(v)})
        for i, (m, v) in enumerate(zip(metric, levels, strict=True))
    ]
    assert edges(make_sweep(up)) == edges(make_sweep(down, goal="minimize")) == edges(make_sweep(up[::-1]))


def test_edges_are_called_rarely_where_nothing_matters() -> None:
    """Family-wise at most 5 %: of 100 sweeps of noise, over 12 has chance 0.1 %."""
    rng = np.random.default_rng(5)
    called = 0
    for _ in range(100):
        runs = [
            make_run(f"r{i:02d}", [rng.normal()], config={"a": int(rng.integers(4)), "b": int(rng.integers(3))})
            for i in range(40)
        ]
        found = edges(make_sweep(runs))
        assert found is not None
        called += any(end.q <= 0.05 for end in found.ends)
    assert called <= 12


# What was never tried.


def test_levels_never_drawn_are_named_with_their_chance() -> None:
    """(1 - 1/k)^n where they were drawn at random, with the declared probabilities where there are any."""
    runs = [make_run(f"r{i}", [0.5], config={"a": 1, "b": "x"}) for i in range(6)]
    spec: dict[str, Any] = {"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y"], "probabilities": [0.9, 0.1]}}
    found = unseen(_declared(make_sweep(runs), **spec))
    assert [(item.parameter, item.level) for item in found] == [("a", 2), ("a", 3), ("b", "y")]
    assert [item.chance for item in found] == pytest.approx([(2 / 3) ** 6, (2 / 3) ** 6, 0.9**6])
    assert unseen(_declared(make_sweep(runs), "grid", **spec))[0].chance is None


def test_a_pair_never_tried_has_the_hypergeometric_chance() -> None:
    """As scipy's; the missing pair is found, and all cells are counted."""
    combos = [(a, b) for a in range(3) for b in "xy" if (a, b) != (0, "x")] * 8
    runs = [make_run(f"r{i}", [0.5], config={"a": a, "b": b}) for i, (a, b) in enumerate(combos)]
    found = pairs(make_sweep(runs))
    assert found is not None
    assert (found.cells, found.tried, found.missed) == (6, 5, 1)
    pair = found.missing[0]
    assert (pair.levels, pair.parameters) == ((0, "x"), ("a", "b"))
    assert pair.expected == pytest.approx(8 * 16 / 40)
    assert pair.p == pytest.approx(stats.hypergeom.pmf(0, 40, 8, 16))
    assert pair.q == pytest.approx(min(1.0, pair.p * found.enough))


def test_pairs_of_a_parameter_that_is_not_set_are_no_pairs() -> None:
    """A parameter that only some models have cannot be combined with the others."""
    runs = [make_run(f"r{i}", [0.5], config={"m": "a"} | ({"x": i % 2} if i % 4 else {})) for i in range(20)]
    runs += [make_run(f"s{i}", [0.5], config={"m": "b"}) for i in range(20)]
    found = pairs(make_sweep(runs))
    assert found is not None
    assert found.missed == 0


@pytest.mark.parametrize(("n", "gap"), [(1, 0.7), (2, 0.5), (5, 0.4), (20, 0.2)])
def test_the_largest_gap_has_fishers_chance(n: int, gap: float) -> None:
    """Against a simulation; and of one draw, 2 (1 - gap) in closed form."""
    draws = np.sort(np.random.default_rng(n).uniform(size=(20_000, n)), axis=1)
    ends = np.concatenate([np.zeros((20_000, 1)), draws, np.ones((20_000, 1))], axis=1)
    simulated = float((np.diff(ends, axis=1).max(axis=1) > gap).mean())
    assert largest_spacing_p(gap, n) == pytest.approx(simulated, abs=0.015)
    assert largest_spacing_p(0.7, 1) == pytest.approx(0.6)


def test_the_chance_of_a_gap_falls_with_the_gap() -> None:
    """Also where the alternating sum cancels: it stays between 0 and 1 and does not rise."""
    for n in (10, 100, 10_000):
        chances = [largest_spacing_p(gap, n) for gap in np.geomspace(0.2 / n, 0.99, 300)]
        assert all(0.0 <= p <= 1.0 for p in chances)
        assert all(b <= a + 1e-6 for a, b in pairwise(chances))


def test_a_gap_is_measured_on_the_declared_scale() -> None:
    """Of a log range by decades; its ends count as well."""
    inside = _declared(_ranged([1e-5, 2e-5, 1e-2, 2e-2, 5e-2, 1e-1]), lr=LOG)
    found = gaps(inside)[0]
    assert (found.low, found.high) == (2e-5, 1e-2)
    assert found.share == pytest.approx(np.log10(500) / 4)
    assert found.q == found.p == pytest.approx(largest_spacing_p(found.share, 6))
    below = _declared(_ranged([1e-2, 2e-2, 5e-2, 7e-2, 1e-1]), "bayes", lr=LOG)
    assert (gaps(below)[0].low, gaps(below)[0].high, gaps(below)[0].p) == (None, 1e-2, None)


# What a bayes search did.


def test_a_search_that_narrows_is_seen_and_one_that_does_not_is_not() -> None:
    """The second half at one level of four, against halves that are alike; order of runs does not matter."""
    rng = np.random.default_rng(6)
    runs = [
        make_run(
            f"r{i:02d}",
            [0.5],
            config={"gone": int(rng.integers(4)) if i < 20 else 2, "kept": int(rng.integers(4))},
            start=START + i,
        )
        for i in range(40)
    ]
    found = narrowing(make_sweep(runs), runs)
    assert [item.parameter for item in found] == ["gone", "kept"]
    assert found[0].q <= 0.01 < found[1].q
    assert found[0].second == pytest.approx(1.0)
    assert set(found[0].left) == {"0", "1", "3"}
    assert narrowing(make_sweep(runs[::-1]), runs[::-1]) == found
    assert narrowing(make_sweep(runs[:19]), runs[:19]) == ()


def test_effective_parts_are_those_of_scipys_entropy() -> None:
    """2 to the power of Shannon's entropy in bits."""
    runs = [make_run(f"r{i:02d}", [0.5], config={"a": [0, 0, 0, 1, 2][i % 5]}, start=START + i) for i in range(20)]
    found = narrowing(make_sweep(runs), runs)[0]
    assert found.first == pytest.approx(2 ** stats.entropy([3, 1, 1], base=2))


def _imputing(method: str = "bayes", **metric: Any) -> tuple[Sweep, dict[str, Outcome]]:
    runs = [make_run(f"f{i}", [0.1 * i], config={"a": i % 3}) for i in range(6)]
    runs += [make_run(f"c{i}", [0.9], state="crashed", config={"a": i % 3}) for i in range(3)]
    runs += [make_run("silent", state="crashed", config={"a": 0})]
    sweep = _declared(make_sweep(runs), method, metric, a={"values": [0, 1, 2]})
    return sweep, {run.id: STOPPED if run.id.startswith("c") else DONE for run in runs}


def test_runs_that_a_bayes_search_counts_as_the_worst_are_counted() -> None:
    """Recorded as crashed, with a value of their own: the default is the worst value of any run."""
    found = imputed(*_imputing())
    assert found is not None
    assert (found.strategy, found.declared) == ("worst", False)
    assert (len(found.runs), found.stopped, found.better, found.total) == (3, 3, 3, 9)


def test_what_the_sweep_sets_is_taken_unless_it_is_no_strategy() -> None:
    """W&B's package drops a word that it does not know; other searches impute nothing."""
    best = imputed(*_imputing(impute="best"))
    odd = imputed(*_imputing(impute="mean"))
    assert best is not None
    assert (best.strategy, best.declared) == ("best", True)
    assert odd is not None
    assert (odd.strategy, odd.declared) == ("worst", False)
    assert imputed(*_imputing("random")) is None


# The whole.


@pytest.mark.parametrize("n", [0, 1, 2, 12])
def test_degenerate_sweeps_raise_nothing(n: int) -> None:
    """Few runs, one level, lists and dicts, no metric, no times, no configuration."""
    odd: list[Any] = [[1], {"k": 2}, None, "x", 2.5, float("inf")]
    runs = [make_run(f"r{i}", timed=False, config={"odd": odd[i % 6], "one": 1}) for i in range(n)]
    sweep = make_sweep(runs, parameters={"odd": ["x"], "one": [1]})
    outcomes = {run.id: DONE for run in runs}
    for method in ("random", "bayes", "grid"):
        found = space(_declared(sweep, method, odd=LOG, one={"values": [1, 2]}), outcomes)
        assert (found is None) == (n == 0)
    bare = space(replace(sweep, config=None), outcomes)
    assert bare is None or (bare.unseen, bare.gaps, bare.imputed) == ((), (), None)
