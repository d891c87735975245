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

if TYPE_CHECKING:
    from ..analysis.archive.store import Archive, ArchivedSweep

ArchiveOption = Annotated[
    Path | None,
    typer.Option("--archive", help="Folder of the archive. Default: $AFTERSWEEP_HOME or the user's data folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
ArchivedArgument = Annotated[str, typer.Argument(help="An archived sweep: its id or ENTITY/PROJECT/ID (see ls).")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (harvest, ls, show, rm, export, check, prune):
        app.command()(command)


def open_archive(root: Path | None) -> Archive:
    """The archive at ``root``, or where AFTERSWEEP_HOME or the platform says."""
    from ..analysis.archive.store import Archive, default_root

    return Archive(root or default_root())


def one(archive: Archive, word: str) -> ArchivedSweep:
    """The archived sweep of that name. Raises UnknownSweepError, or UsageError where several have it."""
    found = archive.find(word)
    if not found:
        known = ", ".join(item.label for item in archive.ls()[:12]) or "nothing yet"
        raise UnknownSweepError(f"no archived sweep '{word}'; the archive at {archive.root} holds: {known}")
    if len(found) > 1:
        choices = ", ".join(item.label for item in found[:8])
        raise UsageError(f"'{word}' names {len(found)} archived sweeps: {choices}; write the whole name")
    return found[0]


def harvest(
    sweep: Annotated[
        str, typer.Argument(help="ENTITY/PROJECT/SWEEP, a URL, an id, a folder of offline runs or an export.")
    ],
    source: Annotated[str | None, typer.Option(help="What SWEEP is: path, server or sample.")] = None,
    sweep_id: Annotated[str | None, typer.Option("--sweep", help="Of a folder with several sweeps, the one.")] = None,
    all_runs: Annotated[bool, typer.Option("--all-runs", help="Take every run of a folder as one set.")] = False,
    sweep_config: Annotated[Path | None, typer.Option(help="The sweep's YAML, where the source lacks it.")] = None,
    archive: ArchiveOption = None,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Read a sweep into the archive; again, only what has changed.

    Stopped half-way (Ctrl-C, a lost network), the archive keeps what came, and the same command goes on.
    """
    from ..analysis.archive.harvest import harvest as run_harvest
    from ..analysis.resolve import Request, resolve

    opened = open_archive(archive)
    request = Request(word=sweep, source=source, sweep=sweep_id, all_runs=all_runs, sweep_config=sweep_config)
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
    Console().print(table)


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
    Console().print(table)


def rm(
    sweep: ArchivedArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    archive: ArchiveOption = None,
) -> None:
    """Remove a sweep and all its runs from the archive."""
    opened = open_archive(archive)
    item = one(opened, sweep)
    if not yes and not typer.confirm(f"Remove {visible(item.label)} ({item.runs} runs) from {opened.root}?", err=True):
        raise typer.Exit(2)
    opened.rm(item.key)
    say(f"removed {item.label}")


def export(
    sweep: Annotated[str, typer.Argument(help="Whatever `report` takes.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="NAME.jsonl holds everything, NAME.csv a row a run.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    source: Annotated[str | None, typer.Option(help="What SWEEP is: path, server, archive or sample.")] = None,
    archive: ArchiveOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write a sweep to one file that `report` reads again."""
    from ..analysis.resolve import Request, load, resolve
    from ..analysis.sources.export import write_export

    opened = open_archive(archive)
    resolved = resolve(Request(word=sweep, source=source), opened)
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
            say(problem.text)
        if not damage:
            say(f"the archive at {opened.root} is whole ({len(opened.keys())} sweeps)")
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


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
