"""The runs of the real SDK that the tests of the offline source read; they are made once a session."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from .sdk_runs import EPOCHS, SWEEP_ID, Plan, backdate, run_all, sweep_plans, wandb_file, write_offline_sweep


@dataclass(frozen=True)
class SdkSweep:
    """A folder with ``sweep.yaml`` and ``wandb``, and what truly ended each run."""

    folder: Path
    labels: dict[str, str]

    def file(self, run_id: str) -> Path:
        return wandb_file(self.folder, run_id)


@pytest.fixture(scope="session")
def sdk_sweep(tmp_path_factory: pytest.TempPathFactory) -> SdkSweep:
    """The sweep of ``write_offline_sweep``."""
    folder = tmp_path_factory.mktemp("sdk-sweep")
    return SdkSweep(folder, write_offline_sweep(folder))


@pytest.fixture(scope="session")
def sdk_extras(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """More runs of the same sweep, and their return codes.

    ``manyrows``: killed by SIGKILL after 2,000 rows, with the SDK's own flush interval. ``agent7by``: killed before
    the first write, its parameters given by an agent. ``status03``: ends by sys.exit(3). ``resumed1``: run twice.
    """
    folder = tmp_path_factory.mktemp("sdk-extras")
    config = dict(sweep_plans()[0][0].config)
    kill = signal.SIGKILL
    again = Plan(run_id="resumed1", config=config, epochs=4, options={"resume": "allow"}, ending="code_error")
    plans = [
        Plan(run_id="manyrows", config=config, extra_rows=2000, ending="wait", end_signal=kill),
        Plan(run_id="agent7by", config=config, epochs=2, ending="wait", end_signal=kill, agent_file=True),
        Plan(run_id="status03", config=config, epochs=2, ending="exit_status", options={"group": "g", "tags": ["a"]}),
        again,
    ]
    codes = run_all(folder, plans)
    codes |= {
        f"{run_id}/2": code
        for run_id, code in run_all(folder, [replace(again, epochs=EPOCHS, ending="finish")]).items()
    }
    backdate(folder)
    assert plans[0].sweep_id == SWEEP_ID
    return folder, codes
