"""The part of the W&B GraphQL schema that the official client 0.31 and this project ask for.

The schema itself is not published. Each field here stands in a query that the client sends: recorded from
``wandb.Api`` (sweep, runs, histories, console logs, viewer), read from its generated operations, or, for
``exitcode``, ``stopped`` and ``shouldStop``, from the query of its sweep controller (``wandb.apis.public.sweeps``).
Those of reports (``models``, ``upsertView``) are what wandb-workspaces asks for.
``host`` and ``runInfo`` are what older clients asked for; a test can take any field away (``without``).
"""

from __future__ import annotations

import re

from graphql import GraphQLSchema, build_schema

SDL = """
scalar JSON
scalar JSONString
scalar Int64
scalar DateTime

type Query {
  viewer: User
  serverInfo: ServerInfo
  project(name: String, entityName: String): Project
  models(entityName: String, after: String, first: Int): ProjectConnection
}
type Mutation {
  upsertSweep(input: UpsertSweepInput!): UpsertSweepPayload
  upsertView(input: UpsertViewInput!): UpsertViewPayload
}
input UpsertViewInput {
  id: ID
  entityName: String
  projectName: String
  name: String
  displayName: String
  description: String
  type: String
  createdUsing: ViewSource
  spec: String!
}
enum ViewSource { WANDB_SDK }
type UpsertViewPayload { view: View inserted: Boolean }
type View {
  id: ID!
  type: String
  name: String
  displayName: String
  description: String
  project: Project
  spec: String
  updatedAt: DateTime
}
type ProjectConnection { edges: [ProjectEdge] pageInfo: PageInfo! }
type ProjectEdge { node: Project cursor: String }
input UpsertSweepInput {
  id: ID
  config: String
  description: String
  entityName: String
  projectName: String
  controller: JSONString
  launchScheduler: JSONString
  templateVariableValues: JSONString
  scheduler: JSONString
  state: String
  priorRunsFilters: JSONString
  displayName: String
}
type UpsertSweepPayload { sweep: Sweep configValidationWarnings: [String!] }
type Entity { id: ID! name: String }
type ServerInfo { features: [Feature] }
type Feature { name: String isEnabled: Boolean }
type User {
  id: ID!
  name: String
  username: String
  email: String
  admin: Boolean
  flags: JSONString
  entity: String
  deletedAt: DateTime
  apiKeys: ApiKeyConnection
  teams: TeamConnection
}
type ApiKeyConnection { edges: [ApiKeyEdge] }
type ApiKeyEdge { node: ApiKey }
type ApiKey { id: ID! name: String description: String }
type TeamConnection { edges: [TeamEdge] }
type TeamEdge { node: Team }
type Team { name: String }
type PageInfo { endCursor: String hasNextPage: Boolean! }
type Project {
  id: ID!
  internalId: ID
  entity: Entity
  entityName: String
  name: String
  createdAt: DateTime
  isBenchmark: Boolean
  user: User
  readOnly: Boolean
  runCount(filters: JSONString): Int
  run(name: String!): Run
  runs(filters: JSONString, after: String, first: Int, order: String): RunConnection
  sweep(sweepName: String!): Sweep
  sweeps(after: String, first: Int): SweepConnection
}
type SweepConnection { edges: [SweepEdge] pageInfo: PageInfo! }
type SweepEdge { node: Sweep cursor: String }
type Sweep {
  id: ID!
  name: String!
  displayName: String
  project: Project
  method: String
  state: String
  description: String
  bestLoss: Float
  config: String
  createdAt: DateTime
  heartbeatAt: DateTime
  updatedAt: DateTime
  runCount: Int
  runCountExpected: Int
  agents: AgentConnection
  agent(agentName: String!): Agent
}
type AgentConnection { edges: [AgentEdge] }
type AgentEdge { node: Agent }
type Agent {
  id: ID!
  name: String
  host: String
  state: String
  totalRuns: Int
  createdAt: DateTime
  heartbeatAt: DateTime
  runs(after: String, before: String, first: Int, last: Int, order: String): RunConnection
}
type RunConnection { edges: [RunEdge] pageInfo: PageInfo! }
type RunEdge { node: Run cursor: String }
type RunUser { name: String username: String }
type RunInfo { gpu: String gpuCount: Int }
type Run {
  id: ID!
  projectId: ID
  name: String!
  displayName: String
  sweepName: String
  state: String
  config: JSONString
  group: String
  jobType: String
  commit: String
  readOnly: Boolean
  createdAt: DateTime
  heartbeatAt: DateTime
  description: String
  notes: String
  tags: [String!]
  user: RunUser
  systemMetrics: JSONString
  summaryMetrics: JSONString
  historyLineCount: Int
  historyKeys: JSON
  exitcode: Int
  stopped: Boolean
  shouldStop: Boolean
  host: String
  runInfo: RunInfo
  history(minStep: Int64, maxStep: Int64, samples: Int): [JSONString!]
  sampledHistory(specs: [JSONString!]!): [JSON!]
  parquetHistory(liveKeys: [String!]!): ParquetHistory
  events(samples: Int): [JSONString!]
  logLineCount: Int
  logLines(first: Int, last: Int, after: String, useImprovedPagination: Boolean): LogLineConnection
}
type ParquetHistory { parquetUrls: [String!] liveData: [JSON!] }
type LogLineConnection { edges: [LogLineEdge] pageInfo: PageInfo! }
type LogLineEdge { node: LogLine }
type LogLine { number: Int timestamp: String level: String label: String line: String }
"""


def schema(without: tuple[str, ...] = ()) -> GraphQLSchema:
    """The schema, less the named fields: an older server."""
    text = SDL
    for name in without:
        text = re.sub(rf"^  {re.escape(name)}(\(.*\))?: .*\n", "", text, flags=re.MULTILINE)
    return build_schema(text)
