"""The command ``gate``: is the sweep good enough? For a CI job, by its exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import __version__
from ..analysis.errors import UsageError
from .archive_commands import open_archive
from .console import say, showing_progress
from .options import (
    AllRunsOption,
    ArchiveOption,
    ColumnOption,
    QuietOption,
    SourceOption,
    SweepConfigOption,
    SweepOption,
    asked_for,
)

if TYPE_CHECKING:
    from ..analysis.resolve import Request
    from ..analysis.results.gate import Judgement
    from ..analysis.results.postmortem import PostMortem
    from ..analysis.sources.base import Progress
    from ..analysis.tidy import Options

NAME = "gate"
TOOL_ERROR = 2
FORMATS = ("text", "json", "junit", "github")
SUFFIXES = {".txt": "text", ".json": "json", ".xml": "junit"}

RULES = "Rules"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(name=NAME)(gate)


def asked(words: list[str]) -> bool:
    """Whether the words of a command line are the gate's: its exit code 1 is a verdict, never a fault."""
    return words[:1] == [NAME]


def gate(
    sweep: Annotated[
        str, typer.Argument(metavar="SWEEP", help="A folder, an export, ENTITY/PROJECT/SWEEP, a URL or an id.")
    ],
    max_crash_rate: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            rich_help_panel=RULES,
            help="Crashed of the runs that started and ended, early stops not counted: not met where the lower 95 % "
            "limit is over SHARE.",
        ),
    ] = None,
    max_cause: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CAUSE=SHARE",
            rich_help_panel=RULES,
            help="The same of one cause: out_of_memory, diverged, code_error, infrastructure, preempted or unknown; "
            "may be given again.",
        ),
    ] = None,
    best: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=RULES,
            help="The best logged value: at least this where the metric is maximised, at most where it is minimised.",
        ),
    ] = None,
    min_best: Annotated[
        float | None, typer.Option(rich_help_panel=RULES, help="--best, and the metric must be one to be maximised.")
    ] = None,
    max_best: Annotated[
        float | None, typer.Option(rich_help_panel=RULES, help="--best, and the metric must be one to be minimised.")
    ] = None,
    min_runs: Annotated[
        int | None, typer.Option(rich_help_panel=RULES, help="Runs that started and have ended.")
    ] = None,
    min_completed: Annotated[int | None, typer.Option(rich_help_panel=RULES, help="Runs that completed.")] = None,
    max_running: Annotated[int | None, typer.Option(rich_help_panel=RULES, help="Runs that still run.")] = None,
    max_unknown: Annotated[
        float | None,
        typer.Option(metavar="SHARE", rich_help_panel=RULES, help="Runs of which nobody can say what ended them."),
    ] = None,
    max_silent_failures: Annotated[
        int | None,
        typer.Option(rich_help_panel=RULES, help="Completed runs with NaN in a metric, or a metric that never moved."),
    ] = None,
    max_risk_factors: Annotated[
        int | None,
        typer.Option(rich_help_panel=RULES, help="Parameters that change the chance of a crash (q <= 0.05)."),
    ] = None,
    max_circumstances: Annotated[
        int | None, typer.Option(rich_help_panel=RULES, help="Host, agent and start time: those that do.")
    ] = None,
    warn: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="This rule only warns; may be given again.")
    ] = None,
    off: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="This rule of the file is off; may be given again.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="The file with the rules. Default: aftersweep.toml, else pyproject.toml, here."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What is accepted: only what is new or worse fails.")
    ] = None,
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", help="Accept all that is not met now: write it to --baseline FILE.")
    ] = False,
    format_: Annotated[
        str, typer.Option("--format", "-f", help="Of standard output: text, json, junit or github (annotations).")
    ] = "text",
    output: Annotated[
        list[Path] | None,
        typer.Option("--output", "-o", help="Write FILE.json, FILE.xml (JUnit) or FILE.txt too; may be given again."),
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Judge runs by this metric, not the sweep's own.")] = None,
    goal: Annotated[str | None, typer.Option(help="minimize or maximize; only where it cannot be told.")] = None,
    source: SourceOption = None,
    sweep_id: SweepOption = None,
    all_runs: AllRunsOption = False,
    sweep_config: SweepConfigOption = None,
    column: ColumnOption = None,
    archive: ArchiveOption = None,
    quiet: QuietOption = False,
) -> None:
    """Hold a sweep against rules, for CI: is it good enough?

    [bold]Exit codes[/bold]: 0 met, 1 not met, 2 the gate could not be run, 3 cannot be known from these runs.

    A rate is judged by the lower end of its 95 % interval: 3 crashes of 8 are not yet over 30 %. Counts and the best
    value are judged as they are. Rules may also stand in aftersweep.toml, each a number, "off", or with a level:

        \\[gate]                                  # in pyproject.toml: \\[tool.aftersweep.gate]

        max-crash-rate = 0.3

        best = { value = 45, level = "warn" }    # warn: told, never fails

        max-cause = { diverged = 0.1 }

    [bold]Examples[/bold]

        aftersweep gate 4yfw48ad --max-crash-rate 0.3 --min-best 45

        aftersweep gate me/project/abc123 --max-cause diverged=0.1 --best 0.3 --metric val_loss

        aftersweep gate me/project/abc123 --format github -o gate.xml -o gate.json

        aftersweep gate me/project/abc123 --baseline gate-baseline.json --write-baseline
    """
    from ..analysis.gate import accepted, judge
    from ..analysis.tidy import Options
    from .gate_baseline import baseline_text, read_baseline
    from .gate_output import EXIT
    from .gate_rules import rules_of
    from .output import check_writable, put

    limits: dict[str, float | None] = {
        "max-crash-rate": max_crash_rate,
        "best": best,
        "min-best": min_best,
        "max-best": max_best,
        "min-runs": min_runs,
        "min-completed": min_completed,
        "max-running": max_running,
        "max-unknown": max_unknown,
        "max-silent-failures": max_silent_failures,
        "max-risk-factors": max_risk_factors,
        "max-circumstances": max_circumstances,
    }
    rules, where = rules_of(limits, max_cause or (), warn or (), off or (), config, Path.cwd())
    formats = _formats(format_, output or ())
    if write_baseline and baseline is None:
        raise UsageError("--write-baseline needs the file's name: --baseline gate-baseline.json")
    known = read_baseline(baseline) if baseline is not None and not write_baseline else {}
    for target in (*formats, *([baseline] if baseline is not None and write_baseline else [])):
        check_writable(target)
    request = asked_for(sweep, source, sweep_id, all_runs, sweep_config, column)
    with showing_progress(quiet) as progress:
        result = _post_mortem(request, archive, Options(metric=metric, goal=goal), progress, quiet)
    judgement = judge(result, rules, known, rules_from=where)
    if baseline is not None and write_baseline:
        known = accepted(judgement)
        put(baseline, baseline_text(known, judgement.sweep))
        judgement = judge(result, rules, known, rules_from=where)
        if not quiet:
            say(f"written: {baseline} (accepted: {len(known)} of {len(rules)} rules)")
    for target, chosen in formats.items():
        put(target, _rendered(judgement, chosen))
    _print(_rendered(judgement, format_, only_bad=quiet))
    raise typer.Exit(EXIT[judgement.status])


