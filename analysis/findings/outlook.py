"""Findings of the section 'outlook'."""

from __future__ import annotations

from ..results.outlook import Outlook
from ..types import Estimate, Finding, Sweep


def outlook_findings(sweep: Sweep, result: Outlook | None) -> list[Finding]:
    """The findings of ``result``; none where there is no result."""
    if result is None:
        return []
    found = [_chance(sweep, result)]
    if result.gain is not None:
        found.append(_gain(sweep, result))
    return found


def _chance(sweep: Sweep, result: Outlook) -> Finding:
    return Finding(
        id="",
        kind="more_runs",
        subject="sweep",
        supported=result.doubt is None and result.chance is not None,
        estimate=result.chance or Estimate(value=None, unit="share"),
        n=result.n,
        method="of runs drawn alike each is as likely to be the best; interval over what the runs so far may have hit",
        caveats=result.caveats,
        runs=result.runs,
        facts={
            "more": result.more,
            "best": result.best,
            "metric": sweep.metric.name,
            "ties": result.ties,
            "doubt": result.doubt,
            "drift_p": result.drift_p,
            "grid_left": result.grid_left,
            "without_value": result.without_value,
        },
    )


def _gain(sweep: Sweep, result: Outlook) -> Finding:
    assert result.gain is not None
    hours, per_hour = result.run_hours, result.per_hour
    return Finding(
        id="",
        kind="more_runs_gain",
        subject="sweep",
        supported=result.doubt is None,
        estimate=result.gain,
        n=result.n,
        method=(
            f"generalised Pareto tail over the best {result.tail} values, its parameters' posterior; median, and 97.5 %"
            " quantile as the upper limit"
        ),
        caveats=(*result.caveats, "rests on a model of values that no run has reached"),
        runs=result.runs,
        facts={
            "more": result.more,
            "best": result.best,
            "metric": sweep.metric.name,
            "tail": result.tail,
            "doubt": result.doubt,
            "hours": None if hours is None else hours.value,
            "per_hour": None if per_hour is None else per_hour.value,
            "per_hour_high": None if per_hour is None else per_hour.high,
        },
    )
