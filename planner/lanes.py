"""Lanes: the latency objective that a replica keeps for all it serves, and which classes may ride on it.

A lane also says how its engines run.  Prefix hits do not: they are of each request, whoever else is served.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from planner.performance.features import Features, Speculative
from planner.performance.types import Objective
from planner.problem.features import EngineFeatures
from planner.problem.workload import Slo, Workload

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


def allowed_features(stated: EngineFeatures) -> tuple[Features, ...]:
    """The ways to run an engine that a workload allows: speculative decoding is a choice, the others are as stated."""
    plain = Features(batching=stated.batching, chunked_prefill=stated.chunked_prefill)
    if stated.speculative is None:
        return (plain,)
    return plain, replace(plain, speculative=Speculative(**stated.speculative.model_dump()))


def lanes_of(workloads: Mapping[str, Workload]) -> dict[tuple[Objective, Features], list[str]]:
    """Every objective with every way to run an engine, and the workloads that have just these."""
    lanes: dict[tuple[Objective, Features], list[str]] = {}
    for name, workload in workloads.items():
        for features in allowed_features(workload.features):
            lanes.setdefault((objective_of(workload.slo), features), []).append(name)
    return lanes


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
