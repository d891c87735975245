"""The console of an offline run: pieces of text to the last lines as a terminal would show them.

The SDK records what a program writes in the pieces in which it is written (``print("a", "b")`` makes four), with
colour codes and the carriage returns of progress bars. All of it is hostile text.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from pathlib import Path

MOST_LINES = 200
LONGEST_LINE = 2000
"""Characters; the rest of a longer line is cut off and marked with an ellipsis."""
TAIL_BYTES = 512 * 1024

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONGEST_OPEN = 64 * 1024


class Console:
    """Collects console text and keeps the last lines; memory is bounded."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._open: dict[str, str] = {}

    def feed(self, stream: str, text: str) -> None:
        """Adds a piece of text that was written to ``stream`` (``stdout`` or ``stderr``)."""
        pending = self._open.pop(stream, "") + text
        *whole, rest = pending.replace("\r\n", "\n").split("\n")
        self._lines.extend(map(clean_line, whole[-MOST_LINES:]))
        if rest:  # put last, so that lines left open are shown in the order of their last piece
            self._open[stream] = rest[-_LONGEST_OPEN:]

    def lines(self) -> tuple[str, ...]:
        """The last lines, at most 200, oldest first, without blank ones at the end."""
        return _tail([*self._lines, *map(clean_line, self._open.values())])


def clean_line(line: str) -> str:
    """One line as a terminal would leave it: no colour codes, and of a progress bar only its last state."""
    states = [state for state in _ESCAPES.sub("", line).split("\r") if state.strip()]
    text = _CONTROLS.sub("", states[-1]).rstrip() if states else ""
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"


def read_log_tail(path: Path) -> tuple[str, ...]:
    """The last lines of a log file, of which at most 512 KiB are read; none where there is no such file."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - TAIL_BYTES))
            text = stream.read(TAIL_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ()
    lines = text.replace("\r\n", "\n").split("\n")
    if size > TAIL_BYTES:
        del lines[0]  # begins before the part that was read
    return _tail([clean_line(line) for line in lines[-MOST_LINES - 1 :]])


def _tail(lines: Iterable[str]) -> tuple[str, ...]:
    kept = list(lines)
    while kept and not kept[-1]:
        kept.pop()
    return tuple(kept[-MOST_LINES:])
