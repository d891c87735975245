"""What ended each run: the table of ``adjudicate``, case by case, and its laws."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersweep.analysis.outcomes.adjudicate import adjudicate, stopping_rule
from aftersweep.analysis.types import Outcome, Run, Sweep

from ..factories import HYPERBAND, START, curve, make_run, make_sweep
from .logs import DECISIVE, HARMLESS, LIFE, raised
from .simulate import simulate, without_times

OOM_LOG = DECISIVE["torch, CUDA"][1]
GOOD = [curve(0.9 + i / 1000, 20) for i in range(4)]
BAD_AT_BAND = [0.05, 0.06]
BAD_BEFORE_BAND = [0.05]
GOOD_CUT = curve(0.99, 9)


def _field(timed: bool = True) -> list[Run]:
    """Ten runs around the one in question: four that ran through, six that the rule stopped at its first band."""
    full = [
        make_run(f"full-{i}", values, exit_code=0, timed=timed, start=START + 600 * i) for i, values in enumerate(GOOD)
    ]
    stopped = [
        make_run(
            f"stop-{i}", [0.1, 0.1 + i / 100], state="crashed", timed=timed, start=START + 4000 + 600 * i, lag_s=30
        )
        for i in range(6)
    ]
    return [*full, *stopped]


def _judge(values: list[float], *, rule: bool = True, sweep: dict[str, Any] | None = None, **run: Any) -> Outcome:
    """The outcome of one run that started last, among ten others."""
    about = make_run("it", values, start=START + 9000, **({"state": "crashed", "lag_s": 20.0} | run))
    early = HYPERBAND if rule else None
    made = make_sweep([*_field(), about], early_terminate=early, **({"budget": 20.0} | (sweep or {})))
    return adjudicate(made)["it"]


CASES: dict[str, tuple[dict[str, Any], tuple[str, str | None, str]]] = {
    # The rule.
    "stopped at the band, crashed": ({"values": BAD_AT_BAND}, ("early_stopped", None, "replayed")),
    "stopped at the band, failed": ({"values": BAD_AT_BAND, "state": "failed"}, ("early_stopped", None, "replayed")),
    "stopped at the band, killed": ({"values": BAD_AT_BAND, "state": "killed"}, ("early_stopped", None, "replayed")),
    "stopped at the band, finished": (
        {"values": BAD_AT_BAND, "state": "finished", "exit_code": 0}, ("early_stopped", None, "replayed")),
    "stopped at the band, flag": (
        {"values": BAD_AT_BAND, "stop_requested": True}, ("early_stopped", None, "observed")),
    "stopped at the band, with a healthy log": (
        {"values": BAD_AT_BAND, "log_tail": LIFE}, ("early_stopped", None, "replayed")),
    "stopped through the client's own stop": (
        {"values": BAD_AT_BAND, "state": "failed", "exit_code": 255, "log_tail": raised("KeyboardInterrupt")},
        ("early_stopped", None, "replayed")),
    "stopped through the agent's exception": (
        {"values": BAD_AT_BAND, "state": "failed", "exit_code": 1, "log_tail": raised("Exception")},
        ("early_stopped", None, "replayed")),
    # Decisive evidence overrules the rule.
    "out of memory at the band": (
        {"values": BAD_AT_BAND, "log_tail": OOM_LOG}, ("crashed", "out_of_memory", "observed")),
    "out of memory, failed": (
        {"values": GOOD_CUT, "state": "failed", "exit_code": 1, "log_tail": OOM_LOG},
        ("crashed", "out_of_memory", "observed")),
    "the trainer names the cause": (
        {"values": BAD_AT_BAND, "state": "failed", "exit_code": 1, "summary": {"failure/cause": "diverged"}},
        ("crashed", "diverged", "observed")),
    "the trainer says interrupted": (
        {"values": GOOD_CUT, "state": "failed", "exit_code": 1, "summary": {"failure/cause": "interrupted"}},
        ("stopped_by_user", None, "observed")),
    "the trainer names nonsense": (
        {"values": GOOD_CUT, "state": "failed", "exit_code": 1, "summary": {"failure/cause": ["x"]}},
        ("crashed", "unknown", "observed")),
    "segmentation fault": (
        {"values": GOOD_CUT, "state": "failed", "exit_code": 139}, ("crashed", "code_error", "observed")),
    "past 'timeout'": ({"values": GOOD_CUT, "state": "failed", "exit_code": 124}, ("crashed", "preempted", "observed")),
    "time limit of the scheduler": (
        {"values": GOOD_CUT, "log_tail": DECISIVE["time limit"][1]}, ("crashed", "preempted", "observed")),
    "cancelled job": (
        {"values": GOOD_CUT, "log_tail": (*LIFE, "slurmstepd: error: *** JOB 7 CANCELLED AT 2024-05-01T12:00:09 ***")},
        ("stopped_by_user", None, "observed")),
    "short and finished, but its log ends in a crash": (
        {"values": GOOD_CUT, "state": "finished", "log_tail": OOM_LOG}, ("crashed", "out_of_memory", "observed")),
    "whole and finished, with an exception at shutdown": (
        {"values": GOOD[0], "state": "finished", "exit_code": 0, "log_tail": OOM_LOG}, ("completed", None, "observed")),
    "the agent's exception while the rule was false": (
        {"values": GOOD_CUT, "state": "failed", "exit_code": 1, "log_tail": raised("Exception")},
        ("crashed", "code_error", "observed")),
    # Without the rule.
    "finished": ({"values": GOOD[0], "state": "finished", "exit_code": 0}, ("completed", None, "observed")),
    "finished, own patience, no rule": (
        {"values": GOOD_CUT, "state": "finished", "exit_code": 0, "rule": False}, ("completed", None, "observed")),
    "finished, own patience, rule false": (
        {"values": GOOD_CUT, "state": "finished", "exit_code": 0}, ("completed", None, "observed")),
    "finished before the first band": (
        {"values": BAD_BEFORE_BAND, "state": "finished", "exit_code": 0}, ("completed", None, "observed")),
    "crashed while the rule was false": ({"values": GOOD_CUT}, ("crashed", "unknown", "inferred")),
    "crashed before the first band": ({"values": BAD_BEFORE_BAND}, ("crashed", "unknown", "inferred")),
    "crashed, no rule": ({"values": BAD_AT_BAND, "rule": False}, ("crashed", "unknown", "inferred")),
    "failed, no log": ({"values": GOOD_CUT, "state": "failed", "exit_code": 1}, ("crashed", "unknown", "observed")),
    "killed, no rule": (
        {"values": BAD_AT_BAND, "state": "killed", "rule": False}, ("stopped_by_user", None, "inferred")),
    "killed while the rule was false": ({"values": GOOD_CUT, "state": "killed"}, ("stopped_by_user", None, "inferred")),
    "Ctrl-C while the rule was false": (
        {"values": GOOD_CUT, "state": "failed", "exit_code": 255}, ("stopped_by_user", None, "observed")),
    "KeyboardInterrupt, no exit code": (
        {"values": GOOD_CUT, "state": "killed", "log_tail": raised("KeyboardInterrupt")},
        ("stopped_by_user", None, "observed")),
    "asked to stop while the rule was false": (
        {"values": GOOD_CUT, "stop_requested": True}, ("stopped_by_user", None, "observed")),
    "handled import error, then gone": (
        {"values": GOOD_CUT, "log_tail": HARMLESS["handled, then killed"]}, ("crashed", "unknown", "inferred")),
    "ended in NaN": ({"values": [*GOOD_CUT, np.nan]}, ("crashed", "diverged", "inferred")),
    "GPU full": ({"values": GOOD_CUT, "gpu_memory_peak": 0.99}, ("crashed", "out_of_memory", "inferred")),
    "SIGKILL with the host full": (
        {"values": [*GOOD_CUT, np.nan], "state": "failed", "exit_code": 137, "host_memory_peak": 0.98},
        ("crashed", "out_of_memory", "observed")),
    "preempted": ({"values": GOOD_CUT, "state": "preempted"}, ("crashed", "preempted", "observed")),
    "finished in NaN": (
        {"values": [0.3] * 19 + [np.nan], "state": "finished", "exit_code": 0}, ("completed", None, "observed")),
    # Runs that have not ended, or never began.
    "pending": ({"values": [], "state": "pending"}, ("never_started", None, "observed")),
    "running": ({"values": GOOD_CUT, "state": "running"}, ("running", None, "observed")),
    "running, but gone for a day": (
        {"values": GOOD_CUT, "state": "running", "ended_at": START - 86_400.0}, ("crashed", "unknown", "inferred")),
    "preempting, but gone for a day": (
        {"values": GOOD_CUT, "state": "preempting", "ended_at": START - 86_400.0},
        ("crashed", "preempted", "observed")),
    "failed within a second, nothing left": (
        {"values": [], "state": "crashed", "runtime_s": 1.0}, ("never_started", None, "inferred")),
    "crashed after an hour, nothing logged": (
        {"values": [], "state": "crashed", "runtime_s": 3600.0}, ("crashed", "unknown", "inferred")),
    "killed before its first block (offline)": (
        {"values": [], "state": "crashed", "runtime_s": 1.0, "sweep": {"source_kind": "offline"}},
        ("crashed", "unknown", "inferred")),
    "start-up error": (
        {"values": [], "state": "failed", "exit_code": 1, "log_tail": DECISIVE["key error"][1][2:], "runtime_s": 1.0},
        ("crashed", "code_error", "observed")),
    # Sources that know little.
    "no history, although it came to epoch 6": (
        {"values": [], "progress": 6.0, "history_rows": 0}, ("unknown", None, "unknown")),
    "nothing but the state": (
        {"values": [], "rule": False, "runtime_s": None, "sweep": {"config": None}}, ("unknown", None, "unknown")),
    "a state that W&B does not have": ({"values": GOOD_CUT, "state": "???"}, ("unknown", None, "unknown")),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_table(name: str) -> None:
    """Law: each row of the table in ``adjudicate``'s docstring decides as it says, first row first."""
    given_run, expected = CASES[name]
    outcome = _judge(**given_run)
    assert (outcome.label, outcome.cause, outcome.grade) == expected, outcome


