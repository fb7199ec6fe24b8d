"""Lanes: the latency objective that a replica keeps for all it serves, and which classes may ride on it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from planner.performance.types import Objective
from planner.problem.schema import Slo

PERCENTILE_SHARE = {"mean": 0.5, "p50": 0.5, "p90": 0.90, "p95": 0.95, "p99": 0.99}

MUCH_BURSTIER = 2.0
"""Arrivals this many times as variable as a lane's own do not ride on it: its queue would be made for them."""


def objective_of(slo: Slo) -> Objective:
    """The latency limits of a problem's `slo`; infinity where there is none."""
    return Objective(
        ttft_ms=slo.ttft_ms or math.inf,
        tpot_ms=slo.tpot_ms or math.inf,
        e2e_ms=slo.e2e_ms or math.inf,
        percentile_share=PERCENTILE_SHARE[slo.percentile],
    )


def at_least_as_tight(lane: Objective, own: Objective) -> bool:
    """Whether what keeps `lane` keeps `own` too."""
    unlimited = math.isinf(own.ttft_ms) and math.isinf(own.tpot_ms) and math.isinf(own.e2e_ms)
    return (
        lane.ttft_ms <= own.ttft_ms
        and lane.tpot_ms <= own.tpot_ms
        and lane.e2e_ms <= own.e2e_ms
        and (unlimited or lane.percentile_share >= own.percentile_share)
    )


def most_variable(own: float, riders: Iterable[float]) -> float:
    """The variability of arrivals that a lane's queue is made for: its own, or that of riders not much burstier.

    >>> most_variable(1.0, [1.4, 60.0])
    1.4
    """
    return max(own, *(each for each in riders if each <= MUCH_BURSTIER * own))
