"""When each run logged what, and when the stopping rule was true for it.

One ``Track`` a run: its finite values as costs (smaller is better) on a clock. The clock is seconds since 1970
where times are ``known``; ``coarse`` where some had to be interpolated between the run's start, its known times and
its end; where a run has no times at all (``missing``) it is the run's own iterations, 1, 2, 3, ...

One ``Board`` a band: its threshold after each arrival, in time order. Values without a time count from the start, so
a run without times is held against the final thresholds.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..sweepfile.hyperband import Hyperband, position
from ..types import Floats, Run

Times = Literal["known", "coarse", "missing"]


@dataclass(frozen=True)
class Track:
    """One run on its clock: ``costs`` and ``clock`` are [iterations]."""

    costs: Floats
    clock: Floats
    end: float
    times: Times

    @property
    def step(self) -> float:
        """The usual distance between two values on the clock; 0 where there are fewer than two."""
        return float(np.median(np.diff(self.clock))) if self.clock.size > 1 else 0.0


@dataclass(frozen=True)
class Board:
    """One band: the costs of all runs that reached it, and the threshold after each arrival; all [n], by time."""

    times: Floats
    thresholds: Floats
    costs: Floats

    @property
    def final(self) -> float:
        return float(self.thresholds[-1])

    def at(self, moments: Floats) -> Floats:
        """The threshold in force at each moment; infinite before the first arrival."""
        index = np.searchsorted(self.times, moments, side="right") - 1
        return np.where(index >= 0, self.thresholds[np.maximum(index, 0)], np.inf)


@dataclass(frozen=True)
class Pass:
    """A run that came to a band and was let through: the rule was false for it on arrival."""

    lasted: float
    """From its arrival to the next band, to its end, or until the rule turned true for it."""
    ended: bool
    """The run ended then, the rule still false."""
    seen: int
    """Runs that had come to the band before it."""
    better: float
    """Share of all the other runs that ever came to the band which were better there, 0 to 1."""


@dataclass(frozen=True)
class Spell:
    """The rule over one run's life. Durations are on the run's clock."""

    true_at_end: bool
    lasted: float
    """How long the rule had been true when the run ended; 0 where it was not."""
    true_for: float
    false_for: float
    """From the first value on: a run that never came to it is not known to have been at risk of the rule."""
    band: int | None
    threshold: float | None
    judged: float | None
    """What was held against the threshold at the end, as a cost, like ``threshold``."""
    passes: tuple[Pass, ...] = ()


def track(run: Run, sign: int) -> Track:
    """The run's finite values and their clock."""
    finite = np.isfinite(run.metric)
    costs = -sign * run.metric[finite]
    seconds, times = _seconds(run, run.metric_time[finite])
    if times == "missing":
        return Track(costs, np.arange(1.0, costs.size + 1.0), costs.size + 0.5, times)
    seconds = np.maximum.accumulate(seconds)  # a resumed run may start again: time itself does not
    last = float(seconds[-1])
    end = _end(run)
    return Track(costs, seconds, last if end is None else max(end, last), times if end is not None else "coarse")


def _end(run: Run) -> float | None:
    if run.ended_at is not None:
        return run.ended_at
    return run.created_at + run.runtime_s if run.created_at is not None and run.runtime_s is not None else None


def _seconds(run: Run, seconds: Floats) -> tuple[Floats, Times]:
    """Times of the values, the unknown ones interpolated over the run's life."""
    known = np.isfinite(seconds)
    if seconds.size and known.all():
        return seconds, "known"
    end = _end(run)
    anchors: dict[float, float] = {float(index): float(seconds[index]) for index in np.flatnonzero(known)}
    if run.created_at is not None:
        anchors.setdefault(-1.0, run.created_at)
    if end is not None:
        anchors.setdefault(seconds.size - 0.5, end)  # it ended somewhere in the step after its last value
    if not seconds.size or len(anchors) < 2:
        return seconds, "missing"
    places = sorted(anchors)
    return np.interp(np.arange(seconds.size), places, [anchors[place] for place in places]), "coarse"


