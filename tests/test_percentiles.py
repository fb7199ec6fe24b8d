"""Percentiles and the highest rate, against a simulation of the steps that they approximate.

Bands, p95 and at most 5 late in 100, over the cases below:

* Poisson arrivals, prompts less than a third of a replica's time: TPOT within 6 %, TTFT within 20 % and the whole
  request within 10 % where few wait for a slot; the highest rate within 8 %.
* Arrivals in bursts (gamma gaps, variance 4 times the mean): the highest rate within 8 % where the wait for a slot
  decides.  Bursts shorter than a prompt are not seen: TTFT without a wait comes out up to 45 % low.
* Prompts more than a third: TPOT comes out up to 25 % low, the rate that an objective on TPOT allows up to 35 % high.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from serving_simulation import Requests, Seen, Server, arrivals, lengths, simulate

from planner.performance.percentiles import Latencies, ReplicaCurve, highest_rate, latencies
from planner.performance.queueing import late_share
from planner.performance.types import Objective


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fleet and its requests; scv is variance / mean squared."""

    replicas: int = 1
    slots: int = 32
    input_tok: int = 800
    output_tok: int = 200
    input_scv: float = 1
    output_scv: float = 1
    dispersion: float = 1

    @property
    def server(self) -> Server:
        return Server(slots=self.slots)


ONE = Case()
FOUR = Case(replicas=4)
LARGE = Case(slots=128, input_tok=400, output_tok=300)
ALIKE = Case(input_scv=0, output_scv=0)
UNEVEN = Case(replicas=2, slots=64, input_tok=1500, output_tok=250, input_scv=2, output_scv=2)
SMALL = Case(slots=8, input_tok=2000, output_tok=500)
BURSTS = Case(dispersion=4)
BURSTS_ON_FOUR = Case(replicas=4, dispersion=4)
BURSTS_ALIKE = Case(replicas=2, input_scv=0, output_scv=0, dispersion=4)
PROMPTS = Case(input_tok=4000, output_tok=100)


def requests(case: Case, arrived_s: np.ndarray, rng: np.random.Generator) -> Requests:
    n = len(arrived_s)
    return Requests(
        arrived_s=arrived_s,
        input_tok=lengths(rng, case.input_tok, case.input_scv, n),
        output_tok=lengths(rng, case.output_tok, case.output_scv, n),
    )


@cache
def curve(case: Case) -> ReplicaCurve:
    """As a benchmark measures it: a fixed number in flight, each replaced half a step after it is done."""
    rng, server = np.random.default_rng(3), case.server
    ladder = np.unique(np.geomspace(1, case.slots, 7).round().astype(int))
    tpot, ttft = [], []
    for n in ladder.tolist():
        seen = simulate(replace(server, slots=n), requests(case, np.zeros(1000 + 100 * n), rng))
        decode_ms = seen.e2e_ms - seen.ttft_ms
        tpot.append(decode_ms.sum() / np.nansum(decode_ms / seen.tpot_ms))
        ttft.append((seen.ttft_ms - seen.waited_ms).mean() + (server.step_ms + server.seq_ms * n) / 2)
    every = np.arange(1, case.slots + 1)
    return ReplicaCurve(
        tpot_ms=np.interp(every, ladder, tpot),
        ttft_ms=np.interp(every, ladder, ttft),
        prefill_ms=server.tok_ms * case.input_tok,
        output_tok=case.output_tok,
        input_scv=case.input_scv,
        output_scv=case.output_scv,
        piece_ms=server.tok_ms * server.chunk_tok,
    )


def most_req_s(case: Case) -> float:
    """What full replicas serve."""
    return 1e3 * case.replicas * case.slots / float(curve(case).service_ms(case.slots))


def served(case: Case, req_s: float, n: int = 40_000, seed: int = 5) -> Seen:
    rng = np.random.default_rng(seed)
    return simulate(case.server, requests(case, arrivals(rng, req_s, case.dispersion, n), rng), case.replicas)


def foreseen(case: Case, req_s: float) -> Latencies:
    found = latencies(curve(case), req_s, case.replicas, case.dispersion)
    assert found is not None
    return found


