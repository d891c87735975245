"""The command ``lineage``: what parents foretold, and what came of it, over the archive."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .archive_commands import open_archive
from .console import say, showing_progress
from .format import NONE, estimate_words, number, percent, share_interval
from .hostile import visible
from .options import ArchiveOption, JsonOption, QuietOption

if TYPE_CHECKING:
    from ..analysis.lineage import Outturn


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(lineage)


def lineage(archive: ArchiveOption = None, json_: JsonOption = False, quiet: QuietOption = False) -> None:
    """Were the forecasts right? Every archived sweep that ``aftersweep next`` wrote, beside what its parent foretold.

    The forecast stands in the sweep's description; harvest the child when it has ended, then ask.
    """
    from ..analysis.lineage import calibration, outturn
    from ..analysis.outcomes.adjudicate import adjudicate
    from ..analysis.tidy import Options, tidy

    opened = open_archive(archive)
    found: list[Outturn] = []
    with showing_progress(quiet or json_) as progress:
        items = opened.ls()
        for done, item in enumerate(items):
            if progress is not None:
                progress(done, len(items), f"reading {visible(item.label)}")
            sweep = tidy(*opened.load(item.key), Options())
            came = outturn(sweep, adjudicate(sweep))
            found += [came] if came is not None else []
    shares = {
        "best": calibration([came.best_inside for came in found]),
        "crashes": calibration([came.crash_inside for came in found]),
    }
    if json_:
        told = {name: None if share is None else asdict(share) for name, share in shares.items()}
        typer.echo(json.dumps({"sweeps": [asdict(came) for came in found], "inside": told}, indent=2))
        return
    if not found:
        say(f"none of the {len(items)} archived sweeps in {opened.root} was written by aftersweep next with a forecast")
        return
    Console().print(_table(found))
    for name, share in shares.items():
        said = share_interval(share) if share is not None else "nothing to judge yet"
        say(f"{name}: inside the 95 % range in {said}")


def _table(found: list[Outturn]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("Sweep", "Parent", "Best foretold", "Best", "", "Crashes foretold", "Crashed", ""):
        table.add_column(title)
    for came in found:
        span = " to ".join(percent(end) for end in came.crash_range) if came.crash_range else NONE
        cells: tuple[Any, ...] = (
            visible(came.child),
            came.foretold.parent,
            estimate_words(came.foretold.best),
            number(came.best),
            _mark(came.best_inside),
            span,
            share_interval(came.crashes.low),
            _mark(came.crash_inside),
        )
        table.add_row(*(Text(str(cell)) for cell in cells))
    return table


def _mark(inside: bool | None) -> str:
    return NONE if inside is None else "inside" if inside else "outside"
