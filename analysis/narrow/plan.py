"""The new space as it is being decided: which parts of each parameter's domain stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..results.following import Action, Change
from ..sweepfile.config import Parameter
from ..sweepfile.distributions import step_of
from ..sweepfile.domains import Domain, read_domain
from ..types import Finding
from ..values import level, same
from .candidates import Codes, numbered
from .options import Options, asked
from .reasons import asked_finding
from .shrink import RANGE_PIECES

Keys = tuple[str, ...]


@dataclass
class Plan:
    """Filled in step by step; ``domains`` are the new ones, in the order of ``codes.domains``."""

    codes: Codes
    raw: Mapping[str, Any]
    domains: list[Domain]
    alive: list[list[int]]
    protected: frozenset[tuple[int, int]]
    changes: list[Change] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    """Parameters that the user fixed."""

    @property
    def size(self) -> float:
        """Configurations of the new space; infinite with a range that is not of whole numbers."""
        total = 1.0
        for domain in self.domains:
            if domain.levels is not None:
                total *= len(domain.levels)
            elif domain.integer and domain.low is not None and domain.high is not None:
                step = step_of(Parameter(domain.name, domain.spec)) or 1.0
                total *= round((domain.high - domain.low) / step) + 1
            else:
                return float("inf")
        return total

    def change(self, j: int, new: Domain, action: Action, finding: Finding) -> None:
        old = self.domains[j]
        path = ("parameters", *keys_of(self.raw["parameters"], old.name))
        self.changes.append(Change(path=path, action=action, old=dict(old.spec), new=dict(new.spec), finding=finding))
        self.domains[j] = new

    def without(self, j: int, parts: Sequence[int]) -> list[int]:
        return [part for part in self.alive[j] if part not in parts]

    def cut(self, j: int, kept: Sequence[int]) -> Domain:
        """The parent's domain with these parts only."""
        domain = self.codes.domains[j]
        if domain.levels is not None:
            return domain.keep([numbered(domain)[part] for part in kept])
        low, high = (domain.at(edge / RANGE_PIECES) for edge in (min(kept), max(kept) + 1))
        return domain.shrink(low, high)


def keys_of(parameters: Mapping[str, Any], name: str) -> Keys:
    """The keys that lead to a parameter: nested ones are shown under dotted names."""
    for key, spec in parameters.items():
        nested = spec.get("parameters") if isinstance(spec, Mapping) else None
        if key == name and not isinstance(nested, Mapping):
            return (key,)
        if isinstance(nested, Mapping) and name.startswith(f"{key}."):
            return (key, "parameters", *keys_of(nested, name[len(key) + 1 :]))
    raise KeyError(name)


def start(raw: Mapping[str, Any], domains: Sequence[Domain], options: Options) -> Plan:
    """The parent's space with what the user fixed and keeps; UsageError for a value that it does not have."""
    keep, fix = asked("keep", options.keep, domains), asked("fix", options.fix, domains)
    codes = Codes(tuple(domains))
    plan = Plan(
        codes=codes,
        raw=raw,
        domains=list(domains),
        alive=[list(range(count)) for count in codes.counts],
        protected=frozenset((j, part) for j, d in enumerate(domains) for part in _parts(d, keep.get(d.name, []))),
    )
    for j, domain in enumerate(domains):
        if domain.name in fix:
            value = fix[domain.name][-1]
            plan.alive[j] = _parts(domain, [value])
            new = domain.keep([value]) if domain.levels is not None else _constant(domain, value)
            plan.change(j, new, "fix", asked_finding(domain, value))
            plan.settled.add(domain.name)
    return plan


def _constant(domain: Domain, value: Any) -> Domain:
    return read_domain(Parameter(domain.name, {"value": value}))


def _parts(domain: Domain, values: Sequence[Any]) -> list[int]:
    if domain.levels is None:
        return [min(int(domain.place(value) * RANGE_PIECES), RANGE_PIECES - 1) for value in values]
    return [i for i, one in enumerate(numbered(domain)) if any(same(level(one), level(value)) for value in values)]
