"""What is no setting and may still decide which runs crash: when they started, and on which machine.

A broken machine is reported as a broken machine, a bug mended in mid-sweep as a change in time; every cause of a crash
counts here. Where a machine may be broken, the settings are compared among its own runs and the
others (``apart``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..results.risk import ParameterRisk
from ..types import CAUSES, Outcome, Run, Sweep
from .cases import make_cases
from .contrasts import Contrast
from .factors import judge

START, HOST, AGENT = "start time", "host", "agent"
CUTS = (0.25, 0.5, 0.75)
"""Shares of the starts after which things may have changed."""
SUSPECT_AT = 0.2
"""p at which a machine's runs are kept apart: a missed broken machine costs more than a needless stratum."""


def circumstances(sweep: Sweep, outcomes: Mapping[str, Outcome], *, early_stopping: bool) -> tuple[ParameterRisk, ...]:
    """Start time, host and agent, each judged as a whole; q adjusted over the three."""
    machines = make_cases(sweep, outcomes, early_stopping=early_stopping, causes=CAUSES)
    families = {HOST: _named(machines.runs, HOST, [run.host for run in machines.runs])}
    agents = _named(machines.runs, AGENT, [run.agent for run in machines.runs])
    if {frozenset(c.ids) for c in agents} != {frozenset(c.ids) for c in families[HOST]}:
        families[AGENT] = agents  # one agent a host says the same thing twice
    by_machine = judge(sweep, outcomes, machines, families, CAUSES)
    free = make_cases(sweep, outcomes, early_stopping=early_stopping, causes=CAUSES, blocked=False)
    by_time = judge(sweep, outcomes, free, {START: _cuts(free.runs) if free.timed else []}, CAUSES)
    return tuple(_doubled(found) for found in (*by_time, *by_machine))


def _doubled(found: ParameterRisk) -> ParameterRisk:
    """Two families, time and machines, were tested: Bonferroni."""
    if found.q is None:
        return found
    q = min(1.0, 2 * found.q)
    return replace(found, q=q, called=q <= 0.05)


def suspect(found: Sequence[ParameterRisk]) -> frozenset[str]:
    """Ids of the runs of a machine that may be broken."""
    for item in found:
        if item.parameter in (HOST, AGENT) and item.leading is not None and item.raises and (item.p or 1) <= SUSPECT_AT:
            return frozenset(item.leading.runs)
    return frozenset()


def _named(runs: Sequence[Run], what: str, names: Sequence[str | None]) -> list[Contrast]:
    known = sorted({name for name in names if name is not None})
    if len(known) < 2:
        return []
    found = []
    for name in known[1:] if len(known) == 2 else known:
        inside = np.array([value == name for value in names], dtype=bool)
        ids = frozenset(run.id for run, within in zip(runs, inside, strict=True) if within)
        found.append(
            Contrast(what, "circumstance", f"{what} = {name}", {what: name}, inside.astype(float), inside, ids)
        )
    return found


def _cuts(runs: Sequence[Run]) -> list[Contrast]:
    """The later starts against the earlier ones, cut at each of CUTS; ``runs`` is in the order of starts."""
    found = []
    for share in CUTS:
        first = round(len(runs) * share)
        inside = np.arange(len(runs)) >= first
        if 0 < first < len(runs):
            text = f"the last {len(runs) - first} of {len(runs)} starts"
            ids = frozenset(run.id for run in runs[first:])
            found.append(Contrast(START, "circumstance", text, {}, inside.astype(float), inside, ids))
    return found
