"""The gate's rules, from the words of the command line and a table in aftersweep.toml or pyproject.toml."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from ..analysis.errors import UsageError, nearest
from ..analysis.gate import RULES
from ..analysis.results.gate import Level, Rule
from ..analysis.types import CAUSES

LEVELS: tuple[str, ...] = get_args(Level)
FILES = {"aftersweep.toml": ("gate",), "pyproject.toml": ("tool", "aftersweep", "gate")}
"""Where a table may stand, the first that has one first."""
BY_CAUSE = "max-cause"
LARGEST = 1e300
"""Beyond it nothing is a limit; an integer of a file may be larger than any float."""


def rules_of(
    words: Mapping[str, float | None],
    causes: Sequence[str],
    warn: Sequence[str],
    off: Sequence[str],
    config: Path | None,
    folder: Path,
) -> tuple[tuple[Rule, ...], str]:
    """The rules, and where they stand in words.

    words: limits by rule, None where the option was not given; causes: ``CAUSE=SHARE``; warn, off: rules that are
    lowered to that level; config: the file to read, else the first of FILES in ``folder`` that has a table.
    The command line wins over the file, rule by rule.
    Raises UsageError for a rule, a level, a cause or a value that there is not, and where no rule is on.
    """
    table, path = _table(config, folder, "--config")
    found = {rule.key: rule for rule in _read(table, f"{path}: " if path else "")}
    given = [_rule(name, limit, f"--{name} {limit:g}") for name, limit in words.items() if limit is not None]
    given += [_of_cause(word) for word in causes]
    for rule in given:
        found[rule.key] = replace(rule, level="error")
    _lower(found, warn, "warn")
    _lower(found, off, "off")
    if not any(rule.level != "off" for rule in found.values()):
        raise UsageError(
            "the gate has no rule to judge by; give one, as in --max-crash-rate 0.3, or write a table [gate] with "
            "max-crash-rate = 0.3 in aftersweep.toml (`aftersweep gate --help` lists the rules)"
        )
    where = [str(path)] if path else []
    return tuple(found.values()), " and ".join([*where, *(["the command line"] if given or warn or off else [])])


def rules_in(config: Path | None, folder: Path) -> tuple[tuple[Rule, ...], str] | None:
    """The rules that stand in ``config``, else in one of FILES in ``folder``, and its name; None where none does.

    Raises UsageError as ``rules_of`` does, but for rules that are all off.
    """
    table, path = _table(config, folder, "--gate-config")
    rules = tuple(_read(table, f"{path}: " if path else ""))
    return (rules, str(path)) if rules else None


def _table(config: Path | None, folder: Path, option: str) -> tuple[Mapping[str, Any], Path | None]:
    """The table, and the file that it stands in; nothing where no file has one."""
    if config is not None:
        if not config.is_file():
            raise UsageError(f"{option} {config}: there is no such file")
        table = _inside(config, FILES.get(config.name, FILES["aftersweep.toml"]))
        if table is None:
            names = ".".join(FILES.get(config.name, FILES["aftersweep.toml"]))
            raise UsageError(f"{option} {config}: it has no table [{names}]")
        return table, config
    for name, keys in FILES.items():
        path = folder / name
        table = _inside(path, keys) if path.is_file() else None
        if table is not None:
            return table, Path(name)
    return {}, None


def _inside(path: Path, keys: Sequence[str]) -> Mapping[str, Any] | None:
    try:
        value: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path.name} is not TOML: {error}") from error
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read ({error.strerror or error})") from error
    for depth, key in enumerate(keys, start=1):
        value = value.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise UsageError(f"{path.name}: {'.'.join(keys[:depth])} must be a table, as in [{'.'.join(keys)}]")
    return dict(value)


def _read(table: Mapping[str, Any], where: str) -> list[Rule]:
    rules = []
    for name, value in table.items():
        known = name.replace("_", "-")
        if known not in RULES:
            raise UsageError(f"{where}there is no rule '{name}'. {nearest(known, RULES, 'rule')}")
        if known != BY_CAUSE:
            rules.append(_entry(known, value, f"{where}{name}"))
            continue
        if not isinstance(value, Mapping):
            raise UsageError(f"{where}{name} must be a table of causes, as in max-cause = {{ diverged = 0.1 }}")
        rules += [_entry(known, one, f"{where}{name}.{cause}", _cause(cause, where)) for cause, one in value.items()]
    return rules


def _entry(name: str, value: Any, where: str, subject: str = "") -> Rule:
    """A number, ``off``, or a table with a value and a level."""
    if value == "off":
        return Rule(name=name, limit=math.nan, subject=subject, level="off")
    level: Any = "error"
    if isinstance(value, Mapping):
        unknown = [key for key in value if key not in ("value", "level")]
        if unknown or "value" not in value:
            named = f"it has '{unknown[0]}'" if unknown else "it has no value"
            raise UsageError(f'{where}: {named}; write a number, or {{ value = 0.3, level = "warn" }}')
        value, level = value["value"], value.get("level", "error")
    if level not in LEVELS:
        raise UsageError(f"{where}: level {level!r} must be one of {', '.join(LEVELS)}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f'{where} = {value!r}: write a number, "off", or {{ value = 0.3, level = "warn" }}')
    if not -LARGEST <= value <= LARGEST:
        raise UsageError(f"{where}: write a finite number")
    return replace(_rule(name, value, f"{where} = {value:g}", subject), level=level)


def _rule(name: str, limit: float, where: str, subject: str = "") -> Rule:
    """Raises UsageError for a limit that the rule's unit does not have."""
    unit = RULES[name].unit
    if not -LARGEST <= limit <= LARGEST:
        raise UsageError(f"{where}: write a finite number")
    if unit == "share" and not 0 <= limit <= 1:
        hint = f"; {limit:g} % is {limit / 100:g}" if 1 < limit <= 100 else ""
        raise UsageError(f"{where}: it must be a share from 0 to 1{hint}")
    if unit not in ("", "share") and (limit < 0 or limit != int(limit)):
        raise UsageError(f"{where}: it must be a whole number of {unit}, 0 or more")
    return Rule(name=name, limit=float(limit), subject=subject)


def _of_cause(word: str) -> Rule:
    cause, equals, share = word.partition("=")
    try:
        limit = float(share)
    except ValueError:
        limit = math.nan
    if not equals or math.isnan(limit):
        raise UsageError(f"--{BY_CAUSE} '{word}': write CAUSE=SHARE, as in --{BY_CAUSE} diverged=0.1")
    return _rule(BY_CAUSE, limit, f"--{BY_CAUSE} {word}", _cause(cause, f"--{BY_CAUSE} {word}: "))


def _cause(word: str, where: str) -> str:
    known = word.replace("-", "_")
    if known not in CAUSES:
        raise UsageError(f"{where}there is no cause '{word}'. {nearest(known, CAUSES, 'cause')}")
    return known


def _lower(rules: dict[str, Rule], names: Sequence[str], level: Level) -> None:
    """A rule by its key, or all of its name. Raises UsageError for one that is not given."""
    for name in names:
        hit = [key for key, rule in rules.items() if name in (key, rule.name)]
        if not hit:
            known = f"it is not given; there are: {', '.join(rules) or 'none'}"
            known = known if name.partition(".")[0] in RULES else nearest(name, RULES, "rule")
            raise UsageError(f"--{level} {name}: {known}")
        for key in hit:
            rules[key] = replace(rules[key], level=level)
