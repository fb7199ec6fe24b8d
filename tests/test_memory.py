"""What a replica holds: sizes worked out by hand or published, and who is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from performance_cards import (
    B200,
    DEEPSEEK_V3,
    GPT_OSS_120B,
    H100,
    H200,
    LLAMA_3B,
    LLAMA_70B,
    deployment,
    request,
)

from planner.performance import memory
from planner.performance.types import Refusal


def gb(model, precision):
    return memory.weights_gib(model, precision) * 2**30 / 1e9


@pytest.mark.parametrize(
    ("model", "precision", "published_gb"),
    [
        (LLAMA_70B, "bf16", 141.1),      # 70.554 x 2
        (LLAMA_70B, "fp8", 72.7),        # 68.45 x 1 + embedding and head 2 x 1.051 x 2
        (LLAMA_70B, "int4", 39.8),       # 68.45 x 0.5195 + 4.2
        (LLAMA_70B, "fp4", 42.7),        # 68.45 x 0.5625 + 4.2
        (GPT_OSS_120B, "mxfp4", 65.2),   # experts 114.67 x 0.53125 + the rest in bf16
        (DEEPSEEK_V3, "fp8", 672.9),     # 671.03 + a byte more for 2 x 0.927
    ],
)  # fmt: skip
def test_weights_are_as_large_as_published_checkpoints(model, precision, published_gb):
    assert gb(model, precision) == pytest.approx(published_gb, rel=0.01)


def test_a_tied_head_is_stored_once():
    # 3.213 in all: layers 2.819 in fp8 and one matrix of 0.394 in bf16
    assert gb(LLAMA_3B, "fp8") == pytest.approx(2.819 + 0.394 * 2, rel=1e-3)
    assert memory.parameters(LLAMA_3B).embedding == 0


def test_every_parameter_is_counted_once():
    for model in (LLAMA_70B, GPT_OSS_120B, DEEPSEEK_V3, LLAMA_3B):
        p = memory.parameters(model)
        assert p.embedding + p.active + p.routed == pytest.approx(model.params_total_b)


def test_latent_attention_keeps_one_latent_and_not_heads():
    # 61 layers x (512 + 64) x 2 bytes
    assert memory.kv_bytes_per_tok(DEEPSEEK_V3, "bf16") == 70_272


def test_a_windowed_layer_holds_no_more_than_its_window():
    # 18 layers hold 10,000 tokens and 18 hold 128, of 1,024 elements x 1 byte
    expected = 1024 * (18 * 10_000 + 18 * 128)
    assert memory.kv_bytes(GPT_OSS_120B, "fp8", 10_000) == expected
    assert memory.kv_bytes(GPT_OSS_120B, "fp8", 100) == 1024 * 36 * 100


def test_kv_heads_are_shared_out_then_repeated():
    assert memory.kv_rank_share(LLAMA_70B, 4) == 1 / 4
    assert memory.kv_rank_share(LLAMA_70B, 8) == 1 / 8
    assert memory.kv_rank_share(LLAMA_70B, 16) == 1 / 8


def test_a_latent_cache_is_whole_on_every_gpu():
    assert memory.kv_rank_share(DEEPSEEK_V3, 8) == 1


def test_vllm_keeps_memory_for_a_sampling_step_of_every_seat():
    # 0.5 GiB, and 256 seats x 128,256 words x 39 bytes; 0.3 GiB more where GPUs talk; 1,024 seats take four times that
    one = deployment(LLAMA_70B, H200)
    sampler = 256 * 128_256 * 39 / 2**30
    assert memory.reserve_gib(one) == pytest.approx(0.5 + sampler)
    assert memory.reserve_gib(replace(one, tp=2)) == pytest.approx(0.8 + sampler)
    assert memory.reserve_gib(replace(one, pp=2)) == pytest.approx(0.8 + sampler)
    assert memory.reserve_gib(one, seats=1024) == pytest.approx(0.5 + 4 * sampler)


def test_sglang_keeps_one_gib_beside_its_share_of_the_memory():
    assert memory.reserve_gib(deployment(LLAMA_70B, H200, engine="sglang")) == 1.0


def test_other_engines_keep_three_gib_or_a_twentieth_of_the_weights():
    # 671.95 GiB in fp8 over 8 GPUs are 78.3 on each, a twentieth of it 3.9; 33.8 GiB on each of two keep 3
    assert memory.reserve_gib(deployment(LLAMA_70B, H200, 2, engine="trtllm")) == 3
    assert memory.reserve_gib(deployment(DEEPSEEK_V3, H200, 8, engine="trtllm")) == pytest.approx(3.92, abs=0.01)


def test_concurrency_is_room_over_one_request():
    d = deployment(LLAMA_70B, H200)
    # usable 140.4 x 0.9, weights 72.65e9 / 2^30 = 67.66, reserve 0.5 + 256 x 128,256 x 39 / 2^30 = 1.69
    room = 140.4 * 0.9 - 67.66 - 1.69
    one = 327_680 * 1300 / 2**30
    assert memory.kv_room_gib(d, 0.9) == pytest.approx(room, abs=0.01)
    assert memory.max_concurrency(d, request(1000, 300), 0.9) == int(room / one)


def test_an_fp8_cache_holds_twice_the_requests():
    wide = memory.max_concurrency(deployment(LLAMA_70B, H200), request(), 0.9)
    narrow = memory.max_concurrency(deployment(LLAMA_70B, H200, kv_precision="fp8"), request(), 0.9)
    assert narrow in (2 * wide, 2 * wide + 1)


def test_copies_of_attention_share_out_a_latent_cache_that_tensor_parallelism_repeats():
    whole = deployment(DEEPSEEK_V3, H200, 8)
    assert memory.request_gib(replace(whole, dp=8), request()) == pytest.approx(
        memory.request_gib(whole, request()) / 8
    )


def test_layers_laid_out_one_after_the_other_share_out_the_cache_by_layers():
    # three GPUs do not divide eight heads; layers they do
    split = deployment(LLAMA_70B, H100, 3, "int4", engine="llama.cpp", split=True)
    assert memory.request_gib(split, request()) == pytest.approx(327_680 * 1300 / 2**30 / 3)


def test_pipeline_stages_share_out_weights_and_cache():
    two = deployment(LLAMA_70B, H100, tp=2, precision="bf16")
    stages = replace(two, tp=1, pp=2)
    assert memory.kv_room_gib(stages, 0.9) == memory.kv_room_gib(two, 0.9)
    assert memory.request_gib(stages, request()) == memory.request_gib(two, request())


def test_weights_that_do_not_fit_say_by_how_much():
    refusal = memory.max_concurrency(deployment(LLAMA_70B, H100, precision="bf16"), request(), 0.9)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "weights do not fit"
    # 131.42 + 1.69 GiB against 79.65 x 0.9
    assert refusal.shortfall == pytest.approx((131.42 + 1.69) / 71.685, rel=1e-3)


def test_a_request_longer_than_the_room_says_by_how_much():
    refusal = memory.max_concurrency(deployment(LLAMA_70B, H100), request(100_000, 100), 0.9)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "no room for one request"
    assert refusal.shortfall > 10


def test_deepseek_in_fp4_fits_four_b200_and_not_two():
    # 671 GB x 0.56 is about 400 GB: 93 GiB on each of four, 186 on each of two
    assert isinstance(memory.max_concurrency(deployment(DEEPSEEK_V3, B200, 4, "fp4"), request(), 0.9), int)
    assert isinstance(memory.max_concurrency(deployment(DEEPSEEK_V3, B200, 2, "fp4"), request(), 0.9), Refusal)
