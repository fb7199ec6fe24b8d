r"""How long a replica takes by its data sheet: weights and cache read, matrices multiplied, results exchanged.

    step = read / (bandwidth x share) + FLOP / (TFLOPS x share) + cache + all-reduces + layers + scheduler + requests

Reading and multiplying are added, not the larger taken: fitted to measured rows a soft maximum came out as the sum.
Everything is elementwise: `Work`, requests and concurrency may be numbers or arrays of one shape.  Constants come
from catalogs/performance.csv, fitted by `planner.performance.fit`; nothing here knows a measured row.

Sources: S. Williams et al., Roofline, CACM 52 (2009); distinct experts of a batch, E (1 - (1 - k/E)^n), as in
A. Kim et al., MoE serving, with n^`routing_spread` because tokens of a batch prefer the same experts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from planner.performance.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Physics:
    """What share of the data sheet is reached, and what each step costs beside.  One value each, for all hardware."""

    weights_read_share: float  # of memory bandwidth, reading what every token needs
    experts_read_share: float  # of memory bandwidth, reading routed experts
    cache_read_share: float  # of memory bandwidth, reading the KV cache
    prefill_flop_share: float  # of dense TFLOPS, prompts
    decode_flop_share: float  # of dense TFLOPS, one token of each request
    latent_flop_share: float  # of dense 16-bit TFLOPS, attention over a latent cache
    packed_read_share: float  # reading four-bit weights, relative to others
    packed_flop_share: float  # arithmetic with four-bit weights, relative to others
    unpacked_flop_share: float  # beside that, where they are unpacked to 16 bits first
    all_reduce_ms: float  # latency of one all-reduce per doubling of GPUs
    pcie_all_reduce_ms: float  # the same where GPUs meet over PCIe
    link_share: float  # of link bandwidth, in all-reduces
    layer_ms: float  # launches and small kernels, per layer and step
    expert_layer_ms: float  # routing and grouping, per layer with experts
    expert_parallel_ms: float  # exchange between experts, per layer where they are spread
    step_ms: float  # scheduler, per step
    request_ms: float  # sampling and bookkeeping, per request and step
    separate_share: float  # share of prompts that are read in a step of their own
    routing_spread: float  # exponent on the tokens of a batch that choose experts independently
    same_prompt_spread: float  # the same where a whole batch has one and the same prompt
    first_token_ms: float  # tokenizer, HTTP and scheduling before the prompt is read
    own_prompt: float  # reading one's own prompt, as a multiple of its prefill time
    prompts_ahead: float  # share of the others whose prompt is read before one's own
    seats: float  # requests in flight an engine chooses at full load, where nothing else is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Factors on time for one engine, vendor and GPU; 1 is what `Physics` says.  Each a number or an array."""

    time: Any = 1.0  # everything
    read: Any = 1.0
    compute: Any = 1.0
    overhead: Any = 1.0
    cache: Any = 1.0
    heads: Any = 1.0  # cache read per query head: e where each head reads for itself, 1 where a group reads once
    request: Any = 1.0
    first_token: Any = 1.0  # TTFT
    load: Any = 1.0  # everything, under one kind of load


CHANNELS = tuple(f.name for f in fields(Speed))


def read_ms(w: Work, p: Physics, tokens: Any, spread: float) -> Any:
    """Reading the weights that `tokens` tokens need."""
    routed = 1 - np.power(w.miss_share, np.power(np.maximum(tokens, 1e-9), spread))
    shares = (w.attention_gb + w.dense_gb) / p.weights_read_share + w.routed_gb * routed / p.experts_read_share
    return shares / np.where(w.packed > 0, p.packed_read_share, 1.0) / w.hbm_gb_s * 1e3


def multiply_ms(w: Work, p: Physics, tokens: Any, share: float, head: bool) -> Any:
    """All matrices times `tokens` tokens; without the head for prompts, of which only the last token needs it."""
    parameters = w.attention_b + w.dense_b + w.routed_b + (w.head_b if head else 0.0)
    packed = np.where(w.packed > 0, p.packed_flop_share, 1.0)
    unpacked = np.where(w.unpacked > 0, p.unpacked_flop_share, 1.0)
    return 2 * tokens * parameters / (w.tflops * packed * unpacked * share)


def latency_ms(w: Work, p: Physics) -> Any:
    """All-reduces of one step, however little they carry."""
    each = np.where(w.pcie > 0, p.pcie_all_reduce_ms, p.all_reduce_ms)
    return np.where(w.gpus > 1, 2 * w.layers * each * np.log2(np.maximum(w.gpus, 1)), 0.0)


def exchange_ms(w: Work, p: Physics, tokens: Any) -> Any:
    """What all-reduces carry: 2 (g - 1) / g x hidden x 2 bytes per token and all-reduce, two a layer."""
    sent = 2 * w.layers * 2 * (w.gpus - 1) / w.gpus * tokens / w.copies * w.hidden * 2
    return sent / (w.link_gb_s * p.link_share * 1e6)


def cached_layers_tok(w: Work, tokens: Any) -> Any:
    """Tokens kept over all layers for one request of `tokens`: windowed layers keep at most their window."""
    return w.full_layers * tokens + w.windowed_layers * np.minimum(tokens, w.window_tok)


def cache_ms(w: Work, p: Physics, requests: Any, context_tok: Any, s: Speed, tokens: float = 1.0) -> Any:
    """Reading everyone's cache once; a latent cache is read by all heads, which is arithmetic too, for each token."""
    kept = requests * cached_layers_tok(w, context_tok) * w.kv_layer_bytes
    latent = w.latent_gflop_tok * requests * tokens * context_tok / (w.half_tflops * p.latent_flop_share)
    again = np.power(w.heads_per_group, np.log(s.heads))
    return kept / (w.hbm_gb_s * p.cache_read_share * 1e6) * again * s.cache * s.read + latent * s.compute


