"""Parts of a finished plan: spend that is promised, and commitments judged over their term."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pydantic import Field

from planner.catalog.rows import Term
from planner.part import Part

if TYPE_CHECKING:
    from planner.plan import Purchase


class Covered(Part):
    """On-demand machines that a spend commitment pays for."""

    region: str
    machine: str
    gpu: str
    gpus: int
    on_demand_usd_h: float = Field(description="one machine, without the commitment")
    usd_h: float = Field(description="one machine, at the commitment's rate")
    hours_month: float = Field(description="machine-hours that it pays for in a month")
    machines_by_block: dict[str, float] = Field(description="block label -> machines, in part too (absent: 0)")


class SpendPurchase(Part):
    """So many USD an hour, promised for the term and paid in every hour, used or not."""

    provider: str
    term: Term = Field(description="on-demand: already signed, on no term of today")
    existing: bool = Field(default=False, description="already signed: not decided here")
    ends_on: date | None = Field(default=None, description="of one already signed: when that ends")
    usd_h: float = Field(description="what is promised")
    usd_month: float
    upfront_usd: float = 0
    step_usd_h: float = Field(description="promised in whole steps of this")
    covers: tuple[Covered, ...]
    source: str
    observed_on: date

    def borne_by(self, purchase: Purchase) -> float:
        """What a purchase bears of it, in proportion to what it pays for [USD/month]."""
        if self.provider != purchase.provider or not purchase.covered_hours_month:
            return 0.0
        mine = (purchase.region, purchase.machine, purchase.usd_h)
        paid = [(each, each.usd_h * each.hours_month) for each in self.covers]
        its = sum(usd for each, usd in paid if (each.region, each.machine, each.on_demand_usd_h) == mine)
        return self.usd_month * its / sum(usd for _, usd in paid)


class Commitment(Part):
    """What is paid all month, judged: above which use it pays, how much it is used, what its term may bring.

    Over the term demand grows, and prices on demand fall, as `procurement` states: see planner.commitments.
    """

    name: str
    existing: bool = Field(default=False, description="already paid for: only its use is told")
    ends_on: date | None = Field(default=None, description="of what is already paid for")
    machines: int | None = Field(description="None: a spend commitment")
    group: str = Field(default="", description="of its machines, as in purchases")
    usd_h: float = Field(description="all of it, interest on what is paid upfront included")
    used_share: float = Field(description="of its machine-hours, needed or held as a spare; of its spend, used")
    on_demand_usd_h: float | None = Field(default=None, description="all of it on demand; None: not for sale")
    on_demand_name: str = Field(default="", description="the cheapest offer of the same machine by the hour")
    break_even_share: float | None = Field(default=None, description="use above which it costs less than on demand")
    months: int = 0
    growth_month_share: float = 0
    price_decline_month_share: float = 0
    term_usd: float | None = Field(default=None, description="over its term")
    on_demand_term_usd: float | None = Field(default=None, description="the hours used over the term, on demand")
    cheaper_until_month: int | None = Field(default=None, description="the last month in which it is the cheaper one")
