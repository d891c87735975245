"""A sweep file that people would write, and that ``wandb sweep`` reads back as it was meant.

W&B loads the file as YAML 1.1 (PyYAML's safe_load): there ``5e-4`` is text and ``5.0e-4`` a number, so that is how
small numbers are written. Keys come in the order of W&B's documentation ("Sweep configuration options"), levels in one
line, and the reason of a changed line behind it, or above it where it would not fit.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

ORDER = (
    "program",
    "entity",
    "project",
    "description",
    "name",
    "method",
    "metric",
    "parameters",
    "early_terminate",
    "command",
    "run_cap",
)
WIDTH = 120
SMALL = 1e-3
"""Numbers below are written with an exponent."""
LONGEST_KEY = 100
Path = tuple[str, ...]


def to_yaml(config: Mapping[str, Any], comments: Mapping[Path, str], head: Sequence[str] = ()) -> str:
    """The file. comments: by the path of the line that they belong to; head: comments above all.

    ``yaml.safe_load`` of it is ``config``, whatever the comments hold.
    """
    lines = [line for text in head for line in _comment_lines(text, "")]
    if not config:
        lines.append("{}")
    keys = sorted(config, key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))
    for key in keys:
        lines += _entry(key, config[key], (key,), comments, "")
    return "\n".join(lines) + "\n"


def _entry(key: Any, value: Any, path: Path, comments: Mapping[Path, str], indent: str) -> Iterator[str]:
    said = _one_line(comments.get(path, ""))
    if not isinstance(key, str) or len(key) > LONGEST_KEY or _is_odd(value):
        yield from _comment_lines(said, indent)
        plain = yaml.safe_dump({key: value}, sort_keys=False, width=math.inf, allow_unicode=False)
        yield from textwrap.indent(plain, indent).splitlines()
    elif isinstance(value, Mapping) and value:
        yield from _with_comment(f"{indent}{_scalar(key)}:", said, indent)
        for name, inner in value.items():
            yield from _entry(name, inner, (*path, str(name)), comments, indent + "  ")
    else:
        yield from _with_comment(f"{indent}{_scalar(key)}: {_flow(value)}", said, indent)


def _is_odd(value: Any) -> bool:
    """True for what has no short form: lists of mappings, lists that do not fit a line, sets and bytes."""
    if isinstance(value, set | bytes):
        return True
    if not isinstance(value, list | tuple):
        return False
    return any(isinstance(one, Mapping | list | tuple | set | bytes) for one in value) or len(_flow(value)) > 3 * WIDTH


def _with_comment(line: str, said: str, indent: str) -> Iterator[str]:
    if said and len(line) + len(said) + 4 > WIDTH:
        yield from _comment_lines(said, indent)
        said = ""
    yield f"{line}  # {said}" if said else line


def _comment_lines(text: str, indent: str) -> list[str]:
    text = _one_line(text)
    return [f"{indent}# {line}" for line in textwrap.wrap(text, WIDTH - len(indent) - 2, break_on_hyphens=False)]


def _one_line(text: str) -> str:
    """A comment cannot be left: line ends and control characters, YAML's own too, become spaces."""
    return re.sub(r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]+", " ", text).strip()


def _flow(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_scalar(one, inside=True) for one in value) + "]"
    return "{}" if isinstance(value, Mapping) else _scalar(value)


def _scalar(value: Any, *, inside: bool = False) -> str:
    if isinstance(value, float) and math.isfinite(value) and not isinstance(value, bool):
        return number(value)
    if isinstance(value, str) and re.search(r"[^\x20-\x7e]", value):  # on one line, with escapes
        return yaml.safe_dump(value, default_style='"', width=math.inf).removesuffix("\n")
    if inside:
        return yaml.safe_dump([value], default_flow_style=True, width=math.inf).removesuffix("\n")[1:-1]
    return yaml.safe_dump(value, width=math.inf).removesuffix("\n").removesuffix("\n...")


def number(value: float) -> str:
    """A float that YAML 1.1 reads as the same float: 0.5, 5.0e-4, 1.0e+20."""
    if value != 0 and (abs(value) < SMALL or abs(value) >= 1e16):
        digits, exponent = f"{value:.16e}".split("e")
        for places in range(1, 17):
            short = f"{value:.{places}e}"
            if float(short) == value:
                digits, exponent = short.split("e")
                break
        return f"{digits}e{exponent[0]}{exponent[1:].lstrip('0') or '0'}"
    return repr(float(value))