def scores_ms(w: Work, p: Physics, input_tok: Any, hit_share: Any = 0.0) -> Any:
    """Attention of a prompt over itself, half of all pairs, but for the pairs within its first `hit_share`."""
    half = input_tok / 2
    seen = w.full_layers * half + w.windowed_layers * np.minimum(half, w.window_tok)
    pairs = 1 - np.square(hit_share)
    return input_tok * w.score_gflop_layer_tok * seen / (w.half_tflops * p.prefill_flop_share) * pairs


def overhead_ms(w: Work, p: Physics, s: Speed) -> Any:
    """Layers, experts' bookkeeping and the scheduler: what a step costs that moves nothing."""
    experts = p.expert_layer_ms + w.expert_parallel * p.expert_parallel_ms
    return (w.layers * p.layer_ms + w.expert_layers * experts + p.step_ms) * s.overhead


def prefill_ms(w: Work, p: Physics, s: Speed, input_tok: Any, prompts: Any = 1.0, hit_share: Any = 0.0) -> Any:
    """Reading `prompts` prompts together, nothing else running; the first `hit_share` of each is known already."""
    tokens = input_tok * (1 - hit_share) * prompts
    scores = prompts * scores_ms(w, p, input_tok, hit_share)
    arithmetic = multiply_ms(w, p, tokens, p.prefill_flop_share, False) + scores
    moved = read_ms(w, p, tokens, p.routing_spread) * s.read + arithmetic * s.compute
    return moved + latency_ms(w, p) + exchange_ms(w, p, tokens) + overhead_ms(w, p, s)


def decode_ms(
    w: Work, p: Physics, s: Speed, in_flight: Any, context_tok: Any, spread: float, tokens: float = 1.0
) -> Any:
    """One step of `in_flight` requests, `tokens` tokens each, nobody's prompt being read.

    More tokens of a request (speculative decoding) read its cache once, and do the arithmetic of more requests.
    """
    batch = np.maximum(in_flight / w.stages, np.minimum(in_flight, 1.0))
    asked = batch * tokens
    moved = read_ms(w, p, asked, spread) * s.read
    moved = moved + multiply_ms(w, p, asked, p.decode_flop_share, True) * s.compute
    moved = moved + cache_ms(w, p, batch, context_tok, s, tokens) + latency_ms(w, p) + exchange_ms(w, p, asked)
    return moved + overhead_ms(w, p, s) + asked * p.request_ms * s.request


def beside_ms(w: Work, p: Physics, s: Speed, input_tok: Any, asked: Any, prompts: Any, hit_share: Any = 0.0) -> Any:
    """What `prompts` prompts a step add to a step of `asked` tokens.

    Their arithmetic always, their weights and overheads only in the `separate_share` that has a step of its own.
    """
    some = np.minimum(prompts, 1.0)
    each_tok = input_tok * (1 - hit_share)
    batch = np.maximum(asked / w.stages, np.minimum(asked, 1.0))
    alone = read_ms(w, p, batch, p.routing_spread)
    together = read_ms(w, p, batch + each_tok, p.routing_spread)
    read_tok = prompts * each_tok / w.stages
    scores = prompts / w.stages * scores_ms(w, p, input_tok, hit_share)
    arithmetic = multiply_ms(w, p, read_tok, p.prefill_flop_share, False) + scores
    own_step = read_ms(w, p, each_tok, p.routing_spread) * s.read + latency_ms(w, p) + overhead_ms(w, p, s)
    return (
        some * (together - alone) * s.read
        + arithmetic * s.compute
        + exchange_ms(w, p, read_tok)
        + p.separate_share * some * own_step
    )


def tpot_ms(w: Work, p: Physics, s: Speed, input_tok: Any, output_tok: Any, in_flight: Any) -> Any:
    """Mean time per output token with `in_flight` requests, each replaced as it ends (continuous batching).

    Each of the others brings one prompt per answer, so a step reads (n - 1) / output prompts beside.
    """
    per_step = np.maximum(in_flight - 1, 0.0) / output_tok
    step = decode_ms(w, p, s, in_flight, input_tok + output_tok / 2, p.routing_spread)
    return (step + beside_ms(w, p, s, input_tok, in_flight, per_step)) * s.time * s.load


def first_ms(w: Work, p: Physics, s: Speed, in_flight: Any, prompt_ms: Any, step_ms: Any) -> Any:
    """Mean time to the first token, a slot being free: the step under way, prompts ahead and one's own."""
    ahead = p.own_prompt + p.prompts_ahead * np.maximum(in_flight - 1, 0.0) / w.stages
    return (p.first_token_ms + ahead * prompt_ms + step_ms / 2) * s.first_token


def ttft_ms(w: Work, p: Physics, s: Speed, input_tok: Any, in_flight: Any, tpot: Any) -> Any:
    """The same where each prompt is read whole and a step takes as long as a token."""
    return first_ms(w, p, s, in_flight, prefill_ms(w, p, s, input_tok), tpot / (s.time * s.load))


def static_ms(w: Work, p: Physics, s: Speed, input_tok: Any, output_tok: Any, batch: Any) -> Any:
    """A whole batch from its prompts to its last token, none replaced (static batching), all with one prompt."""
    context = input_tok + output_tok / 2
    step = decode_ms(w, p, s, batch, context, p.same_prompt_spread)
    return (prefill_ms(w, p, s, input_tok, batch) + np.maximum(output_tok - 1, 0.0) * step) * s.time * s.load
