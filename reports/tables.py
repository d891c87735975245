"""The post-mortem as tables of rows and columns, for CSV and for DataFrames: one table for each question.

Every table is there for every sweep, empty where there is nothing to say, and its columns do not depend on the sweep:
but for ``runs``, which has one column ``config.NAME`` for each swept parameter. What the columns mean: docs/csv.md.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..analysis.results.postmortem import PostMortem
from ..analysis.results.risk import RiskFactor
from ..analysis.types import Estimate, Run
from ..analysis.values import show
from .following import rows as changed_lines
from .gate_output import document as gate_document
from .narrate import sentence

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """Rows of texts, numbers, booleans and None."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def tables(result: PostMortem) -> dict[str, Table]:
    """All tables by name, in the order of TABLES. Raises no error for a sweep without runs."""
    return {name: _table(columns, made(result), result) for name, (columns, made) in TABLES.items()}


def _table(columns: tuple[str, ...], rows: Iterable[Row], result: PostMortem) -> Table:
    whole = columns
    if columns[-1] == _PARAMETERS:
        whole = (*columns[:-1], *(f"config.{name}" for name in result.sweep.parameters))
    return Table(whole, tuple(rows))


_PARAMETERS = "config.*"


def _spread(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


def _ends(estimate: Estimate | None) -> Row:
    return (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


def _listed(texts: Iterable[str]) -> str | None:
    return "; ".join(texts) or None


def _config(run: Run, name: str) -> Any:
    """The run's own value: nothing where it had none, ``null`` where that is its value; lists as JSON."""
    if name not in run.config:
        return None
    value = run.config[name]
    if value is None:
        return show(value)
    return value if isinstance(value, (str, bool, int, float)) else json.dumps(value, sort_keys=True, default=str)


def _sweeps(result: PostMortem) -> Iterator[Row]:
    for sweep in result.sweep.parts or (result.sweep,):
        yield (
            sweep.id, sweep.entity, sweep.project, sweep.name, sweep.url, sweep.state, sweep.source_kind,
            sweep.source_target, result.metric.name, result.metric.goal, sweep.progress_unit, sweep.budget,
            sweep.config.method if sweep.config else None, len(sweep.runs),
            sum(result.outcomes[run.id].label == "running" for run in sweep.runs), len(sweep.excluded),
        )  # fmt: skip


def _runs(result: PostMortem) -> Iterator[Row]:
    part = {run.id: sweep.id for sweep in result.sweep.parts for run in sweep.runs}
    for run in result.sweep.runs:
        outcome = result.outcomes[run.id]
        yield (
            run.id, run.name, part.get(run.id, result.sweep.id), run.state, outcome.label, outcome.cause,
            outcome.probability, outcome.grade, *outcome.crash_probability, run.best, run.best_progress, run.progress,
            run.iterations, _moment(run.created_at), _moment(run.ended_at), run.runtime_s, run.host, run.gpu, run.agent,
            run.group, _listed(run.tags), run.exit_code, run.gpu_memory_peak,
            *(_config(run, name) for name in result.sweep.parameters),
        )  # fmt: skip


def _evidence(result: PostMortem) -> Iterator[Row]:
    for run in result.sweep.runs:
        for item in result.outcomes[run.id].evidence:
            yield run.id, item.kind, item.text, item.supports, item.cause, item.decisive, item.line


def _outcomes(result: PostMortem) -> Iterator[Row]:
    for state, counts in result.status.counts.items():
        for label, count in counts.items():
            yield state, label, count


def _findings(result: PostMortem) -> Iterator[Row]:
    for item in result.findings:
        unit, level = (item.estimate.unit, item.estimate.level) if item.estimate else (None, None)
        yield (
            item.id, item.kind, item.subject, item.supported, sentence(item), *_ends(item.estimate), unit, level,
            item.n, item.p, item.q, item.method, _listed(item.caveats), item.code,
        )  # fmt: skip


def _finding_runs(result: PostMortem) -> Iterator[Row]:
    return ((item.id, run) for item in result.findings for run in item.runs)


def _risk(result: PostMortem) -> Iterator[Row]:
    for family, judged in (("parameter", result.parameter_risks), ("circumstance", result.circumstances)):
        for item in judged:
            for one in item.contrasts:
                leads = item.leading is not None and item.leading.text == one.text
                whole = (item.p, item.q, item.called, *_ends(item.adjusted if leads else None))
                yield _contrast(family, item.parameter, one, leads, whole)
    for family, rows in (("pair", result.pairs.shown), ("claim", result.claims)):
        for one in rows:
            yield _contrast(family, one.parameter, one, False, (None,) * 6)


def _contrast(family: str, parameter: str | None, one: RiskFactor, leads: bool, whole: Row) -> Row:
    return (
        family, parameter, one.text, one.kind, leads, one.k_in, one.n_in, one.k_out, one.n_out, *_ends(one.effect),
        one.effect.unit, one.effect.level, one.z, one.p, one.q, *whole, one.stopped_in, one.recorded_in,
        one.recorded_n_in, one.recorded_out, one.recorded_n_out, one.recorded_p, one.method, _listed(one.caveats),
    )  # fmt: skip


def _levels(result: PostMortem) -> Iterator[Row]:
    for name, rows in result.levels.items():
        for row in rows:
            yield (
                name, row.label, len(row.runs), row.eligible, row.completed, row.early_stopped, row.recorded_crashed,
                *_ends(row.crash_low), *_ends(row.crash_high), *_ends(row.mean_progress), row.best, row.best_run,
            )  # fmt: skip


def _architectures(result: PostMortem) -> Iterator[Row]:
    ranks = {row.label: row for row in result.ranking.levels} if result.ranking else {}
    for row in result.groups:
        rank = ranks.get(row.label)
        ranked = (rank.tries, rank.without_result, rank.compared, rank.chance) if rank else (None,) * 4
        yield (
            row.parameter, row.label, len(row.runs), row.eligible, row.completed, row.early_stopped,
            row.recorded_crashed, *_ends(row.crash_low), *_ends(row.crash_high), *_ends(row.mean_progress), row.best,
            row.best_run, *ranked,
        )  # fmt: skip


def _best_of_k(result: PostMortem) -> Iterator[Row]:
    for row in result.ranking.levels if result.ranking else ():
        for point in row.curve:
            yield row.label, point.k, *_ends(point.median), point.expected, point.none


def _importance(result: PostMortem) -> Iterator[Row]:
    for of in (result.importance.metric, result.importance.crash) if result.importance else ():
        for one in of.shares:
            ends = (*_ends(one.fanova), *_ends(one.ped_anova), one.first)
            yield of.target, one.parameter, *ends, *_ends(of.r2), of.p, of.n, one.parameter == of.leading


def _progress(result: PostMortem) -> Iterator[Row]:
    for row in result.progress:
        for label, count in row.outcomes.items():
            yield row.progress, row.band, label, count


def _hazard(result: PostMortem) -> Iterator[Row]:
    for row in result.survival.rows if result.survival else ():
        yield (
            row.start, row.end, row.band, row.before_first, row.at_risk, row.exposure, row.crashes, row.crashes_high,
            row.stopped, *_ends(row.hazard), *_ends(row.incidence),
        )  # fmt: skip


def _incidence(result: PostMortem) -> Iterator[Row]:
    if result.survival is None:
        return
    for end in result.survival.ends:
        for at, value, low, high in zip(result.survival.at, end.value, end.low, end.high, strict=True):
            yield end.end, at, value, low, high


def _causes(result: PostMortem) -> Iterator[Row]:
    return ((row.cause, len(row.runs), row.example_run, row.example) for row in result.causes)


def _pooled(result: PostMortem) -> Iterator[Row]:
    for row in result.pooled.levels if result.pooled else ():
        whole = (*_ends(row.mean), row.mean.unit, row.p, row.q, row.differ_p, row.differ_q, row.i2)
        for one in row.sweeps:
            own = (one.sweep, one.n_in, one.n_out, one.k_in, one.k_out, *_ends(one.own), *_ends(one.shrunk))
            yield row.question, row.parameter, row.text, *whole, *own


def _next_sweep(result: PostMortem) -> Iterator[Row]:
    for row in changed_lines(result.following) if result.following else ():
        yield row.line, row.action, row.old, row.new, row.why, _listed(row.findings)


def _gate(result: PostMortem) -> Iterator[Row]:
    for rule in gate_document(result.gate)["rules"] if result.gate else ():
        found, asked = rule["found"] or {}, rule["expected"]
        yield (
            rule["rule"], rule["level"], rule["status"], asked["comparison"], asked["limit"], asked["unit"],
            found.get("value"), found.get("low"), found.get("high"), rule["n"], rule["finding"], rule["text"],
        )  # fmt: skip


_COUNTS = (
    "runs", "eligible", "completed", "early_stopped", "recorded_crashed", *_spread("crash_rate_least"),
    *_spread("crash_rate_most"), *_spread("mean_progress"), "best", "best_run",
)  # fmt: skip

TABLES: Mapping[str, tuple[tuple[str, ...], Callable[[PostMortem], Iterable[Row]]]] = {
    "sweeps": (
        ("id", "entity", "project", "name", "url", "state", "source", "target", "metric", "goal", "progress_unit",
         "budget", "method", "runs", "running", "excluded"), _sweeps),
    "runs": (
        ("id", "name", "sweep", "state", "outcome", "cause", "probability", "grade", "crash_probability_low",
         "crash_probability_high", "best", "best_progress", "progress", "iterations", "created_at", "ended_at",
         "runtime_s", "host", "gpu", "agent", "group", "tags", "exit_code", "gpu_memory_peak", _PARAMETERS), _runs),
    "evidence": (("run", "kind", "text", "supports", "cause", "decisive", "line"), _evidence),
    "outcomes": (("state", "outcome", "runs"), _outcomes),
    "findings": (
        ("id", "kind", "subject", "supported", "text", *_spread("value"), "unit", "level", "n", "p", "q", "method",
         "caveats", "code"), _findings),
    "finding_runs": (("finding", "run"), _finding_runs),
    "risk": (
        ("family", "parameter", "setting", "kind", "leading", "crashed", "runs", "crashed_others", "runs_others",
         *_spread("effect"), "unit", "level", "z", "p", "q", "parameter_p", "parameter_q", "called",
         *_spread("adjusted"), "stopped", "recorded", "recorded_of", "recorded_others", "recorded_others_of",
         "recorded_p", "method", "caveats"), _risk),
    "levels": (("parameter", "level", *_COUNTS), _levels),
    "architectures": (
        ("parameter", "level", *_COUNTS, "tries", "without_result", "compared", "chance_to_be_best"), _architectures),
    "best_of_k": (("level", "k", *_spread("median"), "mean", "none"), _best_of_k),
    "importance": (
        ("target", "parameter", *_spread("fanova"), *_spread("ped_anova"), "first", *_spread("r2"), "p", "n",
         "leading"), _importance),
    "progress": (("progress", "band", "outcome", "runs"), _progress),
    "hazard": (
        ("start", "end", "band", "before_first", "at_risk", "exposure", "crashes", "crashes_high", "stopped",
         *_spread("hazard"), *_spread("incidence")), _hazard),
    "incidence": (("outcome", "progress", *_spread("share")), _incidence),
    "causes": (("cause", "runs", "example_run", "example"), _causes),
    "pooled": (
        ("question", "parameter", "setting", *_spread("mean"), "unit", "p", "q", "differ_p", "differ_q", "i2",
         "sweep", "n_in", "n_out", "k_in", "k_out", *_spread("own"), *_spread("shrunk")), _pooled),
    "next_sweep": (("line", "action", "old", "new", "why", "findings"), _next_sweep),
    "gate": (
        ("rule", "level", "status", "comparison", "limit", "unit", *_spread("found"), "n", "finding", "text"), _gate),
}  # fmt: skip
"""Name, columns and rows of each table."""
