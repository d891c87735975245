"""What log lines mean: the words of the programs that report the end of a training run.

Each pattern is a literal core with at most bounded gaps, so that matching is linear in the line's length. A pattern
alone never decides: ``log_reading`` asks where the line stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..types import Cause, OutcomeLabel


@dataclass(frozen=True)
class Pattern:
    """Lines with one meaning. ``rank`` orders patterns that stand together at the end: the root cause is higher."""

    regex: re.Pattern[str]
    text: str
    cause: Cause | None
    rank: int
    supports: OutcomeLabel = "crashed"
    decides: bool = True
    """False for a line that several ends share, such as a bare "Killed"."""


def _pattern(
    words: str, text: str, cause: Cause | None, rank: int, supports: OutcomeLabel = "crashed", decides: bool = True
) -> Pattern:
    return Pattern(re.compile(words), text, cause, rank, supports, decides)


INTERRUPTED = _pattern(
    r"^KeyboardInterrupt\b",
    "The process was interrupted, by Ctrl-C or by a stop from W&B.",
    None,
    57,
    "stopped_by_user",
)
"""Ctrl-C; the client's own stop raises the same, so it is plain that somebody stopped the run, but not who."""

PATTERNS: tuple[Pattern, ...] = (
    # The scheduler and the machine's owner.
    _pattern(r"DUE TO TIME LIMIT", "The scheduler ended the job at its time limit.", "preempted", 100),
    _pattern(r"DUE TO (?:PREEMPTION|JOB REQUEUE)", "The scheduler preempted the job.", "preempted", 100),
    _pattern(r"DUE TO NODE FAIL", "The scheduler reports that the node failed.", "infrastructure", 100),
    _pattern(r"PBS: job killed: walltime|TERM_RUNLIMIT", "The scheduler ended the job at its time limit.",
             "preempted", 100),
    _pattern(r"CANCELLED AT [\d:T-]{8,25}(?: \*\*\*)?$", "The scheduler's job was cancelled.", None, 95,
             supports="stopped_by_user"),
    _pattern(r"(?i)\bspot instance (?:interruption|termination)|preemption (?:notice|signal) received"
             r"|instance (?:is being|was) preempted|compute\.instances\.preempted",
             "The machine's owner took it back.", "preempted", 98),
    # Memory, on the device and on the host.
    _pattern(r"CUDA out of memory\. Tried to allocate|CUDA error: out of memory"
             r"|CUDA_ERROR_OUT_OF_MEMORY|cuda runtime error \(2\) ?: out of memory"
             r"|HIP out of memory\. Tried to allocate|MPS backend out of memory|CUBLAS_STATUS_ALLOC_FAILED"
             r"|^(?:torch\.(?:cuda\.)?)OutOfMemoryError",
             "The GPU's memory was exhausted.", "out_of_memory", 90),
    _pattern(r"RESOURCE_EXHAUSTED: {0,3}(?:Out of memory|Failed to allocate|Attempting to allocate)"
             r"|ResourceExhaustedError|OOM when allocating tensor",
             "The device's memory was exhausted.", "out_of_memory", 90),
    _pattern(r"DefaultCPUAllocator: (?:can't allocate memory|not enough memory)|^(?:[\w.]{0,60}\.)?_ArrayMemoryError"
             r"|^MemoryError\b|Cannot allocate memory$|^std::bad_alloc|what\(\): {1,3}std::bad_alloc",
             "The host's memory was exhausted.", "out_of_memory", 88),
    _pattern(r"(?i:out of memory: kill(?:ed)? process) \d|oom-kill:constraint="
             r"|Detected \d{1,6} oom[-_]kill event|killed by the cgroup out-of-memory handler|\bOOMKilled\b",
             "The kernel killed the process because memory ran out.", "out_of_memory", 92),
    _pattern(r"DataLoader worker \(pid[^)]{0,60}\) is killed by signal: (?:Killed|Bus error)"
             r"|insufficient shared memory \(shm\)",
             "A data loader's process was killed for want of memory.", "out_of_memory", 86),
    # Disk.
    _pattern(r"\[Errno 28\]|No space left on device|\bENOSPC\b|\[Errno 122\]|Disk quota exceeded",
             "The disk was full.", "infrastructure", 84),
    # Numbers that left the rails, where the program itself gave up because of it.
    _pattern(r"(?i)^(?:[\w.-]{1,80}: ){0,2}(?:the )?(?:training )?(?:loss|gradient(?: norm)?) (?:is|was|became"
             r"|returned [^\n]{0,40} is)"
             r" (?:now )?(?:nan|inf(?:inite)?|not finite|non-?finite)\b(?![^\n]{0,80}(?:skip|ignor|continu|clip))",
             "The program gave up because its loss or its gradient was not finite.", "diverged", 80),
    _pattern(r"(?i)^(?:[\w.]{1,80}(?:Error|Exception)): [^\n]{0,200}"
             r"(?:\bnans?\b|\binf(?:inite|inity)?\b|non-?finite|not finite)|^FloatingPointError\b",
             "The program gave up because a number was not finite.", "diverged", 78),
    # The device.
    _pattern(r"device-side assert triggered", "A check inside a GPU kernel failed.", "code_error", 66),
    _pattern(r"an illegal memory access was encountered|unspecified launch failure|uncorrectable ECC error"
             r"|CUDA error: (?:unknown error|misaligned address|an illegal instruction|hardware stack error)"
             r"|NVRM: Xid|\bXid \(PCI|has fallen off the bus|CUDNN_STATUS_(?:INTERNAL_ERROR|EXECUTION_FAILED"
             r"|MAPPING_ERROR)|CUDA error: (?:all CUDA-capable devices are busy|no CUDA-capable device)"
             r"|CUDA driver initialization failed",
             "The GPU failed.", "infrastructure", 70),
    # The network and the other workers.
    _pattern(r"Watchdog caught collective operation timeout|NCCL communicator was aborted|NCCL error in:"
             r"|NCCL watchdog thread terminated|ncclSystemError|ncclInternalError|ncclRemoteError"
             r"|ncclUnhandledCudaError|gloo/transport/[^\n]{0,200}(?:[Cc]onnection|[Tt]imed out)"
             r"|Timed out waiting \d{1,12}ms for|^(?:[\w.]{1,60}\.)?DistBackendError",
             "The workers lost one another.", "infrastructure", 50),
    _pattern(r"^(?:[\w.]{1,60}\.)?(?:ConnectionError|ConnectionResetError|ConnectionRefusedError|BrokenPipeError"
             r"|CommError|TimeoutError|ReadTimeout|ConnectTimeout|MaxRetryError|NameResolutionError)\b"
             r"|Stale file handle|Transport endpoint is not connected|\[Errno 5\]|\[Errno 121\]",
             "The network or a file server failed.", "infrastructure", 48),
    # Stops by hand, and lines that do not say who did it.
    INTERRUPTED,
    _pattern(r"^Exception$", "The process was stopped by an exception without words (W&B's agent stops runs so).",
             "code_error", 42, decides=False),
    _pattern(r"^(?:\S{1,80} line \d{1,7}: +\d{1,9} )?Killed(?: {2,}\S[^\n]{0,200})?$|Signal 9 \(SIGKILL\)"
             r"|exitcode {0,3}: -9\b", "The process was killed by SIGKILL.", None, 30, decides=False),
    _pattern(r"^Terminated$|Signal 15 \(SIGTERM\)|exitcode {0,3}: -15\b", "The process was ended by SIGTERM.",
             None, 30, supports="stopped_by_user", decides=False),
    _pattern(r"^Fatal Python error: (?:Segmentation fault|Aborted|Bus error)|^Segmentation fault\b|^Bus error\b"
             r"|^Aborted \(core dumped\)|\(core dumped\)$|Signal 11 \(SIGSEGV\)|Signal 6 \(SIGABRT\)",
             "The process broke down in native code.", "code_error", 46),
)  # fmt: skip

