"""Crash by progress, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...analysis.types import Estimate, Finding
from ..format import interval, number, p_phrase, percent, plural, ratio_interval, share_interval


def _share(numbers: Sequence[float | None]) -> str:
    """``12 % (5 % to 23 %)``; the interval alone where it depends on what is unknown."""
    value, low, high = numbers
    return share_interval(Estimate(value=value, low=low, high=high, unit="share"))


def _units(f: Finding, count: float) -> str:
    """``1 epoch``, ``20 epochs``."""
    return plural(count, f.facts["unit"].removesuffix("s"))


def _incidence(f: Finding) -> str:
    assert f.estimate is not None  # always made with one
    by = f"by {_units(f, f.facts['horizon'])}"
    if not f.facts["crashes_high"]:
        said = f"No run crashed {by} (95 % interval of the share: {interval(f.estimate, percent)})"
    else:
        whole = _share([f.estimate.value, f.estimate.low, f.estimate.high])
        said = f"Of the runs ({f.n} started), {whole} crash {by} (with its 95 % interval)"
    stopped = f.facts["stopped"]
    return f"{said}; the sweep's rule stops {_share(stopped)}." if stopped else f"{said}."


def _at_start(f: Finding) -> str:
    assert f.estimate is not None
    share = share_interval(f.estimate)
    return f"Before {_units(f, f.facts['step'])} was logged, {share} of {plural(f.n, 'run')} had crashed."


def _crashes(counts: Sequence[int]) -> str:
    low, high = counts
    return plural(low, "crash", "crashes") if low == high else f"{low} to {high} crashes"


def _early_late(f: Finding) -> str:
    assert f.estimate is not None
    early, late = f.facts["exposure"]
    unit = f.facts["unit"]
    cut = _units(f, f.facts["cut"])
    counted = (
        f"{_crashes(f.facts['early'])} in {number(early, 3)} {unit} run before {cut}, "
        f"{_crashes(f.facts['late'])} in {number(late, 3)} after"
    )
    tested = f"{_ratio(f.estimate)}, {p_phrase('p', f.p)}"
    if not f.supported:
        return f"Whether runs crash at another rate early than late cannot be told: {counted} ({tested})."
    more = "a higher" if f.facts["higher_early"] else "a lower"
    return (
        f"Past {_units(f, f.facts['start'])}, the runs still going crash at {more} rate before {cut} than after: "
        f"{counted} ({tested}); which runs are left differs, too."
    )


def _ratio(estimate: Estimate) -> str:
    if estimate.value is None and estimate.high is not None:
        return f"{estimate.unit} {number(estimate.low, 2)} to {number(estimate.high, 2)}"
    return f"{estimate.unit} {ratio_interval(estimate)}"


def _without_rule(f: Finding) -> str:
    assert f.estimate is not None
    facts = f.facts
    bounds = f"{percent(facts['bounds'][1])} to {percent(facts['bounds'][2])}"
    whole = _units(f, facts["horizon"])
    short = "the one run" if facts["short"] == 1 else f"the {facts['short']} runs"
    said = (
        f"Had every run gone on to {whole}, between {percent(facts['low'])} and {percent(facts['high'])} would have "
        f"crashed, by whether none or all of {short} that ended short of it without crashing would have "
        f"(95 % interval over both: {bounds})"
    )
    if not f.supported:
        return f"{said}; no run was seen all the way, so that no rate narrows it."
    one = facts["unit"].removesuffix("s")
    return f"{said}; if they crash at the same rate per {one} as those that went on, {share_interval(f.estimate)}."


ADVICE: dict[str, Callable[[Finding], str]] = {
    "try_one_step": lambda f: (
        f"Try each configuration for a few batches before it takes a place in the sweep: "
        f"{plural(f.facts['crashed'], 'run')} crashed before {_units(f, f.facts['step'])} was logged."
    ),
}

WORDS: dict[str, Callable[[Finding], str]] = {
    "incidence_at_budget": _incidence,
    "crash_at_start": _at_start,
    "hazard_by_progress": _early_late,
    "crash_without_rule": _without_rule,
}

SEARCH: frozenset[str] = frozenset()
"""Advice that changes the search, not how runs are made or read."""
