"""What the tests of sweep files share."""

from __future__ import annotations

from pathlib import Path

import pytest

from .. import reference


@pytest.fixture(scope="session")
def reference_python() -> Path:
    """The Python that has the package that W&B decides with."""
    return reference.reference_python()
