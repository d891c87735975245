"""Cells of a CSV file to values and back.

A cell that cannot be told from another value as bare text is written as JSON text in double quotes: the word "12",
"true" or "NaN", and words that a spreadsheet would run as a formula.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime

from .base import Json

_INTEGER = re.compile(r"[+-]?[0-9]{1,300}")  # longer ones are text: int() of them takes quadratic time
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NONFINITE = {"nan": math.nan, "infinity": math.inf, "-infinity": -math.inf, "inf": math.inf, "-inf": -math.inf}
_LITERALS = {"true": True, "false": False, "null": None}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_DURATION = re.compile(r"(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+(?:\.\d+)?)s)?")
_MILLISECONDS = 1e11
"""A time since 1970 above this is in milliseconds: in seconds it would be the year 5138."""


def read_cell(text: str, *, metric: bool) -> Json:
    """The value of a cell that is not blank; NaN and Infinity are numbers in a metric and text in a parameter."""
    word = text.strip()
    folded = word.casefold()
    if folded in _LITERALS:
        return _LITERALS[folded]
    if _INTEGER.fullmatch(word):
        return int(word)
    if _FLOAT.fullmatch(word):
        return float(word)
    if metric and folded in _NONFINITE:
        return _NONFINITE[folded]
    if word.startswith(('"', "[", "{")):
        try:
            return json.loads(word)
        except (ValueError, RecursionError):
            return text
    return text


def read_text(text: str) -> str:
    """A cell that is text whatever it looks like; the quotes of ``write_cell`` are taken off."""
    if len(text) > 1 and text.startswith('"'):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text
        return value if isinstance(value, str) else text
    return text


def write_cell(value: Json, *, metric: bool = False) -> str:
    """The cell that ``read_cell`` reads as this value.

    Infinities and NaN in a parameter are written bare too, and read back as text: CSV cannot tell them apart.
    """
    if isinstance(value, str):
        return write_text(value) if _is_plain(value, metric) else json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return json.dumps(value, ensure_ascii=False)


def _is_plain(text: str, metric: bool) -> bool:
    value = read_cell(text, metric=metric) if text.strip() else None
    return isinstance(value, str) and value == text


def write_text(text: str) -> str:
    """Text as it is, unless ``read_text`` or a spreadsheet would read it as something else."""
    if read_text(text) != text or text.startswith(_FORMULA):
        return json.dumps(text, ensure_ascii=False)
    return text


def read_time(text: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 time (UTC where it has no zone) or a number; None where it is neither."""
    word = text.strip()
    if _FLOAT.fullmatch(word):
        number = float(word)
        return number / 1000.0 if number > _MILLISECONDS else number
    try:
        moment = datetime.fromisoformat(word)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def write_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def read_duration(text: str) -> float | None:
    """Seconds, from a number of seconds or W&B's "1d 2h 3m 4s"; None where it is neither."""
    word = text.strip()
    if _FLOAT.fullmatch(word):
        return float(word)
    match = _DURATION.fullmatch(word)
    if match is None or not word:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return days * 86_400 + hours * 3600 + minutes * 60 + seconds
