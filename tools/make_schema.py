"""The JSON Schema of the JSON report, from the types that it is made of: reports/schema/report.schema.json.

    python tools/make_schema.py            writes it
    python tools/make_schema.py --print    prints it

The parts that ``reports/as_json.py`` writes out field by field stand here; ``results`` is made from the annotations and
the docstrings of ``analysis/results``. JSON Schema 2020-12, https://json-schema.org/draft/2020-12.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aftersweep.analysis.results.following import Forecast, Gate
from aftersweep.analysis.results.gate import Comparison, Level, Status
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.types import CAUSES, GRADES, OUTCOMES, Estimate, EvidenceKind, Run
from aftersweep.reports.as_json import SCHEMA_VERSION, SECTIONS
from aftersweep.reports.narrate import WORDS

PLACE = Path(__file__).parents[1] / "reports" / "schema" / "report.schema.json"
NUMBER = {"$ref": "#/$defs/number"}
ESTIMATE = {"$ref": "#/$defs/Estimate"}
TEXT, COUNT, YES_NO = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
ANY: dict[str, Any] = {}
Schema = Mapping[str, Any]


class Types:
    """Dataclasses as definitions, each once."""

    def __init__(self) -> None:
        self.made: dict[str, Schema] = {}
        self.names: dict[type, str] = {}

    def of(self, hint: Any) -> Schema:
        """The schema of one annotation."""
        origin, inside = typing.get_origin(hint), typing.get_args(hint)
        if hint is Any:
            return ANY
        if hint is Run:
            return TEXT | {"description": "Id of a run."}
        if is_dataclass(hint) and isinstance(hint, type):
            return {"$ref": f"#/$defs/{self.define(hint)}"}
        if origin is typing.Literal:
            return {"enum": list(inside)}
        if origin in (types.UnionType, typing.Union):
            return or_null(self.of(next(one for one in inside if one is not types.NoneType)))
        if origin is tuple and inside[-1] is Ellipsis:
            return a_list(self.of(inside[0]))
        if origin is tuple:
            return exactly(*(self.of(one) for one in inside))
        if origin is not None and issubclass(origin, Mapping):
            return by_name(self.of(inside[1]))
        return {str: TEXT, bool: YES_NO, int: {"type": "integer"}, float: NUMBER}[hint]

    def define(self, kind: type) -> str:
        """The definition's name: the class's, with its module's before it where two have one name."""
        if kind not in self.names:
            name = kind.__name__
            if name in self.names.values():
                name = kind.__module__.rpartition(".")[2].capitalize() + name
            self.names[kind] = name
            hints, said = typing.get_type_hints(kind), described(kind)
            properties = {}
            for item in fields(kind):
                properties[item.name] = {**self.of(hints[item.name])} | said.get(item.name, {})
            self.made[name] = a_record(properties, " ".join((kind.__doc__ or "").split()))
        return self.names[kind]


@cache
def described(kind: type) -> Mapping[str, Schema]:
    """The docstrings below a class's fields."""
    (tree,) = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, after in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(after, ast.Expr):
            continue
        if isinstance(field.target, ast.Name) and isinstance(after.value, ast.Constant):
            found[field.target.id] = {"description": " ".join(str(after.value.value).split())}
    return found


