"""What a replica must read, multiply and send: plain numbers from a model card and a GPU row.

No efficiency is known here and no time comes out: `planner.performance.roofline` turns work into time.
A field is a number for one deployment, or an array where `stack` has put many beside each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from planner.catalog.rows import Gpu, Precision
from planner.performance import memory
from planner.performance.types import Deployment, Refusal

MLA_READ = 576 + 512
"""Multiply-adds of latent attention per head and cached token: scores over latent and rotary part, values over the
latent (DeepSeek-V2, arXiv 2405.04434, section 2.1, with the up-projections absorbed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One replica.  `gpus` are those of one pipeline stage; weights in 10^9 bytes, parameters in 10^9."""

    gpus: Any
    stages: Any
    chained: Any  # GPUs that run their layers one after the other; 1 where all work at once
    copies: Any  # replicas of attention inside the replica (attention data parallel)
    expert_parallel: Any  # 1 where experts are spread over GPUs, else 0
    layers: Any
    expert_layers: Any
    hidden: Any
    attention_gb: Any
    dense_gb: Any  # feed-forward layers, shared experts and head
    routed_gb: Any
    attention_b: Any
    dense_b: Any
    head_b: Any
    routed_b: Any  # experts that one token is routed to
    miss_share: Any  # share of experts that one token does not need; 0 without experts
    full_layers: Any  # layers whose cache grows with the context
    windowed_layers: Any
    window_tok: Any
    kv_layer_bytes: Any  # cache of one token in one layer, on one GPU of the replica
    heads_per_group: Any  # query heads that share one head of the cache; 1 for a latent cache
    latent_gflop_tok: Any  # arithmetic per cached token of latent attention; 0 elsewhere
    score_gflop_layer_tok: Any  # scores and values per pair of tokens and layer
    tflops: Any
    half_tflops: Any
    hbm_gb_s: Any
    link_gb_s: Any
    pcie: Any  # 1 where GPUs meet over PCIe, else 0
    packed: Any  # 1 where weights have four bits, else 0
    unpacked: Any  # 1 where four-bit weights are unpacked to 16 bits first, else 0


def compute_tflops(gpu: Gpu, precision: Precision) -> float | None:
    """Dense matrix rate of one GPU at a weight precision [TFLOPS]; None where it cannot run it.

    bf16 weights run as fp16 on a GPU without bf16.  int4 is weight-only everywhere.  mxfp4 uses fp4
    hardware where there is some and 16-bit activations elsewhere, as gpt-oss does on Hopper.
    """
    half = gpu.bf16_tflops or gpu.fp16_tflops
    return {
        "bf16": half,
        "fp8": gpu.fp8_tflops,
        "int8": gpu.int8_tops,
        "int4": half,
        "fp4": gpu.fp4_tflops,
        "mxfp4": gpu.fp4_tflops or half,
    }[precision]


def unpacks(gpu: Gpu, precision: Precision) -> bool:
    """Whether weights of this precision are unpacked to 16 bits before they are multiplied."""
    return precision == "int4" or (precision in memory.FOUR_BIT and gpu.fp4_tflops is None)


def work(deployment: Deployment) -> Work:
    """The work of one deployment.  Raises ValueError if its GPU lacks the precision.

    Layers that are split (`split`, as llama.cpp does) run one after the other: one GPU's speed, all GPUs' memory.
    """
    d, model, gpu = deployment, deployment.model, deployment.hardware
    tflops = compute_tflops(gpu, d.precision)
    if tflops is None:
        raise ValueError(f"{gpu.name} has no {d.precision}")
    gpus = 1 if d.split else d.tp
    own = max(1, gpus // d.dp)
    stored, parameters = memory.stored_bytes(model, d.precision), memory.parameters(model)
    routed = model.experts_per_tok / model.experts if model.experts else 0.0
    half = gpu.bf16_tflops or gpu.fp16_tflops or tflops
    windowed = model.windowed_layers if model.window_tok else 0
    latent = model.layers * model.heads * 2 * MLA_READ / 1e9 if model.attention == "mla" else 0.0
    return Work(
        gpus=gpus,
        stages=d.pp,
        chained=d.tp if d.split else 1,
        copies=d.dp,
        expert_parallel=float(d.ep > 1),
        layers=model.layers,
        expert_layers=model.layers - model.dense_layers if model.experts else 0,
        hidden=model.hidden,
        attention_gb=stored.attention / own,
        dense_gb=(stored.dense + stored.head) / gpus,
        routed_gb=stored.routed / gpus,
        attention_b=parameters.attention / gpus,
        dense_b=parameters.dense / gpus,
        head_b=parameters.head / gpus,
        routed_b=parameters.routed * routed / gpus,
        miss_share=1 - routed if model.experts else 0.0,
        full_layers=model.layers - windowed,
        windowed_layers=windowed,
        window_tok=model.window_tok or 0,
        kv_layer_bytes=model.kv_elements_per_layer
        * memory.KV_BYTES[d.kv_precision]
        * memory.kv_rank_share(model, own)
        / d.dp,
        heads_per_group=1.0 if model.attention == "mla" else model.heads / model.kv_heads,
        latent_gflop_tok=latent / gpus,
        score_gflop_layer_tok=4 * model.heads * model.head_dim / 1e9 / gpus,
        tflops=tflops,
        half_tflops=half,
        hbm_gb_s=gpu.hbm_gb_s,
        link_gb_s=gpu.link_gb_s,
        pcie=float(gpu.link == "pcie"),
        packed=float(d.precision in memory.FOUR_BIT),
        unpacked=float(unpacks(gpu, d.precision)),
    )


def stack(works: Sequence[Work]) -> Work:
    """Many deployments beside each other: every field an array, in the order given."""
    return Work(**{f.name: np.array([getattr(w, f.name) for w in works], dtype=float) for f in fields(Work)})


def refuse_precision(gpu: Gpu, precision: Precision) -> Refusal | None:
    """The refusal if this GPU has no arithmetic for the precision."""
    if compute_tflops(gpu, precision) is not None:
        return None
    able = [p for p in memory.BYTES_PER_PARAMETER if compute_tflops(gpu, p) is not None]
    return Refusal(
        reason="precision not on this GPU",
        nearest=f"{gpu.name} has no {precision}; it runs {', '.join(able) or 'none that is known'}",
        shortfall=math.inf,
    )
