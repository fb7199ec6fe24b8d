"""How fast a replica is by its data sheet: the slower of memory and arithmetic, plus overheads.

Plain arithmetic on a model card and a GPU row; it knows no measured row and no objective.
Not modeled: prefix caching, speculative decoding, attention data parallelism, links between machines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from planner.catalog.rows import Gpu, Precision
from planner.performance import memory
from planner.performance.types import Deployment, Refusal, Request

WEIGHT_ONLY_INT4_SHARE = 0.75
"""Matrix rate of 4-bit weights with 16-bit activations, as a share of the bf16 rate: they are unpacked first.

Qwen3-8B, vLLM 0.9.2, A100 at full load: GPTQ 0.79 and AWQ 0.93 of the bf16 tokens/s (GPUStack).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiencies:
    """What share of the data sheet is reached, and what each step costs beside."""

    weights_read_share: float  # of memory bandwidth, reading weights
    kv_read_share: float  # of memory bandwidth, reading the KV cache
    prefill_flop_share: float  # of dense TFLOPS
    decode_flop_share: float  # of dense TFLOPS
    all_reduce_ms: float  # latency of one all-reduce per doubling of GPUs
    pcie_all_reduce_ms: float  # the same where GPUs meet over PCIe
    link_share: float  # of link bandwidth in all-reduces
    layer_ms: float  # launches and small kernels, per layer and step
    step_ms: float  # scheduler, per step
    request_ms: float  # sampling and bookkeeping, per request and step
    interference: float  # share of other requests' prefill that decoding waits for
    first_token_ms: float  # tokenizer, HTTP and scheduling before the prompt is read
    own_prompt: float  # reading one's own prompt, as a multiple of its prefill time
    prompts_ahead: float  # share of the others whose prompt is read before one's own


FITTED = Efficiencies(
    weights_read_share=0.73,
    kv_read_share=0.80,
    prefill_flop_share=0.47,
    decode_flop_share=0.61,
    all_reduce_ms=0.0069,
    pcie_all_reduce_ms=0.030,
    link_share=0.33,
    layer_ms=0.026,
    step_ms=1.21,
    request_ms=0.0001,
    interference=0.63,
    first_token_ms=40.0,
    own_prompt=1.65,
    prompts_ahead=0.079,
)
"""Fitted in November 2026 on 1,513 serving rows of H100, H200, B200, B300 and GB200, all three engines.

|predicted / measured - 1|, median and p90, each configuration (architecture x GPU x precision x engine)
by constants fitted without it: TPOT 15 % and 42 %, TTFT 31 % and 92 %.  Textbook constants, unfitted
(0.75, 0.60, 0.50, 0.40, 8 us per all-reduce and per layer, 0.5 ms a step): TPOT 17 % and 46 %.  kv_read_share
stands at the bound of the fit.  pcie_all_reduce_ms is assumed, no serving row being over PCIe; with it 44
rows of L40S at full load come out at 1.00 in the median.  Nothing was fitted on AMD, Intel, Google or AWS.
"""


def compute_tflops(gpu: Gpu, precision: Precision) -> float | None:
    """Dense matrix rate of one GPU at a weight precision [TFLOPS]; None where it cannot run it.

    bf16 weights run as fp16 on a GPU without bf16.  int4 is weight-only everywhere.  mxfp4 uses fp4
    hardware where there is some and 16-bit activations elsewhere, as gpt-oss does on Hopper.
    """
    half = gpu.bf16_tflops or gpu.fp16_tflops
    unpacked = half * WEIGHT_ONLY_INT4_SHARE if half else None
    return {
        "bf16": half,
        "fp8": gpu.fp8_tflops,
        "int8": gpu.int8_tops,
        "int4": unpacked,
        "fp4": gpu.fp4_tflops,
        "mxfp4": gpu.fp4_tflops or unpacked,
    }[precision]


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


