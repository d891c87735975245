"""The whole ranking: laws, repeats and the winner's curse, last and held-out values, degenerate sweeps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from aftersweep.analysis.findings.ranking import advice, ranking_findings
from aftersweep.analysis.levels import chosen_among, group_parameter, levels_of
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.ranking.equal_progress import equal_progress
from aftersweep.analysis.ranking.marks import median_interval
from aftersweep.analysis.ranking.rank import rank
from aftersweep.analysis.ranking.repeats import seed_noise, winners_curse
from aftersweep.analysis.results.ranking import LevelRank, Ranking
from aftersweep.analysis.types import Finding, Outcome, Run, Sweep
from aftersweep.reports.narrate import sentence

from ..factories import HYPERBAND, make_run, make_sweep

COMPLETED = Outcome(label="completed", grade="observed")
CRASHED = Outcome(label="crashed", grade="observed", cause="unknown", crash_probability=(1.0, 1.0))


def outcomes_of(sweep: Sweep, crashed: Sequence[str] = ()) -> dict[str, Outcome]:
    return {run.id: CRASHED if run.id in crashed else COMPLETED for run in sweep.runs}


def ranked(sweep: Sweep, crashed: Sequence[str] = ()) -> Ranking:
    found = rank(sweep, outcomes_of(sweep, crashed), group_parameter(sweep, None))
    assert found is not None
    return found


def three_models(*, sign: float = 1.0, names: str = "abc", **extra: Any) -> Sweep:
    """Ten runs of each of three models, the last 1.5 standard deviations better."""
    rng = np.random.default_rng(5)
    goal = "maximize" if sign > 0 else "minimize"
    runs = [
        make_run(
            f"r{i:02d}",
            sign * (rng.standard_normal(4) * 0.1 + rng.standard_normal() + 1.5 * (i % 3 == 2)),
            goal=goal,
            config={"model": names[i % 3], "lr": 0.1 + i, **extra},
        )
        for i in range(30)
    ]
    return make_sweep(runs, goal=goal)


def chances(found: Ranking) -> dict[str, float | None]:
    return {item.label: item.chance for item in found.levels}


def kinds(sweep: Sweep, found: Ranking) -> Mapping[str, Finding]:
    return {finding.kind: finding for finding in ranking_findings(sweep, found)}


def test_the_better_level_comes_first() -> None:
    """By its chance of being the best, and by the best of equally many tries."""
    found = ranked(three_models())
    assert found.levels[0].label == "c"
    assert (found.levels[0].chance or 0.0) > 0.9
    assert found.fair_tries == 10
    assert all(item.fair is not None and item.fair.k == 10 for item in found.levels)


def test_levels_are_told_apart_where_every_band_has_both_ends() -> None:
    """Forty runs each, four deviations apart: whole bands beyond the others'; alike levels never are."""
    rng = np.random.default_rng(12)

    def of(gap: float) -> tuple[Ranking, Finding]:
        values = rng.standard_normal(120)
        runs = [
            make_run(f"r{i:03d}", [v + gap * (i % 3)], config={"model": "abc"[i % 3]}) for i, v in enumerate(values)
        ]
        found = ranked(make_sweep(runs))
        return found, kinds(make_sweep(runs), found)["best_of_tries"]

    found, finding = of(4.0)
    assert (found.bounded_tries, found.fair_tries) == (4, 40)
    assert all(item.bounded is not None and math.isfinite(item.bounded.median.high or 0.0) for item in found.levels)
    assert finding.supported
    assert sentence(finding).startswith("In 4 tries, c gets the best val/acc of all levels of model: in the median ")
    alike = of(0.0)[1]
    assert not alike.supported
    assert alike.facts["apart"] == []


def test_minimise_of_minus_x_is_maximise_of_x() -> None:
    """The mirrored sweep has the same chances and mirrored values."""
    up, down = ranked(three_models()), ranked(three_models(sign=-1.0))
    assert chances(up) == chances(down)
    for a, b in zip(up.levels, down.levels, strict=True):
        assert a.fair is not None
        assert b.fair is not None
        assert a.fair.median.value == -(b.fair.median.value or 0.0)
        assert [m.median.value for m in a.marks] == [-(m.median.value or 0.0) for m in b.marks]


