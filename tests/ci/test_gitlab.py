"""The jobs of docs/ci/gitlab, one after another, each in a fresh clone against the W&B server of the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ..loopback import KEY, LoopbackServer
from ..sources.example import ENTITY, PROJECT, SWEEP_ID
from .conftest import ROOT
from .services import Done, GitLabPipeline, repository

pytestmark = pytest.mark.xdist_group("ci-gitlab")

FILE = "docs/ci/gitlab/aftersweep.gitlab-ci.yml"
WHOLE = f"{ENTITY}/{PROJECT}/{SWEEP_ID}"
NAME = WHOLE.replace("/", "_")
PAGES_URL = "https://team.example.org/sweeps"


@pytest.fixture(scope="module")
def pipeline(
    tmp_path_factory: pytest.TempPathFactory, wheel: Path, machine: Callable[[], str], server: LoopbackServer
) -> GitLabPipeline:
    """A pipeline of a project whose gate is not met; its key is a variable of every job, as an unscoped one is."""
    project = repository(
        tmp_path_factory.mktemp("project"),
        {".gitlab-ci.yml": (ROOT / FILE).read_text(), "aftersweep.toml": "[gate]\nmin-runs = 1000\n"},
    )
    variables = {
        "AFTERSWEEP_PACKAGE": str(wheel),
        "AFTERSWEEP_SWEEPS": WHOLE,
        "CI_PAGES_URL": PAGES_URL,
        "OMP_NUM_THREADS": "1",
        "PIP_NO_INDEX": "1",
        "WANDB_API_KEY": KEY,
        "WANDB_BASE_URL": server.url,
    }
    return GitLabPipeline(project / ".gitlab-ci.yml", project, tmp_path_factory.mktemp("builds"), variables, machine())


@pytest.fixture(scope="module")
def done(pipeline: GitLabPipeline) -> dict[str, Done]:
    """All jobs, in the order of their stages."""
    return {name: pipeline.run(name) for name in pipeline.jobs}


def test_only_the_gate_fails_and_the_pages_are_published(done: dict[str, Done], pipeline: GitLabPipeline) -> None:
    """Law: a gate that is not met fails its job by its own code, and the site is published all the same."""
    assert list(done) == ["aftersweep", "aftersweep-gate", "pages"]
    assert [one.code for one in done.values()] == [0, 1, 0], done
    assert (pipeline.artifacts["pages"] / "public/index.html").is_file()
    assert "aftersweep-gate" not in pipeline.jobs["pages"]["needs"]
    assert PAGES_URL in (pipeline.artifacts["pages"] / "public/feed.xml").read_text()


def test_artifacts_hold_pages_and_verdicts(done: dict[str, Done], pipeline: GitLabPipeline) -> None:
    """Law: the report in each format, and the verdict as JUnit where GitLab looks for it, also of a gate not met."""
    assert done["aftersweep-gate"].code == 1
    pages = pipeline.artifacts["aftersweep"] / "pages"
    assert {path.name for path in pages.iterdir()} == {f"{NAME}.{end}" for end in ("html", "md", "json")}
    assert "min-runs" in (pages / f"{NAME}.md").read_text()
    kept = pipeline.artifacts["aftersweep-gate"]
    (junit,) = kept.glob(pipeline.jobs["aftersweep-gate"]["artifacts"]["reports"]["junit"])
    assert ElementTree.parse(junit).getroot().get("failures") == "1"


def test_the_key_is_in_no_artifact_and_no_output(done: dict[str, Done], pipeline: GitLabPipeline) -> None:
    """Law: neither a log, nor any file of a job, its home or its artifacts holds the key; nor did a name do harm."""
    assert not [one.name for one in done.values() if KEY in one.output]
    files = [path for path in pipeline.builds.rglob("*") if path.is_file()]
    assert len(files) > 80
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert not [path for path in files if path.name.startswith("pwned")]


def test_the_cache_keeps_archive_and_site(done: dict[str, Done], pipeline: GitLabPipeline) -> None:
    """Law: what the next pipeline is to find, is where the cache takes it from, also after a harvest that failed."""
    assert done["aftersweep"].code == 0
    cache = pipeline.jobs["aftersweep"]["cache"]
    assert cache["when"] == "always"
    for path in cache["paths"]:
        assert any((pipeline.builds / "aftersweep" / path).iterdir())
