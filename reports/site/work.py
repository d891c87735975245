"""What is done for one sweep, or one group of them: in processes side by side where there are several."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from ...analysis.archive.store import Archive
from ...analysis.errors import AftersweepError, UsageError
from ...analysis.results.gate import Rule
from ..files import put_all
from ..output import encoded
from .lines import Line
from .pools import Pool, pool_of

T = TypeVar("T")
R = TypeVar("R")
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""As many threads as cores in each of as many processes would wait for one another."""
Run = Callable[[Callable[[T], R], Sequence[T]], Iterator[tuple[T, R]]]
"""Calls a function on each item and hands over item and result, in the order in which they are done."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A sweep whose page is to be written."""

    archive: Path
    key: str
    target: Path
    """The page's file."""
    root: str
    """From the page to the site's folder, with its slash."""
    rules: tuple[Rule, ...]
    rules_from: str
    version: str
    made_at: float


@dataclass(frozen=True, kw_only=True)
class Group:
    """Sweeps that are to be pooled; ``about`` is the line of one of them."""

    archive: Path
    name: str
    keys: tuple[str, ...]
    about: Line


def write_page(page: Page) -> tuple[Line | None, str | None]:
    """Analyse the sweep and write its page; its line, or why it can have none."""
    from ...analysis.gate import judge
    from ...analysis.postmortem import post_mortem
    from ...analysis.tidy import tidy
    from ..render import to_html
    from .assets import FOLDER
    from .lines import line

    try:
        result = post_mortem(tidy(*Archive(page.archive).load(page.key)))
    except AftersweepError as error:
        return None, str(error)
    if page.rules:
        result = replace(result, gate=judge(result, page.rules, rules_from=page.rules_from, strict=False))
    assets, home = f"{page.root}{FOLDER}", f"{page.root}index.html"
    put(page.target, encoded(to_html(result, page.version, page.made_at, assets=assets, home=home)))
    return line(result), None


def pool_group(group: Group) -> Pool:
    """What the group's sweeps say together."""
    return pool_of(Archive(group.archive), group.keys, group.about)


def put(target: Path, data: bytes) -> bool:
    """The file, whole, in a folder that is made if need be; False where it already stands so. Raises UsageError."""
    try:
        if target.is_file() and target.read_bytes() == data:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"-o {target}: it cannot be written ({error.strerror or error})") from error
    put_all({target: data})
    return True


@contextmanager
def side_by_side(processes: int) -> Iterator[Run[Any, Any]]:
    """A way to call functions on many items, in so many processes; one is this one."""
    if processes < 2:
        yield lambda function, items: ((item, function(item)) for item in items)
        return
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update({name: os.environ.get(name, value) for name, value in _THREADS.items()})
    # Spawned, not forked: a fork copies the locks of the threads that draw progress or read Parquet.
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin)
    try:

        def run(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
            started = {pool.submit(function, item): item for item in items}
            for done in as_completed(started):
                yield started[done], done.result()

        yield run
    finally:
        pool.shutdown(cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)


def _begin() -> None:
    """Ctrl-C is for the process that started us: what is half done here is finished, then we are let go."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