def test_order_names_and_constants_change_nothing() -> None:
    """Runs in another order, levels with other names, a parameter that never varies: the same ranking."""
    sweep = three_models()
    usual = ranked(sweep)
    turned = ranked(replace(sweep, runs=sweep.runs[::-1]))
    assert turned.levels == usual.levels
    assert (turned.curse, turned.last, turned.noise) == (usual.curse, usual.last, usual.noise)
    assert list(chances(ranked(three_models(names="zxy"))).values()) == list(chances(usual).values())
    assert ranked(three_models(dropout=0.1)).levels == usual.levels


def test_a_crashed_run_is_a_spent_try() -> None:
    """Whatever it had logged: its level's curve falls, its tries stay."""
    sweep = three_models()
    crashed = [run.id for run in sweep.runs if run.config["model"] == "c"][:6]

    def level_c(found: Ranking) -> LevelRank:
        return next(item for item in found.levels if item.label == "c")

    without, with_crashes = level_c(ranked(sweep)), level_c(ranked(sweep, crashed))
    assert (with_crashes.tries, with_crashes.without_result) == (10, 6)
    assert with_crashes.curve[0].median.value == -math.inf  # more often than not a single try gives nothing
    assert with_crashes.curve[0].none == pytest.approx(0.6)
    assert all(
        (a.median.value or 0) <= (b.median.value or 0) for a, b in zip(with_crashes.curve, without.curve, strict=True)
    )


def test_runs_that_go_on_or_never_began_are_no_tries() -> None:
    """Neither has spent its try yet."""
    sweep = three_models()
    outcomes = outcomes_of(sweep) | {
        "r00": Outcome(label="running", grade="observed"),
        "r03": Outcome(label="never_started", grade="observed"),
    }
    found = rank(sweep, outcomes, "model")
    assert found is not None
    assert {item.label: item.tries for item in found.levels} == {"a": 8, "b": 10, "c": 10}
    assert found.fair_tries == 8


def test_levels_are_compared_at_the_rules_bands_too() -> None:
    """Nearly all runs, the two bands, half way and the end, each with the runs that it leaves out."""
    runs = [
        make_run(f"r{i:02d}", [0.1 + 0.01 * i] * (20 if i >= 10 else 2 if i < 6 else 6), config={"model": "ab"[i % 2]})
        for i in range(14)
    ]
    found = ranked(make_sweep(runs, early_terminate=HYPERBAND))
    assert [(m.iteration, m.text, m.left_out) for m in found.marks] == [
        (2, "compared, band 1", 0),
        (6, "band 2", 6),
        (10, "half", 10),
        (20, "longest", 10),
    ]
    assert [value.reached for value in found.levels[0].marks] == [7, 4, 2, 2]


@pytest.mark.parametrize(("n", "expected"), [(5, None), (6, (1, 6)), (10, (2, 9)), (17, (5, 13)), (25, (8, 18))])
def test_the_medians_interval_is_that_of_the_sign_test(n: int, expected: tuple[int, int] | None) -> None:
    """The ranks of the usual table (Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2: binomial)."""
    found = median_interval(np.arange(1.0, n + 1.0))
    assert found == (() if expected is None else expected)


def test_the_most_different_categorical_is_compared_where_none_is_a_model() -> None:
    """Its p is then taken times the parameters that it was chosen among; named or asked for, it stands as it is."""
    rng = np.random.default_rng(8)
    runs = [
        make_run(
            f"r{i:02d}",
            [rng.standard_normal() + 2 * (i % 2)],
            config={"opt": "xyz"[i % 3], "augment": ("flip", "crop")[i % 2], "lr": i},
        )
        for i in range(24)
    ]
    sweep = make_sweep(runs)
    assert group_parameter(sweep, None) == "augment"
    assert (chosen_among(sweep, "augment"), chosen_among(sweep, "opt")) == (2, 1)
    result = post_mortem(sweep)
    (comparison,) = [f for f in result.findings if f.kind == "comparison"]
    assert comparison.q == pytest.approx(2 * (comparison.p or 0.0))
    assert any("the data chose this parameter" in caveat for caveat in comparison.caveats)
    compared = equal_progress(three_models(), levels_of(three_models(), "model"))
    assert compared is not None
    assert compared.chosen_among == 1


