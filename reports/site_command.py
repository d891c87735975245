"""The command ``site``: the archive as a folder of pages that any server, or no server, can show."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from ..analysis.errors import UsageError
from .archive_commands import open_archive
from .console import say, showing_progress
from .format import plural
from .options import ArchiveOption, JsonOption, QuietOption

app = typer.Typer(no_args_is_help=True, help="Pages of all archived sweeps: a dashboard that needs no server.")


@app.callback()
def site() -> None:
    """Pages of all archived sweeps: a dashboard that needs no server."""


@app.command()
def build(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The site's folder: a new or empty one, or one that this made.")
    ],
    title: Annotated[str, typer.Option(help="What the site is called.")] = "Sweeps",
    url: Annotated[
        str | None, typer.Option(help="Where the site will stand, for the links of its feed; pages need none.")
    ] = None,
    gate_config: Annotated[
        Path | None,
        typer.Option(
            help="The file with the gate's rules, whose verdict the pages show. Default: aftersweep.toml, else "
            "pyproject.toml, here."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make every page again, also what has not changed.")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes side by side. Default: one a core.")] = None,
    archive: ArchiveOption = None,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Build the pages of all archived sweeps; again, only what has changed.

    Links are relative: the folder works under any address, and from disk. Stopped half-way, the same command goes on.

    [bold]Examples[/bold]

        aftersweep site build -o public

        aftersweep site build -o public --title "Vision sweeps" --url https://team.github.io/sweeps
    """
    from .gate_rules import rules_in
    from .site.build import Wanted
    from .site.build import build as run

    if url is not None and not url.startswith(("https://", "http://")):
        raise UsageError(f"--url {url}: write the address of the site, as in https://team.github.io/sweeps")
    opened = open_archive(archive)
    rules, rules_from = rules_in(gate_config, Path.cwd()) or ((), "")
    wanted = Wanted(
        folder=output,
        title=title,
        version=__version__,
        rules=rules,
        rules_from=rules_from,
        url=url,
        again=force,
        processes=jobs or _cores(),
    )
    with showing_progress(quiet or json_) as progress:
        built = run(opened, wanted, progress)
    for label, problem in () if json_ else built.problems:
        say(f"no page of {label}: {problem}")
    if json_:
        typer.echo(json.dumps({"folder": str(output), **asdict(built)}, indent=2, ensure_ascii=False))
    elif not quiet:
        gone = f", {plural(len(built.removed), 'page')} removed" if built.removed else ""
        say(f"{plural(built.sweeps, 'sweep')}: {len(built.built)} built, {built.unchanged} unchanged{gone}")
        say(f"written: {output / 'index.html'}")


def _cores() -> int:
    """Those that we may run on; a container may have fewer than the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
