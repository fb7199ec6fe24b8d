"""What a replica holds in GPU memory: weights, KV cache, and how many requests fit.

Exact arithmetic on the model card, no fitted number except the reserve of an engine.
Sizes are bytes or GiB (2^30); vendors and articles speak of GB (10^9), 7 % smaller.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from planner.catalog.rows import KvPrecision, ModelCard, Precision
from planner.performance.types import Deployment, Refusal, Request

GIB = 2**30

BYTES_PER_PARAMETER: dict[Precision, float] = {
    "bf16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "int4": (4 + 20 / 128) / 8,
    "fp4": (4 + 8 / 16) / 8,
    "mxfp4": (4 + 8 / 32) / 8,
}
"""Bytes per quantized parameter, scales included.

int4: GPTQ and AWQ, groups of 128 with a 16-bit scale and a 4-bit zero point.  fp4: NVFP4, blocks of
16 with an 8-bit scale.  mxfp4: OCP Microscaling, blocks of 32 with an 8-bit scale.  Scales of fp8
and int8 (per channel or 128 x 128 block) are below 0.1 % and left out.
"""

KV_BYTES: dict[KvPrecision, int] = {"bf16": 2, "fp8": 1, "int8": 1}
"""Bytes per element of the KV cache."""

FOUR_BIT: tuple[Precision, ...] = ("int4", "fp4", "mxfp4")

ENGINE_GIB = {"vllm": 0.5, "sglang": 1.0}
COLLECTIVES_GIB = 0.3
SEATS, MOST_SEATS = 256, 1024
SAMPLER_BYTES = 39
"""What vLLM and SGLang keep for themselves on each GPU, fitted on what they log (tests/test_kv_capacity.py).

vLLM profiles a sampling step for every seat (max_num_seqs, 256 unless more are wanted), 39 bytes per seat and word of
the vocabulary, and some 0.3 GiB more where several GPUs talk.  SGLang keeps activations outside its share of the
memory.
"""

OTHER_ENGINE_GIB = 3.0
OTHER_ENGINE_WEIGHTS_SHARE = 0.05
"""Other engines: no log that could be used, so max(3 GiB, 5 % of the weights), as was right for vLLM of 2024."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Where the parameters of a model are, in 10^9."""

    embedding: float  # looked up, never multiplied; 0 where the head is the same matrix
    head: float  # multiplied for every token
    attention: float
    dense: float  # feed-forward layers, shared experts and routers: read in every step
    routed: float  # experts that only the tokens routed to them read

    @property
    def active(self) -> float:
        """Parameters read in every step whatever the batch, without routed experts [10^9]."""
        return self.head + self.attention + self.dense


def parameters(model: ModelCard) -> Parameters:
    """Split a model's parameters by how they are stored and read.

    A feed-forward layer, a shared expert and a routed expert have three matrices of hidden x their
    width.  What the layers leave of the total is one matrix of the vocabulary or two: with less than one
    and a half the head is taken to be tied to the embedding (Gemma 3, Llama 3.2 3B).
    """
    wide = 3 * model.hidden / 1e9
    expert_layers = model.layers - model.dense_layers if model.experts else 0
    routed = expert_layers * model.experts * model.moe_ffn * wide
    shared = expert_layers * model.shared_expert_ffn * wide
    plain = (model.layers - expert_layers) * model.ffn * wide
    head = model.params_embedding_b
    outside = model.params_total_b - routed - shared - plain - model.params_attention_b
    embedding = head if outside >= 1.5 * head else 0.0
    dense = max(0.0, model.params_total_b - routed - model.params_attention_b - head - embedding)
    return Parameters(embedding, head, model.params_attention_b, dense, routed)


def stored_bytes(model: ModelCard, precision: Precision) -> Parameters:
    """Bytes of each part of the weights, in 10^9 bytes.

    Published quantized checkpoints keep the embedding and the head in bf16, and MoE models in four
    bits keep attention in bf16 too (gpt-oss, DeepSeek-R1-FP4, Kimi K2 in int4).  Norms are under
    0.01 % and counted with the layers.
    """
    size = BYTES_PER_PARAMETER[precision]
    attention = 2.0 if model.experts and precision in FOUR_BIT else size
    p = parameters(model)
    return Parameters(p.embedding * 2, p.head * 2, p.attention * attention, p.dense * size, p.routed * size)


def weights_gib(model: ModelCard, precision: Precision) -> float:
    """Weights of one copy of the model [GiB], over all its GPUs."""
    b = stored_bytes(model, precision)
    return (b.embedding + b.active + b.routed) * 1e9 / GIB


