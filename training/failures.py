"""What went wrong, told once: errors of torch, Python and the system as the trainer's own, and the place where."""

from __future__ import annotations

import errno
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

from .errors import DataLost, DiskFull, Failure, Interrupted, OutOfMemory

_NO_MEMORY = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUDA out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "Cannot allocate memory",
    "could not create a primitive",  # oneDNN, where its scratch memory cannot be had
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass
class Place:
    """Where the run is; None for what is not known yet."""

    epoch: int = 0
    step: int = 0
    batch: int | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None

    def words(self) -> str:
        """One clause: epoch, step, batch, learning rate, gradient norm, peak memory."""
        parts = [f"epoch {self.epoch + 1}, step {self.step}"]
        if self.batch is not None:
            parts.append(f"batch {self.batch}")
        if self.learning_rate is not None:
            parts.append(f"learning rate {self.learning_rate:.3g}")
        if self.grad_norm is not None:
            parts.append(f"gradient norm {self.grad_norm:.3g}")
        return ", ".join((*parts, f"peak memory {peak_memory_gib():.2f} GiB"))


def peak_memory_gib() -> float:
    """The most memory so far: of torch's allocator on CUDA, of the process elsewhere."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return float(torch.cuda.max_memory_allocated()) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def as_failure(error: Exception) -> Failure | None:
    """The failure that an error stands for; None for a fault of the program."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, Failure):
        return error
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(words in text for words in _NO_MEMORY):
        return OutOfMemory(text if isinstance(error, RuntimeError) else f"{type(error).__name__}: {text}")
    if isinstance(error, OSError) and error.errno in _FULL:
        return DiskFull(text)
    if isinstance(error, FileNotFoundError):
        return DataLost(text)
    return None


def limit_memory(gib: float) -> None:
    """Holds what the process takes from now on under ``gib``; 0: no limit.

    RLIMIT_DATA and not RLIMIT_AS: torch and CUDA map far more address space than they use. On top of what the process
    holds already, because libraries and the stacks of their threads differ by machine.
    """
    if gib:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = int(gib * 2**30) + _held()
        resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))


def _held() -> int:
    """Bytes of the process's own data, as RLIMIT_DATA counts them (Linux); 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmData:")), 0)


class Stop:
    """SIGINT and SIGTERM raise Interrupted: at once, or where a step is under way, after it. A second one ends the
    process at once."""

    def __init__(self) -> None:
        self._asked: Interrupted | None = None
        self._holding = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """The signals are ours inside."""
        before = {each: signal.signal(each, self._take) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What happens inside is done whole; a signal that comes meanwhile raises at the end."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self._asked is not None:
            raise self._asked

    def _take(self, number: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        self._asked = Interrupted(signal.Signals(number).name, 128 + number)
        if not self._holding:
            raise self._asked
