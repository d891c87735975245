"""From a job to a written report."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..analysis.errors import UsageError
from .files import Content, check_folder, put_all
from .formats import STDOUT, Wanted

if TYPE_CHECKING:
    from ..analysis.archive.store import Archive
    from ..analysis.results.postmortem import PostMortem
    from ..analysis.sources.base import Progress
    from .job import Job
    from .publish import Publication


def write_report(
    job: Job,
    archive: Archive,
    wanted: Wanted,
    progress: Progress | None,
    *,
    quiet: bool,
    publication: Publication | None = None,
) -> None:
    """Read, analyse, write, publish; and say in a few lines what was found and where the page is.

    All files are there, whole, or none. Raises UsageError before the work for what could not be written after it.
    """
    from .console import say
    from .job import analysed, read_all

    dry_run = publication is not None and publication.login is None
    if not dry_run:
        check(wanted)
    result = analysed(job, read_all(job, archive, progress, quiet))
    if publication is not None and dry_run:
        _print(encoded(publication.request(result, _markdown(result, wanted.max_chars))))
        return
    contents = write(result, wanted)
    if not quiet:
        summary(result, contents)
    if publication is not None:
        address = publication.send(result, _markdown(result, wanted.max_chars))
        if not quiet:
            say(f"published: {address}")


def write(result: PostMortem, wanted: Wanted, *, renew: int = 0) -> dict[Path, Content]:
    """Write all formats, or none, and hand back what went where; ``renew`` as in ``render.to_html``."""
    contents = made(result, wanted.targets(f"aftersweep-{safe_name(result.sweep.id)}"), wanted.max_chars, renew)
    if STDOUT in contents:
        _print(contents[STDOUT])
    else:
        put_all(contents)
    return contents


def _markdown(result: PostMortem, max_chars: int) -> str:
    from .shorten import shorten

    return shorten(result, rendered(result, "md"), max_chars)


def rendered(result: PostMortem, format_: str, renew: int = 0) -> str:
    """The report as text: html, md or json; ``renew`` as in ``render.to_html``."""
    from .as_json import to_json
    from .render import to_html, to_markdown

    if format_ == "json":
        return to_json(result, __version__)
    made_at = float(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    if format_ == "md":
        return to_markdown(result, __version__, made_at)
    return to_html(result, __version__, made_at, renew=renew)


def made(result: PostMortem, targets: Mapping[str, Path], max_chars: int = 0, renew: int = 0) -> dict[Path, Content]:
    """What each file holds, by the formats' targets; the tables are a folder of files, or a zip archive of them.

    ``max_chars`` is the most that the Markdown may have (``shorten``); 0 is no limit. ``renew`` as in
    ``render.to_html``, for the HTML page alone.
    """
    from .csv_files import csv_files, zipped
    from .pdf import to_pdf

    contents: dict[Path, Content] = {}
    page = rendered(result, "html") if "pdf" in targets or ("html" in targets and not renew) else ""
    for format_, target in targets.items():
        if format_ == "pdf":
            contents[target] = to_pdf(page)
        elif format_ == "csv":
            files = csv_files(result)
            contents[target] = zipped(files) if target.suffix.casefold() == ".zip" else files
        elif format_ == "md":
            contents[target] = encoded(_markdown(result, max_chars))
        else:
            contents[target] = encoded(page if format_ == "html" and not renew else rendered(result, format_, renew))
    return contents


def encoded(text: str) -> bytes:
    """UTF-8; half a character (a lone surrogate), which UTF-8 cannot hold, as ``\\ud800``: so JSON writes it too."""
    return text.encode("utf-8", "backslashreplace")


def safe_name(sweep_id: str) -> str:
    """A sweep's id as a piece of a file name: an id from a server is never a path."""
    return re.sub(r"[^A-Za-z0-9_+-]", "_", sweep_id)[:64] or "sweep"


def check(wanted: Wanted) -> None:
    """Fail before the work, not after it: places that cannot be written, no browser for a PDF. Raises UsageError."""
    for format_, target in wanted.targets("aftersweep-ID").items():
        if format_ == "csv" and target.suffix.casefold() != ".zip":
            from .csv_files import NAMES

            check_folder(target, NAMES)
            _check_parent(target)
        else:
            check_writable(target)
    if "pdf" in wanted.formats:
        from .pdf import find_browser

        find_browser()


def check_writable(output: Path | None) -> None:
    """Fail before the work, not after it. Raises UsageError."""
    target = output or Path("aftersweep-ID.html")
    if target == STDOUT:
        return
    if target.is_dir():
        raise UsageError(f"-o {target}: it is a folder; name a file in it")
    _check_parent(target)


def _check_parent(target: Path) -> None:
    folder = target.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"-o {target}: the folder {target.parent} does not exist; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"nothing can be written in {folder}; name a file elsewhere with -o, or -o - for standard output"
        )


def put(target: Path, text: str) -> None:
    """The whole file or none of it; '-' is standard output. Raises UsageError where it cannot be written."""
    if target == STDOUT:
        _print(encoded(text))
    else:
        put_all({target: encoded(text)})


def _print(data: Content) -> None:
    if isinstance(data, bytes):
        sys.stdout.buffer.write(data)
        sys.stdout.flush()


def summary(result: PostMortem, targets: Iterable[Path]) -> None:
    """What was found and where it stands, in a few lines on standard error."""
    from .console import say
    from .narrate import sentence
    from .view import KEY_KINDS

    for notice in result.sweep.notices:
        say(f"  note: {notice}")
    for kind in KEY_KINDS:
        for finding in result.findings:
            if finding.kind == kind:
                say(f"  - {sentence(finding)}")
    for target in targets:
        if target != STDOUT:
            say(f"written: {target}")
