"""What the terminal shows: errors, progress, a short answer. Standard output carries results only."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from .hostile import visible

if TYPE_CHECKING:
    from ..analysis.sources.base import Progress as Report

_COMMAND = re.compile(r"(##(?=\[)|^\s*:(?=:))", re.MULTILINE)
"""``##[command]`` anywhere, ``::command::`` where a line begins (actions/runner, ActionCommand.cs)."""

stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def say_error(message: str) -> None:
    """One line on standard error; hostile characters made visible."""
    text = " ".join(_shown(message).split())
    stderr.print(Text("aftersweep: ", style="bold red" if stderr.is_terminal else "") + Text(text))


def say(message: str) -> None:
    """One line on standard error for the user, not for a program."""
    stderr.print(Text(_shown(message)))


def _shown(message: str) -> str:
    """The message as text in which a CI service, which reads our standard error too, finds no command of its own."""
    return _COMMAND.sub(r"\1 ", visible(message))


@contextmanager
def showing_progress(quiet: bool) -> Iterator[Report | None]:
    """A progress bar on a terminal; None elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def report(done: int, total: int | None, what: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report
