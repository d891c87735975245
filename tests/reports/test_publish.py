"""``report --publish wandb``: what the official client sends to the server, and that it is sent only when asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from aftersweep.analysis.errors import NetworkError
from aftersweep.analysis.postmortem import post_mortem
from aftersweep.analysis.results.postmortem import PostMortem
from aftersweep.analysis.sources import wandb_reports
from aftersweep.analysis.sources.export import write_export
from aftersweep.analysis.sources.wandb_login import Login
from aftersweep.reports.hostile import escape_markdown
from aftersweep.reports.narrate import sentence
from aftersweep.reports.publish import LONGEST_TITLE, Publication, split
from aftersweep.reports.render import to_markdown

from ..factories import make_run, make_sweep
from ..loopback import KEY, LoopbackServer
from ..loopback.server import Fault
from ..sources.example import ENTITY, PROJECT, SWEEP_ID, example_sweep
from ..sources.serving import isolate
from .test_cli import refused, run
from .test_render import hostile_result

WHOLE = f"{ENTITY}/{PROJECT}/{SWEEP_ID}"
DRY = Publication(login=None, entity="ada", project="mine")


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(*example_sweep()) as running:
        yield running


def login(server: LoopbackServer) -> dict[str, str]:
    return {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}


def request(result: PostMortem) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DRY.request(result, to_markdown(result, "0", 0.0)))
    return found


def blocks(spec: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The blocks of that kind, those that are folded under a heading too."""
    folded = [child for block in spec["blocks"] for child in block.get("collapsedChildren", ())]
    return [block for block in [*spec["blocks"], *folded] if block["type"] == kind]


def headings(spec: dict[str, Any]) -> list[str]:
    return ["".join(child["text"] for child in block["children"]) for block in blocks(spec, "heading")]


def test_the_server_receives_one_report(server: LoopbackServer, tmp_path: Path) -> None:
    """Law: the real client's mutation carries the report's sections, every finding with its evidence, and W&B's panels
    over this sweep's runs; the page is written all the same, and the address is said."""
    done = run("report", WHOLE, "-o", "page.html", "--publish", "wandb", cwd=tmp_path, **login(server))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").exists()
    assert f"published: {server.url}/{ENTITY}/{PROJECT}/reports/" in done.stderr
    assert done.stderr.rstrip().endswith("--VmlldzoxMjM=")
    (sent,) = server.published
    assert (sent["entityName"], sent["projectName"], sent["type"]) == (ENTITY, PROJECT, "runs")
    assert sent["displayName"] == "Example: backbones × learning rate: sweep post-mortem"
    assert SWEEP_ID in sent["description"]
    spec = json.loads(sent["spec"])
    assert {"Run Status Summary", "Key Findings", "Recommendations", "Evidence"} <= set(headings(spec))
    told = "\n".join(block["content"] for block in blocks(spec, "markdown-block"))
    archived = json.loads(run("report", SWEEP_ID, "-f", "json", "-o", "-", "-q", cwd=tmp_path).stdout)
    for finding in archived["findings"]:
        assert f"**{finding['id']}** {escape_markdown(finding['text'])}" in told
        assert f"- Method: {escape_markdown(finding['method'])}" in told
    assert "| State | Runs |" in told
    assert KEY not in json.dumps(sent) + done.stdout + done.stderr


def test_the_panels_are_of_the_sweeps_runs(server: LoopbackServer, tmp_path: Path) -> None:
    """The runs of this sweep and no others; the metric over epochs, parameters beside it, importance, a comparison."""
    assert run("report", WHOLE, "--publish", "wandb", "-q", cwd=tmp_path, **login(server)).returncode == 0
    (grid,) = blocks(json.loads(server.published[0]["spec"]), "panel-grid")
    (runs,) = grid["metadata"]["runSets"]
    (chosen,) = runs["filters"]["filters"]
    assert (chosen["key"], chosen["op"], chosen["value"]) == ({"section": "run", "name": "sweep"}, "IN", [SWEEP_ID])
    panels = {panel["viewType"]: panel["config"] for panel in grid["metadata"]["panelBankSectionConfig"]["panels"]}
    assert panels["Run History Line Plot"]["metrics"] == ["val/accuracy"]
    assert panels["Run History Line Plot"]["xAxis"] == "epoch"
    assert panels["Parameter Importance"]["targetKey"] == "val/accuracy"
    columns = [column["accessor"] for column in panels["Parallel Coordinates Plot"]["columns"]]
    assert columns[-1] == "summary:val/accuracy"
    assert {"config:arch.value", "config:lr.value", "config:optimizer.value.name"} <= set(columns)
    assert "Run Comparer" in panels


