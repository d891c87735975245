"""What ended each run: state, evidence and the sweep's own rule, weighed in one documented order.

The first row that fits decides. Rows 1 to 5 are **settled**: the rule cannot explain them, and they feed its crash
hazard. The other ends may be the rule's: row 6 weighs it against rows 7 to 15 with the probability of ``replay``,
which leaves a chance also where the rule was just false at the end (``view``; the grade is then inferred).

| | what is known | outcome (cause) | grade |
|-|-|-|-|
| 1 | state pending | never_started | observed |
| 2 | state running or preempting, with a sign of life in the last hour before ``now`` | running | observed |
| 3 | a decisive line, flag or exit code (``evidence``) | crashed (its cause), or stopped_by_user | observed |
| 4 | state preempted, or preempting and gone | crashed (preempted) | observed |
| 5 | finished or exit code 0, and the budget reached | completed | observed |
| 6 | the rule may have ended it, P >= 1/2 | early_stopped | replayed; observed with a stop flag; else inferred |
| 7 | interrupted: exit code 255 or 130, KeyboardInterrupt, SIGTERM | stopped_by_user | observed |
| 8 | finished or exit code 0, short of the budget | completed (it stopped itself) | observed |
| 9 | a stop was requested | stopped_by_user | observed |
| 10 | nothing shows that it began, and it lasted 5 s at most | never_started | inferred |
| 11 | no history although it made progress (or no configuration), so the rule cannot be judged | unknown | unknown |
| 12 | state killed | stopped_by_user | inferred |
| 13 | state failed or an exit code other than 0 | crashed (as the numbers suggest) | observed |
| 14 | state crashed, or running and gone | crashed (as the numbers suggest) | inferred |
| 15 | anything else | unknown | unknown |

Causes that nothing names are inferred: memory nearly full and a SIGKILL or no exit, out_of_memory; numbers that
ended in NaN or infinity, diverged; else unknown. A run that finished in NaN is ``completed`` with a contradiction.

Where P is below 1/2 the other row's label stands with probability 1 - P. Ends by Ctrl-C or a kill cannot be told
from the rule's by themselves (W&B's stop looks the same): the hazard of such ends while the rule was false decides.
Where some runs of a sweep carry W&B's stop flag, a run that W&B says was never asked to stop is not the rule's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import FormatError
from ..sweepfile.hyperband import Hyperband, read_hyperband
from ..types import Cause, Evidence, Grade, Outcome, OutcomeLabel, Run, Sweep
from .evidence import FAILURE_KEY, came_full, ends_in_nonfinite, read_evidence, signal_of
from .replay import Replay
from .replay import replay as replay_rule

LOST_AFTER_S = 3600.0
"""A run without a sign of life for so long is gone, whatever its state says; W&B itself waits five minutes."""
BEGAN_AFTER_S = 5.0


@dataclass(frozen=True)
class _Plain:
    """What a run's end would be called if the sweep had no rule."""

    label: OutcomeLabel
    grade: Grade
    cause: Cause | None = None
    settled: bool = False


def adjudicate(sweep: Sweep, *, now: float | None = None) -> Mapping[str, Outcome]:
    """The outcome of every run, by id.

    now: seconds since 1970, against which a running run's last sign of life is held; by default the last sign of
    life of the whole sweep. Of a pooled sweep each part is adjudicated by its own rule and budget.
    """
    if sweep.parts:
        found = {run_id: end for part in sweep.parts for run_id, end in adjudicate(part, now=now).items()}
        return {run.id: found[run.id] for run in sweep.runs}
    sweep = sweep.judged or sweep
    rule = stopping_rule(sweep)
    budget = _budget(sweep)
    latest = now if now is not None else max((r.ended_at for r in sweep.runs if r.ended_at is not None), default=0.0)
    kept = any(run.exit_code is not None for run in sweep.runs)
    evidence = {
        run.id: read_evidence(run, progress_unit=sweep.progress_unit, budget=sweep.budget, exits_kept=kept)
        for run in sweep.runs
    }
    flags_work = any(run.stop_requested for run in sweep.runs)
    plain = {run.id: _plain(run, sweep, evidence[run.id], budget, latest, flags_work) for run in sweep.runs}
    replays: Mapping[str, Replay] = {}
    if rule is not None:
        replays = replay_rule(
            sweep.runs,
            rule,
            sweep.metric,
            settled={run_id: found.label for run_id, found in plain.items() if found.settled},
            otherwise={run_id: found.label for run_id, found in plain.items()},
        )
    return {run.id: _weigh(run, evidence[run.id], plain[run.id], replays.get(run.id)) for run in sweep.runs}


