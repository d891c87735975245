"""Old against new search space: what the next sweep keeps, drops and adds of every parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...analysis.results.following import Following
from ...analysis.results.postmortem import PostMortem
from ...analysis.sweepfile.config import Parameter, read_config
from ...analysis.sweepfile.domains import Domain, read_domain
from ...analysis.values import is_number, level, show
from .. import format as fmt
from ..hostile import short
from ..words.following import spec_words
from .base import Drawing, plain
from .shared import LONGEST_TEXT, brief, spread, titled

MOST_DRAWN = 30
MOST_MARKS = 16
"""Levels of a parameter that are drawn."""
TEXT = 80
"""Letters of all levels of a parameter for which there is room side by side."""
CROWDED, LIFT = 36, "<br> "
"""Beyond so many letters every second name stands a line higher: a phone has no room for more."""
TAIL = 0.01
"""Of a distribution without ends, what is left out at each side."""
ABOVE, BELOW = -0.2, 0.2
"""The old space lies above a parameter's line, the new one below."""
OLD = {"symbol": "circle-open", "size": 11, "color": "role:soft", "line": {"width": 2, "color": "role:soft"}}
DROPPED = {"symbol": "x", "size": 10, "color": "role:crashed", "line": {"width": 0, "color": "role:crashed"}}
KEPT = {"symbol": "circle", "size": 11, "color": "role:accent", "line": {"width": 1, "color": "role:ink"}}
ADDED = {"symbol": "cross", "size": 12, "color": "role:completed", "line": {"width": 1, "color": "role:ink"}}
EXPLAINED = (
    "Of each parameter the upper marks are this sweep's, the lower ones the next sweep's. Levels are evenly spaced, "
    "numbers in their order; ranges lie on a scale of their own, logarithmic where they are declared so."
)


@dataclass(frozen=True, kw_only=True)
class _Mark:
    """One level, on the parameter's scale, 0 to 1."""

    place: float
    text: str
    old: bool
    new: bool


@dataclass(frozen=True, kw_only=True)
class _Bar:
    """One range; its ends on the parameter's scale, 0 to 1."""

    low: float
    high: float
    texts: tuple[str, str]
    old: bool


@dataclass(frozen=True, kw_only=True)
class _Row:
    name: str
    old: Domain | None
    new: Domain | None
    levels: tuple[Any, ...]
    """Of both spaces; of marks there may be fewer."""
    marks: tuple[_Mark, ...]
    bars: tuple[_Bar, ...]

    @property
    def changed(self) -> bool:
        return self.old is None or self.new is None or self.old.spec != self.new.spec


def draw(result: PostMortem) -> Drawing | None:
    """Levels as marks and ranges as bars; None where there is no next sweep, or nothing to choose in it."""
    after = result.following
    if after is None or result.sweep.config is None:
        return None
    rows = _rows(result.sweep.config.parameters, read_config(after.config).parameters)
    if not rows:
        return None
    shown = rows[:MOST_DRAWN]
    title, ids, said = _titled(result, after, rows)
    return Drawing(
        id="space",
        title=title,
        findings=ids,
        description=f"{_told(rows)} {said}".rstrip(),
        data=[trace for trace in _traces(shown) if trace["y"]],
        layout={
            "height": 130 + 58 * len(shown),
            "xaxis": {
                "title": {"text": "Values (each its own scale)"},
                "range": [-0.05, 1.05],
                "showticklabels": False,
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
            },
            "yaxis": {
                "title": {"text": "Parameter"},
                "tickvals": list(range(len(shown))),
                "ticktext": [plain(row.name, 26) for row in shown],
                "range": [len(shown) - 0.4, -0.6],
                "zeroline": False,
                "fixedrange": True,
            },
        },
        columns=("Parameter", "This sweep", "Next sweep", "Kept", "Dropped", "Added"),
        rows=[_table_row(row) for row in rows],
        notes=_notes(rows, shown),
    )


def _rows(old: Sequence[Parameter], new: Sequence[Parameter]) -> list[_Row]:
    """The parameters with something to choose in either space, those that change first; else in the file's order."""
    before, after = ({parameter.name: parameter for parameter in one} for one in (old, new))
    found = []
    for name in dict.fromkeys([*before, *after]):
        pair = [read_domain(one[name]) if name in one else None for one in (before, after)]
        if name not in before or name not in after or before[name].swept or after[name].swept:
            found.append(_row(name, *pair))
    return sorted(found, key=lambda row: not row.changed)


