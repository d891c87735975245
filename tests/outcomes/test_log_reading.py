"""Which line of a log ended the run: corpora of real wordings, and laws."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersweep.analysis.outcomes.log_patterns import PATTERNS
from aftersweep.analysis.outcomes.log_reading import LONGEST_LINE, read_log

from .logs import DECISIVE, FRAMES, HARMLESS, LIFE, TORCH_OOM, WANDB_END, raised


@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize("name", DECISIVE)
def test_the_line_that_ended_the_run_is_found(name: str, failed: bool) -> None:
    """Law: with or without an exit record, the last words of a program that died name the cause."""
    cause, log = DECISIVE[name]
    reading = read_log(log, failed=failed)
    assert reading.pattern is not None
    assert (reading.decisive, reading.pattern.cause) == (True, cause), reading
    assert any(reading.line in line for line in log if reading.line is not None)


@pytest.mark.parametrize("name", HARMLESS)
def test_words_that_only_look_bad_decide_nothing(name: str) -> None:
    """Law: what the run survived, or what is only talk, decides nothing."""
    reading = read_log(HARMLESS[name], failed=False)
    assert not reading.decisive
    assert reading.loss_line is None


@pytest.mark.parametrize("name", DECISIVE)
def test_training_that_goes_on_overrules_any_failure(name: str) -> None:
    """Law: a line of training after a failure makes it one that the run survived."""
    _, log = DECISIVE[name]
    assert not read_log((*log, "Epoch 7/20 - loss: 0.31 - val/acc: 0.70"), failed=False).decisive


@pytest.mark.parametrize("name", DECISIVE)
def test_what_wandb_prints_at_the_end_changes_nothing(name: str) -> None:
    """Law: wandb's own lines, blank lines and rules at the end leave the reading as it is."""
    _, log = DECISIVE[name]
    assert read_log((*log, *WANDB_END, "", "=========="), failed=False) == read_log(log, failed=False)


def test_an_exit_record_allows_more_lines_after_the_exception() -> None:
    """Law: what exit handlers print does not hide an exception where the exit code says that one ended the run."""
    log = (*LIFE, *FRAMES, "KeyError: 'x'", *(f"closing worker {name}" for name in "abcdef"))
    assert read_log(log, failed=True).decisive
    assert not read_log(log, failed=False).decisive


@pytest.mark.parametrize("line", ["Killed", "train.sh: line 12: 41233 Killed                  python train.py"])
def test_a_bare_kill_is_seen_and_does_not_decide(line: str) -> None:
    """Law: SIGKILL comes from the kernel, a scheduler, an agent or a person: the line does not say whose it was."""
    reading = read_log((*LIFE, line), failed=False)
    assert reading.pattern is not None
    assert not reading.decisive


def test_interruption_is_told_from_a_crash() -> None:
    """Law: KeyboardInterrupt speaks for a stop, also where workers complain after it."""
    log = (*raised("KeyboardInterrupt"), *FRAMES, "RuntimeError: DataLoader worker (pid(s) 12) exited unexpectedly")
    reading = read_log(log, failed=True)
    assert reading.pattern is not None
    assert reading.pattern.supports == "stopped_by_user"


def test_a_loss_that_ends_as_nan_is_shown() -> None:
    """Law: the last printed loss counts, and wandb's summary does not."""
    assert read_log((*LIFE, "step 900 loss: nan lr 0.1"), failed=False).loss_line == "step 900 loss: nan lr 0.1"
    assert read_log((*LIFE, *WANDB_END), failed=False).loss_line is None


@given(st.lists(st.text(max_size=80), max_size=30), st.booleans())
def test_any_text_can_be_read(lines: list[str], failed: bool) -> None:
    """Law: no log, however strange, makes the reader fail, and a quoted line is never longer than allowed."""
    reading = read_log(lines, failed=failed)
    assert len(reading.line or "") <= LONGEST_LINE


CONFUSING = (
    "loss ", "a.", "Error: nan ", "%|", "100%|", "CANCELLED AT ", '  File "', "\r", "loss is ", "Epoch ", "(pid ",
    "DataLoader worker (pid", "wandb", "gloo/transport/", "saving ", "╭", "1: ", "x" * 499_999 + "\r", " ", "loss:",
)  # fmt: skip


@pytest.mark.parametrize("unit", CONFUSING, ids=lambda unit: repr(unit[:12]))
def test_hostile_lines_are_read_in_linear_time(unit: str) -> None:
    """Law: two hundred lines of half a megabyte each, made to confuse, are read within seconds."""
    line = unit * (500_000 // len(unit))
    begun = time.process_time()
    read_log([line] * 200, failed=True)
    assert time.process_time() - begun < 10.0


def test_a_long_line_is_cut() -> None:
    """Law: what is kept of a line is at most 2,000 characters, and the failure at its head is still found."""
    reading = read_log((*LIFE, *FRAMES, TORCH_OOM + " x" * 100_000), failed=True)
    assert len(reading.line or "") == LONGEST_LINE
    assert reading.decisive


WORDINGS = (
    "PBS: job killed: walltime 3605 exceeded limit 3600",
    "TERM_RUNLIMIT: job killed after reaching LSF run time limit.",
    "slurmstepd: error: *** JOB 9 ON n1 CANCELLED AT 2024-05-01T12:00:09 DUE TO NODE FAILURE, SEE SLURMCTLD LOG ***",
    "preemption notice received, saving state",
    "google: compute.instances.preempted",
    "terminate called after throwing an instance of 'std::bad_alloc'\r  what():  std::bad_alloc",
    "OSError: [Errno 12] Cannot allocate memory",
    "Memory cgroup out of memory: Killed process 7 (python)",
    "ERROR: Unexpected bus error. This might be caused by insufficient shared memory (shm).",
    "pod terminated: OOMKilled",
    "Loss is not finite, aborting",
    "Fatal Python error: Segmentation fault",
    "Signal 9 (SIGKILL) received by PID 12",
    "Terminated",
    "OSError: [Errno 116] Stale file handle",
    "RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
)


@pytest.mark.parametrize("line", WORDINGS)
def test_further_wordings_are_known(line: str) -> None:
    """Law: each of these last lines has a meaning."""
    assert read_log((*LIFE, line), failed=False).pattern is not None


def test_every_pattern_is_exercised() -> None:
    """Law: each pattern that decides has an example in the corpora or among the wordings, and passes the hints."""
    logs = [log for _, log in DECISIVE.values()] + [(*LIFE, line) for line in WORDINGS] + [raised("KeyboardInterrupt")]
    logs += [(*LIFE, "slurmstepd: error: *** JOB 9 CANCELLED AT 2024-05-01T12:00:09 ***")]
    seen = {id(read_log(log, failed=True).pattern) for log in logs}
    assert [pattern.text for pattern in PATTERNS if pattern.decides and id(pattern) not in seen] == []
