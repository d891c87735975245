"""What runs leave behind: exit codes, flags, numbers, memory and progress."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aftersweep.analysis.outcomes.evidence import came_full, read_evidence, signal_of
from aftersweep.analysis.types import Evidence

from ..factories import make_run
from .logs import DECISIVE, HARMLESS, LIFE, raised


def _evidence(values: list[float] | None = None, *, budget: float | None = 20.0, **fields: Any) -> dict[str, Evidence]:
    run = make_run(values=values or [0.1, 0.2], **({"state": "crashed"} | fields))
    return {piece.kind: piece for piece in read_evidence(run, progress_unit="epochs", budget=budget)}


@pytest.mark.parametrize(
    ("code", "supports", "cause", "decisive"),
    [
        (0, "completed", None, False),
        (1, "crashed", None, False),
        (255, "stopped_by_user", None, False),
        (130, "stopped_by_user", None, False),
        (137, "crashed", None, False),
        (-9, "crashed", None, False),
        (143, "stopped_by_user", None, False),
        (139, "crashed", "code_error", True),
        (-11, "crashed", "code_error", True),
        (124, "crashed", "preempted", True),
    ],
)
def test_exit_codes(code: int, supports: str, cause: str | None, decisive: bool) -> None:
    """Law: an exit code says what W&B, the shell and Python mean by it, and no more."""
    piece = _evidence(exit_code=code)["exit_code"]
    assert (piece.supports, piece.cause, piece.decisive) == (supports, cause, decisive)
    assert str(code) in piece.text


def test_no_exit_record_is_told() -> None:
    """Law: a run without an exit record says so; a running one has nothing to say yet."""
    assert "No exit was recorded" in _evidence()["exit_code"].text
    assert "exit_code" not in _evidence(state="running")


@pytest.mark.parametrize(("code", "number"), [(None, None), (1, None), (255, None), (137, 9), (-15, 15), (128, None)])
def test_signals(code: int | None, number: int | None) -> None:
    """Law: 128 + n and -n stand for signal n."""
    assert signal_of(code) == number


def test_log_lines_are_quoted_word_for_word() -> None:
    """Law: the deciding line is kept as it was, and hostile text stays text."""
    piece = _evidence(log_tail=raised("ValueError: <script>alert(1)</script>"))["log"]
    assert piece.decisive
    assert piece.line == "ValueError: <script>alert(1)</script>"
    assert "script" not in piece.text


def test_a_survived_failure_speaks_for_completion() -> None:
    """Law: a failure that the run survived is shown, and does not speak for a crash."""
    piece = _evidence(log_tail=HARMLESS["memory survived"])["log"]
    assert (piece.supports, piece.decisive) == ("completed", False)


@pytest.mark.parametrize(("state", "code"), [("finished", None), ("failed", 0)])
def test_a_recorded_good_end_makes_an_exception_a_handled_one(state: str, code: int | None) -> None:
    """Law: where the exit was normal and the budget reached or unknown, an exception in the log was handled."""
    log = DECISIVE["key error"][1]
    for budget in (2.0, None):
        assert not _evidence(state=state, exit_code=code, log_tail=log, budget=budget)["log"].decisive
    assert _evidence(state=state, exit_code=code, log_tail=log, budget=20.0)["log"].decisive


@pytest.mark.parametrize("peak", [0.97, 1.0, 1.3])
def test_full_memory_supports_and_does_not_decide(peak: float) -> None:
    """Law: memory near its limit supports out_of_memory; alone it decides nothing."""
    for name in ("gpu_memory_peak", "host_memory_peak"):
        piece = _evidence(**{name: peak})["system"]
        assert (piece.cause, piece.decisive) == ("out_of_memory", False)
    assert "system" not in _evidence(gpu_memory_peak=0.9)


def test_numbers_that_ended_in_nan_are_named() -> None:
    """Law: what counts is how the numbers ended; a NaN that the run recovered from is no evidence."""
    assert "history" not in _evidence([0.1, np.nan, 0.2], nonfinite={"val/acc": 2.0})
    assert "val/acc" in _evidence([0.1, np.nan], nonfinite={"val/acc": 2.0})["history"].text
    assert "train/loss" in _evidence(summary_nonfinite=("train/loss",))["history"].text


def test_loss_in_the_log() -> None:
    """Law: a log that ends in a loss of NaN supports divergence."""
    assert _evidence(log_tail=(*LIFE, "step 9 train_loss=nan"))["log"].cause == "diverged"


def test_progress() -> None:
    """Law: 95 % of the budget is the whole way; without a budget nobody can say."""
    assert _evidence([0.1] * 19, budget=20.0)["progress"].supports == "completed"
    assert "progress" not in _evidence(budget=None)
    assert not came_full(make_run(values=[0.1]), None)
    assert "It may have stopped itself." in _evidence(state="finished", exit_code=0)["progress"].text
