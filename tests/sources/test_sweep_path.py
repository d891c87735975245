"""What a word may name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersweep.analysis.errors import UsageError
from aftersweep.analysis.sources.sweep_path import SweepPath, parse_sweep_word


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("lab/vision/4yfw48ad", SweepPath("lab", "vision", "4yfw48ad")),
        ("lab/vision/sweeps/4yfw48ad", SweepPath("lab", "vision", "4yfw48ad")),
        ("my-lab_2/a.b-c/4yfw48ad", SweepPath("my-lab_2", "a.b-c", "4yfw48ad")),
        ("4yfw48ad", SweepPath(None, None, "4yfw48ad")),
        ("https://wandb.ai/lab/vision/sweeps/abcd1234?nw=nwuserada", SweepPath("lab", "vision", "abcd1234", "https://wandb.ai")),
        ("https://wandb.ai/lab/vision/sweeps/abcd1234/workspace", SweepPath("lab", "vision", "abcd1234", "https://wandb.ai")),
        ("https://wandb.ai/lab/vision/sweeps/abcd1234/table#x", SweepPath("lab", "vision", "abcd1234", "https://wandb.ai")),
        ("http://wandb.local:8080/lab/vision/abcd1234", SweepPath("lab", "vision", "abcd1234", "http://wandb.local:8080")),
        ("https://wandb.corp.example/lab/vision/abcd1234/workspace", SweepPath("lab", "vision", "abcd1234", "https://wandb.corp.example")),
        ("https://forge.example.com/wandb/lab/vision/sweeps/abcd1234", SweepPath("lab", "vision", "abcd1234", "https://forge.example.com")),
        ("wandb.ai/lab/vision/sweeps/abcd1234", SweepPath("lab", "vision", "abcd1234", "https://wandb.ai")),
        ("https://wandb.ai/lab/sweeps/sweeps/abcd1234", SweepPath("lab", "sweeps", "abcd1234", "https://wandb.ai")),
    ],
)  # fmt: skip
def test_a_sweep_is_found_in_every_form(word: str, path: SweepPath) -> None:
    """Law: three parts, a URL of any W&B server and a bare id name a sweep."""
    assert parse_sweep_word(word) == path


@pytest.mark.parametrize("word", ["lab/vision", "./wandb", "runs.csv", "/srv/wandb", "a/b/c/d", "lab/vision/a.csv", ""])
def test_other_words_name_no_sweep(word: str) -> None:
    """Law: a word that has none of the forms is left to the other sources."""
    assert parse_sweep_word(word) is None


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("lab/../abcd1234", r"'\.\.' between slashes"),
        ("https://wandb.ai/lab/%2e%2e/sweeps/abcd1234", r"'\.\.' between slashes"),
        ("lab/my project/abcd1234", "blank"),
        ("lab/vision/abcd\x1b[31m", "control character"),
        ("lab/vision/abcd1234\n", "control character"),
        ("a" * 257, "longer than 256"),
        ("https://wandb.ai/lab/vision/runs/abcd1234", "not the URL of a sweep"),
        ("https://wandb.ai/lab/vision/sweeps/a%2Fb", "not the URL of a sweep"),
        ("https://wandb.ai/lab/vision/sweeps", "not the URL of a sweep"),
        ("file:///etc/passwd", "not the URL of a W&B server"),
        ("https://[::1/lab/vision/sweeps/abcd1234", "not the URL of a W&B server"),
        ("https://ada:s3cret@wandb.ai/lab/vision/sweeps/abcd1234", "user name or a password"),
    ],
)
def test_hostile_words_are_refused(word: str, says: str) -> None:
    """Law: a word that no honest name can be is refused in one printable line that holds no secret."""
    with pytest.raises(UsageError, match=says) as caught:
        parse_sweep_word(word)
    assert str(caught.value).isprintable()
    assert "s3cret" not in str(caught.value)


@given(st.text(max_size=300))
def test_any_text_is_a_path_nothing_or_an_error(word: str) -> None:
    """Law: whatever the word, what comes back can be put into a URL or a file name as it is."""
    try:
        path = parse_sweep_word(word)
    except UsageError as error:
        assert str(error).isprintable()
        return
    for part in (path.entity, path.project, path.sweep) if path else ():
        assert part is None or (part.isascii() and "/" not in part and part not in (".", ".."))
