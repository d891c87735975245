"""The command ``aftersweep``: arguments, progress, exit codes.

Exit codes: 0 done; 2 the request cannot be met (bad input, no credentials, damaged archive: one line says why);
130 interrupted; 1 a fault of aftersweep itself. ``gate`` has codes of its own (``gate_command``).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from .. import __version__
from ..analysis.errors import AftersweepError, UsageError
from . import gate_command, lineage_command, next_command, schema_command, site_command
from .archive_commands import open_archive, register
from .console import say, say_error, showing_progress
from .formats import COMMENT, choose
from .options import (
    AllRunsOption,
    ArchiveOption,
    ColumnOption,
    DryRunOption,
    EveryOption,
    FormatOption,
    MaxCharsOption,
    PdfOption,
    PublishOption,
    QuietOption,
    SourceOption,
    SweepConfigOption,
    SweepOption,
    WatchOption,
    asked_for_each,
)
from .output import write_report

app = typer.Typer(
    name="aftersweep",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=True,
    help="""The post-mortem of a hyperparameter sweep: what really ended each run, and what to run next.

Start here:

    aftersweep report 4yfw48ad                a bundled sample, no account

    aftersweep report ./wandb                 a folder of offline runs

    aftersweep report export.csv              W&B's table export

    aftersweep report ENTITY/PROJECT/SWEEP    a W&B server; a URL will do

    aftersweep report SWEEP SWEEP SWEEP       several sweeps of one project, pooled

    aftersweep next 4yfw48ad -o next.yaml     the sweep file that should follow

    aftersweep gate 4yfw48ad --best 45        is it good enough? for CI, by exit code

Exit codes: 0 done, 2 the request cannot be met (one line says why), 130 interrupted, 1 a fault of aftersweep.""",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aftersweep {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options before the command."""


