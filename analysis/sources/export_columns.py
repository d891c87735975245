"""Which columns of a table of runs are parameters and which are metrics.

W&B's table export mixes them under bare names. The rules, the first that fits decides:

1. what the user set (``--column NAME=ROLE``);
2. W&B's own columns (Name, State, Created, ...), whatever their case;
3. the prefixes ``config.`` and ``summary.``, as aftersweep's own export writes them;
4. a parameter or the metric of the sweep's configuration, where it is given;
5. a name that begins with ``_`` is W&B's own bookkeeping: kept with the metrics;
6. a column that holds text, or true and false, is a parameter;
7. by its name: first words of settings (``batch_size``, ``warmup_epochs``), then words of metrics (``val_loss``);
8. a column with blanks is a metric (a run that ended early has none), one without is a parameter.

What rules 6 to 8 decide is a guess, and is said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..errors import FormatError, UsageError, nearest
from ..sweepfile.config import SweepConfig
from .export_cells import read_cell

FIELDS = (
    "id",
    "name",
    "state",
    "created",
    "heartbeat",
    "runtime",
    "sweep",
    "group",
    "job_type",
    "tags",
    "notes",
    "user",
    "host",
    "gpu",
    "agent",
    "exit_code",
    "stop_requested",
    "notice",
)
"""What a column can say of a run itself."""

ROLES = ("param", "metric", "ignore", *FIELDS)

OWN_COLUMNS: Mapping[str, str] = {
    **{field: field for field in FIELDS},
    "run": "name",
    "run id": "id",
    "run_id": "id",
    "display name": "name",
    "display_name": "name",
    "status": "state",
    "created at": "created",
    "created_at": "created",
    "createdat": "created",
    "last seen": "heartbeat",
    "duration": "runtime",
    "sweep id": "sweep",
    "sweep_id": "sweep",
    "job type": "job_type",
    "jobtype": "job_type",
    "username": "user",
    "hostname": "host",
    "gpu type": "gpu",
    "gpu_type": "gpu",
    "agent id": "agent",
    "exit code": "exit_code",
    "exitcode": "exit_code",
    "stop requested": "stop_requested",
    **dict.fromkeys(("updated", "updated at", "end time", "end_time", "commit", "github", "gpu count"), "ignore"),
    **dict.fromkeys(("cpu count", "os", "python", "command", "registered model"), "ignore"),
}
"""W&B's table columns and the roles they have."""

_SETTINGS = re.compile(
    "size|lr|learning|weight|weights|decay|seed|split|fraction|dropout|layers|hidden|dims?|num|width|depth|heads|warmup|"
    "epochs|patience|momentum|beta[12]?|optimi[sz]er|scheduler|workers|every|freq|frequency|interval|factor|alpha|gamma|"
    "pretrained|smoothing|clip|augment|augmentation"
)
_METRICS = re.compile(
    "loss|losses|acc|accuracy|auc|auroc|f1|recall|precision|error|err|mae|mse|rmse|m?iou|map|ap|bleu|rouge|perplexity|"
    "ppl|score|reward|return|val|valid|validation|test|train|eval|dev|best|epoch|steps?|iteration|grad|gradient|norm|"
    "throughput|psnr|ssim|fid|nll|wer|cer|r2|dice|elapsed|time|metric"
)


@dataclass(frozen=True)
class Columns:
    """The role of each column, in the order of the header, and the reasons as sentences."""

    roles: tuple[str, ...]
    decisions: tuple[str, ...]
    guesses: tuple[str, ...]
    """The decisions that rules 6 to 8 made; the user should look at them."""
    notices: tuple[str, ...] = ()
    """What a page of these runs must say at its top, from the column of our own tables."""

    def at(self, role: str) -> int | None:
        """The first column with the role."""
        return self.roles.index(role) if role in self.roles else None


def decide(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    asked: Mapping[str, str],
    config: SweepConfig | None,
    where: str,
) -> Columns:
    """The roles of all columns.

    header: [columns]; rows: [runs][columns], the cells as text; asked: roles by column name; where: the file, for
    messages. Raises UsageError for a column or a role that does not exist, FormatError where no column has the state.
    """
    _check_asked(header, asked, where)
    reasons: dict[str, list[str]] = {}
    guesses: dict[str, list[str]] = {}
    roles: list[str] = []
    for i, name in enumerate(header):
        role, why, guessed = _role(name, [row[i] for row in rows], asked, config)
        if role in FIELDS and role in roles and name not in asked:
            role, why = "ignore", "repeat a column that came before"
        roles.append(role)
        if role not in FIELDS:
            (guesses if guessed else reasons).setdefault(f"{_PLURAL[role]}: they {why}", []).append(name)
    if "state" not in roles:
        listed = ", ".join(header[:30]) + (", ..." if len(header) > 30 else "")
        raise FormatError(
            f"{where} has no column with the runs' states; set it with --column NAME=state. It has {listed}"
        )
    said = [_sentence(why, names) for why, names in reasons.items()]
    guessed_too = [f"{_sentence(why, names)} Change it with --column NAME=ROLE." for why, names in guesses.items()]
    return Columns(tuple(roles), (*said, *guessed_too), tuple(guessed_too))


_PLURAL = {"param": "parameters", "metric": "metrics", "ignore": "ignored"}


def _sentence(why: str, names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return f"Columns read as {why}: {shown}."


def _check_asked(header: Collection[str], asked: Mapping[str, str], where: str) -> None:
    for name, role in asked.items():
        if name not in header:
            raise UsageError(f"--column {name}={role}: {where} has no such column. {nearest(name, header, 'column')}")
        if role not in ROLES:
            raise UsageError(f"--column {name}={role}: the role must be one of {', '.join(ROLES)}")


def _role(
    name: str, cells: Sequence[str], asked: Mapping[str, str], config: SweepConfig | None
) -> tuple[str, str, bool]:
    """Role, reason and whether it is a guess."""
    if name in asked:
        return asked[name], "are set with --column", False
    known = OWN_COLUMNS.get(name.strip().casefold())
    if known is not None and not (config and config.parameter(name)):
        return known, "are W&B's own", False
    for prefix, role in (("config.", "param"), ("summary.", "metric")):
        if name.startswith(prefix):
            return role, "have a prefix that says so", False
    if config is not None and config.parameter(name) is not None:
        return "param", "are parameters of the sweep's configuration", False
    if config is not None and config.metric is not None and config.metric.name == name:
        return "metric", "are the metric of the sweep's configuration", False
    if name.startswith("_"):
        return "metric", "begin with '_'", False
    return _guess(name, cells)


def _guess(name: str, cells: Sequence[str]) -> tuple[str, str, bool]:
    filled = [cell for cell in cells if cell.strip()]
    values = [read_cell(cell, metric=True) for cell in filled]
    if not filled:
        return "ignore", "are empty", True
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return "param", "hold text, or true and false", True
    words = _words(name)
    if any(_SETTINGS.fullmatch(word) for word in words):
        return "param", "are named like settings", True
    if any(_METRICS.fullmatch(word) for word in words):
        return "metric", "are named like metrics", True
    if len(filled) < len(cells):
        return "metric", "are blank for some runs", True
    return "param", "have a value for every run", True


def _words(name: str) -> list[str]:
    """The parts of a name: valLoss/top_1 is val, loss, top and 1."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", spaced.casefold()) if word]
