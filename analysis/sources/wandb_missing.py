"""Why a sweep is not there: what a W&B server lets an account know of the private, the deleted and the misspelt."""

from __future__ import annotations

import json

from ..errors import ForbiddenError, UnknownSweepError, nearest
from . import wandb_queries as queries
from .wandb_session import MissingError, RefusedError, Session, Target


def hidden_project(session: Session, target: Target) -> UnknownSweepError:
    """The error for a project that the server does not show.

    W&B answers alike for a private, a deleted and a misspelt project; what the account may see narrows it.
    """
    viewer = session.execute(queries.VIEWER, {}).get("viewer") or {}
    teams = [edge["node"]["name"] for edge in (viewer.get("teams") or {}).get("edges") or ()]
    mine = list(dict.fromkeys(name for name in (viewer.get("entity"), viewer.get("username"), *teams) if name))
    if target.entity in mine:
        return UnknownSweepError(
            f"there is no project '{target.project}' in '{target.entity}' on {target.base_url}: deleted, renamed or "
            "never there, for the account belongs to that entity. Check the name."
        )
    return UnknownSweepError(
        f"no project '{target.project}' of '{target.entity}' can be seen on {target.base_url}. It may be private, "
        f"deleted or misspelt; the server does not say which. The account belongs to: {', '.join(mine) or 'nobody'}."
    )


def missing_sweep(session: Session, target: Target) -> UnknownSweepError:
    """The error for a sweep that its project does not hold.

    A sweep that was deleted may leave its runs behind; one that was never there has none.
    """
    variables = {
        "entity": target.entity,
        "project": target.project,
        "filters": json.dumps({"sweep": target.sweep}),
    }
    try:
        project = session.execute(queries.NEIGHBOURS, variables).get("project") or {}
    except (RefusedError, MissingError, ForbiddenError):
        project = {}
    known = [edge["node"]["name"] for edge in (project.get("sweeps") or {}).get("edges") or ()]
    where = f"{target.entity}/{target.project} on {target.base_url}"
    if project.get("runCount"):
        return UnknownSweepError(
            f"sweep '{target.sweep}' of {where} was deleted; {project['runCount']} of its runs are still there, "
            "without its configuration. Export them and read the export."
        )
    return UnknownSweepError(
        f"there is no sweep '{target.sweep}' in {where}: never there, or deleted together with its runs "
        f"(the server does not say which). {nearest(target.sweep, known, 'sweep')}"
    )