def objective(case: Case, ttft_ms: float, tpot_share: float, percentile_share: float = 0.95) -> Objective:
    """TPOT as a share of that of a full replica."""
    tpot_ms = tpot_share * curve(case).tpot_ms[-1]
    return Objective(ttft_ms=ttft_ms, tpot_ms=tpot_ms, e2e_ms=math.inf, percentile_share=percentile_share)


def late(case: Case, req_s: float, asked: Objective) -> float:
    """Share of simulated requests that miss the objective they miss most often."""
    seen = served(case, req_s)
    tpot_ms = seen.tpot_ms[~np.isnan(seen.tpot_ms)]
    return max(np.mean(seen.ttft_ms > asked.ttft_ms), np.mean(tpot_ms > asked.tpot_ms))


@pytest.mark.parametrize("busy", [0.3, 0.6])
@pytest.mark.parametrize("case", [ONE, FOUR, LARGE, ALIKE, UNEVEN])
def test_percentiles_are_as_in_a_simulation_where_few_wait(case, busy):
    req_s = busy * most_req_s(case)
    seen, found = served(case, req_s), foreseen(case, req_s)
    in_flight = (seen.e2e_ms - seen.waited_ms).mean() / 1e3 * req_s / case.replicas
    assert found.in_flight == pytest.approx(in_flight, rel=0.04)
    assert found.tpot.percentile_ms(0.5) == pytest.approx(np.nanquantile(seen.tpot_ms, 0.5), rel=0.04)
    assert found.tpot.percentile_ms(0.95) == pytest.approx(np.nanquantile(seen.tpot_ms, 0.95), rel=0.06)
    assert found.ttft.percentile_ms(0.5) == pytest.approx(np.quantile(seen.ttft_ms, 0.5), rel=0.20)
    assert found.ttft.percentile_ms(0.95) == pytest.approx(np.quantile(seen.ttft_ms, 0.95), rel=0.20)
    if case.output_scv <= 1:  # beyond, lognormal answers are longer than gamma ones
        assert found.tpot.percentile_ms(0.99) == pytest.approx(np.nanquantile(seen.tpot_ms, 0.99), rel=0.06)
        assert found.e2e.percentile_ms(0.95) == pytest.approx(np.quantile(seen.e2e_ms, 0.95), rel=0.10)


@pytest.mark.parametrize(
    ("case", "ttft_ms", "tpot_share"),
    [
        (ONE, 1000, 1.15),
        (ONE, 400, 0.9),
        (FOUR, 1000, 1.15),
        (FOUR, 3000, 0.8),
        (LARGE, 400, 0.9),
        (ALIKE, 1000, 1.15),
        (UNEVEN, 1000, 1.1),
        (SMALL, 1000, 1.15),
        (BURSTS, 1000, 1.15),
        (BURSTS_ON_FOUR, 1000, 1.15),
        (BURSTS_ALIKE, 1000, 1.15),
        (PROMPTS, 1000, 1.15),
    ],
)
def test_the_highest_rate_is_within_8_percent(case, ttft_ms, tpot_share):
    asked = objective(case, ttft_ms, tpot_share)
    rate = highest_rate(curve(case), asked, case.replicas, case.dispersion)
    assert late(case, rate / 1.08, asked) <= 0.05 < late(case, rate * 1.08, asked)


def test_taking_bursts_for_poisson_would_break_the_objective():
    asked = objective(BURSTS, 1000, 1.15)
    rate = highest_rate(curve(BURSTS), asked)
    # foreseen 10 to 20 % too high, and more than twice as many late as may be
    assert 1.1 < rate / highest_rate(curve(BURSTS), asked, dispersion=BURSTS.dispersion) < 1.3
    assert late(BURSTS, rate, asked) > 0.10


def test_short_bursts_are_seen_in_tpot_but_only_half_in_ttft():
    req_s = 0.6 * most_req_s(BURSTS)
    seen, found = served(BURSTS, req_s), foreseen(BURSTS, req_s)
    assert 0.85 < found.tpot.percentile_ms(0.95) / np.nanquantile(seen.tpot_ms, 0.95) < 1
    assert 0.55 < found.ttft.percentile_ms(0.95) / np.quantile(seen.ttft_ms, 0.95) < 1


