"""The Dockerfile, line by line, and what a scheduled container runs in it. No engine is asked: none is here.

Every RUN line is run by sh with its folders under one of ours. pip is the real one, on a machine that has what the
wheel needs and not the wheel; apt-get, useradd and chown, which would change this machine, are recorded.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..loopback import KEY, LoopbackServer
from ..sources.example import ENTITY, PROJECT, SWEEP_ID
from .conftest import ROOT
from .dockerfile import Stage, context, stages

pytestmark = pytest.mark.xdist_group("ci-container")

FOLDER = ROOT / "docs/ci/container"
FOLDERS = re.compile(r"(?<![\w./])/(?=(src|wheels|archive|site|work|var/lib/apt|usr/local/bin)\b)")
RECORDED = ("apt-get", "useradd", "chown")
BUILD, FINAL = stages((ROOT / "Dockerfile").read_text())


@dataclass(frozen=True)
class Image:
    """What the RUN lines made."""

    root: Path
    path: str
    recorded: list[str]

    def under(self, text: str) -> str:
        """The text with each folder of the image's under our own."""
        return FOLDERS.sub(lambda _: f"{self.root}/", text)

    def environment(self) -> dict[str, str]:
        given = {name: self.under(value) for name, value in FINAL.environment().items()}
        return {"PATH": self.path, "LANG": "C.UTF-8", "HOME": str(self.root / "home"), "OMP_NUM_THREADS": "1", **given}

    def start(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A container: ENTRYPOINT with these words, or, where they begin with a path, in its place."""
        words = command if command[0].startswith("/") else (*json.loads(FINAL.all("ENTRYPOINT")[0]), *command)
        return subprocess.run(
            [*words], cwd=self.root / "work", env={**self.environment(), **variables}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=300,
        )  # fmt: skip


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, machine: Callable[[], str]) -> Image:
    """Both stages, each on a fresh machine; the second has the wheels of the first and nothing else of it."""
    root = tmp_path_factory.mktemp("image")
    log = root / "recorded"
    (root / "recorders").mkdir()
    (root / "usr/local/bin").mkdir(parents=True)
    for program in RECORDED:
        (root / "recorders" / program).write_text(f'#!/bin/sh\necho "{program} $*" >> "{log}"\n')
        (root / "recorders" / program).chmod(0o755)
    context(ROOT, root / "src")
    made = Image(root, f"{root}/recorders:{root}/usr/local/bin:{machine()}", [])
    for stage, offline in ((BUILD, {}), (FINAL, {"PIP_NO_INDEX": "1"})):
        for line in stage.all("RUN"):
            script = re.sub(r"^--mount=\S+ ", "", line)
            done = subprocess.run(
                ["/bin/sh", "-c", made.under(script)], cwd=root / ("src" if stage is BUILD else "."),
                env={**made.environment(), **offline}, capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
            assert done.returncode == 0, (line, done.stderr)
    made.recorded.extend(log.read_text().splitlines())
    return made


def test_the_wheel_of_the_image_is_the_wheel_of_the_tree(image: Image, wheel: Path) -> None:
    """Law: what .dockerignore lets in is all that the wheel is made of, and nothing that is not."""
    (built,) = (image.root / "wheels").glob("*.whl")
    assert set(zipfile.ZipFile(built).namelist()) == set(zipfile.ZipFile(wheel).namelist())
    tops = {path.name for path in (image.root / "src").iterdir()}
    assert not tops & {"tests", "docs", "out", ".git", ".venv"}


def test_a_container_starts_as_aftersweep_and_writes_a_page(image: Image) -> None:
    """Law: ENTRYPOINT is the installed command; without words it shows its help."""
    help_ = image.start(*json.loads(FINAL.all("CMD")[0]))
    assert help_.returncode == 0 and "post-mortem" in help_.stdout
    done = image.start("report", "4yfw48ad", "--output", "page.md")
    assert done.returncode == 0, done.stdout
    assert (image.root / "work/page.md").read_text().startswith("# ")


@pytest.mark.browser
def test_the_browser_of_the_image_prints(image: Image) -> None:
    """Law: AFTERSWEEP_BROWSER of the image starts Chromium where no sandbox can be built."""
    done = image.start("report", "4yfw48ad", "--pdf", "--output", "page.pdf")
    assert done.returncode == 0, done.stdout
    assert (image.root / "work/page.pdf").read_bytes().startswith(b"%PDF-")
    wrapper = Path(image.environment()["AFTERSWEEP_BROWSER"])
    assert os.access(wrapper, os.X_OK) and "--no-sandbox" in wrapper.read_text()


def test_a_night_from_the_server_to_the_gate(image: Image, server: LoopbackServer) -> None:
    """Law: nightly.sh harvests into the archive's volume and builds the site; the gate not met is its exit code.

    The key is in no output and in no file of the image or its volumes.
    """
    (image.root / "work/aftersweep.toml").write_text("[gate]\nmin-runs = 1000\n")
    settings = {
        "AFTERSWEEP_SWEEPS": f"{ENTITY}/{PROJECT}/{SWEEP_ID}",
        "AFTERSWEEP_SITE": str(image.root / "site/public"),
        "WANDB_API_KEY": KEY,
        "WANDB_BASE_URL": server.url,
    }
    done = image.start("/bin/bash", str(FOLDER / "nightly.sh"), **settings)
    assert done.returncode == 1, done.stdout
    assert "NOT MET min-runs" in done.stdout and KEY not in done.stdout
    assert (image.root / "site/public/index.html").is_file()
    files = [path for name in ("archive", "site", "work", "home") for path in (image.root / name).rglob("*")]
    assert len(files) > 20
    assert not [path for path in files if path.is_file() and KEY.encode() in path.read_bytes()]


def test_the_image_is_nobodys_root(image: Image) -> None:
    """Law: the user is a number other than root's, made by the file, and owns the folders that are written to."""
    (user,) = FINAL.all("USER")
    number = user.split(":")[0]
    assert number.isdigit() and int(number) >= 10_000
    assert f"useradd --uid {number} --create-home aftersweep" in image.recorded
    owned = f"chown aftersweep:aftersweep {image.under('/archive /site /work')}"
    assert owned in image.recorded
    assert FINAL.environment()["AFTERSWEEP_HOME"] == FINAL.all("VOLUME")[0] == "/archive"


def test_what_is_installed_from_debian(image: Image) -> None:
    """Law: a browser with a font, without what is only recommended, and no list of packages stays."""
    assert image.recorded[:2] == [
        "apt-get update",
        "apt-get install --yes --no-install-recommends chromium fonts-dejavu-core",
    ]
    assert "rm -rf /var/lib/apt/lists/*" in FINAL.all("RUN")[0]


def test_both_stages_stand_on_the_same_base() -> None:
    """Law: the wheel is made where it is used; of the first stage only wheels come, by a mount that leaves no layer."""
    assert [stage.base for stage in (BUILD, FINAL)] == ["python:3.12-slim AS build", "python:3.12-slim"]
    assert not FINAL.all("COPY")
    assert any(
        line.startswith("--mount=type=bind,from=build,source=/wheels,target=/wheels ") for line in FINAL.all("RUN")
    )


def pods() -> list[Mapping[str, Any]]:
    whole = [*yaml.safe_load_all((FOLDER / "cronjob.yaml").read_text())]
    return [one["spec"]["jobTemplate"]["spec"]["template"]["spec"] for one in whole if one["kind"] == "CronJob"]


def test_kubernetes_and_compose_know_the_image() -> None:
    """Law: both run as the image's user, write only where it may, and start the script that is tested here."""
    (pod,) = pods()
    (container,) = pod["containers"]
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == FINAL.all("USER")[0]
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    writable = {path for path, read_only in mounts.items() if not read_only}
    (service,) = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"].values()
    composed = [volume.split(":") for volume in service["volumes"]]
    assert writable == {"/archive", "/site", "/tmp"}
    assert {target for _, target, *mode in composed if mode != ["ro"]} | set(service["tmpfs"]) == writable
    assert container["command"] == ["/bin/bash", "/files/nightly.sh"]
    assert service["entrypoint"] == ["/bin/bash", "/nightly.sh"]
    assert (FOLDER / service["build"]).resolve() == ROOT
    assert all((FOLDER / source).is_file() for source, *_ in composed if source.startswith("."))


def test_the_parts_of_the_kubernetes_example_fit() -> None:
    """Law: each file, settings map, volume and claim that one part names, another one makes."""
    made = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    (pod,) = pods()
    (container,) = pod["containers"]
    maps = {one["name"]: one for one in made["configMapGenerator"]}
    assert set(maps["aftersweep-files"]["files"]) == {"nightly.sh", "aftersweep.toml"}
    assert all((FOLDER / name).is_file() for name in [*maps["aftersweep-files"]["files"], *made["resources"]])
    assert [one["configMapRef"]["name"] for one in container["envFrom"]] == ["aftersweep-settings"]
    assert any(line.startswith("AFTERSWEEP_SWEEPS=") for line in maps["aftersweep-settings"]["literals"])
    claims = [
        one["metadata"]["name"]
        for one in yaml.safe_load_all((FOLDER / "cronjob.yaml").read_text())
        if one["kind"] == "PersistentVolumeClaim"
    ]
    used = [one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"] if "persistentVolumeClaim" in one]
    assert used == claims
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert [image["name"] for image in made["images"]] == [container["image"]]


def test_the_key_stands_in_no_file() -> None:
    """Law: it comes from a secret of the cluster, or of the environment, and from there alone."""
    (pod,) = pods()
    (given,) = pod["containers"][0]["env"]
    assert given == {
        "name": "WANDB_API_KEY",
        "valueFrom": {"secretKeyRef": {"name": "aftersweep", "key": "WANDB_API_KEY"}},
    }
    (service,) = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"].values()
    assert service["environment"]["WANDB_API_KEY"] == "${WANDB_API_KEY:?}"
    texts = [path.read_text() for path in (*FOLDER.iterdir(), ROOT / "Dockerfile")]
    assert not [line for text in texts for line in text.splitlines() if re.search(r"WANDB_API_KEY=(?!\$)\S", line)]


def test_what_the_parser_does_not_know_it_refuses() -> None:
    """Law: an instruction that no test here runs is an error, so that none comes in untested."""
    with pytest.raises(ValueError, match="ADD"):
        stages("FROM x\nADD y z\n")
    assert stages("# c\nFROM a AS b\nRUN one \\\n    # why\n    && two\n") == [
        Stage("a AS b", (("RUN", "one && two"),))
    ]
