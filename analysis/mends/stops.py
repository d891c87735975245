"""Early termination: bands inside a warm-up, bands before curves separate, and ``strict`` where it is not said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import norm, spearmanr

from ..crashes import band_progress, near_band
from ..errors import FormatError
from ..findings.common import PROPORTION
from ..outcomes.rates import proportion
from ..results.following import Change
from ..sweepfile.config import Parameter, read_config
from ..sweepfile.domains import read_domain
from ..sweepfile.hyperband import Hyperband, judged_cost, read_hyperband, thresholds
from ..types import Estimate, Finding, Floats, Outcome, Run, Sweep
from ..values import is_number, level
from .curves import GOOD, LEAST_ENDS, LEVEL, Ends, cost_of, ends_of, sweep_size

MOST_LOST = 0.1
"""The share of good runs that a rule may stop because their values misled it."""
LATEST = 0.75
"""Of a usual run's logged values: a first band after that saves hardly anything."""
CANDIDATES = 8
LOST = (
    "good: the final best fifth; values at the bands and the end regressed on the bands before, whole sweeps drawn "
    "from the posterior; the rule replayed over them, each run judged once, beside one that knows the ends "
    f"({100 * LEVEL:.0f} % interval)"
)


@dataclass(frozen=True)
class Bands:
    """What the rule costs, and the first band that would cost little enough."""

    finding: Finding
    first: int | None
    """None where nothing is to be changed, or no band is known to be better."""


def rule_of(config: Mapping[str, Any]) -> Hyperband | None:
    """The stopping rule of a sweep file; None where there is none, or none that W&B could run."""
    early = config.get("early_terminate")
    try:
        return read_hyperband(early) if isinstance(early, Mapping) else None
    except FormatError:
        return None


def stop_changes(sweep: Sweep, outcomes: Mapping[str, Outcome], config: Mapping[str, Any]) -> list[Change]:
    """Changes of ``early_terminate``; none where the sweep had no rule that is known."""
    sweep = sweep.judged or sweep
    rule = rule_of(config)
    if rule is None:
        return []
    ends = ends_of(sweep, outcomes)
    warm = warm_up(sweep, outcomes, config, rule, ends)
    start = warm[1] if warm else rule.bands[0]
    moved = cost_of_bands(sweep, rule, ends, start)
    made: list[Change] = []
    if moved is not None and moved.first is not None:
        made += _from(config, moved.first, moved.finding)
    elif warm is not None:
        made += _from(config, warm[1], warm[0])
    if "strict" not in config["early_terminate"]:
        path = ("early_terminate", "strict")
        made.append(Change(path=path, action="add", old=None, new=True, finding=_strict(sweep, rule)))
    return made


def stop_advice(sweep: Sweep, outcomes: Mapping[str, Outcome], config: Mapping[str, Any]) -> list[Finding]:
    """What the bands cost, where no change says it."""
    sweep = sweep.judged or sweep
    rule = rule_of(sweep.config.raw) if sweep.config else None
    if rule is None or rule_of(config) is None:
        return []
    ends = ends_of(sweep, outcomes)
    warm = warm_up(sweep, outcomes, config, rule, ends)
    found = cost_of_bands(sweep, rule, ends, warm[1] if warm else rule.bands[0])
    if found is None or found.first is not None:
        return []
    return [replace(found.finding, facts={**found.finding.facts, "moved": warm[1] if warm else None})]


def _from(config: Mapping[str, Any], first: int, finding: Finding) -> list[Change]:
    """The rule with its first band at ``first``: in the form of ``min_iter``, with the same ``eta``."""
    early = config["early_terminate"]
    old = early.get("min_iter")
    made = [
        Change(path=("early_terminate", key), action="remove", old=early[key], new=None, finding=finding)
        for key in ("max_iter", "s")
        if key in early
    ]
    path = ("early_terminate", "min_iter")
    return [*made, Change(path=path, action="add" if old is None else "set", old=old, new=first, finding=finding)]


