"""The next space from whole sweeps: what is planted is found, what is not there changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.narrow.next import following
from aftersweep.analysis.narrow.options import Options
from aftersweep.analysis.results.following import Following
from aftersweep.analysis.space import space
from aftersweep.analysis.sweepfile.config import Metric, read_config
from aftersweep.analysis.sweepfile.domains import read_domain
from aftersweep.analysis.types import Outcome, Sweep

from ..factories import START, make_run, make_sweep

MODELS, SIZES = ["resnet", "vit", "swin", "mlp"], [16, 32, 64, 128]
RAW: dict[str, Any] = {
    "program": "train.py",
    "method": "random",
    "metric": {"name": "val/acc", "goal": "maximize"},
    "parameters": {
        "model": {"values": MODELS},
        "size": {"values": SIZES},
        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
        "epochs": {"value": 5},
    },
}
COMPLETED = Outcome(label="completed", grade="observed")
CRASHED = Outcome(label="crashed", grade="observed", cause="diverged", crash_probability=(1.0, 1.0))


def swept(
    gain: Mapping[str, float],
    n: int = 60,
    seed: int = 1,
    crashing: str | None = None,
    slope: float = 0.0,
    noise: float = 0.02,
) -> tuple[Sweep, dict[str, Outcome]]:
    """A random sweep without a rule: models gain as given, lr by ``slope`` a decade; one model may crash mostly."""
    rng = np.random.default_rng(seed)
    runs, ends = [], {}
    for i in range(n):
        config = {
            "model": MODELS[rng.integers(4)],
            "size": SIZES[rng.integers(4)],
            "lr": float(10 ** rng.uniform(-5, -1)),
        }
        crash = config["model"] == crashing and rng.random() < 0.9
        value = 0.5 + gain.get(config["model"], 0.0) + slope * np.log10(config["lr"]) + rng.normal(0, noise)
        run = make_run(
            f"r{i:03d}", [] if crash else [float(value)] * 5, config=config, start=START + 60 * i, state="finished"
        )
        runs.append(run)
        ends[run.id] = CRASHED if crash else COMPLETED
    sweep = make_sweep(runs, method="random")
    names = ("model", "size", "lr")
    levels = {name: tuple(dict.fromkeys(run.config[name] for run in runs)) for name in names}
    metric = Metric("val/acc", "maximize")
    return replace(sweep, config=read_config(RAW), parameters=levels, metric=metric), ends


def decide(sweep: Sweep, ends: Mapping[str, Outcome], **options: Any) -> Following:
    return following(sweep, ends, space(sweep, ends), Options(**options))


def moved(found: Following) -> set[str | None]:
    return {change.parameter for change in found.changes}


def test_a_level_that_is_far_better_is_what_stays() -> None:
    sweep, ends = swept({"vit": 0.2})
    found = decide(sweep, ends)
    assert found.gate.open
    assert "vit" in levels(found, "model") and len(levels(found, "model")) <= 2
    assert found.held is not None and found.held >= 0.9
    assert found.config["parameters"]["epochs"] == {"value": 5}


def test_a_range_shrinks_towards_where_the_metric_is_better() -> None:
    sweep, ends = swept({}, slope=0.1)
    spec = decide(sweep, ends, new_values=False).config["parameters"]["lr"]
    assert spec["min"] >= 1e-3 and spec["max"] == 1e-1
    assert spec["distribution"] == "log_uniform_values"


@pytest.mark.parametrize("seed", range(4))
def test_where_nothing_matters_nothing_changes(seed: int) -> None:
    sweep, ends = swept({}, seed=seed, noise=0.1)
    found = decide(sweep, ends)
    assert found.unchanged and found.config == RAW and not found.gate.open


def test_a_level_that_crashes_nearly_always_goes() -> None:
    sweep, ends = swept({}, crashing="mlp", noise=0.1)
    found = decide(sweep, ends)
    assert "mlp" not in found.config["parameters"]["model"]["values"]
    change = next(c for c in found.changes if c.parameter == "model")
    assert change.finding.kind == "next_risky"
    assert change.finding.estimate is not None and (change.finding.estimate.low or 0) > 0.3
    assert found.new.crash_rate is not None and found.same.crash_rate is not None
    assert (found.new.crash_rate.value or 0) < (found.same.crash_rate.value or 0)
    kept = decide(sweep, ends, keep=(("model", "mlp"),))
    assert "mlp" in kept.config["parameters"]["model"]["values"]
    assert decide(sweep, ends, risk_limit=1.0).unchanged


def test_what_the_user_keeps_and_fixes_is_kept_and_fixed() -> None:
    sweep, ends = swept({"vit": 0.2})
    found = decide(sweep, ends, keep=(("model", "mlp"),), fix=(("size", "32"), ("lr", "0.001")))
    assert set(found.config["parameters"]["model"]["values"]) >= {"mlp", "vit"}
    assert found.config["parameters"]["size"] == {"value": 32}
    assert found.config["parameters"]["lr"] == {"value": 0.001}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": (("model", "bert"),)}, "--keep model=bert: it must be one of resnet, vit, swin, mlp"),
        ({"fix": (("lr", "7"),)}, "--fix lr=7: it must lie between 1e-05 and 0.1"),
        ({"fix": (("modle", "vit"),)}, "--fix modle=vit: the sweep varies no such parameter"),
        ({"budget": 0}, "--budget 0: it must be at least 1 run"),
        ({"risk_limit": 2.0}, "--risk-limit 2.0"),
        ({"method": "hill"}, "--method hill: it must be one of grid, random, bayes"),
    ],
)
def test_what_cannot_be_is_named_with_the_choices(options: dict[str, Any], message: str) -> None:
    sweep, ends = swept({}, n=12)
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        decide(sweep, ends, **options)


def test_without_a_configuration_there_is_no_space() -> None:
    sweep, ends = swept({}, n=12)
    with pytest.raises(UsageError, match="--sweep-config"):
        decide(replace(sweep, config=None), ends)


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_few_runs_change_nothing_and_say_why(n: int) -> None:
    sweep, ends = swept({"vit": 0.3}, n=n)
    found = decide(sweep, ends)
    assert found.unchanged and not found.gate.tested and found.gate.why


def test_the_new_space_is_inside_the_old_one_but_for_what_is_added() -> None:
    sweep, ends = swept({"vit": 0.1, "swin": 0.09}, slope=0.05)
    found = decide(sweep, ends, new_values=False)
    new = read_config(found.config)
    for parameter in read_config(RAW).parameters:
        other = new.parameter(parameter.name)
        assert other is not None and read_domain(other).is_subset(read_domain(parameter))


def test_order_of_runs_names_and_the_goal_s_sign_do_not_matter() -> None:
    """The same space for runs in another order, and for the negative of the metric to be minimised."""
    sweep, ends = swept({"vit": 0.1, "swin": 0.08}, slope=0.03)
    there = decide(sweep, ends, new_values=False).config
    turned = replace(sweep, runs=sweep.runs[::-1])
    assert decide(turned, ends, new_values=False).config == there
    down = replace(
        sweep,
        metric=Metric("val/acc", "minimize"),
        runs=tuple(replace(r, metric=-r.metric, best=None if r.best is None else -r.best) for r in sweep.runs),
    )
    assert decide(down, ends, new_values=False).config == there


def test_the_best_at_an_edge_takes_the_range_further() -> None:
    sweep, ends = swept({}, slope=0.1)
    assert decide(sweep, ends).config["parameters"]["lr"]["max"] == pytest.approx(0.3)
    assert "lr" in moved(decide(sweep, ends))


def levels(found: Following, name: str) -> Sequence[Any]:
    spec = found.config["parameters"][name]
    return spec.get("values", [spec.get("value")])


def test_the_budget_bounds_how_small_the_space_gets() -> None:
    """No fewer configurations than runs: else the next sweep would try the same ones twice."""
    raw = {**RAW, "parameters": {name: RAW["parameters"][name] for name in ("model", "size", "epochs")}}
    sweep, ends = swept({"vit": 0.2})
    sweep = replace(sweep, config=read_config(raw), parameters={n: sweep.parameters[n] for n in ("model", "size")})
    for budget in (1, 4, 8):
        found = decide(sweep, ends, budget=budget, new_values=False)
        assert len(levels(found, "model")) * len(levels(found, "size")) >= budget
