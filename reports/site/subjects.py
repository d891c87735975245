"""What sweeps have in common: an architecture or a parameter, in each of them and over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...analysis.types import Estimate
from .. import format as fmt
from ..charts import whisker
from .lines import Level, Line, Said
from .pools import Effect, Pool
from .rows import Row, bar_of, newest, rate_words

RATIO_LOW, RATIO_HIGH = 0.05, 20.0
Found = list[tuple[str, str, Level]]
"""Key of the sweep, parameter, level."""


def architectures(lines: Mapping[str, Line]) -> dict[str, Found]:
    """Every level of the parameters by which architectures are told apart, and where it was run."""
    found: dict[str, Found] = {}
    for key, line in lines.items():
        by = line["group_by"]
        for level in line["parameters"].get(by, []) if by is not None else []:
            found.setdefault(level["label"], []).append((key, str(by), level))
    return dict(sorted(found.items()))


def parameters(lines: Mapping[str, Line]) -> dict[str, Found]:
    """Every swept parameter, and its levels in each sweep."""
    found: dict[str, Found] = {}
    for key, line in lines.items():
        for name, levels in line["parameters"].items():
            found.setdefault(name, []).extend((key, name, level) for level in levels)
    return dict(sorted(found.items()))


def level_rows(rows: Mapping[str, Row], found: Found) -> dict[str, Any]:
    """Rows of the table of every sweep, the newest first."""
    order = {row.href: i for i, row in enumerate(newest(rows))}
    shown = sorted(found, key=lambda item: order[rows[item[0]].href])
    keys = list(dict.fromkeys(key for key, _, _ in shown))
    return {
        "levels": [
            {
                "row": rows[key],
                "parameter": parameter,
                "level": level,
                "rate": rate_words(level["rate"]),
                "rate_sort": level["rate"]["low"][0],
                "bar": bar_of(level["rate"]),
                "best": fmt.number(level["best"]),
            }
            for key, parameter, level in shown
        ],
        "sweeps": len(keys),
    }


def risk_rows(rows: Mapping[str, Row], parameter: str) -> list[tuple[Row, Said]]:
    """What single sweeps found of a parameter and crashes."""
    return [(row, said) for row in newest(rows) for said in row.line["risks"].get(parameter, [])]


def pooled_rows(pools: Sequence[Pool], name: str, architecture: bool, found: Found) -> dict[str, Any]:
    """What the pools say of an architecture (a level) or of a parameter."""
    by = {parameter for _, parameter, _ in found}
    keys = {key for key, _, _ in found}
    shown = []
    for pool in pools:
        if not keys & set(pool["members"]):
            continue
        effects = [
            effect
            for effect in pool["effects"]
            if effect["parameter"] in by and (not architecture or effect["label"] == name)
        ]
        said = [
            item
            for parameter in sorted(by)
            for item in pool["said"].get(parameter, [])
            if not architecture or item["subject"] == f"{parameter} = {name}"
        ]
        if effects or said:
            shown.append({"pool": pool, "rows": [_effect(effect, pool) for effect in effects], "said": said})
    return {"pooled": shown}


def _effect(effect: Effect, pool: Pool) -> dict[str, Any]:
    crash = effect["question"] == "crash"
    value, low, high = effect["mean"]
    mean = Estimate(value=value, low=low, high=high, level=effect["level"], unit=effect["unit"])
    level = "" if effect["level"] == 0.95 else f" at {fmt.percent(effect['level'])}"
    inside = fmt.interval(mean, lambda end: fmt.number(end, 2))
    return {
        "label": effect["label"],
        "question": f"crashes ({effect['unit']})" if crash else f"{pool['metric']} (difference)",
        "mean": (fmt.ratio_interval(mean) if crash else f"{fmt.number(value, 2)} ({inside})") + level,
        "bar": whisker(mean, low=RATIO_LOW, high=RATIO_HIGH, log=True) if crash else None,
        "q": fmt.p_value(effect["q"]),
        "spread": ("× " if crash else "± ") + fmt.number(effect["spread"], 2),
        "sweeps": effect["sweeps"],
    }
