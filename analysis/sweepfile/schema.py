"""Whether W&B accepts a sweep file, and what in it is not what its author meant.

Sources: W&B, "Sweep configuration options" (docs.wandb.ai/models/sweeps/sweep-config-keys) and "Configure an
optimization engine" (docs.coreweave.com/products/wandb/sweeps/configure-engine); the released package ``sweeps`` 0.3.0,
with which W&B checks and draws; the client, ``wandb`` 0.31. What none of them could run is an error; what W&B's server
answers with a warning ("Malformed sweep config detected"), as it does for keys that it does not know, is a warning.

Where they differ we follow the documentation; a test holds us against the package:

- ``log_uniform``, ``q_log_uniform`` and ``inv_log_uniform`` are documented; the package advises against them.
- Bounds of which one is an int and one a float, without a distribution, pass the package; the client refuses them.
- A grid over a range or over values with probabilities passes the package's schema; its search refuses them.
- The ``scheduler`` of W&B Launch (a job and its settings, no engine) and ``launch`` are documented with Launch.
- With the engine ``wandb`` the client stops runs by ``early_terminate``, which the package advises against.
- Probabilities beside ``distribution: categorical``, and text where a number belongs, are refused by the package; the
  file can be read all the same, so both are warnings here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import FormatError
from ..values import is_number, level, show
from .checks import LISTED
from .config import Parameter, read_config
from .distributions import EXPONENTS, distribution
from .domains import read_domain
from .hyperband import read_hyperband
from .write import number

METHODS = ("grid", "random", "bayes")
CUSTOM = "custom"
"""The method of a sweep whose scheduler is not W&B's own."""
ENGINES: dict[str, tuple[str, ...]] = {"wandb": METHODS, "optuna": (CUSTOM,), "ax": (CUSTOM,)}
GOALS = ("minimize", "maximize")
IMPUTE = ("latest", "best", "worst")
TEXTS = ("program", "entity", "project", "name", "description", "job", "image_uri")
KEYS = (
    *TEXTS,
    "command",
    "method",
    "metric",
    "metrics",
    "parameters",
    "early_terminate",
    "run_cap",
    "controller",
    "scheduler",
    "launch",
    "apiVersion",
    "kind",
)
METRIC_KEYS = ("name", "goal", "target", "impute", "impute_while_running")
HYPERBAND_KEYS = ("type", "min_iter", "max_iter", "s", "eta", "strict")
GRID_RANGES = ("int_uniform", "q_uniform")
"""Ranges that a grid can go through."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
"""Names of parameters that W&B's schema takes."""
ENDS, SHAPE, CURVE = ("min", "max"), ("mu", "sigma"), ("a", "b")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; ``path`` are the keys that lead to it. Of a warning the file still works."""

    path: tuple[str, ...]
    message: str
    severity: Literal["error", "warning"] = "error"


def problems(raw: object) -> tuple[Problem, ...]:
    """All that is wrong with a sweep file, the errors first."""
    if not isinstance(raw, Mapping):
        kind = "empty" if raw is None else f"a {type(raw).__name__}"
        return (Problem((), f"the sweep file is {kind}; it must be a mapping of keys such as method and parameters"),)
    found = [*_top(raw), *_method(raw), *_metrics(raw), *_parameters(raw), *_stopping(raw)]
    return tuple(sorted(found, key=lambda one: one.severity))


def _top(raw: Mapping[str, Any]) -> Iterator[Problem]:
    cap = raw.get("run_cap")
    if cap is not None and (not isinstance(cap, int) or isinstance(cap, bool) or cap < 1):
        yield Problem(("run_cap",), f"run_cap is {show(cap)}; it must be a whole number of at least 1")
    yield from _unknown(raw, KEYS, (), "a sweep file")
    for key in TEXTS:
        if raw.get(key) is not None and not isinstance(raw[key], str):
            yield Problem((key,), f"{key} is {show(raw[key])}, not text; write it in quotes", "warning")
    command = raw.get("command")
    if command is not None and not isinstance(command, list):
        yield Problem(("command",), f"command is a {type(command).__name__}; it must be a list of words")
    if not any(raw.get(key) for key in ("program", "command", "job", "image_uri")):
        yield Problem(("program",), "there is no program: name the script that a run starts", "warning")


def _method(raw: Mapping[str, Any]) -> Iterator[Problem]:
    method, scheduler = raw.get("method"), raw.get("scheduler")
    if scheduler is not None and not isinstance(scheduler, Mapping):
        yield Problem(("scheduler",), f"scheduler is a {type(scheduler).__name__}; it must be a mapping")
        return
    engine = (scheduler or {}).get("engine")
    if engine is not None and engine not in list(ENGINES):
        yield Problem(
            ("scheduler", "engine"), f"scheduler.engine is {show(engine)}; it must be one of {', '.join(ENGINES)}"
        )
        return
    known = ENGINES[engine] if engine else METHODS if scheduler is None else (*METHODS, CUSTOM)
    if method == CUSTOM and scheduler is None:
        yield Problem(("method",), "method custom needs a scheduler that draws the values; give its engine", "warning")
    elif method not in known:
        only = f" with the engine {engine}" if engine else ""
        yield Problem(("method",), f"method is {show(method)}; it must be one of {', '.join(known)}{only}")
    if engine in ("optuna", "ax") and raw.get("early_terminate"):
        message = f"the engine {engine} stops runs by itself: it does not read early_terminate"
        yield Problem(("early_terminate",), message, "warning")


def _metrics(raw: Mapping[str, Any]) -> Iterator[Problem]:
    metric, several = raw.get("metric"), raw.get("metrics")
    if several is not None:
        if metric is not None:
            yield Problem(("metrics",), "metric and metrics exclude each other; leave one out")
        elif raw.get("method") != CUSTOM:
            yield Problem(
                ("metrics",), "metrics needs a scheduler of its own: method custom; with this one give metric"
            )
        if not isinstance(several, list) or len(several) < 2:
            yield Problem(("metrics",), "metrics must be a list of two or more; give one alone as metric")
            return
        for i, one in enumerate(several):
            yield from _metric(one, ("metrics", str(i)))
    elif metric is not None:
        yield from _metric(metric, ("metric",))
    elif raw.get("method") == "bayes" or raw.get("early_terminate"):
        why = "bayes" if raw.get("method") == "bayes" else "early_terminate"
        yield Problem(("metric",), f"{why} needs a metric; give its name and goal")


def _metric(metric: Any, path: tuple[str, ...]) -> Iterator[Problem]:
    if not isinstance(metric, Mapping) or not isinstance(metric.get("name"), str) or not metric["name"]:
        yield Problem(path, "metric must have a name")
        return
    if metric.get("goal", "minimize") not in GOALS:
        yield Problem((*path, "goal"), f"metric.goal is {show(metric['goal'])}; it must be minimize or maximize")
    for key, known in (("impute", IMPUTE), ("impute_while_running", (*IMPUTE, "false"))):
        if key in metric and show(metric[key]) not in known:
            message = f"metric.{key} is {show(metric[key])}; W&B knows {', '.join(known)}, and takes its default"
            yield Problem((*path, key), message, "warning")
    target = metric.get("target")
    if target is not None and not is_number(level(target)):
        yield Problem((*path, "target"), f"metric.target is {show(target)}; it must be a number")
    yield from _unknown(metric, METRIC_KEYS, path, "metric")


def _parameters(raw: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        config = read_config({"method": raw.get("method"), "parameters": raw.get("parameters")})
    except FormatError as error:
        yield Problem(("parameters",), str(error))
        return
    scheduler = raw.get("scheduler")
    if not config.parameters and not (isinstance(scheduler, Mapping) and scheduler.get("search_space")):
        yield Problem(("parameters",), "there is no parameter: the space holds no configuration")
    for parameter in config.parameters:
        path = ("parameters", *parameter.name.split("."))
        if not NAME.fullmatch(parameter.name):
            message = f"parameter '{parameter.name}': W&B's schema takes letters, digits, _ . and - in names"
            yield Problem(path, message, "warning")
        try:
            read_domain(parameter)
        except FormatError as error:
            yield Problem(path, str(error))
            continue
        if config.method == "grid":
            yield from (Problem(path, message) for message in _on_a_grid(parameter))
        yield from _specification(path, parameter)


def _on_a_grid(parameter: Parameter) -> Iterator[str]:
    kind = distribution(parameter)
    if kind is not None and kind not in GRID_RANGES:
        yield f"parameter '{parameter.name}' is a range ({kind}); grid needs values, int_uniform or q_uniform"
    elif "probabilities" in parameter.spec:
        yield f"parameter '{parameter.name}' has probabilities; grid tries all values alike: leave them out"


def _specification(path: tuple[str, ...], parameter: Parameter) -> Iterator[Problem]:
    """What is taken otherwise than it is meant, or taken by no one."""
    name, spec, kind = parameter.name, parameter.spec, distribution(parameter)
    yield from _unknown(spec, _keys(parameter, kind), path, f"parameter '{name}'")
    if kind in EXPONENTS:
        message = f"parameter '{name}': min and max of {kind} are natural exponents; {kind}_values takes the values"
        yield Problem(path, message, "warning")
    bounds = [spec[key] for key in ENDS if key in spec]
    if kind == "int_uniform" and not all(isinstance(one, int) for one in bounds):
        yield Problem(path, f"parameter '{name}': int_uniform takes bounds without a decimal point", "warning")
    alike = any(all(isinstance(one, kind_of) for one in bounds) for kind_of in (int, float))
    if kind is not None and "distribution" not in spec and not alike:
        given = f"min is {show(bounds[0])} and max {show(bounds[1])}"
        message = (
            f"parameter '{name}': {given}; without a distribution wandb takes two ints or two floats: write uniform"
        )
        yield Problem(path, message)
    numbers = (spec[key] for key in (*ENDS, *SHAPE, *CURVE, "q") if key in spec)
    for value in parameter.values or () if kind is None else numbers:
        if isinstance(value, str) and is_number(level(value)):
            message = f"parameter '{name}': '{value}' is text to YAML 1.1; write {number(float(value))}"
            yield Problem(path, message, "warning")


def _keys(parameter: Parameter, kind: str | None) -> tuple[str, ...]:
    """The keys that a parameter of its kind may have."""
    if kind is None:
        listed = "value" not in parameter.spec
        chances = ("probabilities",) if parameter.spec.get("distribution") != LISTED[0] else ()
        return ("distribution", "values", *chances) if listed else ("distribution", "value")
    base = kind.removeprefix("q_")
    own = CURVE if base == "beta" else SHAPE if base in ("normal", "log_normal") else ENDS
    return ("distribution", *own, *(("q",) if kind.startswith("q_") else ()))


def _stopping(raw: Mapping[str, Any]) -> Iterator[Problem]:
    rule = raw.get("early_terminate")
    if rule is None:
        return
    if not isinstance(rule, Mapping):
        yield Problem(("early_terminate",), f"early_terminate is a {type(rule).__name__}; it must be a mapping")
    elif rule.get("type") != "hyperband":
        yield Problem(("early_terminate", "type"), f"type is {show(rule.get('type'))}; it must be hyperband")
    else:
        yield from _unknown(rule, HYPERBAND_KEYS, ("early_terminate",), "early_terminate")
        for key in ("min_iter", "max_iter", "s", "eta"):
            if key in rule and not (is_number(rule[key]) and rule[key] > 0):
                yield Problem(("early_terminate", key), f"{key} is {show(rule[key])}; it must be a number above 0")
                return
        if "min_iter" not in rule and not ("max_iter" in rule and "s" in rule):
            yield Problem(("early_terminate",), "hyperband needs min_iter, or max_iter and s")
            return
        try:
            read_hyperband(rule)
        except FormatError as error:
            yield Problem(("early_terminate",), str(error))


def _unknown(given: Mapping[Any, Any], known: Iterable[str], path: tuple[str, ...], what: str) -> Iterator[Problem]:
    names = tuple(known)
    for key in given:
        if key not in names:
            message = f"'{key}' is no key of {what} that W&B knows; it is kept as it is"
            yield Problem((*path, str(key)), message, "warning")
