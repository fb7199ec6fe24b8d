"""Which benchmark rows count, what each measured, and where its point lies beside the roofline."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from performance_cards import (
    A100,
    B200,
    CARDS,
    CONSTANTS,
    DEEPSEEK_V3,
    GPUS,
    H100,
    H200,
    LLAMA_70B,
    SOBER,
    deployment,
    request,
    row,
)

from planner.performance.observations import EARLY, default_kv_precision, deployment_of, observe
from planner.performance.points import Point, points_of, roofs, speed_of


def observed(**facts):
    return observe([row(**facts)], CARDS, GPUS)


def roofs_of(*points, constants=CONSTANTS):
    found = points_of(points, 0.9)
    return roofs(found, constants.physics, speed_of(found, constants))


def at(in_flight, d=None, r=None, load="serving"):
    return Point(deployment=d or deployment(LLAMA_70B, H100, 2), request=r or request(), in_flight=in_flight, load=load)


def test_a_row_of_fixed_concurrency_tells_both_latencies():
    (o,) = observed(tpot_ms=40, ttft_ms=600)
    assert (o.tpot_ms, o.ttft_ms, o.token_ms, o.own) == (40, 600, None, False)
    assert o.point.in_flight == 64
    assert o.point.deployment == deployment(LLAMA_70B, H100, 2)


def test_a_static_batch_and_full_load_tell_the_time_per_token_of_the_whole_replica():
    # 500 output tokens/s: 2 ms each
    (batch,) = observed(load="static-batch", output_tok_s=500)
    assert (batch.token_ms, batch.tpot_ms, batch.ttft_ms, batch.point.load) == (2, None, None, "static")
    (full,) = observed(load="max-load", concurrency=None, output_tok_s=500)
    assert (full.token_ms, full.point.in_flight, full.point.load) == (2, None, "max")


def test_output_is_its_share_of_all_tokens_where_only_those_are_told():
    # 1,300 tokens/s of 1,000 in and 300 out: 300 of them output
    (o,) = observed(load="static-batch", total_tok_s=1300)
    assert o.token_ms == pytest.approx(1000 / 300)


@pytest.mark.parametrize(
    "facts",
    [
        {"note": "SUSPECT-MTP"},
        {"note": "SPEC-DECODE; one GPU"},
        {"load": "open-loop"},
        {"load": "slo", "slo": "p99 ttft"},
        {"load": "burst"},
        {"concurrency": None},
        {"ttft_ms": None},
        {"load": "static-batch"},
        {"model": "no-such-card"},
        {"gpu": "no-such-gpu"},
        {"gpu": "a100-sxm-80gb"},
        {"gpus": 3, "tp": 3},
        {"gpus": 1, "tp": 1, "precision": "bf16"},
    ],
    ids=str,
)
def test_a_row_that_does_not_count(facts):
    assert observed() != []
    assert observed(**facts) == []


@pytest.mark.parametrize(
    ("gpu", "facts", "why"),
    [
        (A100, {}, "a100-sxm-80gb has no fp8"),
        (H100, {"gpus": 3, "tp": 3}, "3 GPUs do not divide 64 attention heads: no tensor-parallel replica"),
        # 131.4 GiB in bf16, more than 0.97 of 79.65
        (H100, {"gpus": 1, "tp": 1, "precision": "bf16"}, "weights take 131 GiB on each of 1 GPUs of 80 GiB"),
    ],
)
def test_a_row_that_cannot_have_been_run_says_why(gpu, facts, why):
    assert deployment_of(row(**facts), LLAMA_70B, gpu) == why


def test_llama_cpp_lays_layers_out_on_any_number_of_gpus():
    found = deployment_of(row(engine="llama.cpp", gpus=3, tp=3, precision="int4"), LLAMA_70B, H100)
    assert (found.tp, found.pp, found.split) == (3, 1, True)


def test_stages_and_copies_are_taken_where_they_divide_the_gpus():
    found = deployment_of(row(gpus=8, tp=4, pp=2), LLAMA_70B, H100)
    assert (found.tp, found.pp, found.gpus) == (4, 2, 8)
    assert deployment_of(row(gpus=8, tp=8, pp=3), LLAMA_70B, H100).pp == 1
    assert deployment_of(row(gpus=8, tp=1, dp=8, ep=8), DEEPSEEK_V3, H200).dp == 8


def test_the_kv_cache_is_what_engines_do_by_default_unless_a_row_says():
    blackwell = B200.model_copy(update={"architecture": "Blackwell"})
    assert default_kv_precision(H100, "fp8", "vllm") == "bf16"
    assert default_kv_precision(H100, "fp8", "trtllm") == "fp8"
    assert default_kv_precision(H100, "bf16", "trtllm") == "bf16"
    assert default_kv_precision(blackwell, "fp4", "vllm") == "fp8"
    assert deployment_of(row(kv_precision="fp8"), LLAMA_70B, H100).kv_precision == "fp8"


def test_rows_of_an_early_day_are_labeled_so():
    (old,), (new,) = (observed(observed_on=day) for day in (date(2024, 1, 1), EARLY))
    assert old.point.early and not new.point.early
    assert old.point.labels.era != new.point.labels.era


def test_own_rows_are_known_as_such():
    assert [o.own for o in observe([row()], CARDS, GPUS, own=True)] == [True]


# --- where points lie


def test_positions_are_doublings():
    # 64 in flight, 1,024 in, 256 out, 2 GPUs; no experts spread, one copy; 69.5 x 10^9 parameters, 64 heads to 8
    here = points_of([at(64, r=request(1024, 256))], 0.9)
    assert here.position[0] == pytest.approx([6, 10, 8, 1, 0, 0, math.log2(695.03), 3], abs=1e-3)
    # experts spread over GPUs lie two doublings away, 8 copies of attention three
    spread = points_of([at(64, deployment(DEEPSEEK_V3, H200, 8, ep=8, dp=8), request(1024, 256))], 0.9)
    assert spread.position[0, :6].tolist() == [6, 10, 8, 3, 2, 3]


def test_whoever_finds_no_room_waits_whole_answers_for_a_turn():
    # 79.65 x 0.9 - 33.83 - 1.99 leave 35.86 GiB for requests of 1,000 in and 0.6 of 300 out, 0.180 each: 199
    here = points_of([at(199), at(398)], 0.9)
    assert here.fit.tolist() == [199, 199]
    found = roofs(here, SOBER, speed_of(here, CONSTANTS))
    assert found.in_flight.tolist() == [199, 199]
    assert found.tpot_ms[0] == found.tpot_ms[1]
    # twice as many as fit: one turn of 0.9 of an answer
    assert found.ttft_ms[1] - found.ttft_ms[0] == pytest.approx(0.9 * 300 * found.tpot_ms[1])


def test_full_load_is_as_many_as_memory_and_the_engine_take():
    small = deployment(LLAMA_70B, H200, 8)
    found = roofs_of(at(None, load="max"), at(None, small, load="max"), at(64, load="max"))
    assert found.in_flight.tolist() == [199, SOBER.seats, 64]
    assert found.token_ms == pytest.approx(found.tpot_ms / found.in_flight)


def test_a_static_batch_larger_than_memory_is_run_in_parts():
    # 398 of 199 at a time: twice the time for twice the tokens
    found = roofs_of(at(199, load="static"), at(398, load="static"))
    assert found.token_ms[0] == pytest.approx(found.token_ms[1])


def test_time_per_token_of_serving_is_a_request_over_its_tokens_and_company():
    found = roofs_of(at(64))
    assert found.token_ms[0] == pytest.approx((found.ttft_ms[0] + 299 * found.tpot_ms[0]) / (300 * 64))


def test_a_factor_on_one_kind_of_load_leaves_the_others_alone():
    key = "load=static|engine=vllm|vendor=nvidia"
    slow = replace(CONSTANTS, factors={("load", key): 1.5})
    plain, slowed = (roofs_of(at(8, load="static"), at(8), constants=c) for c in (CONSTANTS, slow))
    assert slowed.token_ms[0] == pytest.approx(1.5 * plain.token_ms[0])
    assert slowed.token_ms[1] == plain.token_ms[1]
    assert slowed.tpot_ms == pytest.approx(plain.tpot_ms * [1.5, 1])


def test_points_keep_their_order_when_some_are_taken():
    here = points_of([at(n) for n in (1, 2, 4)] + [at(8, deployment(DEEPSEEK_V3, H200, 8))], 0.9)
    some = here.take(np.array([3, 1]))
    assert some.asked.tolist() == [8, 2]
    assert some.labels == (here.labels[3], here.labels[1])
    assert some.work.layers.tolist() == [61, 80]
