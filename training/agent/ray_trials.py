"""Trials on the machines of a Ray cluster: each an actor that holds one process and asks for its GPUs.

Ray places them; the journal, the search and the rule stay with the agent. The folder of the sweep must be one that all
machines share, under the same path, and so must the folder that the agent was started in. A trial has one CPU and the
GPUs that it asks for; Ray hides all others from it.
"""

from __future__ import annotations

import signal
from typing import Any

from ...analysis.errors import UsageError
from .loop import Note, Start
from .trial import LocalProcess, Running, Task


def starter(address: str, gpus: float, note: Note) -> Start:
    """Starts trials on the cluster at ``address`` ('local': one on this machine). Raises UsageError."""
    try:
        import ray
    except ImportError:
        raise UsageError("--ray needs Ray: pip install 'aftersweep[ray]'") from None
    try:
        ray.init(address, ignore_reinit_error=True, log_to_driver=False, include_dashboard=False,
                 configure_logging=False)  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"no Ray cluster at '{address}': {' '.join(str(error).split()):.200}; one that asks for a token needs "
            "the same RAY_AUTH_TOKEN here"
        ) from None
    most = max((node["Resources"].get("GPU", 0) for node in ray.nodes() if node["Alive"]), default=0)
    if gpus > most:
        short = f"a trial asks for {gpus:g} GPUs, and no machine of the cluster has more than {most:g}"
        if address == "local":
            raise UsageError(f"{short}; lower --gpus-per-trial")
        note(f"{short}: trials wait until one with as many joins it")
    actor = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0)(LocalProcess)

    def start(task: Task) -> Running:
        return _OnCluster(ray, actor.remote(task))

    return start


_NOT_STARTED = 127
"""What shells return for a program that they cannot start."""


class _OnCluster:
    """A trial's actor, asked as if it were here. A machine that is lost is a process that was killed."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self._placed = actor.ended.remote()
        """Answered once the cluster has had a place for it; nobody waits for that."""
        self._last: tuple[int | None, int | None] | None = None
        self._gone = False

    def values(self, metric: str) -> list[float]:
        found: list[float] = (self._ask("values", metric) or []) if self._is_placed() else []
        return found

    def stop(self) -> None:
        self._ask("stop") if self._is_placed() else self._withdraw(signal.SIGTERM)

    def kill(self) -> None:
        self._ask("kill") if self._is_placed() else self._withdraw(signal.SIGKILL)

    def ended(self) -> tuple[int | None, int | None] | None:
        if self._last is None and self._is_placed():
            self._last = self._ask("ended") or self._last
        return self._last

    def _is_placed(self) -> bool:
        return bool(self._ray.wait([self._placed], timeout=0)[0])

    def _withdraw(self, number: int) -> None:
        """A trial that still waits for a place never begins."""
        self._ray.kill(self._actor)
        self._gone, self._last = True, self._last or (None, number)

    def _ask(self, what: str, *words: Any) -> Any:
        """The actor's answer; None where it cannot give one. Raises UsageError, once, where it could not begin."""
        if self._gone:
            return None
        try:
            return self._ray.get(getattr(self._actor, what).remote(*words))
        except self._ray.exceptions.ActorDiedError as error:
            self._gone = True
            if error.actor_init_failed:
                self._last = (_NOT_STARTED, None)
                raise UsageError(_last_words(error)) from None
            self._last = self._last or (None, signal.SIGKILL)
        except self._ray.exceptions.ActorUnavailableError:
            pass  # the network is; asked again at the next look
        except self._ray.exceptions.RayTaskError as error:
            raise UsageError(_last_words(error)) from None
        return None


def _last_words(error: BaseException) -> str:
    """What an exception said on another machine: the last line of its traceback, without the name of its class."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [""]
    return lines[-1].partition(": ")[2] or lines[-1]
