"""The CI files are what their services take, and what the linters of their kind pass."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .services import gitlab_jobs, script_of

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / "docs/ci/github/aftersweep.yml"
CONTAINER = ROOT / "docs/ci/container"
GITLAB = ROOT / "docs/ci/gitlab/aftersweep.gitlab-ci.yml"
TOOLS = Path(sys.executable).parent
"""Where pip puts the linters, beside the interpreter of the tests."""


def lint(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """A linter of the development tools, without the network."""
    environment = {**os.environ, "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}", "ZIZMOR_OFFLINE": "true"}
    command = [str(TOOLS / words[0]), *map(str, words[1:])]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def schema(name: str, path: Path) -> subprocess.CompletedProcess[str]:
    """The file against a schema of SchemaStore, GitLab or Compose, as check-jsonschema carries it."""
    gitlab = ["--data-transform", "gitlab-ci"] if name == "gitlab-ci" else []
    return lint("check-jsonschema", "--builtin-schema", f"vendor.{name}", *gitlab, path)


@pytest.mark.parametrize(("name", "path"), [("github-workflows", GITHUB), ("gitlab-ci", GITLAB)])
def test_the_services_schema_takes_the_file(name: str, path: Path, tmp_path: Path) -> None:
    """Law: valid by the service's published schema, which refuses the same file with one word misspelt."""
    done = schema(name, path)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / path.name
    wrong.write_text(
        re.sub(r"\btimeout(-minutes)?: .*", "timeout-minutes: [an hour]\n    timeout: [an hour]", path.read_text())
    )
    assert schema(name, wrong).returncode == 1


def test_actionlint_passes_the_workflow(tmp_path: Path) -> None:
    """Law: actionlint, with shellcheck over every script, has nothing to say; of a wrong file it has."""
    done = lint("actionlint", "-shellcheck", TOOLS / "shellcheck", GITHUB)
    assert (done.returncode, done.stdout) == (0, "")
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(GITHUB.read_text().replace('-- "$sweep"', "-- $sweep").replace("steps.site.", "steps.sight."))
    told = lint("actionlint", "-shellcheck", TOOLS / "shellcheck", wrong).stdout
    assert "SC2086" in told and '"sight"' in told


def test_zizmor_finds_no_way_in(tmp_path: Path) -> None:
    """Law: no finding of the pedantic persona: actions pinned by hash, least permissions, no pasted input."""
    done = lint("zizmor", "--persona", "pedantic", "--format", "json", GITHUB)
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(
        GITHUB.read_text().replace('-- "$sweep"', "-- ${{ inputs.sweep }}").replace("permissions: {}\n", "")
    )
    found = {one["ident"] for one in json.loads(lint("zizmor", "--format", "json", wrong).stdout)}
    assert "template-injection" in found


def test_every_script_of_gitlab_passes_shellcheck(tmp_path: Path) -> None:
    """Law: shellcheck has nothing to say to what GitLab makes of each job: one script of bash."""
    for name, job in gitlab_jobs(yaml.safe_load(GITLAB.read_text())).items():
        script = tmp_path / f"{name}.sh"
        script.write_text("\n".join(["#!/bin/bash", "set -eo pipefail", script_of(job), ""]))
        done = lint("shellcheck", script)
        assert done.returncode == 0, done.stdout


