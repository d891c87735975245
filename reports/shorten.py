"""The Markdown report under a limit of characters: what matters least goes first, whole lines only.

Tables lose rows from their end and keep their header; a sentence, a code block or a configuration stays or goes as a
whole; headings stay. One note above the first section says what was left out, and how to have it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..analysis.results.postmortem import PostMortem
from .hostile import escape_markdown, short

SECTIONS = (
    "",  # above the first section
    "Gate",
    "Key Findings",
    "Recommendations",
    "Future Sweep Suggestions",
    "Run Status Summary",
    "Best Achieved Results",
    "Sweep Overview",
    "Crash Pattern Analysis",
    "Crash Causes",
    "Risk Factors",
    "Architecture Stability Analysis",
    "What Is Really Best",
    "The Sweeps Together",
    "Importance",
    "Successful Configuration Patterns",
    "Crash Distribution by Progress",
    "Crashing on the Way",
    "Hyperparameter Patterns",
    "Configuration Distribution",
    "Methods and Data Quality",
)
"""Headings, what matters most first."""
BLOCKS = "Successful Configuration Patterns"
"""The section whose subsections come and go as a whole."""
LISTS = ("Configuration Distribution", "Methods and Data Quality")
"""Sections whose list items are counts and remarks: they go as table rows do, before sentences."""
ROUNDS = {"row": (40, 15, 6, 2), "line": (60, 30, 12, 4, 0), "block": (4, 2, 1)}
"""Places in a table, a list or the blocks of a section from which on they go in the first round, in the second, ...: of
each the first few outlast the many of all others."""
LARGEST = 0.25
"""Share of the limit above which a code block goes in the first round."""
GONE = "Left out; the note at the top says how to have it."


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """Lines that stay or go together."""

    text: str
    section: str
    kind: str
    """``heading``, ``blank``, ``intro`` (of the table below), ``head`` (of a table), ``row``, ``block``, ``line``, or
    ``fixed``, which stays."""


def shorten(result: PostMortem, markdown: str, limit: int) -> str:
    """The report in at most ``limit`` characters (``formats.SHORTEST`` or more); 0 is no limit."""
    if limit == 0 or len(markdown) <= limit:
        return markdown
    risky = [escape_markdown(short(item.parameter)) for item in result.parameter_risks]
    pieces = list(_pieces(markdown))
    order = _order(pieces, risky, limit)

    def after(dropped: int) -> str:
        return _assembled(pieces, set(order[:dropped]), limit)

    # The note's length may turn a step down into a step up; what is found is under the limit, for it was tried.
    return after(bisect_left(range(len(order)), True, key=lambda n: len(after(n)) <= limit))


def _pieces(markdown: str) -> Iterator[_Piece]:
    section, lines = "", markdown.removesuffix("\n").split("\n")  # no other line ends: a code block may hold them
    at = 0
    while at < len(lines):
        line, end, kind = lines[at], at + 1, "line"
        if heading := re.match(r"(#{1,3}) (.*)", line):
            kind = "heading"
            if heading[1] == "###" and section == BLOCKS:
                kind, end = "block", _next_heading(lines, end)
            elif heading[1] != "#":
                section = heading[2]
        elif fence := re.match(r"`{3,}", line):
            kind, end = "block", lines.index(fence[0], at + 1) + 1
        elif line.startswith("|"):
            in_table = at > 0 and lines[at - 1].startswith("|")
            kind, end = ("row", end) if in_table else ("head", at + 2)
        elif not line.strip():
            kind = "blank"
        elif line.endswith(":") and _first(lines[end : end + 3]).startswith("|"):
            kind = "intro"
        elif line.startswith("Made by aftersweep "):
            kind = "fixed"
        yield _Piece(text="\n".join(lines[at:end]) + "\n", section=section, kind=kind)
        at = end


def _next_heading(lines: Sequence[str], start: int) -> int:
    at, fence = start, ""
    while at < len(lines):
        if fence:
            fence = "" if lines[at] == fence else fence
        elif opened := re.match(r"`{3,}", lines[at]):
            fence = opened[0]
        elif re.match(r"#{1,3} ", lines[at]):
            break
        at += 1
    return at


def _first(lines: Sequence[str]) -> str:
    return next((line for line in lines if line.strip()), "")


def _order(pieces: Sequence[_Piece], risky: Sequence[str], limit: int) -> list[int]:
    """Places of the pieces that may go, those that go first first."""
    rank = {name: place for place, name in enumerate(SECTIONS)}
    risk = {name: place for place, name in enumerate(risky)}
    lists: dict[tuple[str, str, int], list[int]] = {}
    table = 0
    for at, piece in enumerate(pieces):
        table += piece.kind == "head"
        if piece.kind in ("row", "block", "line"):
            kind = "row" if piece.section in LISTS else piece.kind
            lists.setdefault((piece.section, kind, table if kind == "row" else 0), []).append(at)
    found = []
    for (section, kind, _), members in lists.items():
        members.sort(key=lambda at: risk.get(_parameter(pieces[at].text), len(risk)))
        for place, at in enumerate(members):
            turn = sum(place < start for start in ROUNDS[kind])
            if len(pieces[at].text) > limit * LARGEST:
                turn = 0
            found.append((turn, -rank.get(section, len(rank) - 2), -place, at))
    return [at for *_, at in sorted(found)]


def _parameter(line: str) -> str:
    """The first cell of a row, the bold words of a list item."""
    found = re.match(r"\| (.*?) \| |- \*\*(.*?)\*\*: ", line)
    return (found[1] or found[2] or "") if found else ""


def _assembled(pieces: Sequence[_Piece], dropped: set[int], limit: int) -> str:
    solid = [piece for piece in _kept(pieces, dropped) if piece.kind != "blank"]
    bare = {id(piece) for piece, below in zip(solid, [*solid[1:], None], strict=True) if _is_bare(piece, below)}
    text, noted = [], not dropped
    for piece in _kept(pieces, dropped):
        if not noted and piece.section:
            text.append(f"\n{_note(pieces, dropped, limit)}\n\n")
            noted = True
        text.append(piece.text)
        if id(piece) in bare:
            text.append(f"\n{GONE}\n\n")
    return re.sub(r"\n{3,}", "\n\n", "".join(text))


def _kept(pieces: Sequence[_Piece], dropped: set[int]) -> list[_Piece]:
    """What stays; of a table without rows neither header nor introduction."""
    kept: list[_Piece] = []
    below = ""
    for at in range(len(pieces) - 1, -1, -1):
        piece = pieces[at]
        needed = {"head": "row", "intro": "head"}.get(piece.kind, below)
        if at in dropped or below != needed:
            continue
        kept.append(piece)
        below = piece.kind if piece.kind != "blank" else below
    return kept[::-1]


def _is_bare(piece: _Piece, below: _Piece | None) -> bool:
    """True for a heading that nothing follows but a heading of its level or above."""
    if piece.kind != "heading":
        return False
    return below is None or (below.kind == "heading" and _depth(below) <= _depth(piece))


def _depth(heading: _Piece) -> int:
    return len(heading.text) - len(heading.text.lstrip("#"))


def _note(pieces: Sequence[_Piece], dropped: set[int], limit: int) -> str:
    """What was left out, by section, in the order of the page."""
    gone, of = Counter[str](), Counter[str]()
    for at, piece in enumerate(pieces):
        if piece.kind in ("row", "block", "line"):
            of[piece.section] += 1
            gone[piece.section] += at in dropped
    told = "; ".join(f"{name or 'Summary'}: {gone[name]:,} of {of[name]:,}" for name in of if gone[name])
    return (
        f"> **Note:** Shortened to {limit:,} characters; lines left out by section: {told}. "
        "All of it: `aftersweep report SWEEP --format md --max-chars 0`"
    )
