"""How much may hang on one provider, and how few of everything there may be, as a section of the problem file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from planner.problem.section import Section

Few = Annotated[int, Field(ge=0, le=1000)]


class Spread(Section):
    """How far a fleet is spread, and how simple it stays.  What is already paid for counts too; left out: no limit."""

    max_provider_traffic_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1,
        description="largest share of any workload that one provider serves in any hour, its API included; "
        "work that may wait is exempt",
    )
    max_provider_spend_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1,
        description="largest share of the month's bill for machines, promises of spend and tokens that one provider "
        "is paid, what is signed already included",
    )
    max_providers: Few | None = Field(default=None, description="providers that machines are bought from; APIs aside")
    max_regions: Few | None = Field(default=None, description="regions of providers; one that is not stated counts too")
    max_gpu_types: Few | None = Field(default=None, description="GPU types")
    max_deployments: Few | None = Field(
        default=None, description="ways to run a model: model, precision, engine, GPUs and latency objective"
    )
