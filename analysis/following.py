"""The sweep that should follow, whole: the narrowed space, the mends of the search, its name; no mathematics here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .errors import FormatError
from .lineage import foretell
from .mends import advice, apply, mends
from .narrow.next import following as narrowed
from .narrow.options import Options
from .results.following import Change, Following
from .results.ranking import Ranking
from .results.space import Space
from .sweepfile.schema import problems
from .types import Finding, Outcome, Sweep

POOLED = "several sweeps are pooled here: the next sweep follows one of them; ask for it by itself"


def next_sweep(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    space: Space | None,
    ranking: Ranking | None,
    options: Options,
) -> tuple[Following | None, str]:
    """The next sweep, or None and why there is none.

    Raises UsageError for options that do not fit the sweep.
    """
    if sweep.parts:
        return None, POOLED
    if sweep.config is None or not sweep.config.parameters:
        return None, (
            f"the configuration of sweep {sweep.id} is not known, so there is no space to narrow; give the sweep file "
            "with --sweep-config"
        )
    try:
        found = narrowed(sweep, outcomes, space, options)
    except FormatError as error:
        return None, f"{error}; mend the sweep file and give it with --sweep-config"
    of_search = mends(
        sweep,
        outcomes,
        size=found.size,
        budget=options.budget,
        config=found.config,
        method=options.method,
    )
    mended = apply(found.config, of_search)
    wrong = [problem.message for problem in problems(mended) if problem.severity == "error"]
    if wrong:
        return (
            None,
            f"W&B would not run the next sweep: {wrong[0]}; mend the sweep file and give it with --sweep-config",
        )
    advised = advice(sweep, outcomes, config=mended, ranking=ranking)
    changes = (*of_search, *found.changes)
    config = _named(sweep, mended, changes, foretell(found.new))
    warned = tuple(problem.message for problem in problems(sweep.config.raw) if problem.severity == "warning")
    return replace(found, config=config, changes=changes, advice=(*found.advice, *advised), caveats=warned), ""


def _named(sweep: Sweep, config: Mapping[str, object], changes: Sequence[Change], expected: str) -> dict[str, object]:
    """The config with a name and a description that carry the parent."""
    moved = sorted({change.parameter for change in changes if change.parameter})
    what = f"{len(moved)} of {len(sweep.parameters)} parameters changed" if moved else "the same space"
    parent = sweep.name or sweep.id
    runs = "run" if len(sweep.runs) == 1 else "runs"
    return {
        **config,
        "name": f"{parent[:80]} - next",
        "description": " ".join(
            [f"Follows sweep {sweep.id} ({len(sweep.runs)} {runs}): {what}. Written by aftersweep next.", expected]
        ).strip(),
    }


def findings_of(following: Following | None) -> list[Finding]:
    """Its findings in the order of the page, each once."""
    if following is None:
        return []
    found: list[Finding] = []
    for finding in (*following.advice, *(change.finding for change in following.changes)):
        if not any(finding is one for one in found):
            found.append(finding)
    return found


def with_ids(following: Following | None, before: Sequence[Finding], after: Sequence[Finding]) -> Following | None:
    """The same with numbered findings: ``after`` holds those of ``before``, in its order, with their ids."""
    if following is None:
        return None

    def numbered(finding: Finding) -> Finding:
        return next(new for old, new in zip(before, after, strict=True) if old is finding)

    return replace(
        following,
        advice=tuple(numbered(finding) for finding in following.advice),
        changes=tuple(replace(change, finding=numbered(change.finding)) for change in following.changes),
    )
