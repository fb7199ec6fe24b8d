"""How machines by the hour follow the traffic, as a section of the problem file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from planner.problem.section import Section


class Autoscaling(Section):
    """Machines on demand and on spot follow the hours of the week; what is paid all month runs through them."""

    startup_minutes: Annotated[float, Field(ge=0, le=60)] = Field(
        default=0,
        description="from the order of a machine by the hour until it serves: boot, image, weights; paid at each start",
    )
