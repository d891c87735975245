"""Counter-based random numbers: the published vectors, the distributions, and that only the counter matters."""

import numpy as np
import pytest
import torch
from scipy import stats

from aftersweep.training.philox import choice, complex_normal, philox, uniform, words

# Random123's kat_vectors (D. E. Shaw Research), "philox4x32 10": counter, key, result.
VECTORS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def _hex(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "result"), VECTORS)
def test_known_answers(counter, key, result):
    """The three published answers, one counter at a time and many at once."""
    given, secret = torch.tensor(_hex(counter)), tuple(_hex(key))
    assert philox(given, secret).tolist() == _hex(result)
    many = philox(given[:, None, None].expand(4, 5, 3), secret)
    assert torch.equal(many, torch.tensor(_hex(result))[:, None, None].expand(4, 5, 3))


def test_every_part_of_the_counter_matters():
    """Another seed, split, epoch or record: other words, all different (2,560 words: a chance of under 1e-3 else)."""
    asked = [(0, 0, 0, 0), (1, 0, 0, 0), (1 << 32, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    drawn = [words(*start, torch.tensor([index]), 64) for *start, index in asked]
    found = torch.cat(drawn).flatten()
    assert len(found.unique()) == found.numel()
    assert int(found.min()) >= 0
    assert int(found.max()) < 1 << 32


def test_words_depend_on_the_record_alone():
    """In any batch, in any order, and however many words are asked for: the same words."""
    indices = torch.randperm(1000, generator=torch.Generator().manual_seed(1))
    whole = words(7, 0, 3, indices, 21)
    for chosen in (slice(0, 1), slice(5, 42), slice(None, None, 7)):
        assert torch.equal(words(7, 0, 3, indices[chosen], 21), whole[chosen])
    assert torch.equal(words(7, 0, 3, indices, 9), whole[:, :9])
    assert whole.shape == (1000, 21)


def test_uniforms_are_uniform_and_never_zero():
    """(0, 1], so that a logarithm is finite; the distribution passes a Kolmogorov-Smirnov test (scipy.stats)."""
    assert uniform(torch.tensor([0, (1 << 32) - 1])).tolist() == [2.0**-24, 1.0]
    drawn = uniform(words(0, 0, 0, torch.arange(100), 1000)).double().flatten()
    assert stats.kstest(drawn.numpy(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("count", [2, 3, 32, 256])
def test_choices_are_equally_likely(count):
    """Whole numbers 0 to count - 1; Pearson's test of equal frequencies (scipy.stats)."""
    drawn = choice(words(1, 0, 0, torch.arange(200), 512), torch.tensor(count)).flatten()
    assert stats.chisquare(np.bincount(drawn.numpy(), minlength=count)).pvalue > 1e-3
    assert int(choice(torch.tensor((1 << 32) - 1), torch.tensor(count))) == count - 1


def test_normals_are_normal_circular_and_as_strong_as_asked():
    """Both parts normal with half the variance (Kolmogorov-Smirnov, scipy.stats), uncorrelated; always finite."""
    made = complex_normal(words(2, 1, 0, torch.arange(100), 2000), torch.full((100, 1), 4.0)).flatten()
    parts = torch.view_as_real(made).double().numpy()
    for part in parts.T:
        assert stats.kstest(part, "norm", args=(0, np.sqrt(2))).pvalue > 1e-3
    assert abs(np.corrcoef(parts.T)[0, 1]) < 4 / np.sqrt(len(parts))
    assert torch.isfinite(complex_normal(torch.zeros(2, dtype=torch.int64)).real).all()
