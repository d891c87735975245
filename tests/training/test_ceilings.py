"""The ceiling is computed once for a definition of the data, and again where the definition is another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aftersweep.training import ceilings
from aftersweep.training.errors import SettingsError
from aftersweep.training.likelihood import ceiling, ceiling_lines

from .runs import tiny


def test_runs_of_one_sweep_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other learning rates and sizes read the kept one, which is what would be computed; other data, another number of
    records and another seed do not; a file that was cut is computed again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    computed: list[object] = []

    def counted(*words: Any, **more: Any) -> Any:
        computed.append(words)
        return ceiling(*words, **more)

    monkeypatch.setattr(ceilings, "ceiling", counted)
    settings = tiny(ceiling_records=3)
    said: list[str] = []
    first = ceilings.kept_ceiling(settings, say=said.append)
    assert ceilings.kept_ceiling(tiny(ceiling_records=3, max_lr=1, train_size=640), say=said.append) == first
    assert first == ceiling(settings, records_per_class=3, seed=0)
    assert (len(computed), len(said)) == (1, 1)
    for other in (tiny(ceiling_records=4), tiny(ceiling_records=3, seed=1), tiny(ceiling_records=3, symbols=16)):
        ceilings.kept_ceiling(other)
    assert len(computed) == 4
    for kept in (tmp_path / "aftersweep" / "ceilings").iterdir():
        kept.write_bytes(kept.read_bytes()[:-5])
    assert ceilings.kept_ceiling(settings) == first
    assert len(computed) == 5


def test_no_cache_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be written the ceiling is computed all the same."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    found = ceilings.kept_ceiling(tiny(ceiling_records=2))
    assert found.n == 8
    assert "Ceiling of 4 classes" in ceiling_lines(found)[0]


def test_what_has_no_ceiling_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(SettingsError, match="phase_offset=none"):
        ceilings.kept_ceiling(tiny(phase_offset="random", ceiling_records=2))
    assert not list(tmp_path.rglob("*.json"))