@pytest.mark.parametrize("busy", [0.3, 0.45, 0.6])
def test_where_prompts_take_most_of_the_time_tpot_is_up_to_25_percent_low(busy):
    req_s = busy * most_req_s(PROMPTS)
    seen, found = served(PROMPTS, req_s), foreseen(PROMPTS, req_s)
    assert 0.75 < found.tpot.percentile_ms(0.95) / np.nanquantile(seen.tpot_ms, 0.95) < 1.06
    assert 0.90 < found.ttft.percentile_ms(0.95) / np.quantile(seen.ttft_ms, 0.95) < 1.25
    # no step is longer than with a whole piece of a prompt in it
    assert 0.75 < found.tpot.percentile_ms(0.99) / np.nanquantile(seen.tpot_ms, 0.99) < 1.06


def test_where_prompts_take_most_of_the_time_an_objective_on_tpot_is_met_at_three_quarters_of_the_rate():
    asked = objective(PROMPTS, 3000, 0.8)
    rate = highest_rate(curve(PROMPTS), asked)
    assert late(PROMPTS, rate / 1.35, asked) <= 0.05 < late(PROMPTS, rate / 1.15, asked)


FLAT = ReplicaCurve(tpot_ms=np.full(16, 20.0), ttft_ms=np.full(16, 20.0), prefill_ms=0, output_tok=100)
"""A replica as fast when full as when empty, 2 s for a request: the line is then M/M/N."""


@pytest.mark.parametrize("busy", [0.5, 0.8, 0.95])
def test_with_a_flat_curve_waiting_is_erlang_c(busy):
    found = latencies(FLAT, 3 * 16 * busy / 2, replicas=3)
    assert found.waiting_share == pytest.approx(late_share(48, 48 * busy, 0), rel=1e-4)
    assert found.in_flight == pytest.approx(16 * busy, rel=1e-6)
    for wait_s in (0.1, 1):
        # 20 ms are the first token's own; at 39 even the longest of those that do not wait is in time
        assert found.ttft.late_share(39 + 1e3 * wait_s) == pytest.approx(
            late_share(48, 48 * busy, wait_s / 2), rel=0.15, abs=1e-6
        )


def test_bursts_are_foreseen_as_by_the_queue_of_the_plan():
    for busy in (0.7, 0.9):
        found = latencies(FLAT, 3 * 16 * busy / 2, replicas=3, dispersion=4)
        assert found.waiting_share == pytest.approx(late_share(48, 48 * busy, 0, variability=2.5), abs=0.03)


def test_a_higher_rate_makes_nothing_faster():
    seen = [foreseen(ONE, busy * most_req_s(ONE)) for busy in (0.01, 0.2, 0.5, 0.8, 0.95)]
    for law in ("ttft", "tpot", "e2e"):
        for share in (0.5, 0.95, 0.99):
            at = [getattr(each, law).percentile_ms(share) for each in seen]
            assert at == sorted(at)


def test_a_percentile_is_where_so_many_are_late():
    for law in (foreseen(ONE, 5).ttft, foreseen(ONE, 5).tpot, foreseen(ONE, 5).e2e):
        for share in (0.5, 0.95, 0.99):
            limit = law.percentile_ms(share)
            assert law.late_share(limit) <= 1 - share < law.late_share(0.999 * limit) + 0.01


def test_full_replicas_have_no_percentiles():
    assert latencies(curve(ONE), most_req_s(ONE)) is None
    assert latencies(curve(ONE), 2 * most_req_s(ONE)) is None


def test_without_an_objective_only_stability_binds():
    free = Objective(ttft_ms=math.inf, tpot_ms=math.inf, e2e_ms=math.inf, percentile_share=0.95)
    assert highest_rate(curve(FOUR), free, 4) == pytest.approx(0.98 * most_req_s(FOUR))


def test_no_rate_holds_what_one_request_alone_misses():
    # alone, a step takes 12 ms
    assert highest_rate(curve(ONE), replace(objective(ONE, 1000, 1), tpot_ms=11)) == 0


def test_more_replicas_on_one_line_carry_more_each():
    each = [highest_rate(curve(ONE), objective(ONE, 1000, 1.15), n) / n for n in (1, 2, 8)]
    assert each == sorted(each)
    assert each[2] > 1.1 * each[0]
