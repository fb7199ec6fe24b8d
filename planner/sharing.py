"""Into which equal parts a problem lets a GPU be split."""

from __future__ import annotations

from collections.abc import Iterable

from planner.catalog.rows import Gpu, MigProfile
from planner.performance.parts import GpuPart, memory_part, mig_part
from planner.problem.sharing import Sharing

ENGINES_BY_TURNS = (2, 3, 4)
"""So many engines may share a GPU's memory."""


def parts_of(sharing: Sharing, gpu: Gpu, profiles: Iterable[MigProfile]) -> list[GpuPart]:
    """The parts of this GPU on which a replica may stand; none where nothing is shared."""
    cut = [mig_part(row) for row in profiles if row.gpu == gpu.name] if sharing.mig else []
    turns = ENGINES_BY_TURNS if sharing.memory else ()
    return cut + [memory_part(gpu, n, sharing.time_loss_share) for n in turns]
