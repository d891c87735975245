"""PostMortem to what the templates lay out: rows, sentences, drawings. No statistics, no markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..analysis.choices import VALIDATION, goal_of
from ..analysis.results.postmortem import PostMortem
from ..analysis.results.tables import BestResult, LevelRow
from ..analysis.types import Estimate, Finding, Outcome, Run
from ..analysis.values import is_number, show
from . import format as fmt
from .charts import Part, Whisker, stack, whisker
from .hostile import short
from .narrate import SEARCH, sentence
from .run_details import certainty, packed
from .sections.configs import configurations, top_configuration
from .sections.following import following_section
from .sections.gate import gate_section
from .sections.importance import importance_section
from .sections.outlook import outlook_section
from .sections.pooling import pooling_section
from .sections.ranking import ranking_section
from .sections.risk import risk_section
from .sections.space import space_section
from .sections.survival import survival_section

KEY_KINDS = ("early_stopping", "crash_rate", "best")
"""The findings of the first screen, in this order."""
MOST_CHANGES = 5
"""Changed lines of the next sweep on the first screen."""
MOST_RUNS = 100
"""Runs that an evidence panel links to; the JSON report has them all."""
MOST_LISTED = 500
"""Runs of the table of all runs; a browser should open the page of any sweep at once."""
MOST_LEVELS = 12
"""Levels that the overview names of a parameter; numbers beyond are given as a range."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """A finding with its sentence and what its evidence panel shows."""

    finding: Finding
    text: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class ShownLevel:
    """A ``LevelRow`` ready to print."""

    row: LevelRow
    share: str
    crash: str
    bar: Whisker | None
    best: str
    progress: str


@dataclass(frozen=True, kw_only=True)
class ShownRun:
    """A run of the table of all runs."""

    run: Run
    outcome: Outcome
    words: str
    best: str
    certainty: str


def say(finding: Finding) -> Said:
    """The finding with its sentence and its evidence."""
    facts = [("Finding", finding.id), ("Method", finding.method), ("n", str(finding.n))]
    if finding.estimate is not None:
        facts.append(("Estimate", write(finding.estimate)))
    if finding.p is not None:
        facts.append(("p", fmt.p_value(finding.p)))
    if finding.q is not None:
        facts.append(("q", fmt.p_value(finding.q)))
    if finding.caveats:
        facts.append(("Caveats", "; ".join(finding.caveats)))
    facts.append(("Computed in", finding.code))
    return Said(finding=finding, text=sentence(finding), facts=tuple(facts))


def write(estimate: Estimate) -> str:
    """An estimate by its unit."""
    if estimate.unit == "share":
        return f"{fmt.share_interval(estimate)}, level {fmt.percent(estimate.level)}"
    if estimate.unit.endswith("ratio"):
        return f"{estimate.unit} {fmt.ratio_interval(estimate)}, level {fmt.percent(estimate.level)}"
    return f"{fmt.number(estimate.value)} {estimate.unit}".strip() + (
        f" ({fmt.interval(estimate)})" if fmt.interval(estimate) else ", no interval: a single value"
    )


def page(result: PostMortem, version: str, made_at: float) -> dict[str, Any]:
    """Everything that the report's templates use."""
    sweep = result.sweep
    said = {finding.id: say(finding) for finding in result.findings}
    by_kind: dict[str, list[Said]] = {}
    for item in said.values():
        by_kind.setdefault(item.finding.kind, []).append(item)
    advice = by_kind.get("recommendation", [])
    best, configs = [_best(result, item) for item in result.best], configurations(result)
    named = {item["run"].id for item in best} | {item.run.id for item in configs}
    runs = _listed(result, named | {row.example_run for row in result.causes if row.example_run})
    starts = [run.created_at for run in sweep.runs if run.created_at is not None]
    ends = [run.ended_at for run in sweep.runs if run.ended_at is not None]
    return {
        "result": result,
        "survival": survival_section(result),
        "ranking": ranking_section(result),
        "importance": importance_section(result),
        "space": space_section(result),
        "outlook": outlook_section(result),
        "following": following_section(result),
        "pooling": pooling_section(result),
        "gate": gate_section(result),
        "sweep": sweep,
        "title": sweep.name or sweep.id,
        "version": version,
        "made_at": fmt.moment(made_at),
        "dates": _dates(starts, ends),
        "by_kind": by_kind,
        "said": said,
        "provisional": by_kind.get("still_running", []),
        "headline": [item for kind in KEY_KINDS for item in by_kind.get(kind, [])],
        "key_findings": _key_findings(by_kind),
        "claims": [item for item in by_kind.get("risk_factor", []) if item.finding.facts["family"] == "claim"],
        "tested": [item for item in by_kind.get("risk_factor", []) if item.finding.facts["family"] == "parameter"],
        "recommendations": [a for a in advice if a.finding.facts["advice"] not in SEARCH],
        "future": [a for a in advice if a.finding.facts["advice"] in SEARCH],
        "state_bar": stack(result.status.states, {}),
        "outcome_bar": stack(result.status.outcomes, fmt.OUTCOME_WORDS),
        "status": _status(result),
        "best": best,
        "top": top_configuration(result),
        "most_changes": MOST_CHANGES,
        "none_word": fmt.NONE,
        "companions": _companions(result.best, result.metric.goal),
        "groups": [_level(row, result) for row in result.groups],
        "levels": {name: [_level(row, result) for row in rows] for name, rows in result.levels.items()},
        "progress": _progress(result),
        "judged": risk_section(result),
        "circumstances": [*by_kind.get("drift", []), *by_kind.get("broken_host", [])],
        "pairs": by_kind.get("interaction", []),
        "configs": configs,
        "run_details": Markup(packed(result, runs)),  # letters, digits, + / =
        "runs": [_run(run, result.outcomes[run.id]) for run in runs],
        # An id from a server is no anchor: it may hold anything.
        "anchors": {run.id: f"run-{i}" for i, run in enumerate(runs, 1)},
        "most_runs": MOST_RUNS,
        "words": fmt.OUTCOME_WORDS,
        "cause_words": fmt.CAUSE_WORDS,
        "parameters": [(name, _levels_in_words(levels)) for name, levels in sweep.parameters.items()],
    }