def test_a_decisive_log_keeps_the_rule_as_contradiction() -> None:
    """Law: evidence that points elsewhere is kept: a crash at the band says that the rule was true as well."""
    outcome = _judge(BAD_AT_BAND, log_tail=OOM_LOG)
    assert outcome.crash_probability == (1.0, 1.0)
    assert any("rule was true" in told for told in outcome.contradictions)
    assert any(piece.line is not None and "CUDA out of memory" in piece.line for piece in outcome.evidence)


def test_silent_failure_is_completed_and_named() -> None:
    """Law: a run that finished in NaN is completed, and the contradiction says that it failed silently."""
    outcome = _judge([0.3] * 19 + [np.nan], state="finished", exit_code=0, summary_nonfinite=("val/acc",))
    assert any("failed silently" in told for told in outcome.contradictions)


def test_ctrl_c_while_the_rule_was_true_is_doubtful() -> None:
    """Law: W&B's stop and a person's Ctrl-C look the same: neither is a crash, and the label says so."""
    outcome = _judge(BAD_AT_BAND, state="failed", exit_code=255)
    assert 0.5 <= outcome.probability < 1.0
    assert outcome.crash_probability == (0.0, 0.0)
    assert "Ctrl-C by a person would look the same." in outcome.contradictions


def test_unknown_runs_leave_the_crash_open() -> None:
    """Law: where nothing is known the chance of a crash is anything from 0 to 1."""
    assert _judge([], progress=6.0, history_rows=0).crash_probability == (0.0, 1.0)


