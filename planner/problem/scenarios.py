"""What may come after signing, as a section of the problem file: `plan robust` finds one plan for all of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from planner.problem.section import Name, Positive, Section

Factor = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


class Scenario(Section):
    """One way things may go: factors on the prices and loads of the problem, as in a sweep (docs/sweep.md).

    What is signed for is signed before it is known which scenario comes, at the prices of the problem.
    """

    name: Name
    weight: Positive = Field(default=1, description="how likely it is, beside the weights of the others")
    factors: dict[Name, Factor] = Field(
        default={}, description="price.h100-sxm: 1.3, traffic.chat: 2 and so on; left out: as the problem stands"
    )
