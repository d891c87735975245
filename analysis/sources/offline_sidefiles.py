"""What lies beside a `.wandb` file and tells the run's parameters when the file itself does not.

A run that is killed before the SDK first writes its buffer leaves a `.wandb` file of seven bytes. Then there are:

- ``logs/debug.log``, written at once: the arguments of ``wandb.init`` and later changes of the config as Python
  literals (``config: {...}``, ``config_cb KEY VALUE None``). They are parsed as literals, never evaluated;
- ``files/config.yaml``, in the folder of an online run: the config, each value wrapped as ``{"value": x}``;
- ``sweep-<sweep id>/config-<run id>.yaml`` in the ``wandb`` folder, which a W&B agent writes before it starts a run:
  the parameters, wrapped in the same way, and with its place the sweep that the run belongs to.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import FormatError
from .base import Json

LARGEST_LOG_BYTES = 4 * 1024 * 1024
LONGEST_LITERAL = 256 * 1024
LARGEST_YAML_BYTES = 1024 * 1024
MOST_YAML_VALUES = 100_000
DEEPEST = 64

_INIT = "wandb.init called with sweep_config: "
_CONFIG = "config: "
_CHANGE = re.compile(r"config_cb (\S+) (.*) None$")
_CHANGES = re.compile(r"config_cb None None (\{.*\})$")
_PARSE_ERRORS = (ValueError, SyntaxError, MemoryError, RecursionError, TypeError)


def read_debug_log(path: Path) -> dict[str, Json] | None:
    """The config in a ``debug.log``, the sweep's parameters included; None where there is none to read."""
    try:
        with path.open("rb") as stream:
            text = stream.read(LARGEST_LOG_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return None
    found: dict[str, Json] | None = None
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if _INIT in line:
            given = _literal(lines[number + 1].removeprefix(_CONFIG)) if number + 1 < len(lines) else None
            found = {**_mapping(given), **_sweep_parameters(_literal(line.split(_INIT, 1)[1]))}
        elif "config_cb" in line and found is not None:
            found.update(_change(line))
    if found is not None:
        found.pop("_wandb", None)
    return found


def _sweep_parameters(value: Any) -> dict[str, Json]:
    """The parameters that ``wandb.init`` got from the agent: bare, or each as ``{"value": x}``."""
    given = _mapping(value)
    return unwrap(given) if all(isinstance(v, dict) and "value" in v for v in given.values()) else given


def _change(line: str) -> dict[str, Json]:
    many = _CHANGES.search(line)
    if many:
        return _mapping(_literal(many[1]))
    one = _CHANGE.search(line)
    if one is None or one[1] == "None":
        return {}
    value = _literal(one[2])
    return {one[1]: one[2] if value is None and one[2] != "None" else value}  # text stands there without quotes


def _mapping(value: Any) -> dict[str, Json]:
    return {key: item for key, item in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}


def _literal(text: str) -> Any:
    """A Python literal, with nan, inf and NumPy's values as Python prints them; None where it is none or too long.

    Of a mapping the entries that are no literals are left out.
    """
    if len(text) > LONGEST_LITERAL:
        return None
    try:
        tree = _Printed().visit(ast.parse(text.strip(), mode="eval")).body
    except _PARSE_ERRORS:
        return None
    if isinstance(tree, ast.Dict):
        pairs = [(_value(key), _value(value)) for key, value in zip(tree.keys, tree.values, strict=True) if key]
        return {key: value for key, value in pairs if isinstance(key, str) and value is not ...}
    value = _value(tree)
    return None if value is ... else value


def _value(node: ast.expr) -> Any:
    try:
        return json.loads(json.dumps(ast.literal_eval(node), skipkeys=True))  # tuples become lists
    except _PARSE_ERRORS:
        return ...


class _Printed(ast.NodeTransformer):
    """``nan`` and ``inf``, ``np.float32(0.1)`` and ``array([1, 2])`` as the constants inside; nothing is called."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant(float(node.id)) if node.id in ("nan", "inf") else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        named = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        if isinstance(named, ast.Name) and named.id in ("np", "array") and node.args:
            inner: ast.AST = self.visit(node.args[0])
            return inner
        return node


def unwrap(values: Mapping[str, Json]) -> dict[str, Json]:
    """A config as W&B writes it to YAML (``{"lr": {"value": 0.1}}``) as plain values, W&B's own entries left out."""
    return {
        key: value["value"]
        for key, value in values.items()
        if key not in ("_wandb", "wandb_version") and isinstance(value, dict) and "value" in value
    }


def read_wrapped_yaml(path: Path) -> dict[str, Json] | None:
    """The config in a YAML file of W&B; None where there is no such file or it holds no config."""
    try:
        return unwrap(read_yaml_mapping(path)) or None
    except (OSError, FormatError):
        return None


def read_yaml_mapping(path: Path) -> dict[str, Json]:
    """The mapping in a YAML file: plain values only, at most 1 MiB and 100,000 values once aliases are followed.

    Raises FormatError, naming the file, where it is anything else, and OSError where it cannot be read.
    """
    with path.open("rb") as stream:
        text = stream.read(LARGEST_YAML_BYTES + 1)
    if len(text) > LARGEST_YAML_BYTES:
        raise FormatError(f"'{path}' is larger than 1 MiB; a configuration in YAML is smaller")
    try:
        value = yaml.safe_load(text)
        if not isinstance(value, dict):
            raise FormatError(f"'{path}' holds no YAML mapping, so it is no configuration")
        _count(value, MOST_YAML_VALUES, DEEPEST)
        plain: dict[str, Json] = json.loads(json.dumps(value, default=str, skipkeys=True))  # dates become text
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:160]
        raise FormatError(f"'{path}' cannot be read as YAML: {reason}") from error
    return plain


def _count(value: Any, budget: int, depth: int) -> int:
    """What is left of ``budget`` after the values inside ``value``; aliases count each time that they are used."""
    if depth < 0 or budget <= 0:
        raise ValueError("too many values or too deep")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        budget = _count(child, budget - 1, depth - 1)
    return budget