def seeded(values: Sequence[Sequence[float]], **extra: Any) -> Sweep:
    """One configuration a row, one seed a value."""
    runs = [
        make_run(f"c{c:02d}s{s}", [value], config={"lr": c, "seed": s, **extra})
        for c, row in enumerate(values)
        for s, value in enumerate(row)
    ]
    return make_sweep(runs)


def test_the_seed_noise_is_the_error_of_the_analysis_of_variance() -> None:
    """The mean square within groups, as scipy's F and the mean square between give it; chi-squared interval."""
    rows = [[0.1, 0.3, 0.25], [0.7, 0.5], [0.4, 0.45, 0.5, 0.2]]
    noise = ranked(seeded(rows)).noise
    assert noise.sd is not None
    x = [np.array(row) for row in rows]
    grand = np.concatenate(x).mean()
    between = sum(len(g) * (g.mean() - grand) ** 2 for g in x) / 2
    variance = between / stats.f_oneway(*x).statistic
    assert noise.sd.value == pytest.approx(math.sqrt(variance))
    assert (noise.df, noise.configurations, noise.seed) == (6, 3, "seed")
    assert noise.sd.low == pytest.approx(math.sqrt(6 * variance / 14.4494))  # chi-squared table, 6 df, 0.975
    assert noise.sd.high == pytest.approx(math.sqrt(6 * variance / 1.2373), rel=1e-4)  # 0.025


def test_repeats_that_did_not_end_or_differ_are_none() -> None:
    """A crashed run repeats nothing; nor does another learning rate. Then the page says that nobody knows."""
    sweep = seeded([[0.1, 0.3], [0.2]])
    found = ranked(sweep, ["c00s1"])
    assert found.noise.sd is None
    assert found.curse is not None
    assert found.curse.shrunk is None
    finding = kinds(sweep, found)["seed_noise"]
    assert not finding.supported
    assert "No configuration ran to its end twice" in sentence(finding)
    assert "winners_curse" not in kinds(sweep, found)


def test_repeats_that_agree_exactly_say_nothing_about_noise() -> None:
    """A seed that was fixed is no noise of zero."""
    sweep = seeded([[0.1, 0.1], [0.2, 0.2], [0.5]])
    finding = kinds(sweep, ranked(sweep))["seed_noise"]
    assert not finding.supported
    assert "gave the same val/acc each" in sentence(finding)


@pytest.mark.parametrize("noise", [0.3, 1.0])
@pytest.mark.parametrize("skewed", [False, True])
def test_the_shrunk_best_holds_what_its_configuration_is_worth(noise: float, skewed: bool) -> None:
    """Over simulated sweeps the 95 % interval holds the truth, which the value itself overstates."""
    rng = np.random.default_rng(17)
    held, excess, left = 0, [], []
    for _ in range(120):
        worth = 1.2 - rng.gamma(1.5, 1.0, 30) if skewed else rng.standard_normal(30)
        rows = [w + noise * rng.standard_normal(3 if c < 5 else 1) for c, w in enumerate(worth)]
        groups = [[make_run(f"c{c}s{s}", [v]) for s, v in enumerate(row)] for c, row in enumerate(rows)]
        curse = winners_curse(groups, seed_noise(groups, "m"), 1, "m")
        assert curse is not None
        assert curse.shrunk is not None
        assert curse.shrunk.low is not None
        assert curse.shrunk.high is not None
        truth = worth[int(curse.run[1:].split("s")[0])]
        held += curse.shrunk.low <= truth <= curse.shrunk.high
        excess.append(curse.value - truth)
        left.append((curse.shrunk.value or 0.0) - truth)
    assert held / 120 > 0.89
    assert abs(np.mean(left)) < 0.7 * np.mean(excess)


