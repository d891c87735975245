"""The page as a PDF, printed by the system's Chromium.

The page needs no network and may not have any (its content policy); the browser gets a profile of its own, which is
thrown away, and of the environment only what it needs: no key of a server.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ..analysis.errors import UsageError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
VARIABLE = "AFTERSWEEP_BROWSER"
TIMEOUT_S = 180.0
"""A page of 2,000 runs takes some seconds; a loaded machine many times that."""
DRAWING_MS = 20_000
"""Time that the page's scripts may take, on the page's own clock: it runs on as soon as they are done."""
_INSTALL = (
    f"install one (Debian, Ubuntu: sudo apt-get install chromium; macOS: brew install --cask google-chrome), or set "
    f"{VARIABLE} to its path"
)
_PASSED_ON = ("PATH", "HOME", "USER", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "XDG_RUNTIME_DIR")
_PASSED_ON_BEGIN = ("LC_", "FONTCONFIG_", "SNAP", "CHROME_")
_LONGEST_TMPDIR = 60
"""Chromium puts a socket there, and ends where the path of that has more than the 107 characters that Linux takes."""
_NOISE = ("dbus", "Failed to connect to the bus", "upower", "vaapi")


def find_browser(environment: Mapping[str, str] | None = None) -> str:
    """Path of the browser that prints: that of AFTERSWEEP_BROWSER, else the first of BROWSERS that is installed.

    Raises UsageError where there is none.
    """
    environment = os.environ if environment is None else environment
    path = environment.get("PATH")
    named = environment.get(VARIABLE)
    if named:
        found = shutil.which(named, path=path)
        if found is None:
            raise UsageError(f"{VARIABLE}={named}: there is no such program; give the path of Chromium or Chrome")
        return found
    for name in BROWSERS:
        if found := shutil.which(name, path=path):
            return found
    raise UsageError(f"--format pdf needs Chromium or Chrome, and there is no {', '.join(BROWSERS[:3])}: {_INSTALL}")


def to_pdf(html: str, *, browser: str | None = None, timeout_s: float = TIMEOUT_S) -> bytes:
    """The page as the browser prints it. Raises UsageError where there is no browser, or it makes no PDF in time."""
    program = browser or find_browser()
    with tempfile.TemporaryDirectory(prefix="aftersweep-pdf-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        page, printed = place / "page.html", place / "page.pdf"
        page.write_text(html, encoding="utf-8", errors="backslashreplace")
        said, code = _run([program, *_arguments(place, printed), page.as_uri()], place, timeout_s)
        data = printed.read_bytes() if printed.is_file() else b""
    if not data.startswith(b"%PDF-"):
        ended = f"it ended with code {code}" if code is not None else f"no answer in {timeout_s:g} s"
        raise UsageError(f"{program} made no PDF ({ended}{_last(said)}){_advice(said)}")
    return data


def _arguments(place: Path, printed: Path) -> list[str]:
    """See developer.chrome.com/docs/chromium/headless and Chromium's components/headless/command_handler."""
    return [
        "--headless",
        f"--print-to-pdf={printed}",
        "--no-pdf-header-footer",
        "--generate-pdf-document-outline",  # bookmarks from the headings
        f"--virtual-time-budget={DRAWING_MS}",
        f"--user-data-dir={place / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND",  # the page needs no network; nor does anything else here
        "--disable-gpu",
        "--disable-dev-shm-usage",  # 64 MB in a container
        "--disable-extensions",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--no-default-browser-check",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium refuses to be root with one
    ]


def _run(command: Sequence[str], place: Path, timeout_s: float) -> tuple[str, int | None]:
    """What it said on standard error, and its exit code; None where the time was up. Nothing of it goes on running."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_BEGIN)
    }  # fmt: skip
    if len(environment.get("TMPDIR", "")) > _LONGEST_TMPDIR:
        del environment["TMPDIR"]
    log = place / "stderr"
    with log.open("wb") as stderr:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(f"{command[0]} cannot be started ({error.strerror or error}): {_INSTALL}") from error
        code: int | None = None
        try:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(timeout_s)
        finally:
            _end(process)
    return log.read_text(encoding="utf-8", errors="replace"), code


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it with all its children, which are a group of their own."""
    with suppress(ProcessLookupError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last(said: str) -> str:
    """The last line that is about more than the desktop that is not there."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not any(word in line for word in _NOISE)]
    return f"; it said: {telling[-1][:300]}" if telling else ""


def _advice(said: str) -> str:
    if "sandbox" in said.casefold():
        return f"; run it where its sandbox can work, or set {VARIABLE} to a script that adds --no-sandbox"
    return f"; if it comes from a snap it cannot read {tempfile.gettempdir()}: set TMPDIR to a folder in your home"
