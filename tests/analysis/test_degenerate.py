"""Sweeps at the edge: each gives pages that say what can and what cannot be known, and no fault."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.types import Run, Sweep
from aftersweep.reports.as_json import to_json
from aftersweep.reports.narrate import sentence
from aftersweep.reports.render import to_html, to_markdown

from ..factories import HYPERBAND, curve, make_run, make_sweep


def runs(n: int, **fields: Any) -> list[Run]:
    """Runs of which the first third ended early, of two parameters; ``fields`` win."""
    rng = np.random.default_rng(n)
    made = []
    for i in range(n):
        length = 2 if 3 * i < n else 20
        values = curve(float(rng.uniform(0.4, 0.9)), length)
        given: dict[str, Any] = {
            "state": "finished" if length == 20 else "crashed",
            "config": {"model": "xy"[i % 2], "lr": float(10 ** rng.uniform(-4, -2))},
            "start": 1.7e9 + 300 * i,
        }
        given |= {name: value(i) if callable(value) else value for name, value in fields.items()}
        made.append(make_run(f"r{i:02d}", given.pop("values", values), **given))
    return made


def mixed_types(i: int) -> dict[str, Any]:
    """A parameter that is a number, a text, a bool, nothing, a list and a mapping by turns."""
    return {"lr": [0.1, "0.1", "high", True, None, [1, 2], {"a": 1}, float("nan")][i % 8], "n": i}


CASES: dict[str, Callable[[], list[Run]]] = {
    "no run": lambda: [],
    "one run": lambda: runs(1),
    "two runs": lambda: runs(2),
    "all crashed": lambda: runs(12, state="crashed"),
    "all crashed at once": lambda: runs(12, state="crashed", values=[]),
    "all finished": lambda: runs(12, state="finished", values=curve(0.8, 20)),
    "all running": lambda: runs(6, state="running"),
    "one level everywhere": lambda: runs(12, config={"model": "x", "lr": 0.1}),
    "no parameter": lambda: runs(12, config={}),
    "a metric that nobody logged": lambda: runs(12, values=[]),
    "a metric that is never finite": lambda: runs(12, values=[float("nan")] * 5),
    "a metric that is infinite": lambda: runs(12, values=lambda i: [0.1, float("inf") if i % 2 else 0.3, 0.5]),
    "a constant metric": lambda: runs(12, values=[0.5] * 20),
    "a huge metric": lambda: runs(12, values=lambda i: [1e308, -1e308, 1e-308 * i]),
    "lists and mappings": lambda: runs(12, config=lambda i: {"layers": [64] * (i % 3), "aug": {"flip": i % 2 == 0}}),
    "changed types": lambda: runs(16, config=mixed_types),
    "nested": lambda: runs(12, config=lambda i: {"opt.lr": 0.1 * (i % 3), "opt.name": "ab"[i % 2]}),
    "every run its own level": lambda: runs(12, config=lambda i: {"name": f"run {i}", "seed": i}),
    "percent and fraction": lambda: runs(12, values=lambda i: [(100 if i % 2 else 1) * v for v in curve(0.8, 20)]),
    "no times": lambda: runs(12, timed=False),
    "equal times": lambda: runs(12, start=1.7e9),
    "one host": lambda: runs(12, host="node"),
}


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("rule", [None, HYPERBAND], ids=["no rule", "Hyperband"])
def test_a_degenerate_sweep_has_its_pages(name: str, rule: Any) -> None:
    """HTML, Markdown and JSON without a fault, a warning, a NaN or an empty figure in any sentence."""
    made = CASES[name]()
    check(make_sweep(made, early_terminate=rule, method="random"))
    check(make_sweep(made, early_terminate=rule, method="bayes", goal="minimize"))


@pytest.mark.parametrize("name", list(CASES))
def test_a_degenerate_sweep_without_its_configuration_has_its_pages(name: str) -> None:
    """The same where only the runs are known."""
    check(make_sweep(CASES[name](), config=None))


def check(sweep: Sweep) -> None:
    result = post_mortem(sweep, now=2e9)
    page, text, data = to_html(result, "0", 0.0), to_markdown(result, "0", 0.0), json.loads(to_json(result, "0"))
    assert "</html>" in page
    assert text.startswith("# ")
    assert len(data["runs"]) == len(sweep.runs)
    for finding in result.findings:
        said = sentence(finding)
        assert said[-1] in ".]", said
        assert not re.search(r"\bnan\b", said), said
        assert "None" not in said.replace("None of", "").replace("None has", ""), said
        assert finding.method


def test_without_runs_nothing_is_claimed() -> None:
    """No finding of an empty sweep is supported."""
    result = post_mortem(make_sweep([]), now=2e9)
    assert [f.kind for f in result.findings if f.supported] == []


def test_percent_and_fraction_are_not_compared_in_silence() -> None:
    """Accuracies of 0.8 and of 80 in one sweep are named, with the runs; those of 0.4 to 0.9 are not, nor is a loss."""
    result = post_mortem(make_sweep(CASES["percent and fraction"]()), now=2e9)
    (found,) = [f for f in result.findings if f.kind == "mixed_scale"]
    assert found.runs == tuple(f"r{i:02d}" for i in range(0, 12, 2))
    assert "6 runs and in percent by 6" in sentence(found)
    for other in (make_sweep(runs(12)), make_sweep(CASES["percent and fraction"](), metric="val/loss")):
        assert not [f for f in post_mortem(other, now=2e9).findings if f.kind == "mixed_scale"]
