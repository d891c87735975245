"""The numbered manifests of one sweep: who creates the next number first has committed.

The protocol follows Delta Lake's transaction log (github.com/delta-io/delta/blob/master/PROTOCOL.md; Armbrust et
al., "Delta Lake: high-performance ACID table storage over cloud object stores", VLDB 2020): data files are
written first, then a manifest under the next number, which only one writer can create. The loser reads what the
winner did, works out its changes anew and tries the number after, until a deadline. Readers need no lock.

Each manifest names its parent's hash, so that two histories are never mixed. Checkpoints hold the full list; one is
written when the changes since the last have grown to half of the list, so that their total stays in proportion to it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import tenacity

from ..errors import ArchiveError, DamagedArchiveError
from .files import Folder
from .manifest import Delta, Manifest, State, read_manifest, write_manifest

DEADLINE_S = 30.0
CHECKPOINT_COMMITS = (10, 200)
"""At least so many commits lie between two checkpoints, and at most."""

_NAME = re.compile(r"(\d{20})(\.checkpoint)?\.json")


class _LostRaceError(Exception):
    """Another writer created the manifest of that number."""


class Log:
    """The manifests of one sweep; it keeps the state of the last version it saw and reads only what is newer."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._state = State()

    def refresh(self) -> State:
        """The state now; version 0 where nothing was committed. Raises DamagedArchiveError, NewerArchiveError.

        The same object is brought up to date by the next call: read what you need before it.
        """
        state, self._state = self._state, State()  # out of reach while it changes: Ctrl-C may come at any line
        if state.version == 0 or self.folder.size(manifest_name(state.version)) is None:
            state = self._read_all()
        else:
            try:
                self._read_on(state)
            except _OtherHistoryError:
                state = self._read_all()
        self._state = state
        return state

    def publish(self, build: Callable[[State], Delta | None], deadline_s: float = DEADLINE_S) -> bool:
        """Commits what ``build`` makes of the current state; False where ``build`` gave None: nothing to do.

        ``build`` is called again with the newer state whenever another writer was first. Raises ArchiveError where
        the race is still lost at the deadline.
        """
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_LostRaceError),
            wait=tenacity.wait_random_exponential(multiplier=0.01, max=0.5),
            stop=tenacity.stop_after_delay(deadline_s),
        )
        try:
            return attempts(self._try_to_publish, build)
        except tenacity.RetryError as error:
            raise ArchiveError(
                f"other writers kept '{self.folder.path}' busy for {deadline_s:.0f} s; run the same command again"
            ) from error

    def _try_to_publish(self, build: Callable[[State], Delta | None]) -> bool:
        state = self.refresh()
        delta = build(state)
        if delta is None:
            return False
        version = state.version + 1
        content = write_manifest(delta, version, state.digest, time.time())
        if not self.folder.create(manifest_name(version), content):
            raise _LostRaceError
        self._checkpoint(self.refresh())
        return True

    def _checkpoint(self, state: State) -> None:
        least, most = CHECKPOINT_COMMITS
        if state.commits < least or (state.commits < most and 2 * state.entries < len(state.live)):
            return
        content = write_manifest(state.whole(), state.version, state.digest, time.time(), checkpoint=True)
        self.folder.create(manifest_name(state.version, checkpoint=True), content)
        state.commits = state.entries = 0

    def _read_all(self) -> State:
        names = self.folder.names()
        state = self._last_checkpoint(names)
        latest = max((version for version, checkpoint in versions(names) if not checkpoint), default=0)
        self._read_on(state)
        if state.version < latest:
            missing = self.folder.path / manifest_name(state.version + 1)
            raise DamagedArchiveError(
                f"the manifest '{missing}' is missing; put a copy of it back, "
                "or remove the sweep's folder and harvest it again"
            )
        return state

    def _last_checkpoint(self, names: list[str]) -> State:
        """The state of the newest checkpoint that can be read: what a damaged one held, the manifests hold too."""
        for version in sorted((v for v, checkpoint in versions(names) if checkpoint), reverse=True):
            state = State()
            try:
                manifest = self.read(version, checkpoint=True)
            except DamagedArchiveError:
                continue
            if manifest is not None:
                state.apply(manifest.delta, version, manifest.digest)
                state.commits = state.entries = 0
                return state
        return State()

    def _read_on(self, state: State) -> None:
        while (manifest := self.read(state.version + 1)) is not None:
            if (manifest.parent, manifest.version) != (state.digest, state.version + 1):
                raise _OtherHistoryError(
                    f"the manifest '{self.folder.path / manifest_name(state.version + 1)}' does not follow the one "
                    "before it; put copies of both back, or remove the sweep's folder and harvest it again"
                )
            state.apply(manifest.delta, manifest.version, manifest.digest)

    def read(self, version: int, checkpoint: bool = False) -> Manifest | None:
        """One manifest; None where there is none. Raises DamagedArchiveError, NewerArchiveError."""
        name = manifest_name(version, checkpoint)
        content = self.folder.read(name)
        return None if content is None else read_manifest(content, str(self.folder.path / name))


class _OtherHistoryError(DamagedArchiveError):
    """A manifest that does not follow the one that was read before it."""


def manifest_name(version: int, checkpoint: bool = False) -> str:
    """The name of the manifest or of the checkpoint of a version."""
    return f"{version:020d}{'.checkpoint' if checkpoint else ''}.json"


def versions(names: list[str]) -> list[tuple[int, bool]]:
    """The version of each manifest among the names, and whether it is a checkpoint."""
    return [(int(hit[1]), hit[2] is not None) for hit in map(_NAME.fullmatch, names) if hit]