def warm_up(
    sweep: Sweep, outcomes: Mapping[str, Outcome], config: Mapping[str, Any], rule: Hyperband, ends: Ends
) -> tuple[Finding, int] | None:
    """Runs judged inside their warm-up, and the first band past the longest one that the new space has."""
    if sweep.epoch_key is None:
        return None
    parameter = next((p for p in read_config(config).parameters if _warms(p.name)), None)
    longest = _largest(parameter) if parameter else math.nan
    first = rule.bands[0]
    at = band_progress(sweep, (first,)).get(first, math.inf)
    if parameter is None or not at < longest < math.inf:
        return None
    warm = [r for r in sweep.runs if _number(r.config.get(parameter.name)) > at and outcomes[r.id].eligible]
    band = _first_past(sweep, longest, ends)
    if not warm or band is None:
        return None
    stopped = [run for run in warm if outcomes[run.id].label == "early_stopped" and _at_band(run, first)]
    finding = Finding(
        id="",
        kind="search_warmup",
        subject=parameter.name,
        supported=True,
        estimate=proportion(len(stopped), len(warm)),
        n=len(warm),
        method=f"{parameter.name} against the progress at the rule's first band; {PROPORTION}",
        caveats=("whether they would have done well later cannot be known from this sweep",),
        runs=tuple(run.id for run in warm),
        facts={"stopped": len(stopped), "old": first, "new": band, "longest": longest},
    )
    return finding, band


def _warms(name: str) -> bool:
    return "warmup" in name.casefold() and "epoch" in name.casefold()


def _at_band(run: Run, band: int) -> bool:
    return near_band(float(run.iterations), (band,)) is not None


def _number(value: object) -> float:
    value = level(value)
    return float(value) if is_number(value) else math.nan


def _largest(parameter: Parameter) -> float:
    if parameter.values is not None:
        return max((v for v in map(_number, parameter.values) if not math.isnan(v)), default=math.nan)
    try:
        high = read_domain(parameter).high
    except FormatError:
        return math.nan
    return math.nan if high is None else high


def _first_past(sweep: Sweep, epochs: float, ends: Ends) -> int | None:
    """The first logged value past so many epochs; None where a usual run is then nearly over."""
    low, high = 0, int(LATEST * ends.usual)
    if not high or band_progress(sweep, (high,)).get(high, 0.0) <= epochs:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if band_progress(sweep, (middle,)).get(middle, 0.0) > epochs:
            high = middle
        else:
            low = middle
    return high


def cost_of_bands(sweep: Sweep, rule: Hyperband, ends: Ends, start: int) -> Bands | None:
    """What share of the good runs the rule stops, and from which first band on it would be little.

    None where no run came to a band. start: no first band before it.
    """
    reached = [len(history) >= rule.bands[0] for history in ends.histories]
    if not any(reached) or not any(band < ends.usual for band in rule.bands):
        return None
    lived = rule_of(sweep.config.raw) if sweep.config else None
    judged_at = lived.bands if lived else ()
    now = cost_of(ends, judged_at, rule)
    facts = _seen(ends, rule) | {"bands": [b for b in rule.bands if b < ends.usual], "eta": rule.eta}
    facts |= {"completed": ends.completed, "size": sweep_size(ends), "strict": rule.strict, "new": None, "after": None}
    facts |= {"stopped": _three(now.stopped) if now else None}
    finding = Finding(
        id="",
        kind="search_bands",
        subject="early_terminate",
        supported=now is not None and (now.misled.low or 0.0) > MOST_LOST,
        estimate=now.misled if now else Estimate(value=None, unit="share"),
        n=sum(reached),
        method=LOST,
        caveats=("a straight line is taken to hold also for runs that were stopped, of which no end was seen",),
        runs=tuple(run_id for run_id, there in zip(ends.ids, reached, strict=True) if there),
        facts=facts,
    )
    if not finding.supported:
        return Bands(finding, None)
    for first in _candidates(max(start, rule.bands[0] + 1), int(LATEST * ends.usual)):
        later = read_hyperband({"type": "hyperband", "min_iter": first, "eta": rule.eta, "strict": rule.strict})
        after = None if later is None else cost_of(ends, judged_at, later)
        if after is not None and after.misled.high is not None and after.misled.high <= MOST_LOST:
            facts = facts | {"new": first, "after": _three(after.misled)}
            return Bands(replace(finding, facts=facts), first)
    return Bands(finding, None)


