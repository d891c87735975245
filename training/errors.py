"""What can end a run, and what each is called.

```
TrainingError
├── SettingsError       a parameter that cannot be                               exit 2
└── Failure             the run itself ended badly: a cause, a detail, a place
    ├── OutOfMemory     the device or the host had none left                     exit 81
    ├── Diverged        NaN or infinity in the loss or the gradients             exit 82
    ├── DataLost        a data file that was there is gone or cannot be read     exit 83
    └── DiskFull        nothing more can be written                              exit 84
Interrupted             SIGINT (exit 130) or SIGTERM (exit 143)
```

The causes are words of the post-mortem: it reads the summary key ``failure/cause``.
"""

from __future__ import annotations

from typing import ClassVar


class TrainingError(Exception):
    """The root: its text is one line for the user."""

    exit_code: ClassVar[int] = 1


class SettingsError(TrainingError):
    """A parameter, a file or a machine that cannot be as it was asked for; nothing has been started."""

    exit_code = 2


class Failure(TrainingError):
    """The run ended badly. ``cause`` is what the post-mortem knows it as."""

    cause: ClassVar[str] = "unknown"


class OutOfMemory(Failure):
    exit_code = 81
    cause = "out_of_memory"


class Diverged(Failure):
    exit_code = 82
    cause = "diverged"


class DataLost(Failure):
    exit_code = 83
    cause = "infrastructure"


class DiskFull(Failure):
    exit_code = 84
    cause = "infrastructure"


class Interrupted(BaseException):
    """A signal asked the run to end; not an Exception, so that no handler of errors swallows it."""

    def __init__(self, signal_name: str, exit_code: int) -> None:
        super().__init__(signal_name)
        self.signal_name = signal_name
        self.exit_code = exit_code