def test_a_flag_that_is_kept_speaks_by_its_absence() -> None:
    """Law: where W&B says which runs were asked to stop, one that was not asked was not stopped by the rule."""
    flagged = [replace(run, stop_requested=run.state == "crashed") for run in _field()]
    about = make_run("it", BAD_AT_BAND, state="crashed", start=START + 9000, lag_s=20, stop_requested=False)
    outcomes = adjudicate(make_sweep([*flagged, about], early_terminate=HYPERBAND, budget=20.0))
    assert outcomes["it"].label == "crashed"
    assert {outcomes[f"stop-{i}"].label for i in range(6)} == {"early_stopped"}


def test_now_decides_whether_a_running_run_is_gone() -> None:
    """Law: a running run is held against ``now``; an hour without a sign of life means that it is gone."""
    run = make_run("it", GOOD_CUT, state="running")
    assert run.ended_at is not None
    sweep = make_sweep([run], budget=20.0)
    assert adjudicate(sweep, now=run.ended_at + 60)["it"].label == "running"
    assert adjudicate(sweep, now=run.ended_at + 7200)["it"].label == "crashed"


def test_a_rule_that_wandb_could_not_run_stops_nobody() -> None:
    """Law: a broken early_terminate is no rule; the runs are judged without it."""
    sweep = make_sweep(_field(), early_terminate={"type": "hyperband", "max_iter": 20})
    assert stopping_rule(sweep) is None
    assert {outcome.label for outcome in adjudicate(sweep).values()} == {"completed", "crashed"}


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_tiny_sweeps(runs: int) -> None:
    """Law: no sweep is too small to be judged."""
    sweep = make_sweep(_field()[:runs], early_terminate=HYPERBAND)
    assert set(adjudicate(sweep)) == {run.id for run in sweep.runs}


