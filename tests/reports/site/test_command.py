"""``aftersweep site build`` as a user meets it: a separate process, exit codes, one clear line for bad input."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ..test_cli import refused, run
from .archived import Told, put
from .links import broken


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with an archive of one sweep."""
    put(tmp_path / "archive", Told(id="aaaa1111", runs=6))
    return tmp_path


def build(here: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run("site", "build", "-o", "public", *words, cwd=here)


def test_a_site_is_built_and_built_again(here: Path) -> None:
    """What was done is said, and again as JSON; nothing on standard output that is not asked for."""
    done = build(here)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "1 sweep: 1 built, 0 unchanged" in done.stderr
    assert "written: public/index.html" in done.stderr
    assert broken(here / "public") == []
    again = json.loads(build(here, "--json").stdout)
    assert (again["sweeps"], again["built"], again["unchanged"], again["problems"]) == (1, [], 1, [])
    forced = json.loads(build(here, "--json", "--force", "--jobs", "1").stdout)
    assert forced["built"] == ["lab/vision/aaaa1111"]


def test_the_rules_of_the_folder_are_judged(here: Path) -> None:
    """As for a report: aftersweep.toml here, or the file that is named."""
    (here / "aftersweep.toml").write_text("[gate]\nmin-runs = 100\n")
    assert build(here, "-q").returncode == 0
    assert "not met" in (here / "public" / "index.html").read_text()
    assert "--gate-config" in refused(build(here, "--gate-config", "none.toml"))


def test_what_cannot_be_is_one_line(here: Path) -> None:
    (here / "public").mkdir()
    (here / "public" / "thesis.tex").write_text("x")
    assert "thesis.tex" in refused(build(here))
    assert "--url team" in refused(run("site", "build", "-o", "other", "--url", "team", cwd=here))
    assert not (here / "other").exists()
    assert "-o" in refused(run("site", "build", cwd=here))


def test_the_feed_and_the_title_are_the_users(here: Path) -> None:
    assert build(here, "-q", "--title", "Our <sweeps>", "--url", "https://team.example/x/").returncode == 0
    assert "<h1>Our &lt;sweeps&gt;</h1>" in (here / "public" / "index.html").read_text()
    feed = (here / "public" / "feed.xml").read_text()
    assert "<title>Our &lt;sweeps&gt;</title>" in feed
    assert 'href="https://team.example/x/sweeps/lab/vision/aaaa1111/index.html"' in feed
