"""What runs on the machines of a plan, and how fast it is taken to be: part of the finished plan."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Literal

from pydantic import Field

from planner.part import Part
from planner.performance.features import PLAIN, Features
from planner.performance.parts import GpuPart

Market = Literal["firm", "spot"]


class Lane(Part):
    """The latency objectives that a replica keeps for all it serves; None: no limit."""

    ttft_ms: float | None
    tpot_ms: float | None
    e2e_ms: float | None
    percentile: str


class ClassRate(Part):
    """What one replica serves of one request class, alone."""

    request_class: str
    req_s: float = Field(description="relied on: estimate x derate")
    estimate_req_s: float
    concurrency: int
    tpot_ms: float
    ttft_ms: float
    prompt_ms: float = Field(default=0, description="what the mean prompt adds to TTFT, nothing else running")
    input_scv: float = Field(default=1, description="of its prompt lengths: variance / mean squared")
    service_s: float
    source: Literal["measured", "corrected", "modeled", "given"]
    low_share: float
    high_share: float
    reason: str
    prefix_hit_share: float = Field(default=0, description="of its prompt tokens, stated: found in GPU memory")
    offload_hit_share: float = Field(default=0, description="of its prompt tokens, stated: copied from the host")


class Queue(Part):
    """Replicas of a deployment share one queue; the usable load follows from these (performance.queueing)."""

    slots: int
    service_s: float
    wait_s: float | None = Field(description="longest wait the objective leaves; None: any")
    percentile_share: float
    variability: float = Field(default=1.0, description="of arrivals and service: mean of variance / mean squared")


class Served(Part):
    """Requests/s of one class in one block, at the planning rate."""

    request_class: str
    block: str
    req_s: float


class DeploymentPlan(Part):
    """One way to run one model, on the machines of one group."""

    name: str
    model: str
    precision: str
    kv_precision: str
    engine: str
    features: Features = Field(default=PLAIN, description="how the engine runs")
    gpu: str
    tp: int
    pp: int
    part: GpuPart | None = Field(default=None, description="of one GPU, all that a replica has; None: whole GPUs")
    group: str
    market: Market
    lane: Lane
    queue: Queue | None = Field(description="None: no queueing loss is taken (a capacity table of the user's)")
    rates: tuple[ClassRate, ...]
    replicas_by_block: dict[str, int]
    served: tuple[Served, ...]
    ready: tuple[Served, ...] = Field(
        default=(), description="what its replicas stand ready for, should another place be lost; served included"
    )

    @property
    def gpus(self) -> float:
        """GPUs of one replica; less than one where it takes a part."""
        return self.tp * self.pp / (self.part.parts if self.part else 1)

    @property
    def where(self) -> str:
        """What one replica stands on, in words."""
        return self.part.words(self.gpu) if self.part else f"{self.tp * self.pp} x {self.gpu}"


def whole_gpus(deployments: Iterable[DeploymentPlan], block: str) -> Counter[int]:
    """GPUs -> how many of that size are taken whole in a block: by replicas, and by GPUs that are split among some."""
    sizes: Counter[int] = Counter()
    parts: dict[str, Fraction] = {}
    for d in deployments:
        n = d.replicas_by_block.get(block, 0)
        if d.part is None:
            sizes[d.tp * d.pp] += n
        else:
            parts[d.part.split] = parts.get(d.part.split, Fraction(0)) + Fraction(n, d.part.parts)
    if gpus := sum(math.ceil(taken) for taken in parts.values()):
        sizes[1] += gpus
    return sizes
