"""Trials on the machines of a Ray cluster: each an actor that holds one process and asks for its GPUs.

Ray places them; the journal, the search and the rule stay with the agent. The folder of the sweep must be one that all
machines share, under the same path.
"""

from __future__ import annotations

from typing import Any

from ...analysis.errors import UsageError
from .loop import Start
from .trial import LocalProcess, Running, Task


def starter(address: str, gpus: float) -> Start:
    """Starts trials on the cluster at ``address`` ('local': one on this machine). Raises UsageError."""
    try:
        import ray
    except ImportError:
        raise UsageError("--ray needs Ray: pip install 'aftersweep[ray]'") from None
    try:
        ray.init(None if address == "local" else address, ignore_reinit_error=True, log_to_driver=False,
                 include_dashboard=False, configure_logging=False)  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UsageError(f"no Ray cluster at '{address}': {' '.join(str(error).split()):.200}") from None
    actor = ray.remote(num_gpus=gpus, max_restarts=0)(LocalProcess)

    def start(task: Task) -> Running:
        return _OnCluster(ray, actor.remote(task))

    return start


class _OnCluster:
    """A trial's actor, asked as if it were here. A machine that is lost is a process that was killed."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self._last: tuple[int | None, int | None] | None = None
        self._ask("ended")  # waits until the cluster has a place for it; an error of the start is raised here

    def values(self, metric: str) -> list[float]:
        found: list[float] = self._ask("values", metric) or []
        return found

    def stop(self) -> None:
        self._ask("stop")

    def kill(self) -> None:
        self._ask("kill")

    def ended(self) -> tuple[int | None, int | None] | None:
        if self._last is None:
            self._last = self._ask("ended")
            if self._last is not None:
                return self._last
        return self._last

    def _ask(self, what: str, *words: Any) -> Any:
        try:
            return self._ray.get(getattr(self._actor, what).remote(*words))
        except self._ray.exceptions.RayActorError:
            self._last = self._last or (None, 9)
            return None
        except self._ray.exceptions.RayTaskError as error:
            raise UsageError(f"a trial cannot be started on the cluster: {error.cause}") from None
