"""The commands on the archive: harvest, ls, show, rm, export, check, prune."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..analysis.errors import UnknownSweepError, UsageError
from . import format as fmt
from .console import say, showing_progress
from .hostile import visible
from .options import (
    AllRunsOption,
    ArchiveOption,
    ColumnOption,
    JsonOption,
    QuietOption,
    SourceOption,
    SweepConfigOption,
    SweepOption,
    asked_for,
)

if TYPE_CHECKING:
    from ..analysis.archive.store import Archive, ArchivedSweep

ArchivedArgument = Annotated[str, typer.Argument(help="An archived sweep: its id or ENTITY/PROJECT/ID (see ls).")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (harvest, ls, show, rm, export, check, prune):
        app.command()(command)


def open_archive(root: Path | None) -> Archive:
    """The archive at ``root``, or where AFTERSWEEP_HOME or the platform says."""
    from ..analysis.archive.store import Archive, default_root

    return Archive(root or default_root())


def one(archive: Archive, word: str, *, damaged: bool = False) -> ArchivedSweep:
    """The archived sweep of that name; with ``damaged`` also one that cannot be read.

    Raises UnknownSweepError, or UsageError where several have the name.
    """
    from ..analysis.archive.views import choices

    found = archive.find(word, damaged=damaged)
    if not found:
        known = ", ".join(item.label for item in archive.ls()[:12]) or "nothing yet"
        raise UnknownSweepError(f"no archived sweep '{word}'; the archive at {archive.root} holds: {known}")
    if len(found) > 1:
        raise UsageError(f"'{word}' names {len(found)} archived sweeps: {choices(found)}; write the name before one")
    return found[0]


def harvest(
    sweep: Annotated[
        str, typer.Argument(help="ENTITY/PROJECT/SWEEP, a URL, an id, a folder of offline runs or an export.")
    ],
    source: SourceOption = None,
    sweep_id: SweepOption = None,
    all_runs: AllRunsOption = False,
    sweep_config: SweepConfigOption = None,
    column: ColumnOption = None,
    archive: ArchiveOption = None,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Read a sweep into the archive; again, only what has changed.

    Stopped half-way (Ctrl-C, a lost network), the archive keeps what came, and the same command goes on.
    """
    from ..analysis.archive.harvest import harvest as run_harvest
    from ..analysis.resolve import resolve

    opened = open_archive(archive)
    request = asked_for(sweep, source, sweep_id, all_runs, sweep_config, column)
    resolved = resolve(request, opened, fresh=True)
    if not quiet:
        say(f"harvesting {resolved.kind} {resolved.target} ({resolved.decided_by})")
    with showing_progress(quiet) as progress:
        result = run_harvest(resolved.source, opened, progress=progress)
    if json_:
        _print_json(
            {
                "key": result.key,
                "total": result.total,
                "fetched": result.fetched,
                "unchanged": result.unchanged,
                "vanished": result.vanished,
            }
        )
    elif not quiet:
        gone = f", {result.vanished} gone from the source but kept" if result.vanished else ""
        say(f"{result.total} runs: {result.fetched} read, {result.unchanged} unchanged{gone}")


def ls(archive: ArchiveOption = None, json_: JsonOption = False) -> None:
    """List the archived sweeps."""
    opened = open_archive(archive)
    found = opened.ls()
    if json_:
        _print_json([_summary(item) for item in found])
        return
    if not found:
        say(f"the archive at {opened.root} is empty; `aftersweep harvest ENTITY/PROJECT/SWEEP` fills it")
        return
    table = _table("Sweep", "Name", "Runs", "Harvested", "From", "Size", "Note")
    for item in found:
        size = f"{item.bytes / 1e6:.1f} MB"
        cells = (item.label, item.name or "", str(item.runs), fmt.moment(item.harvested_at), item.source_kind, size)
        table.add_row(*(Text(visible(cell)) for cell in (*cells, _condition(item))))
    _print_table(table)


