"""The result of the section 'space'."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Space:
    """See the fields."""

    n: int
    """Runs that it rests on."""
    caveats: tuple[str, ...] = ()
