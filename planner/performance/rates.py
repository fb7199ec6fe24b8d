"""The rate at an objective, and the latency at a rate: many replicas behind one queue, for one row of a table."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from planner.performance.constants import Constants
from planner.performance.foreign import Foreign
from planner.performance.memory import max_concurrency
from planner.performance.percentiles import ReplicaCurve, highest_rate, latencies
from planner.performance.replica import Replica
from planner.performance.sources import MEMORY_SHARE, Ratios
from planner.performance.types import Deployment, Objective, Refusal, Source

SEATS = 2048
"""Requests in flight that a tuned submission may ask an engine to hold."""


@dataclass(frozen=True, slots=True)
class Rated:
    """Values with their bands, where they come from, and in words what was chosen."""

    values: dict[str, tuple[float, float, float]]
    source: Source
    words: tuple[str, ...]


def curve_of(replica: Replica, slots: int) -> ReplicaCurve:
    """The replica as the queueing model wants it: latencies at 1 ... slots in flight."""
    n = np.arange(1, slots + 1)
    tpot, _, _ = replica.latencies_ms(n)
    return ReplicaCurve(
        tpot_ms=tpot,
        ttft_ms=replica.steady_ttft_ms(n),
        prefill_ms=replica.prefill_ms,
        stages=replica.deployment.pp,
        output_tok=max(1.0, replica.request.output_tok),
        input_scv=replica.request.input_scv,
    )


def rate_at(u: Foreign, constants: Constants, ratios: Ratios) -> Rated | str:
    """The highest output rate at which the objective holds, of the best of the deployments a row may mean."""
    assert u.asked is not None
    best: tuple[float, Replica, Deployment] | None = None
    why = "no deployment fits"
    for d in u.choices:
        replica = _replica(d, u, constants, ratios)
        if isinstance(replica, str):
            why = replica
            continue
        n = u.replicas(d)
        req_s = highest_rate(curve_of(replica, replica.most), _objective(u), n)
        if best is None or req_s > best[0]:
            best = (req_s, replica, d)
    if best is None:
        return why
    req_s, replica, d = best
    if req_s <= 0:
        return "the objective is not met even by one request alone"
    seen = latencies(curve_of(replica, replica.most), req_s, u.replicas(d))
    in_flight = max(1.0, min(float(replica.most), seen.in_flight if seen else float(replica.most)))
    source, _ = replica.source(in_flight)
    band = replica.band_share("tpot", in_flight, source)
    tok_s = req_s * u.request.output_tok
    words = (f"{u.replicas(d)} x tp {d.tp} behind one queue, p{100 * u.asked.percentile_share:g}",)
    return Rated({"output_tok_s": (tok_s, tok_s / (1 + band), tok_s * (1 + band))}, source, words)


def open_loop(u: Foreign, constants: Constants, ratios: Ratios) -> Rated | str:
    """Latencies at a request rate: the number in flight at which as many end as come (Little 1961).

    Of several deployments that a row may mean, the one on which a request takes least time.
    """
    found = [_open_loop(u, d, constants, ratios) for d in u.choices]
    rated = [each for each in found if not isinstance(each, str)]
    return min(rated, key=lambda each: each[0])[1] if rated else str(found[0])


def _open_loop(
    u: Foreign, d: Deployment, constants: Constants, ratios: Ratios
) -> tuple[tuple[bool, float], Rated] | str:
    """Whether it is overloaded and what a request takes [ms], and the latencies."""
    assert u.req_s is not None
    replica = _replica(d, u, constants, ratios)
    if isinstance(replica, str):
        return replica
    n = np.arange(1, replica.most + 1)
    tpot, ttft, service = replica.latencies_ms(n)
    served = np.minimum(n / service, d.pp / replica.prefill_ms) * 1e3
    enough = np.flatnonzero(served >= u.req_s / u.replicas(d))
    at = int(enough[0]) if len(enough) else replica.most - 1
    source, _ = replica.source(float(n[at]))
    values = {}
    for name, value, quantity in (("tpot_ms", tpot[at], "tpot"), ("ttft_ms", ttft[at], "ttft")):
        band = replica.band_share(quantity, float(n[at]), source)
        values[name] = (float(value), float(value / (1 + band)), float(value * (1 + band)))
    if len(enough):  # what comes is served, whatever the latencies are
        tok_s = u.req_s * u.request.output_tok
        values["output_tok_s"] = (tok_s, tok_s, tok_s)
    else:
        tok_s = float(served[at]) * u.replicas(d) * u.request.output_tok
        band = replica.band_share("tpot", float(n[at]), source)
        values["output_tok_s"] = (tok_s, tok_s / (1 + band), tok_s * (1 + band))
    words = (f"{n[at]} in flight",) if len(enough) else ("more than the replica can take: all slots busy",)
    return (not len(enough), float(service[at])), Rated(values, source, words)


def _objective(u: Foreign) -> Objective:
    assert u.asked is not None
    a = u.asked
    return Objective(
        ttft_ms=a.ttft_ms or math.inf,
        tpot_ms=a.tpot_ms or math.inf,
        e2e_ms=a.e2e_ms or math.inf,
        percentile_share=a.percentile_share,
    )


def _replica(d: Deployment, u: Foreign, constants: Constants, ratios: Ratios) -> Replica | str:
    most = max_concurrency(d, u.request, MEMORY_SHARE)
    if isinstance(most, Refusal):
        return f"{most.reason}: {most.nearest}"
    return Replica(d, u.request, min(most, SEATS), constants, ratios)