def held_weights_gib(deployment: Deployment) -> float:
    """Weights of a replica with those of its draft, if it has one [GiB], over all its GPUs."""
    return weights_gib(deployment.model, deployment.precision) * (1 + deployment.features.draft_share)


def kv_bytes_per_tok(model: ModelCard, kv_precision: KvPrecision) -> int:
    """KV cache of one token in all layers [bytes], windows not yet considered.

    2 x kv_heads x head_dim per layer for multi-head and grouped-query attention; latent rank +
    rotary part for latent attention, which is what `kv_elements_per_layer` holds.
    """
    return model.layers * model.kv_elements_per_layer * KV_BYTES[kv_precision]


def kv_bytes(model: ModelCard, kv_precision: KvPrecision, tokens: float) -> float:
    """KV cache of one request of `tokens` [bytes]; layers with a window hold at most the window."""
    layer_tok = model.kv_elements_per_layer * KV_BYTES[kv_precision]
    windowed = model.windowed_layers if model.window_tok else 0
    held = min(tokens, model.window_tok) if model.window_tok else tokens
    return layer_tok * ((model.layers - windowed) * tokens + windowed * held)


def kv_rank_share(model: ModelCard, tp: int) -> float:
    """Share of a request's KV cache that each tensor-parallel GPU holds.

    Heads are not split: with fewer heads than GPUs they are repeated, and a latent cache, which all
    heads read, is repeated on every GPU.
    """
    if model.attention == "mla":
        return 1.0
    return math.ceil(model.kv_heads / tp) / model.kv_heads


def reserve_gib(deployment: Deployment, seats: int = SEATS) -> float:
    """Memory that an engine keeps for itself on one GPU [GiB]; `seats` is vLLM's max_num_seqs."""
    if deployment.engine == "sglang":
        return ENGINE_GIB["sglang"]
    if deployment.engine == "vllm":
        collectives = COLLECTIVES_GIB if deployment.gpus > 1 else 0.0
        return ENGINE_GIB["vllm"] + collectives + seats * deployment.model.vocab * SAMPLER_BYTES / GIB
    weights_gpu = weights_gib(deployment.model, deployment.precision) / deployment.gpus
    return max(OTHER_ENGINE_GIB, OTHER_ENGINE_WEIGHTS_SHARE * weights_gpu)


def kv_room_gib(deployment: Deployment, memory_share: float) -> float:
    """Memory left for KV cache on each GPU [GiB]; negative where the weights do not fit.

    `memory_share` is the share of the memory that the engine may use (vLLM: gpu_memory_utilization).
    """
    weights_gpu = held_weights_gib(deployment) / deployment.gpus
    return deployment.hardware.memory_gib * memory_share - weights_gpu - reserve_gib(deployment)


def request_gib(deployment: Deployment, request: Request) -> float:
    """KV cache that one request needs on each GPU by its last token [GiB], a draft's included."""
    d, tokens = deployment, request.input_tok + request.output_tok
    replica = kv_bytes(d.model, d.kv_precision, tokens) / GIB * (1 + d.features.draft_share)
    if d.split:
        return replica / d.gpus
    return replica * kv_rank_share(d.model, max(1, d.tp // d.dp)) / d.dp / d.pp


def max_concurrency(deployment: Deployment, request: Request, memory_share: float) -> int | Refusal:
    """Requests whose whole KV cache, input and output, fits a replica at once; at least 1.

    Reserving the full length for everyone is the worst moment of a full replica, not its mean: no
    request is ever preempted.  Refused if the weights or one request do not fit.
    """
    usable = deployment.hardware.memory_gib * memory_share
    needed = held_weights_gib(deployment) / deployment.gpus + reserve_gib(deployment)
    where = deployment.where
    if needed >= usable:
        nearest = f"{where}: {needed:.1f} GiB per GPU at {deployment.precision}, {usable:.1f} GiB usable"
        return Refusal(reason="weights do not fit", nearest=nearest, shortfall=needed / usable)
    one = request_gib(deployment, request)
    room = usable - needed
    if (most := room / one) > SEATS and deployment.engine == "vllm":
        room -= reserve_gib(deployment, seats=min(int(most), MOST_SEATS)) - reserve_gib(deployment)
    if one > room:
        nearest = f"{where}: {room:.1f} GiB left for KV cache per GPU, one request takes {one:.1f}"
        return Refusal(reason="no room for one request", nearest=nearest, shortfall=one / room)
    return int(room / one)
