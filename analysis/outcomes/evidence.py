"""What a run left behind that speaks for one end or another, apart from the sweep's rule.

Exit codes as W&B records them: 0 after a normal end, 1 after an exception, 255 after Ctrl-C (the client's own stop
raises the same KeyboardInterrupt), none after SIGKILL, SIGTERM or a lost host. Shells write 128 + the signal's
number, Python's subprocess the negative number.

Only evidence that is ``decisive`` settles an outcome by itself; ``adjudicate`` weighs the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..types import CAUSES, Cause, Evidence, OutcomeLabel, Run
from .log_patterns import INTERRUPTED
from .log_reading import LogReading, read_log

FULL = 0.95  # of the budget: a run that came so far did what it was meant to do
NEAR_FULL_MEMORY = 0.97
FAILURE_KEY = "failure/cause"
"""The summary key under which our trainer names what ended it."""

_SIGNALS: dict[int, tuple[str, OutcomeLabel, Cause | None]] = {
    2: ("SIGINT", "stopped_by_user", None),
    4: ("SIGILL", "crashed", "code_error"),
    6: ("SIGABRT", "crashed", "code_error"),
    7: ("SIGBUS", "crashed", "code_error"),
    8: ("SIGFPE", "crashed", "code_error"),
    9: ("SIGKILL", "crashed", None),
    11: ("SIGSEGV", "crashed", "code_error"),
    15: ("SIGTERM", "stopped_by_user", None),
}


def read_evidence(
    run: Run, *, progress_unit: str, budget: float | None, exits_kept: bool = True
) -> tuple[Evidence, ...]:
    """All that speaks for an end of this run, in the order: exit, flag, trainer, log, numbers, memory, progress.

    progress_unit, budget: those of the sweep (``Sweep.progress_unit``, ``Sweep.budget``). exits_kept: whether the
    source keeps exit codes at all; where it does not, a missing one says nothing.
    """
    return (
        *_exit(run, exits_kept),
        *_flag(run),
        *_named_by_trainer(run),
        *_log(run, read_log(run.log_tail, failed=_failed(run)), budget),
        *_numbers(run),
        *_memory(run),
        *_progress(run, progress_unit, budget),
    )


def signal_of(exit_code: int | None) -> int | None:
    """The number of the signal that an exit code stands for; None where it stands for none."""
    if exit_code is None:
        return None
    number = -exit_code if exit_code < 0 else exit_code - 128
    return number if number in _SIGNALS else None


def came_full(run: Run, budget: float | None) -> bool:
    """True where the run reached its budget; False where it did not or where no budget is known."""
    return budget is not None and budget > 0 and run.progress >= FULL * budget


def ends_in_nonfinite(run: Run) -> bool:
    """True where the run's last word on some metric is NaN or infinite."""
    last = bool(run.metric.size) and not math.isfinite(run.metric[-1])
    return last or bool(run.summary_nonfinite)


def _failed(run: Run) -> bool:
    return (run.exit_code is not None and run.exit_code not in (0, 255)) or run.state == "failed"


def _exit(run: Run, exits_kept: bool) -> Iterator[Evidence]:
    code = run.exit_code
    if code is None:
        if exits_kept and run.state in ("crashed", "killed"):
            yield Evidence(
                kind="exit_code",
                text="No exit was recorded, as after SIGKILL, SIGTERM or a lost host.",
                supports="crashed" if run.state == "crashed" else "stopped_by_user",
            )
        return
    signal = signal_of(code)
    if code == 0:
        yield Evidence(kind="exit_code", text="The process ended with exit code 0.", supports="completed")
    elif code == 255:
        text = "Exit code 255: the process was interrupted, by Ctrl-C or by a stop from W&B."
        yield Evidence(kind="exit_code", text=text, supports="stopped_by_user")
    elif code == 124:
        text = "Exit code 124: the process ran past the time that 'timeout' gave it."
        yield Evidence(kind="exit_code", text=text, supports="crashed", cause="preempted", decisive=True)
    elif signal is not None:
        name, supports, cause = _SIGNALS[signal]
        text = f"Exit code {code}: the process was ended by {name}."
        yield Evidence(kind="exit_code", text=text, supports=supports, cause=cause, decisive=cause is not None)
    else:
        text = f"The process ended with exit code {code}, as after an exception."
        yield Evidence(kind="exit_code", text=text, supports="crashed")


def _flag(run: Run) -> Iterator[Evidence]:
    if run.stop_requested:
        text = "W&B was asked to stop this run: by the sweep's rule or by somebody."
        yield Evidence(kind="flag", text=text, supports="stopped_by_user")


def _named_by_trainer(run: Run) -> Iterator[Evidence]:
    named = run.summary.get(FAILURE_KEY)
    if named == "interrupted":
        text = "The training program says that it was interrupted."
        yield Evidence(kind="flag", text=text, supports="stopped_by_user")
    elif isinstance(named, str) and named in CAUSES and named != "unknown":
        text = f"The training program itself names the cause: {named.replace('_', ' ')}."
        yield from (
            Evidence(kind="flag", text=text, supports="crashed", cause=cause, decisive=True)
            for cause in CAUSES
            if cause == named
        )


def _log(run: Run, log: LogReading, budget: float | None) -> Iterator[Evidence]:
    pattern = log.pattern
    handled = (run.exit_code == 0 or (run.exit_code is None and run.state == "finished")) and (
        budget is None or came_full(run, budget)
    )
    if pattern is not None:
        crashed = pattern.supports == "crashed"
        yield Evidence(
            kind="log",
            text=pattern.text,
            supports=pattern.supports,
            cause=(pattern.cause or "unknown") if crashed else None,
            decisive=log.decisive and not handled and pattern is not INTERRUPTED,
            line=log.line,
        )
    elif log.survived is not None:
        text = "The log holds a line of a failure, and the run went on after it."
        yield Evidence(kind="log", text=text, supports="completed", line=log.survived)
    if log.loss_line is not None:
        text = "The last loss that the log shows is not finite."
        yield Evidence(kind="log", text=text, supports="crashed", cause="diverged", line=log.loss_line)


def _numbers(run: Run) -> Iterator[Evidence]:
    if ends_in_nonfinite(run):
        names = ", ".join(sorted({*run.summary_nonfinite, *run.nonfinite})[:5]) or "The sweep's metric"
        text = f"The last logged numbers were not finite: {names}."
        yield Evidence(kind="history", text=text, supports="crashed", cause="diverged")


def _memory(run: Run) -> Iterator[Evidence]:
    for where, peak in (("GPU", run.gpu_memory_peak), ("host", run.host_memory_peak)):
        if peak is not None and peak >= NEAR_FULL_MEMORY:
            text = f"The {where}'s memory was {min(peak, 1.0):.0%} full at its peak."
            yield Evidence(kind="system", text=text, supports="crashed", cause="out_of_memory")


def _progress(run: Run, unit: str, budget: float | None) -> Iterator[Evidence]:
    if budget is None or budget <= 0:
        return
    text = f"It came to {run.progress:g} of {budget:g} {unit.removesuffix('s') if budget == 1 else unit}."
    if came_full(run, budget):
        yield Evidence(kind="progress", text=text, supports="completed")
    elif run.state == "finished":
        yield Evidence(kind="progress", text=f"{text} It may have stopped itself.", supports="completed")
