"""Parts of a plan that are no machine's and no token's: data sent out, and the total in another currency."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from planner.part import Part


class Sent(Part):
    """Data that leaves the machines of a provider in a month, at the prices of its tiers."""

    providers: tuple[str, ...] = Field(description="several: machines that stand for each other, all at one price")
    gb_month: float
    usd_month: float

    @property
    def usd_gb(self) -> float:
        """What a GB costs on the mean [USD]."""
        return self.usd_month / self.gb_month if self.gb_month else 0.0


class Converted(Part):
    """The total in another currency, at a rate that the problem states."""

    code: str
    per_usd: float
    month: float = Field(description="all of it, existing commitments included")
    source: str
    observed_on: date
