"""The agent: proposes, starts, looks, stops, records, until the sweep is over or somebody ends it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from ...analysis.sweepfile.hyperband import should_stop
from .journal import Journal, Trial
from .plan import Plan, alone, new_id, read_plan
from .sampling import nested, propose
from .trial import GRACE_S, LocalProcess, Running, Task, command_of, write_parameters

LOOK_EVERY_S = 1.0
FAILED_IN_A_ROW = 5
"""So many first trials that fail end the agent: the program does not run at all (W&B's agent does the same)."""

Start = Callable[[Task], Running]
Tell = Callable[[str, Trial], None]
"""Called with 'started' or 'ended' and the trial."""


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
        first = self.trials[:FAILED_IN_A_ROW]
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
        parameters = nested(self.plan, values)
        _, as_json = write_parameters(self.plan.out, self.plan.sweep_id, trial.run_id, parameters)
        command = command_of(self.plan.config.raw, parameters, as_json)
        names = {
            "WANDB_PROJECT": self.plan.config.raw.get("project"),
            "WANDB_ENTITY": self.plan.config.raw.get("entity"),
        }
        extra = {name: value for name, value in names.items() if isinstance(value, str)}
        trial.started_at = time.time()
        self.journal.write(self.plan.sweep_id, trial)
        self.journal.trials[trial.run_id] = trial
        try:
            task = Task(trial.run_id, self.plan.sweep_id, str(self.plan.out), command, parameters, extra)
            self.running[trial.run_id] = self.start(task)
        except BaseException:
            trial.ended_at, trial.abandoned = time.time(), True
            self.journal.write(self.plan.sweep_id, trial)
            raise
        self.tell("started", trial)
        return None

    def look(self) -> None:
        """Reads what the running trials have logged, stops those that the rule stops, records those that have ended."""
        metric = self.plan.config.metric
        for run_id, process in list(self.running.items()):
            trial = self.journal.trials[run_id]
            ended = process.ended()  # before the values: what it logged last is read after it has ended
            if metric is not None:
                trial.values += process.values(metric.name)
            if ended is not None:
                self._record(trial, ended)
        if self.plan.rule is None or metric is None:
            return
        histories = [trial.values for trial in self.trials]
        for run_id, process in self.running.items():
            trial = self.journal.trials[run_id]
            if trial.stop_requested or should_stop(trial.values, histories, self.plan.rule, metric.sign):
                trial.stop_requested = True
                process.stop()

    def _record(self, trial: Trial, ended: tuple[int | None, int | None]) -> None:
        trial.exit_status, trial.signal = ended
        trial.ended_at = time.time()
        del self.running[trial.run_id]
        self.journal.write(self.plan.sweep_id, trial)
        self.tell("ended", trial)

    def run(self, look_every: float) -> str:
        """Until nothing runs and nothing more may be started; why."""
        why = None
        while True:
            while why is None and len(self.running) < self.jobs:
                why = self.launch()
            if not self.running and why is not None:
                return why
            self._pass_on()
            time.sleep(look_every)
            self.look()
            why = self.may_start() if why in (None, "failing") else why
            if self.interrupts:
                why = "interrupted"

    def _pass_on(self) -> None:
        """An interrupt ends the trials: the first asks them to, the second kills them."""
        for run_id, process in self.running.items():
            if self.interrupts:
                self.journal.trials[run_id].stop_requested = True
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
    tell: Tell = lambda _what, _trial: None,
) -> AgentResult:
    """Runs a sweep file in ``out``, or goes on with it, until ``count`` trials in all have been started and have ended.

    jobs: trials side by side. look_every: seconds between two looks at the running trials (W&B's controller looks at
    times too: a run goes on for a while after the rule would stop it). start: where trials run.

    A trial that an agent's own death ended is abandoned and its proposal run again. SIGINT or SIGTERM ends the running
    trials and the agent; a second one kills them.
    Raises UsageError and FormatError for what cannot be run.
    """
    plan = read_plan(sweep_file, out)
    with alone(plan.out):
        journal = Journal(plan.journal)
        try:
            agent = _Agent(plan, journal, start, tell, count, jobs)
            _take_up(plan, journal)
            with _counting(agent):
                try:
                    why = agent.run(look_every)
                except BaseException:
                    _end(agent)
                    raise
            return AgentResult(plan.sweep_id, plan.out, agent.trials, why)
        finally:
            journal.close()


def _take_up(plan: Plan, journal: Journal) -> None:
    """What an earlier agent left: histories are read again; trials without an end died with it."""
    from .trial import Rows

    for trial in journal.trials.values():
        if plan.config.metric is not None:
            rows = Rows(plan.history(trial.run_id), plan.out / "wandb", trial.run_id)
            trial.values = rows.new(plan.config.metric.name)
        if not trial.ended:
            trial.ended_at, trial.abandoned, trial.stop_requested = time.time(), True, True
            journal.write(plan.sweep_id, trial)


def _end(agent: _Agent) -> None:
    """No trial outlives a fault of the agent."""
    for process in agent.running.values():
        process.stop()
    until = time.monotonic() + GRACE_S
    while agent.running and time.monotonic() < until:
        agent.look()
        time.sleep(0.1)
    for process in agent.running.values():
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
