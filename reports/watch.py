"""``report --watch``: the page of a sweep that still runs, read again and renewed until the sweep has ended.

A server says itself when a sweep has ended. A folder of offline runs says it nowhere: there the sweep has ended when no
run runs and nothing was written for QUIET_S, for an agent takes a while from one run to the next.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import tenacity

from ..analysis.errors import AftersweepError, NetworkError, UsageError
from .console import say, showing_progress
from .format import number, plural
from .formats import STDOUT, Wanted
from .hostile import visible
from .job import Job, analysed, read_resolved
from .output import check, summary, write

if TYPE_CHECKING:
    from ..analysis.archive.store import Archive
    from ..analysis.resolve import Request, Resolved
    from ..analysis.results.postmortem import PostMortem
    from ..analysis.types import Sweep
    from .job import Found

DEFAULT_S = 60.0
LEAST_S = 10.0
"""Seconds between two readings; a server is not to be asked more often."""
QUIET_S = 300.0
LONGEST_WAIT_S = 600.0
"""At most so many seconds until the next try where a server does not answer."""
GOING = ("RUNNING", "PENDING", "PAUSED")
"""States of a sweep on a server that more runs may follow."""
_FIXED = {"sample": "a bundled sample", "archive": "an archived sweep", "export": "an export"}


@dataclass
class Watch:
    """One watched report."""

    job: Job
    archive: Archive
    wanted: Wanted
    seconds: float = DEFAULT_S
    quiet: bool = False
    sleep: Callable[[float], None] = field(default=time.sleep)
    clock: Callable[[], float] = field(default=time.time)
    _digest: str = ""
    _told: str = ""
    _result: PostMortem | None = None

    def run(self) -> None:
        """Read, write and wait, until the sweep has ended or Ctrl-C; what is written then renews itself no more.

        Raises UsageError for what cannot be watched, and what the first reading raises. Later a server that does not
        answer is asked again, less and less often; any other error ends the watch, and the last page stays, whole.
        """
        self._check()
        try:
            self._renew(self._read(first=True))
            while self._result is None or not has_ended(self._result, self.clock()):
                self.sleep(self.seconds)
                self._renew(self._read(first=False))
            ending = "the sweep has ended"
        except KeyboardInterrupt:
            if self._result is None:
                raise
            ending = "no longer watched"
        except AftersweepError:
            if self._result is not None:
                write(self._result, self.wanted)
            raise
        write(self._result, self.wanted)
        if not self.quiet:
            say(f"{ending}: the page stays as it is")

    def _check(self) -> None:
        if not self.seconds >= LEAST_S:
            raise UsageError(f"--every {number(self.seconds)}: at least {number(LEAST_S)} seconds")
        if self.wanted.output == STDOUT:
            raise UsageError("--watch renews a file, and -o - is standard output; name a file")
        check(self.wanted)
        for request in self.job.requests:
            kind = self._resolved(request).kind
            if kind in _FIXED:
                raise UsageError(
                    f"--watch: '{request.word}' is {_FIXED[kind]}, which does not change by itself; name the sweep on "
                    "its server (ENTITY/PROJECT/SWEEP) or the folder of its runs"
                )

    def _resolved(self, request: Request) -> Resolved:
        """What the word means now; an archived copy of a server's sweep counts only where it is asked for."""
        from ..analysis.resolve import resolve

        found = resolve(request, self.archive)
        return resolve(request, self.archive, fresh=True) if found.kind == "archive" and not request.source else found

    def _read(self, *, first: bool) -> Found:
        if first:
            with showing_progress(self.quiet) as progress:
                return [
                    read_resolved(
                        request.word, self._resolved(request), self.archive, progress, self.quiet, several=self._several
                    )
                    for request in self.job.requests
                ]
        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(NetworkError),
            wait=tenacity.wait_exponential(multiplier=self.seconds, max=max(self.seconds, LONGEST_WAIT_S)),
            sleep=self.sleep,
            before_sleep=self._tell_trouble,
        )
        return again(self._read_quietly)

    def _read_quietly(self) -> Found:
        return [
            read_resolved(request.word, self._resolved(request), self.archive, None, True, several=self._several)
            for request in self.job.requests
        ]

    @property
    def _several(self) -> bool:
        return len(self.job.requests) > 1

    def _tell_trouble(self, state: tenacity.RetryCallState) -> None:
        if not self.quiet and state.attempt_number == 1 and state.outcome is not None:
            say(f"{state.outcome.exception()} The page stays as it is meanwhile; asked again, less and less often.")

    def _renew(self, found: Found) -> None:
        """Analyse and write where anything is new."""
        digest = _digest(found)
        if digest == self._digest:
            return
        first = self._result is None
        self._result, self._digest = analysed(self.job, found), digest
        ended = has_ended(self._result, self.clock())
        contents = write(self._result, self.wanted, renew=0 if ended else round(self.seconds))
        if self.quiet:
            return
        if first:
            summary(self._result, contents)
        told = _in_a_line(self._result)
        if told != self._told:
            say(f"{time.strftime('%H:%M:%S', time.localtime(self.clock()))} {told}")
            self._told = told


def has_ended(result: PostMortem, now: float) -> bool:
    """True where no more is to come: no run runs, and each sweep has ended by its server's word or its silence.

    now: seconds since 1970.
    """
    if any(outcome.label == "running" for outcome in result.outcomes.values()):
        return False
    return all(_is_over(sweep, now) for sweep in result.sweep.parts or (result.sweep,))


def _is_over(sweep: Sweep, now: float) -> bool:
    if sweep.source_kind == "server":
        return sweep.state not in GOING
    latest = max((run.ended_at for run in sweep.runs if run.ended_at is not None), default=0.0)
    return now - latest > QUIET_S


def _digest(found: Found) -> str:
    from ..analysis.archive.codec import content_hash

    whole = hashlib.sha256()
    for sweep, runs in found:
        whole.update(f"{sweep.id!r} {sweep.state!r} {len(runs)}\n".encode("utf-8", "backslashreplace"))
        for run in runs:
            whole.update(content_hash(run).encode())
    return whole.hexdigest()


def _in_a_line(result: PostMortem) -> str:
    best = max if result.metric.goal == "maximize" else min
    values = [run.best for run in result.sweep.runs if run.best is not None]
    logged = sum(run.metric.size for run in result.sweep.runs)
    return (
        f"{plural(result.status.total, 'run')}, {result.status.outcomes.get('running', 0)} running, "
        f"{plural(logged, 'value')} of {visible(result.metric.name)} logged, "
        f"best {number(best(values)) if values else 'not known'}"
    )