def show(sweep: ArchivedArgument, archive: ArchiveOption = None, json_: JsonOption = False) -> None:
    """Show an archived sweep and its runs, as recorded."""
    opened = open_archive(archive)
    item = one(opened, sweep)
    raw, runs = opened.load(item.key)
    if json_:
        listed = [{"id": r.id, "name": r.name, "state": r.state, "rows": r.history.num_rows} for r in runs]
        _print_json({**_summary(item), "config": raw.config, "runs": listed})
        return
    say(f"{item.label}: {item.name or 'no name'}, {len(runs)} runs, harvested {fmt.moment(item.harvested_at)}")
    table = _table("Run", "Name", "State", "Rows", "Started")
    for run in runs:
        cells = (run.id, run.name, run.state, str(run.history.num_rows), fmt.moment(run.created_at))
        table.add_row(*(Text(visible(cell)) for cell in cells))
    _print_table(table)


def rm(
    sweep: ArchivedArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    archive: ArchiveOption = None,
) -> None:
    """Remove a sweep and all its runs from the archive."""
    opened = open_archive(archive)
    item = one(opened, sweep, damaged=True)
    if not yes and not typer.confirm(f"Remove {visible(item.label)} ({_size(item)}) from {opened.root}?", err=True):
        raise typer.Exit(2)
    opened.rm(item.key)
    say(f"removed {item.label}")


def export(
    sweep: Annotated[str, typer.Argument(help="Whatever `report` takes.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="NAME.jsonl holds everything, NAME.csv a row a run.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    source: SourceOption = None,
    sweep_id: SweepOption = None,
    all_runs: AllRunsOption = False,
    sweep_config: SweepConfigOption = None,
    column: ColumnOption = None,
    archive: ArchiveOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write a sweep to one file that `report` reads again."""
    from ..analysis.resolve import load, resolve
    from ..analysis.sources.export import check_export_path, write_export

    check_export_path(output, force=force)
    opened = open_archive(archive)
    resolved = resolve(asked_for(sweep, source, sweep_id, all_runs, sweep_config, column), opened)
    with showing_progress(quiet) as progress:
        raw, runs = load(resolved, opened, progress)
    write_export(raw, runs, output, force=force)
    if not quiet:
        say(f"written: {output} ({len(runs)} runs)")


def check(
    read_data: Annotated[bool, typer.Option("--read-data", help="Read every file and verify its hash.")] = False,
    archive: ArchiveOption = None,
    json_: JsonOption = False,
) -> None:
    """Look whether the archive is whole; exit code 2 where it is not. Changes nothing."""
    opened = open_archive(archive)
    problems = opened.check(read_data=read_data)
    damage = [problem for problem in problems if not problem.harmless]
    if json_:
        fields = ("key", "kind", "text", "path", "harmless")
        _print_json([{name: getattr(problem, name) for name in fields} for problem in problems])
    else:
        for problem in problems:
            where = "" if str(problem.path) in problem.text else f"{problem.path}: "
            say(where + problem.text)
        if not damage:
            say(f"the archive at {opened.root} is whole (sweeps: {len(opened.keys())})")
    if damage:
        raise typer.Exit(2)


def prune(
    days: Annotated[float, typer.Option(min=0, help="Only files older than this many days.")] = 7.0,
    archive: ArchiveOption = None,
    quiet: QuietOption = False,
) -> None:
    """Delete files that no archived sweep needs any more. Nothing else deletes."""
    opened = open_archive(archive)
    removed = opened.prune(older_than=days * 86_400.0)
    if not quiet:
        say(f"{len(removed)} files deleted from {opened.root}")


def _condition(item: ArchivedSweep) -> str:
    """What a user should know of an archived sweep before relying on it; empty where there is nothing."""
    if item.problem:
        return item.problem
    notes = [] if item.complete else ["the last harvest was cut off"]
    if item.vanished:
        notes.append(f"{item.vanished} runs are gone from the source")
    return "; ".join(notes)


def _summary(item: ArchivedSweep) -> dict[str, Any]:
    return {
        "id": item.id,
        "entity": item.entity,
        "project": item.project,
        "name": item.name,
        "runs": item.runs,
        "harvested_at": item.harvested_at,
        "source": item.source_kind,
        "bytes": item.bytes,
        "key": item.key,
        "complete": item.complete,
        "vanished": item.vanished,
        "problem": item.problem,
    }


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _size(item: ArchivedSweep) -> str:
    return "damaged" if item.problem else f"{item.runs} runs"


def _print_table(table: Table) -> None:
    """Fitted to a terminal; in a pipe a row is a line, for grep."""
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, console.measure(table, options=console.options.update(width=10_000)).maximum)
    console.print(table)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