def _row(name: str, old: Domain | None, new: Domain | None) -> _Row:
    low, high, geometric = _scale([one for one in (old, new) if one is not None])
    bars = [
        _Bar(
            low=_place(ends[0], low, high, geometric=geometric),
            high=_place(ends[1], low, high, geometric=geometric),
            texts=(fmt.number(ends[0]), fmt.number(ends[1])),
            old=domain is old,
        )
        for domain in (old, new)
        if domain is not None and (ends := _ends(domain)) is not None
    ]
    known = list({_key(value): value for value in (*_levels(old), *_levels(new))}.values())
    if all(is_number(level(value)) for value in known):
        known.sort(key=lambda value: float(level(value)))
    picked = spread(len(known), MOST_MARKS)
    most = max(14, TEXT // max(1, len(picked)))
    before, after = _Holds(old), _Holds(new)
    lifted = sum(min(most, len(show(known[i]))) for i in picked) > CROWDED
    marks = [
        _Mark(
            place=_place(float(level(known[i])), low, high, geometric=geometric) if bars else (k + 0.5) / len(picked),
            text=plain(show(known[i]), most) + (LIFT if lifted and k % 2 else ""),
            old=before.has(known[i]),
            new=after.has(known[i]),
        )
        for k, i in enumerate(picked)
        if not bars or is_number(level(known[i]))
    ]
    return _Row(name=name, old=old, new=new, levels=tuple(known), marks=tuple(marks), bars=tuple(bars))


class _Holds:
    """Whether a value is in a space; by levels looked up, for there may be thousands."""

    def __init__(self, domain: Domain | None) -> None:
        self._domain = domain
        self._levels = {_key(value) for value in _levels(domain)}

    def has(self, value: Any) -> bool:
        if self._domain is None or self._domain.levels is not None:
            return _key(value) in self._levels
        return self._domain.contains(value)


def _levels(domain: Domain | None) -> tuple[Any, ...]:
    return () if domain is None or domain.levels is None else domain.levels


def _key(value: Any) -> Any:
    """Equal for the same level only: True is not 1."""
    return isinstance(level(value), bool), level(value)


def _ends(domain: Domain) -> tuple[float, float] | None:
    """The ends of a range that can be drawn; None for levels."""
    if domain.levels is not None or domain.low is None or domain.high is None:
        return None
    low, high = (float(domain.at(place)) for place in (TAIL, 1.0 - TAIL))
    return (
        domain.low if math.isfinite(domain.low) else low,
        domain.high if math.isfinite(domain.high) else high,
    )


def _scale(domains: Sequence[Domain]) -> tuple[float, float, bool]:
    """Lowest and highest number of both spaces, and whether the scale is logarithmic; 0 and 0 without ranges."""
    ends = [end for domain in domains for end in (_ends(domain) or ())]
    if not ends:
        return 0.0, 0.0, False
    numbers = [float(level(value)) for domain in domains for value in _levels(domain) if is_number(level(value))]
    low, high = min([*ends, *numbers]), max([*ends, *numbers])
    return low, high, any(domain.geometric for domain in domains) and low > 0


def _place(value: float, low: float, high: float, *, geometric: bool) -> float:
    if not low < high:
        return 0.5
    if geometric:
        return math.log(value / low) / math.log(high / low)
    return (value / 2 - low / 2) / (high / 2 - low / 2)


def _traces(rows: Sequence[_Row]) -> list[dict[str, Any]]:
    lists: dict[str, list[tuple[float, float, str]]] = {"old": [], "dropped": [], "kept": [], "added": []}
    for at, row in enumerate(rows):
        for mark in row.marks:
            kind = "kept" if mark.old and mark.new else "dropped" if mark.old else "added"
            if mark.old:
                lists["old"].append((mark.place, at + ABOVE, mark.text))
            lists[kind].append((mark.place, at + BELOW, mark.text))
    return [
        _bars("this sweep's range", rows, old=True),
        _bars("the next sweep's range", rows, old=False),
        _dots("this sweep", OLD, lists["old"], text=True),
        _dots("kept", KEPT, lists["kept"], text=False),
        _dots("dropped", DROPPED, lists["dropped"], text=False),
        _dots("added", ADDED, lists["added"], text=True),
    ]


def _dots(
    name: str, marker: Mapping[str, Any], points: Sequence[tuple[float, float, str]], *, text: bool
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers+text" if text else "markers",
        "name": name,
        "cliponaxis": False,
        "x": brief([x for x, _, _ in points]),
        "y": brief([y for _, y, _ in points]),
        "text": [words for _, _, words in points],
        "hovertext": [words.removesuffix(LIFT) for _, _, words in points],
        "textposition": "top center",
        "textfont": {"size": 10, "color": "role:ink"},
        "hovertemplate": f"%{{hovertext}}: {name}<extra></extra>",
        "marker": marker,
    }


def _bars(name: str, rows: Sequence[_Row], *, old: bool) -> dict[str, Any]:
    """Ranges as thick lines with their ends written at them, parted by gaps."""
    bars = [(at, bar) for at, row in enumerate(rows) for bar in row.bars if bar.old is old]
    offset = ABOVE if old else BELOW
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        "name": name,
        "cliponaxis": False,
        "x": brief([x for _, bar in bars for x in (bar.low, bar.high, None)]),
        "y": brief([y for at, _ in bars for y in (at + offset, at + offset, None)]),
        "text": [text for _, bar in bars for text in (*bar.texts, "")],
        "textposition": "top center",
        "textfont": {"size": 10, "color": "role:ink"},
        "hovertemplate": f"%{{text}}: end of {name}<extra></extra>",
        "line": {"width": 7, "color": "role:soft@0.6" if old else "role:accent", "dash": "solid"},
        "marker": {
            "symbol": "line-ns",
            "size": 12,
            "line": {"width": 2, "color": "role:soft" if old else "role:accent"},
        },
    }


