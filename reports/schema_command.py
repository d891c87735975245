"""The command ``schema``: the published schema of the JSON report."""

from __future__ import annotations

import sys
from importlib.resources import files

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(schema)


def text() -> str:
    """JSON Schema 2020-12; its ``$id`` ends with the report's ``schema_version``."""
    return files("aftersweep.reports").joinpath("schema", "report.schema.json").read_text(encoding="utf-8")


def schema() -> None:
    """Print the JSON Schema of the JSON report (report --format json).

    [bold]Examples[/bold]

        aftersweep schema > report.schema.json

        check-jsonschema --schemafile report.schema.json report.json
    """
    sys.stdout.write(text())
