"""A sweep's configuration as W&B stores it, read into one checked form.

Source of the fields: W&B, "Sweep configuration options" (docs.wandb.ai/guides/sweeps/sweep-config-keys).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import FormatError

Goal = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Metric:
    """The metric that a sweep optimises; it always carries its goal."""

    name: str
    goal: Goal

    def better(self, a: float, b: float) -> bool:
        """True where value ``a`` is strictly better than ``b``."""
        return a > b if self.goal == "maximize" else a < b

    @property
    def sign(self) -> int:
        """+1 where larger is better, -1 where smaller is: ``sign * value`` is always to be maximised."""
        return 1 if self.goal == "maximize" else -1


@dataclass(frozen=True)
class Parameter:
    """One parameter of the search; nested ones carry their path, joined by dots (``optimizer.lr``)."""

    name: str
    spec: Mapping[str, Any]

    @property
    def values(self) -> tuple[Any, ...] | None:
        """The levels, in the order of the sweep file; None for a range or a distribution."""
        if "value" in self.spec:
            return (self.spec["value"],)
        values = self.spec.get("values")
        return tuple(values) if isinstance(values, list | tuple) else None

    @property
    def swept(self) -> bool:
        """False for a constant."""
        values = self.values
        if values is not None:
            return len(values) > 1
        return self.spec.get("distribution") != "constant"


@dataclass(frozen=True)
class SweepConfig:
    """A sweep's configuration; ``raw`` is kept whole, so that nothing unknown is lost."""

    method: str | None
    metric: Metric | None
    parameters: tuple[Parameter, ...]
    early_terminate: Mapping[str, Any] | None
    program: str | None = None
    name: str | None = None
    description: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def swept(self) -> tuple[Parameter, ...]:
        """The parameters that the sweep varies."""
        return tuple(p for p in self.parameters if p.swept)

    def parameter(self, name: str) -> Parameter | None:
        return next((p for p in self.parameters if p.name == name), None)


def read_config(raw: Mapping[str, Any]) -> SweepConfig:
    """The configuration in ``raw``, as parsed from YAML or JSON.

    Raises FormatError where a part is not of the type that W&B requires.
    """
    parameters = raw.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise FormatError(f"'parameters' of the sweep configuration is {_kind(parameters)}")
    early = raw.get("early_terminate")
    if early is not None and not isinstance(early, Mapping):
        raise FormatError(f"'early_terminate' of the sweep configuration is {_kind(early)}")
    return SweepConfig(
        method=_text(raw.get("method")),
        metric=_metric(raw.get("metric")),
        parameters=tuple(_flatten(parameters)),
        early_terminate=dict(early) if early else None,
        program=_text(raw.get("program")),
        name=_text(raw.get("name")),
        description=_text(raw.get("description")),
        raw=dict(raw),
    )


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}; it must be a mapping"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _metric(raw: Any) -> Metric | None:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("name"), str):
        return None
    goal = raw.get("goal", "minimize")  # W&B's default
    if goal not in ("minimize", "maximize"):
        raise FormatError(f"'metric.goal' of the sweep configuration is '{goal}'; it must be minimize or maximize")
    return Metric(raw["name"], goal)


def _flatten(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[Parameter]:
    for name, spec in parameters.items():
        path = f"{prefix}{name}"
        if not isinstance(spec, Mapping):
            raise FormatError(f"parameter '{path}' of the sweep configuration is {_kind(spec)}")
        nested = spec.get("parameters")
        if isinstance(nested, Mapping):
            yield from _flatten(nested, f"{path}.")
        else:
            yield Parameter(path, dict(spec))
