"""The published schema of the JSON report: it is that of the types, and every report is of it."""

from __future__ import annotations

import copy
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from aftersweep.analysis.pooling import pool
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources.base import fetch_all
from aftersweep.analysis.sources.sample import open_sample, sample_names
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.as_json import SCHEMA_VERSION, to_json
from aftersweep.reports.gate_verdict import rules_asked, with_verdict
from aftersweep.reports.schema_command import text

from ..factories import HYPERBAND, make_run, make_sweep
from ..sources.example import example_sweep
from ..truth.scenarios import SCENARIOS, scenario
from ..truth.simulator import simulate
from .test_cli import run
from .test_gate_verdict import RULES
from .test_render import hostile_result

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads(text())
VALIDATOR = Draft202012Validator(SCHEMA)


def wrong(result: PostMortem) -> list[str]:
    """Where the report is not of the schema."""
    whole = json.loads(to_json(result, "0"))
    return [f"{error.json_path}: {error.message[:200]}" for error in VALIDATOR.iter_errors(whole)]


@cache
def sample(name: str) -> PostMortem:
    return post_mortem(tidy(*fetch_all(open_sample(name))))


def gated(folder: Path) -> PostMortem:
    """A report with a verdict: met, not met, not to be known and off."""
    (folder / "aftersweep.toml").write_text(RULES)
    return with_verdict(post_mortem(tidy(*example_sweep())), rules_asked(None, folder, ["one"]))


def test_the_schema_is_that_of_the_types() -> None:
    """A field that comes, goes or changes its type needs the schema made again: python tools/make_schema.py."""
    command = [sys.executable, str(ROOT / "tools" / "make_schema.py"), "--print"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    assert made.stdout == text()


def test_the_schema_is_one() -> None:
    """Valid 2020-12, every reference leads somewhere, every definition is used, and its version is the report's."""
    Draft202012Validator.check_schema(SCHEMA)
    used = set(re.findall(r'"#/\$defs/([^"]+)"', text()))
    assert used == set(SCHEMA["$defs"])
    assert (
        SCHEMA["$id"].rpartition(":")[2] == str(SCHEMA_VERSION) == str(SCHEMA["properties"]["schema_version"]["const"])
    )


@pytest.mark.parametrize("name", sample_names())
def test_the_samples_are_of_the_schema(name: str) -> None:
    """What is bundled, whole."""
    assert wrong(sample(name)) == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_simulated_sweeps_are_of_the_schema(name: str) -> None:
    """A sweep of every world that the truth is tested on."""
    assert wrong(post_mortem(simulate(scenario(name, 50), 50, 7).sweep)) == []


def test_odd_sweeps_are_of_the_schema(tmp_path: Path) -> None:
    """No runs, hostile names, a gate, several sweeps pooled."""
    parts = [simulate(scenario("one of 2", 40), 40, seed).sweep for seed in (1, 2, 3)]
    named = [replace(part, id=f"sweep{i}", runs=_renamed(part.runs, i)) for i, part in enumerate(parts)]
    odd = {
        "empty": post_mortem(make_sweep([])),
        "hostile": hostile_result(),
        "gate": gated(tmp_path),
        "pooled": post_mortem(pool(named)),
    }
    assert {name: wrong(result) for name, result in odd.items()} == {name: [] for name in odd}
    assert odd["pooled"].pooled is not None
    assert odd["gate"].gate is not None


def _renamed(runs: Any, i: int) -> Any:
    return tuple(replace(run, id=f"{run.id}-{i}") for run in runs)


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.lists(st.integers(), max_size=2)
)
runs = st.lists(
    st.tuples(
        st.sampled_from(["finished", "crashed", "failed", "killed", "running", "preempted", ""]),
        st.lists(st.floats(), max_size=6),
        st.dictionaries(st.sampled_from(["lr", "model", "=x"]), values),
        st.booleans(),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=40)
@given(runs, st.sampled_from([None, HYPERBAND]))
def test_any_sweep_is_of_the_schema(described: list[Any], rule: dict[str, Any] | None) -> None:
    """Law: whatever was logged, NaN and infinities too."""
    made = [
        make_run(f"r{i}", logged, state=state, config=config, timed=timed)
        for i, (state, logged, config, timed) in enumerate(described)
    ]
    assert wrong(post_mortem(make_sweep(made, early_terminate=rule))) == []


def owned(schema: Any, value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of the objects in a report that have fixed fields, by the schema."""
    schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "anyOf" in schema:
        schema = schema["anyOf"][0]
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if isinstance(value, dict) and schema.get("additionalProperties") is False:
        yield path
        for name, inside in schema["properties"].items():
            yield from owned(inside, value[name], (*path, name))
    if isinstance(value, list) and value:
        yield from owned(schema.get("items") or {}, value[0], (*path, 0))


def test_a_report_of_another_shape_is_refused(tmp_path: Path) -> None:
    """In every object of ours: a field more, and any field less."""
    whole = json.loads(to_json(gated(tmp_path), "0"))
    paths = list(owned(SCHEMA, whole))
    assert len(paths) > 25
    assert {path[0] for path in paths if path} == set(SCHEMA["properties"]) - {
        "schema_version",
        "aftersweep",
        "provisional",
    }
    for path in paths:
        changed = copy.deepcopy(whole)
        place = changed
        for step in path:
            place = place[step]
        names = list(place)
        place["no such field"] = 1
        assert not VALIDATOR.is_valid(changed), path
        del place["no such field"]
        assert VALIDATOR.is_valid(changed), path
        for name in names if path else ["runs"]:
            kept = place.pop(name)
            assert not VALIDATOR.is_valid(changed), (path, name)
            place[name] = kept


def test_the_command_prints_the_schema(tmp_path: Path) -> None:
    """What is printed is what is shipped, and the page of the docs is the same file."""
    assert run("schema", cwd=tmp_path).stdout == text()
    assert (ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8") == text()


def test_the_docs_name_every_field_of_the_report() -> None:
    """docs/json.md has a row for each, and docs/csv.md one for each table."""
    rows = re.findall(r"^\| `(\w+)", (ROOT / "docs" / "json.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(rows) == set(SCHEMA["properties"])


def test_numbers_that_json_cannot_write_are_null() -> None:
    """An end of an interval that is infinite is null, as the schema allows, and every finite one is itself."""
    result = sample("4yfw48ad")
    assert result.ranking is not None
    written = json.loads(to_json(result, "0"))["results"]["ranking"]["levels"]
    ends = [point.median.low for level in result.ranking.levels for point in level.curve]
    assert -math.inf in ends
    found = [point["median"]["low"] for level in written for point in level["curve"]]
    assert found == [end if end is not None and math.isfinite(end) else None for end in ends]