def boards(tracks: Sequence[Track], rule: Hyperband) -> dict[int, Board]:
    """The bands that any run reached. Near-linear: one sorted insertion an arrival."""
    found: dict[int, Board] = {}
    for band in rule.bands:
        arrivals = [
            (-np.inf if t.times == "missing" else float(t.clock[band - 1]), float(t.costs[band - 1]))
            for t in tracks
            if t.costs.size >= band
        ]
        if not arrivals:
            break
        arrivals.sort()
        ordered: list[float] = []
        thresholds = np.empty(len(arrivals))
        for index, (_, cost) in enumerate(arrivals):
            insort(ordered, cost)
            thresholds[index] = ordered[position(index + 1, rule.eta)]
        found[band] = Board(np.array([time for time, _ in arrivals]), thresholds, np.array(ordered))
    return found


def spell(run: Track, rule: Hyperband, by_band: Mapping[int, Board]) -> Spell:
    """When the rule was true for one run, judged anew at every value that any run logged."""
    reached = [band for band in rule.bands if band <= run.costs.size]
    life = run.end - float(run.clock[0]) if run.clock.size else 0.0
    if not reached:
        return Spell(False, 0.0, 0.0, life, None, None, None)
    best = np.minimum.accumulate(run.costs)
    ends: list[int | None] = [*reached[1:], None]
    parts = [
        _judge(run, rule, by_band[band], best, band, following) for band, following in zip(reached, ends, strict=True)
    ]
    passes = [
        _pass(run, by_band[band], following, *part) for band, following, part in zip(reached, ends, parts, strict=True)
    ]
    moments, judged, limits = (np.concatenate(column) for column in zip(*parts, strict=True))
    true = judged > limits
    lengths = np.diff(np.append(moments, run.end))
    true_for = float(lengths[true].sum())
    false_at = np.flatnonzero(~true)
    since = moments[false_at[-1] + 1] if false_at.size and true[-1] else moments[0]
    return Spell(
        true_at_end=bool(true[-1]),
        lasted=float(run.end - since) if true[-1] else 0.0,
        true_for=true_for,
        false_for=max(life - true_for, 0.0),
        band=reached[-1],
        threshold=float(limits[-1]),
        judged=float(judged[-1]),
        passes=tuple(found for found in passes if found is not None),
    )


def _pass(
    run: Track, board: Board, following: int | None, moments: Floats, judged: Floats, limits: Floats
) -> Pass | None:
    """The run at one band; None where the rule was true for it on arrival or times are missing."""
    true = judged > limits
    if run.times == "missing" or true[0]:
        return None
    arrived = float(moments[0])
    until = run.end if following is None else float(run.clock[following - 1])
    if true.any():
        until = float(moments[int(np.argmax(true))])
    others = board.costs.size - 1
    return Pass(
        lasted=until - arrived,
        ended=following is None and not true.any(),
        seen=int(np.searchsorted(board.times, arrived, side="right")) - 1,
        better=float(np.searchsorted(board.costs, judged[0], side="left")) / others if others else 0.0,
    )


def _judge(
    run: Track, rule: Hyperband, board: Board, best: Floats, band: int, following: int | None
) -> tuple[Floats, Floats, Floats]:
    """Moments between one band and the next at which anything changed, what was judged then, and the threshold."""
    own = run.clock[band - 1 : band] if rule.strict else run.clock[band - 1 : following and following - 1]
    if run.times == "missing":
        moments = own
        limits = np.full(own.size, board.final)
    else:
        until = run.end if following is None else float(run.clock[following - 1])
        inside = (board.times > own[0]) & ((board.times <= until) if following is None else (board.times < until))
        moments = np.unique(np.concatenate([own, board.times[inside]]))
        limits = board.at(moments)
    if rule.strict:
        return moments, np.full(moments.size, run.costs[band - 1]), limits
    latest = np.searchsorted(run.clock, moments, side="right") - 1
    return moments, best[latest], limits