def _three(estimate: Estimate) -> list[float | None]:
    return [estimate.value, estimate.low, estimate.high]


def _candidates(low: int, high: int) -> list[int]:
    if low > high:
        return []
    return sorted({round(float(v)) for v in np.geomspace(low, high, CANDIDATES)})


def _seen(ends: Ends, rule: Hyperband) -> dict[str, Any]:
    """Of the runs that were seen to their end: rank correlation, and how many good ones the rule was true for."""
    done = np.flatnonzero(np.isfinite(ends.finals))
    first = rule.bands[0]
    early = np.array([ends.histories[i][first - 1] if len(ends.histories[i]) >= first else math.nan for i in done])
    if not rule.strict:
        early = np.array([ends.histories[i][:first].min() for i in done])
    good = done[np.argsort(ends.finals[done], kind="stable")[: math.ceil(GOOD * len(done))]]
    at = thresholds([(-h).tolist() for h in ends.histories], rule, 1)
    lost = sum(_ever_true(ends.histories[i], rule, at) for i in good)
    kept = np.isfinite(early)
    rho = _rank_correlation(early[kept], ends.finals[done][kept])
    return {"seen_good": len(good), "seen_lost": int(lost), "correlation": rho, "least": LEAST_ENDS}


def _ever_true(costs: Floats, rule: Hyperband, at: Mapping[int, float]) -> bool:
    """Whether the rule, with the thresholds of the whole sweep, was true when the run came to some band."""
    bands = [band for band in rule.bands if band <= len(costs)]
    return any(judged_cost((-costs[:band]).tolist(), band, rule, 1) > at[band] for band in bands)


def _rank_correlation(x: Floats, y: Floats) -> Estimate | None:
    """Spearman's, with the interval of Bonett and Wright (Psychometrika 65, 2000, 23-28); None under 5 runs."""
    if len(x) < 5 or x.min() == x.max() or y.min() == y.max():
        return None
    rho = float(spearmanr(x, y).statistic)
    z, se = math.atanh(min(max(rho, -0.999), 0.999)), math.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    width = float(norm.ppf(0.975)) * se
    return Estimate(value=rho, low=min(math.tanh(z - width), rho), high=max(math.tanh(z + width), rho))


def _strict(sweep: Sweep, rule: Hyperband) -> Finding:
    """How many runs the two readings of ``strict`` judge otherwise."""
    histories = {run.id: run.finite_metric.tolist() for run in sweep.runs if run.iterations >= rule.bands[0]}
    loose = replace(rule, strict=False)
    everyone = list(histories.values())
    sign = sweep.metric.sign
    at = thresholds(everyone, rule, sign)
    otherwise = [run_id for run_id, mine in histories.items() if _differs(mine, rule, loose, at, sign)]
    return Finding(
        id="",
        kind="search_strict",
        subject="strict",
        supported=True,
        estimate=proportion(len(otherwise), len(histories)),
        n=len(histories),
        method=f"the rule at each run's last band, by all logged values, with and without strict; {PROPORTION}",
        caveats=("true is what W&B's released package (sweeps 0.3.0) fills in; its documentation says false",),
        runs=tuple(histories),
        facts={"differ": len(otherwise)},
    )


def _differs(mine: list[float], rule: Hyperband, loose: Hyperband, at: Mapping[int, float], sign: int) -> bool:
    band = rule.band_at(len(mine))
    if band is None:
        return False
    return (judged_cost(mine, band, rule, sign) > at[band]) != (judged_cost(mine, band, loose, sign) > at[band])
