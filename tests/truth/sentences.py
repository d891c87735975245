"""Every sentence of a page against the truth: one judge for each kind of finding.

A judge answers True (right), False (wrong) or None (nothing in the simulated world decides it). What counts as wrong:

- a sentence with an interval, where the interval misses the truth;
- a count or a name, where it is not so (a count with an interval only where the true count lies outside it);
- "carries risk", "makes a difference", "changed", where the true effect is none or has the other sign;
- "cannot be told apart", "no risk shown" are never wrong; the interval beside them is measured by itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.results.risk import ParameterRisk
from aftersweep.analysis.types import Finding
from aftersweep.reports.format import OUTCOME_WORDS
from aftersweep.reports.hostile import escape_markdown
from aftersweep.reports.narrate import sentence

from .measures import is_true
from .ratios import Judge, covers
from .simulator import Simulated
from .world import Truth

Verdict = bool | None


@dataclass(frozen=True)
class Case:
    """One page and what is known about it."""

    result: PostMortem
    made: Simulated
    judge: Judge

    @property
    def truth(self) -> Truth:
        return self.made.truth

    def risk(self, finding: Finding) -> ParameterRisk:
        """The parameter or circumstance that the finding speaks of."""
        known = (*self.result.parameter_risks, *self.result.circumstances)
        return next(risk for risk in known if risk.parameter == finding.subject)


def _interval_holds(f: Finding, truth: float) -> bool:
    return f.estimate is not None and covers(f.estimate.low, f.estimate.high, truth)


def _crash_rate(f: Finding, case: Case) -> Verdict:
    """The interval is one of the rate that such sweeps have, not only of these runs."""
    recorded = sum(run.state in ("crashed", "failed") for run in case.made.sweep.runs)
    if f.facts["recorded"] != recorded:
        return False
    return _interval_holds(f, case.judge.people.rate()) if f.supported else not f.n


def _early_stopping(f: Finding, case: Case) -> Verdict:
    recorded = [run.id for run in case.made.sweep.runs if run.state in ("crashed", "failed")]
    true = sum(case.truth.label(run_id) == "early_stopped" for run_id in recorded)
    if len(recorded) != f.n:
        return False
    if f.n == 1:
        return f.facts["stopped"] == true
    most = f.facts["stopped"] * 2 > f.n
    return _interval_holds(f, true / f.n) and (not most or true * 2 > f.n)


def _ends_at_bands(f: Finding, case: Case) -> Verdict:
    bands = case.result.bands
    ends = [run.iterations for run in case.made.sweep.runs if run.state in ("crashed", "failed")]
    near = sum(any(0 <= end - band <= 1 for band in bands) for end in ends)
    return (near, len(ends)) == (f.facts["near"], f.n)


def _causes(f: Finding, case: Case) -> Verdict:
    """The number of crashes and every cause that is named, counted exactly."""
    crashed = sum(label == "crashed" for label in case.truth.labels)
    named = {i: case.result.outcomes[i].cause for i in f.runs}
    right = all(cause == case.truth.cause(i) for i, cause in named.items() if cause != "unknown")
    return right and f.n == crashed and Counter(named.values()) == Counter(f.facts["causes"])


def _silent(f: Finding, case: Case) -> Verdict:
    silent = {i for i, bad in zip(case.truth.ids, case.truth.silent, strict=True) if bad}
    return set(f.runs) == silent and f.n == sum(label == "completed" for label in case.truth.labels)


def _unknown(f: Finding, case: Case) -> Verdict:
    return f.facts["unknown"] == sum(o.label == "unknown" for o in case.result.outcomes.values())


def _best(f: Finding, case: Case) -> Verdict:
    """The value is the largest, and the run ended as is said."""
    values = {run.id: run.best for run in case.made.sweep.runs if run.best is not None}
    is_best = values[f.subject] == max(values.values()) and f.n == len(values)
    return is_best and f.facts["outcome"] == case.truth.label(f.subject) and f.facts["outcome"] in OUTCOME_WORDS


def _comparison(f: Finding, case: Case) -> Verdict:
    """That levels differ is true where the parameter has a part in the metric."""
    return not f.supported or f.subject not in case.truth.world.indifferent


def _risk_factor(f: Finding, case: Case) -> Verdict:
    if f.facts["family"] == "claim":
        return _claim(f, case)
    if not f.supported:
        return True
    risk = case.risk(f)
    if not is_true(risk, case.truth, case.judge) or risk.leading is None:
        return False
    return _interval_holds(f, case.judge.ratio(risk.leading, case.truth))


def _claim(f: Finding, case: Case) -> Verdict:
    """ "Stands" is wrong where the setting is no riskier than the rest, "does not stand" never."""
    if not f.supported:
        return True
    (name,) = f.facts["where"]
    return case.judge.level_ratio(name, f.runs, case.truth) > 1.0


def _risk_summary(_: Finding, case: Case) -> Verdict:
    return all(is_true(r, case.truth, case.judge) for r in case.result.parameter_risks if r.called)


def _drift(f: Finding, case: Case) -> Verdict:
    """A bug that was mended makes the later starts the safer ones; nothing else changes with time."""
    return not f.supported or (case.truth.world.mended is not None and not f.facts["raises"])


def _host(f: Finding, case: Case) -> Verdict:
    """Of two hosts one is named against the others: true where its own hazard is on that side of theirs."""
    if not f.supported:
        return True
    bad = case.truth.world.bad_host
    if bad is None:
        return False
    named = {case.truth.hosts[case.truth.index[i]] for i in f.runs}
    return (named == {bad[0]}) == bool(f.facts["raises"])


def _recommendation(f: Finding, case: Case) -> Verdict:
    """A recommendation is as right as what it rests on."""
    if f.facts["advice"] == "repeat_best":
        seen = Counter(repr(sorted(run.config.items())) for run in case.made.sweep.runs)
        return max(seen.values()) == 1
    verdicts = [verdict(case.result.finding(i), case) for i in f.facts["rests_on"]]
    return False if False in verdicts else None if None in verdicts else True


JUDGES: Mapping[str, Callable[[Finding, Case], Verdict]] = {
    "crash_rate": _crash_rate,
    "early_stopping": _early_stopping,
    "ends_at_bands": _ends_at_bands,
    "causes": _causes,
    "silent_failure": _silent,
    "unknown_outcomes": _unknown,
    "best": _best,
    "comparison": _comparison,
    "risk_factor": _risk_factor,
    "risk_summary": _risk_summary,
    "drift": _drift,
    "broken_host": _host,
    "recommendation": _recommendation,
    "warmup_judged": lambda *_: None,  # no world has a warm-up
}


def verdict(finding: Finding, case: Case) -> Verdict:
    """Whether the finding's sentence is true. KeyError for a kind without a judge: nobody may add one unjudged."""
    return JUDGES[finding.kind](finding, case)


