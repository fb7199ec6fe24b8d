r"""How far something may lie from what is planned with, and factors drawn from that.

    z ~ N(0, R)     one number for each parameter; R has 1 on its diagonal and the correlations that are stated
    factor          F^-1(Phi(z)) of the parameter's own distribution: a Gaussian copula
                    (R. Nelsen, An Introduction to Copulas, 2006, section 2.3)

Phi is the distribution function of the standard normal.  Nothing here knows prices or solves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.problem.uncertainty import Correlation, Uncertain

SPREAD = 1.2815515655446004
"""Phi(z) = 0.9: between -z and z lie 80 of 100 cases."""
LEAST = 0.01
"""A factor is at least this much: a price or load does not vanish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Two factors between which a thing is taken to lie, and who says so."""

    key: str
    low: float
    high: float
    why: str


def below(z: float) -> float:
    """Phi(z): the share of cases below z standard deviations.

    >>> round(below(SPREAD), 9)
    0.9
    """
    return 0.5 * math.erfc(-z / math.sqrt(2))


def factor_at(of: Uncertain, z: float, band_share: float = 0.0) -> float:
    """The factor that lies where z lies in a standard normal; `band_share` is the 80 % band of rates.

    >>> [round(factor_at(Uncertain(uniform=[0.5, 1.5]), z), 6) for z in (-SPREAD, 0, SPREAD)]
    [0.6, 1.0, 1.4]
    >>> [round(factor_at(Uncertain(triangular=[0, 1, 2]), z), 6) for z in (-9, 0, 9)]
    [0.01, 1.0, 2.0]
    >>> round(factor_at(Uncertain(band=True), -SPREAD, 0.25), 6)   # the low end is what a plan relies on
    1.0
    """
    if of.normal:
        mean, deviation = of.normal
        factor = mean + deviation * z
    elif of.lognormal:
        median, deviation = of.lognormal
        factor = median * math.exp(deviation * z)
    elif of.uniform:
        least, most = of.uniform
        factor = least + (most - least) * below(z)
    elif of.triangular:
        least, likeliest, most = of.triangular
        share, whole = below(z), most - least
        if share * whole < likeliest - least:
            factor = least + math.sqrt(share * whole * (likeliest - least))
        else:
            factor = most - math.sqrt(below(-z) * whole * (most - likeliest))
    else:
        factor = (1 + band_share) ** (1 + z / SPREAD)
    return max(LEAST, factor)


def correlation_matrix(keys: Sequence[str], stated: Sequence[Correlation]) -> NDArray[np.float64]:
    """R, by the order of the keys."""
    place = {key: i for i, key in enumerate(keys)}
    matrix = np.eye(len(keys))
    for each in stated:
        i, j = (place[key] for key in each.between)
        matrix[i, j] = matrix[j, i] = each.correlation
    return matrix


def draw(
    parameters: Mapping[str, Uncertain], stated: Sequence[Correlation], draws: int, seed: int, band_share: float
) -> list[dict[str, float]]:
    """Factors of so many draws; the first of many are those of few with the same seed."""
    keys = list(parameters)
    values, vectors = np.linalg.eigh(correlation_matrix(keys, stated))
    root = vectors * np.sqrt(np.maximum(values, 0.0))  # R = root root'
    z = np.random.default_rng(seed).standard_normal((draws, len(keys))) @ root.T
    return [
        {key: factor_at(parameters[key], float(one), band_share) for key, one in zip(keys, row, strict=True)}
        for row in z
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A distribution in short [USD/month]."""

    mean: float
    error: float  # standard error of the mean; 0: scenarios, which are all there is
    p10: float
    p50: float
    p90: float


def summary(values: Sequence[float], weights: Sequence[float], drawn: bool) -> Summary:
    """Mean with its standard error, and weighted quantiles: the smallest value that reaches so much of the weight.

    >>> summary([1, 2, 3, 4], [1, 1, 1, 1], drawn=True)
    Summary(mean=2.5, error=0.6454972243679028, p10=1, p50=2, p90=4)
    """
    total = sum(weights)
    mean = sum(v * w for v, w in zip(values, weights, strict=True)) / total
    n = len(values)
    error = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n) if drawn and n > 1 else 0.0
    ordered = sorted(zip(values, weights, strict=True))

    def quantile(share: float) -> float:
        reached = 0.0
        for value, weight in ordered:
            reached += weight
            if reached >= share * total * (1 - 1e-12):
                return value
        return ordered[-1][0]

    return Summary(mean=mean, error=error, p10=quantile(0.1), p50=quantile(0.5), p90=quantile(0.9))
