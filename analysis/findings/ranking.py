"""Findings of the section 'ranking'."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.stats import chi2

from ..results.ranking import Ranking, SeedNoise, TriesPoint
from ..types import Estimate, Finding, Sweep
from .common import runs_in_words

SURE = 0.95
"""Chance from which a level is called the best."""
ASKED_REPEATS = 5
PICKED = "picked as the best, so it is partly luck"


def ranking_findings(sweep: Sweep, result: Ranking | None) -> list[Finding]:
    """The findings of ``result``; none where there is no result."""
    if result is None:
        return []
    found = [
        _chance(sweep, result),
        _tries(sweep, result),
        _curse(sweep, result),
        _noise(sweep, result),
        _last(sweep, result),
        _held_out(sweep, result),
    ]
    return [finding for finding in found if finding is not None]


def _chance(sweep: Sweep, result: Ranking) -> Finding | None:
    """Which level is the best at equal progress, as a probability."""
    if not result.levels:
        return None
    known = [item for item in result.levels if item.chance is not None]
    top = known[0] if known else None
    chance = top.chance if top and top.chance is not None else None
    return Finding(
        id="",
        kind="best_chance",
        subject=result.group_by or "",
        supported=chance is not None and chance >= SURE and not result.adaptive,
        estimate=Estimate(value=chance, unit="chance"),
        n=len(result.compared),
        method=(
            f"chance of the best mean best-so-far of {sweep.metric.name} at equal progress: levels as one normal "
            "population of unknown spread, 20,000 posterior draws"
        ),
        caveats=result.caveats,
        runs=result.compared or _all_runs(sweep),
        facts={
            "iteration": result.iteration,
            "metric": sweep.metric.name,
            "chances": [[item.label, item.chance] for item in known],
            "without": len(result.levels) - len(known),
            "adaptive": result.adaptive,
        },
    )


def _all_runs(sweep: Sweep) -> tuple[str, ...]:
    return tuple(run.id for run in sweep.runs)


def _tries(sweep: Sweep, result: Ranking) -> Finding | None:
    """Which level gives the best result in equally many tries, crashed ones counted."""
    sign = sweep.metric.sign
    # Where bands have a limit on the good side levels can be told apart; beyond that they never can.
    tried = [(item, point) for item in result.levels if (point := item.bounded or item.fair) is not None]
    if len(tried) < 2:
        return None
    worth = {item.label: sign * (point.median.value or 0.0) for item, point in tried}
    top, at = max(tried, key=lambda pair: worth[pair[0].label])
    apart = [item.label for item, point in tried if item is not top and _below(point, at, sign)]
    return Finding(
        id="",
        kind="best_of_tries",
        subject=result.group_by or "",
        supported=len(apart) == len(tried) - 1 and not result.adaptive,
        estimate=at.median,
        n=sum(item.tries for item, _ in tried),
        method=(
            "median of the best of k tries, a crash or a run without a value counted as worse than any; band from the "
            "order statistics of each level, for all k at once; apart where bands do not meet"
        ),
        caveats=result.caveats,
        runs=_all_runs(sweep),
        facts={
            "k": at.k,
            "metric": sweep.metric.name,
            "best": top.label,
            "levels": len(tried),
            "tied": sum(value == worth[top.label] for value in worth.values()) - 1,
            "apart": apart,
            "lost": sum(item.without_result for item, _ in tried),
        },
    )


def _below(point: TriesPoint, top: TriesPoint, sign: int) -> bool:
    """True where the level's whole band is worse than the leader's."""
    ends = [sign * end for end in (top.median.low, top.median.high) if end is not None]
    others = [sign * end for end in (point.median.low, point.median.high) if end is not None]
    return max(others) < min(ends)


def _curse(sweep: Sweep, result: Ranking) -> Finding | None:
    """What the best completed run's configuration is worth when it is repeated."""
    curse = result.curse
    if curse is None or curse.shrunk is None:
        return None
    return Finding(
        id="",
        kind="winners_curse",
        subject=curse.run,
        supported=True,
        estimate=curse.shrunk,
        n=curse.n,
        method="empirical Bayes: drawn towards the other configurations as far as the repeats' noise explains them",
        caveats=(f"the seed noise rests on {result.noise.df} degrees of freedom",),
        runs=(curse.run,),
        facts={"value": curse.value, "metric": sweep.metric.name},
    )


def _noise(sweep: Sweep, result: Ranking) -> Finding:
    """How far repeats of one configuration lie apart, or that nobody knows."""
    noise = result.noise
    known = noise.sd is not None and bool(noise.sd.value)
    caveats = [] if known or noise.sd is None else ["all repeats agree exactly"]
    if noise.df and noise.seed is None:
        caveats.append("no seed is known to differ between the repeats")
    bound = math.sqrt((ASKED_REPEATS - 1) / float(chi2.ppf(0.025, ASKED_REPEATS - 1)))
    return Finding(
        id="",
        kind="seed_noise",
        subject=sweep.metric.name,
        supported=known,
        estimate=noise.sd or Estimate(value=None, unit=sweep.metric.name),
        n=len(noise.runs),
        method=(
            "pooled standard deviation of completed runs' best values within configurations (all swept parameters "
            "equal but the seed); chi-squared interval, repeats taken as normal"
        ),
        caveats=tuple(caveats),
        runs=noise.runs or (result.curse.run if result.curse else result.held_out.best_run,),
        facts={
            "configurations": noise.configurations,
            "df": noise.df,
            "seed": noise.seed,
            "agree": _agree(noise),
            "completed": result.curse.n if result.curse else 0,
            "asked": ASKED_REPEATS,
            "bound": bound,
        },
    )


def _agree(noise: SeedNoise) -> bool:
    return noise.sd is not None and noise.sd.value == 0.0


def _last(sweep: Sweep, result: Ranking) -> Finding | None:
    """Where best and last values disagree."""
    last = result.last
    if last is None or (not last.worse and last.leader == last.best_run):
        return None
    return Finding(
        id="",
        kind="last_value",
        subject=last.best_run,
        supported=True,
        estimate=Estimate(value=last.best_last, unit=sweep.metric.name),
        n=last.n,
        method="last finite value beside the best; worse: by more than a tenth of the interquartile range of the bests",
        caveats=("a best value picked from a noisy history is partly luck too",),
        runs=_first(last.best_run, last.leader, *last.worse),
        facts={
            "worse": len(last.worse),
            "threshold": last.threshold,
            "best": last.best,
            "leader": last.leader,
            "leader_last": last.leader_last,
        },
    )


def _first(*ids: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))


def _held_out(sweep: Sweep, result: Ranking) -> Finding:
    """The held-out metric of the best run, or that there is none."""
    held = result.held_out
    caveats: Sequence[str] = ()
    if held.metric and held.runs < held.n:
        caveats = (f"{runs_in_words(held.n - held.runs)} with a value of {sweep.metric.name} have none",)
    return Finding(
        id="",
        kind="held_out",
        subject=held.best_run,
        supported=held.value is not None and not held.selected,
        estimate=Estimate(value=held.value, unit=held.metric or sweep.metric.name),
        n=held.n,
        method="metrics told held out by their names (test, hold-out), at the step of the best value or in the summary",
        caveats=(*caveats, PICKED),
        runs=(held.best_run,),
        facts={"metric": sweep.metric.name, "held": held.metric, "selected": held.selected, "best": held.best},
    )


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; None where it carries none."""
    if finding.kind == "held_out" and finding.facts["held"] is None:
        return "measure_held_out"
    return None