def _titled(result: PostMortem, after: Following, rows: Sequence[_Row]) -> tuple[str, tuple[str, ...], str]:
    """The finding behind the changes where there is one only, or why nothing is narrowed; else what is shown."""
    reasons = {change.finding.id: change.finding.kind for change in after.changes if change.parameter}
    changed = sum(row.changed for row in rows)
    neutral = f"Search space of this sweep and of the next: {changed} of {fmt.plural(len(rows), 'parameter')} differ"
    said = titled(result, tuple(reasons.values()) if reasons else ("next_gate",), neutral)
    return said if not reasons or said[1] == tuple(reasons) else titled(result, (), neutral)


def _told(rows: Sequence[_Row]) -> str:
    changed = [row for row in rows if row.changed]
    told = [f"{row.name}: {_words(row.new)} instead of {_words(row.old)}" for row in changed[:8]]
    more = f"; {len(changed) - len(told)} more" if len(changed) > len(told) else ""
    same_all = "The next sweep has the same space as this one" if not changed else "; ".join(told) + more
    of = f"{len(changed)} of {fmt.plural(len(rows), 'parameter')} differ between this sweep and the next"
    return plain(f"{of}. {same_all}.", LONGEST_TEXT)


def _words(domain: Domain | None) -> str:
    if domain is None or domain.levels is None or "value" in domain.spec:
        return "not there" if domain is None else spec_words(domain.spec)
    return _some([show(value) for value in domain.levels])


def _some(texts: Sequence[str]) -> str:
    """The first of many levels, and how many more there are."""
    more = f" and {len(texts) - MOST_MARKS} more" if len(texts) > MOST_MARKS else ""
    return ", ".join(short(text) for text in texts[:MOST_MARKS]) + more


def _table_row(row: _Row) -> tuple[str, ...]:
    before, after = _Holds(row.old), _Holds(row.new)
    there = [(show(value), before.has(value), after.has(value)) for value in row.levels]
    kinds = ((True, True), (True, False), (False, True))
    changed = [_some([text for text, *ends in there if tuple(ends) == kind]) for kind in kinds]
    return plain(row.name, 80), *(plain(cell, LONGEST_TEXT) for cell in (_words(row.old), _words(row.new), *changed))


def _notes(rows: Sequence[_Row], shown: Sequence[_Row]) -> tuple[str, ...]:
    notes = [EXPLAINED]
    if len(shown) < len(rows):
        notes.append(f"{len(shown)} of {len(rows)} parameters are drawn, those that change first.")
    if any(len(row.marks) < len(row.levels) for row in shown):
        notes.append(f"Of many levels {MOST_MARKS} are drawn, evenly; the first and the last are among them.")
    endless = [row for row in shown for one in (row.old, row.new) if one is not None and _endless(one)]
    if endless:
        notes.append(f"Of distributions without ends the middle {fmt.percent(1 - 2 * TAIL)} is drawn.")
    return tuple(notes)


def _endless(domain: Domain) -> bool:
    ends = (domain.low, domain.high)
    return domain.levels is None and any(end is not None and not math.isfinite(end) for end in ends)