HINTS = (
    "alloc", "assert", "bus", "cancelled", "core dumped", "cuda", "cudnn", "dist", "due to", "ecc error", "endpoint",
    "enospc", "errno", "error", "exception", "exitcode", "fault", "finite", "floating", "gloo", "inf", "interrupt",
    "killed", "launch failure", "limit", "memory", "nan", "nccl", "no space", "oom", "preempt", "quota", "resource",
    "signal", "spot", "stale", "terminated", "timed out", "timeout", "walltime", "watchdog", "xid", "aborted", "term_",
)  # fmt: skip
"""A line without any of these, in lower case, has no meaning in PATTERNS: most lines are passed over quickly."""

CODE_ERROR = _pattern(r"^", "The program ended with an exception.", "code_error", 55)
"""Any exception that ends the program and has no pattern of its own."""

WRAPPER = re.compile(r"ChildFailedError|CalledProcessError|ProcessRaisedException|ProcessExitedException")
"""Exceptions that only say that a child process failed."""

TRACEBACK = re.compile(r"Traceback \(most recent call last\)")
EXCEPTION = re.compile(r"^[A-Za-z_][\w.]{0,150}(?::(?: |$)|$)")
"""The line after a traceback's frames: a dotted name, with or without a message."""
CHAINED = re.compile(r"^(?:During handling of the above exception|The above exception was the direct cause)")

