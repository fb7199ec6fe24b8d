"""Percentiles of TTFT, TPOT and the whole request at an arrival rate, and the highest rate that keeps an objective.

Replicas share one line and share the requests evenly; a replica with n in flight runs at the speed of its curve.

* In flight: a birth-death chain whose death rate follows the curve, solved exactly (Kleinrock, Queueing Systems I,
  1975, ch. 3; requests in flight share the processor, so the law of lengths hardly matters: Kelly, Reversibility and
  Stochastic Networks, 1979, ch. 3).  Beyond the last slot it is geometric, so that the wait is exponential.
* Arrivals that are not Poisson come as if in bundles of z = 1 + (I - 1) / (1 + output_scv), their peakedness
  (Hayward's approximation: Fredericks, Bell System Technical Journal 59, 1980), and wait (I + output_scv) / 2 times
  as long (Allen and Cunneen: Allen, Probability, Statistics and Queueing Theory, 1990; Whitt, The queueing network
  analyzer, Bell System Technical Journal 62, 1983).
* TTFT: the wait for a slot, the step under way, one's own prompt and the prompts ahead.  Those ahead are what the
  curve says or a GI/G/1 queue of prompts (Kingman), whichever is more: a curve is measured with a fixed number in
  flight, where arrivals never pile up.
* TPOT: the curve at the number in flight, of which the prompts read meanwhile are by chance more or fewer (compound
  Poisson, slowed by itself); short answers feel that most.  That the number in flight changes during an answer is
  left out: it moves p95 by 1 %.

Lengths and sums are given as gamma laws by mean and variance (Wilson and Hilferty, 1931).  How far all this is from
a simulation of the steps is stated and kept in tests/test_percentiles.py.  Nothing here knows prices or demand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from planner.performance.queueing import STABLE_SHARE
from planner.performance.types import Objective

Floats = NDArray[np.float64]

ATOMS = 96
"""A law is given by so many equally likely values; by fewer where two are combined."""

STATES = 64
"""Numbers in flight are grouped to about so many."""


@dataclass(frozen=True, kw_only=True)
class ReplicaCurve:
    """One replica with one request class; arrays by number in flight, 1 ... slots.  scv: variance / mean squared."""

    tpot_ms: Floats  # mean
    ttft_ms: Floats  # mean, a slot being free
    prefill_ms: float  # reading the mean prompt, alone
    stages: int = 1  # of a pipeline, each of which reads another prompt
    output_tok: float
    input_scv: float = 1.0  # of prompt lengths
    output_scv: float = 1.0  # of answer lengths; 1 is geometric
    piece_ms: float = math.inf  # longest part of a prompt read within one step (chunked prefill)

    def at(self, values: Floats, in_flight: Floats | float) -> Floats:
        """Values of the curve between whole numbers in flight; that of 1 below 1."""
        return np.asarray(np.interp(in_flight, np.arange(1, len(values) + 1), values))

    def service_ms(self, in_flight: Floats | float) -> Floats:
        """Mean time in a slot."""
        return self.at(self.ttft_ms, in_flight) + (self.output_tok - 1) * self.at(self.tpot_ms, in_flight)

    @property
    def full_req_s(self) -> float:
        """What it serves with every slot busy; short answers are bound by the reading of prompts."""
        slots = len(self.tpot_ms)
        return min(slots / float(self.service_ms(slots)), self.stages / self.prefill_ms) * 1e3


@dataclass(frozen=True, kw_only=True)
class Law:
    """A latency: fixed values, some of which have an exponential wait on top [ms]."""

    free_ms: Floats
    free_share: Floats
    queued_ms: Floats
    queued_share: Floats
    wait_ms: float  # mean wait of those that wait

    def late_share(self, limit_ms: float) -> float:
        """Share of requests above the limit."""
        over = np.exp(-np.maximum(0.0, limit_ms - self.queued_ms) / self.wait_ms)
        return float(self.free_share[self.free_ms > limit_ms].sum() + self.queued_share @ over)

    def percentile_ms(self, share: float) -> float:
        """The latency that this share of requests does not exceed."""
        low, high = 0.0, float(max(self.free_ms.max(initial=1.0), self.queued_ms.max(initial=1.0)))
        while self.late_share(high) > 1 - share:
            low, high = high, 2 * high
        while high - low > 1e-5 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if self.late_share(middle) > 1 - share else (low, middle)
        return high


@dataclass(frozen=True, kw_only=True)
class Latencies:
    """What requests see at one arrival rate."""

    ttft: Law
    tpot: Law
    e2e: Law
    in_flight: float  # mean per replica, those in the line not counted
    waiting_share: float  # of requests, for a slot


def latencies(curve: ReplicaCurve, req_s: float, replicas: int = 1, dispersion: float = 1.0) -> Latencies | None:
    """Laws of TTFT, TPOT and the whole request of all `replicas` together; None where the line grows without limit.

    `dispersion` I is the variance of arrivals over their mean, counted over a time in service; 1 is Poisson.
    `e2e` and `tpot` are over all answers, long and short as `output_scv` says.
    """
    slots, c = len(curve.tpot_ms), curve
    share, n, waiting, spare_req_s = _in_flight(curve, req_s / 1e3, replicas, dispersion)
    if spare_req_s <= 0:
        return None
    wait_ms = (dispersion + c.output_scv) / 2 / spare_req_s
    weights = np.append(share, waiting)
    beside = np.append(n, slots - 1)  # in flight beside one's own request
    mean = float(weights @ np.append(n, slots))
    mine = np.minimum(beside + 1, slots)
    each_req_ms = req_s / 1e3 / replicas
    dispersion_each = 1 + (dispersion - 1) / replicas

    step = c.at(c.tpot_ms, mine) * (1 - np.minimum(0.95, (mine - 1) * c.prefill_ms / c.service_ms(mine)))
    own = c.prefill_ms * (1 + step / c.piece_ms)
    busy = np.minimum(0.95, each_req_ms * own / c.stages)
    ahead = busy / (1 - busy) * own * (dispersion_each + c.input_scv) / 2
    ahead = np.maximum(ahead, c.at(c.ttft_ms, mine) - step - own)
    variance = own**2 * c.input_scv + ahead**2 + 2 * ahead * own + step**2 / 12
    ttft = step[:, None] + _gamma(own + ahead, variance)

    def output_tok(atoms: int) -> Floats:
        return np.maximum(1.0, _gamma(c.output_tok, c.output_tok**2 * c.output_scv, atoms))

    tpot = c.at(c.tpot_ms, np.append(n, slots))[:, None]
    reading = min(0.95, each_req_ms * c.prefill_ms / c.stages)
    read = tpot * reading
    noise = c.prefill_ms**2 * (dispersion_each + c.input_scv) * each_req_ms * tpot / output_tok(32) / (1 - reading) ** 2
    written = (tpot - read)[..., None] + np.minimum(c.piece_ms, _gamma(read, noise, 32))
    whole = (step + own + ahead)[:, None] + (output_tok(ATOMS) - 1) * tpot

    def law(values: Floats, queues: bool) -> Law:
        spread = np.broadcast_to(weights.reshape(-1, *[1] * (values.ndim - 1)) / values[0].size, values.shape)
        split = len(share) if queues else len(weights)
        return Law(
            free_ms=values[:split].ravel(),
            free_share=spread[:split].ravel(),
            queued_ms=values[split:].ravel(),
            queued_share=spread[split:].ravel(),
            wait_ms=wait_ms,
        )

    return Latencies(
        ttft=law(ttft, True), tpot=law(written, False), e2e=law(whole, True), in_flight=mean, waiting_share=waiting
    )


def highest_rate(curve: ReplicaCurve, objective: Objective, replicas: int = 1, dispersion: float = 1.0) -> float:
    """The highest arrival rate [req/s] of all replicas together at which the objective holds; 0 if none does.

    Never above 98 % of what full replicas serve, nor of the prompts that they can read (short answers).
    """
    late = 1 - objective.percentile_share

    def holds(req_s: float) -> bool:
        seen = latencies(curve, req_s, replicas, dispersion)
        return seen is not None and all(
            math.isinf(limit) or law.late_share(limit) <= late
            for law, limit in (
                (seen.tpot, objective.tpot_ms),
                (seen.ttft, objective.ttft_ms),
                (seen.e2e, objective.e2e_ms),
            )
        )

    low, high = 0.0, STABLE_SHARE * replicas * curve.full_req_s
    if holds(high):
        return high
    while high - low > 1e-3 * high and high > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _in_flight(
    curve: ReplicaCurve, req_ms: float, replicas: int, dispersion: float
) -> tuple[Floats, Floats, float, float]:
    """Shares of arrivals by number in flight per replica; that number; share that waits; spare req/ms."""
    slots = len(curve.tpot_ms)
    bundles = max(1, round(replicas * slots / (1 + (dispersion - 1) / (1 + curve.output_scv))))
    n: Floats = np.linspace(slots / bundles, slots, bundles)
    ends_ms = replicas * n / curve.service_ms(n)
    spare = float(ends_ms[-1]) - req_ms
    if spare <= 0:
        return np.empty(0), np.empty(0), 1.0, spare
    log_share = np.concatenate(([0.0], np.cumsum(np.log(req_ms / ends_ms))))
    share = np.exp(log_share - log_share.max())
    share[-1] *= ends_ms[-1] / spare
    share /= share.sum()
    waiting, share, n = float(share[-1]), share[:-1], np.append(0.0, n[:-1])
    seen = np.flatnonzero(share > 1e-9)
    if not len(seen):
        return np.zeros(1), np.array([slots - 1.0]), waiting, spare
    starts = np.unique(np.linspace(seen[0], seen[-1], STATES).astype(int))
    total = np.add.reduceat(share[: seen[-1] + 1], starts)
    return total, np.add.reduceat((share * n)[: seen[-1] + 1], starts) / total, waiting, spare


@cache
def _normal(atoms: int) -> Floats:
    return np.array([NormalDist().inv_cdf((i + 0.5) / atoms) for i in range(atoms)])


def _gamma(mean: Floats | float, variance: Floats | float, atoms: int = ATOMS) -> Floats:
    """Equally likely values of a gamma law, along a new last axis."""
    mean = np.maximum(1e-9, np.asarray(mean, dtype=float))[..., None]
    scv = np.minimum(16.0, np.asarray(variance, dtype=float)[..., None] / mean**2)
    values = np.maximum(0.0, 1 - scv / 9 + _normal(atoms) * np.sqrt(scv) / 3) ** 3
    return mean * values / values.mean(axis=-1, keepdims=True)
