"""The command ``next``: the sweep file that should follow, what changed in it and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..analysis.errors import UsageError
from .archive_commands import open_archive
from .console import say, showing_progress
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
    from ..analysis.narrow.options import Options
    from ..analysis.resolve import Request
    from ..analysis.results.following import Following
    from ..analysis.results.postmortem import PostMortem
    from ..analysis.sources.base import Progress
    from ..analysis.tidy import Options as Tidying


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(name="next")(next_)


def next_(
    sweep: Annotated[
        str, typer.Argument(metavar="SWEEP", help="The parent: a folder, an export, ENTITY/PROJECT/SWEEP, a URL or id.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write; '-' is standard output. Default: next-ID.yaml here."),
    ] = None,
    budget: Annotated[
        int | None, typer.Option(help="Runs that the next sweep may have. Default: as many as the parent had.")
    ] = None,
    risk_limit: Annotated[
        float, typer.Option(help="A level goes where the lower limit of its crash rate is over this.")
    ] = 0.3,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="PARAM=VALUE", help="Never drop this level; may be given again.")
    ] = None,
    fix: Annotated[
        list[str] | None, typer.Option(metavar="PARAM=VALUE", help="Search no other value; may be given again.")
    ] = None,
    method: Annotated[str | None, typer.Option(help="grid, random or bayes. Default: what fits the new space.")] = None,
    known_values: Annotated[
        bool, typer.Option("--known-values", help="Only values that the parent's space has: nothing past its edges.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show old and new with reasons; writes only with -o.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    metric: Annotated[str | None, typer.Option(help="Judge runs by this metric, not the sweep's own.")] = None,
    goal: Annotated[str | None, typer.Option(help="minimize or maximize; only where it cannot be told.")] = None,
    json_: JsonOption = False,
    source: SourceOption = None,
    sweep_id: SweepOption = None,
    all_runs: AllRunsOption = False,
    sweep_config: SweepConfigOption = None,
    column: ColumnOption = None,
    archive: ArchiveOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write the sweep file that should follow: narrowed only where the evidence is, each changed line with its reason.

    [bold]Examples[/bold]

        aftersweep next 4yfw48ad -o next.yaml && wandb sweep next.yaml

        aftersweep next me/project/abc123 --diff

        aftersweep next ./wandb --sweep-config sweep.yaml --budget 25 --keep model=resnet50

        aftersweep next me/project/abc123 --json | jq '.changes[].parameter'
    """
    from ..analysis.narrow.options import Options
    from ..analysis.tidy import Options as Tidying
    from .output import check_writable, put, safe_name

    request = asked_for(sweep, source, sweep_id, all_runs, sweep_config, column)
    options = Options(
        budget=budget,
        risk_limit=risk_limit,
        keep=_pairs("keep", keep),
        fix=_pairs("fix", fix),
        method=method,
        new_values=not known_values,
    )
    check_writable(output)
    _refuse_overwriting(output, force)
    with showing_progress(quiet) as progress:
        result = _post_mortem(request, archive, Tidying(metric=metric, goal=goal), options, progress, quiet or json_)
    if result.following is None:
        raise UsageError(result.no_following)
    target = output or (None if diff or json_ else Path(f"next-{safe_name(result.sweep.id)}.yaml"))
    if output is None and target is not None:
        _refuse_overwriting(target, force)
    from .following import as_json, to_yaml

    if target is not None:
        put(target, to_yaml(result, result.following))
    if json_:
        typer.echo(as_json(result.following))
    elif diff:
        _show(result.following)
    if not quiet and not json_ and str(target) != "-":
        _summary(result, result.following, target, shown=diff)


def _pairs(option: str, words: list[str] | None) -> tuple[tuple[str, str], ...]:
    """``PARAM=VALUE`` words. Raises UsageError for one without '='."""
    found = []
    for word in words or ():
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"--{option} '{word}': write PARAM=VALUE, as in --{option} batch_size=64")
        found.append((name, value))
    return tuple(found)


def _refuse_overwriting(target: Path | None, force: bool) -> None:
    if target is not None and str(target) != "-" and target.exists() and not force:
        raise UsageError(f"-o {target}: the file exists; name another one, or give --force to overwrite it")


def _post_mortem(
    request: Request, archive: Path | None, tidying: Tidying, options: Options, progress: Progress | None, quiet: bool
) -> PostMortem:
    from ..analysis.postmortem import post_mortem
    from ..analysis.tidy import tidy
    from .job import read

    raw, runs = read(request, open_archive(archive), progress, quiet, several=False)
    return post_mortem(tidy(raw, runs, tidying), following_options=options)


def _show(following: Following) -> None:
    """Old and new beside each other, with the reason."""
    from .following import rows

    table = Table(box=None, pad_edge=False)
    for title in ("line", "old", "new", "why"):
        table.add_column(title, overflow="fold", ratio=3 if title == "why" else None)
    for row in rows(following):
        table.add_row(*(Text(text) for text in (row.line, row.old, row.new, f"{row.why} [{', '.join(row.findings)}]")))
    console = Console()
    console.print(table if following.changes else "nothing changes")


def _summary(result: PostMortem, following: Following, target: Path | None, *, shown: bool) -> None:
    from .following import rows
    from .narrate import sentence

    for notice in result.sweep.notices:
        say(f"  note: {notice}")
    for caveat in following.caveats:
        say(f"  note: the sweep file: {caveat}")
    for finding in following.advice:
        say(f"  - {sentence(finding)}")
    if not shown:
        for row in rows(following):
            say(f"  {row.line}: {row.old} -> {row.new} [{', '.join(row.findings)}]")
        if following.unchanged:
            say("  the space stays as it is")
    if target is not None:
        say(f"written: {target}; start it with: wandb sweep {target}")
