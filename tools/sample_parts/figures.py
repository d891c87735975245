"""The published figures as statements about a table of runs, in their order of precedence.

A run is a row with the swept settings, ``state`` and ``end`` (epochs logged). A figure is one of three statements:
a count, a share in per cent, or a mean number of epochs; or an order of two crash rates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Where = Mapping[str, Any]
LATER = tuple(range(8, 15))
"""Ends that the page's crash table calls "later"; 14 is our bound, the page gives none."""


@dataclass(frozen=True)
class Count:
    """``n`` runs fulfil ``where``."""

    where: Where
    n: int
    at_least: bool = False


@dataclass(frozen=True)
class Share:
    """Of the runs ``of``, ``percent`` per cent (rounded) also fulfil ``have``."""

    of: Where
    have: Where
    percent: int


@dataclass(frozen=True)
class Mean:
    """The runs ``where`` logged ``epochs`` epochs on average (rounded to one decimal)."""

    where: Where
    epochs: float


@dataclass(frozen=True)
class Higher:
    """The share of crashed runs is higher in ``where`` than in ``than``."""

    where: Where
    than: Where


@dataclass(frozen=True)
class Figure:
    """One published figure: its id, the page's words, what it states."""

    id: str
    says: str
    statement: Count | Share | Mean | Higher


def fulfils(row: Where, where: Where) -> bool:
    """True where every setting of ``where`` (a value or a list of values) is that of the row."""
    return all(row[k] in v if isinstance(v, list | tuple) else row[k] == v for k, v in where.items())


def rounded(share: Fraction) -> int:
    """Per cent, halves rounded up, as the page does (14 of 16 is 88 %)."""
    return math.floor(share * 100 + Fraction(1, 2))


def rounded_epochs(total: int, runs: int) -> float:
    """Mean epochs with one decimal, halves rounded up."""
    return math.floor(Fraction(total * 10, runs) + Fraction(1, 2)) / 10


def figures(published: Where) -> list[Figure]:
    """All figures about settings, states and ends, in the order in which they are kept or dropped.

    The architecture table comes first, because it is the only part of the page that agrees with its own total; then
    what is said of single runs; then counts, crash rates, ends and states; means, words and percentages last.
    """
    return [
        Figure("total", f"{published['total_runs']} runs", Count({}, published["total_runs"])),
        *_architectures(published),
        *_named(published),
        *_counts(published),
        *_crash_epochs(published),
        *_states(published),
        *_risks(published),
        *_means(published),
        *_words(published),
        *_percentages(published),
    ]


def _architectures(published: Where) -> Iterator[Figure]:
    for name, row in published["architectures"].items():
        arch = {"model_type": name}
        yield Figure(f"architectures.{name}.runs", f"{name}: {row['runs']} runs", Count(arch, row["runs"]))
        finished = Count({**arch, "state": "finished"}, row["finished"])
        yield Figure(f"architectures.{name}.finished", f"{name}: {row['finished']} finished", finished)
        share = Share(arch, {"state": "crashed"}, row["crashed_percent"])
        yield Figure(f"architectures.{name}.crashed", f"{name}: {row['crashed_percent']} % crashed", share)


def _named(published: Where) -> Iterator[Figure]:
    for row in published["best_results"]:
        where = {"model_type": row["model_type"], "state": row["state"], "end": row["epochs"]}
        says = f"{row['run']}: {row['model_type']}, {row['state']} at epoch {row['epochs']}"
        yield Figure(f"best_results.{row['run']}", says, Count(where, 1))
        config = dict(published["best_configurations"].get(row["run"], {}))
        if config:
            says = f"{row['run']}: " + ", ".join(f"{k} {v}" for k, v in config.items())
            settled = {k: v for k, v in config.items() if k not in ("model_type", "warmup_epochs")}
            yield Figure(f"best_configurations.{row['run']}", says, Count({"run": row["run"], **settled}, 1))


def _counts(published: Where) -> Iterator[Figure]:
    for key, rows in published["counts"].items():
        for row in rows:
            where = {key: row["value"]}
            yield Figure(
                f"counts.{key}.{row['value']}", f"{key} {row['value']}: {row['runs']} runs", Count(where, row["runs"])
            )
    for key, rows in published["counts"].items():
        for row in rows:
            if "crashed_percent" in row:
                share = Share({key: row["value"]}, {"state": "crashed"}, row["crashed_percent"])
                says = f"{key} {row['value']}: {row['crashed_percent']} % crashed"
                yield Figure(f"counts.{key}.{row['value']}.crashed", says, share)


def _end(epoch: int | str) -> Where:
    return {"end": LATER if epoch == "later" else epoch}


def _when(epoch: int | str) -> str:
    return "after epoch 7" if epoch == "later" else f"at epoch {epoch}"


def _crash_epochs(published: Where) -> Iterator[Figure]:
    for row in published["crash_epochs"]:
        where = {"state": "crashed", **_end(row["epoch"])}
        says = f"crashed {_when(row['epoch'])}: {row['runs']} runs"
        yield Figure(f"crash.{row['epoch']}", says, Count(where, row["runs"]))


def _states(published: Where) -> Iterator[Figure]:
    for state in ("finished", "killed", "running", "failed", "crashed"):
        n = published["states"][state]["runs"]
        yield Figure(f"states.{state}", f"{state}: {n} runs", Count({"state": state}, n))


def _risks(published: Where) -> Iterator[Figure]:
    for i, row in enumerate(published["risk_factors"], start=1):
        share = Share(row["where"], {"state": "crashed"}, row["crashed_percent"])
        yield Figure(f"risk_factors.{i}", row["text"], share)


def _means(published: Where) -> Iterator[Figure]:
    for name, row in published["architectures"].items():
        mean = Mean({"model_type": name}, row["mean_epochs"])
        yield Figure(f"architectures.{name}.mean_epochs", f"{name}: {row['mean_epochs']} epochs on average", mean)


def _words(published: Where) -> Iterator[Figure]:
    named = [row["run"] for row in published["best_results"]]
    for row in published["statements"]:
        ident = f"statements.{row['id']}"
        if "leading" in row:  # more than half of the six
            yield Figure(
                ident, row["says"], Count({**row["leading"], "named": True}, len(named) // 2 + 1, at_least=True)
            )
        elif "higher" in row:
            yield Figure(ident, row["says"], Higher(row["higher"], row["than"]))
        else:
            yield Figure(ident, row["says"], Share(row["of"], row["have"], row["percent"]))


def _percentages(published: Where) -> Iterator[Figure]:
    for state, row in published["states"].items():
        if "percent" in row:
            share = Share({}, {"state": state}, row["percent"])
            yield Figure(f"states.{state}.percent", f"{state}: {row['percent']} % of the runs", share)
    for key, rows in published["counts"].items():
        for row in rows:
            if "percent" in row:
                share = Share({}, {key: row["value"]}, row["percent"])
                yield Figure(f"counts.{key}.{row['value']}.percent", f"{key} {row['value']}: {row['percent']} %", share)
    for row in published["crash_epochs"]:
        share = Share({"state": "crashed"}, _end(row["epoch"]), row["percent"])
        says = f"crashed {_when(row['epoch'])}: {row['percent']} % of the crashed runs"
        yield Figure(f"crash.{row['epoch']}.percent", says, share)
