"""What causes of crashes ask for: a clip where runs diverged, a smaller batch for one model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aftersweep.analysis.narrow.causes import clip, memory
from aftersweep.analysis.sweepfile.config import read_config
from aftersweep.analysis.types import Cause, Outcome, Sweep

from ..factories import make_run, make_sweep

COMPLETED = Outcome(label="completed", grade="observed")


def crashed(cause: Cause) -> Outcome:
    return Outcome(label="crashed", grade="observed", cause=cause, crash_probability=(1.0, 1.0))


def diverging(k: int, **config: Any) -> tuple[Sweep, dict[str, Outcome]]:
    runs = [make_run(f"r{i}", [0.5], config={"lr": 0.1 * (i % 2)}) for i in range(10)]
    sweep = make_sweep(runs)
    assert sweep.config is not None
    raw = {**sweep.config.raw, **config}
    ends = {run.id: crashed("diverged") if i < k else COMPLETED for i, run in enumerate(runs)}
    return replace(sweep, config=read_config(raw)), ends


def test_a_clip_is_added_for_the_bundled_trainer_and_advised_for_others() -> None:
    changes, advice = clip(*diverging(4, program="aftersweep.training"))
    assert [change.new for change in changes] == [{"value": 1.0}] and not advice
    changes, advice = clip(*diverging(4, program="train.py"))
    assert not changes and advice[0].facts["diverged"] == 4


@pytest.mark.parametrize(("k", "config"), [(2, {}), (4, {"parameters": {"grad_clip": {"values": [1, 2]}}})])
def test_few_divergences_or_a_clip_that_is_there_ask_for_nothing(k: int, config: dict[str, Any]) -> None:
    assert clip(*diverging(k, **config)) == ((), ())


def test_the_batch_size_is_capped_for_the_model_that_runs_out_of_memory() -> None:
    """From the smallest size on that fails, with the counts; the other model is left alone."""
    sizes, models = (64, 128, 256), ("swin", "resnet")
    configs = [{"model": m, "batch_size": s} for m in models for s in sizes for _ in range(6)]
    runs = [make_run(f"r{i:02d}", [0.5], config=config) for i, config in enumerate(configs)]
    lost = crashed("out_of_memory")
    ends = {run.id: lost if run.config == {"model": "swin", "batch_size": 256} else COMPLETED for run in runs}
    found = memory(make_sweep(runs), ends, 0.3)
    assert [finding.subject for finding in found] == ["model = swin"]
    facts = found[0].facts
    assert (facts["size"], facts["lost"], facts["tried"], facts["below"], facts["largest_safe"]) == (256, 6, 6, 12, 128)
    assert memory(make_sweep(runs), dict.fromkeys(ends, COMPLETED), 0.3) == ()
