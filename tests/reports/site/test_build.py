"""A site from an archive: what is there, what is made again, what goes; and what is never touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from aftersweep.analysis.archive.store import Archive
from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.results.gate import Rule
from aftersweep.reports.site import build as building
from aftersweep.reports.site.build import Built, Wanted, build
from aftersweep.reports.site.lines import Line
from aftersweep.reports.site.state import FILE
from aftersweep.reports.site.work import Page, write_page
from aftersweep.reports.site.work import put as put_page

from .archived import Told, put
from .links import broken

FIRST, SECOND, THIRD = (Told(id=f"{letter * 4}1111", seed=i, day=i) for i, letter in enumerate("abc"))
PAGES = [f"sweeps/lab/vision/{told.id}/index.html" for told in (FIRST, SECOND, THIRD)]

pytestmark = pytest.mark.xdist_group("site")  # one worker: what one test has analysed the others need not


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, seen: dict[Any, Any]) -> None:
    """One time for all pages; a sweep that another test has analysed is not analysed again."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")

    def remembered(page: Page) -> tuple[Line | None, str | None]:
        archive = Archive(page.archive)
        harvested = archive.sweep(page.key).source.target  # it names the minute, and the page does too
        about = (page.key, len(archive.stubs(page.key)), harvested, page.root, page.version, page.rules)
        if about not in seen:
            seen[about] = (write_page(page), page.target.read_bytes())
        result, data = seen[about]
        put_page(page.target, data)
        return cast("tuple[Line | None, str | None]", result)

    monkeypatch.setattr(building, "write_page", remembered)


@pytest.fixture(scope="module")
def seen() -> dict[Any, Any]:
    return {}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An archive of two sweeps of one project."""
    put(tmp_path / "home", FIRST, SECOND)
    return tmp_path / "home"


@pytest.fixture
def public(tmp_path: Path) -> Path:
    return tmp_path / "public"


def built(home: Path, folder: Path, **more: Any) -> Built:
    """The site of the archive at ``home``."""
    return build(Archive(home), Wanted(**{"folder": folder, "title": "Sweeps", "version": "1", **more}))


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> dict[str, str]:
    """The files that are not the same, each with where it first differs: whole pages would fill the log."""
    return {
        name: where_they_part(one.get(name, b""), other.get(name, b""))
        for name in one.keys() | other.keys()
        if one.get(name) != other.get(name)
    }


def where_they_part(one: bytes, other: bytes) -> str:
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"{at}: {one[max(0, at - 40) : at + 40]!r} / {other[max(0, at - 40) : at + 40]!r}"


def remove(home: Path, told: Told) -> None:
    archive = Archive(home)
    archive.rm(archive.find(told.id)[0].key)


def test_a_site_has_every_page(home: Path, public: Path) -> None:
    """The index, a page for each sweep, architecture and parameter, the one that compares, the feed; all linked."""
    done = built(home, public)
    assert (done.sweeps, set(done.built), done.unchanged, done.problems) == (
        2,
        {"lab/vision/aaaa1111", "lab/vision/bbbb1111"},
        0,
        (),
    )
    names = set(files(public))
    assert {"index.html", "compare.html", "feed.xml", FILE, *PAGES[:2]} <= names
    assert {"architectures/resnet50.html", "parameters/batch_size.html"} <= names
    assert broken(public) == []


def test_nothing_changed_nothing_written(home: Path, public: Path) -> None:
    """Law: the second build leaves every byte, and every file's time, as it was."""
    built(home, public)
    before, times = files(public), {path: path.stat().st_mtime_ns for path in public.rglob("*")}
    done = built(home, public)
    assert (done.built, done.unchanged, done.written) == ((), 2, 0)
    assert differing(files(public), before) == {}
    assert {path: path.stat().st_mtime_ns for path in public.rglob("*")} == times


def test_only_what_changed_is_made_again(home: Path, public: Path) -> None:
    """A new sweep: its page, and the pages across sweeps; the others' files are not touched."""
    built(home, public)
    times = {name: (public / name).stat().st_mtime_ns for name in PAGES[:2]}
    put(home, THIRD)
    done = built(home, public)
    assert (done.built, done.unchanged) == (("lab/vision/cccc1111",), 2)
    assert {name: (public / name).stat().st_mtime_ns for name in PAGES[:2]} == times
    assert broken(public) == []
    assert "cccc1111" in (public / "index.html").read_text()


def test_a_built_up_site_is_the_site_built_at_once(home: Path, public: Path, tmp_path: Path) -> None:
    """Law: by parts or whole, the pages are the same, but for the list of what changed."""
    built(home, public)
    put(home, THIRD)
    built(home, public)
    built(home, tmp_path / "whole")
    parts, whole = files(public), files(tmp_path / "whole")
    differ = {name for name in parts if parts[name] != whole.get(name)}
    assert set(parts) == set(whole)
    assert differ <= {"index.html", FILE}


def test_another_version_or_other_rules_make_all_again(home: Path, public: Path) -> None:
    built(home, public)
    assert len(built(home, public, version="2").built) == 2
    assert len(built(home, public, version="2", rules=(Rule(name="min-runs", limit=1),)).built) == 2
    assert len(built(home, public, version="2", rules=(Rule(name="min-runs", limit=1),)).built) == 0
    assert len(built(home, public, version="2", rules=(Rule(name="min-runs", limit=1),), again=True).built) == 2


