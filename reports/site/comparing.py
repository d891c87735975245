"""What the page that compares two sweeps needs of each, in words: its script does not compute."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from .. import format as fmt
from ..charts import Whisker
from ..hostile import short, visible
from .lines import Line
from .rows import Row

RATE = "Adjudicated crash rate"


def comparable(rows: Sequence[Row]) -> Markup:
    """The sweeps as JSON for an inert script element: nothing in it can end the element."""
    sweeps = [
        {
            "id": row.place,
            "name": short(row.name),
            "label": row.line["label"],
            "href": row.href,
            "facts": _facts(row),
            "rate": RATE,
            "bar": _ends(row.bar),
            "outcomes": _outcomes(row.line),
            "spaces": {short(name): text for name, text in row.line["spaces"].items()},
        }
        for row in rows
    ]
    text = json.dumps(_shown(sweeps), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate({ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&"}))


def _shown(value: Any) -> Any:
    """Text as the templates show it, without control and direction characters."""
    if isinstance(value, dict):
        return {visible(name): _shown(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(item) for item in value]
    return visible(value) if isinstance(value, str) else value


def _facts(row: Row) -> list[tuple[str, str]]:
    line = row.line
    return [
        ("Project", row.project),
        ("Date", row.date),
        ("Runs", str(line["runs"])),
        ("Metric", f"{line['metric']}, {line['goal']}"),
        ("Best value", row.best),
        (RATE, row.rate),
        ("Runs that started and ended", str(line["rate"]["eligible"])),
        ("Search", line["method"] or "not known"),
        ("Stopping rule", line["rule"]),
        ("Gate", line["gate"]["words"] if line["gate"] else fmt.NONE),
    ]


def _outcomes(line: Line) -> list[tuple[str, str, int, str, float]]:
    """Key, words, count, share in words, percent; only those that runs had."""
    total = sum(line["outcomes"].values()) or 1
    return [
        (key, fmt.OUTCOME_WORDS[key], count, fmt.percent(count / total), round(100 * count / total, 2))
        for key, count in line["outcomes"].items()
        if count
    ]


def _ends(bar: Whisker | None) -> list[float | None] | None:
    """Start, width and dot, in percent."""
    if bar is None:
        return None
    return [None if of is None else round(of, 2) for of in (bar.start, bar.width, bar.dot)]
