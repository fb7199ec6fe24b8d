"""Operating points: the largest concurrency that fits and meets the objective, or why there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from performance_cards import (
    A100,
    CARDS,
    CONSTANTS,
    GPT_OSS_120B,
    GPUS,
    H100,
    H200,
    L40S,
    LLAMA_70B,
    deployment,
    objective,
    request,
    row,
)

from planner.performance import MAX_CONCURRENCY, SOURCES, Performance, roofline
from planner.performance.constants import labels_of, shipped_constants
from planner.performance.memory import max_concurrency
from planner.performance.tails import waiting_room_s
from planner.performance.types import OperatingPoint, Refusal
from planner.performance.work import work
from planner.problem import schema

TWO_H100 = deployment(LLAMA_70B, H100, 2)


def estimates(rows=(), **more) -> Performance:
    """With these measured rows; the engine may use 90 % of the memory."""
    return Performance(CARDS, GPUS, rows, 0.9, **({"constants": CONSTANTS} | more))


@pytest.fixture
def performance() -> Performance:
    """No measured rows."""
    return estimates()


def test_without_an_objective_memory_is_the_limit(performance):
    point = performance.operating_point(TWO_H100, request(), objective())
    assert point.concurrency == max_concurrency(TWO_H100, request(), 0.9)


def test_short_requests_stop_at_what_an_engine_holds(performance):
    point = performance.operating_point(deployment(LLAMA_70B, H200, 8), request(50, 50), objective())
    assert point.concurrency == MAX_CONCURRENCY


def test_however_many_wait_prompts_are_read_one_after_the_other(performance):
    # an answer of one token: 1,000 / the time of one prompt, although more are in flight
    replica = performance.replica(TWO_H100, request(4000, 1))
    alone = roofline.prefill_ms(work(TWO_H100), CONSTANTS.physics, CONSTANTS.speed(labels_of(TWO_H100)), 4000)
    point = replica.point(8)
    assert point.req_s == pytest.approx(1000 / alone)
    assert point.req_s < 8 / point.service_s


def test_a_point_is_consistent_with_itself(performance):
    p = performance.operating_point(TWO_H100, request(1000, 300), objective(tpot_ms=40))
    assert p.service_s == pytest.approx((p.ttft_ms + 299 * p.tpot_ms) / 1e3)
    assert p.req_s == pytest.approx(p.concurrency / p.service_s)


def test_the_curve_doubles_up_to_what_fits(performance):
    # 79.65 x 0.9 - 33.83 of weights - 1.99 of the engine leave 35.86 GiB per GPU; 1,300 tokens take 0.198 on each
    curve = performance.curve(TWO_H100, request())
    assert [p.concurrency for p in curve] == [1, 2, 4, 8, 16, 32, 64, 128, 180]
    rates = [p.req_s for p in curve]
    assert rates == sorted(rates)


@settings(max_examples=60, deadline=None)
@given(
    limit=st.sampled_from(["tpot_ms", "ttft_ms", "e2e_ms"]),
    slack=st.floats(1.05, 4),
    share=st.sampled_from([0.5, 0.9, 0.95, 0.99]),
    tp=st.sampled_from([2, 4, 8]),
    model=st.sampled_from([(LLAMA_70B, "fp8"), (GPT_OSS_120B, "mxfp4")]),
)
def test_an_objective_is_met_and_a_looser_one_admits_no_fewer(limit, slack, share, tp, model):
    performance, r = estimates(), replace(request(2000, 400), input_scv=0.0)
    d = deployment(model[0], H100, tp, model[1])
    alone = performance.curve(d, r)[0]
    # prompts alike: twice the mean of a lone request leaves room for the factor of any percentile
    value = {"tpot_ms": alone.tpot_ms, "ttft_ms": alone.ttft_ms, "e2e_ms": alone.service_s * 1e3}[limit]
    wanted = objective(share=share, **{limit: 2 * slack * value})
    found = performance.operating_point(d, r, wanted)
    assert isinstance(found, OperatingPoint)
    assert found.tpot_ms <= wanted.tpot_ms
    assert waiting_room_s(found, wanted) >= 0
    looser = performance.operating_point(d, r, replace(wanted, **{limit: 3 * slack * value}))
    assert looser.concurrency >= found.concurrency


def test_the_largest_concurrency_is_found_exactly(performance):
    # against trying every concurrency in turn
    wanted = objective(tpot_ms=40, ttft_ms=2000, share=0.95)
    found = performance.operating_point(TWO_H100, request(), wanted)
    replica = performance.replica(TWO_H100, request())
    each = np.arange(1, replica.most + 1)
    tpot, ttft, _ = replica.latencies_ms(each)
    assert found.concurrency == each[(tpot * 1.1 <= 40) & (ttft * 1.5 <= 2000)].max()
    assert 1 < found.concurrency < replica.most


def test_a_tighter_percentile_admits_fewer(performance):
    found = [
        performance.operating_point(TWO_H100, request(), objective(tpot_ms=35, share=share)).concurrency
        for share in (0.5, 0.9, 0.95, 0.99)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_what_the_objective_leaves_is_room_for_waiting(performance):
    wanted = objective(ttft_ms=2000, tpot_ms=40, share=0.95)
    point = performance.operating_point(TWO_H100, request(), wanted)
    # p95 of TTFT is taken as 1.5 x its mean
    alike = replace(point, input_scv=0.0)
    assert waiting_room_s(alike, wanted) == pytest.approx((2000 - 1.5 * point.ttft_ms) / 1e3)
    # where the prompt is all of TTFT, the long prompt counts: 1000 + (2.968 - 1) x 1000, of 3000 ms
    long = replace(point, ttft_ms=1000, prompt_ms=1000, input_scv=1.0)
    assert waiting_room_s(long, objective(ttft_ms=3000, share=0.95)) == pytest.approx(0.032, abs=1e-3)
    # and where all prompts are alike, the factor alone
    assert waiting_room_s(replace(long, input_scv=0.0), objective(ttft_ms=3000, share=0.95)) == 1.5
    assert waiting_room_s(point, objective(tpot_ms=40)) == float("inf")


def test_a_slow_measured_row_costs_rate():
    wanted = objective(tpot_ms=60)
    modeled = estimates().operating_point(TWO_H100, request(), wanted)
    measured = estimates([row(tpot_ms=80)]).operating_point(TWO_H100, request(), wanted)
    assert measured.source == "measured"
    assert measured.req_s < modeled.req_s


def test_the_band_of_a_rate_lies_between_those_of_its_latencies(performance):
    # all parts of the prior: sqrt(0.132) x 1.28 deviations on TPOT and TTFT alike
    point = performance.operating_point(TWO_H100, request(), objective())
    wide = np.exp(1.28 * 0.132**0.5) - 1
    assert point.tpot_band_share == pytest.approx(wide)
    assert point.ttft_band_share == pytest.approx(wide)
    assert point.high_share == pytest.approx(1 + wide)
    assert point.low_share == pytest.approx(1 / (1 + wide))


def test_what_dominates_the_request_dominates_its_band():
    bands = {(q, s): 3.0 if q == "ttft" else 1.28 for q, s in CONSTANTS.bands}
    performance = estimates(constants=replace(CONSTANTS, bands=bands))
    long, short = (performance.curve(TWO_H100, request(1000, n))[0] for n in (4000, 2))
    assert long.high_share - 1 == pytest.approx(long.tpot_band_share, rel=0.02)
    assert short.high_share > 1 + 1.5 * short.tpot_band_share


def test_the_shipped_constants_are_those_that_count_where_none_are_given():
    here, there = (Performance(CARDS, GPUS, [], 0.9, constants=c) for c in (None, shipped_constants()))
    assert here.curve(TWO_H100, request()) == there.curve(TWO_H100, request())


@pytest.mark.parametrize(
    ("d", "r", "wanted", "reason"),
    [
        (deployment(LLAMA_70B, A100, 2), request(), objective(), "precision not on this GPU"),
        (deployment(LLAMA_70B, H100, 8), request(131_000, 100), objective(), "longer than the context"),
        (deployment(LLAMA_70B, H100, 1, "bf16"), request(), objective(), "weights do not fit"),
        (deployment(LLAMA_70B, H100, 1), request(8000, 500), objective(), "no room for one request"),
        (deployment(LLAMA_70B, L40S, 4), request(), objective(tpot_ms=20), "too slow per token"),
        (TWO_H100, request(20_000, 10), objective(ttft_ms=500), "too slow to first token"),
        (TWO_H100, request(1000, 1000), objective(e2e_ms=5000), "too slow end to end"),
    ],
)
def test_a_refusal_names_its_reason_and_what_is_missing(performance, d, r, wanted, reason):
    refusal = performance.operating_point(d, r, wanted)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason
    assert refusal.shortfall > 1
    assert d.gpu.name in refusal.nearest or d.model.name in refusal.nearest


def test_a_refusal_for_latency_says_what_one_request_takes(performance):
    refusal = performance.operating_point(TWO_H100, request(), objective(tpot_ms=10))
    alone = performance.curve(TWO_H100, request())[0].tpot_ms
    assert refusal.nearest == f"2 x h100-sxm: {alone:.0f} ms per token for one request alone, 10 asked"
    assert refusal.shortfall == pytest.approx(alone / 10)


def test_two_gpus_of_one_name_are_not_mistaken_for_each_other(performance):
    half = deployment(LLAMA_70B, H100.model_copy(update={"hbm_gb_s": 1675}), 2)
    fast = performance.curve(TWO_H100, request())[0]
    slow = performance.curve(half, request())[0]
    assert slow.tpot_ms > 1.5 * fast.tpot_ms


def test_the_same_question_gets_the_same_answer(performance):
    asked = (TWO_H100, request(), objective(tpot_ms=40))
    assert performance.operating_point(*asked) == performance.operating_point(*asked)


def test_every_source_has_a_band_and_a_share_that_is_relied_on():
    assert {source for _, source in CONSTANTS.bands} == set(SOURCES)
    derates = {name.removeprefix("derate_") for name in schema.Performance.model_fields}
    assert derates >= set(SOURCES)
