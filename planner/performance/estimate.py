"""All that is known of one deployment with one request class: its curve, its memory, and the load at an objective.

What `plan estimate` shows, as plain values.  Arrivals are Poisson; prompts and answers vary as the defaults of
`planner.performance.percentiles` say.  Prices and demand are not known here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from planner.performance import Performance
from planner.performance.memory import kv_room_gib, max_concurrency, request_gib
from planner.performance.percentiles import Latencies, Law, ReplicaCurve, highest_rate, latencies
from planner.performance.rates import curve_of
from planner.performance.types import Deployment, Objective, OperatingPoint, Refusal, Request

PERCENTILES = (0.5, 0.95, 0.99)
"""Shown of every latency, beside the percentile of the objective."""

QUIET_SHARE = 0.01
"""Load at which requests seldom meet: what is late here is late at any rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The highest arrival rate that keeps an objective, replicas sharing one queue."""

    replicas: int
    slots: int  # requests let in at once, in each
    req_s: float  # of all replicas together; 0: at no rate is it kept
    low_req_s: float  # both latencies at the slow end of their 80 % bands
    high_req_s: float
    busy_share: float  # of what the replicas serve with every slot busy
    in_flight: float  # mean per replica
    waiting_share: float  # of requests, for a slot
    seen_req_s: float  # where latencies are given: req_s, or next to nothing where that is 0
    ttft_ms: dict[float, float]  # by percentile as a share, ascending
    tpot_ms: dict[float, float]
    e2e_ms: dict[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtObjective:
    """The operating point that keeps an objective with all slots busy, and the load with queueing."""

    objective: Objective
    point: OperatingPoint
    rate: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One deployment with one request class."""

    deployment: Deployment
    request: Request
    most_in_memory: int  # requests whose whole KV cache fits at once
    kv_room_gib: float  # on each GPU
    kv_request_gib: float  # of one request on each GPU, by its last token
    points: tuple[OperatingPoint, ...]  # at 1, 2, 4 ... in flight and the most
    at_objective: AtObjective | Refusal | None  # None: no objective asked

    @property
    def kept(self) -> bool:
        """Whether what was asked can be done at some rate."""
        asked = self.at_objective
        return asked is None or (isinstance(asked, AtObjective) and asked.rate.req_s > 0)


def estimate(
    performance: Performance,
    deployment: Deployment,
    request: Request,
    memory_share: float,
    objective: Objective | None = None,
    replicas: int = 1,
) -> Estimate | Refusal:
    """The estimate, or why the deployment cannot serve one request of this class.

    `memory_share` is the one that `performance` was made with.
    """
    points = performance.curve(deployment, request)
    most = max_concurrency(deployment, request, memory_share)
    if isinstance(points, Refusal):
        return points
    if isinstance(most, Refusal):
        return most
    return Estimate(
        deployment=deployment,
        request=request,
        most_in_memory=most,
        kv_room_gib=kv_room_gib(deployment, memory_share),
        kv_request_gib=request_gib(deployment, request),
        points=tuple(points),
        at_objective=None
        if objective is None
        else _at_objective(performance, deployment, request, objective, replicas),
    )


def _at_objective(
    performance: Performance, deployment: Deployment, request: Request, objective: Objective, replicas: int
) -> AtObjective | Refusal:
    point = performance.operating_point(deployment, request, objective)
    replica = performance.replica(deployment, request)
    if isinstance(point, Refusal):
        return point
    if isinstance(replica, Refusal):
        return replica
    # An engine that is let take all that fits is late more seldom than one that stops where a full house is in time.
    curves = [curve_of(replica, slots) for slots in sorted({point.concurrency, replica.most})]
    curve = max(curves, key=lambda each: highest_rate(each, objective, replicas))

    def highest(tpot_factor: float, ttft_factor: float) -> float:
        slowed = replace(
            curve,
            tpot_ms=curve.tpot_ms * tpot_factor,
            ttft_ms=curve.ttft_ms * ttft_factor,
            prefill_ms=curve.prefill_ms * ttft_factor,
        )
        return highest_rate(slowed, objective, replicas)

    tpot, ttft = 1 + point.tpot_band_share, 1 + point.ttft_band_share
    req_s = highest(1, 1)
    full = replicas * curve.full_req_s
    seen_req_s = req_s or QUIET_SHARE * full
    shares = sorted({*PERCENTILES, objective.percentile_share})
    seen = _latencies(curve, seen_req_s, replicas)
    rate = Rate(
        replicas=replicas,
        slots=len(curve.tpot_ms),
        req_s=req_s,
        low_req_s=min(req_s, highest(tpot, ttft)),
        high_req_s=max(req_s, highest(1 / tpot, 1 / ttft)),
        busy_share=req_s / full,
        in_flight=seen.in_flight,
        waiting_share=seen.waiting_share,
        seen_req_s=seen_req_s,
        ttft_ms=_by_percentile(seen.ttft, shares),
        tpot_ms=_by_percentile(seen.tpot, shares),
        e2e_ms=_by_percentile(seen.e2e, shares),
    )
    return AtObjective(objective=objective, point=point, rate=rate)


def _latencies(curve: ReplicaCurve, req_s: float, replicas: int) -> Latencies:
    found = latencies(curve, req_s, replicas)
    if found is None:
        raise ValueError(f"{req_s:g} requests/s are more than {replicas} replicas serve")
    return found


def _by_percentile(law: Law, shares: Sequence[float]) -> dict[float, float]:
    return {share: law.percentile_ms(share) for share in shares}


def limits_of(objective: Objective) -> dict[str, float]:
    """The limits that are asked for [ms], by what they limit."""
    every = {"ttft": objective.ttft_ms, "tpot": objective.tpot_ms, "e2e": objective.e2e_ms}
    return {what: limit for what, limit in every.items() if not math.isinf(limit)}
