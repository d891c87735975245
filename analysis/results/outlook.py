"""The result of the section 'outlook'."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """See the fields."""

    n: int
    """Runs that it rests on."""
    caveats: tuple[str, ...] = ()