def _dates(starts: Sequence[float], ends: Sequence[float]) -> str:
    if not starts:
        return "not recorded"
    days = dict.fromkeys((fmt.day(min(starts)), fmt.day(max(ends or starts))))
    return " to ".join(days)


def _listed(result: PostMortem, named: Collection[str]) -> list[Run]:
    """At most MOST_LISTED runs in the sweep's order: those that a table names, and of each outcome equally many."""
    runs = result.sweep.runs
    if len(runs) <= MOST_LISTED:
        return list(runs)
    seen: Counter[str] = Counter()
    turn = {}
    for run in runs:
        label = result.outcomes[run.id].label
        turn[run.id] = (run.id not in named, seen[label])
        seen[label] += run.id not in named
    first = sorted(runs, key=lambda run: turn[run.id])[:MOST_LISTED]
    kept = {run.id for run in first}
    return [run for run in runs if run.id in kept]


def _levels_in_words(levels: Sequence[Any]) -> str:
    """``64, 128, 256``; many numbers as their range, many other values by the first of them and a count."""
    if len(levels) <= MOST_LEVELS:
        return ", ".join(short(show(level)) for level in levels)
    if all(is_number(level) for level in levels):
        return f"{show(min(levels))} to {show(max(levels))}, {len(levels)} values"
    return f"{', '.join(short(show(level)) for level in levels[:MOST_LEVELS])}, and {len(levels) - MOST_LEVELS} more"


def _key_findings(by_kind: Mapping[str, Sequence[Said]]) -> list[Said]:
    order = (
        "early_stopping",
        "ends_at_bands",
        "mixed_scale",
        "crash_rate",
        "causes",
        "best",
        "comparison",
        "risk_summary",
        "pooled_level",
        "pooled_heterogeneity",
        "drift",
        "broken_host",
        "best_chance",
        "importance",
        "space_edge",
        "more_runs",
        "warmup_judged",
        "silent_failure",
        "unknown_outcomes",
    )
    return [item for kind in order for item in by_kind.get(kind, [])]


def _status(result: PostMortem) -> list[dict[str, Any]]:
    table = result.status
    return [
        {
            "state": state or "(none)",
            "runs": count,
            "share": fmt.percent(count / table.total),
            "outcomes": [
                (label, fmt.OUTCOME_WORDS[label], table.counts[state][label])
                for label in table.outcomes
                if table.counts[state].get(label)
            ],
        }
        for state, count in table.states.items()
    ]


def _companions(best: Sequence[BestResult], goal: str) -> list[str]:
    """At most three companions that every listed run has: validation metrics first, those of the same goal first."""
    names = [n for n in (best[0].companions if best else {}) if all(n in item.companions for item in best)]
    names.sort(key=lambda n: (not VALIDATION.search(n.casefold()), goal_of(n) != goal))
    return names[:3]


def _best(result: PostMortem, item: BestResult) -> dict[str, Any]:
    return {
        "run": item.run,
        "level": None if item.level is None else show(item.level),
        "value": fmt.number(item.value),
        "companions": {name: fmt.number(value) for name, value in item.companions.items()},
        "ended": fmt.outcome_words(item.outcome.label, item.outcome.cause),
        "outcome": item.outcome.label,
        "progress": fmt.number(item.run.progress),
        "at": fmt.number(item.run.best_progress),
        "unit": result.sweep.progress_unit,
    }


def _crash(row: LevelRow) -> tuple[str, Whisker | None]:
    if not row.eligible:
        return fmt.NONE, None
    low, high = row.crash_low, row.crash_high
    same = fmt.percent(low.value) == fmt.percent(high.value)
    value = fmt.percent(low.value) if same else f"{fmt.percent(low.value)} to {fmt.percent(high.value)}"
    span = Estimate(value=low.value if same else None, low=low.low, high=high.high, unit="share")
    inside = fmt.interval(span, fmt.percent)
    return f"{value} ({inside})" if inside else value, whisker(span)


def _level(row: LevelRow, result: PostMortem) -> ShownLevel:
    crash, bar = _crash(row)
    progress = fmt.number(row.mean_progress.value, 2)
    inside = fmt.interval(row.mean_progress, lambda value: fmt.number(value, 2))
    return ShownLevel(
        row=row,
        share=fmt.percent(len(row.runs) / result.status.total),
        crash=crash,
        bar=bar,
        best=fmt.number(row.best),
        progress=f"{progress} ({inside})" if inside else progress,
    )


def _progress(result: PostMortem) -> list[dict[str, Any]]:
    most = max((len(row.runs) for row in result.progress), default=1)
    ended = sum(len(row.runs) for row in result.progress)
    rows: list[dict[str, Any]] = []
    for row in result.progress:
        parts: tuple[Part, ...] = stack(row.outcomes, fmt.OUTCOME_WORDS, most)
        rows.append(
            {"row": row, "bar": parts, "at": fmt.number(row.progress), "share": fmt.percent(len(row.runs) / ended)}
        )
    return rows


def _run(run: Run, outcome: Outcome) -> ShownRun:
    return ShownRun(
        run=run,
        outcome=outcome,
        words=fmt.outcome_words(outcome.label, outcome.cause),
        best=fmt.number(run.best),
        certainty=certainty(outcome),
    )
