"""What is asked of the performance model and what it answers, as plain values.

No estimate is made here.  Every answer names its source and its band.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from planner.catalog.rows import Gpu, KvPrecision, ModelCard, Precision
from planner.performance.features import PLAIN, Features
from planner.performance.parts import GpuPart

Source = Literal["measured", "corrected", "modeled"]
"""measured: rows of this very configuration lie near; corrected: rows of the same model, engine and precision lie
further away or on other GPUs, or near but without an engine feature that this one has; modeled: the roofline alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One way to run one model: what a replica is."""

    model: ModelCard
    precision: Precision
    kv_precision: KvPrecision
    engine: str
    gpu: Gpu
    tp: int
    pp: int = 1
    dp: int = 1  # attention data parallel inside the replica: tp GPUs hold dp copies of attention
    ep: int = 1  # GPUs over which experts are spread
    split: bool = False  # layers are laid out over the tp GPUs and run one after the other (llama.cpp)
    features: Features = PLAIN
    part: GpuPart | None = None  # of one GPU, all that the replica has

    @property
    def gpus(self) -> int:
        """GPUs in a replica; a part of one counts as a GPU of its own."""
        return self.tp * self.pp

    @property
    def hardware(self) -> Gpu:
        """One GPU as this replica has it: whole, or of the size of its part."""
        return self.gpu if self.part is None else self.part.of(self.gpu)

    @property
    def where(self) -> str:
        """What a replica stands on, in words."""
        return f"{self.gpus} x {self.gpu.name}" if self.part is None else self.part.words(self.gpu.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The mean request of a class.

    What is found of a prompt in a cache is neither read nor multiplied again (RadixAttention, arXiv 2312.07104).
    Memory is reserved for the whole of every request all the same: what several share counts once for each.
    """

    input_tok: float
    output_tok: float
    prefix_hit_share: float = 0.0  # of prompt tokens, found in GPU memory
    offload_hit_share: float = 0.0  # of prompt tokens, found in the memory of the host and copied
    input_scv: float = 1.0  # how prompt lengths vary: variance / mean squared; 1 as exponential ones do


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Latency limits of a lane; infinity where there is none."""

    ttft_ms: float
    tpot_ms: float
    e2e_ms: float
    percentile_share: float  # 0.95 for p95; 0.5 for mean and p50


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """One replica at one concurrency, all slots busy with one request class."""

    concurrency: int  # requests in flight in the replica
    tpot_ms: float  # mean
    ttft_ms: float  # mean, prefill only: no waiting for a slot
    service_s: float  # ttft + (output - 1) x tpot; a static batch: until its longest answer ends
    req_s: float  # concurrency / service_s, before any derate
    source: Source
    low_share: float  # 80 % band of the true rate, as a share of req_s
    high_share: float
    reason: str  # which rows or which constants, in a sentence
    tpot_band_share: float = 0.0  # the true TPOT lies between tpot / (1 + share) and tpot x (1 + share), in 80 of 100
    ttft_band_share: float = 0.0
    prompt_ms: float = 0.0  # of TTFT, alone: what the mean prompt adds, which varies as prompts do
    input_scv: float = 1.0  # of the class


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a deployment cannot serve a class; `nearest` says how close it came."""

    reason: Literal[
        "weights do not fit",
        "no room for one request",
        "longer than the context",
        "too slow to first token",
        "too slow per token",
        "too slow end to end",
        "precision not on this GPU",
        "precision not in this engine",
    ]
    nearest: str
    shortfall: float  # what is needed / what there is, > 1: the smaller the nearer
