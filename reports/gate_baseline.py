"""The gate's baseline: a small JSON file, to be committed, of what is accepted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from ..analysis.errors import UsageError
from ..analysis.results.gate import Accepted, Comparison
from .gate_rules import LARGEST

VERSION = 1


def baseline_text(accepted: Mapping[str, Accepted], sweep: str) -> str:
    """The file's text: the same for the same judgement."""
    rules = {key: asdict(one) for key, one in sorted(accepted.items())}
    return json.dumps({"version": VERSION, "written_for": sweep, "rules": rules}, indent=2) + "\n"


def read_baseline(path: Path) -> dict[str, Accepted]:
    """What the file accepts, by rule. Raises UsageError for a file that is not one, or is not there."""
    again = "write it again with --write-baseline"
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"--baseline {path}: there is no such file; --write-baseline makes it") from error
    except OSError as error:
        raise UsageError(f"--baseline {path}: it cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--baseline {path}: it is not JSON ({error}); {again}") from error
    if not isinstance(whole, dict) or not isinstance(whole.get("rules"), dict):
        raise UsageError(f"--baseline {path}: it is no baseline of aftersweep; {again}")
    if whole.get("version") != VERSION:
        raise UsageError(
            f"--baseline {path}: its version is not {VERSION}; use the aftersweep that wrote it, or {again}"
        )
    return {key: _entry(one, f"--baseline {path}: {key}", again) for key, one in whole["rules"].items()}


def _entry(one: Any, where: str, again: str) -> Accepted:
    if not isinstance(one, dict) or set(one) != {"status", "comparison", "unit", "value"}:
        raise UsageError(f"{where}: it must have a status, a comparison, a unit and a value; {again}")
    value = one["value"]
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST
    known = one["status"] in ("not_met", "unknown") and one["comparison"] in get_args(Comparison)
    if not known or not isinstance(one["unit"], str) or not (number or value is None):
        raise UsageError(f"{where}: it is not what --write-baseline writes; {again}")
    return Accepted(**one)
