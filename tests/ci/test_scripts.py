"""The scripts of all services alone, with recorders in the place of the programs: who is called how, with what."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import ROOT
from .services import BARE, Done, GitHubJob, GitLabPipeline, repository

KEY = "c0ffee" * 8
GITHUB = ROOT / "docs/ci/github/aftersweep.yml"
GITLAB = ROOT / "docs/ci/gitlab/aftersweep.gitlab-ci.yml"
NIGHTLY = ROOT / "docs/ci/container/nightly.sh"

RECORDER = """#!{python} -IS
import json, os, sys
words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
with open({log!r}, "a") as log:
    log.write(json.dumps({{"words": words, "key": os.environ.get("WANDB_API_KEY") or None}}) + "\\n")
if words[:2] == ["aftersweep", "report"]:
    for end in ("html", "md", "json"):
        open(words[words.index("--output") + 1] + "." + end, "w").write("# A page\\n" * {lines})
if words[:3] == ["aftersweep", "site", "build"]:
    folder = words[words.index("--output") + 1]
    os.makedirs(folder, exist_ok=True)
    open(folder + "/index.html", "w")
code = words[-1].rpartition("exit-")[2]
if words[1:2] == [{failing!r}] and code.isdigit():
    sys.exit(int(code))
"""
PROGRAMS = ("aftersweep", "python", "apt-get", "google-chrome")
HOSTILE = (
    "me/p/$(touch${IFS}pwned)",
    "me/p/`touch${IFS}pwned`",
    ";touch",
    "'\"|&",
    "*",
    "../../../etc",
    "--output=pwned",
    "${WANDB_API_KEY}",
    "${{secrets.WANDB_API_KEY}}",
    "me/p/\u202e\u2028é",
)


@dataclass
class Recorded:
    """What the scripts called, and how each ended."""

    done: list[Done]
    calls: list[dict[str, Any]]

    def of(self, *words: str) -> list[list[str]]:
        """The calls that begin so."""
        return [call["words"] for call in self.calls if call["words"][: len(words)] == list(words)]

    def with_key(self) -> set[tuple[str, str]]:
        return {(call["words"][0], call["words"][1]) for call in self.calls if call["key"]}


def recorders(folder: Path, failing: str, lines: int) -> tuple[str, Path]:
    """A PATH where each program writes down how it was called; ``aftersweep FAILING ...exit-N`` ends with N."""
    folder.mkdir()
    log = folder.parent / "calls"
    for program in PROGRAMS:
        (folder / program).write_text(
            RECORDER.format(python=sys.executable, log=str(log), failing=failing, lines=lines)
        )
        (folder / program).chmod(0o755)
    return f"{folder}:{BARE['PATH']}", log


def read(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def github(tmp_path: Path, sweeps: str, *, failing: str = "", lines: int = 1, **variables: str) -> Recorded:
    """The workflow, run with what a person wrote into its field."""
    path, log = recorders(tmp_path / "bin", failing, lines)
    workspace = tmp_path / "runner/work"
    workspace.mkdir(parents=True)
    contexts: Mapping[str, Mapping[str, str]] = {
        "github": {"workspace": str(workspace)},
        "inputs": {"sweep": sweeps},
        "vars": {
            "AFTERSWEEP_PACKAGE": "aftersweep",
            "AFTERSWEEP_SWEEPS": "",
            "AFTERSWEEP_SITE_URL": "",
            "WANDB_BASE_URL": "",
            **variables,
        },
        "secrets": {"WANDB_API_KEY": KEY},
    }
    job = GitHubJob(yaml.safe_load(GITHUB.read_text())["jobs"]["sweep"], workspace, contexts, path)
    return Recorded(job.run_all(), read(log))


def gitlab(tmp_path: Path, sweeps: str, *, failing: str = "", lines: int = 1, **variables: str) -> Recorded:
    """The pipeline, likewise; a job runs where those that it needs have passed."""
    path, log = recorders(tmp_path / "bin", failing, lines)
    project = repository(tmp_path / "project", {"README.md": "Sweeps"})
    given = {"AFTERSWEEP_PACKAGE": "aftersweep", "WANDB_API_KEY": KEY, "SWEEP": sweeps, **variables}
    pipeline = GitLabPipeline(GITLAB, project, tmp_path / "builds", given, path)
    done: dict[str, Done] = {}
    for name, job in pipeline.jobs.items():
        if all(done[needed].code == 0 for needed in job.get("needs", []) if needed in done) and (
            set(job.get("needs", [])) <= set(done)
        ):
            done[name] = pipeline.run(name)
    return Recorded(list(done.values()), read(log))


def container(tmp_path: Path, sweeps: str, *, failing: str = "", **variables: str) -> Recorded:
    """What the scheduled container runs."""
    path, log = recorders(tmp_path / "bin", failing, lines=1)
    work = tmp_path / "work"
    work.mkdir()
    (work / "aftersweep.toml").touch()
    given = {"AFTERSWEEP_SWEEPS": sweeps, "AFTERSWEEP_SITE": str(tmp_path / "site"), "WANDB_API_KEY": KEY, **variables}
    done = subprocess.run(
        ["/bin/bash", NIGHTLY], cwd=work, env={**BARE, "PATH": path, **given}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False, timeout=60,
    )  # fmt: skip
    return Recorded([Done("nightly, gate", done.returncode, done.stdout)], read(log))


both = pytest.mark.parametrize("service", [github, gitlab])
each = pytest.mark.parametrize("service", [github, gitlab, container])


@each
def test_a_sweeps_name_is_one_word_and_nothing_more(service: Any, tmp_path: Path) -> None:
    """Law: of what is typed, each word reaches each command as it is, after ``--``; bash makes nothing of it."""
    done = service(tmp_path, "  ".join(HOSTILE))
    assert [one.code for one in done.done if one.code] == []
    for command in ("harvest", *(["report"] if service is not container else []), "gate"):
        calls = done.of("aftersweep", command)
        assert [call[-2:] for call in calls] == [["--", word] for word in HOSTILE]
        written = [call[at + 1] for call in calls for at, word in enumerate(call) if word == "--output"]
        assert all(name.count("/") == 1 and name.isascii() and "$" not in name for name in written)
    assert not list(tmp_path.rglob("pwned"))


@both
def test_what_is_installed_is_one_word_too(service: Any, tmp_path: Path) -> None:
    """Law: a package's name is never an option of pip's."""
    done = service(tmp_path, "me/p/s", AFTERSWEEP_PACKAGE="--index-url=https://example.org $(touch pwned)")
    assert {tuple(call[-2:]) for call in done.of("python", "-m", "pip", "install")} == {
        ("--", "--index-url=https://example.org $(touch pwned)")
    }
    assert not list(tmp_path.rglob("pwned"))


@each
def test_the_harvest_alone_is_given_the_key(service: Any, tmp_path: Path) -> None:
    """Law: of all programs that run, pip and the browser included, one sees the key."""
    done = service(tmp_path, "me/p/s", AFTERSWEEP_PACKAGE="git+https://example.org/aftersweep")
    assert done.with_key() == {("aftersweep", "harvest")}
    assert ("python" in {call["words"][0] for call in done.calls}) == (service is not container)
    assert {call["words"][1] for call in done.calls} >= {"harvest", "site", "gate"}
    assert len(done.of("apt-get")) == (2 * 2 if service is gitlab else 0)  # GitHub's machine has git


@each
@pytest.mark.parametrize(
    ("sweeps", "code"), [("a b", 0), ("a exit-1", 1), ("exit-3 exit-1 a", 3), ("exit-2 a exit-1", 2)]
)
def test_every_sweep_is_judged_and_the_first_not_met_is_the_code(
    service: Any, tmp_path: Path, sweeps: str, code: int
) -> None:
    """Law: a sweep that fails hides no other's verdict; the job ends with the first one's code."""
    done = service(tmp_path, sweeps, failing="gate")
    assert [call[-1] for call in done.of("aftersweep", "gate")] == sweeps.split()
    (gate,) = (one for one in done.done if "gate" in one.name.lower())
    assert gate.code == code


@each
def test_a_harvest_that_fails_stops_the_job(service: Any, tmp_path: Path) -> None:
    """Law: by its own code; no report, no site and no gate of half an archive."""
    done = service(tmp_path, "a exit-2 b", failing="harvest")
    assert done.done[-1].code == 2
    assert [call[-1] for call in done.of("aftersweep")] == ["a", "exit-2"]


@both
@pytest.mark.parametrize("missing", ["AFTERSWEEP_PACKAGE", "AFTERSWEEP_SWEEPS"])
def test_what_is_not_set_is_named(service: Any, tmp_path: Path, missing: str) -> None:
    """Law: the job fails at once, and its log says which variable to set."""
    sweeps = "" if missing == "AFTERSWEEP_SWEEPS" else "a"
    (tmp_path / "calls").touch()
    done = service(tmp_path, sweeps, **({} if sweeps == "" else {missing: ""}))
    assert done.done[-1].code != 0 and missing in done.done[-1].output
    assert not done.of("aftersweep")


@both
def test_without_a_field_the_variable_says_which_sweeps(service: Any, tmp_path: Path) -> None:
    """Law: a schedule fills no field; then the project's variable counts."""
    done = service(tmp_path, "", AFTERSWEEP_SWEEPS="a/b/c d/e/f")
    assert [call[-1] for call in done.of("aftersweep", "harvest")] == ["a/b/c", "d/e/f"]


def test_a_container_without_sweeps_says_so(tmp_path: Path) -> None:
    """Law: without sweeps it fails and says what to set."""
    (tmp_path / "calls").touch()
    done = container(tmp_path, "")
    assert done.done[0].code != 0 and "AFTERSWEEP_SWEEPS" in done.done[0].output
    assert not done.calls


def test_a_summary_stays_within_what_github_takes(tmp_path: Path) -> None:
    """Law: pages beyond 1 MiB together are named and left to the artifact, none is cut."""
    github(tmp_path, "a b c", lines=50_000)  # 450 kB each
    summary = (tmp_path / "runner/summary.md").read_text()
    assert summary.count("# A page\n") == 100_000
    assert summary.endswith("Too long for this summary, and in the artifact: c.md\n")
    assert len(summary.encode()) < 2**20
