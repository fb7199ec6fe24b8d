"""From means to percentiles: how much room an objective leaves, and how much of it may be spent waiting.

The model and the measured rows speak of means.  The factors are assumptions, no row of the catalog
states both a mean and a percentile; a problem that asks for `mean` or `p50` is not affected by them.
"""

from __future__ import annotations

from bisect import bisect_left

from planner.performance.types import Objective, OperatingPoint

SHARES = (0.5, 0.9, 0.95, 0.99)

TTFT_FACTORS = (1.0, 1.3, 1.5, 2.0)
"""TTFT of p50, p90, p95, p99 over its mean with a slot free: prompts differ in length and meet others' prefill.
1.5 to 2 for p99 is what MLPerf and InferenceX practice suggest; the upper end is taken."""

TPOT_FACTORS = (1.0, 1.05, 1.1, 1.2)
"""The same for TPOT, which is averaged over the hundreds of steps of a request and hardly differs between requests."""


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


def waiting_room_s(point: OperatingPoint, objective: Objective) -> float:
    """Longest wait for a slot [s] that keeps both the TTFT and the end-to-end objective; infinite without either.

    Negative where the point alone already breaks one.  Percentiles of waiting and service are added,
    which is on the safe side: both are seldom late for the same request.
    """
    ttft_ms, e2e_ms = late_ms(point.ttft_ms, point.service_s * 1e3, objective.percentile_share)
    return min(objective.ttft_ms - ttft_ms, objective.e2e_ms - e2e_ms) / 1e3


def late_ms(ttft_ms: float, service_ms: float, percentile_share: float) -> tuple[float, float]:
    """TTFT and end-to-end time [ms] at the percentile, a slot being free."""
    late_ttft_ms = ttft_ms * factor(TTFT_FACTORS, percentile_share)
    decode_ms = (service_ms - ttft_ms) * factor(TPOT_FACTORS, percentile_share)
    return late_ttft_ms, late_ttft_ms + decode_ms
