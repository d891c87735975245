"""The workflow of docs/ci/github, step by step, in a fresh clone against the W&B server of the tests."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from markdown_it import MarkdownIt

from ..loopback import KEY, LoopbackServer
from ..sources.example import ENTITY, PROJECT, SWEEP_ID
from .conftest import ROOT
from .services import GitHubJob, clone, repository

pytestmark = pytest.mark.xdist_group("ci-github")

FILE = "docs/ci/github/aftersweep.yml"
WHOLE = f"{ENTITY}/{PROJECT}/{SWEEP_ID}"
NAME = WHOLE.replace("/", "_")
NOT_MET, MET = "[gate]\nmin-runs = 1000\n", "[gate]\nmin-runs = 1\n"
Start = Callable[[str], GitHubJob]


@pytest.fixture(scope="module")
def start(
    tmp_path_factory: pytest.TempPathFactory, wheel: Path, machine: Callable[[], str], server: LoopbackServer
) -> Start:
    """Starts the job ``sweep`` in a fresh clone of a repository whose gate is not met, on one machine for all."""
    project = repository(
        tmp_path_factory.mktemp("project"),
        {".github/workflows/aftersweep.yml": (ROOT / FILE).read_text(), "aftersweep.toml": NOT_MET},
    )
    path = machine()

    def started(key: str = KEY) -> GitHubJob:
        workspace = clone(project, tmp_path_factory.mktemp("runner") / "work")
        workflow = yaml.safe_load((workspace / ".github/workflows/aftersweep.yml").read_text())
        contexts = {
            "github": {"workspace": str(workspace)},
            "inputs": {"sweep": ""},
            "vars": {
                "AFTERSWEEP_PACKAGE": str(wheel),
                "AFTERSWEEP_SWEEPS": WHOLE,
                "AFTERSWEEP_SITE_URL": "https://team.example.org/sweeps",
                "WANDB_BASE_URL": server.url,
            },
            "secrets": {"WANDB_API_KEY": key},
        }
        extra = {"PIP_NO_INDEX": "1", "OMP_NUM_THREADS": "1", "AFTERSWEEP_BROWSER_FLAGS": "--no-sandbox"}
        return GitHubJob(workflow["jobs"]["sweep"], workspace, contexts, path, extra)

    return started


@pytest.fixture(scope="module")
def job(start: Start) -> GitHubJob:
    """The job, run from its first step to its last."""
    begun = start(KEY)
    begun.run_all()
    return begun


def test_a_gate_that_is_not_met_fails_the_job_and_nothing_before_it(job: GitHubJob) -> None:
    """Law: every step passes but the gate, which has the exit code of a rule not met."""
    codes = {one.name: one.code for one in job.done}
    assert list(codes) == [step["name"] for step in job.steps()]
    assert {name for name, code in codes.items() if code} == {"Gate"}, [one.output for one in job.done]
    assert codes["Gate"] == 1


def test_what_is_published_and_kept_is_there(job: GitHubJob) -> None:
    """Law: pages, site and verdicts are in the folders that the later steps upload, also of a gate not met."""
    made = job.files()
    assert made >= {f"pages/{NAME}.{end}" for end in ("html", "md", "json")}
    assert made >= {"public/index.html", f"gate/{NAME}.xml", f"gate/{NAME}.json"}
    page = (job.workspace / f"pages/{NAME}.html").read_text()
    assert "min-runs" in page  # the verdict stands in the report too
    assert json.loads((job.workspace / f"gate/{NAME}.json").read_text())["verdict"] == "not_met"
    assert ElementTree.parse(job.workspace / f"gate/{NAME}.xml").getroot().get("failures") == "1"
    uploads = {step["with"]["path"]: step for step in job.job["steps"] if "upload-" in step.get("uses", "")}
    assert list(uploads) == ["public", "pages\ngate\n"]
    assert uploads["pages\ngate\n"]["if"] == "${{ !cancelled() }}"
    order = [step.get("id", step.get("name")) for step in job.job["steps"]]
    assert order.index("site") < order.index("Gate")


def test_the_markdown_stands_in_the_job_summary(job: GitHubJob) -> None:
    """Law: the summary is the Markdown page, whole, and within what GitHub takes of a step."""
    summary = job.summary.read_text()
    assert summary == (job.workspace / f"pages/{NAME}.md").read_text()
    assert summary.startswith("# ") and len(summary.encode()) < 2**20


def test_the_key_is_in_no_file_and_no_output(job: GitHubJob) -> None:
    """Law: after the job neither its log, nor any file of the runner, workspace and home included, holds the key."""
    assert not [one.name for one in job.done if KEY in one.output]
    files = [path for path in job.workspace.parent.rglob("*") if path.is_file()]
    assert len(files) > 40
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_hostile_names_of_a_sweep_do_nothing(job: GitHubJob) -> None:
    """Law: no command of bash in a name ran, and each command to GitHub's log is an annotation of the gate's."""
    assert not list(job.workspace.parent.rglob("pwned*"))
    commands = [(one.name, line) for one in job.done for line in one.output.splitlines() if line.startswith("::")]
    assert {name for name, _ in commands} == {"Gate"}
    assert all(re.match(r"::(error|warning|notice) title=", line) for _, line in commands)
    told = [token for top in MarkdownIt().parse(job.summary.read_text()) for token in (top, *(top.children or ()))]
    assert any("<script>" in token.content for token in told)
    assert not [token for token in told if "html" in token.type and "script" in token.content]


@pytest.mark.browser
def test_each_page_has_its_picture(job: GitHubJob) -> None:
    """Law: where a browser is, each page is there as a PNG of the size asked for."""
    data = (job.workspace / f"pages/{NAME}.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (1280, 2400)
    assert len(data) > 50_000  # a blank one has under 20 kB


def test_the_next_run_reads_only_what_changed(job: GitHubJob, start: Start, server: LoopbackServer) -> None:
    """Law: with what the cache keeps, a fresh clone asks of the run that still ran alone, and all steps pass again.

    And where the gate is met, so does the job.
    """
    again = start(KEY)
    (saved,) = (step["with"] for step in job.job["steps"] if "cache/save" in step.get("uses", ""))
    (fetched,) = (step["with"] for step in job.job["steps"] if "cache/restore" in step.get("uses", ""))
    assert saved["path"] == fetched["path"] == ".aftersweep\npublic\n"
    assert saved["key"].startswith(fetched["restore-keys"])
    for name in saved["path"].split():
        shutil.copytree(job.workspace / name, again.workspace / name)
    (again.workspace / "aftersweep.toml").write_text(MET)
    before = len(server.requests)
    assert [again.run(name).code for name in ("Harvest", "Pages", "Gate")] == [0, 0, 0], again.done
    asked = [one.variables["filters"] for one in server.requests[before:] if one.operation == "AftersweepHistories"]
    assert [re.findall(r"a0run\d+", filters) for filters in asked] == [["a0run008"]]
    assert (again.workspace / "public/index.html").is_file()


def test_a_wrong_key_stops_before_any_page_and_is_not_told(start: Start) -> None:
    """Law: a harvest that is refused fails the job with one line, no page is made and the key is not in the log."""
    wrong = "bad0" * 10
    refused = start(wrong)
    ran = {one.name: one for one in refused.run_all()}
    assert list(ran) == ["Install", "Harvest"]
    assert ran["Harvest"].code == 2
    assert len(ran["Harvest"].output.splitlines()) == 1 and wrong not in ran["Harvest"].output
