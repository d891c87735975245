"""Style and scripts of the page: allowed by hash within it, linked by content beside it, written whole."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

from aftersweep.analysis.errors import InvariantError, UsageError
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.reports import assets
from aftersweep.reports.assets import BUNDLE, inline, page_head, scripts, text, write_assets
from aftersweep.reports.render import to_html

from ..factories import make_run, make_sweep


def test_the_policy_allows_the_pages_scripts_and_no_other() -> None:
    """CSP 3, 2.3.1: the hash of each script's text, of no other; nothing may be evaluated."""
    parts = page_head()
    found = re.findall(r"<script data-asset=\"[^\"]+\">(.*?)</script>", parts.head + parts.body, re.DOTALL)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in found}
    allowed = dict(one.split(" ", 1) for one in parts.policy.split("; "))
    assert len(found) == 1 + len(scripts())
    assert set(allowed["script-src"].split()) == hashes
    assert allowed["default-src"] == "'none'"
    assert "unsafe" not in allowed["script-src"]


def test_a_page_without_figures_does_not_carry_the_library() -> None:
    whole, light = page_head(), page_head(figures=False)
    assert text(BUNDLE) in whole.body
    assert text(BUNDLE) not in light.body
    assert len(light.policy.split("sha256-")) == len(whole.policy.split("sha256-")) - 2  # the library and what uses it


def test_what_would_end_its_element_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTML, 4.12.1.3: ``</script`` and ``<!--`` change what a script element holds."""
    for name in (*scripts(), assets.EARLY):
        assert not re.search(r"</script|<!--", inline(name), re.IGNORECASE)
    for bad in ("'</SCRIPT>'", "'<!--'"):
        monkeypatch.setattr(assets, "text", lambda _, bad=bad: bad)
        with pytest.raises(InvariantError, match=r"cannot stand in a page"):
            inline.__wrapped__("made-up.js")


def test_written_files_are_those_that_a_page_links(tmp_path: Path) -> None:
    """Each link leads to a file; a name holds the hash of its content; nothing else is left."""
    names = write_assets(tmp_path / "site" / "assets")
    parts = page_head("assets/")
    linked = re.findall(r'(?:src|href)="assets/([^"]+)"', parts.head + parts.body)
    assert sorted(linked) == list(names) == sorted(one.name for one in (tmp_path / "site" / "assets").iterdir())
    for name in names:
        digest = hashlib.sha256((tmp_path / "site" / "assets" / name).read_bytes()).hexdigest()
        assert f"-{digest[:12]}." in name


def test_written_again_nothing_changes_and_damage_is_mended(tmp_path: Path) -> None:
    names = write_assets(tmp_path)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in names}
    (tmp_path / names[0]).write_text("damaged", encoding="utf-8")
    assert write_assets(tmp_path) == names
    after = {name: (tmp_path / name).stat().st_mtime_ns for name in names}
    assert {name for name in names if before[name] != after[name]} == {names[0]}
    assert "damaged" not in (tmp_path / names[0]).read_text(encoding="utf-8")


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at the last file: none of them is there, and the error says where and what to do."""
    real, calls = assets.os.fdopen, []

    def fdopen(handle: int, mode: str) -> object:
        calls.append(handle)
        if len(calls) == 2:
            assets.os.close(handle)
            raise OSError(28, "No space left on device")
        return real(handle, mode)

    monkeypatch.setattr(assets.os, "fdopen", fdopen)
    with pytest.raises(UsageError, match=r"No space left on device.*name a folder"):
        write_assets(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "assets").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"assets: the pages' style and scripts cannot be written"):
        write_assets(tmp_path / "assets")


@pytest.mark.parametrize("prefix", ["assets", "/assets/", "https://example.org/", '"><script>/', "..//", ".../"])
def test_a_prefix_is_a_relative_folder(prefix: str) -> None:
    with pytest.raises(InvariantError, match="relative folder"):
        page_head(prefix)


def test_a_report_links_or_carries_its_assets() -> None:
    """The same page; linked, it is smaller by style and scripts and has no inline script that would be run."""
    result = post_mortem(make_sweep([make_run("r0", [0.1, 0.2])]))
    whole, linked = to_html(result, "0", 0.0), to_html(result, "0", 0.0, assets="../assets/")
    assert text("style.css") in whole
    assert '<link rel="stylesheet" href="../assets/style-' in linked
    assert text("style.css") not in linked
    assert not re.search(r"<script(?! src=\"\.\./assets/| type=\"application/json)", linked)
    assert "script-src 'self' file:" in linked


def test_a_report_of_a_site_links_to_all_sweeps() -> None:
    """Escaped as any text; without a home there is no link."""
    result = post_mortem(make_sweep([make_run("r0", [0.1, 0.2])]))
    assert '<a href="../&#34;.html">All sweeps</a>' in to_html(result, "0", 0.0, home='../".html')
    assert "All sweeps" not in to_html(result, "0", 0.0)
