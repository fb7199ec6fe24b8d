"""The roofline alone: its limits worked out by hand, and the laws any such model keeps."""

from __future__ import annotations

from dataclasses import replace

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
    V100,
    deployment,
    request,
)

from planner.performance.roofline import FITTED, Efficiencies, Roofline, compute_tflops, refuse_precision

PERFECT = Efficiencies(
    weights_read_share=1, kv_read_share=1, prefill_flop_share=1, decode_flop_share=1, all_reduce_ms=0,
    pcie_all_reduce_ms=0, link_share=1, layer_ms=0, step_ms=0, request_ms=0, interference=0,
    first_token_ms=0, own_prompt=1, prompts_ahead=0,
)  # fmt: skip


def tpot_ms(d, concurrency, r=None, efficiencies=FITTED):
    return Roofline(d, efficiencies).curve(r or request()).latencies_ms(concurrency)[0]


def ttft_ms(d, concurrency, r=None, efficiencies=FITTED):
    return Roofline(d, efficiencies).curve(r or request()).latencies_ms(concurrency)[1]


def test_one_request_reads_all_weights_once_per_token():
    # (68.45 + 2 x 1.051 for the head) GB over 3,350 GB/s, and 0.001 GB of cache
    step = tpot_ms(deployment(LLAMA_70B, H100), 1, request(1, 1), PERFECT)
    assert step == pytest.approx((68.45 + 2.102) / 3350 * 1e3, rel=1e-3)


def test_the_cache_of_everyone_is_read_in_every_step():
    # 50 requests of 4,000 + 96/2 tokens x 327,680 bytes, beside the weights
    alone = tpot_ms(deployment(LLAMA_70B, H200), 1, request(4000, 96), PERFECT)
    many = tpot_ms(deployment(LLAMA_70B, H200), 51, request(4000, 96), PERFECT)
    assert many - alone == pytest.approx(50 * 4048 * 327_680 / 4800e9 * 1e3, rel=1e-3)


def test_a_large_batch_is_bound_by_arithmetic():
    # 2 x 69.5 GFLOP for each of 1,024 over 989 TFLOPS, and hardly any cache
    step = tpot_ms(deployment(LLAMA_70B, H100, precision="bf16"), 1024, request(1, 1), PERFECT)
    assert step == pytest.approx(1024 * 2 * 69.5 / 989, rel=0.02)


def test_a_prompt_is_read_at_the_matrix_rate():
    # 2 x 69.5 GFLOP x 1,000 over 1,978 TFLOPS; attention adds under 2 %
    first = ttft_ms(deployment(LLAMA_70B, H100), 1, request(1000, 1), PERFECT)
    decode = tpot_ms(deployment(LLAMA_70B, H100), 1, request(1000, 1), PERFECT)
    assert first - decode / 2 == pytest.approx(1000 * 2 * 69.5 / 1978, rel=0.02)


def test_one_request_reads_only_the_experts_it_is_routed_to():
    # 4 of 128 experts of 114.67 x 0.53125 GB; attention 0.956 and head 0.579 in bf16
    step = tpot_ms(deployment(GPT_OSS_120B, H100, precision="mxfp4"), 1, request(1, 1), PERFECT)
    assert step == pytest.approx((114.67 * 0.53125 * 4 / 128 + 2 * 1.535) / 3350 * 1e3, rel=0.03)


def test_a_batch_reads_more_experts_but_never_more_than_all():
    d = deployment(GPT_OSS_120B, H100, precision="mxfp4")
    steps = [tpot_ms(d, n, request(1, 1), PERFECT) for n in (1, 8, 64)]
    everything = (114.67 * 0.53125 + 2 * 1.535 + 0.1) / 3350 * 1e3
    assert steps[0] < steps[1] < steps[2] < everything


def test_a_windowed_model_slows_less_with_context_than_one_without():
    d = deployment(GPT_OSS_120B, H200, precision="mxfp4")
    whole = replace(d, model=GPT_OSS_120B.model_copy(update={"windowed_layers": 0}))

    def growth(one):
        return tpot_ms(one, 64, request(60_000, 100), PERFECT) - tpot_ms(one, 64, request(1_000, 100), PERFECT)

    # half of the layers see 128 tokens whatever the context
    assert growth(d) == pytest.approx(growth(whole) / 2, rel=0.01)


def test_more_gpus_do_not_speed_up_a_latent_cache():
    def cache_ms(tp):
        d = deployment(DEEPSEEK_V3, H200, tp)
        long, short = request(20_000, 100), request(10_000, 100)
        return tpot_ms(d, 8, long, PERFECT) - tpot_ms(d, 8, short, PERFECT)

    assert cache_ms(16) == pytest.approx(cache_ms(8))


def test_all_reduces_cost_more_over_pcie():
    fast = L40S.model_copy(update={"link": "nvlink", "link_gb_s": 450})
    over_pcie = tpot_ms(deployment(LLAMA_70B, L40S, 4), 32)
    assert over_pcie > 1.2 * tpot_ms(deployment(LLAMA_70B, fast, 4), 32)


def test_pipeline_stages_do_not_shorten_a_step():
    one = deployment(LLAMA_70B, H200, precision="fp8")
    assert tpot_ms(replace(one, pp=2), 1) >= tpot_ms(one, 1) * 0.99


def test_int4_reads_less_but_computes_no_faster():
    int4, bf16 = deployment(LLAMA_70B, H200, 2, "int4"), deployment(LLAMA_70B, H200, 2, "bf16")
    assert tpot_ms(int4, 1) < 0.45 * tpot_ms(bf16, 1)
    assert ttft_ms(int4, 1, request(8000, 10)) > ttft_ms(bf16, 1, request(8000, 10))


def test_a100_has_no_fp8_and_says_what_it_has():
    refusal = refuse_precision(A100, "fp8")
    assert refusal is not None
    assert refusal.reason == "precision not on this GPU"
    assert "bf16, int8, int4" in refusal.nearest
    with pytest.raises(ValueError, match="no fp8"):
        Roofline(deployment(LLAMA_70B, A100, 2))


def test_nvfp4_needs_fp4_hardware_but_mxfp4_does_not():
    assert compute_tflops(H100, "fp4") is None
    assert compute_tflops(H100, "mxfp4") == 0.75 * 989
    assert compute_tflops(B200, "mxfp4") == 9000


def test_a_gpu_without_bf16_runs_fp16():
    assert compute_tflops(V100, "bf16") == 125


@settings(max_examples=60, deadline=None)
@given(
    concurrency=st.integers(1, 1000),
    input_tok=st.integers(1, 100_000),
    output_tok=st.integers(1, 4000),
    tp=st.sampled_from([1, 2, 4, 8]),
)
def test_everything_slows_with_company_length_and_slower_memory(concurrency, input_tok, output_tok, tp):
    d, r = deployment(LLAMA_70B, H200, tp), request(input_tok, output_tok)
    longer = request(input_tok * 1.1, output_tok)
    slower = replace(d, gpu=H200.model_copy(update={"hbm_gb_s": 4000}))
    for latency_ms in (tpot_ms, ttft_ms):
        here = latency_ms(d, concurrency, r)
        assert latency_ms(d, concurrency + 1, r) > here
        assert latency_ms(d, concurrency, longer) >= here
        assert latency_ms(slower, concurrency, r) >= here
