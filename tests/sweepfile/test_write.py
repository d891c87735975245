"""Written sweep files: read back as they were meant, whatever names and comments hold."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersweep.analysis.sweepfile.write import WIDTH, number, to_yaml

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)
CONFIG: dict[str, Any] = {
    "parameters": {"lr": {"values": [5e-4, 0.1]}, "size": {"values": [64, 128]}},
    "method": "bayes",
    "program": "train.py",
    "mine": 1,
}


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=5), st.text(), st.lists(st.text(), max_size=2))
def test_what_is_written_is_read_back_whatever_the_comments_hold(
    config: dict[str, Any], said: str, head: list[str]
) -> None:
    """PyYAML's safe_load, with which W&B reads sweep files, gives the configuration; a comment stays in its line."""
    comments: dict[tuple[str, ...], str] = {(key,): said for key in config}
    comments |= {(key, name): said for key, value in config.items() if isinstance(value, dict) for name in value}
    assert yaml.safe_load(to_yaml(config, comments, head)) == config


@pytest.mark.parametrize("value", [{1, 2}, b"xyz" * 40, [b"x"], date(2025, 1, 2), [datetime(2025, 1, 2, 3, 4)], 10**40])
def test_what_only_yaml_can_say_is_read_back_too(value: Any) -> None:
    config = {"parameters": {"p": {"value": value}}}
    assert yaml.safe_load(to_yaml(config, {("parameters", "p", "value"): "x"})) == config


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_the_same_numbers_to_yaml_1_1(value: float) -> None:
    read = yaml.safe_load(number(value))
    assert isinstance(read, float) and read == value


@pytest.mark.parametrize(("value", "text"), [(5e-4, "5.0e-4"), (1e-5, "1.0e-5"), (0.5, "0.5"), (2.5e-3, "0.0025")])
def test_numbers_read_as_people_write_them(value: float, text: str) -> None:
    assert number(value) == text


def test_keys_are_in_the_order_of_the_documentation_and_levels_in_one_line() -> None:
    text = to_yaml(CONFIG, {("parameters", "size"): "was [32, 64, 128]; 32 is never the best [F3]"}, ["Follows abc."])
    assert text.splitlines() == [
        "# Follows abc.",
        "program: train.py",
        "method: bayes",
        "parameters:",
        "  lr:",
        "    values: [5.0e-4, 0.1]",
        "  size:  # was [32, 64, 128]; 32 is never the best [F3]",
        "    values: [64, 128]",
        "mine: 1",
    ]


def test_a_long_reason_stands_above_its_line() -> None:
    text = to_yaml(CONFIG, {("method",): "because " * 30})
    lines = text.splitlines()
    assert lines[lines.index("method: bayes") - 1].startswith("# because")
    assert max(map(len, lines)) <= WIDTH