class Roofline:
    """The step times of one deployment.  Raises ValueError if its GPU lacks the precision."""

    def __init__(self, deployment: Deployment, efficiencies: Efficiencies = FITTED) -> None:
        d, e, model, gpu = deployment, efficiencies, deployment.model, deployment.gpu
        tflops = compute_tflops(gpu, d.precision)
        if tflops is None:
            raise ValueError(f"{gpu.name} has no {d.precision}")
        self.deployment, self.e = d, e
        weights = memory.stored_bytes(model, d.precision)
        read_gb_ms = gpu.hbm_gb_s * e.weights_read_share * d.tp / 1e3
        self.active_ms = weights.active / read_gb_ms
        self.experts_ms = weights.routed / read_gb_ms
        self.routing_miss_share = 1 - model.experts_per_tok / model.experts if model.experts else 0.0
        p = memory.parameters(model)
        routed_share = model.experts_per_tok / model.experts if model.experts else 0.0
        gflop_tok = 2 * (p.active + p.routed * routed_share)
        gflop_ms = tflops * d.tp
        self.tok_ms = gflop_tok / (gflop_ms * e.decode_flop_share)
        self.tok_prefill_ms = gflop_tok / (gflop_ms * e.prefill_flop_share)
        # Scores and values: 4 FLOP per element, always in 16 bits at best.
        half = gpu.bf16_tflops or gpu.fp16_tflops or tflops
        self.attention_tok_ms = 4 * model.heads * model.head_dim / 1e9 / (half * d.tp * e.prefill_flop_share)
        self.kv_gib_ms = memory.GIB / 1e6 / (gpu.hbm_gb_s * e.kv_read_share)
        self.all_reduce_ms = self.all_reduce_tok_ms = 0.0
        if d.tp > 1:
            latency = e.pcie_all_reduce_ms if gpu.link == "pcie" else e.all_reduce_ms
            sent_bytes = 2 * (d.tp - 1) / d.tp * model.hidden * 2
            self.all_reduce_ms = 2 * model.layers * latency * math.log2(d.tp)
            self.all_reduce_tok_ms = 2 * model.layers * sent_bytes / (gpu.link_gb_s * e.link_share * 1e6)
        self.fixed_ms = model.layers * e.layer_ms + e.step_ms + self.all_reduce_ms

    def prefill_ms(self, input_tok: float) -> float:
        """Time to read a prompt [ms]: matrix work or weights, plus attention and all-reduces."""
        model = self.deployment.model
        experts = self.experts_ms * (1 - self.routing_miss_share**input_tok)
        windowed = model.windowed_layers if model.window_tok else 0
        seen = input_tok / 2
        seen_windowed = min(seen, model.window_tok) if model.window_tok else seen
        seen_layers = (model.layers - windowed) * seen + windowed * seen_windowed
        work = input_tok * (self.tok_prefill_ms + self.attention_tok_ms * seen_layers)
        return max(work, self.active_ms + experts) + self.fixed_ms + input_tok * self.all_reduce_tok_ms

    def curve(self, request: Request) -> Curve:
        """The same deployment with one request class in all its slots."""
        return Curve(self, request)


class Curve:
    """Latency against concurrency, for one deployment and one request class.

    Each decode step reads all weights (of an MoE model: the experts that the batch is routed to,
    E x (1 - (1 - k/E)^batch) of E) and every request's KV cache at half its output.  Each of the others is
    replaced once per request, so its prefill lands in everyone's decode: (n - 1) / output x prefill.
    With pipeline stages each stage works on its share of the batch.
    """

    __slots__ = ("_kv_ms", "_output", "_pp", "_r", "prefill_ms")

    def __init__(self, roofline: Roofline, request: Request) -> None:
        d = roofline.deployment
        self._r = roofline
        self._output = max(1.0, request.output_tok)
        self._pp = d.pp
        self.prefill_ms = roofline.prefill_ms(request.input_tok)
        kept = memory.kv_bytes(d.model, d.kv_precision, request.input_tok + request.output_tok / 2)
        self._kv_ms = kept / memory.GIB * memory.kv_rank_share(d.model, d.tp) * roofline.kv_gib_ms

    def decode_ms(self, concurrency: float) -> float:
        """One decode step of a full replica, without anyone's prefill [ms]."""
        r = self._r
        batch = concurrency / self._pp
        read = r.active_ms
        if r.experts_ms:
            read += r.experts_ms * (1 - r.routing_miss_share**batch)
        work = batch * r.tok_ms
        step = read if read > work else work
        return step + batch * (self._kv_ms + r.all_reduce_tok_ms) + r.fixed_ms + concurrency * r.e.request_ms

    def latencies_ms(self, concurrency: float) -> tuple[float, float]:
        """Mean time per output token and mean time to first token [ms], all slots busy but one's own.

        Both grow with concurrency.  A fixed share of the others' prompts is read before one's own: an
        M/D/1 queue of prompts was further off (TTFT 45 % against 31 %), and fell where decoding slowed.
        """
        e, prefill = self._r.e, self.prefill_ms
        decode = self.decode_ms(concurrency)
        others = concurrency - 1
        tpot = decode + e.interference * others / self._output * prefill / self._pp
        ttft = e.first_token_ms + (e.own_prompt + e.prompts_ahead * others / self._pp) * prefill + decode / 2
        return tpot, ttft
