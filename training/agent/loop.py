"""The agent: proposes, starts, looks, stops, records, until the sweep is over or somebody ends it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from ...analysis.errors import AftersweepError, UsageError
from ...analysis.sweepfile.hyperband import should_stop
from .journal import Journal, Trial
from .leftovers import end_leftovers
from .plan import Plan, alone, claim, new_id, read_sweep
from .sampling import nested, propose
from .trial import GRACE_S, LocalProcess, Rows, Running, Task, command_of, write_parameters

LOOK_EVERY_S = 1.0
TICK_S = 0.1
"""How often the agent asks whether a trial has ended, or somebody wants it to end itself."""
FAILED_IN_A_ROW = 5
"""So many trials that fail before any other end the agent: the program does not run (W&B's agent does the same)."""

Start = Callable[[Task], Running]
Tell = Callable[[str, Trial, Plan], None]
"""Called with 'started' or 'ended', the trial and its sweep."""
Note = Callable[[str], None]
"""Called with a sentence for the user."""


@dataclass
class AgentResult:
    """What an agent did. trials: all of the sweep, those of earlier agents too, oldest first."""

    sweep_id: str
    out: Path
    trials: list[Trial]
    why: str
    """Why it ended: 'count', 'run_cap', 'grid', 'interrupted' or 'failing'."""


@dataclass
class _Agent:
    plan: Plan
    journal: Journal
    start: Start
    tell: Tell
    count: int | None
    jobs: int
    mine: list[Trial] = field(default_factory=list)
    """Those that this agent has started."""
    running: dict[str, Running] = field(default_factory=dict)
    interrupts: int = 0

    @property
    def trials(self) -> list[Trial]:
        """All but those that an earlier agent's death ended."""
        return [trial for trial in self.journal.trials.values() if not trial.abandoned]

    def next_proposal(self) -> int:
        """The lowest number that no trial has taken."""
        taken = {trial.proposal for trial in self.trials}
        return next(number for number in range(len(taken) + 1) if number not in taken)

    def limit(self) -> tuple[int | None, str]:
        caps = [(value, why) for value, why in ((self.count, "count"), (self.plan.cap, "run_cap")) if value is not None]
        return min(caps) if caps else (None, "")

    def may_start(self) -> str | None:
        """None where another trial may be started; else why not."""
        most, why = self.limit()
        if self.interrupts:
            return "interrupted"
        if most is not None and len(self.trials) >= most:
            return why
        first = self.mine[:FAILED_IN_A_ROW]
        failing = len(first) == FAILED_IN_A_ROW and all(trial.ended and not trial.values and not trial.good and
                                                        not trial.stop_requested for trial in first)  # fmt: skip
        return "failing" if failing else None

    def launch(self) -> str | None:
        """Starts the next trial; why none was started, else None."""
        why = self.may_start()
        if why is not None:
            return why
        number = self.next_proposal()
        values = propose(self.plan, number, self.trials)
        if values is None:
            return "grid"
        trial = Trial(new_id(), number, values)
        self.mine.append(trial)
        parameters = nested(self.plan, values)
        _, as_json = write_parameters(self.plan.out, self.plan.sweep_id, trial.run_id, parameters)
        command = command_of(self.plan.config.raw, parameters, as_json)
        names = {
            "WANDB_PROJECT": self.plan.config.raw.get("project"),
            "WANDB_ENTITY": self.plan.config.raw.get("entity"),
        }
        extra = {name: value for name, value in names.items() if isinstance(value, str)}
        task = Task(trial.run_id, self.plan.sweep_id, str(self.plan.out), command, parameters, str(Path.cwd()), extra)
        trial.started_at = time.time()
        self.journal.write(self.plan.sweep_id, trial)
        self.journal.trials[trial.run_id] = trial
        try:
            self.running[trial.run_id] = self.start(task)
        except BaseException:
            trial.ended_at, trial.abandoned = time.time(), True
            self.journal.write(self.plan.sweep_id, trial)
            raise
        self.tell("started", trial, self.plan)
        return None

    def collect(self) -> None:
        """Records the trials that have ended; asks those that do not listen again."""
        for run_id, process in list(self.running.items()):
            trial = self.journal.trials[run_id]
            ended = process.ended()
            if ended is not None:
                self._read(trial, process)  # what it logged last is read after it has ended
                self._record(trial, ended)
            elif trial.stop_requested:
                process.stop()

    def look(self) -> None:
        """Reads what the running trials have logged, and stops those that the rule stops."""
        for run_id, process in self.running.items():
            self._read(self.journal.trials[run_id], process)
        metric, rule = self.plan.config.metric, self.plan.rule
        if rule is None or metric is None:
            return
        histories = [trial.values for trial in self.trials]
        for run_id, process in self.running.items():
            trial = self.journal.trials[run_id]
            if not trial.stop_requested and should_stop(trial.values, histories, rule, metric.sign):
                trial.stop_requested = True
                self.journal.write(self.plan.sweep_id, trial)
                process.stop()

    def _read(self, trial: Trial, process: Running) -> None:
        if self.plan.config.metric is not None:
            trial.values += process.values(self.plan.config.metric.name)

    def _record(self, trial: Trial, ended: tuple[int | None, int | None]) -> None:
        trial.exit_status, trial.signal = ended
        trial.ended_at, trial.stop_requested = time.time(), bool(trial.stop_requested)
        trial.abandoned = trial.abandoned and not trial.good
        del self.running[trial.run_id]
        self.journal.write(self.plan.sweep_id, trial)
        self.tell("ended", trial, self.plan)

    def run(self, look_every: float) -> str:
        """Until nothing runs and nothing more may be started; why."""
        why, next_look = None, time.monotonic()
        while True:
            while why is None and len(self.running) < self.jobs:
                why = self.launch()
            if not self.running and why is not None:
                return why
            self.interrupt()
            time.sleep(min(look_every, TICK_S))
            self.collect()
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + look_every
                self.look()
            why = self.may_start() if why in (None, "failing") else why
            if self.interrupts:
                why = "interrupted"

    def interrupt(self) -> None:
        """An interrupt ends the trials: the first asks them to, the second kills them."""
        for run_id, process in self.running.items():
            trial = self.journal.trials[run_id]
            if self.interrupts and not trial.stop_requested:
                trial.stop_requested = trial.abandoned = True
                process.stop()
            if self.interrupts > 1:
                process.kill()


def run_agent(
    sweep_file: Path,
    *,
    out: Path,
    count: int | None = None,
    jobs: int = 1,
    look_every: float = LOOK_EVERY_S,
    start: Start = LocalProcess,
    tell: Tell = lambda _what, _trial, _plan: None,
    note: Note = lambda _words: None,
) -> AgentResult:
    """Runs a sweep file in ``out``, or goes on with it, until ``count`` trials in all have been started and have ended.

    jobs: trials side by side. look_every: seconds between two looks at the running trials (W&B's controller looks at
    times too: a run goes on for a while after the rule would stop it). start: where trials run.

    SIGINT or SIGTERM ends the running trials and the agent; a second one kills them. A trial that ended with its agent,
    whatever ended that, is abandoned: it stays in the journal, and its proposal is run again.
    Raises UsageError and FormatError for what cannot be run, or can no longer be written down.
    """
    sweep = read_sweep(sweep_file)
    for words in sweep.warnings:
        note(words)
    with alone(out):
        plan = claim(sweep, out)
        journal = Journal(plan.journal)
        try:
            agent = _Agent(plan, journal, start, tell, count, jobs)
            _take_up(plan, journal, note)
            with _counting(agent):
                try:
                    why = agent.run(look_every)
                except OSError as error:
                    _end(agent)
                    raise UsageError(
                        f"the sweep cannot go on in '{out}': {error}; once that is mended, the same command goes on"
                    ) from None
                except BaseException:
                    _end(agent)
                    raise
            return AgentResult(plan.sweep_id, plan.out, agent.trials, why)
        finally:
            journal.close()


def _take_up(plan: Plan, journal: Journal, note: Note) -> None:
    """What an earlier agent left: trials without an end are ended, histories are read again."""
    lost = [trial for trial in journal.trials.values() if not trial.ended]
    alive = end_leftovers([plan.history(trial.run_id) for trial in lost])
    if journal.trials:
        note(f"goes on with sweep {plan.sweep_id}: {len(journal.trials) - len(lost)} trials have ended")
    if lost:
        ended = f", and {alive} processes that were left of them were ended" if alive else ""
        note(f"trials that were lost with their agent: {len(lost)}{ended}")
    for trial in journal.trials.values():
        if plan.config.metric is not None:
            rows = Rows(plan.history(trial.run_id), plan.out / "wandb", trial.run_id)
            trial.values = rows.new(plan.config.metric.name)
        if not trial.ended:
            trial.abandoned = not trial.stop_requested  # one that the rule had stopped is not run again
            trial.ended_at, trial.stop_requested = time.time(), True
            journal.write(plan.sweep_id, trial)


def _end(agent: _Agent) -> None:
    """No trial outlives a fault of the agent; what can still be written down is."""
    agent.interrupts += 1
    until = time.monotonic() + GRACE_S
    while agent.running and time.monotonic() < until:
        with suppress(AftersweepError, OSError):
            agent.interrupt()
            agent.collect()
        time.sleep(TICK_S)
    for process in agent.running.values():
        with suppress(AftersweepError):
            process.kill()


@contextmanager
def _counting(agent: _Agent) -> Iterator[None]:
    """SIGINT and SIGTERM are counted, and passed on by the loop."""

    def count(_number: int, _frame: FrameType | None) -> None:
        agent.interrupts += 1

    before = {number: signal.signal(number, count) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
