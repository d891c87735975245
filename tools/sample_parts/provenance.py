"""The page that lists each published figure as kept or as impossible."""

from __future__ import annotations

from typing import Any

from .curves import explained
from .solve import Verdict
from .timeline import Life

SECTIONS = {
    "total": "Number of runs",
    "architectures": "Architecture table",
    "best_results": "Best results",
    "best_configurations": "Configurations of the best runs",
    "counts": "Settings",
    "crash": "Crashes by epoch",
    "states": "States",
    "risk_factors": "Risk factors",
    "statements": "Statements",
}


def page(published: dict[str, Any], verdicts: list[Verdict], lives: list[Life]) -> str:
    """Markdown, one table a section of the source page."""
    reasons: dict[str, str] = published["arithmetic"]
    judged = [(v.figure.id, v.figure.says, v.kept, v.instead, reasons.get(v.figure.id, "")) for v in verdicts]
    judged += _of_curves(published, reasons)
    _check(judged, reasons)
    kept = sum(row[2] for row in judged)
    parts = [_head(len(judged), kept), _rule(lives)]
    for key, title in SECTIONS.items():
        rows = [row for row in judged if row[0].split(".")[0] == key]
        lines = ["| figure | published | verdict |", "|---|---|---|"]
        lines += [f"| `{ident}` | {says} | {_verdict(ok, instead, why)} |" for ident, says, ok, instead, why in rows]
        parts.append(f"## {title}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _of_curves(published: dict[str, Any], reasons: dict[str, str]) -> list[tuple[str, str, bool, str, str]]:
    """Figures that the simulated curves meet by construction; the tests recompute them."""
    rows = []
    for best in published["best_results"]:
        says = f"{best['run']}: {best['combined']} % combined, {best['modulation']} % modulation, {best['snr']} % SNR"
        rows.append((f"best_results.{best['run']}.metrics", says, True, "", ""))
    for name, row in published["architectures"].items():
        ident = f"architectures.{name}.best"
        says = f"{name}: best {row['best']} %" if row["best"] is not None else f"{name}: best result not available"
        rows.append((ident, says, ident not in reasons, "", reasons.get(ident, "")))
    sweep = published["sweep"]
    rows.append(("total.dates", f"{sweep['first_day']} to {sweep['last_day']}", True, "", ""))
    return rows


def _check(judged: list[tuple[str, str, bool, str, str]], reasons: dict[str, str]) -> None:
    impossible = {row[0] for row in judged if not row[2]}
    if impossible != set(reasons):
        raise RuntimeError(f"figures dropped without a reason, or kept with one: {sorted(impossible ^ set(reasons))}")


def _verdict(kept: bool, instead: str, why: str) -> str:
    if kept:
        return "kept"
    has = f" The sample has {instead}." if instead else ""
    return f"**impossible.** {why.strip()}{has}".replace("\n", " ")


def _head(total: int, kept: int) -> str:
    return f"""# Where the sample 4yfw48ad comes from

<!-- Written by tools/make_sample.py; do not edit. -->

The sample is a **reconstruction**. The histories of this W&B sweep are not public; what was published is one page of
figures and the sweep's configuration. `tools/make_sample.py` searches for 50 runs that have these figures, and
simulates their curves, times and remaining settings. The run ids that begin with `sim` are ours. There are no log
lines, exit codes or system metrics, because nothing was published about them.

Of {total} published figures {kept} are kept and {total - kept} are impossible: they contradict others. The figures are
taken in a fixed order, and one that cannot hold with those already kept is dropped: the number of runs, the
architecture table (the only part of the page that agrees with its own total), the six named runs, the counts and crash
rates by setting, the crash table, the states, the risk factors, the mean epochs, the statements, the percentages. A
dropped figure gets the nearest value that can hold with all that are kept. "Crashed" is the recorded state throughout.
"""


def _rule(lives: list[Life]) -> str:
    crashed = [life for life in lives if life.state == "crashed"]
    strict, best = (explained(lives, strict=s) for s in (True, False))
    both = [life for life in crashed if any(life is x for x in strict) and any(life is x for x in best)]
    ends = ", ".join(
        f"{sum(life.end == e for life in both)} of {sum(life.end == e for life in crashed)} at epoch {e}"
        for e in (2, 6, 7)
    )
    others = sum(life.state != "crashed" for life in [*strict, *best])
    return f"""## The sweep's stopping rule

The sweep ran Hyperband with `max_iter: 20, s: 2, eta: 3`: bands at 2 and 6 logged values. The curves are simulated so
that this rule explains as many of the crashed states as a simple model of the accuracy allows: **{len(both)} of
{len(crashed)}** ({ends}),
whether it judges the value at the band or the best so far. It would have stopped {others} of the other runs. This shows
what the published figures allow, not what happened: how many of the crashes were real cannot be known from the page.
"""
