"""``aftersweep-train``: fit one run, run a sweep file, compute the ceiling."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from .agent.command import Refusal, agent
from .errors import SettingsError, TrainingError
from .manual import SMOKE, ceiling_help, fit_help
from .settings import read_settings, shown

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The trainer of aftersweep: modulation and SNR from constellation diagrams, driven by a sweep file.",
)
app.command("agent")(agent)
_FREE = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
Parameters = Annotated[list[str] | None, typer.Argument(metavar="--PARAMETER=VALUE ...", show_default=False)]


@app.command(context_settings=_FREE)
def fit(parameters: Parameters = None) -> None:
    """Train one run. --help shows every parameter; --dry-run says what a run would be; --smoke is a small one."""
    words = list(parameters or [])
    if {"-h", "--help"} & set(words):
        typer.echo(fit_help())
        return
    dry = "--dry-run" in words
    settings = read_settings({**(SMOKE if "--smoke" in words else {}), **read_words(
        [word for word in words if word not in ("--dry-run", "--smoke")]
    )})  # fmt: skip
    needs_torch()
    if dry:
        from .estimate import lines

        for name, value in settings.as_config().items():
            typer.echo(f"{name}: {shown(value)}")
        typer.echo("")
        for line in lines(settings):
            typer.echo(line)
        return
    from .run import fit as run

    code = run(settings)
    if code:
        raise typer.Exit(code)


@app.command(context_settings=_FREE)
def ceiling(parameters: Parameters = None) -> None:
    """The accuracy that a perfect model could reach, for a data definition (the parameters of the group Data)."""
    words = list(parameters or [])
    if {"-h", "--help"} & set(words):
        typer.echo(ceiling_help())
        return
    settings = read_settings({"ceiling_records": 20, **read_words([word for word in words if word != "--json"])})
    needs_torch()
    from dataclasses import asdict

    from .ceilings import kept_ceiling
    from .likelihood import ceiling_lines

    found = kept_ceiling(settings)
    typer.echo(json.dumps(asdict(found)) if "--json" in words else "\n".join(ceiling_lines(found)))


def read_words(words: list[str]) -> dict[str, str]:
    """The parameters in ``--name=value``, ``--name value`` and ``name=value``, as W&B's agents pass them.

    Raises SettingsError where a word is none of these.
    """
    found: dict[str, str] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        name, given, value = word.removeprefix("--").partition("=")
        if not given:
            if not word.startswith("--") or not left or left[0].startswith("--"):
                raise SettingsError(
                    f"'{word:.60}' is no parameter; write --name=value (see aftersweep-train fit --help)"
                )
            value = left.pop(0)
        found[name.replace("-", "_")] = value
    return found


def needs_torch() -> None:
    """Raises SettingsError that names the extra where torch is not installed."""
    from importlib.util import find_spec

    for name in ("torch", "timm"):
        if find_spec(name) is None:
            raise SettingsError(f"the trainer needs {name}: pip install 'aftersweep[train]'")


_REFUSALS = tuple(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
"""What typer raises for words that are no command line of ours; it does not export the name."""


def main() -> None:
    """The command ``aftersweep-train``: errors become one line, exit codes stay."""
    try:
        code = app(prog_name="aftersweep-train", standalone_mode=False) or 0
    except TrainingError as error:
        code = _refuse(str(error), error.exit_code)
    except typer.Exit as error:
        code = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = _refuse("interrupted", 130)
    except Exception as error:
        if isinstance(error, Refusal):
            sys.exit(_refuse(str(error), error.exit_code))
        if not isinstance(error, _REFUSALS):
            raise
        said = str(error.format_message()) if hasattr(error, "format_message") else str(error)
        code = 2 if "\n" in said or not said else _refuse(f"{said} (see aftersweep-train --help)", 2)
    sys.exit(code)


def _refuse(words: str, code: int) -> int:
    print(f"aftersweep-train: {' '.join(words.split())}", file=sys.stderr)
    return code
