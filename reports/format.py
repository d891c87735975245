"""Numbers and names as people write them."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..analysis.types import Estimate

OUTCOME_WORDS = {
    "completed": "completed",
    "early_stopped": "stopped by the sweep's rule",
    "stopped_by_user": "stopped by the user",
    "crashed": "crashed",
    "never_started": "never started",
    "running": "still running",
    "unknown": "unknown",
}
CAUSE_WORDS = {
    "out_of_memory": "out of memory",
    "diverged": "diverged",
    "code_error": "code error",
    "infrastructure": "infrastructure",
    "preempted": "preempted",
    "unknown": "unknown",
}
NONE = "–"


def number(value: float | int | None, digits: int = 4) -> str:
    """Up to ``digits`` significant digits, whole numbers whole: 48.65, 0.0012, 12."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(int(value))
    return f"{value:.0f}" if 10**digits <= abs(value) < 1e15 else f"{value:.{digits}g}"


def chances(expected: float) -> str:
    """Crash chances summed over runs, to a tenth: 3, 0.8, 0."""
    return number(round(expected, 1))


def percent(share: float | None) -> str:
    """A share as a percentage: 84 %, 2.5 %, 99.6 %; decimals only near the ends, 0 and 100 % only where it is so."""
    if share is None:
        return NONE
    value = 100 * share
    if 0 < value < 0.05:
        return "<0.1 %"
    if 99.95 <= value < 100:
        return ">99.9 %"
    text = f"{value:.0f}" if 9.5 <= value <= 99 else f"{value:.1f}".removesuffix(".0")
    return f"{text} %"


def p_value(p: float | None) -> str:
    """``p`` as it is usually printed: 0.014, 0.62, < 0.001."""
    if p is None:
        return NONE
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def p_phrase(name: str, p: float | None) -> str:
    """``p = 0.014`` or ``p < 0.001``."""
    text = p_value(p)
    return f"{name} {text}" if text.startswith("<") else f"{name} = {text}"


def share_interval(estimate: Estimate) -> str:
    """``12 % (5 % to 24 %)``; the interval alone where the value is not known."""
    inside = interval(estimate, percent)
    if estimate.value is None:
        return inside or NONE
    return f"{percent(estimate.value)} ({inside})" if inside else percent(estimate.value)


def estimate_words(estimate: Estimate | None) -> str:
    """``0.81 (0.78 to 0.84)``; a dash where there is none."""
    if estimate is None:
        return NONE
    inside = interval(estimate)
    return f"{number(estimate.value)} ({inside})" if inside else number(estimate.value)


def ratio_interval(estimate: Estimate) -> str:
    """``2.1 (0.4 to 11)``; open ends as such."""
    if estimate.value is None and estimate.low is None and estimate.high is None:
        return NONE
    high = "∞" if estimate.high is None else number(estimate.high, 2)
    value = "∞" if estimate.value is None else number(estimate.value, 2)
    return f"{value} ({number(estimate.low, 2)} to {high})"


def interval(estimate: Estimate, write: Any = number) -> str:
    """``5 % to 24 %``; empty where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{write(estimate.low)} to {write(estimate.high)}"


def plural(n: float, word: str, many: str | None = None) -> str:
    """``1 run``, ``2 runs``."""
    return f"{number(n)} {word if n == 1 else many or word + 's'}"


def day(seconds: float | None) -> str:
    """A time as its UTC day."""
    return NONE if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d")


def moment(seconds: float | None) -> str:
    """A time in UTC to the minute."""
    return NONE if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def duration(seconds: float | None) -> str:
    """``2 h 05 min``, ``41 s``."""
    if seconds is None:
        return NONE
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def outcome_words(label: str, cause: str | None = None) -> str:
    """An outcome with its cause, where there is one that is known."""
    words = OUTCOME_WORDS[label]
    return f"{words}: {CAUSE_WORDS[cause]}" if cause and cause != "unknown" else words
