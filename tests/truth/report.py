"""The figures as a table to print, as Markdown, and as the README's block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from .figures import Figure
from .tally import Results, Share

BEGIN, END = "<!-- truth:begin -->", "<!-- truth:end -->"
HEADS = ("Figure", "Measured", "95 % Monte Carlo interval", "Goal", "", "The page before")
NOTES = 12
"""Wrong sentences quoted of one kind."""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _cells(figure: Figure) -> tuple[str, ...]:
    share = figure.share
    return (
        figure.name,
        _percent(share.value),
        f"{_percent(share.low)} to {_percent(share.high)}",
        figure.goal.words if figure.goal else "",
        figure.verdict,
        _before(figure.before),
    )


def _before(share: Share | None) -> str:
    return "" if share is None else _percent(share.value)


def to_table(found: Sequence[Figure]) -> Table:
    """All figures, for the terminal."""
    table = Table(title="How often it is right")
    for head in HEADS:
        table.add_column(head)
    for figure in found:
        style = {"misses": "bold red", "meets": "green"}.get(figure.verdict, "")
        table.add_row(*_cells(figure), style=style)
    return table


def cost(results: Results) -> Table:
    """What the cells took, the dearest first."""
    table = Table(title="Cost")
    for head in ("Cell", "Sweeps", "ms a sweep", "CPU s"):
        table.add_column(head)
    for cell in sorted(results.spent, key=lambda name: -results.spent[name]):
        row = (len(results.cells[cell]), 1000 * results.seconds(cell), results.spent[cell])
        table.add_row(cell, f"{row[0]}", f"{row[1]:.0f}", f"{row[2]:.0f}")
    table.add_row("all", f"{sum(map(len, results.cells.values()))}", "", f"{sum(results.spent.values()):.0f}")
    return table


def _markdown(found: Sequence[Figure]) -> str:
    lines = ["| " + " | ".join(HEADS) + " |", "| --- | ---: | --- | --- | --- | ---: |"]
    lines += ["| " + " | ".join(_cells(figure)) + " |" for figure in found]
    return "\n".join(lines)


def to_markdown(found: Sequence[Figure], results: Results) -> str:
    """Everything: the figures by group, and examples of wrong sentences."""
    parts = ["# How often it is right\n"]
    for group in dict.fromkeys(figure.group for figure in found):
        parts.append(f"## {group.capitalize()}\n\n{_markdown([f for f in found if f.group == group])}\n")
    parts.append("## Wrong sentences, word for word\n")
    seen: Counter[str] = Counter()
    for cell, notes in sorted(results.notes.items()):
        for note in notes:
            kind = note.split(":", 1)[0]
            seen[kind] += 1
            if seen[kind] <= NOTES:
                parts.append(f"- {cell.split(' | ')[1]}, {cell.split(' | ')[2]} runs: {note}")
    return "\n".join(parts) + "\n"


def readme_block(found: Sequence[Figure], results: Results) -> str:
    """The block between the markers: the main figures and every one that misses."""
    sweeps = sum(map(len, results.cells.values()))
    pages = sum(len(results.cells[cell]) for cell in results.named("page"))
    shown = [figure for figure in found if figure.main or figure.verdict == "misses"]
    missed = sum(figure.verdict == "misses" for figure in found)
    gated = sum(bool(figure.verdict) for figure in found)
    text = (
        f"`make bench-truth` measures it on {sweeps:,} simulated sweeps whose truth is known, {pages:,} of them as "
        f"whole pages. Of {gated} figures with a goal {missed} miss it (the whole Monte Carlo interval is outside); "
        "those and the main ones stand here. The last column is the page as it was written before: recorded states, "
        "point estimates, the highest rate first."
    )
    return f"{BEGIN}\n{text}\n\n{_markdown(shown)}\n{END}"


def write_readme(path: Path, found: Sequence[Figure], results: Results) -> None:
    """Puts the block in place of the old one. Raises ValueError where the markers are missing."""
    text = path.read_text(encoding="utf-8")
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"{path} has no block between {BEGIN} and {END}")
    path.write_text(before + readme_block(found, results) + after, encoding="utf-8")
