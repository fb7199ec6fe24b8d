"""GPUs, models, rows and constants for performance tests, written out so that the catalogs may change freely."""

from __future__ import annotations

from datetime import date

from planner.catalog.rows import Benchmark, Gpu, ModelCard
from planner.performance.constants import Constants
from planner.performance.roofline import Physics
from planner.performance.types import Deployment, Objective, Request

SEEN = {"source": "written for tests", "observed_on": date(2026, 11, 1)}
INFINITE = float("inf")


def gpu(name: str, memory_gib: float, hbm_gb_s: float, bf16_tflops: float | None, **more: object) -> Gpu:
    facts = {
        "vendor": "nvidia", "architecture": "test", "link_gb_s": 450, "link": "nvlink", "evidence": "read",
        "fp16_tflops": bf16_tflops, **SEEN, **more,
    }  # fmt: skip
    return Gpu(name=name, memory_gib=memory_gib, hbm_gb_s=hbm_gb_s, bf16_tflops=bf16_tflops, **facts)


H100 = gpu("h100-sxm", 79.65, 3350, 989, fp8_tflops=1978, int8_tops=1978)
H200 = gpu("h200-sxm", 140.4, 4800, 989, fp8_tflops=1978, int8_tops=1978)
A100 = gpu("a100-sxm-80gb", 80.0, 2039, 312, int8_tops=624, link_gb_s=300)
B200 = gpu("b200-sxm", 179.06, 7700, 2250, fp8_tflops=4500, fp4_tflops=9000, int8_tops=4500)
L40S = gpu("l40s", 44.99, 864, 362, fp8_tflops=733, int8_tops=733, link_gb_s=32, link="pcie")
V100 = gpu("v100-sxm", 31.73, 900, None, fp16_tflops=125, link_gb_s=150)


def card(name: str, **facts: object) -> ModelCard:
    return ModelCard(name=name, hf_id=f"test/{name}", family=name, evidence="read", **SEEN, **facts)


LLAMA_70B = card(
    "llama-3.1-70b", architecture="llama-70b", params_total_b=70.554, params_active_b=70.554,
    params_attention_b=12.08, params_embedding_b=1.051, layers=80, hidden=8192, heads=64, kv_heads=8,
    head_dim=128,
    ffn=28672, vocab=128256, context_tok=131072, attention="gqa", kv_elements_per_layer=2048,
)  # fmt: skip
GPT_OSS_120B = card(
    "gpt-oss-120b", architecture="gpt-oss-120b", params_total_b=116.83, params_active_b=5.13,
    params_attention_b=0.956, params_embedding_b=0.579, layers=36, hidden=2880, heads=64, kv_heads=8,
    head_dim=64,
    ffn=2880, vocab=201088, context_tok=131072, attention="gqa", experts=128, experts_per_tok=4, moe_ffn=2880,
    window_tok=128, windowed_layers=18, kv_elements_per_layer=1024, native_precision="mxfp4",
)  # fmt: skip
DEEPSEEK_V3 = card(
    "deepseek-v3", architecture="deepseek-v3", params_total_b=671.026, params_active_b=37.55,
    params_attention_b=11.413, params_embedding_b=0.927, layers=61, hidden=7168, heads=128, kv_heads=128,
    head_dim=192, ffn=18432, vocab=129280, context_tok=163840, attention="mla", experts=256,
    experts_per_tok=8,
    moe_ffn=2048, shared_expert_ffn=2048, dense_layers=3, kv_elements_per_layer=576, native_precision="fp8",
)  # fmt: skip
LLAMA_3B = card(
    "llama-3.2-3b", architecture="llama-3.2-3b", params_total_b=3.213, params_active_b=3.213,
    params_attention_b=0.705, params_embedding_b=0.394, layers=28, hidden=3072, heads=24, kv_heads=8,
    head_dim=128,
    ffn=8192, vocab=128256, context_tok=131072, attention="gqa", kv_elements_per_layer=2048,
)  # fmt: skip


