"""Everything that can go wrong, as one tree.

    AftersweepError                 a clear sentence for the user; exit code 2
    ├── UsageError                  a value that the user gave: names it, the valid choices, the next step
    │   ├── UnknownSweepError       no sweep by that name, wherever we looked
    │   └── UnknownMetricError      no run logged that metric; the nearest names are offered
    ├── SourceError                 a source cannot be read
    │   ├── CredentialsError        no key, or a key that the server refuses
    │   ├── ForbiddenError          the key is good, but not for this sweep
    │   ├── NetworkError            no answer from the server in the time allowed
    │   └── FormatError             a file that is not what its name says
    ├── ArchiveError                the archive cannot be used as it is
    │   ├── NewerArchiveError       written by a later version of aftersweep
    │   └── DamagedArchiveError     a file is missing or does not have the content that the manifest names
    └── InvariantError              a value that breaks the rules of its type: a bug in aftersweep

Each message says what was given, what would have been valid and what to do next. Secrets never enter a message.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AftersweepError(Exception):
    """Base of all errors that aftersweep raises on purpose; the command line prints it as one line."""

    exit_code = 2


class UsageError(AftersweepError):
    """A value that the user gave cannot be used."""


class UnknownSweepError(UsageError):
    """No sweep by that name was found."""


class UnknownMetricError(UsageError):
    """No run logged a metric by that name."""

    def __init__(self, metric: str, known: Iterable[str]) -> None:
        names = sorted(set(known))
        super().__init__(f"no run logged a metric named '{metric}'. {nearest(metric, names)}")


class SourceError(AftersweepError):
    """A source of runs cannot be read."""


class CredentialsError(SourceError):
    """There is no API key, or the server refuses it."""


class ForbiddenError(SourceError):
    """The API key is valid but does not open this sweep."""


class NetworkError(SourceError):
    """The server did not answer within the deadline."""


class FormatError(SourceError):
    """A file does not have the format that its name or its place promises."""


class ArchiveError(AftersweepError):
    """The archive cannot be used as it is."""


class NewerArchiveError(ArchiveError):
    """The archive was written by a later version of aftersweep."""


class DamagedArchiveError(ArchiveError):
    """A file of the archive is missing or is not what the manifest says."""


class InvariantError(AftersweepError):
    """A value breaks the rules of its type; this is a bug in aftersweep."""


def nearest(given: str, known: Iterable[str], what: str = "metric") -> str:
    """One sentence that offers the names nearest to ``given``, or lists what there is."""
    names = list(known)
    if not names:
        return f"There is no {what} at all."
    by_fold = {name.casefold(): name for name in names}
    close = [by_fold[hit] for hit in difflib.get_close_matches(given.casefold(), by_fold, n=3, cutoff=0.6)]
    if close:
        return "Did you mean " + " or ".join(f"'{name}'" for name in close) + "?"
    shown = ", ".join(names[:12])
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"There are: {shown}{more}."
