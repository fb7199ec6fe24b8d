"""Whether several engines may share a GPU, and how, as a section of the problem file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from planner.problem.section import Section


class Sharing(Section):
    """Replicas that take an equal part of one GPU, beside those that take whole ones."""

    mig: bool = Field(default=False, description="parts by NVIDIA's MIG, as catalogs/mig.csv lists them")
    memory: bool = Field(
        default=False, description="halves, thirds and quarters of a GPU's memory; engines take turns on any GPU"
    )
    time_loss_share: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        default=0.1,
        description="of a GPU's time lost while engines take turns (`memory`); an assumption, nobody's measurement",
    )
