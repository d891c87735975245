"""The PDF: a real one, from the system's Chromium; and what happens where the browser fails."""

from __future__ import annotations

import io
import os
import re
import time
import unicodedata
from html import unescape
from pathlib import Path

import pytest
from pypdf import PdfReader

from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.tidy import tidy
from aftersweep.reports.narrate import sentence
from aftersweep.reports.pdf import VARIABLE, find_browser, to_pdf
from aftersweep.reports.render import to_html

from ..sources.example import example_sweep
from .test_render import hostile_result


def words(data: bytes) -> tuple[int, str]:
    """Pages, and all text with single spaces and without ligatures."""
    reader = PdfReader(io.BytesIO(data))
    text = " ".join(page.extract_text() for page in reader.pages)
    return len(reader.pages), " ".join(unicodedata.normalize("NFKC", text).split())


def program(folder: Path, script: str) -> str:
    """A browser that does as it is told."""
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.browser
def test_the_page_is_printed() -> None:
    """Several pages, tagged for screen readers, with the page's title, all headings and the first finding as text."""
    result = post_mortem(tidy(*example_sweep()))
    html = to_html(result, "0", 0.0)
    data = to_pdf(html)
    pages, text = words(data)
    assert pages > 1
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", html)
    assert len(headings) > 10
    assert [heading for heading in headings if " ".join(unescape(heading).split()) not in text] == []
    assert sentence(result.findings[0]) in text
    metadata = PdfReader(io.BytesIO(data)).metadata
    assert metadata is not None
    assert "sweep post-mortem" in (metadata.title or "")
    assert b"/MarkInfo" in data


@pytest.mark.browser
def test_hostile_text_is_text_in_the_pdf() -> None:
    """Markup and scripts are read as they are written; no link leads to a script, and none runs when it is opened."""
    data = to_pdf(to_html(hostile_result(), "0", 0.0))
    _, text = words(data)
    assert "<script>window.hit=1</script>" in re.sub(r"\s", "", text)
    assert not re.search(rb"/JavaScript|/JS\b|/Launch|javascript:", data)


@pytest.mark.browser
def test_the_page_has_no_network_and_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser is started with a profile of its own and without the keys of our environment; nothing is left."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    seen = tmp_path / "seen"
    wrapper = program(tmp_path, f'env > {seen}; echo "$@" >> {seen}; exec {find_browser()} "$@"')
    to_pdf("<title>t</title><p>x", browser=wrapper)
    told = seen.read_text()
    assert "WANDB" not in told
    assert f"--user-data-dir={tmp_path}/aftersweep-pdf-" in told
    assert ("--no-sandbox" in told) == (os.geteuid() == 0)
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith("aftersweep")} == set()


def test_a_long_temporary_folder_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chromium ends at once where the path of a socket in it would be longer than a system takes."""
    folder = tmp_path / ("x" * 90)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert to_pdf("<title>t</title><p>x").startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "made no PDF (it ended with code 3)"),
        ("echo 'ERROR:dbus/bus.cc no bus' >&2; echo 'No usable sandbox!' >&2; exit 1", "it said: No usable sandbox!"),
        ("echo 'No usable sandbox!' >&2; exit 1", "a script that adds --no-sandbox"),
        ("exit 0", "if it comes from a snap"),
        ("sleep 600 & sleep 600", "no answer in 0.5 s"),
    ],
)
def test_a_browser_that_fails_is_one_clear_line(script: str, said: str, tmp_path: Path) -> None:
    """What it said last, how it ended, what to do; its children do not live on."""
    with pytest.raises(UsageError) as caught:
        to_pdf("<p>x", browser=program(tmp_path, f"echo $$ > {tmp_path}/pid; {script}"), timeout_s=0.5)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ended(int((tmp_path / "pid").read_text()))


def ended(group: int) -> bool:
    """True when no process of the group lives on; a killed child may take a moment to be reaped."""
    for _ in range(100):
        states = [path.read_text().rpartition(") ")[2].split() for path in stats()]
        if not [state for state in states if int(state[2]) == group and state[0] != "Z"]:
            return True
        time.sleep(0.05)
    return False


def stats() -> list[Path]:
    return [path / "stat" for path in Path("/proc").iterdir() if path.name.isdigit() and (path / "stat").exists()]


def test_a_file_that_is_no_program_is_said(tmp_path: Path) -> None:
    """A program that cannot be started, and a variable that names none."""
    broken = program(tmp_path, "")
    Path(broken).write_text("#!/no/such/interpreter\n")
    with pytest.raises(UsageError, match="cannot be started"):
        to_pdf("<p>x", browser=broken)
    with pytest.raises(UsageError, match=f"{VARIABLE}=nothing: there is no such program"):
        find_browser({VARIABLE: "nothing", "PATH": str(tmp_path)})
    with pytest.raises(UsageError, match="sudo apt-get install chromium"):
        find_browser({"PATH": str(tmp_path / "none")})
    assert find_browser({VARIABLE: broken}) == broken
    (tmp_path / "browser").rename(tmp_path / "google-chrome")
    assert find_browser({"PATH": str(tmp_path)}) == str(tmp_path / "google-chrome")
