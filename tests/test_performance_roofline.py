"""The roofline alone: its limits worked out by hand, and the laws any such model keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from performance_cards import (
    A100,
    B200,
    DEEPSEEK_V3,
    GPT_OSS_120B,
    H100,
    H200,
    L40S,
    LLAMA_70B,
    PERFECT,
    SOBER,
    V100,
    deployment,
    request,
)

from planner.performance import roofline
from planner.performance.points import position_of
from planner.performance.roofline import Speed
from planner.performance.work import compute_tflops, refuse_precision, stack, unpacks, work

PLAIN = Speed()
LAYERS_B = 68.452  # 70.554 of the 70B without embedding and head, 1.051 each
ALL_GB = LAYERS_B + 1.051 * 2  # read in every step in fp8: layers of one byte, the head of two
PROMPT_MS = 2 * LAYERS_B * 1000 / 1978  # 1,000 tokens at fp8's rate; the head is for one of them
SCORES_MS = 1000 * 500 * 80 * 4 * 64 * 128 / 989e9  # half of all pairs, 80 layers, 64 heads of 128, 16 bits


def tpot_ms(d, n, r=None, physics=PERFECT, speed=PLAIN):
    r = r or request()
    return roofline.tpot_ms(work(d), physics, speed, r.input_tok, r.output_tok, n)


def ttft_ms(d, n, r=None, physics=PERFECT, speed=PLAIN):
    r = r or request()
    step = tpot_ms(d, n, r, physics, speed)
    return roofline.ttft_ms(work(d), physics, speed, r.input_tok, n, step)


def test_one_request_reads_all_weights_once_per_token():
    # 70.554 GB over 3,350 GB/s, 2 x 69.5 GFLOP over 1,978 TFLOPS, and 1.5 tokens of 327,680 bytes
    step = tpot_ms(deployment(LLAMA_70B, H100), 1, request(1, 1))
    expected = ALL_GB / 3350 * 1e3 + 2 * (LAYERS_B + 1.051) / 1978 + 1.5 * 327_680 / 3350e6
    assert step == pytest.approx(expected, rel=1e-3)


def test_the_cache_of_everyone_is_read_in_every_step():
    # 50 requests of 4,000 tokens and half of 96 more, 327,680 bytes each, over 4,800 GB/s; beside it, for each of
    # them, 2 x 69.5 GFLOP
    w = work(deployment(LLAMA_70B, H200))
    alone = roofline.decode_ms(w, PERFECT, PLAIN, 1, 4048, 1.0)
    many = roofline.decode_ms(w, PERFECT, PLAIN, 51, 4048, 1.0)
    cache, arithmetic = 50 * 4048 * 327_680 / 4800e6, 50 * 2 * (LAYERS_B + 1.051) / 1978
    assert many - alone == pytest.approx(cache + arithmetic, rel=1e-3)


def test_a_large_batch_costs_arithmetic():
    # 2 x 69.5 GFLOP for each of 1,024 over 989 TFLOPS
    w = work(deployment(LLAMA_70B, H100, precision="bf16"))
    found = roofline.multiply_ms(w, PERFECT, 1024, PERFECT.decode_flop_share, True)
    assert found == pytest.approx(1024 * 2 * 69.503 / 989, rel=1e-3)


def test_a_prompt_is_read_at_the_matrix_rate_and_looks_at_itself():
    # the weights once, 2 x 68.45 GFLOP x 1,000 over 1,978 TFLOPS, and half of 1,000 x 1,000 pairs
    found = roofline.prefill_ms(work(deployment(LLAMA_70B, H100)), PERFECT, PLAIN, 1000)
    assert found == pytest.approx(ALL_GB / 3350 * 1e3 + PROMPT_MS + SCORES_MS, rel=1e-3)


def test_prompts_of_the_others_land_in_the_time_per_token():
    # each of 30 others brings one prompt per 300 tokens: a tenth of a prompt per step, its arithmetic alone
    d = deployment(LLAMA_70B, H200)
    beside = tpot_ms(d, 31) - roofline.decode_ms(work(d), PERFECT, PLAIN, 31, 1150, 1.0)
    assert beside == pytest.approx(0.1 * (PROMPT_MS + SCORES_MS), rel=1e-3)


def test_prompts_with_a_step_of_their_own_read_the_weights_again():
    # a tenth of a prompt per step, a third of them with the weights (70.554 GB over 4,800 GB/s) and 2 ms of overhead
    d, third = deployment(LLAMA_70B, H200), replace(PERFECT, separate_share=1 / 3)
    more = tpot_ms(d, 31, physics=replace(third, step_ms=2)) - tpot_ms(d, 31, physics=replace(PERFECT, step_ms=2))
    assert more == pytest.approx(0.1 / 3 * (ALL_GB / 4800 * 1e3 + 2), rel=1e-3)


def test_first_token_waits_for_the_step_under_way_and_the_prompts_ahead():
    # 30 ms, 1.8 prompts of one's own and 0.1 of each of 10 others, half a step
    d = deployment(LLAMA_70B, H200)
    slow = replace(PERFECT, first_token_ms=30, own_prompt=1.8, prompts_ahead=0.1)
    prompt = roofline.prefill_ms(work(d), PERFECT, PLAIN, 1000)
    assert ttft_ms(d, 11, physics=slow) == pytest.approx(30 + (1.8 + 1.0) * prompt + tpot_ms(d, 11) / 2)


def test_a_static_batch_is_its_prompts_and_then_its_steps():
    # 8 prompts together, then 299 steps of 8; nobody's prompt comes in between
    w = work(deployment(LLAMA_70B, H200))
    prompts = ALL_GB / 4800 * 1e3 + 8 * (PROMPT_MS + SCORES_MS)
    step = roofline.decode_ms(w, PERFECT, PLAIN, 8, 1150, 1.0)
    found = roofline.static_ms(w, PERFECT, PLAIN, 1000, 300, 8)
    assert found == pytest.approx(prompts + 299 * step, rel=1e-3)


def test_one_request_reads_only_the_experts_it_is_routed_to():
    # 4 of 128 experts of 114.66 x 0.53125 GB; attention 0.956, head 0.579 and 0.056 more (mxfp4) once
    found = roofline.read_ms(work(deployment(GPT_OSS_120B, H100, precision="mxfp4")), PERFECT, 1, 1.0)
    assert found == pytest.approx((114.66 * 0.53125 * 4 / 128 + 2 * (0.956 + 0.579) + 0.03) / 3.35, rel=0.002)


def test_a_batch_reads_distinct_experts_and_similar_tokens_fewer_of_them():
    # 64 tokens of 4 experts each: 1 - (124/128)^64 = 0.869 of all; with 64^0.5 = 8 independent ones 0.224
    w = work(deployment(GPT_OSS_120B, H100, precision="mxfp4"))
    everything_ms, none_ms = (roofline.read_ms(w, PERFECT, n, 1.0) for n in (1e9, 0))
    for spread, share in ((1.0, 0.869), (0.5, 0.224)):
        found = roofline.read_ms(w, PERFECT, 64, spread)
        assert (found - none_ms) / (everything_ms - none_ms) == pytest.approx(share, abs=0.001)


def test_experts_may_be_read_more_slowly_than_what_every_token_needs():
    w = work(deployment(GPT_OSS_120B, H100, precision="mxfp4"))
    always = roofline.read_ms(w, PERFECT, 0, 1.0)
    slow = replace(PERFECT, experts_read_share=0.5)
    fast_ms, slow_ms = (roofline.read_ms(w, p, 1, 1.0) - always for p in (PERFECT, slow))
    assert slow_ms == pytest.approx(2 * fast_ms)


def test_windowed_layers_read_and_score_no_more_than_their_window():
    w = work(deployment(GPT_OSS_120B, H100, precision="mxfp4"))
    # 18 layers keep 10,000 tokens, 18 keep 128
    assert roofline.cached_layers_tok(w, 10_000) == 18 * 10_000 + 18 * 128
    assert roofline.cached_layers_tok(w, 100) == 36 * 100
    # each of 10,000 tokens looks at 5,000 before it, or at 128: 4 x 64 heads x 64 FLOP over 989 TFLOPS
    expected = 10_000 * (18 * 5000 + 18 * 128) * 4 * 64 * 64 / 989e9
    assert roofline.scores_ms(w, PERFECT, 10_000) == pytest.approx(expected)


def test_a_latent_cache_is_arithmetic_too_and_more_gpus_share_that_alone():
    # a million tokens in all: 61 layers x 576 x 2 bytes over 4,800 GB/s on every GPU; 61 x 128 heads x 2 x 1,088
    # FLOP over 989 TFLOPS, shared by 8 GPUs or 16
    cached = 1e6 * 61 * 576 * 2 / 4800e6
    for tp in (8, 16):
        w = work(deployment(DEEPSEEK_V3, H200, tp))
        expected = cached + 1e6 * 61 * 128 * 2 * 1088 / 989e9 / tp
        assert roofline.cache_ms(w, PERFECT, 100, 10_000, PLAIN) == pytest.approx(expected)


def test_copies_of_attention_share_out_a_latent_cache_and_read_attention_whole():
    one, copies = work(deployment(DEEPSEEK_V3, H200, 8)), work(deployment(DEEPSEEK_V3, H200, 8, dp=8))
    assert copies.kv_layer_bytes == one.kv_layer_bytes / 8
    assert copies.attention_gb == 8 * one.attention_gb
    assert copies.routed_gb == one.routed_gb
    # an all-reduce carries the tokens of one copy
    assert roofline.exchange_ms(copies, PERFECT, 800) == pytest.approx(roofline.exchange_ms(one, PERFECT, 100))


def test_all_reduces_wait_longer_over_pcie():
    # two a layer, 80 layers, two doublings to four GPUs
    for gpu, each in ((L40S, SOBER.pcie_all_reduce_ms), (H100, SOBER.all_reduce_ms)):
        four = work(deployment(LLAMA_70B, gpu, 4))
        assert roofline.latency_ms(four, SOBER) == pytest.approx(2 * 80 * 2 * each)
    assert roofline.latency_ms(work(deployment(LLAMA_70B, L40S)), SOBER) == 0


def test_all_reduces_carry_every_token_over_the_link():
    # 100 tokens x 8,192 x 2 bytes, 2 x 3/4 of it for four GPUs, 160 times, over 450 GB/s
    four = work(deployment(LLAMA_70B, H100, 4))
    expected = 100 * 8192 * 2 * 1.5 * 160 / 450e6
    assert roofline.exchange_ms(four, PERFECT, 100) == pytest.approx(expected)
    assert roofline.exchange_ms(work(deployment(LLAMA_70B, H100)), PERFECT, 100) == 0


def test_layers_experts_and_the_scheduler_cost_time_that_moves_nothing():
    # 36 layers x 0.03, 36 with experts x (0.03 + 0.01 where they are spread), 0.8 for the step
    w = work(deployment(GPT_OSS_120B, H100, 2, "mxfp4", ep=2))
    assert roofline.overhead_ms(w, SOBER, PLAIN) == pytest.approx(36 * 0.03 + 36 * 0.04 + 0.8)
    assert roofline.overhead_ms(w, SOBER, Speed(overhead=2)) == pytest.approx(2 * (36 * 0.07 + 0.8))
    # deepseek-v3 has 61 layers, 58 with experts
    dense_first = work(deployment(DEEPSEEK_V3, H200, 8))
    assert roofline.overhead_ms(dense_first, SOBER, PLAIN) == pytest.approx(61 * 0.03 + 58 * 0.03 + 0.8)


def test_pipeline_stages_do_not_shorten_a_token_but_halve_the_batch():
    # two stages read all weights one after the other, for half of the requests at a time
    one = deployment(LLAMA_70B, H200)
    two = replace(one, pp=2)
    assert tpot_ms(two, 1, request(1, 1)) == pytest.approx(tpot_ms(one, 1, request(1, 1)), rel=0.01)
    halved = roofline.decode_ms(work(one), PERFECT, PLAIN, 32, 1150, 1.0)
    assert roofline.decode_ms(work(two), PERFECT, PLAIN, 64, 1150, 1.0) == pytest.approx(halved)


def test_layers_laid_out_one_after_the_other_run_at_the_speed_of_one_gpu():
    split = work(deployment(LLAMA_70B, H200, 4, engine="llama.cpp", split=True))
    one = work(deployment(LLAMA_70B, H200, engine="llama.cpp"))
    assert split == replace(one, chained=4)
    # ... but rows on one GPU and on four are two doublings apart
    apart = position_of(split, np.array([8.0]), 100, 100) - position_of(one, np.array([8.0]), 100, 100)
    assert apart.tolist() == [[0, 0, 0, 2, 0, 0, 0, 0]]


def test_int4_reads_a_quarter_but_is_unpacked_before_it_is_multiplied():
    # layers of 68.452 x (4 + 20/128)/8 GB and a head of 2.102, at 0.9 of the usual pace
    w = work(deployment(LLAMA_70B, H200, precision="int4"))
    packed = replace(PERFECT, packed_read_share=0.9, packed_flop_share=0.8, unpacked_flop_share=0.5)
    expected = (LAYERS_B * 4.15625 / 8 + 2.102) / 0.9 / 4800 * 1e3
    assert roofline.read_ms(w, packed, 1, 1.0) == pytest.approx(expected, rel=1e-3)
    # 2 x 69.5 GFLOP over 989 TFLOPS x 0.8 x 0.5
    assert roofline.multiply_ms(w, packed, 1, 1.0, True) == pytest.approx(2 * 69.503 / 989 / 0.4, rel=1e-3)


@pytest.mark.parametrize(
    ("gpu", "precision", "slower"),
    [(H100, "mxfp4", 1 / 0.8 / 0.5), (B200, "mxfp4", 1 / 0.8), (B200, "fp4", 1 / 0.8), (H100, "fp8", 1)],
)
def test_only_gpus_without_fp4_unpack(gpu, precision, slower):
    w = work(deployment(LLAMA_70B, gpu, precision=precision))
    packed = replace(PERFECT, packed_flop_share=0.8, unpacked_flop_share=0.5)
    plain_ms, packed_ms = (roofline.multiply_ms(w, p, 64, 1.0, True) for p in (PERFECT, packed))
    assert packed_ms / plain_ms == pytest.approx(slower)
    assert unpacks(gpu, precision) == (slower == 1 / 0.8 / 0.5)


def test_an_engine_that_reads_the_cache_for_every_head_reads_it_eight_times():
    # 64 query heads share 8 heads of the cache; where each reads for itself the factor on heads is e
    w = work(deployment(LLAMA_70B, H200))
    once = roofline.cache_ms(w, PERFECT, 50, 1000, PLAIN)
    assert roofline.cache_ms(w, PERFECT, 50, 1000, Speed(heads=np.e)) == pytest.approx(8 * once)


def test_a_slow_engine_is_slow_throughout():
    d, slow = deployment(LLAMA_70B, H200, 2), Speed(time=1.5)
    assert tpot_ms(d, 32, physics=SOBER, speed=slow) == pytest.approx(1.5 * tpot_ms(d, 32, physics=SOBER))


def test_a100_has_no_fp8_and_says_what_it_has():
    refusal = refuse_precision(A100, "fp8")
    assert refusal is not None
    assert refusal.reason == "precision not on this GPU"
    assert "bf16, int8, int4" in refusal.nearest
    with pytest.raises(ValueError, match="no fp8"):
        work(deployment(LLAMA_70B, A100, 2))


def test_nvfp4_needs_fp4_hardware_but_mxfp4_does_not():
    assert compute_tflops(H100, "fp4") is None
    assert compute_tflops(H100, "mxfp4") == 989
    assert compute_tflops(B200, "mxfp4") == 9000


def test_a_gpu_without_bf16_runs_fp16():
    assert compute_tflops(V100, "bf16") == 125


MODELS = st.sampled_from([(LLAMA_70B, "fp8"), (LLAMA_70B, "int4"), (GPT_OSS_120B, "mxfp4"), (DEEPSEEK_V3, "fp8")])
LOADS = {
    "in_flight": st.integers(1, 1000), "input_tok": st.integers(1, 100_000), "output_tok": st.integers(1, 4000),
    "tp": st.sampled_from([1, 2, 4, 8]), "model": MODELS,
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(**LOADS)
def test_everything_slows_with_company_length_and_slower_memory(in_flight, input_tok, output_tok, tp, model):
    d, r = deployment(model[0], H200, tp, model[1]), request(input_tok, output_tok)
    longer = request(input_tok * 1.1, output_tok)
    slower = replace(d, gpu=H200.model_copy(update={"hbm_gb_s": 4000}))
    for latency_ms in (tpot_ms, ttft_ms):
        here = latency_ms(d, in_flight, r, SOBER)
        assert latency_ms(d, in_flight + 1, r, SOBER) > here
        assert latency_ms(d, in_flight, longer, SOBER) >= here
        assert latency_ms(slower, in_flight, r, SOBER) >= here


@settings(max_examples=60, deadline=None)
@given(**LOADS)
def test_hardware_twice_as_fast_halves_all_but_what_moves_nothing(in_flight, input_tok, output_tok, tp, model):
    r = request(input_tok, output_tok)

    def faster(times):
        rates = {"hbm_gb_s", "bf16_tflops", "fp16_tflops", "fp8_tflops", "link_gb_s"}
        return deployment(
            model[0], H200.model_copy(update={x: getattr(H200, x) * times for x in rates}), tp, model[1]
        )  # fmt: skip

    for latency_ms in (tpot_ms, ttft_ms):
        # what is left of it at a billion times the speed is fixed
        fixed = latency_ms(faster(1e9), in_flight, r, SOBER)
        once, twice = (latency_ms(faster(times), in_flight, r, SOBER) for times in (1, 2))
        assert twice - fixed == pytest.approx((once - fixed) / 2, rel=1e-6)
        assert fixed > 0


@settings(max_examples=60, deadline=None)
@given(**LOADS)
def test_more_gpus_never_slow_what_is_read_and_multiplied(in_flight, input_tok, output_tok, tp, model):
    r = request(input_tok, output_tok)
    free = replace(SOBER, all_reduce_ms=0, link_share=1e9)
    one, more = (deployment(model[0], H200, gpus, model[1]) for gpus in (tp, 2 * tp))
    assert tpot_ms(more, in_flight, r, free) <= tpot_ms(one, in_flight, r, free) * (1 + 1e-9)


def test_many_deployments_beside_each_other_are_the_same_as_one_by_one():
    each = [
        deployment(LLAMA_70B, H200, 2),
        deployment(GPT_OSS_120B, H100, 1, "mxfp4"),
        deployment(DEEPSEEK_V3, H200, 8),
    ]
    together = roofline.tpot_ms(
        stack([work(d) for d in each]), SOBER, PLAIN, np.full(3, 1000.0), 300.0, np.full(3, 64.0)
    )
    assert together == pytest.approx([tpot_ms(d, 64, physics=SOBER) for d in each])
