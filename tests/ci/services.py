"""What GitHub Actions and GitLab CI do with the scripts of a job, as far as the scripts can tell.

GitHub: docs.github.com, "Workflow syntax" (``jobs.<job_id>.steps[*].shell``: bash is ``bash --noprofile --norc -eo
pipefail``) and "Variables" (default environment variables). GitLab: docs.gitlab.com, "CI/CD YAML syntax", and
gitlab-runner, ``shells/bash.go`` (``set -eo pipefail``; one shell for before_script and script).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

BARE = {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin", "TERM": "dumb"}
"""All that a fresh machine has of ours."""
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


def git(*words: str | Path) -> None:
    """Git as on a machine without settings of anybody's."""
    who = {f"GIT_{role}_{what}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**BARE, **who, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    subprocess.run(["git", *map(str, words)], env=environment, check=True, capture_output=True)


def repository(folder: Path, files: Mapping[str, str]) -> Path:
    """A repository with one commit of these files: that of a team which copied ours."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git("init", "--quiet", "--initial-branch=main", folder)
    git("-C", folder, "add", "--all")
    git("-C", folder, "commit", "--quiet", "--message=Sweeps")
    return folder


def clone(project: Path, folder: Path) -> Path:
    """A fresh clone."""
    git("clone", "--quiet", project, folder)
    return folder


@dataclass(frozen=True)
class Done:
    """A step or a job that ran."""

    name: str
    code: int
    output: str
    """Standard output and standard error as one, as the log has them."""


def evaluate(text: str, contexts: Mapping[str, Any]) -> str:
    """A value of a workflow with its expressions replaced: names of contexts, texts, and ``||`` between them.

    Raises KeyError for a name that no context has and ValueError for what is no such expression, so that a workflow
    that grows beyond this fails its tests.
    """

    def term(word: str) -> str:
        if re.fullmatch(r"'[^']*'", word):
            return word[1:-1]
        if not re.fullmatch(r"[a-z]+(\.\w+)+", word):
            raise ValueError(word)
        context, _, name = word.partition(".")
        return str(contexts[context][name])

    def whole(found: re.Match[str]) -> str:
        return next((value for word in found[1].split("||") if (value := term(word.strip()))), "")

    return _EXPRESSION.sub(whole, text)


@dataclass
class GitHubJob:
    """A job of a workflow in a folder of its own; ``run`` runs one step, ``run_all`` all as the service would."""

    job: Mapping[str, Any]
    workspace: Path
    contexts: Mapping[str, Mapping[str, str]]
    path: str
    extra: Mapping[str, str] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)

    @property
    def summary(self) -> Path:
        return self.workspace.parent / "summary.md"

    def steps(self) -> list[Mapping[str, Any]]:
        """The steps that run a script."""
        return [step for step in self.job["steps"] if "run" in step]

    def environment(self, step: Mapping[str, Any]) -> dict[str, str]:
        given = {**self.job.get("env", {}), **step.get("env", {})}
        runner = self.workspace.parent
        return {
            **BARE,
            "PATH": self.path,
            "HOME": str(runner),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(runner / "output"),
            "GITHUB_ENV": str(runner / "env"),
            "RUNNER_TEMP": str(runner),
            **self.extra,
            **{name: evaluate(value, self.contexts) for name, value in given.items()},
        }

    def run(self, name: str) -> Done:
        step = next(step for step in self.steps() if step["name"] == name)
        assert "${{" not in step["run"]  # what GitHub would paste into a script, a script would run
        script = self.workspace.parent / "step.sh"
        script.write_text(step["run"])
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        done = subprocess.run(
            command, cwd=self.workspace, env=self.environment(step), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, timeout=300,
        )  # fmt: skip
        self.done.append(Done(name, done.returncode, done.stdout))
        return self.done[-1]

    def run_all(self) -> list[Done]:
        """In order; after a failure only the steps that say so."""
        ran: list[Done] = []
        for step in self.steps():
            if all(one.code == 0 for one in ran) or "!cancelled()" in step.get("if", ""):
                ran.append(self.run(step["name"]))
        return ran

    def files(self) -> set[str]:
        return {str(path.relative_to(self.workspace)) for path in self.workspace.rglob("*") if path.is_file()}


def gitlab_jobs(file: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The jobs of a GitLab file that run, each with what it extends: its own keys win, and variables add up."""

    def whole(own: Mapping[str, Any]) -> dict[str, Any]:
        base = file[own["extends"]] if "extends" in own else {}
        return {**base, **own, "variables": {**base.get("variables", {}), **own.get("variables", {})}}

    return {name: whole(job) for name, job in file.items() if "script" in job and not name.startswith(".")}


def script_of(job: Mapping[str, Any]) -> str:
    """What a job runs, as the one script that the runner makes of it."""
    return "\n".join([*job.get("before_script", []), *job["script"]])


class GitLabPipeline:
    """A pipeline: each job in a fresh copy of the project, with the artifacts of the jobs that it needs."""

    def __init__(self, file: Path, project: Path, builds: Path, variables: Mapping[str, str], path: str) -> None:
        self.file: Mapping[str, Any] = yaml.safe_load(file.read_text())
        self.jobs = gitlab_jobs(self.file)
        self.project, self.builds, self.variables, self.path = project, builds, variables, path
        self.artifacts: dict[str, Path] = {}

    def run(self, name: str) -> Done:
        job, folder = self.jobs[name], self.builds / name
        if job["variables"].get("GIT_STRATEGY") == "none":
            folder.mkdir(parents=True)
        else:
            clone(self.project, folder)
        for needed in job.get("needs", []):
            shutil.copytree(self.artifacts[needed], folder, dirs_exist_ok=True)
        given = {"CI_PROJECT_DIR": str(folder)}
        globally = {name: one["value"] for name, one in self.file["variables"].items()}
        # The order in which GitLab lets one kind win over another: the project's own come last.
        for key, value in {**globally, **job["variables"], **self.variables}.items():
            given[key] = value.replace("$CI_PROJECT_DIR", str(folder))
        script = f"set -eo pipefail\n{script_of(job)}\n"
        environment = {**BARE, "PATH": self.path, "HOME": str(self.builds), "CI": "true", "GITLAB_CI": "true", **given}
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, timeout=300,
        )  # fmt: skip
        kept = job["artifacts"]
        if done.returncode == 0 or kept.get("when") == "always":
            self.artifacts[name] = self._kept(name, folder, kept["paths"])
        return Done(name, done.returncode, done.stdout)

    def _kept(self, name: str, folder: Path, paths: list[str]) -> Path:
        kept = self.builds / f"{name}.artifacts"
        kept.mkdir()
        for path in paths:
            if (folder / path).is_dir():
                shutil.copytree(folder / path, kept / path)
        return kept