@dataclass(frozen=True)
class Verdicts:
    """A page's sentences by kind: right, wrong, not judged; the wrong ones word for word."""

    by_kind: Mapping[str, tuple[int, int, int]]
    wrong: tuple[str, ...]
    unsaid: tuple[str, ...]
    """Findings that the Markdown does not say."""
    unfounded: tuple[str, ...]
    """Lines of the Markdown that are neither a finding's sentence nor known to be no statement about the data."""


def read(case: Case, markdown: str) -> Verdicts:
    """Every sentence of the page judged."""
    counts: dict[str, list[int]] = {}
    wrong = []
    for finding in case.result.findings:
        kind = finding.kind if finding.kind != "recommendation" else f"advice: {finding.facts['advice']}"
        found = verdict(finding, case)
        counts.setdefault(kind, [0, 0, 0])[2 if found is None else int(not found)] += 1
        if found is False:
            wrong.append(f"{finding.kind}: {sentence(finding)}")
    said = {escape_markdown(sentence(finding)): finding.id for finding in case.result.findings}
    lines = [line for line in markdown.splitlines() if line.strip()]
    return Verdicts(
        by_kind={kind: (right, bad, open_) for kind, (right, bad, open_) in counts.items()},
        wrong=tuple(wrong),
        unsaid=tuple(text for text in said if text not in markdown),
        unfounded=tuple(_unfounded(lines, said)),
    )


NO_STATEMENT = tuple(
    re.compile(pattern)
    for pattern in (
        r"^#",  # headings
        r"^\|",  # tables: numbers with their intervals
        r"^Sweep .* · \d+ runs?( · .*)?$",
        r"^- \*\*.+\*\*:",  # the sweep's own facts, and how many runs had which level
        r"^- (out of memory|diverged|code error|infrastructure|preempted|unknown): \d+( \(run .*\))?$",
        r"^No (run|swept parameter|other parameter|parameter|finding) ",
        r"^The sweep has no runs\.$",
        r"^Method: ",
        r"^\S+ \S+, run \S+, .+$",  # the run whose configuration follows
        r"^Made by aftersweep ",
        r"^> \*\*Note:\*\*",
    )
)


def _unfounded(lines: Sequence[str], said: Mapping[str, str]) -> list[str]:
    found, fenced = [], False
    for line in lines:
        if line.startswith("```"):
            fenced = not fenced
            continue
        if fenced or any(pattern.search(line) for pattern in NO_STATEMENT):
            continue
        text = re.sub(r"^(- |\d+\. )", "", line)
        text = re.sub(r" \([FCR]\d+\)$", "", text)
        if text not in said:
            found.append(line)
    return found


@dataclass
class Pages:
    """Sentences of many pages by kind."""

    by_kind: dict[str, list[int]] = field(default_factory=dict)

    def add(self, page: Verdicts) -> None:
        for kind, counts in page.by_kind.items():
            total = self.by_kind.setdefault(kind, [0, 0, 0])
            for i, count in enumerate(counts):
                total[i] += count