def test_nothing_is_sent_unasked(server: LoopbackServer, tmp_path: Path) -> None:
    """Law: neither a report nor a dry run asks the server to change anything; a dry run writes no file and prints what
    publishing then sends, but for the random ids of its parts."""
    plain = run("report", WHOLE, "-o", "page.html", cwd=tmp_path, **login(server))
    before = set(tmp_path.iterdir())
    dry = run("report", WHOLE, "--publish", "wandb", "--dry-run", cwd=tmp_path, **login(server))
    assert plain.returncode == dry.returncode == 0, plain.stderr + dry.stderr
    assert set(tmp_path.iterdir()) == before
    assert not [one for one in server.requests if "mutation" in one.query]
    assert run("report", WHOLE, "--publish", "wandb", cwd=tmp_path, **login(server)).returncode == 0
    shown, sent = json.loads(dry.stdout), server.published[0]
    assert {key: sent[key] for key in shown if key != "spec"} == {key: shown[key] for key in shown if key != "spec"}
    assert _without_ids(shown["spec"]) == _without_ids(json.loads(sent["spec"]))


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        made = "Made by aftersweep"  # with the time
        kept = {key: item for key, item in value.items() if key not in ("id", "__id__")}
        return {k: item.partition(made)[0] if k == "content" else _without_ids(item) for k, item in kept.items()}
    return [_without_ids(item) for item in value] if isinstance(value, list) else value


def test_a_dry_run_needs_neither_key_nor_server(tmp_path: Path) -> None:
    """Of an export too; entity and project of the environment stand in for what the sweep does not say. No panels:
    its runs are on no server that we know of."""
    sweep, runs = example_sweep()
    write_export(replace(sweep, entity=None, project=None), runs, tmp_path / "sweep.jsonl")
    words = ("report", "sweep.jsonl", "--publish", "wandb", "--dry-run", "-q")
    done = run(*words, cwd=tmp_path, WANDB_ENTITY="ada", WANDB_PROJECT="mine")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["entityName"], shown["projectName"]) == ("ada", "mine")
    assert not blocks(shown["spec"], "panel-grid")
    assert "set WANDB_PROJECT" in refused(run(*words, cwd=tmp_path, WANDB_ENTITY="ada"))


def test_hostile_text_is_text() -> None:
    """Law: read as Markdown, no block has HTML, a link or an image of the sweep's making; the title is cut."""
    result = hostile_result()
    sweep = replace(result.sweep, id="abc123", url="https://wandb.ai/a/b/sweeps/abc123")
    sent = request(replace(result, sweep=sweep))
    assert len(sent["displayName"]) <= LONGEST_TITLE
    shown = [sent["displayName"], sent["description"], *headings(sent["spec"]), *_shown(sent["spec"])]
    shown += [block["content"] for block in blocks(sent["spec"], "markdown-block")]
    assert blocks(sent["spec"], "panel-grid")
    assert not [text for text in shown if {"\u202e", "\x07"} & set(text)]
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    for block in blocks(sent["spec"], "markdown-block"):
        for token in (one for top in reader.parse(block["content"]) for one in (top, *(top.children or ()))):
            assert token.type not in ("html_block", "html_inline", "link_open", "image"), block["content"]


