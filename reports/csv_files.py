"""Tables as CSV: RFC 4180 in UTF-8, lines end in CRLF, text is quoted, numbers are written in full.

A cell of text that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV Injection");
``original`` takes it away again. A number that there is not (NaN, infinity, an open end) is an empty cell.
"""

from __future__ import annotations

import csv
import io
import math
import re
import zipfile
from collections.abc import Mapping
from typing import Any

from ..analysis.results.postmortem import PostMortem
from .tables import TABLES, Table, tables

NAMES = tuple(f"{name}.csv" for name in TABLES)
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""How a formula may begin; the last four are full-width letters, which some spreadsheets read as the others. With
apostrophes before it, so that what is taken away is always what was given."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def csv_files(result: PostMortem) -> dict[str, bytes]:
    """The files of NAMES."""
    return {f"{name}.csv": to_csv(table) for name, table in tables(result).items()}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files as a zip archive; the same files make the same bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return data.getvalue()


def to_csv(table: Table) -> bytes:
    """Header and rows of one table."""
    text = io.StringIO(newline="")
    # All text quoted: elsewhere a semicolon parts cells, and what follows it could begin a formula.
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([harmless(name) for name in table.columns])
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else ""
    return value if value is None or isinstance(value, int) else harmless(str(value))


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula; a number stays as it is, its sign too."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def original(cell: str) -> str:
    """What ``harmless`` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
