"""Which formats a report is written in, and the name of each file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..analysis.errors import UsageError

FORMATS = ("html", "md", "json", "pdf", "csv")
SUFFIXES = {
    ".html": "html",
    ".htm": "html",
    ".md": "md",
    ".markdown": "md",
    ".json": "json",
    ".pdf": "pdf",
    ".csv": "csv",
    ".zip": "csv",
}
DEFAULT_FORMAT = "html"
STDOUT = Path("-")
ONE_FILE = ("html", "md", "json")
"""Formats that go into whatever file -o names, and to standard output as text."""
COMMENT = 60_000
"""Characters of a Markdown report; GitHub takes 65,536 in a comment, and 1 MiB in a job summary."""
SHORTEST = 10_000
"""Fewer characters cannot hold the headings with a long title; see ``shorten``."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to write: formats, each once, in the order in which they were asked for, and where."""

    formats: tuple[str, ...]
    output: Path | None = None
    max_chars: int = COMMENT
    """Of the Markdown; 0 is no limit."""

    def targets(self, stem: str) -> dict[str, Path]:
        """The file of each format, or the folder of the tables; ``stem`` is the name where -o gives none."""
        if len(self.formats) == 1 and self.output is not None:
            return {self.formats[0]: _named(self.formats[0], self.output)}
        base, tables = Path(stem), None
        if self.output is not None and self.output.is_dir():
            base = self.output / stem
        elif self.output is not None:
            told = self.output.suffix.casefold()
            base = self.output.with_suffix("") if told in SUFFIXES else self.output
            tables = self.output if told == ".zip" else None
        made = {of: base.with_name(f"{base.name}-csv" if of == "csv" else f"{base.name}.{of}") for of in self.formats}
        if tables is not None:
            made["csv"] = tables
        return made


def choose(format_: str | None, pdf: bool, output: Path | None, max_chars: int = COMMENT) -> Wanted:
    """The formats by --format and --pdf, else by the output's name. Raises UsageError for what cannot be."""
    if 0 < max_chars < SHORTEST or max_chars < 0:
        raise UsageError(f"--max-chars {max_chars}: it must be at least {SHORTEST}, or 0 for no limit")
    formats = _formats(format_, pdf, output)
    if output is not None:
        _fits(formats, output)
    return Wanted(formats=formats, output=output, max_chars=max_chars)


def _formats(format_: str | None, pdf: bool, output: Path | None) -> tuple[str, ...]:
    words = [] if format_ is None else [word.strip() for word in format_.split(",")]
    for word in words:
        if word not in FORMATS:
            said = f"--format {format_}: '{word}'" if len(words) > 1 else f"--format {word}: it"
            raise UsageError(f"{said} must be one of {', '.join(FORMATS)}; several with commas between them")
    if pdf:
        words.append("pdf")
    if words:
        return tuple(dict.fromkeys(words))
    suffix = output.suffix.casefold() if output is not None else ""
    if suffix not in ("", *SUFFIXES):
        raise UsageError(
            f"-o {output}: end the name in .html, .md, .json, .pdf, .csv or .zip, or say which it is with --format"
        )
    return (SUFFIXES.get(suffix, DEFAULT_FORMAT),)


def _fits(formats: Sequence[str], output: Path) -> None:
    """Raises UsageError for a name that says something else than the formats."""
    told = SUFFIXES.get(output.suffix.casefold())
    if output == STDOUT:
        if len(formats) > 1:
            raise UsageError(
                f"-o -: standard output takes one format, not {', '.join(formats)}; name a folder or a stem"
            )
        if formats[0] == "csv":
            raise UsageError("-o -: the tables are several files; name a folder, or a file that ends in .zip")
    elif len(formats) == 1 and formats[0] in ONE_FILE:
        return
    elif told is not None and told not in formats and not output.is_dir():
        raise UsageError(
            f"-o {output}: the name says {told}, which --format {','.join(formats)} does not; leave its end out"
        )


def _named(format_: str, output: Path) -> Path:
    """The name that -o gives to one format: tables go into a folder, for ``NAME.csv`` into ``NAME-csv``."""
    if format_ == "csv" and output.suffix.casefold() == ".csv" and not output.is_dir():
        return output.with_name(f"{output.stem}-csv")
    return output
