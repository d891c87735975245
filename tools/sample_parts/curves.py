"""Simulated validation curves under which the sweep's own rule explains as many of the published ends as it can.

At each band, in time order, a run that went on gets a value that the rule lets pass, and one that crashed there gets
a value that the rule stops, wherever a simple model of the accuracy gives such a value at least ``UNLIKELY``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import norm

from .timeline import Clash, Life

BANDS = (2, 6)
ETA = 3
UNLIKELY = 0.05
CEILING = 34.0
"""Percent; no unnamed run may be among the page's six best results."""
ARCH = {"resnet50": 15.0, "resnet34": 13.5, "vit_b_16": 11.5, "swin_tiny": 10.5, "swin_small": 8.5}
RATE = {0.001: 1.5, 0.0005: 1.0, 0.0001: -3.0}
HEAD = {"bottleneck_64": 1.0, "bottleneck_128": 0.0, "dual_layer": 0.0, "standard": -1.0}
SPREAD = 2.5


def expected(row: dict[str, Any]) -> float:
    """Mean accuracy (percent) at the first band in our simple model; the numbers are ours."""
    pretrained = 1.2 if row["use_pretrained"] else -1.2
    return ARCH[row["model_type"]] + RATE[row["max_lr"]] + HEAD[row["snr_layer_config"]] + pretrained


def draw_curves(lives: list[Life], best: dict[str, float], rng: np.random.Generator) -> None:
    """Fills ``values`` of all lives; ``best`` holds the published best of the named runs. Raises Clash."""
    at_band: dict[int, dict[int, float]] = {band: {} for band in BANDS}
    arrivals = sorted(
        (life.times[band - 1], band, i) for i, life in enumerate(lives) for band in BANDS if len(life.times) >= band
    )
    for time, band, i in arrivals:
        board = at_band[band]
        others = sorted(board.values(), reverse=True)
        place = (len(others) + 1) // ETA
        value = _first(lives[i], others, place, rng)
        if band == BANDS[1]:
            value = _second(lives[i], at_band[BANDS[0]][i], best, others, place, rng)
        board[i] = round(value, 4)
        _hold(lives, board, band, time, place, lives[i])
    for i, life in enumerate(lives):
        known = {band: values[i] for band, values in at_band.items() if i in values}
        life.values = [round(v, 4) for v in _fill(life, known, best.get(life.row["run"]), rng)]


def _first(life: Life, others: list[float], place: int, rng: np.random.Generator) -> float:
    mean, limit = expected(life.row), others[place] if len(others) > place else None
    if not (life.state == "crashed" and life.end == BANDS[0]):
        free = float(rng.normal(mean, SPREAD))
        return free if limit is None else max(free, limit + float(rng.uniform(0.2, 1.0)))
    share = 0.0 if limit is None else float(norm.cdf((limit - 0.3 - mean) / SPREAD))
    if share < UNLIKELY:  # the rule cannot explain this one
        return float(max(rng.normal(mean, SPREAD), 1.0))
    return max(mean + SPREAD * float(norm.ppf(share * rng.uniform(0.02, 1.0))), 1.0)


def _second(
    life: Life, first: float, best: dict[str, float], others: list[float], place: int, rng: np.random.Generator
) -> float:
    limit = others[place] if len(others) > place else None
    if life.stopped_at_band:
        if limit is None:
            raise Clash("the first run at a band cannot be stopped there")
        value = min(first * float(rng.uniform(1.2, 1.5)), limit - float(rng.uniform(0.3, 1.5)))
        if value <= first:
            raise Clash("it would have to get worse")
        return value
    if life.stopped_off_band:
        above = others[place - 1] if 0 < place <= len(others) else None
        if above is None or above - (limit or first) < 1.0:
            raise Clash("no room between the threshold and the next better run")
        return max(limit or first, first) + 0.3 * (above - max(limit or first, first))
    goal = best.get(life.row["run"])
    value = first * float(rng.uniform(1.6, 1.9)) if goal is None else goal * float(rng.uniform(0.7, 0.82))
    value = max(value, first + 2.0, -1.0 if limit is None else limit + float(rng.uniform(0.3, 1.0)))
    if value > (CEILING - 3 if goal is None else goal - 1.5):
        raise Clash("it would have to be better than was published")
    return value


def _hold(lives: list[Life], board: dict[int, float], band: int, time: float, place: int, new: Life) -> None:
    """Raises Clash where the new value makes the rule stop a run that went on, or spare the one to be pushed out."""
    following = {2: 6, 6: 10**9}[band]
    for i, value in board.items():
        life = lives[i]
        reached = life.times[following - 1] if len(life.times) >= following else np.inf
        if life is not new and not time < min(life.stop, reached):
            continue
        out = sum(other > value for other in board.values()) > place
        if life.stopped_off_band and band == BANDS[1]:
            if out != (life.pushed_out_by is new):
                raise Clash("pushed out at the wrong moment")
        elif out and not (life.state == "crashed" and life.end == band):
            raise Clash("a run that went on would have been stopped")


def _fill(life: Life, known: dict[int, float], best: float | None, rng: np.random.Generator) -> list[float]:
    """The whole curve through the values at the bands; the published best a little before the end."""
    if not life.times:
        return []
    anchors = {0: 0.4, **known}
    if best is not None:
        top = life.end - int(rng.integers(0, 2 if life.end <= 10 else 3))
        anchors[top] = best
    elif life.end not in anchors:
        last = max(anchors)
        growth = 1.02 if life.stopped_off_band else 1.0 + 0.06 * (life.end - last)
        anchors[life.end] = min(anchors[last] * growth, CEILING) if known else expected(life.row) * 0.55
    points = sorted(anchors)
    curve = {points[0]: anchors[points[0]]}
    for a, b in pairwise(points):
        low, high = anchors[a], anchors[b]
        for k in range(a + 1, b):
            share = ((k - a) / (b - a)) ** 0.7
            curve[k] = low + (high - low) * min(max(share - rng.uniform(0.0, 0.12), 0.05), 0.97)
        curve[b] = high
    for k in range(points[-1] + 1, life.end + 1):
        curve[k] = anchors[points[-1]] - float(rng.uniform(0.3, 1.5))
    return [float(curve[k]) for k in range(1, life.end + 1)]


def explained(lives: list[Life], *, strict: bool) -> list[Life]:
    """The runs for which the sweep's rule was true at their end, given all that was logged until then.

    strict: the value at the band is judged; otherwise the best so far. Own words of W&B's rule, not the library's,
    so that the two check each other.
    """
    found = []
    for life in lives:
        reached = [band for band in BANDS if band <= len(life.values)]
        if not reached:
            continue
        band = reached[-1]
        there = sorted(
            (o.values[band - 1] for o in lives if len(o.times) >= band and o.times[band - 1] <= life.stop), reverse=True
        )
        judged = life.values[band - 1] if strict else max(life.values)
        if judged < there[len(there) // ETA]:
            found.append(life)
    return found
