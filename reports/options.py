"""The options that several commands share, and the request that they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..analysis.errors import UsageError

if TYPE_CHECKING:
    from ..analysis.resolve import Request

ArchiveOption = Annotated[
    Path | None,
    typer.Option("--archive", help="Folder of the archive. Default: $AFTERSWEEP_HOME or the user's data folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
SourceOption = Annotated[
    str | None, typer.Option(help="What SWEEP is: path, server, archive or sample. Default: the first that fits.")
]
SweepOption = Annotated[
    str | None, typer.Option("--sweep", help="Of a folder or an export with several sweeps, the one to take.")
]
AllRunsOption = Annotated[bool, typer.Option("--all-runs", help="Take every run of a folder as one set.")]
SweepConfigOption = Annotated[
    Path | None,
    typer.Option(help="The sweep's YAML, where a folder or an export does not hold it (its stopping rule)."),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option(help="For CSV: NAME=param|metric|state|ignore|...; may be given again."),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        help="html, md, json, pdf or csv; several with commas. Default: by the output's name, else html.",
    ),
]
PdfOption = Annotated[bool, typer.Option("--pdf", help="The same as --format pdf.")]
MaxCharsOption = Annotated[
    int, typer.Option(help="Shorten the Markdown to so many characters, least important first; 0: no limit.")
]

WatchOption = Annotated[
    bool, typer.Option("--watch", help="While the sweep runs, read it again and renew the files; Ctrl-C stops.")
]
EveryOption = Annotated[
    float | None, typer.Option("--every", metavar="SECONDS", help="How often --watch reads. Default: 60; at least 10.")
]

PublishOption = Annotated[
    str | None, typer.Option(help="wandb: also save it as a W&B Report in the sweep's project (extra 'publish').")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print what --publish would send, and send nothing.")]


def asked_for(
    word: str,
    source: str | None,
    sweep: str | None,
    all_runs: bool,
    sweep_config: Path | None,
    column: Sequence[str] | None,
) -> Request:
    """The request that the words make. Raises UsageError for a --column that names no role."""
    from ..analysis.resolve import Request

    return Request(
        word=word,
        source=source,
        sweep=sweep,
        all_runs=all_runs,
        sweep_config=sweep_config,
        columns=parse_columns(column or ()),
    )


def asked_for_each(
    words: Sequence[str],
    source: str | None,
    sweep: str | None,
    all_runs: bool,
    sweep_config: Path | None,
    column: Sequence[str] | None,
) -> list[Request]:
    """One request a word. Raises UsageError for several words with an option that is about one of them."""
    if len(words) > 1:
        given = {"--sweep": sweep, "--all-runs": all_runs, "--sweep-config": sweep_config, "--column": column}
        for option, value in given.items():
            if value:
                raise UsageError(
                    f"{option} is about one sweep, and {len(words)} are named; read each into the archive with its own "
                    f"options first (aftersweep harvest SWEEP {option} ...), then report their ids together"
                )
    return [asked_for(word, source, sweep, all_runs, sweep_config, column) for word in words]


def parse_columns(words: Sequence[str]) -> dict[str, str]:
    """``NAME=ROLE`` words of --column as a mapping. Raises UsageError for a word without '='."""
    columns = {}
    for word in words:
        name, equals, role = word.rpartition("=")
        if not equals or not name or not role:
            raise UsageError(f"--column '{word}': write NAME=ROLE, as in --column Status=state")
        columns[name] = role
    return columns