def test_hadolint_passes_the_dockerfile(tmp_path: Path) -> None:
    """Law: hadolint, with shellcheck over every RUN line, has nothing to say; of a wrong file it has."""
    done = lint("hadolint", ROOT / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")
    wrong = tmp_path / "Dockerfile"
    wrong.write_text((ROOT / "Dockerfile").read_text().replace("3.12-slim", "latest").replace(" --yes", ""))
    told = lint("hadolint", wrong).stdout
    assert "DL3007" in told and "DL3014" in told


def test_the_container_examples_are_what_their_services_take(tmp_path: Path) -> None:
    """Law: valid by Compose's schema and by Kubernetes' strict one, which refuse each with one word misspelt."""
    files = {"compose.yaml": ("read_only:", "readonly:"), "cronjob.yaml": ("readOnlyRootFilesystem:", "readOnlyRoot:")}
    for name, (right, misspelt) in files.items():
        wrong = tmp_path / name
        wrong.write_text((CONTAINER / name).read_text().replace(right, misspelt))
        for path, passes in ((CONTAINER / name, True), (wrong, False)):
            compose = name == "compose.yaml"
            done = schema("compose-spec", path) if compose else lint("kubernetes-validate", "--strict", path)
            assert (done.returncode == 0) == passes, done.stdout + done.stderr
    done = lint("shellcheck", CONTAINER / "nightly.sh")
    assert done.returncode == 0, done.stdout


def steps() -> list[dict[str, Any]]:
    return [step for job in yaml.safe_load(GITHUB.read_text())["jobs"].values() for step in job["steps"]]


def test_only_the_harvest_has_the_key() -> None:
    """Law: the key is in the environment of the one step that asks W&B, in no other and in no script."""
    secret = [step for step in steps() if "secrets." in json.dumps(step)]
    assert [step["name"] for step in secret] == ["Harvest"]
    assert secret[0]["env"]["WANDB_API_KEY"] == "${{ secrets.WANDB_API_KEY }}"
    assert "${{" not in "".join(step.get("run", "") for step in steps())
    assert GITHUB.read_text().count("secrets.") == 1


def test_only_publishing_may_write() -> None:
    """Law: the workflow gives nothing by default; the job that reads hostile text may read the repository alone."""
    whole = yaml.safe_load(GITHUB.read_text())
    given = {name: job["permissions"] for name, job in whole["jobs"].items()}
    assert whole["permissions"] == {}
    assert given == {"sweep": {"contents": "read"}, "publish": {"pages": "write", "id-token": "write"}}
    assert not [step for step in whole["jobs"]["publish"]["steps"] if "run" in step]


def test_actions_are_pinned_to_a_commit() -> None:
    """Law: each action by the whole hash, its version beside it, as Dependabot reads and renews it."""
    used = re.findall(r"uses: (.*)", GITHUB.read_text())
    assert used and all(re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in used)


@pytest.mark.parametrize("path", [GITHUB, GITLAB])
def test_runs_on_a_schedule_and_by_hand_alone(path: Path) -> None:
    """Law: no push and no pull request starts it, so nobody without write access does."""
    whole = yaml.safe_load(path.read_text())
    if path == GITHUB:
        assert set(whole[True]) == {"schedule", "workflow_dispatch"}  # YAML 1.1 reads `on` as true
        return
    rules = [job["rules"] for job in whole.values() if "rules" in job]
    jobs = [job for name, job in whole.items() if "script" in job]
    assert all("rules" in job or job["extends"] == ".aftersweep" for job in jobs)
    assert all([rule["if"].split(" == ")[1] for rule in one] == ['"schedule"', '"web"'] for one in rules)


def test_the_readme_names_every_variable_and_file() -> None:
    """Law: what a file reads from a project's settings, and each file here, stands in the README; its links resolve."""
    text = (ROOT / "docs/ci/README.md").read_text()
    github = set(re.findall(r"(?:vars|secrets)\.(\w+)", GITHUB.read_text()))
    compose = set(re.findall(r"\$\{(\w+):", (CONTAINER / "compose.yaml").read_text()))
    variables = set(re.findall(r"^\| `(\w+)` \|", text, re.M))
    assert variables == github | compose == github
    assert all(name in GITLAB.read_text() for name in ("AFTERSWEEP_SWEEPS", "AFTERSWEEP_PACKAGE", "WANDB_API_KEY"))
    links = [ROOT / "docs/ci" / link for link in re.findall(r"\]\(([^)#]+)\)", text)]
    assert not [link for link in links if not link.exists()]
    assert {path.name for path in CONTAINER.iterdir()} <= {link.name for link in links} | {
        "compose.yaml",
        "cronjob.yaml",
    }
