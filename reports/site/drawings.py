"""The site's small drawings: values to coordinates. No statistics, no markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..format import day, number, percent

SPARK_WIDTH, SPARK_HEIGHT, EDGE = 110.0, 26.0, 3.0
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 380.0, 150.0, 56.0, 10.0, 10.0, 24.0


@dataclass(frozen=True, kw_only=True)
class Spark:
    """A curve as a polyline, its last point, and what it shows in words."""

    points: str
    x: float
    y: float
    words: str


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One sweep in a chart over time; ``low`` and ``high`` are the ends of its interval, where it has one."""

    x: float
    y: float | None
    low: float | None
    high: float | None
    title: str


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A chart over time; a tick is its label and its place."""

    title: str
    words: str
    marks: tuple[Mark, ...]
    line: str
    x_ticks: tuple[tuple[str, float, str], ...]
    y_ticks: tuple[tuple[str, float], ...]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    bottom: float = HEIGHT - BOTTOM


@dataclass(frozen=True, kw_only=True)
class Dated:
    """What one sweep brings to a chart: when, its name, its value, and the interval."""

    at: float
    label: str
    value: float | None
    low: float | None = None
    high: float | None = None


def spark(curve: Sequence[float], metric: str) -> Spark | None:
    """The best value so far over the runs; None where there is none."""
    if not curve:
        return None
    bottom, top = min(curve), max(curve)
    step = (SPARK_WIDTH - 2 * EDGE) / max(len(curve) - 1, 1)
    places = [(EDGE + step * i, _place(value, bottom, top, SPARK_HEIGHT - EDGE, EDGE)) for i, value in enumerate(curve)]
    words = f"Best {metric} over the runs, from {number(curve[0])} to {number(curve[-1])}"
    return Spark(points=_points(places), x=round(places[-1][0], 1), y=round(places[-1][1], 1), words=words)


def trend(title: str, dated: Sequence[Dated], *, share: bool = False) -> Trend:
    """A chart of at least one sweep; a share has the axis from 0 to 1."""
    write = percent if share else number
    ordered = sorted(dated, key=lambda item: (item.at, item.label))
    ends = [value for item in ordered for value in (item.value, item.low, item.high) if value is not None] or [0.0]
    bottom, top = (0.0, 1.0) if share else (min(ends), max(ends))
    first, last = ordered[0].at, ordered[-1].at

    def y(value: float | None) -> float | None:
        return None if value is None else round(_place(value, bottom, top, HEIGHT - BOTTOM, TOP), 1)

    def x(at: float) -> float:
        return round(_place(at, first, last, LEFT + 8, WIDTH - RIGHT - 8), 1)

    marks = tuple(
        Mark(
            x=x(item.at),
            y=y(item.value),
            low=y(item.low),
            high=y(item.high),
            title=f"{item.label}, {day(item.at)}: {_told(item, write)}",
        )
        for item in ordered
    )
    span = day(first) if day(first) == day(last) else f"{day(first)} to {day(last)}"
    return Trend(
        title=title,
        words=f"{title} of {len(ordered)} sweeps, {span}; the values stand in the table of all sweeps",
        marks=marks,
        line=_points([(mark.x, mark.y) for mark in marks if mark.y is not None]),
        x_ticks=_x_ticks(first, last, x),
        y_ticks=tuple((write(value), y(value) or 0.0) for value in dict.fromkeys((bottom, top))),
    )


def _x_ticks(first: float, last: float, x: object) -> tuple[tuple[str, float, str], ...]:
    assert callable(x)
    if day(first) == day(last):
        return ((day(first), (LEFT + WIDTH - RIGHT) / 2, "middle"),)
    return ((day(first), x(first), "start"), (day(last), x(last), "end"))


def _told(item: Dated, write: object) -> str:
    assert callable(write)
    value = "" if item.value is None else write(item.value)
    inside = "" if item.low is None or item.high is None else f"{write(item.low)} to {write(item.high)}"
    return f"{value} ({inside})" if value and inside else value or inside or "not known"


def _place(value: float, low: float, high: float, start: float, end: float) -> float:
    """Where a value lies between ``start`` (for low) and ``end``; in the middle where all are one."""
    return (start + end) / 2 if high <= low else start + (end - start) * (value - low) / (high - low)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
