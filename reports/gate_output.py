"""The gate's verdict as text, JSON, JUnit XML and GitHub annotations.

Names of runs, metrics and parameters are hostile: each stands on a line of ours that it cannot end, and none can begin
a command of a CI service, which reads ``::command::`` at the start of a line and ``##[command]`` anywhere in it
(actions/runner, ActionCommand.cs). How a message is escaped: actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

import json
import math
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..analysis.gate import RULES
from ..analysis.results.gate import Judgement, Status, Verdict
from ..analysis.types import Estimate
from . import format as fmt
from .hostile import visible

SCHEMA_VERSION = 1
MOST_ANNOTATIONS = 10
"""As many of a level GitHub shows of a step; the rest it drops in silence."""
EXIT: Mapping[str, int] = {"met": 0, "not_met": 1, "unknown": 3}
WORDS: Mapping[Status, str] = {
    "met": "met",
    "not_met": "NOT MET",
    "unknown": "CANNOT BE KNOWN",
    "accepted": "accepted by the baseline",
    "off": "off",
}
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def harmless(value: Any) -> str:
    """Text on one line, without characters that nobody sees or XML forbids, and without the start of a command."""
    line = " ".join(visible(value).split())
    seen = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _UNSEEN else c for c in line)
    return seen.replace("##", "# #")


def to_text(judgement: Judgement, *, only_bad: bool = False) -> str:
    """A line a verdict, what it rests on below it, and the judgement last; with ``only_bad`` nothing of what is met."""
    shown = [v for v in judgement.verdicts if not only_bad or v.status in ("not_met", "unknown")]
    lines = [line for verdict in shown for line in (_line(verdict), *(f"    {one}" for one in details(verdict)))]
    if shown or not only_bad:
        lines.append(_summary(judgement))
    return "".join(f"{line}\n" for line in lines)


def to_github(judgement: Judgement) -> str:
    """The text, and an annotation for each verdict that is not met or not known; at most MOST_ANNOTATIONS."""
    bad = [v for v in judgement.verdicts if v.status in ("not_met", "unknown")]
    bad.sort(key=lambda verdict: verdict.rule.level != "error")  # what fails the job is never what is left out
    cut = bad if len(bad) <= MOST_ANNOTATIONS else bad[: MOST_ANNOTATIONS - 1]
    told = [_annotation("error" if v.rule.level == "error" else "warning", v.rule.key, _line(v)) for v in cut]
    if len(cut) < len(bad):
        more = f"{len(bad) - len(cut)} more rules are not met or cannot be known: see the step's log"
        told.append(_annotation("error" if judgement.status != "met" else "warning", "more", more))
    return to_text(judgement) + "".join(f"{line}\n" for line in told)


def to_json(judgement: Judgement, version: str) -> str:
    """For programs; see docs/gate.md."""
    whole = {
        "schema_version": SCHEMA_VERSION,
        "aftersweep": version,
        "sweep": judgement.sweep,
        "metric": {"name": judgement.metric.name, "goal": judgement.metric.goal},
        **document(judgement),
    }
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"


def document(judgement: Judgement) -> dict[str, Any]:
    """The verdict as JSON values, as the report carries it."""
    whole = {
        "verdict": judgement.status,
        "exit_code": EXIT[judgement.status],
        "still_running": judgement.running,
        "rules_from": judgement.rules_from,
        "rules": [_as_dict(verdict) for verdict in judgement.verdicts],
    }
    cleaned: dict[str, Any] = _finite(whole)
    return cleaned


def to_junit(judgement: Judgement) -> str:
    """JUnit XML as Jenkins and GitLab read it: a rule is a test case; a warning passes, with its words as output."""
    counts = {"failure": 0, "error": 0, "skipped": 0}
    suite = ET.Element("testsuite", name=f"aftersweep gate {harmless(judgement.sweep)}")
    for verdict in judgement.verdicts:
        case = ET.SubElement(suite, "testcase", classname="aftersweep.gate", name=harmless(verdict.rule.key), time="0")
        line, told = _line(verdict), "\n".join((_line(verdict), *details(verdict)))
        kind = _junit_kind(verdict)
        if kind is None:
            ET.SubElement(case, "system-out").text = told
            continue
        counts[kind] += 1
        part = ET.SubElement(case, kind, message=line)
        part.text = told
        if kind != "skipped":
            part.set("type", verdict.status)
    totals = {"tests": len(judgement.verdicts), **{f"{k}s": counts[k] for k in ("failure", "error")}}
    suite.attrib |= {**{k: str(v) for k, v in totals.items()}, "skipped": str(counts["skipped"]), "time": "0"}
    root = ET.Element("testsuites", {"name": "aftersweep gate", **{k: str(v) for k, v in totals.items()}, "time": "0"})
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _junit_kind(verdict: Verdict) -> str | None:
    if verdict.status in ("off", "accepted"):
        return "skipped"
    if verdict.rule.level != "error":
        return None
    return {"not_met": "failure", "unknown": "error"}.get(verdict.status)


def _line(verdict: Verdict) -> str:
    """``NOT MET max-crash-rate: expected at most 30 %, found 45 % (95 % interval 38 % to 52 %); rests on 120 runs``."""
    word, key, found = WORDS[verdict.status], harmless(verdict.rule.key), verdict.found
    if verdict.rule.level == "warn" and verdict.status in ("not_met", "unknown"):
        word += " (a warning)"
    if found is None:
        return f"{word} {key}"
    expected = f"{word} {key}: expected {expected_words(verdict)}"
    if found.estimate is None:
        return f"{expected}, but {harmless(found.why)}"
    told = f" [{verdict.finding}]" if verdict.finding else ""
    return f"{expected}, found {found_words(verdict, found.estimate)}; rests on {fmt.plural(found.n, 'run')}{told}"


def expected_words(verdict: Verdict) -> str:
    """``at most 30 %``, ``accuracy of at least 45``."""
    asked = f"{verdict.comparison} {_amount(verdict, verdict.rule.limit)}"
    unit = RULES[verdict.rule.name].unit
    if unit == "share":
        return asked
    return f"{asked} {unit}" if unit else f"{harmless(verdict.unit)} of {asked}"  # a metric may be called anything


def found_words(verdict: Verdict, estimate: Estimate) -> str:
    """``45 % (95 % interval 38 % to 52 %)``."""
    inside = ""
    if estimate.low is not None and estimate.high is not None:
        ends = f"{_amount(verdict, estimate.low)} to {_amount(verdict, estimate.high)}"
        inside = f"{100 * estimate.level:g} % interval {ends}"
    if estimate.value is None:
        return f"only its {inside}"
    value = _amount(verdict, estimate.value)
    return f"{value} ({inside})" if inside else value


def _amount(verdict: Verdict, value: float) -> str:
    """A share in percent, else the number; with as many digits as it takes to tell it from the limit."""
    scale, digits, unit = (100.0, 3, " %") if RULES[verdict.rule.name].unit == "share" else (1.0, 6, "")
    shown, limit = scale * value, scale * verdict.rule.limit
    while digits < 17 and value != verdict.rule.limit and f"{shown:.{digits}g}" == f"{limit:.{digits}g}":
        digits += 1
    exact = value == verdict.rule.limit
    return f"{shown:.{12 if exact else digits}g}{unit}"


def details(verdict: Verdict) -> list[str]:
    """All values and notes, a line each, harmless."""
    if verdict.found is None:
        return []
    values = [f"{harmless(name)}: {_worded(value)}" for name, value in verdict.found.values.items()]
    return [*values, *(f"note: {harmless(note)}" for note in verdict.notes)]


def _worded(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{harmless(name)} {_worded(one)}" for name, one in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        ends = all(isinstance(one, (int, float)) for one in value)
        if ends and len(value) == 2:
            return _worded(value[0]) if value[0] == value[1] else " to ".join(map(_worded, value))
        return ", ".join(map(_worded, value)) or "none"
    if isinstance(value, float):
        return fmt.number(value)
    return harmless(fmt.NONE if value is None else value)


def _summary(judgement: Judgement) -> str:
    counts = {status: sum(v.status == status for v in judgement.verdicts) for status in WORDS}
    words = {"met": "met", "not_met": "not met", "unknown": "cannot be known", "accepted": "accepted", "off": "off"}
    told = ", ".join(f"{n} {words[status]}" for status, n in counts.items() if n)
    running = f"; provisional, for runs still run: {judgement.running}" if judgement.running else ""
    sweep = harmless(judgement.sweep)
    return f"gate of {sweep}: {words[judgement.status]} ({told}; rules from {harmless(judgement.rules_from)}){running}"


def _annotation(level: str, key: str, message: str) -> str:
    title = _data(f"aftersweep gate: {harmless(key)}").replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={title}::{_data(message)}"


def _data(text: str) -> str:
    """Escaped for a workflow command; a ``::`` of the text is parted, though it could end nothing there."""
    parted = text.replace("::", ": :").replace("::", ": :")
    return parted.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _as_dict(verdict: Verdict) -> dict[str, Any]:
    found = verdict.found
    return {
        "rule": verdict.rule.key,
        "level": verdict.rule.level,
        "status": verdict.status,
        "expected": {"comparison": verdict.comparison, "limit": verdict.rule.limit, "unit": verdict.unit},
        "found": asdict(found.estimate) if found and found.estimate else None,
        "judged": found.judged if found else None,
        "n": found.n if found else None,
        "why": found.why if found else "",
        "values": found.values if found else {},
        "notes": list(verdict.notes),
        "finding": verdict.finding,
        "text": _line(verdict),
    }


def _finite(value: Any) -> Any:
    """JSON values: what it cannot write is null."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
