"""The order of the analyses; no mathematics here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from .across.compare import pooled as across
from .crashes import cause_rows, progress_rows, status_table
from .errors import FormatError
from .findings.best import best_finding, comparison_finding, mixed_scale_finding
from .findings.common import numbered
from .findings.ends import (
    cause_finding,
    crash_rate_finding,
    early_stop_findings,
    running_finding,
    silent_failure_finding,
    unknown_finding,
    warmup_finding,
)
from .findings.importance import importance_findings
from .findings.outlook import outlook_findings
from .findings.pooling import pooling_findings
from .findings.ranking import ranking_findings
from .findings.risk import circumstance_findings, claim_findings, pair_findings, parameter_findings, risk_summary
from .findings.space import space_findings
from .findings.survival import survival_findings
from .following import findings_of, next_sweep, with_ids
from .importance import importance
from .levels import group_parameter, level_rows, levels_of
from .lineage import lineage_findings, outturn
from .narrow.options import Options
from .outcomes.adjudicate import adjudicate, may_stop, stopping_rule
from .outcomes.rates import crash_rate
from .outlook import outlook
from .pooling import MIXED_RULES
from .ranking.best import best_results
from .ranking.equal_progress import equal_progress
from .ranking.rank import rank
from .recommend import recommendations
from .results.postmortem import PostMortem
from .risk.cases import counted
from .risk.circumstances import circumstances, suspect
from .risk.contrasts import all_contrasts
from .risk.factors import held_claims, parameter_risks
from .risk.interactions import interactions
from .space import space
from .survival import survival
from .sweepfile.hyperband import Hyperband, read_hyperband, why_no_rule
from .types import Finding, Outcome, Sweep


def _other_reading(sweep: Sweep, now: float | None) -> Mapping[str, Outcome] | None:
    """The outcomes if ``strict`` were off, where the sweep does not say: W&B's package and its documentation differ."""
    if sweep.parts:
        read = [_other_reading(part, now) for part in sweep.parts]
        return None if None in read else {run_id: end for part in read if part for run_id, end in part.items()}
    sweep = sweep.judged or sweep
    early = sweep.config.early_terminate if sweep.config else None
    if sweep.config is None or early is None or "strict" in early or stopping_rule(sweep) is None:
        return None
    config = replace(sweep.config, early_terminate={**early, "strict": False})
    return adjudicate(replace(sweep, config=config), now=now)


def _no_rule(sweep: Sweep) -> str:
    """Why nothing is replayed, as the page says it."""
    if sweep.parts and (sweep.config is None or sweep.config.early_terminate == MIXED_RULES):
        return "The sweeps have none in common; each was adjudicated by its own."
    if sweep.config is None:
        return "Not known: the sweep's configuration is not here."
    try:
        read_hyperband(sweep.config.early_terminate)
    except FormatError as error:
        return f"None that W&B could run: {error}."
    return why_no_rule(sweep.config.early_terminate)


def _described(sweep: Sweep, rule: Hyperband | None) -> str | None:
    """The rule in words; with its metric where the page is about another."""
    if rule is None or sweep.judged is None:
        return rule.described if rule else None
    return f"{rule.described}; it looked at {sweep.judged.metric.name}"


def post_mortem(
    sweep: Sweep,
    *,
    group_by: str | None = None,
    now: float | None = None,
    count_causes: Collection[str] = (),
    following_options: Options | None = None,
) -> PostMortem:
    """Everything that can be said about the sweep.

    group_by: the parameter that architectures are told apart by; now: seconds since 1970, for runs that still run;
    count_causes: causes of a crash that count against a setting beside those that a setting could be at fault for;
    following_options: what is asked of the next sweep.
    Raises UsageError for a group_by that was not swept, a claim or an option that does not fit the sweep.
    """
    rule = stopping_rule(sweep)
    bands = rule.bands if rule else ()
    judged = sweep.judged or sweep
    outcomes = adjudicate(sweep, now=now)
    group = group_parameter(sweep, group_by)
    rate = crash_rate(sweep, outcomes)
    best = best_results(sweep, outcomes, group)
    # A rule that is not known may have stopped runs too; the test by progress holds with and without one.
    stopping = may_stop(sweep)
    around = circumstances(sweep, outcomes, early_stopping=stopping)
    apart = suspect(around)
    families = all_contrasts(sweep, outcomes)
    causes = counted(count_causes)
    risks = parameter_risks(sweep, outcomes, early_stopping=stopping, causes=causes, apart=apart, families=families)
    pairs = interactions(sweep, outcomes, causes=causes, apart=apart, families=families)
    claims = held_claims(sweep, outcomes, early_stopping=stopping, causes=causes, apart=apart)
    alone = not sweep.parts  # what takes runs together without regard to their sweep would blame a level for it
    compared = equal_progress(sweep, levels_of(sweep, group)) if group and alone else None
    survived = survival(sweep, outcomes, bands)
    ranked = rank(sweep, outcomes, group) if alone else None
    weighed = importance(sweep, outcomes) if alone else None
    searched = space(sweep, outcomes) if alone else None
    ahead = outlook(sweep, outcomes) if alone else None
    together = across(sweep, outcomes, apart=apart)
    after, no_following = next_sweep(sweep, outcomes, searched, ranked, following_options or Options())
    unfinished = running_finding(sweep, outcomes)
    optional = [
        cause_finding(sweep, outcomes),
        mixed_scale_finding(sweep),
        best_finding(sweep, best),
        comparison_finding(group, compared, sweep.metric.name) if group else None,
        risk_summary(risks),
        silent_failure_finding(sweep, outcomes),
        warmup_finding(judged, outcomes, bands),
        unknown_finding(sweep, outcomes),
    ]
    first: list[Finding] = [
        crash_rate_finding(sweep, outcomes, rate),
        *early_stop_findings(judged, outcomes, bands, rule.described if rule else None, _other_reading(sweep, now)),
        *(finding for finding in optional if finding is not None),
        *pair_findings(pairs),
        *circumstance_findings(around),
        *parameter_findings(risks),
        *claim_findings(claims),
        *pooling_findings(sweep, together),
        *survival_findings(sweep, survived),
        *ranking_findings(sweep, ranked),
        *importance_findings(sweep, weighed),
        *space_findings(sweep, searched),
        *outlook_findings(sweep, ahead),
        *findings_of(after),
        *lineage_findings(sweep, outturn(sweep, outcomes) if alone else None),
        *([unfinished] if unfinished else []),
    ]
    findings = numbered(first)
    return PostMortem(
        sweep=sweep,
        metric=sweep.metric,
        outcomes=outcomes,
        status=status_table(sweep, outcomes),
        crash_rate=rate,
        bands=bands,
        rule=_described(sweep, rule),
        no_rule="" if rule else _no_rule(sweep),
        best=best,
        group_by=group,
        groups=level_rows(sweep, outcomes, group) if group else (),
        levels={name: level_rows(sweep, outcomes, name) for name in sweep.parameters},
        progress=progress_rows(sweep, outcomes, bands),
        causes=cause_rows(sweep, outcomes),
        parameter_risks=risks,
        circumstances=around,
        pairs=pairs,
        claims=claims,
        survival=survived,
        ranking=ranked,
        importance=weighed,
        space=searched,
        outlook=ahead,
        pooled=together,
        following=with_ids(after, first, findings),
        no_following=no_following,
        findings=(*findings, *numbered(recommendations(findings))),
        problems=(*sweep.problems, *(f"run {run.id}: {p}" for run in sweep.runs for p in run.problems)),
    )
