"""The result of the section 'importance'."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Importance:
    """See the fields."""

    n: int
    """Runs that it rests on."""
    caveats: tuple[str, ...] = ()
