"""The GraphQL queries that are sent to a W&B server, as text.

Every field stands in a query of the official client 0.31; those that not every server knows are asked for only
after the server has named them (``RUN_FIELDS`` in its answer to ``sweep_query``).
"""

from __future__ import annotations

from collections.abc import Collection

_SCALARS = ("exitcode", "stopped", "shouldStop", "host")

SWEEP = """
query AftersweepSweep($entity: String!, $project: String!, $sweep: String!) {
  project(name: $project, entityName: $entity) {
    sweep(sweepName: $sweep) { id name displayName state description config createdAt }
  }
  runType: __type(name: "Run") { fields { name } }
}
"""

VIEWER = """
query AftersweepViewer {
  viewer { entity username teams { edges { node { name } } } }
}
"""

NEIGHBOURS = """
query AftersweepNeighbours($entity: String!, $project: String!, $filters: JSONString!) {
  project(name: $project, entityName: $entity) {
    runCount(filters: $filters)
    sweeps(first: 50) { edges { node { name } } }
  }
}
"""

AGENTS = """
query AftersweepAgents($entity: String!, $project: String!, $sweep: String!, $first: Int!) {
  project(name: $project, entityName: $entity) {
    sweep(sweepName: $sweep) {
      agents { edges { node { name runs(first: $first) { edges { node { name } } } } } }
    }
  }
}
"""

LISTING = """
query AftersweepRuns($entity: String!, $project: String!, $filters: JSONString!, $first: Int!, $after: String) {
  project(name: $project, entityName: $entity) {
    runs(filters: $filters, first: $first, after: $after, order: "+created_at") {
      edges { node { name state heartbeatAt historyLineCount historyKeys config summaryMetrics } cursor }
      pageInfo { endCursor hasNextPage }
    }
  }
}
"""

HISTORY_PAGE = """
query AftersweepHistory(
  $entity: String!, $project: String!, $run: String!, $minStep: Int64!, $maxStep: Int64!, $samples: Int!
) {
  project(name: $project, entityName: $entity) {
    run(name: $run) { history(minStep: $minStep, maxStep: $maxStep, samples: $samples) }
  }
}
"""


def runs_query(known: Collection[str]) -> str:
    """Runs in full with their sampled histories; known: the fields that the server says a run has."""
    extra = [name for name in _SCALARS if name in known]
    if "runInfo" in known:
        extra.append("runInfo { gpu }")
    return """
query AftersweepHistories(
  $entity: String!, $project: String!, $filters: JSONString!, $first: Int!, $specs: [JSONString!]!
) {
  project(name: $project, entityName: $entity) {
    runs(filters: $filters, first: $first, order: "+created_at") {
      edges { node {
        name displayName state config summaryMetrics createdAt heartbeatAt group jobType tags notes sweepName
        historyLineCount historyKeys user { name username } EXTRA
        sampledHistory(specs: $specs)
      } }
    }
  }
}
""".replace("EXTRA", " ".join(extra))


def tail_queries(known: Collection[str]) -> tuple[str, str] | None:
    """Console lines and system metrics: of several runs, and of one; None where the server has neither."""
    parts = []
    if "logLines" in known:
        parts.append("logLines(last: 200) { edges { node { number line } } }")
    if "events" in known:
        parts.append("events(samples: 1000)")
    if not parts:
        return None
    fields = " ".join(("name", *parts))
    return _TAILS.replace("FIELDS", fields), _TAIL.replace("FIELDS", fields)


_TAILS = """
query AftersweepTails($entity: String!, $project: String!, $filters: JSONString!, $first: Int!) {
  project(name: $project, entityName: $entity) {
    runs(filters: $filters, first: $first, order: "+created_at") { edges { node { FIELDS } } }
  }
}
"""

_TAIL = """
query AftersweepTail($entity: String!, $project: String!, $run: String!) {
  project(name: $project, entityName: $entity) {
    run(name: $run) { FIELDS }
  }
}
"""
