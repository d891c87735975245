"""aftersweep: the post-mortem of a hyperparameter sweep.

In a notebook ``aftersweep.load("ENTITY/PROJECT/SWEEP").report()`` shows the page (``reports.notebook``).

The rooms of the repository (``analysis``, ``reports``, ``training``) are subpackages here, through links, so that
an installed aftersweep never shadows a user's own ``analysis/`` or ``reports/`` folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reports.notebook import load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """``load``, imported when it is asked for (PEP 562): `import aftersweep` alone costs nothing."""
    if name != "load":
        raise AttributeError(f"module 'aftersweep' has no attribute '{name}'")
    from .reports.notebook import load

    return load


def __dir__() -> list[str]:
    return [*globals(), "load"]
