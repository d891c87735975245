"""What a parent foretold, read from the child's description, beside what came of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersweep.analysis.lineage import calibration, foretell, foretold, lineage_findings, outturn
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.following import Forecast
from aftersweep.analysis.types import Estimate, Outcome, Sweep
from aftersweep.reports.narrate import sentence
from aftersweep.reports.render import to_html, to_markdown

from ..factories import make_run, make_sweep

COMPLETED = Outcome(label="completed", grade="observed")
CRASHED = Outcome(label="crashed", grade="observed", cause="unknown", crash_probability=(1.0, 1.0))
EXPECTED = Forecast(
    runs=20,
    best=Estimate(value=0.9, low=0.85, high=0.95),
    crash_rate=Estimate(value=0.1, low=0.05, high=0.2),
    hours=None,
)


def child(best: float, crashes: int, runs: int = 20, expected: Forecast = EXPECTED) -> tuple[Sweep, dict[str, Outcome]]:
    made = [
        make_run(f"r{i:02d}", [best - 0.01 * i] * 3, config={"lr": 0.1 * (i % 3)}, state="finished")
        for i in range(runs)
    ]
    ends = {run.id: CRASHED if i >= runs - crashes else COMPLETED for i, run in enumerate(made)}
    said = f"Follows sweep abc12345 (50 runs): the same space. Written by aftersweep next. {foretell(expected)}"
    return replace(make_sweep(made), description=said), ends


@given(
    st.integers(1, 10_000),
    st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_what_is_foretold_is_read_back(runs: int, best: list[float], rate: list[float]) -> None:
    """To five digits, for any forecast."""
    low, value, high = sorted(best)
    less, share, more = sorted(rate)
    expected = Forecast(
        runs=runs,
        best=Estimate(value=value, low=low, high=high),
        crash_rate=Estimate(value=share, low=less, high=more),
        hours=None,
    )
    read = foretold(child(0.5, 0, 2, expected)[0])
    assert read is not None and read.best is not None and read.crash_rate is not None
    assert (read.parent, read.runs) == ("abc12345", runs)
    assert read.best.value == pytest.approx(value, rel=1e-4, abs=1e-12)
    assert read.crash_rate.value == pytest.approx(share, rel=1e-4, abs=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "my sweep",
        "Follows sweep ../../etc (5 runs): x. Expected of 5 runs: best 1 (0 to 2).",
        "Expected of 5 runs",
    ],
)
def test_other_descriptions_say_nothing(text: str | None) -> None:
    sweep, ends = child(0.9, 2)
    assert outturn(replace(sweep, description=text), ends) is None


def test_a_forecast_that_held_and_one_that_did_not() -> None:
    right, wrong = outturn(*child(0.88, 2)), outturn(*child(0.7, 15))
    assert right is not None and wrong is not None
    assert (right.best_inside, right.crash_inside) == (True, True)
    assert (wrong.best_inside, wrong.crash_inside) == (False, False)
    share = calibration([right.best_inside, wrong.best_inside, None])
    assert share is not None and share.value == 0.5
    assert calibration([None]) is None


def test_far_fewer_runs_than_expected_say_nothing_of_the_best() -> None:
    came = outturn(*child(0.88, 0, runs=6))
    assert came is not None and came.best_inside is None and came.crash_inside is True


def test_the_child_s_page_says_it() -> None:
    sweep, ends = child(0.88, 2)
    said = [sentence(finding) for finding in lineage_findings(sweep, outturn(sweep, ends))]
    assert said[0] == (
        "The parent sweep abc12345 foretold a best val/acc of 0.9 (0.85 to 0.95) in 20 runs: it came to 0.88 in 20 "
        "runs, inside that range."
    )
    assert said[1].endswith("10 % crashed, inside that range.")
    result = post_mortem(sweep)
    assert {"lineage_best", "lineage_crashes"} <= {finding.kind for finding in result.findings}
    assert "What its parent foretold" in to_html(result, "1", 0.0)
    assert "The parent sweep abc12345 foretold" in to_markdown(result, "1", 0.0)
