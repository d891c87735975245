"""From a request to a written report."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..analysis.errors import UsageError

if TYPE_CHECKING:
    from ..analysis.archive.store import Archive
    from ..analysis.resolve import Request
    from ..analysis.results.postmortem import PostMortem
    from ..analysis.sources.base import Progress, RawRun, RawSweep
    from ..analysis.tidy import Options

FORMATS = {"html": "html", "md": "md", "json": "json"}
SUFFIXES = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md", ".json": "json"}
DEFAULT_FORMAT = "html"


def choose_format(format_: str | None, output: Path | None) -> str:
    """The format by --format, else by the output's name. Raises UsageError for one that there is not."""
    if format_ is None:
        suffix = output.suffix.casefold() if output is not None else ""
        if suffix not in ("", *SUFFIXES):
            raise UsageError(f"-o {output}: end the name in .html, .md or .json, or say which it is with --format")
        return SUFFIXES.get(suffix, DEFAULT_FORMAT)
    if format_ not in FORMATS:
        raise UsageError(f"--format {format_}: it must be one of {', '.join(FORMATS)}")
    return format_


def write_report(
    requests: Sequence[Request],
    archive: Archive,
    options: Options,
    *,
    group_by: str | None,
    claims: Sequence[str],
    count_causes: Sequence[str],
    output: Path | None,
    format_: str | None,
    gate_config: Path | None,
    progress: Progress | None,
    quiet: bool,
) -> None:
    """Read, analyse, write; and say in a few lines what was found and where the page is. Several sweeps are pooled."""
    from ..analysis.pooling import pool
    from ..analysis.postmortem import post_mortem
    from ..analysis.tidy import tidy
    from .gate_verdict import rules_asked, with_verdict

    chosen = choose_format(format_, output)
    check_writable(output)
    rules = rules_asked(gate_config, Path.cwd(), [request.word for request in requests])
    found = [read(request, archive, progress, quiet, several=len(requests) > 1) for request in requests]
    wanted = _options_of_each(options, [runs for _, runs in found])
    sweep = pool([tidy(raw, runs, asked) for (raw, runs), asked in zip(found, wanted, strict=True)])
    asked = tuple({"text": text, "where": text} for text in claims)
    result = post_mortem(replace(sweep, claims=(*sweep.claims, *asked)), group_by=group_by, count_causes=count_causes)
    result = with_verdict(result, rules)
    target = output or Path(f"aftersweep-{safe_name(sweep.id)}.{chosen}")
    put(target, rendered(result, chosen))
    if not quiet:
        _summary(result, target)


def read(
    request: Request, archive: Archive, progress: Progress | None, quiet: bool, *, several: bool
) -> tuple[RawSweep, list[RawRun]]:
    """One sweep's raw records; its progress under its own name where there are several."""
    from ..analysis.resolve import load, resolve
    from .console import say

    resolved = resolve(request, archive)
    if not quiet:
        say(f"reading {resolved.kind} {resolved.target} ({resolved.decided_by})")
    shown = progress
    if progress is not None and several:

        def shown(done: int, total: int | None, what: str) -> None:
            progress(done, total, f"{request.word}: {what}")

    return load(resolved, archive, shown)


def _options_of_each(options: Options, runs: Sequence[Sequence[RawRun]]) -> list[Options]:
    """The options of each sweep: a run that is left out need be in one of them only."""
    names = [{word for run in some for word in (run.id, run.name)} for some in runs]
    unknown = [word for word in options.exclude if not any(word in known for known in names)]
    return [
        replace(options, exclude=(*(unknown if i == 0 else ()), *(w for w in options.exclude if w in known)))
        for i, known in enumerate(names)
    ]


def rendered(result: PostMortem, format_: str) -> str:
    """The report in one of FORMATS."""
    from .as_json import to_json
    from .render import to_html, to_markdown

    if format_ == "json":
        return to_json(result, __version__)
    made_at = float(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    return (to_html if format_ == "html" else to_markdown)(result, __version__, made_at)


def safe_name(sweep_id: str) -> str:
    """A sweep's id as a piece of a file name: an id from a server is never a path."""
    return re.sub(r"[^A-Za-z0-9_+-]", "_", sweep_id)[:64] or "sweep"


def check_writable(output: Path | None) -> None:
    """Fail before the work, not after it. Raises UsageError."""
    if str(output) == "-":
        return
    target = output or Path("aftersweep-ID.html")
    if target.is_dir():
        raise UsageError(f"-o {target}: it is a folder; name a file in it")
    folder = target.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"-o {target}: the folder {target.parent} does not exist; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"nothing can be written in {folder}; name a file elsewhere with -o, or -o - for standard output"
        )


def put(target: Path, text: str) -> None:
    """The whole file or none of it; '-' is standard output. Raises UsageError where it cannot be written."""
    if str(target) == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.absolute().parent, prefix=".aftersweep-", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(text)
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise UsageError(f"-o {target}: it cannot be written ({error.strerror or error})") from error


def _summary(result: PostMortem, target: Path) -> None:
    from .console import say
    from .narrate import sentence
    from .view import KEY_KINDS

    for notice in result.sweep.notices:
        say(f"  note: {notice}")
    for kind in KEY_KINDS:
        for finding in result.findings:
            if finding.kind == kind:
                say(f"  - {sentence(finding)}")
    if str(target) != "-":
        say(f"written: {target}")
