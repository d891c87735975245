"""What the user asks of the next sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError, nearest
from ..sweepfile.domains import Domain
from ..values import level, same, show

METHODS = ("grid", "random", "bayes")
RISK_LIMIT = 0.3


@dataclass(frozen=True)
class Options:
    """``budget``: runs of the next sweep, None for as many as the parent had; ``keep`` and ``fix``: PARAM, VALUE."""

    budget: int | None = None
    risk_limit: float = RISK_LIMIT
    keep: tuple[tuple[str, str], ...] = ()
    fix: tuple[tuple[str, str], ...] = ()
    method: str | None = None
    new_values: bool = True
    """False: only values that the parent's space has."""

    def __post_init__(self) -> None:
        if self.budget is not None and self.budget < 1:
            raise UsageError(f"--budget {self.budget}: it must be at least 1 run")
        if not 0.0 < self.risk_limit <= 1.0:
            raise UsageError(f"--risk-limit {self.risk_limit}: it must be above 0 and at most 1, e.g. {RISK_LIMIT}")
        if self.method is not None and self.method not in METHODS:
            raise UsageError(f"--method {self.method}: it must be one of {', '.join(METHODS)}")


def asked(option: str, pairs: Sequence[tuple[str, str]], domains: Sequence[Domain]) -> Mapping[str, list[Any]]:
    """The values asked for, by parameter, as the file has them; UsageError for one that it does not have."""
    by_name = {domain.name: domain for domain in domains}
    found: dict[str, list[Any]] = {}
    for name, text in pairs:
        domain = by_name.get(name)
        if domain is None:
            offer = nearest(name, by_name, "swept parameter")
            raise UsageError(f"--{option} {name}={text}: the sweep varies no such parameter. {offer}")
        found.setdefault(name, []).append(_value(option, domain, text))
    return found


def _value(option: str, domain: Domain, text: str) -> Any:
    value = {"true": True, "false": False, "null": None}.get(text, level(text))
    if domain.levels is None:
        if domain.contains(value):
            return value
        raise UsageError(f"--{option} {domain.name}={text}: it must lie between {domain.low:g} and {domain.high:g}")
    for one in domain.levels:
        if same(level(one), value) or show(one) == text:
            return one
    choices = ", ".join(show(one) for one in domain.levels)
    raise UsageError(f"--{option} {domain.name}={text}: it must be one of {choices}")