def stopping_rule(sweep: Sweep) -> Hyperband | None:
    """The sweep's rule; None where it has none, or one that W&B itself could not run, or its parts have different
    ones."""
    if sweep.config is None:
        return None
    try:
        return read_hyperband(sweep.config.early_terminate)
    except FormatError:
        return None


def may_stop(sweep: Sweep) -> bool:
    """True where a rule may have stopped runs: there is one, or nobody knows. Of a pooled sweep, in any part."""
    if sweep.parts:
        return any(may_stop(part) for part in sweep.parts)
    return sweep.config is None or bool(sweep.config.early_terminate)


def _budget(sweep: Sweep) -> float | None:
    """The progress that counts as the whole way: the sweep's budget, else as far as any finished run came."""
    if sweep.budget is not None:
        return sweep.budget
    return max((run.progress for run in sweep.runs if run.state == "finished"), default=None)


def _plain(
    run: Run, sweep: Sweep, evidence: Sequence[Evidence], budget: float | None, latest: float, flags_work: bool
) -> _Plain:
    settled = _settled(run, evidence, budget, latest)
    if settled is not None:
        return settled
    # Where the flag is kept, its absence speaks: nobody, and so not the rule, asked this run to stop.
    never_asked = flags_work and run.stop_requested is False
    return replace(_open(run, sweep, evidence), settled=never_asked)


def _settled(run: Run, evidence: Sequence[Evidence], budget: float | None, latest: float) -> _Plain | None:
    """Rows 1 to 5."""
    if run.state == "pending":
        return _Plain("never_started", "observed", settled=True)
    gone = run.ended_at is not None and latest - run.ended_at > LOST_AFTER_S
    if run.state in ("running", "preempting") and not gone and run.exit_code is None:
        return _Plain("running", "observed", settled=True)
    decisive = [piece for piece in evidence if piece.decisive]
    if decisive:
        first = min(decisive, key=lambda piece: ("flag", "log", "exit_code").index(piece.kind))
        cause = (first.cause or "unknown") if first.supports == "crashed" else None
        return _Plain(first.supports, "observed", cause, settled=True)
    if run.state in ("preempted", "preempting"):
        return _Plain("crashed", "observed", "preempted", settled=True)
    if _ended_well(run) and came_full(run, budget):
        return _Plain("completed", "observed", settled=True)
    return None


def _open(run: Run, sweep: Sweep, evidence: Sequence[Evidence]) -> _Plain:
    """Rows 7 to 15."""
    if _interrupted(run, evidence):
        return _Plain("stopped_by_user", "observed")
    if _ended_well(run):
        return _Plain("completed", "observed")
    if run.stop_requested:
        return _Plain("stopped_by_user", "observed")
    if _never_began(run, sweep):
        return _Plain("never_started", "inferred")
    silent = run.exit_code is None and run.state in ("crashed", "killed", "running")
    if silent and _rule_unjudgeable(run, sweep):
        return _Plain("unknown", "unknown")
    if run.state == "killed" and run.exit_code is None:
        return _Plain("stopped_by_user", "inferred")
    if run.state == "failed" or run.exit_code not in (None, 0):
        return _Plain("crashed", "observed", _cause(run, evidence))
    if run.state in ("crashed", "running"):
        return _Plain("crashed", "inferred", _cause(run, evidence))
    return _Plain("unknown", "unknown")


def _ended_well(run: Run) -> bool:
    return run.exit_code == 0 or (run.exit_code is None and run.state == "finished")


def _interrupted(run: Run, evidence: Sequence[Evidence]) -> bool:
    if run.exit_code == 255 or signal_of(run.exit_code) in (2, 15) or run.summary.get(FAILURE_KEY) == "interrupted":
        return True
    return any(piece.kind == "log" and piece.supports == "stopped_by_user" for piece in evidence)