def _shown(value: Any) -> Iterator[str]:
    """What panels show beside the names by which W&B looks values up."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("displayName", "chartTitle"):
                yield item
            else:
                yield from _shown(item)
    elif isinstance(value, list):
        for item in value:
            yield from _shown(item)


@pytest.mark.parametrize("sweep_id", ["ab') or True or ('", 'a"b', "a b", "", "x" * 65])
def test_an_id_is_never_part_of_an_expression(sweep_id: str) -> None:
    """The package evaluates its filters: an id that W&B could not have given gets no panels."""
    sweep = make_sweep(
        [make_run("r1", [0.1])], id=sweep_id, url="https://wandb.ai/a/b/sweeps/c", project="b", entity="a"
    )
    assert not blocks(request(post_mortem(sweep))["spec"], "panel-grid")
    fine = replace(sweep, id="abc123")
    assert blocks(request(post_mortem(fine))["spec"], "panel-grid")


LINES = st.lists(st.sampled_from(["text", "", "# T", "## A", "### B", "| a |", "```yaml", "````", "```", "## C", "  "]))


@given(lines=LINES)
def test_the_sections_are_the_report(lines: list[str]) -> None:
    """Law: no line is lost, none is doubled; what stands in a code block is never a heading."""
    title, sections = split("\n".join(lines))
    again = ["# " + title] if title else []
    for heading, text in sections:
        again += ["## " + heading] if heading else []
        again += text.split("\n")
    assert sorted(line.strip() for line in again if line.strip()) == sorted(
        line.strip() for line in lines if line.strip()
    )
    for _, text in sections:
        fences = MarkdownIt().parse(text)
        outside = [token for token in fences if token.type == "heading_open" and token.tag == "h2"]
        assert not outside


def test_every_finding_is_told() -> None:
    """Law: the evidence has each finding of the result once, in its order."""
    result = post_mortem(make_sweep([make_run(f"r{i}", [0.1 * i, 0.2]) for i in range(6)], entity="a", project="b"))
    folded = [
        one["content"] for block in request(result)["spec"]["blocks"] for one in block.get("collapsedChildren", ())
    ]
    assert [text.split("\n")[0] for text in folded] == [
        f"**{finding.id}** {escape_markdown(sentence(finding))}" for finding in result.findings
    ]


@pytest.mark.slow
def test_refusals_are_told_apart(server: LoopbackServer, tmp_path: Path) -> None:
    """No key, a wrong one, no permission, no such project, a report that is not taken: each its own line, exit code 2,
    no key in any; the page that was asked for stands where the report could be read."""
    words = ("report", WHOLE, "-o", "page.html", "--publish", "wandb")
    ours = login(server)
    none = refused(run(*words, cwd=tmp_path, WANDB_BASE_URL=server.url))
    assert not server.requests, "the sweep was read before the key was looked for"
    write_export(*example_sweep(), tmp_path / "sweep.jsonl")
    local = ("report", "sweep.jsonl", "-o", "page.html", "--publish", "wandb")
    wrong = refused(run(*local, cwd=tmp_path, **{**ours, "WANDB_API_KEY": "0" * 40}))
    assert (tmp_path / "page.html").exists()
    said = '{"errors": [{"message": "permission denied", "extensions": {"code": "PERMISSION_ERROR"}}]}'
    server.fail = [Fault(status=403, match="upsertView", body=said, times=9)]
    forbidden = refused(run(*local, cwd=tmp_path, **ours))
    server.fail = [Fault(status=400, match="upsertView", body='{"errors": [{"message": "spec too large"}]}', times=9)]
    refused_by_server = refused(run(*local, cwd=tmp_path, **ours))
    server.fail = []
    sweep, runs = example_sweep()
    write_export(replace(sweep, project="other"), runs, tmp_path / "other.jsonl")
    missing = refused(run("report", "other.jsonl", "--publish", "wandb", cwd=tmp_path, **ours))
    assert "wandb login" in none
    assert "does not accept the credentials" in wrong
    assert f"may not write reports in {ENTITY}/{PROJECT}" in forbidden
    assert "spec too large" in refused_by_server
    assert f"no project {ENTITY}/other" in missing
    assert not server.published
    assert not [
        line for line in (none, wrong, forbidden, refused_by_server, missing) if KEY in line or "0" * 40 in line
    ]


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Trouble on the way is told from a refusal: the user is to look before trying again."""
    isolate(tmp_path, monkeypatch)
    monkeypatch.setattr(wandb_reports, "TIMEOUT_S", 1)
    with LoopbackServer(*example_sweep()) as server:
        base_url = server.url
    login = Login(base_url=base_url, app_url=base_url, key=KEY, entity=None, project=None, proxies={})
    with pytest.raises(NetworkError, match="did not answer in time"):
        wandb_reports.save(None, ENTITY, PROJECT, login)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--publish", "notion"), "--publish notion: it must be wandb"),
        (("--dry-run",), "give --publish wandb too"),
        (("--publish", "wandb", "--watch"), "publish when it has ended"),
        (("--publish", "wandb", "--dry-run", "-o", "a.html"), "leave -o, --format and --pdf out"),
        (("--publish", "wandb", "--dry-run", "--pdf"), "leave -o, --format and --pdf out"),
        (("--publish", "wandb"), "WANDB_API_KEY"),
    ],
)
def test_what_cannot_be_asked_is_refused_first(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """One line, before the sweep is read, and nothing written."""
    done = run("report", "4yfw48ad", *words, cwd=tmp_path)
    assert said in refused(done)
    assert "reading" not in done.stderr
    assert not list(tmp_path.glob("*.html"))


def test_without_the_package_it_says_how_to_have_it(tmp_path: Path) -> None:
    """The extra is named; the sweep is not read first."""
    (tmp_path / "path" / "wandb_workspaces").mkdir(parents=True)
    (tmp_path / "path" / "wandb_workspaces" / "__init__.py").write_text("raise ImportError('not installed')")
    done = run(
        "report", "4yfw48ad", "--publish", "wandb", cwd=tmp_path, PYTHONPATH=str(tmp_path / "path"), WANDB_API_KEY=KEY
    )
    assert "pip install 'aftersweep[publish]'" in refused(done)
    assert "reading" not in done.stderr