def a_record(properties: Mapping[str, Schema], description: str = "") -> Schema:
    """An object with exactly these fields."""
    told = {"description": description} if description else {}
    return told | {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def a_list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def exactly(*parts: Schema) -> Schema:
    return {"type": "array", "prefixItems": list(parts), "items": False, "minItems": len(parts)}


def by_name(of: Schema) -> Schema:
    return {"type": "object", "additionalProperties": of} if of else {"type": "object"}


def or_null(of: Schema) -> Schema:
    if of in (ANY, NUMBER):
        return of
    if "enum" in of:
        return of | {"enum": [*of["enum"], None]}
    return of | {"type": [of["type"], "null"]} if isinstance(of.get("type"), str) else {"anyOf": [of, {"type": "null"}]}


def told(of: Schema, description: str) -> Schema:
    return {**of, "description": description}


def schema() -> Schema:
    """The whole schema."""
    made = Types()
    hints = typing.get_type_hints(PostMortem)
    results = {name: {**made.of(hints[name])} | described(PostMortem).get(name, {}) for name in SECTIONS}
    parts = {
        "schema_version": told({"const": SCHEMA_VERSION}, "Fields are only added while it stays the same."),
        "aftersweep": told(TEXT, "The version that wrote it."),
        "sweep": sweep(),
        "provisional": told(YES_NO, "True where runs were still running; a finding `still_running` says how many."),
        "crash_rate": a_record(
            {"eligible": COUNT, **dict.fromkeys(("low", "high", "recorded"), ESTIMATE)},
            "Crashed of the runs that started and ended: the unknown counted as not crashed (low), as crashed (high), "
            "and as W&B recorded it.",
        ),
        "runs": told(a_list(a_run()), "Every run, oldest first."),
        "results": a_record(results, "The tables that the page's sections draw; null where there is nothing to say."),
        "following": or_null(following(made)),
        "gate": or_null(gate()),
        "findings": told(a_list(finding()), "What may be said, each with its evidence."),
    }
    made.define(Estimate)
    number = {"type": ["number", "null"], "description": "null where it is not known, infinite or not a number."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:aftersweep:report:{SCHEMA_VERSION}",
        "title": "The report of aftersweep",
        "description": "What `aftersweep report SWEEP --format json` writes. Texts from the sweep are hostile.",
        **a_record(parts),
        "$defs": {"number": number, **dict(sorted(made.made.items()))},
    }


def sweep() -> Schema:
    names = ("entity", "project", "name", "description", "url", "state")
    return a_record(
        {
            "id": TEXT,
            **{name: or_null(TEXT) for name in names},
            "source": a_record({"kind": TEXT, "target": TEXT, "decided_by": TEXT, "notices": a_list(TEXT)}),
            "metric": a_record({"name": TEXT, "goal": {"enum": ["minimize", "maximize"]}, "decided_by": TEXT}),
            "progress_unit": told(TEXT, "`epochs`, or `logged values` of the metric."),
            "budget": told(NUMBER, "The progress that a run was meant to reach; null where nobody said."),
            "stopping_rule": told(or_null(TEXT), "In words; null where there was none or it is not known."),
            "bands": told(a_list(COUNT), "Iterations at which the rule may stop a run."),
            "parameters": told(by_name(a_list(ANY)), "The levels of each swept parameter."),
            "states": told(by_name(COUNT), "Runs by their state as recorded."),
            "outcomes": told(by_name(COUNT), "Runs by their outcome as adjudicated."),
            "excluded": told(a_list(a_record({"id": TEXT, "reason": TEXT})), "Runs that were left out."),
            "problems": a_list(TEXT),
            "parts": told(a_list(TEXT), "Ids of the sweeps that a pooled one is made of."),
        }
    )


def a_run() -> Schema:
    causes: Schema = {"enum": [*CAUSES, None]}
    outcome: Schema = {"enum": list(OUTCOMES)}
    return a_record(
        {
            "id": TEXT,
            "name": TEXT,
            "state": told(TEXT, "As recorded."),
            "outcome": told(outcome, "As adjudicated."),
            "cause": told(causes, "Of a crash; null for every other outcome."),
            "grade": told({"enum": list(GRADES)}, "What the outcome rests on."),
            "probability": told(SHARE, "Chance that the outcome is right."),
            "crash_probability": told(exactly(SHARE, SHARE), "Lowest and highest chance that the run crashed."),
            "progress": told({"type": "number", "minimum": 0}, "In the sweep's unit."),
            "best": told(NUMBER, "Best finite value of the metric."),
            "config": by_name(ANY),
            "evidence": a_list(
                a_record(
                    {
                        "kind": {"enum": list(typing.get_args(EvidenceKind))},
                        "text": TEXT,
                        "supports": outcome,
                        "cause": causes,
                        "decisive": YES_NO,
                        "line": told(or_null(TEXT), "A log line word for word: hostile text."),
                    }
                )
            ),
            "contradictions": a_list(TEXT),
            "problems": a_list(TEXT),
        }
    )


def finding() -> Schema:
    chance = or_null(SHARE)
    return a_record(
        {
            "id": TEXT,
            "kind": {"enum": sorted(WORDS)},
            "subject": TEXT,
            "supported": told(YES_NO, "True where the data carry the statement."),
            "estimate": or_null(ESTIMATE),
            "n": COUNT,
            "p": chance,
            "q": told(chance, "p adjusted for all the tests of its family; `method` says which."),
            "method": TEXT,
            "caveats": a_list(TEXT),
            "runs": told(a_list(TEXT), "Ids of the runs that it rests on."),
            "facts": told(by_name(ANY), "The counts and names that the sentence needs."),
            "text": told(TEXT, "The sentence."),
            "code": told(TEXT, "The line that computed it."),
        }
    )


def following(made: Types) -> Schema:
    change = {
        "parameter": told(or_null(TEXT), "null for a line of the search itself."),
        "path": a_list(TEXT),
        "action": {"enum": ["drop", "shrink", "extend", "insert", "fix", "add", "set", "remove"]},
        "old": ANY,
        "new": ANY,
        "finding": told(TEXT, "Id of the finding that it rests on."),
        "why": TEXT,
    }
    forecast = made.of(Forecast)
    return a_record(
        {
            "parent": TEXT,
            "unchanged": told(YES_NO, "True where the space is the parent's."),
            "config": told(by_name(ANY), "The sweep file."),
            "configurations": told(NUMBER, "Of the new space; null where a parameter is a range."),
            "changes": a_list(a_record(change)),
            "advice": a_list(a_record({"finding": TEXT, "text": TEXT})),
            "caveats": a_list(TEXT),
            "gate": made.of(Gate),
            "held": told(NUMBER, described_in("Following", "held")),
            "tolerance": told(NUMBER, described_in("Following", "tolerance")),
            "forecast": a_record({"same": forecast, "next": forecast}),
        },
        "The sweep that should follow, as `aftersweep next --json` prints it; null where there can be none.",
    )


def described_in(kind: str, field: str) -> str:
    from aftersweep.analysis.results import following as module

    return str(described(getattr(module, kind))[field]["description"])


def gate() -> Schema:
    expected = {"comparison": {"enum": list(typing.get_args(Comparison))}, "limit": NUMBER, "unit": TEXT}
    rule = {
        "rule": TEXT,
        "level": {"enum": list(typing.get_args(Level))},
        "status": {"enum": list(typing.get_args(Status))},
        "expected": a_record(expected),
        "found": or_null(ESTIMATE),
        "judged": told(NUMBER, "What is held against the limit."),
        "n": or_null(COUNT),
        "why": told(TEXT, "Why it cannot be known."),
        "values": by_name(ANY),
        "notes": a_list(TEXT),
        "finding": told(or_null(TEXT), "Id of the finding that carries it."),
        "text": TEXT,
    }
    return a_record(
        {
            "verdict": {"enum": ["met", "not_met", "unknown"]},
            "exit_code": {"enum": [0, 1, 3]},
            "still_running": COUNT,
            "rules_from": TEXT,
            "rules": a_list(a_record(rule)),
        },
        "The verdict of the gate's rules; null where there are none.",
    )


def main() -> None:
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if "--print" in sys.argv[1:]:
        sys.stdout.write(text)
    else:
        PLACE.parent.mkdir(exist_ok=True)
        PLACE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