def _never_began(run: Run, sweep: Sweep) -> bool:
    """Nothing shows that the program ran; an offline folder is itself a sign that it did."""
    left = run.history_rows or run.iterations or run.log_tail or run.summary or run.host or run.exit_code is not None
    short = run.runtime_s is not None and run.runtime_s <= BEGAN_AFTER_S
    return not left and short and sweep.source_kind != "offline"


def _rule_unjudgeable(run: Run, sweep: Sweep) -> bool:
    """True where a stop by the sweep's rule cannot be ruled out, because what it looks at is missing."""
    if run.iterations:
        return False
    rule = stopping_rule(sweep)
    if rule is None:
        return sweep.config is None and not run.history_rows and not run.log_tail
    return run.progress >= rule.bands[0] and not run.metric.size


def _cause(run: Run, evidence: Sequence[Evidence]) -> Cause:
    suggested = {piece.cause for piece in evidence if piece.supports == "crashed"}
    memory = "out_of_memory" in suggested
    if memory and signal_of(run.exit_code) == 9:
        return "out_of_memory"
    if "diverged" in suggested:
        return "diverged"
    if memory:
        return "out_of_memory"
    return "code_error" if "code_error" in suggested else "unknown"


def _weigh(run: Run, evidence: Sequence[Evidence], plain: _Plain, replayed: Replay | None) -> Outcome:
    """Row 6 against the others."""
    chance = 0.0 if replayed is None or plain.settled or plain.label == "never_started" else replayed.probability
    by_rule = chance >= 0.5
    label: OutcomeLabel = "early_stopped" if by_rule else plain.label
    grade = plain.grade
    if replayed is not None and by_rule:
        grade = "observed" if run.stop_requested else "replayed" if replayed.true_at_end else "inferred"
    kept = [_state(run, plain), *evidence]
    if replayed is not None:
        supports: OutcomeLabel = "early_stopped" if replayed.true_at_end or by_rule else plain.label
        kept.append(Evidence(kind="replay", text=replayed.text, supports=supports))
    return Outcome(
        label=label,
        grade=grade,
        cause=None if by_rule else plain.cause,
        probability=chance if by_rule else 1.0 - chance,
        crash_probability=_crash_probability(plain, chance),
        evidence=tuple(kept),
        contradictions=tuple(_contradictions(run, label, evidence, replayed, plain.settled)),
    )


def _crash_probability(plain: _Plain, chance: float) -> tuple[float, float]:
    if plain.label == "unknown":
        return 0.0, 1.0 - chance
    return (1.0 - chance, 1.0 - chance) if plain.label == "crashed" else (0.0, 0.0)


def _state(run: Run, plain: _Plain) -> Evidence:
    return Evidence(kind="state", text=f"W&B recorded the run as {run.state[:40] or 'nothing'}.", supports=plain.label)


def _contradictions(
    run: Run, label: OutcomeLabel, evidence: Sequence[Evidence], replayed: Replay | None, settled: bool
) -> list[str]:
    """What points elsewhere, one sentence each."""
    told: list[str] = []
    if label in ("completed", "early_stopped", "stopped_by_user"):
        told += [piece.text for piece in evidence if piece.supports == "crashed" and piece.kind in ("log", "history")]
        if label == "completed" and ends_in_nonfinite(run):
            told.append("It finished, but failed silently: its result is not a number.")
    if label == "completed" and not run.metric.size:
        told.append("It finished without logging the sweep's metric.")
    if label in ("crashed", "stopped_by_user") and _ended_well(run):
        told.append("W&B recorded a normal end.")
    if label == "running" and any(piece.decisive for piece in evidence):
        told.append("Its log ends as if it had crashed.")
    if replayed is not None and replayed.true_at_end and label != "early_stopped":
        acted = "did not stop it" if settled or replayed.ran_on else "may have stopped it"
        told.append(f"{replayed.text} The rule {acted}.")
    if replayed is not None and not replayed.true_at_end and label == "early_stopped":
        told.append("Our replay says that the rule was false: only when it ended speaks for a stop.")
    if label == "early_stopped" and run.exit_code == 255:
        told.append("Ctrl-C by a person would look the same.")
    if label == "early_stopped" and run.stop_requested is False:
        told.append("W&B does not say that a stop was requested.")
    return told