def _formats(format_: str, outputs: list[Path] | tuple[()]) -> dict[Path, str]:
    """The format of each file, by its name. Raises UsageError."""
    if format_ not in FORMATS:
        raise UsageError(f"--format {format_}: it must be one of {', '.join(FORMATS)}")
    for target in outputs:
        if target.suffix.casefold() not in SUFFIXES:
            raise UsageError(f"-o {target}: end the name in {', '.join(SUFFIXES)}; --format is for standard output")
    return {target: SUFFIXES[target.suffix.casefold()] for target in outputs}


def _post_mortem(
    request: Request, archive: Path | None, options: Options, progress: Progress | None, quiet: bool
) -> PostMortem:
    from ..analysis.postmortem import post_mortem
    from ..analysis.tidy import tidy
    from .job import read

    return post_mortem(tidy(*read(request, open_archive(archive), progress, quiet, several=False), options))


def _rendered(judgement: Judgement, format_: str, *, only_bad: bool = False) -> str:
    from .gate_output import to_github, to_json, to_junit, to_text

    if format_ == "json":
        return to_json(judgement, __version__)
    if format_ == "junit":
        return to_junit(judgement)
    return to_github(judgement) if format_ == "github" else to_text(judgement, only_bad=only_bad)


def _print(text: str) -> None:
    """To standard output; where its reader has gone (| head) the verdict is still the exit code."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
