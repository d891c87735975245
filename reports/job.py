"""From what the user asks for to the post-mortem: the way that the command line, notebooks and --watch share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..analysis.archive.store import Archive
    from ..analysis.resolve import Request, Resolved
    from ..analysis.results.postmortem import PostMortem
    from ..analysis.sources.base import Progress, RawRun, RawSweep
    from ..analysis.tidy import Options
    from .gate_verdict import Asked

Found = Sequence[tuple["RawSweep", "list[RawRun]"]]
"""The raw records of each sweep."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """The sweeps of one report, and how they are to be judged."""

    requests: Sequence[Request]
    options: Options
    group_by: str | None = None
    claims: Sequence[str] = ()
    count_causes: Sequence[str] = ()
    rules: Asked | None = None
    """The gate's rules, whose verdict the report shows."""


def read_all(job: Job, archive: Archive, progress: Progress | None, quiet: bool) -> Found:
    """The raw records of all sweeps of the job; raises what ``resolve`` and the sources raise."""
    return [read(request, archive, progress, quiet, several=len(job.requests) > 1) for request in job.requests]


def analysed(job: Job, found: Found) -> PostMortem:
    """The post-mortem of what was read; several sweeps are pooled. Raises UsageError for what does not fit them."""
    from ..analysis.pooling import pool
    from ..analysis.postmortem import post_mortem
    from ..analysis.tidy import tidy
    from .gate_verdict import with_verdict

    options_of_each = _options_of_each(job.options, [runs for _, runs in found])
    sweep = pool([tidy(raw, runs, asked) for (raw, runs), asked in zip(found, options_of_each, strict=True)])
    asked = tuple({"text": text, "where": text} for text in job.claims)
    sweep = replace(sweep, claims=(*sweep.claims, *asked))
    result = post_mortem(sweep, group_by=job.group_by, count_causes=job.count_causes)
    return with_verdict(result, job.rules)


def read(
    request: Request,
    archive: Archive,
    progress: Progress | None,
    quiet: bool,
    *,
    several: bool,
) -> tuple[RawSweep, list[RawRun]]:
    """One sweep's raw records; its progress under its own name where there are several."""
    from ..analysis.resolve import resolve

    return read_resolved(request.word, resolve(request, archive), archive, progress, quiet, several=several)


def read_resolved(
    word: str, resolved: Resolved, archive: Archive, progress: Progress | None, quiet: bool, *, several: bool
) -> tuple[RawSweep, list[RawRun]]:
    """As ``read``, of what ``word`` was found to mean."""
    from ..analysis.resolve import load
    from .console import say

    if not quiet:
        say(f"reading {resolved.kind} {resolved.target} ({resolved.decided_by})")
    shown = progress
    if progress is not None and several:

        def shown(done: int, total: int | None, what: str) -> None:
            progress(done, total, f"{word}: {what}")

    return load(resolved, archive, shown)


def _options_of_each(options: Options, runs: Sequence[Sequence[RawRun]]) -> list[Options]:
    """The options of each sweep: a run that is left out need be in one of them only."""
    names = [{word for run in some for word in (run.id, run.name)} for some in runs]
    unknown = [word for word in options.exclude if not any(word in known for known in names)]
    return [
        replace(options, exclude=(*(unknown if i == 0 else ()), *(w for w in options.exclude if w in known)))
        for i, known in enumerate(names)
    ]
