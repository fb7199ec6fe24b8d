"""What spot machines are taken to cost beside their price, as a section of the problem file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from planner.problem.section import Positive, Section, Share

Minutes = Annotated[float, Field(ge=0, le=1440, allow_inf_nan=False)]


class Spot(Section):
    """How spot machines are taken back, and what must be served all the same.

    A pool is one provider's machine in one region: its machines are taken back together.
    """

    interruptions_month: Annotated[float, Field(ge=0, le=7300, allow_inf_nan=False)] | None = Field(
        default=None, description="of a machine running all month; left out: the catalog's, or once a day if unknown"
    )
    interruptions_factor: Positive = Field(
        default=1, description="interruptions of every pool, given, known or assumed, times this"
    )
    recovery_minutes: Minutes = Field(
        default=15, description="from an interruption until another machine serves: found, started, weights loaded"
    )
    lost_work_minutes: Minutes = Field(
        default=2, description="work in flight that is done again after an interruption, beyond what the notice saves"
    )
    kept_share: Share = Field(
        default=0, description="share of each workload that stays served if its largest spot pool is taken back"
    )
    max_machines_pool: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="machines of one pool at most; left out: as many as the market sells"
    )