def _shuffled(sweep: Sweep, seed: int) -> Sweep:
    runs = list(sweep.runs)
    Random(seed).shuffle(runs)
    return replace(sweep, runs=tuple(runs))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["known", "coarse", "missing"]))
def test_order_of_runs_does_not_matter(seed: int, times: str) -> None:
    """Law: outcomes depend on the runs, not on the order in which a source lists them."""
    sweep = simulate(seed, runs=25).sweep
    sweep = sweep if times == "known" else without_times(sweep, keep_ends=times == "coarse")
    one, other = adjudicate(sweep), adjudicate(_shuffled(sweep, seed))
    for run_id, outcome in one.items():
        assert outcome.label == other[run_id].label
        assert outcome.probability == pytest.approx(other[run_id].probability)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_minimising_the_negative_is_maximising(seed: int) -> None:
    """Law: minimise(-x) equals maximise(x), outcome by outcome."""
    sweep = simulate(seed, runs=25).sweep
    negated = [replace(run, metric=-run.metric, best=None if run.best is None else -run.best) for run in sweep.runs]
    other = make_sweep(negated, goal="minimize", early_terminate=HYPERBAND, budget=sweep.budget)
    for one, two in zip(adjudicate(sweep).values(), adjudicate(other).values(), strict=True):
        assert (one.label, one.probability, one.crash_probability) == (
            two.label,
            two.probability,
            two.crash_probability,
        )


STATES = ["pending", "running", "finished", "killed", "crashed", "failed", "preempted", "preempting", "", "odd"]
LOGS = [log for _, log in DECISIVE.values()] + list(HARMLESS.values())


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.builds(
            dict,
            values=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=8),
            state=st.sampled_from(STATES),
            exit_code=st.sampled_from([None, 0, 1, 2, 255, 137, 139, 143, -9, -15, 124, 99]),
            stop_requested=st.sampled_from([None, True, False]),
            log_tail=st.sampled_from(LOGS),
            timed=st.booleans(),
            gpu_memory_peak=st.sampled_from([None, 0.4, 0.99, 1.2]),
        ),
        max_size=8,
    ),
    st.booleans(),
    st.booleans(),
)
def test_every_run_gets_an_outcome(described: list[dict[str, Any]], rule: bool, budget: bool) -> None:
    """Law: whatever a source says, each run gets exactly one outcome, and its chances are chances."""
    runs = [make_run(f"r{i}", **fields) for i, fields in enumerate(described)]
    sweep = make_sweep(runs, early_terminate=HYPERBAND if rule else None, budget=8.0 if budget else None)
    outcomes = adjudicate(sweep)
    assert list(outcomes) == [run.id for run in runs]
    for run in runs:
        low, high = outcomes[run.id].crash_probability
        assert 0.0 <= low <= high <= 1.0
        assert outcomes[run.id].evidence[0].kind == "state"
        if outcomes[run.id].label == "crashed":
            assert high > 0.0


def test_a_missing_exit_code_says_nothing_where_none_are_kept() -> None:
    """A source without exit codes (a server, a table) does not make every crash look like a SIGKILL."""
    silent = [make_run("a", [0.1], state="crashed"), make_run("b", [0.2], state="finished")]
    kept = [silent[0], make_run("b", [0.2], state="finished", exit_code=0)]
    for runs, expected in ((silent, False), (kept, True)):
        found = adjudicate(make_sweep(runs))["a"].evidence
        assert any("No exit was recorded" in item.text for item in found) is expected
