"""What ended the runs: crashes, the sweep's own stops, causes, what nothing decides."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..crashes import RECORDED_CRASH, band_progress, hyperband_end, near_band
from ..lifetimes.hazard import count_range
from ..outcomes.rates import proportion, uncertain_proportion
from ..outcomes.sensitivity import FACTOR, crash_share, rule_was_true, with_riskier_runs
from ..outcomes.silent import LEAST, SILENCES, silent_failures
from ..types import CrashRate, Estimate, Finding, Outcome, Sweep
from .common import PROPORTION, runs_in_words

REPLAY = "the sweep's stopping rule, replayed in time order over its logged values"


def crash_rate_finding(sweep: Sweep, outcomes: Mapping[str, Outcome], rate: CrashRate) -> Finding:
    """How often runs really crashed, beside how often a crash was recorded."""
    unknown = [run.id for run in sweep.runs if outcomes[run.id].label == "unknown"]
    caveats = []
    if unknown:
        caveats.append(
            f"{runs_in_words(len(unknown))} of unknown outcome make it an interval before any sampling error"
        )
    if any(outcomes[run.id].label == "early_stopped" for run in sweep.runs):
        caveats.append("under early stopping it describes; it does not compare, as survivors are exposed longer")
    riskier = None
    if any(rule_was_true(outcome) for outcome in outcomes.values()):
        riskier = crash_share(sweep, with_riskier_runs(outcomes))
    if riskier is not None:
        caveats.append(
            f"if runs that the rule was true for crash {FACTOR:g} times as often as others, it is {_percent(*riskier)}"
        )
    if sweep.config is None and any(run.state in RECORDED_CRASH for run in sweep.runs):
        caveats.append("the sweep's configuration is not known: if it had a stopping rule, some of these are its stops")
    high = rate.high
    same = rate.low.value == high.value
    return Finding(
        id="",
        kind="crash_rate",
        subject="sweep",
        supported=rate.eligible > 0,
        estimate=Estimate(value=rate.low.value if same else None, low=rate.low.low, high=high.high, unit="share"),
        n=rate.eligible,
        method=f"crash chances summed over runs; {PROPORTION}",
        caveats=tuple(caveats),
        runs=tuple(run.id for run in sweep.runs if outcomes[run.id].eligible),
        facts={
            "low": rate.low.value,
            "high": high.value,
            "recorded": sum(run.state in RECORDED_CRASH for run in sweep.runs),
            "recorded_share": rate.recorded.value,
            "total": len(sweep.runs),
            "if_riskier": None if riskier is None else list(riskier),
            "riskier_by": FACTOR,
        },
    )


def _percent(low: float, high: float) -> str:
    ends = [f"{100.0 * share:.1f}".removesuffix(".0") for share in (low, high)]
    return f"{ends[0]} %" if ends[0] == ends[1] else f"{ends[0]} % to {ends[1]} %"


def early_stop_findings(
    sweep: Sweep,
    outcomes: Mapping[str, Outcome],
    bands: Sequence[int],
    rule: str | None,
    otherwise: Mapping[str, Outcome] | None = None,
) -> list[Finding]:
    """How many of the recorded crashes the sweep's own rule made, and where they lie.

    otherwise: the outcomes under the other reading of ``strict``, where the sweep does not set it.
    """
    recorded = [run for run in sweep.runs if run.state in RECORDED_CRASH]
    if not recorded or rule is None:
        return []
    stopped = [run for run in recorded if outcomes[run.id].label == "early_stopped"]
    inferred = [run for run in stopped if outcomes[run.id].grade == "inferred"]
    untimed = sum(not np.isfinite(run.metric_time).all() for run in stopped)
    caveats = [f"{untimed} of them without exact times: judged by thresholds that may have moved"] if untimed else []
    if inferred:
        caveats.append(
            f"of {len(inferred)} the replayed rule was false, but they ended just after a band, as its stops do: the "
            "controller may have seen other values"
        )
    if otherwise is not None:
        other = sum(otherwise[run.id].label == "early_stopped" for run in recorded)
        caveats.append(
            "the sweep does not set strict: taken as true, the default of W&B's released package; its documentation "
            f"says false, which gives {other}"
        )
    found = [
        Finding(
            id="",
            kind="early_stopping",
            subject="recorded crashes",
            supported=True,
            estimate=uncertain_proportion([_chance_of_stop(outcomes[run.id]) for run in recorded]),
            n=len(recorded),
            method=f"{REPLAY}; chances summed over runs; {PROPORTION}",
            caveats=tuple(caveats),
            runs=tuple(run.id for run in stopped),
            facts={
                "stopped": len(stopped),
                "inferred": len(inferred),
                "states": {state: sum(run.state == state for run in recorded) for state in RECORDED_CRASH},
                "rule": rule,
                "bands": list(bands[:6]),
                "more_bands": len(bands) > 6,
            },
        )
    ]
    epochs = sweep.epoch_key is not None
    near = [run for run in recorded if near_band(hyperband_end(run, epochs), bands) is not None]
    if near:
        found.append(
            Finding(
                id="",
                kind="ends_at_bands",
                subject="recorded crashes",
                supported=True,
                estimate=replace(proportion(len(near), len(recorded)), unit="share"),
                n=len(recorded),
                method=f"logged values at the end against the rule's bands; {PROPORTION}",
                runs=tuple(run.id for run in near),
                facts={"near": len(near), "bands": list(bands[:6]), "more_bands": len(bands) > 6},
            )
        )
    return found


def _chance_of_stop(outcome: Outcome) -> float:
    return outcome.probability if outcome.label == "early_stopped" else 1.0 - outcome.probability


def warmup_finding(sweep: Sweep, outcomes: Mapping[str, Outcome], bands: Sequence[int]) -> Finding | None:
    """Runs that the rule judged while their learning rate was still warming up."""
    keys = [name for name in sweep.parameters if "warmup" in name.casefold() and "epoch" in name.casefold()]
    if not keys or not bands or sweep.epoch_key is None:
        return None
    first = bands[0]
    at = band_progress(sweep, bands[:1]).get(first, math.inf)  # epochs, as the warm-up counts
    warm = [run for run in sweep.runs if _number(run.config.get(keys[0])) > at and outcomes[run.id].eligible]
    if not warm:
        return None
    stopped = [run for run in warm if outcomes[run.id].label == "early_stopped"]
    at_first = [run for run in stopped if near_band(float(run.iterations), bands[:1]) is not None]
    return Finding(
        id="",
        kind="warmup_judged",
        subject=keys[0],
        supported=True,
        estimate=replace(proportion(len(at_first), len(warm)), unit="share"),
        n=len(warm),
        method=f"{keys[0]} against the rule's first band; {PROPORTION}",
        caveats=("whether they would have done well later cannot be known from this sweep",),
        runs=tuple(run.id for run in at_first),
        facts={"stopped": len(at_first), "band": first},
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan


def cause_finding(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Finding | None:
    """What the crashes were caused by, and how many cannot be told."""
    crashed = [run for run in sweep.runs if outcomes[run.id].label == "crashed"]
    if not crashed:
        return None
    causes = Counter(outcomes[run.id].cause or "unknown" for run in crashed)
    known = len(crashed) - causes["unknown"]
    return Finding(
        id="",
        kind="causes",
        subject="crashes",
        supported=known > 0,
        estimate=replace(proportion(known, len(crashed)), unit="share"),
        n=len(crashed),
        method=f"exit codes, log tails, system metrics and histories read; {PROPORTION}",
        caveats=()
        if any(run.log_tail for run in crashed)
        else ("no console log of any crashed run is available: causes need one",),
        runs=tuple(run.id for run in crashed),
        facts={"causes": dict(causes.most_common()), "known": known, "between": _how_many(outcomes)},
    )


def _how_many(outcomes: Mapping[str, Outcome]) -> list[int]:
    """Between how many and how many runs crashed, by their chances (95 % at each end)."""
    chances = np.array([outcome.crash_probability for outcome in outcomes.values() if outcome.eligible])
    return list(count_range(chances[:, 0], chances[:, 1]))


def silent_failure_finding(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Finding | None:
    """Runs that completed although a metric was not finite, or the sweep's metric never got better."""
    silent = silent_failures(sweep, outcomes)
    if not silent:
        return None
    done = sum(outcomes[run.id].label == "completed" for run in sweep.runs)
    bad = [run for run in sweep.runs if run.id in silent]
    metrics = {name for run in bad for name in run.nonfinite if silent[run.id] == "not_finite"}
    stuck = any(kind != "not_finite" for kind in silent.values())
    return Finding(
        id="",
        kind="silent_failure",
        subject="completed runs",
        supported=True,
        estimate=replace(proportion(len(bad), done), unit="share"),
        n=done,
        method="NaN or infinity in a logged metric or the summary"
        + f"; constant or never better than its first value over {LEAST} values or more" * stuck
        + f"; {PROPORTION}",
        caveats=("a metric that stays as it was may also be logged wrongly, or be the best that can be had",)
        if stuck
        else (),
        runs=tuple(run.id for run in bad),
        facts={
            "bad": len(bad),
            "metrics": sorted(metrics),
            "metric": sweep.metric.name,
            "kinds": {kind: sum(found == kind for found in silent.values()) for kind in SILENCES},
        },
    )


