"""From means to percentiles: how much room an objective leaves, and how much of it may be spent waiting.

The model and the measured rows speak of means.  The factors are assumptions, no row of the catalog
states both a mean and a percentile; a problem that asks for `mean` or `p50` is not affected by them.
Where reading one's own prompt is most of TTFT, prompts that are longer than others count for more than the factor
says: TTFT is then its mean and what a long prompt takes beyond the mean prompt (`prompt_over_mean`).
"""

from __future__ import annotations

from bisect import bisect_left
from statistics import NormalDist
from typing import Any

import numpy as np

from planner.performance.types import Objective, OperatingPoint

SHARES = (0.5, 0.9, 0.95, 0.99)

TTFT_FACTORS = (1.0, 1.3, 1.5, 2.0)
"""TTFT at those shares over its mean, a slot being free: prompts differ in length and meet others' prefill.
For p99 1.5 to 2 is the usual range; the upper end is taken, and the others lie between."""

TPOT_FACTORS = (1.0, 1.05, 1.1, 1.2)
"""The same for TPOT, which is a mean over all steps of a request and so differs little between requests."""


def factor(factors: tuple[float, ...], percentile_share: float) -> float:
    """Percentile over mean, straight between the shares listed and constant outside.

    >>> round(factor(TTFT_FACTORS, 0.97), 2)     # half way from 1.5 at p95 to 2.0 at p99
    1.75
    """
    i = bisect_left(SHARES, percentile_share)
    if i == 0 or i == len(SHARES):
        return factors[min(i, len(SHARES) - 1)]
    low, high = SHARES[i - 1], SHARES[i]
    step = (percentile_share - low) / (high - low)
    return factors[i - 1] + step * (factors[i] - factors[i - 1])


def prompt_over_mean(input_scv: float, percentile_share: float) -> float:
    """The prompt length of a percentile over the mean, of a gamma law (Wilson and Hilferty 1931); at least 1.

    >>> round(prompt_over_mean(1.0, 0.95), 2)     # exponential lengths: -ln 0.05 = 3.00
    2.97
    >>> prompt_over_mean(0.0, 0.95), prompt_over_mean(1.0, 0.5)
    (1.0, 1.0)
    """
    if percentile_share <= 0.5:
        return 1.0
    z = NormalDist().inv_cdf(percentile_share)
    return float(max(1.0, max(0.0, 1 - input_scv / 9 + z * input_scv**0.5 / 3) ** 3))


def late_ttft_ms(ttft_ms: Any, prompt_ms: float, input_scv: float, percentile_share: float) -> Any:
    """TTFT at the percentile, a slot being free: by the factor, or by the long prompts, whichever is more."""
    by_prompt = ttft_ms + prompt_ms * (prompt_over_mean(input_scv, percentile_share) - 1)
    return np.maximum(ttft_ms * factor(TTFT_FACTORS, percentile_share), by_prompt)


class Limits:
    """An objective with the factors of its percentile."""

    __slots__ = ("ms", "percentile_share", "tpot_factor", "ttft_factor")

    def __init__(self, objective: Objective) -> None:
        self.ms = (objective.tpot_ms, objective.ttft_ms, objective.e2e_ms)
        self.percentile_share = objective.percentile_share
        self.ttft_factor = factor(TTFT_FACTORS, objective.percentile_share)
        self.tpot_factor = factor(TPOT_FACTORS, objective.percentile_share)


def waiting_room_s(point: OperatingPoint, objective: Objective) -> float:
    """Longest wait for a slot [s] that keeps the TTFT and the end-to-end objective; infinite without either.

    Negative where the point alone already breaks one.  Percentiles of waiting and service are added,
    which is on the safe side: both are seldom late for the same request.
    """
    limits = Limits(objective)
    ttft_ms = float(late_ttft_ms(point.ttft_ms, point.prompt_ms, point.input_scv, objective.percentile_share))
    decode_ms = (point.service_s * 1e3 - point.ttft_ms) * limits.tpot_factor
    return min(objective.ttft_ms - ttft_ms, objective.e2e_ms - ttft_ms - decode_ms) / 1e3
