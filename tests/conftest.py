"""For all tests: in CI the same cases every time, so that a landing never fails by chance; elsewhere new ones."""

from __future__ import annotations

import gc
import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_collection_finish() -> None:
    """What all test modules have imported stays: the collector need not look at it again.

    statsmodels collects whenever p-values are adjusted, and with torch and all tests loaded that took a third of a
    second each time: fifty seconds of one test.
    """
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """As it was, so that libraries find at exit that nothing of theirs is left."""
    gc.unfreeze()