def unknown_finding(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Finding | None:
    """Runs of which nobody can say what ended them."""
    unknown = [run for run in sweep.runs if outcomes[run.id].label == "unknown"]
    if not unknown:
        return None
    return Finding(
        id="",
        kind="unknown_outcomes",
        subject="runs",
        supported=True,
        estimate=replace(proportion(len(unknown), len(sweep.runs)), unit="share"),
        n=len(sweep.runs),
        method=f"no state, rule, exit code or log line decides; {PROPORTION}",
        runs=tuple(run.id for run in unknown),
        facts={"unknown": len(unknown)},
    )


def running_finding(sweep: Sweep, outcomes: Mapping[str, Outcome]) -> Finding | None:
    """How many runs had not ended when the sweep was read, or that W&B lists the sweep itself as not ended."""
    running = [run for run in sweep.runs if outcomes[run.id].label == "running"]
    listed = [part.id for part in sweep.parts or (sweep,) if part.state == "RUNNING"]
    if not running and not listed:
        return None
    return Finding(
        id="",
        kind="still_running",
        subject="runs",
        supported=True,
        estimate=Estimate(value=float(len(running)), unit="runs"),
        n=len(sweep.runs),
        method="recorded states running and preempting, with a sign of life in the hour before the last of any run; "
        "the sweep's own state",
        caveats=("a count at one moment: it says nothing of the runs that are still to come",),
        runs=tuple(run.id for run in running),
        facts={"running": len(running), "listed": listed},
    )


def advice(finding: Finding) -> str | None:
    """The key of the recommendation that the finding carries; ``reports.words`` has its words."""
    if finding.kind == "early_stopping" and finding.facts["stopped"]:
        return "read_stops_as_stops"
    if finding.kind == "warmup_judged" and finding.facts["stopped"]:
        return "later_first_band"
    if finding.kind == "causes" and finding.facts["known"] < finding.n:
        return "keep_logs"
    if finding.kind == "silent_failure":
        return "stop_on_nan" if finding.facts["kinds"]["not_finite"] else "look_at_stuck"
    return None
