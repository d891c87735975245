"""Random-effects means as meta-analyses usually give them: statsmodels, for comparison and for heterogeneity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..types import Floats


@dataclass(frozen=True)
class Classic:
    """Of k estimates with known variances."""

    mean: float
    low: float
    high: float
    """95 %: Hartung and Knapp (2001), Sidik and Jonkman (2002), t with k - 1 degrees of freedom; with the usual care
    that its error is never taken smaller than the normal one, as where few estimates agree by chance."""
    tau2: float
    i2: float
    differ_p: float


def random_effects(effects: Floats, variances: Floats) -> Classic:
    """effects, variances: [k], k > 1. tau^2 after Paule and Mandel (1982), p of Cochran's Q."""
    from statsmodels.stats.meta_analysis import combine_effects

    with np.errstate(all="ignore"):  # equal estimates have no variance to divide by
        found = combine_effects(effects, variances, method_re="iterated", use_t=True)
    mean, df, q = float(found.mean_effect_re), len(effects) - 1, float(found.q)
    error = max(float(found.sd_eff_w_re_hksj), float(found.sd_eff_w_re))
    half = float(stats.t.ppf(0.975, df)) * error
    return Classic(
        mean=mean,
        low=mean - half,
        high=mean + half,
        tau2=max(0.0, float(found.tau2)),
        i2=(q - df) / q if q > df else 0.0,
        differ_p=float(stats.chi2.sf(max(q, 0.0), df)),
    )
