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
    findings: tuple[str, ...]
    """Ids."""


def rows(following: Following) -> list[Row]:
    """The changed lines, those of the search first; what changed one line in several steps is one row."""
    return [
        Row(
            line=steps[0].parameter or ".".join(steps[0].path),
            action=", ".join(dict.fromkeys(step.action for step in steps)),
            old=NONE if steps[0].old is None else spec_words(steps[0].old),
            new=NONE if steps[-1].new is None else spec_words(steps[-1].new),
            why=" ".join(dict.fromkeys(sentence(step.finding) for step in steps)),
            findings=tuple(dict.fromkeys(step.finding.id for step in steps)),
        )
        for steps in _by_line(following)
    ]


def _by_line(following: Following) -> list[list[Change]]:
    found: dict[tuple[str, ...], list[Change]] = {}
    for change in following.changes:
        found.setdefault(change.path, []).append(change)
    return list(found.values())


def to_yaml(result: PostMortem, following: Following) -> str:
    """The sweep file, each changed line with its reason and the finding's id."""
    comments: dict[tuple[str, ...], str] = {}
    for steps in _by_line(following):
        was = f"was {_brief(steps[0].old)}; " if steps[0].old is not None else ""
        comments[steps[0].path] = was + "; ".join(dict.fromkeys(map(_comment, steps)))
    head = [
        f"The sweep that should follow {following.parent}; every changed line says why (aftersweep {__version__}).",
        *(sentence(finding) for finding in following.advice if finding.kind == "next_gate"),
    ]
    if result.sweep.url:
        head.append(f"Parent: {result.sweep.url}")
    return write_yaml(following.config, comments, head)


def _comment(change: Change) -> str:
    return f"{COMMENTS[change.finding.kind](change.finding)} [{change.finding.id}]"


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
        "caveats": list(following.caveats),
        "gate": asdict(following.gate),
        "held": following.held,
        "tolerance": following.tolerance,
        "forecast": {"same": asdict(following.same), "next": asdict(following.new)},
    }