@app.command()
def report(
    sweep: Annotated[
        list[str],
        typer.Argument(
            metavar="SWEEP...",
            help="A folder, an export file, ENTITY/PROJECT/SWEEP, a URL, or a sweep's id; several of one project make "
            "one page.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Where to write: a file, '-' for standard output; for several formats a folder or a name without its "
            "end. Default: aftersweep-ID.FORMAT here (A+B.FORMAT).",
        ),
    ] = None,
    format_: FormatOption = None,
    pdf: PdfOption = False,
    max_chars: MaxCharsOption = COMMENT,
    metric: Annotated[str | None, typer.Option(help="Judge runs by this metric, not the sweep's own.")] = None,
    goal: Annotated[str | None, typer.Option(help="minimize or maximize; only where it cannot be told.")] = None,
    group_by: Annotated[
        str | None, typer.Option("--group-by", help="The parameter that tells architectures apart.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only runs with this tag; may be given again.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Only runs of this W&B group; may be given again.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Leave this run out (id or name); may be given again.")
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(help="Hold a claimed risk against the data: PARAM=VALUE, several joined by commas."),
    ] = None,
    count_cause: Annotated[
        list[str] | None,
        typer.Option(
            help="Count crashes of this cause against the settings too: code_error, infrastructure or preempted; "
            "may be given again."
        ),
    ] = None,
    gate_config: Annotated[
        Path | None,
        typer.Option(
            help="The file with the gate's rules, whose verdict the page shows. Default: aftersweep.toml, else "
            "pyproject.toml, here."
        ),
    ] = None,
    source: SourceOption = None,
    sweep_id: SweepOption = None,
    all_runs: AllRunsOption = False,
    sweep_config: SweepConfigOption = None,
    column: ColumnOption = None,
    archive: ArchiveOption = None,
    watch: WatchOption = False,
    every: EveryOption = None,
    publish: PublishOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the page of a sweep: what ended each run, what carries risk, what to run next.

    Several sweeps of one project make one page: runs are compared within their own sweep, and what it says is pooled.

    [bold]Examples[/bold]

        aftersweep report 4yfw48ad -o sample.html

        aftersweep report ./wandb --sweep-config sweep.yaml

        aftersweep report me/project/abc123 me/project/def456 me/project/ghi789

        aftersweep report me/project/abc123 --format json -o - | jq .crash_rate

        aftersweep report me/project/abc123 --format html,md,json,pdf,csv -o folder

        aftersweep report runs.csv --metric val_loss --goal minimize --column seed=ignore

        aftersweep report 4yfw48ad --claim batch_size=256,max_lr=0.001

        aftersweep report me/project/abc123 --watch --every 120

        aftersweep report me/project/abc123 --publish wandb
    """
    from ..analysis.tidy import Options
    from .gate_verdict import rules_asked
    from .job import Job
    from .publish import plan

    wanted = choose(format_, pdf, output, max_chars)
    job = Job(
        requests=asked_for_each(sweep, source, sweep_id, all_runs, sweep_config, column),
        options=Options(
            metric=metric,
            goal=goal,
            tags=tuple(tag or ()),
            groups=tuple(group or ()),
            exclude=tuple(exclude or ()),
        ),
        group_by=group_by,
        claims=tuple(claim or ()),
        count_causes=tuple(count_cause or ()),
        rules=rules_asked(gate_config, Path.cwd(), sweep),
    )
    publication = plan(publish, dry_run=dry_run, watch=watch, written=pdf or bool(output or format_))
    if every is not None and not watch:
        raise UsageError(f"--every {every:g} says how often --watch reads; give --watch too")
    if watch:
        from .watch import DEFAULT_S, Watch

        Watch(job, open_archive(archive), wanted, DEFAULT_S if every is None else every, quiet).run()
        return
    with showing_progress(quiet) as progress:
        write_report(job, open_archive(archive), wanted, progress, quiet=quiet, publication=publication)


next_command.register(app)
lineage_command.register(app)
gate_command.register(app)
schema_command.register(app)
app.add_typer(site_command.app, name="site")
register(app)


_REFUSALS = tuple(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
"""What typer raises for words that are no command line of ours; it does not export the name."""


def main() -> None:
    """Run the command line; never shows a traceback unless AFTERSWEEP_DEBUG is set."""
    judging = gate_command.asked(sys.argv[1:])
    try:
        status = app(prog_name="aftersweep", standalone_mode=False)
        if status == 130:  # typer has caught the Ctrl-C
            raise KeyboardInterrupt
    except AftersweepError as error:
        if os.environ.get("AFTERSWEEP_DEBUG"):
            raise
        say_error(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say_error("interrupted; what was harvested is kept, and the same command goes on from there")
        sys.exit(130)
    except typer.Abort:
        say("")  # the question stands without a line's end
        say_error("nothing was done, for nobody answered yes (--yes does not ask)")
        sys.exit(2)
    except SystemExit as left:
        # Both typer and rich leave with 1, and only then, where the reader of our output has gone (| head): no fault.
        if left.code == 1:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(gate_command.TOOL_ERROR if judging else 0)
        raise
    except Exception as error:
        if isinstance(error, _REFUSALS):
            _refuse(error)
        # The last line of defence: a fault of ours must not print a page of code at the user.
        if os.environ.get("AFTERSWEEP_DEBUG"):
            raise
        say_error(f"a fault of aftersweep itself ({type(error).__name__}); AFTERSWEEP_DEBUG=1 shows where")
        sys.exit(gate_command.TOOL_ERROR if judging else 1)
    sys.exit(status)  # not in the try: a verdict of the gate is no closed pipe


def _refuse(error: Exception) -> NoReturn:
    """Words that typer cannot read: what is wrong and where help is, in one line."""
    command = getattr(getattr(error, "ctx", None), "command_path", "aftersweep")
    said = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    if not said or "\n" in said:  # `aftersweep` alone: its help, which typer hands over or has printed
        typer.echo(said)
    else:
        say_error(f"{said.rstrip('.')}; `{command} --help` shows how it is used, with examples")
    sys.exit(2)
