"""What a sweep is about, where it does not say so itself: its metric, its unit of progress, its parameters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from .errors import UnknownMetricError, UsageError
from .sources.base import RawRun
from .sweepfile.config import Goal, Metric, SweepConfig
from .types import Run
from .values import MISSING, is_number, level

LARGER_IS_BETTER = re.compile(
    r"accuracy|auroc|score|reward|precision|recall|rouge|"
    r"(^|[^a-z])(acc\d*|f1|auc|return|m?iou|m?ap|map\d*|bleu|r2|dice|psnr|ssim|ndcg|mrr|winrate|win_rate|top_?[15])([^a-z]|$)"
)
SMALLER_IS_BETTER = re.compile(
    r"loss|error|rmse|perplexity|divergence|regret|(^|[^a-z])(err|mae|mse|ppl|wer|cer|fid|nll|bpb|bpc)([^a-z]|$)"
)
VALIDATION = re.compile(r"^(val|valid|validation|eval|dev)([_/.\-]|$)|[_/.](val|valid|eval|dev)$")
EPOCH = re.compile(r"(^|[_/.])epochs?$")
NOT_PARAMETERS = re.compile(
    r"(^|[._/])(seed|random_seed|rank|local_rank|run_?id|run_?name|name|output_?dir|log_?dir|checkpoint(_path|_dir)?)$"
)


def logged_metrics(runs: Sequence[RawRun], histories: Mapping[str, pa.Table]) -> list[str]:
    """All numeric keys that any run logged, histories first, then summaries; W&B's own left out."""
    names: dict[str, None] = {}
    for run in runs:
        table = histories[run.id]
        names.update(dict.fromkeys(n for n in table.column_names if pa.types.is_floating(table[n].type)))
    for run in runs:
        numbers = (k for k, v in run.summary.items() if is_number(v))
        names.update(dict.fromkeys(numbers))
    return [name for name in names if not name.startswith("_")]


def goal_of(name: str) -> Goal | None:
    """The goal that a metric's name speaks for; None where it says nothing."""
    folded = name.casefold()
    if SMALLER_IS_BETTER.search(folded):
        return "minimize"
    return "maximize" if LARGER_IS_BETTER.search(folded) else None


def choose_metric(
    runs: Sequence[RawRun],
    histories: Mapping[str, pa.Table],
    config: SweepConfig | None,
    asked: str | None,
    goal: str | None,
) -> tuple[Metric, str]:
    """The metric and how it was decided: --metric, the sweep's configuration, or the names of what was logged.

    Raises UnknownMetricError for an asked metric that nobody logged, UsageError where nothing decides.
    """
    if goal not in (None, "minimize", "maximize"):
        raise UsageError(f"--goal {goal}: it must be minimize or maximize")
    checked: Goal | None = "minimize" if goal == "minimize" else "maximize" if goal == "maximize" else None
    known = logged_metrics(runs, histories)
    declared = config.metric if config else None
    if asked is not None:
        if asked not in known:
            raise UnknownMetricError(asked, known)
        own = declared.goal if declared and declared.name == asked else None
        decided = checked or own or goal_of(asked)
        if decided is None:
            raise UsageError(
                f"--metric {asked}: its name does not say its goal; add --goal minimize or --goal maximize"
            )
        return Metric(asked, decided), "--metric" if checked or own else "--metric; the goal from the metric's name"
    if declared is not None:
        return Metric(declared.name, checked or declared.goal), "the sweep's configuration"
    return _guess(known, checked)


def _guess(known: Sequence[str], goal: Goal | None) -> tuple[Metric, str]:
    candidates = [n for n in known if not EPOCH.search(n.casefold()) and (goal or goal_of(n))]
    if not candidates:
        listed = f"logged are: {', '.join(known[:12])}" if known else "no run logged a number"
        raise UsageError(f"the sweep does not say which metric it optimises; add --metric NAME ({listed})")
    # A validation metric before a training one, one where larger is better before a loss, then as logged.
    best = min(
        candidates,
        key=lambda n: (not VALIDATION.search(n.casefold()), (goal or goal_of(n)) != "maximize", known.index(n)),
    )
    decided = goal or goal_of(best) or "minimize"
    return Metric(best, decided), "its name, as the sweep's configuration is not known (--metric sets another)"


def epoch_key(histories: Sequence[pa.Table], metric: str) -> str | None:
    """The key that counts epochs in most runs that logged the metric; None where there is none."""
    counts: dict[str, int] = {}
    with_metric = 0
    for table in histories:
        if metric not in table.column_names:
            continue
        with_metric += 1
        for name in table.column_names:
            if EPOCH.search(name.casefold()) and pa.types.is_floating(table[name].type):
                counts[name] = counts.get(name, 0) + 1
    common = [name for name, n in counts.items() if 2 * n > with_metric]
    return min(common, key=lambda name: (-counts[name], len(name), name)) if common else None


def summary_epoch_key(runs: Sequence[RawRun]) -> str | None:
    """The key that counts epochs in the summaries of most runs, where there are no histories; None without one."""
    counts = Counter(n for run in runs for n, v in run.summary.items() if EPOCH.search(n.casefold()) and is_number(v))
    common = [name for name, n in counts.items() if 2 * n > len(runs)]
    return min(common, key=lambda name: (-counts[name], len(name), name)) if common else None


def swept_parameters(runs: Sequence[Run], config: SweepConfig | None) -> dict[str, tuple[Any, ...]]:
    """Each swept parameter with its levels, in the sweep file's order or sorted.

    Without a configuration these are the config entries that differ between runs; names that identify a run
    (seeds, paths, ranks) are left out.
    """
    found: dict[str, tuple[Any, ...]] = {}
    if config is not None and config.parameters:
        for parameter in config.swept:
            declared = [level(value) for value in parameter.values or ()]
            found[parameter.name] = _levels(runs, parameter.name, declared)
        return found
    names: dict[str, None] = {}
    for run in runs:
        names.update(dict.fromkeys(run.config))
    for name in names:
        if not NOT_PARAMETERS.search(name.casefold()) and not name.startswith("_"):
            levels = _levels(runs, name, [])
            if len(levels) > 1:
                found[name] = levels
    return found


def _levels(runs: Sequence[Run], name: str, declared: Sequence[Any]) -> tuple[Any, ...]:
    met = [*declared, *(level(run.config.get(name, MISSING)) for run in runs)]
    seen = list({(isinstance(value, bool), value): value for value in met}.values())  # True is not 1
    if declared:
        return tuple(seen)
    numbers = sorted(v for v in seen if is_number(v))
    others = sorted((v for v in seen if not is_number(v)), key=str)
    return (*numbers, *others)
