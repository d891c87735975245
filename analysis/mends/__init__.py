"""The search itself mended: its stopping rule, its method, its length, and what it takes along from its parent."""

from .changed import apply
from .whole import advice, mends

__all__ = ["advice", "apply", "mends"]