def deployment(model: ModelCard, gpu: Gpu, tp: int = 1, precision: str = "fp8", **more: object) -> Deployment:
    facts = {"kv_precision": "bf16", "engine": "vllm", **more}
    return Deployment(model=model, gpu=gpu, tp=tp, precision=precision, **facts)


def request(input_tok: float = 1000, output_tok: float = 300) -> Request:
    return Request(input_tok=input_tok, output_tok=output_tok)


def objective(
    ttft_ms: float = INFINITE, tpot_ms: float = INFINITE, e2e_ms: float = INFINITE, share: float = 0.5
) -> Objective:
    return Objective(ttft_ms=ttft_ms, tpot_ms=tpot_ms, e2e_ms=e2e_ms, percentile_share=share)


def row(**facts: object) -> Benchmark:
    """70B in fp8 on two H100 with vLLM: 64 in flight, 1,000 in, 300 out, 40 ms per token."""
    measured = {
        "model": "llama-3.1-70b", "gpu": "h100-sxm", "gpus": 2, "tp": 2, "precision": "fp8", "engine": "vllm",
        "input_tok": 1000, "output_tok": 300, "concurrency": 64, "load": "closed-loop", "ttft_ms": 600,
        "tpot_ms": 40, **SEEN,
    }  # fmt: skip
    return Benchmark(**(measured | facts))


GPUS = {g.name: g for g in (H100, H200, A100, B200, L40S, V100)}
CARDS = {m.name: m for m in (LLAMA_70B, GPT_OSS_120B, DEEPSEEK_V3, LLAMA_3B)}

PERFECT = Physics(
    weights_read_share=1, experts_read_share=1, cache_read_share=1, prefill_flop_share=1, decode_flop_share=1,
    latent_flop_share=1, packed_read_share=1, packed_flop_share=1, unpacked_flop_share=1, all_reduce_ms=0,
    pcie_all_reduce_ms=0, link_share=1, layer_ms=0, expert_layer_ms=0, expert_parallel_ms=0, step_ms=0,
    request_ms=0, separate_share=0, routing_spread=1, same_prompt_spread=1, first_token_ms=0, own_prompt=1,
    prompts_ahead=0, seats=512,
)  # fmt: skip
"""The whole of the data sheet, and nothing beside: answers that can be worked out on paper."""

SOBER = Physics(
    weights_read_share=0.8, experts_read_share=0.7, cache_read_share=0.65, prefill_flop_share=0.65,
    decode_flop_share=0.6, latent_flop_share=0.35, packed_read_share=1, packed_flop_share=0.85,
    unpacked_flop_share=0.75, all_reduce_ms=0.006, pcie_all_reduce_ms=0.03, link_share=0.45, layer_ms=0.03,
    expert_layer_ms=0.03, expert_parallel_ms=0.01, step_ms=0.8, request_ms=0.004, separate_share=0.33,
    routing_spread=0.85, same_prompt_spread=0.3, first_token_ms=30, own_prompt=1.8, prompts_ahead=0.09, seats=512,
)  # fmt: skip
"""About what hardware reaches; round, and never what the shipped file says today."""

ONE_QUANTITY = {
    "model": 0.01, "model, smooth": 0.03, "configuration": 0.0, "configuration, smooth": 0.05,
    "configuration, near": 0.04, "hardware, smooth": 0.0, "row": 0.002,
}  # fmt: skip
"""Variances of a logarithm: 0.13 beside the scatter of a row, 0.04 of it shared by all GPUs."""

CONSTANTS = Constants(
    physics=SOBER,
    factors={},
    variances={(q, part): v for q in ("tpot", "ttft", "throughput") for part, v in ONE_QUANTITY.items()},
    bands={(q, s): 1.28 for q in ("tpot", "ttft", "throughput") for s in ("measured", "corrected", "modeled")},
)