def test_the_best_and_the_last_value_are_both_told() -> None:
    """Where the best run fell back, the run that leads by last values is named."""
    runs = [make_run("a", [0.5, 0.9, 0.3]), make_run("b", [0.4, 0.6, 0.7]), make_run("c", [0.1, 0.2, 0.2])]
    sweep = make_sweep(runs)
    finding = kinds(sweep, ranked(sweep))["last_value"]
    assert sentence(finding) == (
        "The best run, a, ended at 0.3 after its best of 0.9; by last values b leads with 0.7; 1 of 3 runs ends more "
        "than 0.035 behind its best."
    )
    level = make_sweep([make_run("a", [0.5, 0.9]), make_run("b", [0.4, 0.6])])
    assert "last_value" not in kinds(level, ranked(level))


@pytest.mark.parametrize(
    ("metric", "extra", "said", "asked"),
    [
        ("val/acc", {}, "No metric that is named as held out was logged", "measure_held_out"),
        ("val/acc", {"companions": {"test/acc": 0.8}}, "has a held-out test/acc of 0.8", None),
        ("val/acc", {"summary": {"acc_test": 0.7}}, "has a held-out acc_test of 0.7", None),
        ("val/acc", {"companions": {"latest": 0.8}}, "No metric that is named as held out", "measure_held_out"),
        ("test/acc", {}, "picked by what should only have measured it", "measure_held_out"),
    ],
)
def test_a_held_out_metric_is_asked_for(metric: str, extra: dict[str, Any], said: str, asked: str | None) -> None:
    """Where only the metric that was selected by is there."""
    sweep = make_sweep([make_run("a", [0.9], **extra), make_run("b", [0.5])], metric=metric)
    finding = kinds(sweep, ranked(sweep))["held_out"]
    assert said in sentence(finding)
    assert advice(finding) == asked


def test_a_bayes_search_settles_nothing() -> None:
    """Its levels were not tried alike: the chance is told under that condition, and is no supported finding."""
    sweep = three_models()
    assert sweep.config is not None
    sweep = replace(sweep, config=replace(sweep.config, method="bayes"))
    finding = kinds(sweep, ranked(sweep))["best_chance"]
    assert not finding.supported
    assert "is not settled, as a bayes search" in sentence(finding)


def degenerate() -> dict[str, list[Run]]:
    one_level = [make_run(f"r{i}", [0.1 * i], config={"model": "a"}) for i in range(6)]
    return {
        "nothing": [],
        "one run": [make_run("a", [0.5], config={"model": "x"})],
        "two runs": [make_run(f"r{i}", [0.5 + i], config={"model": "xy"[i]}) for i in range(2)],
        "one level": one_level,
        "no metric": [make_run(f"r{i}", config={"model": "xy"[i % 2]}) for i in range(6)],
        "equal": [make_run(f"r{i}", [0.5], config={"model": "xy"[i % 2]}) for i in range(8)],
        "huge": [make_run(f"r{i}", [(-1) ** i * 1.7e308], config={"model": "xyz"[i % 3], "seed": i}) for i in range(9)],
        "tiny": [make_run(f"r{i}", [i * 5e-324], config={"model": "xyz"[i % 3], "seed": i}) for i in range(9)],
        "no history": [make_run(f"r{i}", config={"model": "xy"[i % 2]}, best=0.1 * i) for i in range(8)],
        "lists": [make_run(f"r{i}", [0.1 * i], config={"model": [i % 2, "a"], "d": {"x": 1}}) for i in range(8)],
        "types": [make_run(f"r{i}", [0.1 * i], config={"model": [1, "1", True, None][i % 4]}) for i in range(8)],
    }


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("name", sorted(degenerate()))
def test_degenerate_sweeps_are_ranked_or_not_but_never_raise(name: str, crash: bool) -> None:
    """No runs, no values, one level, only crashes: every finding that is made can be said."""
    sweep = make_sweep(degenerate()[name])
    found = rank(
        sweep, outcomes_of(sweep, [run.id for run in sweep.runs] if crash else []), "model" if sweep.runs else None
    )
    assert (found is None) == all(run.best is None for run in sweep.runs)
    for finding in ranking_findings(sweep, found):
        assert sentence(finding)