def test_a_page_that_was_lost_is_made_again(home: Path, public: Path) -> None:
    built(home, public)
    (public / PAGES[0]).unlink()
    assert built(home, public).built == ("lab/vision/aaaa1111",)
    assert broken(public) == []


def test_a_removed_sweep_goes_with_its_folder(home: Path, public: Path) -> None:
    """Page, folder, and every mention but that it went; what is not ours stays."""
    built(home, public)
    (public / "CNAME").write_text("sweeps.example.org\n")
    remove(home, SECOND)
    done = built(home, public)
    assert done.removed == ("lab/vision/bbbb1111",)
    assert not (public / PAGES[1]).parent.exists()
    assert (public / "CNAME").exists()
    assert broken(public) == []
    mentions = {name for name, data in files(public).items() if b"bbbb1111" in data}
    assert mentions == {"index.html", FILE}
    assert "gone from the archive" in (public / "index.html").read_text()


def test_an_interrupted_build_leaves_a_whole_site(home: Path, public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after any number of pages, every link still leads somewhere; the next build goes on, and ends alike."""
    built(home, public)
    put(home, THIRD, Told(id="dddd1111", seed=9, day=9))
    remove(home, FIRST)
    monkeypatch.setattr(building, "SAVE_EVERY_S", -1.0)
    real, left = building.write_page, [1]

    def interrupted(page: Page) -> tuple[Line | None, str | None]:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(page)

    monkeypatch.setattr(building, "write_page", interrupted)
    with pytest.raises(KeyboardInterrupt):
        built(home, public)
    assert broken(public) == []
    assert PAGES[0] in files(public)
    monkeypatch.setattr(building, "write_page", real)
    done = built(home, public)
    assert (len(done.built), done.unchanged) == (1, 2)
    assert broken(public) == []
    assert PAGES[0] not in files(public)
    assert not [name for name in files(public) if ".aftersweep-" in name]


def test_side_by_side_is_one_after_another(
    home: Path, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: the processes change nothing of what is written."""
    put(home, THIRD, Told(id="dddd1111", seed=9, day=9))
    built(home, public)
    monkeypatch.setattr(building, "write_page", write_page)
    built(home, tmp_path / "other", processes=2)
    assert differing(files(public), files(tmp_path / "other")) == {}


def test_a_folder_of_others_is_refused(home: Path, public: Path) -> None:
    """Nothing in it is touched; an empty one, and one of ours, are taken."""
    public.mkdir()
    (public / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match=r"holds something else \(thesis\.tex\).*name an empty or a new one"):
        built(home, public)
    assert list(files(public)) == ["thesis.tex"]
    (public / "thesis.tex").unlink()
    assert built(home, public).sweeps == 2
    with pytest.raises(UsageError, match="it is a file"):
        built(home, public / "index.html")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not JSON of ours"),
        ("[]", "not JSON of ours"),
        ('{"name": "an app"}', "not of aftersweep"),
        ('{"site": "aftersweep site", "format": 99}', "later version"),
    ],
)
def test_another_site_json_is_refused(home: Path, public: Path, content: str, says: str) -> None:
    public.mkdir()
    (public / FILE).write_text(content)
    with pytest.raises(UsageError, match=says):
        built(home, public)
    assert files(public) == {FILE: content.encode()}


def test_an_altered_state_is_not_trusted(home: Path, public: Path, tmp_path: Path) -> None:
    """All is built again, and a path in it that leads elsewhere removes nothing."""
    built(home, public)
    (tmp_path / "precious").write_text("x")
    state = json.loads((public / FILE).read_text())
    state["state"]["files"] += ["../precious", str(tmp_path / "precious"), "old/page.html"]
    (public / FILE).write_text(json.dumps(state))
    assert len(built(home, public).built) == 2
    assert (tmp_path / "precious").exists()


def test_a_sweep_that_cannot_be_read_is_named(home: Path, public: Path) -> None:
    """The others are built; the page of all sweeps says which is not, and why."""
    key = Archive(home).find("bbbb1111")[0].key
    for path in (home / "sweeps" / key / "manifests").iterdir():
        path.write_bytes(b"{}\n{}\n")
    done = built(home, public)
    assert (done.built, [label for label, _ in done.problems]) == (("lab/vision/aaaa1111",), ["bbbb1111"])
    assert "damaged" in done.problems[0][1]
    text = (public / "index.html").read_text()
    assert "Without a page" in text
    assert broken(public) == []
    assert built(home, public).unchanged == 1


def test_an_empty_archive_has_a_site(tmp_path: Path) -> None:
    built(tmp_path / "nothing", tmp_path / "public")
    assert "aftersweep harvest" in (tmp_path / "public" / "index.html").read_text()
    assert broken(tmp_path / "public") == []


def test_the_history_is_bounded_and_compact(home: Path, public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest changes stand, each a line of figures: no old page is kept."""
    monkeypatch.setattr(building, "MOST_CHANGES", 3)
    built(home, public)
    for runs in (14, 16):
        put(home, Told(id=FIRST.id, seed=0, runs=runs))
        built(home, public)
    changes = json.loads((public / FILE).read_text())["state"]["changes"]
    assert [change["what"] for change in changes] == ["changed", "changed", "new"]
    assert changes[0]["runs"] == [14, 16]
    assert len(json.dumps(changes)) < 1000
