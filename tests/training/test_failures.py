"""Failures are told by their true cause, and signals end a run between steps."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest
import torch

from aftersweep.analysis.types import CAUSES
from aftersweep.training.errors import DataLost, DiskFull, Diverged, Interrupted, OutOfMemory
from aftersweep.training.failures import Place, Stop, as_failure, peak_memory_gib


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), OutOfMemory),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), OutOfMemory),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), OutOfMemory),
        (OSError(errno.ENOSPC, "No space left on device"), DiskFull),
        (FileNotFoundError(errno.ENOENT, "No such file", "data.h5"), DataLost),
        (Diverged("the loss is nan"), Diverged),
    ],
)
def test_errors_are_told_by_cause(error: Exception, kind: type[Exception]) -> None:
    """What the library or the system raises becomes the trainer's word for it."""
    assert type(as_failure(error)) is kind


def test_a_fault_of_the_program_is_no_failure() -> None:
    """A shape that does not fit is not memory, whatever it is."""
    assert as_failure(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
    assert as_failure(KeyError("x")) is None


def test_the_causes_are_words_of_the_post_mortem() -> None:
    """The contract of the summary key failure/cause."""
    assert {kind.cause for kind in (OutOfMemory, Diverged, DataLost, DiskFull)} <= set(CAUSES)


def test_torchs_own_words_are_read() -> None:
    """A process that may take 1 GiB more asks torch for 4 GiB: torch's error, word for word, is understood;
    so is Python's MemoryError."""
    script = (
        "import torch; from aftersweep.training.failures import as_failure, limit_memory\n"
        "limit_memory(1)\n"
        "for ask in (lambda: torch.zeros(2**30), lambda: bytearray(2**32)):\n"
        "    try: ask()\n"
        "    except Exception as error: print(type(error).__name__, type(as_failure(error)).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["RuntimeError", "OutOfMemory", "MemoryError", "OutOfMemory"]


def test_a_signal_waits_for_the_end_of_a_step() -> None:
    """Held: the step is done whole, then Interrupted; not held: at once. Exit codes are those of shells."""
    before = signal.getsignal(signal.SIGTERM)
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        stop, done = Stop(), []
        with pytest.raises(Interrupted) as caught, stop.listening(), stop.held():
            os.kill(os.getpid(), number)
            done.append("the rest of the step")
        assert done == ["the rest of the step"]
        assert caught.value.exit_code == code
        with pytest.raises(Interrupted), Stop().listening():
            os.kill(os.getpid(), number)
            done.append("never")
        assert "never" not in done
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_place_is_one_clause() -> None:
    """Epochs are counted from one, as they are logged; what is not known is left out."""
    assert Place().words().startswith("epoch 1, step 0, peak memory ")
    words = Place(epoch=2, step=7, batch=64, learning_rate=5e-4, grad_norm=1.25).words()
    assert words.startswith("epoch 3, step 7, batch 64, learning rate 0.0005, gradient norm 1.25, peak memory ")
    assert 0 < peak_memory_gib() < 100
