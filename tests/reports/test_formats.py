"""Which formats a report is written in, and where each goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from aftersweep.analysis.errors import UsageError
from aftersweep.reports.formats import FORMATS, choose


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()


@pytest.mark.parametrize(
    ("format_", "pdf", "output", "written"),
    [
        (None, False, None, {"html": "ID.html"}),
        (None, False, "a", {"html": "a"}),
        (None, False, "a.HTM", {"html": "a.HTM"}),
        (None, False, "a.markdown", {"md": "a.markdown"}),
        (None, False, "a.json", {"json": "a.json"}),
        (None, False, "a.pdf", {"pdf": "a.pdf"}),
        (None, False, "a.csv", {"csv": "a-csv"}),
        (None, False, "a.zip", {"csv": "a.zip"}),
        (None, False, "-", {"html": "-"}),
        ("json", False, "-", {"json": "-"}),
        ("json", False, "a.html", {"json": "a.html"}),
        ("csv", False, "a", {"csv": "a"}),
        ("csv", False, None, {"csv": "ID-csv"}),
        (None, True, None, {"pdf": "ID.pdf"}),
        (None, True, "a", {"pdf": "a"}),
        ("html", True, None, {"html": "ID.html", "pdf": "ID.pdf"}),
        ("pdf", True, "-", {"pdf": "-"}),
        ("html,md", False, "a", {"html": "a.html", "md": "a.md"}),
        ("html, md", False, "v1.2", {"html": "v1.2.html", "md": "v1.2.md"}),
        ("md,html,md", False, "a.html", {"md": "a.md", "html": "a.html"}),
        ("html,csv", False, "folder", {"html": "folder/ID.html", "csv": "folder/ID-csv"}),
        ("html,csv", False, "a.zip", {"html": "a.html", "csv": "a.zip"}),
        ("html,csv", False, "folder/a.csv", {"html": "folder/a.html", "csv": "folder/a-csv"}),
        (",".join(FORMATS), False, None, {of: "ID-csv" if of == "csv" else f"ID.{of}" for of in FORMATS}),
    ],
)
def test_every_format_has_a_place(format_: str | None, pdf: bool, output: str | None, written: dict[str, str]) -> None:
    """--format and --pdf say the formats, else the name's end; the order is that in which they were asked for."""
    wanted = choose(format_, pdf, Path(output) if output else None)
    assert {of: str(path) for of, path in wanted.targets("ID").items()} == written
    assert list(wanted.formats) == list(written)


@pytest.mark.parametrize(
    ("format_", "output", "said"),
    [
        ("docx", None, "--format docx: it must be one of html, md, json, pdf, csv"),
        ("html,docx", None, "'docx' must be one of html"),
        ("html,", None, "'' must be one of html"),
        (None, "a.docx", "end the name in .html"),
        ("html,md", "-", "standard output takes one format"),
        ("csv", "-", "several files"),
        ("pdf", "a.html", "the name says html"),
        ("csv", "a.md", "the name says md"),
        ("md,json", "a.html", "the name says html"),
        ("md,json", "a.zip", "the name says csv"),
    ],
)
def test_what_cannot_be_is_refused(format_: str | None, output: str | None, said: str) -> None:
    """One line that names the value and what would be valid."""
    with pytest.raises(UsageError, match=said):
        choose(format_, False, Path(output) if output else None)


@pytest.mark.parametrize("most", [-1, 1, 9_999])
def test_a_limit_that_cannot_be_kept_is_refused(most: int) -> None:
    """The headings alone take some characters; 0 is no limit."""
    with pytest.raises(UsageError, match=f"--max-chars {most}: it must be at least 10000, or 0"):
        choose("md", False, None, most)
    assert choose("md", False, None, 0).max_chars == 0
