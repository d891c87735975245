"""Values of parameters: compared, hashed and shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

MISSING = "(not set)"


def is_number(value: Any) -> TypeGuard[int | float]:
    """True for an int or a float; a bool is not a number here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings under dotted names (``optimizer.lr``); an empty mapping stays a value."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def level(value: Any) -> Any:
    """A parameter's value as something that can be compared, hashed and shown.

    Text that is a number becomes it: YAML 1.1 reads 1e-3 as text, so a sweep file and its runs may differ in this.
    Whole floats become integers, lists and mappings become their JSON text; booleans stay apart from 0 and 1.
    """
    if isinstance(value, str):
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value.strip()):
            return value
        value = float(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float) and value != value:
        return "NaN"  # NaN equals nothing, not even itself
    if isinstance(value, (int, float)):
        return int(value) if float(value).is_integer() and abs(value) < 2**53 else value
    return json.dumps(value, sort_keys=True, default=str)


def same(a: Any, b: Any) -> bool:
    """Equal levels; True is not 1."""
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def show(value: Any) -> str:
    """A parameter's value as people write it: true, 0.001, 5e-05."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "null" if value is None else str(value)
