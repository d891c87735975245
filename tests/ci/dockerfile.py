"""A Dockerfile as its instructions, as far as ours has any; what it does not know, it refuses.

Format: docs.docker.com, "Dockerfile reference"; ``.dockerignore``: the same, "Build context".
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "ENTRYPOINT", "CMD"}


@dataclass(frozen=True)
class Stage:
    base: str
    instructions: tuple[tuple[str, str], ...]

    def all(self, word: str) -> list[str]:
        return [rest for name, rest in self.instructions if name == word]

    def environment(self) -> dict[str, str]:
        return dict(item.split("=", 1) for line in self.all("ENV") for item in line.split())


def stages(text: str) -> list[Stage]:
    """The stages in order. Raises ValueError for an instruction that is not KNOWN."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for instruction in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = instruction.partition(" ")
        if word not in KNOWN:
            raise ValueError(instruction)
        if word == "FROM":
            found.append((rest, []))
        else:
            found[-1][1].append((word, rest))
    return [Stage(base, tuple(instructions)) for base, instructions in found]


def context(root: Path, folder: Path) -> Path:
    """What the engine is sent of ``root``, in ``folder``: of an ignore file that lets in what it names, and no more."""
    lines = [line for line in (root / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    if lines[0] != "*":
        raise ValueError("the ignore file lets in what it does not name")
    named = [line[1:] for line in lines[1:] if line.startswith("!")]
    anywhere = [line.removeprefix("**/") for line in lines[1:] if line.startswith("**/")]
    if len(named) + len(anywhere) + 1 != len(lines):
        raise ValueError("a pattern of another kind")

    def ignored(_folder: str, names: list[str]) -> list[str]:
        return [name for name in names if any(fnmatch(name, pattern) for pattern in anywhere)]

    folder.mkdir()
    for name in named:
        if (root / name).is_dir():
            shutil.copytree(root / name, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(root / name, folder / name)
    return folder