PREFIX = re.compile(r"^(?:\[rank\d{1,5}\]: ?|\[default\d{1,5}\]:|\d{1,5}: (?=\S|  )|\d{4}-\d\d-\d\dT[\d:.]{8,18}Z? )")
"""Labels that launchers put before a line."""

NOISE = re.compile(
    r"^(?:wandb:|srun: |slurmstepd: |\[W\d|\[E\d|W\d{4} |E\d{4} |-{5,}|={5,}|\*{5,}|$)|^\s*$"
    r"|^(?:\x1b\[|wandb\b.{0,40}(?:\bSyncing|\bView|\bFind logs))"
)
"""Lines that launchers and wandb print after a program's end."""

CONTINUATION = re.compile(
    r"^(?:CUDA kernel errors might be|For debugging consider|Compile with|Set the environment variable|If reserved"
    r"|Including non-PyTorch|Of the allocated memory|See (?:https?:|documentation)|Exception raised from|frame #"
    r"|what\(\):|terminate called|Device-side assertion|Search for |Last error:|Root Cause|Failures:"
    r"|Exception ignored in"
    r"|Node: |Original stack trace|\[\[?\{\{node|To execute this|python: |Hint:|Please also save)"
)
"""Further lines of messages that are longer than one line."""

INDENTED = re.compile(r"^(?:\s|[│╭╰┃┏┗|^~])")

LIFE = re.compile(
    r"(?i)(?<![a-z])(?:epochs?|steps?|iter(?:ation)?s?|batch|train(?:ing)?|valid(?:ation)?|val|eval|loss|acc(?:uracy)?)"
    r"(?![a-z])[\w/ .\[\](),|-]{0,30}[:=\[ ] {0,6}(?:\d|nan\b|inf\b|-inf\b)"
    r"|\b(?:sav|writ)(?:ing|ed|ten) [^\n]{0,40}checkpoint"
)
"""Training that goes on: an epoch, a loss, a checkpoint."""

BAR = re.compile(r"\d{1,3}%\|[^|]{0,200}\| {0,3}(\d{1,12}/\d{1,12})")
"""A progress bar; the group is its count."""

LOSS = re.compile(r"(?i)(?<![a-z])loss[\w/]{0,12}[\"']? {0,3}[:= ] {0,6}(nan\b|[-+]?inf\b|[-+]?\d[\d.e+-]{0,24})")
"""A printed loss and its value."""
