"""One offline run, put together from its files, its console log and its line in an agent's journal.

State. A file tells how its process ended, not what a server made of it; we word it as W&B documents its states
(docs.wandb.ai, "Run states"):

- exit record with code 0: ``finished``; with another one: ``failed``. That includes 255, which the SDK writes after
  Ctrl-C: W&B's documents reserve ``killed`` for runs that its server ordered to stop, which no file records. The
  code is handed over, so that the outcome can say more than the state;
- no exit record: ``crashed``, as the server calls a run whose heartbeats stop; but ``running`` while the file or its
  console log changed in the last 5 minutes (the server's own time-out; a live run writes each 15 seconds) and no
  journal saw the process end;
- a run that marked itself with ``mark_preempting``: ``preempted`` for ``failed`` and ``crashed``, ``preempting`` for
  ``running``.

Several files with one run id are one run that was resumed: histories, logs and configs are joined in time order,
steps that start again are kept, and the last file says how it ended. What a process that was killed had not yet
written, up to 15 seconds, is in no file; so ``history_rows_expected`` is never known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .base import Json, RawRun, history_table
from .datastore import HEADER
from .offline_agent import agent_log, agent_rows
from .offline_console import Console, read_log_tail
from .offline_records import Recording, loss_sentences
from .offline_sweeps import Trail


def raw_run(run_id: str, trail: Trail, recordings: Sequence[Recording], *, fresh: bool) -> RawRun:
    """What the tree holds of one run. fresh: its files changed so lately that it may still run."""
    runs = [recording.run for recording in recordings if recording.run is not None]
    newest = runs[::-1]
    entry, last = trail.entry, recordings[-1] if recordings else Recording()
    rows = [row for recording in recordings for row in recording.rows] or agent_rows(entry)
    system = [row for recording in recordings for row in recording.system_rows]
    elapsed = [recording.elapsed_s for recording in recordings if recording.elapsed_s is not None]
    exit_code = last.exit_code if last.exit_code is not None or entry is None else entry.exit_code
    config = dict(trail.config)
    summary: dict[str, Json] = {}
    for recording in recordings:
        config.update(recording.config)
        summary.update(recording.summary)
    return RawRun(
        id=run_id,
        name=next((run.display_name for run in newest if run.display_name), trail.run_id),
        state=state_of(last.exit_code, preempting=last.preempting, live=fresh),
        config=config,
        summary=summary,
        created_at=trail.started,
        heartbeat_at=_last_sign(trail, recordings),
        runtime_s=sum(elapsed) if elapsed else None,
        host=next((recording.host for recording in recordings[::-1] if recording.host), None),
        gpu=next((recording.gpu for recording in recordings[::-1] if recording.gpu), None),
        user=next((recording.user for recording in recordings[::-1] if recording.user), None),
        group=next((run.run_group for run in newest if run.run_group), None),
        job_type=next((run.job_type for run in newest if run.job_type), None),
        tags=next((tuple(run.tags) for run in newest if run.tags), ()),
        notes=next((run.notes for run in newest if run.notes), None),
        sweep_id=trail.sweep_id,
        sweep_id_inferred=trail.inferred,
        exit_code=exit_code,
        stop_requested=entry.stop_requested if entry is not None else None,
        history=history_table(rows),
        system=history_table(system),
        log_tail=_log_tail(trail, recordings),
        problems=tuple(_problems(run_id, trail, recordings)),
    )


def state_of(exit_code: int | None, *, preempting: bool, live: bool) -> str:
    """W&B's state of a run, as this module's docstring says."""
    if exit_code == 0:
        return "finished"
    if exit_code is None and live:
        return "preempting" if preempting else "running"
    if preempting:
        return "preempted"
    return "crashed" if exit_code is None else "failed"


def _last_sign(trail: Trail, recordings: Sequence[Recording]) -> float | None:
    """The latest time in the records or the journal; without any the time of the files, never before the start."""
    times = [recording.last_time for recording in recordings if recording.last_time is not None]
    if trail.entry is not None and trail.entry.ended_at is not None:
        times.append(trail.entry.ended_at)
    if not times:
        times = [piece.changed for piece in trail.pieces]
        times += [trail.started] if trail.started is not None else []
    return max(times, default=None)


def _log_tail(trail: Trail, recordings: Sequence[Recording]) -> tuple[str, ...]:
    """The console's last lines: of the records, of ``files/output.log`` where they hold none, else of the agent."""
    console = Console()
    for piece, recording in zip(trail.pieces, recordings, strict=True):
        for line in recording.console.lines() or read_log_tail(piece.console_log):
            console.feed("joined", f"{line}\n")
    return console.lines() or agent_log(trail.entry)


def _problems(run_id: str, trail: Trail, recordings: Sequence[Recording]) -> Iterator[str]:
    """What was lost or repaired, one sentence each."""
    yield from loss_sentences(
        (piece.path.name, recording) for piece, recording in zip(trail.pieces, recordings, strict=True)
    )
    for piece in trail.pieces:
        if not piece.recorded:
            origin = f"its config is from {piece.config_from}" if piece.config_from else "no config was found beside it"
            why = "it ended before the SDK first wrote" if piece.size <= len(HEADER) else "it was lost"
            yield f"{piece.path.name} holds no record of its run ({why}): {origin}"
    if trail.inferred:
        yield f"nothing says which sweep the run belongs to; its parameters fit only sweep {trail.sweep_id}"
    if not trail.pieces:
        yield "known from the agent's journal only: it left no .wandb file"
    if not any(recording.rows for recording in recordings) and agent_rows(trail.entry):
        yield "no row had been written to its .wandb file: they were taken from the agent's, without their times"
    if trail.entry is not None and trail.entry.signal_name:
        yield f"the agent's journal says that the process was ended by {trail.entry.signal_name}"
    if len(trail.pieces) > 1:
        yield f"the run was resumed: {len(trail.pieces)} files with its id were joined in time order"
    if trail.copies:
        yield f"copies of the run's file that were left out: {trail.copies}"
    if run_id != trail.run_id:
        yield f"two sweeps use the run id {trail.run_id}; this run is the one of sweep {trail.sweep_id}"
