"""An equal part of a GPU, all that a replica stands on where several share one.

By MIG each part has multiprocessors, memory and bandwidth of its own (catalogs/mig.csv).  By memory each engine holds a
share of it and they take turns: each has the whole GPU for its share of the time, so a step takes that much longer.
No speed is known here: `Deployment.hardware` is a GPU of that size, and the roofline is asked of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from planner.catalog.rows import Gpu, MigProfile

SPEEDS = ("bf16_tflops", "fp16_tflops", "fp8_tflops", "fp4_tflops", "int8_tops")


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuPart:
    """One of `parts` alike; shares are of the whole GPU."""

    way: Literal["MIG", "memory"]
    parts: int
    profile: str = ""  # of MIG
    memory_gib: float
    compute_share: float = 1.0  # of its TFLOPS while it is this engine's turn
    bandwidth_share: float = 1.0
    time_share: float = 1.0  # of its time, where engines take turns

    @property
    def split(self) -> str:
        """How the GPU is split: parts of one GPU are alike in this."""
        return f"{self.way} 1/{self.parts}"

    def words(self, gpu: str) -> str:
        """What a replica stands on, in words.

        >>> GpuPart(way="MIG", parts=7, profile="1g.10gb", memory_gib=9.75).words("h100-sxm")
        '1/7 of h100-sxm (MIG 1g.10gb)'
        """
        how = f"MIG {self.profile}" if self.way == "MIG" else "by turns"
        return f"1/{self.parts} of {gpu} ({how})"

    def of(self, gpu: Gpu) -> Gpu:
        """A GPU of the size of this part, under the name of the whole."""
        smaller = {field: getattr(gpu, field) * self.compute_share * self.time_share
                   for field in SPEEDS if getattr(gpu, field) is not None}  # fmt: skip
        bandwidth = gpu.hbm_gb_s * self.bandwidth_share * self.time_share
        return gpu.model_copy(update={**smaller, "hbm_gb_s": bandwidth, "memory_gib": self.memory_gib})


def mig_part(row: MigProfile) -> GpuPart:
    """A part as MIG cuts it."""
    return GpuPart(
        way="MIG",
        parts=row.parts,
        profile=row.profile,
        memory_gib=row.memory_gib,
        compute_share=row.compute_share,
        bandwidth_share=row.bandwidth_share,
    )


def memory_part(gpu: Gpu, parts: int, time_loss_share: float) -> GpuPart:
    """An equal share of the memory, and of the time less what is lost in turning from one engine to the next."""
    return GpuPart(
        way="memory",
        parts=parts,
        memory_gib=gpu.memory_gib / parts,
        time_share=(1 - time_loss_share) / parts,
    )
