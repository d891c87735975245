"""Which line of a log ended the run, if any did.

Words decide by their place. A traceback that is followed by training was handled; a line of out-of-memory after
which the loss goes on falling was survived. So the log is read as a sequence: frames of a traceback, the exception
after them, lines with a known meaning, signs of life, and the noise that launchers and wandb print at the end. What
counts stands after the last sign of life; the root cause among several workers is the one with the highest rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from . import log_patterns as words
from .log_patterns import CODE_ERROR, PATTERNS, Pattern

LONGEST_LINE = 2_000
MOST_LINES = 400
_AFTER_A_FAILURE = 40  # unknown lines after the exception: exit handlers and long messages print them
_AFTER_SILENCE = 2  # the same where no exit was recorded, and the log may simply have gone on

Kind = Literal["signal", "life", "noise", "other"]


@dataclass(frozen=True)
class LogReading:
    """What a log's tail says of the end."""

    pattern: Pattern | None = None
    """The meaning of the line nearest to the end's cause; None where no line says anything."""
    line: str | None = None
    """That line, word for word but cut to 2,000 characters."""
    decisive: bool = False
    """The line ended the run: it says so without doubt, and nothing but noise came after it."""
    survived: str | None = None
    """A line that looks bad, after which the run went on."""
    loss_line: str | None = None
    """The last line that shows a loss, where that loss is NaN or infinite."""


def read_log(lines: Sequence[str], *, failed: bool) -> LogReading:
    """Reads a log's tail, oldest line first.

    failed: the run is known to have ended with an error (an exit code other than 0), so an exception must have ended
    it even where exit handlers printed more. Linear in the length of the log.
    """
    shown = [_cut(line) for line in lines[-MOST_LINES:]]
    kinds = list(_kinds(shown))
    last_life = max((i for i, (kind, _) in enumerate(kinds) if kind == "life"), default=-1)
    signals = [(i, pattern) for i, (_, pattern) in enumerate(kinds) if pattern is not None]
    final = [(i, pattern) for i, pattern in signals if i > last_life]
    loss_line = _nonfinite_loss(shown)
    if not final:
        survived = next((shown[i] for i, pattern in reversed(signals) if pattern.decides), None)
        return LogReading(survived=survived, loss_line=loss_line)
    index, chosen = max(final, key=lambda signal: (signal[1].decides, signal[1].rank, signal[0]))
    others = sum(kind == "other" for kind, _ in kinds[final[-1][0] :])
    if others > (_AFTER_A_FAILURE if failed else _AFTER_SILENCE):
        return LogReading(survived=shown[index], loss_line=loss_line)
    return LogReading(pattern=chosen, line=shown[index], decisive=chosen.decides, loss_line=loss_line)


def _cut(line: str) -> str:
    """One console line as it was last seen: what a carriage return overwrote is gone."""
    whole = line.rstrip()
    seen = whole[whole.rfind("\r") + 1 :][:LONGEST_LINE].rstrip()
    return words.PREFIX.sub("", seen, count=1)


def _kinds(lines: Sequence[str]) -> Iterator[tuple[Kind, Pattern | None]]:
    """The kind of each line, and its meaning where it has one."""
    in_traceback = False
    count: str | None = None
    for line in lines:
        if words.TRACEBACK.search(line) or line.startswith('  File "'):
            in_traceback = True
            yield "noise", None
        elif in_traceback:
            if not line or words.INDENTED.match(line):
                yield "noise", None
                continue
            in_traceback = False
            if not words.EXCEPTION.match(line):  # the traceback was cut short
                yield _plain(line, words.BAR.search(line) is not None)
                continue
            meaning = _exception(line)
            yield ("signal" if meaning else "noise"), meaning
        else:
            bar = words.BAR.search(line)
            repeated = bar is not None and bar.group(1) == count  # a bar drawn once more as the program closes
            count = bar.group(1) if bar else count
            yield ("noise", None) if repeated else _plain(line, bar is not None)


def _exception(line: str) -> Pattern | None:
    """The meaning of the line after a traceback's frames; None for a wrapper around a child's failure."""
    known = _meaning(line)
    if known is not None:
        return known
    return None if words.WRAPPER.search(line) else CODE_ERROR


def _plain(line: str, is_bar: bool) -> tuple[Kind, Pattern | None]:
    known = _meaning(line)
    if known is not None:
        return "signal", known
    if words.NOISE.match(line) or words.CHAINED.match(line):
        return "noise", None
    if is_bar or words.LIFE.search(line):
        return "life", None
    if words.INDENTED.match(line) or words.CONTINUATION.match(line):
        return "noise", None
    return "other", None


def _meaning(line: str) -> Pattern | None:
    folded = line.lower()
    if not any(hint in folded for hint in words.HINTS):
        return None
    return max((p for p in PATTERNS if p.regex.search(line)), key=lambda p: p.rank, default=None)


def _nonfinite_loss(lines: Sequence[str]) -> str | None:
    for line in reversed(lines):
        if words.NOISE.match(line):
            continue
        values = words.LOSS.findall(line)
        if values:
            return line if any(value.lstrip("+-")[:3].lower() in ("nan", "inf") for value in values) else None
    return None
