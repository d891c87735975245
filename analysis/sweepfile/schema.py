"""Whether W&B accepts a sweep file, and what in it is not what its author meant.

Source: W&B, "Sweep configuration options" (docs.wandb.ai/guides/sweeps/sweep-config-keys). The released package
``sweeps`` (0.3.0) lags it: it knows no ``run_cap`` and no ``prior_runs``, and lets other keys pass unread; a test holds
the two beside each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import FormatError
from ..values import is_number, show
from .config import Parameter, read_config
from .domains import read_domain
from .hyperband import read_hyperband

METHODS = ("grid", "random", "bayes")
GOALS = ("minimize", "maximize")
KEYS = (
    "program",
    "command",
    "entity",
    "project",
    "name",
    "description",
    "method",
    "metric",
    "parameters",
    "early_terminate",
    "run_cap",
    "prior_runs",
    "controller",
    "job",
    "image_uri",
    "launch",
    "settings",
)
METRIC_KEYS = ("name", "goal", "target", "impute", "impute_while_running")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; ``path`` are the keys that lead to it. Of a warning the file still works."""

    path: tuple[str, ...]
    message: str
    severity: Literal["error", "warning"] = "error"


def problems(raw: Mapping[str, Any]) -> tuple[Problem, ...]:
    """All that is wrong with a sweep file, the errors first."""
    found = [*_top(raw), *_metric(raw), *_parameters(raw), *_stopping(raw)]
    return tuple(sorted(found, key=lambda one: one.severity))


def _top(raw: Mapping[str, Any]) -> Iterator[Problem]:
    method = raw.get("method")
    if method not in METHODS:
        yield Problem(("method",), f"method is {show(method)}; it must be one of {', '.join(METHODS)}")
    cap = raw.get("run_cap")
    if cap is not None and (not isinstance(cap, int) or isinstance(cap, bool) or cap < 1):
        yield Problem(("run_cap",), f"run_cap is {show(cap)}; it must be a whole number of at least 1")
    for key in raw:
        if key not in KEYS:
            yield Problem(
                (str(key),), f"'{key}' is no key of a sweep file that we know; it is kept as it is", "warning"
            )
    command = raw.get("command")
    if command is not None and not isinstance(command, list):
        yield Problem(("command",), f"command is a {type(command).__name__}; it must be a list of words")
    if not raw.get("program") and not command and not raw.get("job"):
        yield Problem(("program",), "there is no program: name the script that a run starts", "warning")


def _metric(raw: Mapping[str, Any]) -> Iterator[Problem]:
    metric = raw.get("metric")
    if metric is None:
        if raw.get("method") == "bayes" or raw.get("early_terminate"):
            why = "bayes" if raw.get("method") == "bayes" else "early_terminate"
            yield Problem(("metric",), f"{why} needs a metric; give its name and goal")
        return
    if not isinstance(metric, Mapping) or not isinstance(metric.get("name"), str) or not metric["name"]:
        yield Problem(("metric",), "metric must have a name")
        return
    if metric.get("goal", "minimize") not in GOALS:
        yield Problem(("metric", "goal"), f"metric.goal is {show(metric['goal'])}; it must be minimize or maximize")
    for key in metric:
        if key not in METRIC_KEYS:
            yield Problem(("metric", str(key)), f"'{key}' is no key of metric that we know", "warning")


def _parameters(raw: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        config = read_config(raw)
    except FormatError as error:
        yield Problem(("parameters",), str(error))
        return
    if not config.parameters:
        yield Problem(("parameters",), "there is no parameter: the space holds no configuration")
    for parameter in config.parameters:
        path = ("parameters", *parameter.name.split("."))
        try:
            domain = read_domain(parameter)
        except FormatError as error:
            yield Problem(path, str(error))
            continue
        endless = domain.levels is None and not domain.integer and "q" not in parameter.spec
        if config.method == "grid" and endless:
            yield Problem(path, f"parameter '{parameter.name}' is a range; grid needs values (or a step q)")
        yield from _text_numbers(path, parameter)


def _text_numbers(path: tuple[str, ...], parameter: Parameter) -> Iterator[Problem]:
    for value in parameter.values or ():
        if isinstance(value, str) and _reads_as_number(value):
            yield Problem(
                path, f"parameter '{parameter.name}': '{value}' is text to YAML 1.1; write {float(value)!r}", "warning"
            )


def _reads_as_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _stopping(raw: Mapping[str, Any]) -> Iterator[Problem]:
    rule = raw.get("early_terminate")
    if rule is None:
        return
    if not isinstance(rule, Mapping):
        yield Problem(("early_terminate",), f"early_terminate is a {type(rule).__name__}; it must be a mapping")
    elif rule.get("type") != "hyperband":
        yield Problem(("early_terminate", "type"), f"type is {show(rule.get('type'))}; it must be hyperband")
    else:
        for key in ("min_iter", "max_iter", "s", "eta"):
            if key in rule and not (is_number(rule[key]) and rule[key] > 0):
                yield Problem(("early_terminate", key), f"{key} is {show(rule[key])}; it must be a number above 0")
                return
        if "min_iter" not in rule and "max_iter" not in rule:
            yield Problem(("early_terminate",), "hyperband needs min_iter, or max_iter and s")
            return
        try:
            read_hyperband(rule)
        except FormatError as error:
            yield Problem(("early_terminate",), str(error))
