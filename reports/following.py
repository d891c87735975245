"""The next sweep as a file, as JSON and as rows to show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .. import __version__
from ..analysis.results.following import Change, Following, Forecast
from ..analysis.results.postmortem import PostMortem
from ..analysis.sweepfile.write import to_yaml as write_yaml
from ..analysis.values import show
from .format import NONE, estimate_words, plural, share_interval
from .narrate import COMMENTS, sentence
from .words.following import spec_words


@dataclass(frozen=True)
class Row:
    """One changed line, ready to print."""

    line: str
    action: str
    old: str
    new: str
    why: str
    finding: str


def rows(following: Following) -> list[Row]:
    """The changes, those of the search first."""
    return [
        Row(
            line=change.parameter or ".".join(change.path),
            action=change.action,
            old=NONE if change.old is None else spec_words(change.old),
            new=NONE if change.new is None else spec_words(change.new),
            why=sentence(change.finding),
            finding=change.finding.id,
        )
        for change in following.changes
    ]


def to_yaml(result: PostMortem, following: Following) -> str:
    """The sweep file, each changed line with its reason and the finding's id."""
    comments: dict[tuple[str, ...], str] = {}
    for change in following.changes:
        said = _comment(change)
        comments[change.path] = f"{comments[change.path]}; {said}" if change.path in comments else said
    head = [
        f"The sweep that should follow {following.parent}; every changed line says why (aftersweep {__version__}).",
        *(sentence(finding) for finding in following.advice if finding.kind == "next_gate"),
    ]
    if result.sweep.url:
        head.append(f"Parent: {result.sweep.url}")
    return write_yaml(following.config, comments, head)


def _comment(change: Change) -> str:
    was = f"was {_brief(change.old)}; " if change.old is not None else ""
    return f"{was}{COMMENTS[change.finding.kind](change.finding)} [{change.finding.id}]"


def _brief(spec: Any) -> str:
    if isinstance(spec, Mapping) and "values" in spec:
        return "[" + ", ".join(show(value) for value in spec["values"]) + "]"
    return spec_words(spec)


def forecast_rows(following: Following) -> list[dict[str, str]]:
    """What to expect of the same sweep again, and of the next one."""
    return [
        {"space": name, "runs": plural(of.runs, "run"), **_expected(of)}
        for name, of in (("the same sweep again", following.same), ("the next sweep", following.new))
    ]


def _expected(of: Forecast) -> dict[str, str]:
    return {
        "best": estimate_words(of.best),
        "crash_rate": share_interval(of.crash_rate) if of.crash_rate else NONE,
        "hours": estimate_words(of.hours),
    }


def as_json(following: Following) -> str:
    """For programs: ``changes[]`` with parameter, action, old, new, finding; ``unchanged`` true where nothing moved."""
    return json.dumps(to_dict(following), indent=2, default=str, allow_nan=False)


def to_dict(following: Following) -> dict[str, Any]:
    return {
        "parent": following.parent,
        "unchanged": following.unchanged,
        "config": dict(following.config),
        "configurations": following.size if following.size != float("inf") else None,
        "changes": [
            {
                "parameter": change.parameter,
                "path": list(change.path),
                "action": change.action,
                "old": change.old,
                "new": change.new,
                "finding": change.finding.id,
                "why": sentence(change.finding),
            }
            for change in following.changes
        ],
        "advice": [{"finding": finding.id, "text": sentence(finding)} for finding in following.advice],
        "gate": asdict(following.gate),
        "held": following.held,
        "tolerance": following.tolerance,
        "forecast": {"same": asdict(following.same), "next": asdict(following.new)},
    }
