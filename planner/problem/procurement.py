"""What may be bought, and what is owned already, as sections of the problem file."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from planner.catalog.rows import Commitment, Continent, RentTerm, Term, Tier
from planner.problem.section import Money, Name, Positive, Section, Share
from planner.problem.where import Where

Change = Annotated[float, Field(ge=-0.5, le=0.5, allow_inf_nan=False)]


class Quota(Section):
    """At most so many GPUs, machines or vCPUs of what matches."""

    where: Where = Where()
    machine: Name | None = None
    terms: list[Term] = Field(default=[])
    max_gpus: Annotated[int, Field(ge=0)] | None = None
    max_machines: Annotated[int, Field(ge=0)] | None = None
    max_vcpus: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="as hyperscalers count GPU machines; offers whose vCPUs are unknown are left out"
    )


class Quote(Section):
    """A price of one's own: an offer from a provider, valid beside the catalog."""

    provider: Name
    region: str = ""
    country: str = ""
    continent: Continent | Literal[""] = ""
    tier: Tier = "datacenter"
    machine: Name | None = None
    gpu: Name
    gpus: Annotated[int, Field(gt=0, le=1024)]
    vcpus: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="of the machine; left out: the catalog's"
    )
    usd_h: Positive = Field(description="price of the whole machine [USD/h]")
    term: RentTerm
    upfront_share: Share = Field(default=0, description="share of the term paid at once; 0: none, 1: all")
    minimum_rental_h: Annotated[float, Field(ge=0, le=8784)] = 1
    min_machines: Annotated[int, Field(ge=1)] = Field(default=1, description="of a commitment, if any is bought")
    multiple_of: Annotated[int, Field(ge=1)] = Field(default=1, description="a commitment sold in pods of so many")
    max_machines: Annotated[int, Field(ge=0)] | None = None
    observed_on: date
    source: Annotated[Name, Field(min_length=3)]


class ServerlessQuote(Section):
    """Workers billed by the second that they run, on an endpoint that scales to zero when nothing is asked."""

    provider: Name
    region: str = ""
    country: str = ""
    continent: Continent | Literal[""] = ""
    tier: Tier = "datacenter"
    machine: Name | None = None
    gpu: Name
    gpus: Annotated[int, Field(gt=0, le=1024)] = Field(default=1, description="of a worker: just what a replica takes")
    usd_gpu_s: Positive = Field(description="price of one GPU for a second that its worker runs [USD]")
    warm_usd_gpu_s: Positive | None = Field(
        default=None, description="of a worker kept on through an hour; left out: usd_gpu_s"
    )
    cold_start_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = Field(
        description="from nothing running to the first request served: image, weights, engine"
    )
    cold_start_billed: bool = True
    idle_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = Field(
        description="a worker runs on for so long after its last request, billed"
    )
    max_workers: Annotated[int, Field(ge=0)] | None = Field(default=None, description="of one endpoint at once")
    observed_on: date
    source: Annotated[Name, Field(min_length=3)]

    @property
    def term(self) -> Term:
        """The word for it under `terms`."""
        return "serverless"


class Coverage(Section):
    """On-demand machines of the provider that a spend commitment pays for, and what it takes off their price."""

    where: Where = Where()
    discount_share: Annotated[float, Field(gt=0, lt=1)] = Field(description="off the on-demand price")


class SpendQuote(Section):
    """A spend commitment (savings plan): so many USD an hour, promised for the term, pay for on-demand machines at
    lower rates.  It is paid every hour, used or not; what runs beyond it is paid on demand."""

    provider: Name = Field(description="whose on-demand machines it pays for")
    term: Commitment
    covers: Annotated[list[Coverage], Field(min_length=1)] = Field(
        description="the first that matches a machine counts"
    )
    upfront_share: Share = Field(default=0, description="share of the term paid at once; 0: none, 1: all")
    step_usd_h: Positive | None = Field(
        default=None,
        description="promised in whole steps of [USD/h]; left out: the lowest rate of a machine that it covers",
    )
    min_usd_h: Money = Field(default=0, description="smallest promise, if any is made [USD/h]")
    max_usd_h: Money | None = None
    observed_on: date
    source: Annotated[Name, Field(min_length=3)]


class OwnedMachine(Section):
    """A machine that may be bought: its price over its life, and what it costs to run."""

    provider: Name = Field(default="own", description="whose rack it stands in; `own` or a colocation")
    region: str = ""
    country: str = ""
    continent: Continent | Literal[""] = ""
    tier: Tier = "datacenter"
    machine: Name | None = None
    gpu: Name
    gpus: Annotated[int, Field(gt=0, le=1024)]
    price_usd: Positive = Field(description="of the whole machine, with network and installation")
    life_months: Annotated[int, Field(ge=1, le=120)] = Field(default=48, description="over which it must pay")
    residual_share: Share = Field(default=0, description="of the price, what it is sold for at the end of its life")
    power_kw: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = Field(
        description="mean draw of the whole machine while it is on"
    )
    pue: Annotated[float, Field(ge=1, le=5, allow_inf_nan=False)] = Field(
        default=1.4, description="power of the site / power of the machine"
    )
    usd_kwh: Money = Field(description="price of electricity")
    hosting_usd_month: Money = Field(default=0, description="rack, network, insurance, for one machine")
    staff_usd_month: Money = Field(default=0, description="hands, spare parts and support, for one machine")
    max_machines: Annotated[int, Field(ge=0)] | None = None
    observed_on: date
    source: Annotated[Name, Field(min_length=3)]


class ExistingCommitment(Section):
    """Machines already paid for: used first when that helps, billed whether used or not."""

    provider: Name
    region: str = ""
    country: str = ""
    continent: Continent | Literal[""] = ""
    tier: Tier = "datacenter"
    machine: Name | None = None
    gpu: Name
    gpus: Annotated[int, Field(gt=0, le=1024)]
    vcpus: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="of the machine; left out: the catalog's"
    )
    count: Annotated[int, Field(gt=0, le=100_000)]
    usd_h: Money = Field(description="what one machine costs [USD/h]; shown, not decided")
    ends_on: date | None = None


class ExistingSpend(Section):
    """A spend commitment (savings plan) already signed: paid every hour, used first where that helps."""

    provider: Name = Field(description="whose on-demand machines it pays for")
    usd_h: Positive = Field(description="what is promised [USD/h]; shown, not decided")
    covers: Annotated[list[Coverage], Field(min_length=1)] = Field(
        description="the first that matches a machine counts"
    )
    ends_on: date | None = None


class MinimumOrder(Section):
    """If anything that matches is committed to, at least so many machines."""

    where: Where = Where()
    terms: list[Term] = Field(default=[])
    min_machines: Annotated[int, Field(ge=1)]


class Procurement(Section):
    """What may be bought."""

    where: Where = Where()
    terms: list[Term] = Field(
        default=[], description="empty: on-demand, spot, serverless and commitments up to max_term_months"
    )
    max_term_months: Annotated[int, Field(ge=0, le=36)] = Field(default=12, description="longest commitment offered")
    quotas: list[Quota] = Field(default=[])
    quotes: list[Quote] = Field(default=[])
    spend_quotes: list[SpendQuote] = Field(default=[])
    serverless: list[ServerlessQuote] = Field(default=[], description="workers by the second, with cold starts")
    only_quotes: bool = Field(default=False, description="leave the catalog's prices out")
    existing: list[ExistingCommitment] = Field(default=[])
    existing_spend: list[ExistingSpend] = Field(default=[], description="savings plans already signed")
    purchases: list[OwnedMachine] = Field(
        default=[], description="machines that may be bought; whatever terms are allowed"
    )
    minimum_orders: list[MinimumOrder] = Field(default=[])
    max_upfront_usd: Money | None = None
    cost_of_capital_year: Share = Field(default=0.08, description="yearly interest on upfront cash")
    growth_month_share: Change = Field(
        default=0, description="growth of demand a month, to judge commitments over their term; the plan is for today"
    )
    price_decline_month_share: Change = Field(
        default=0, description="fall of on-demand prices a month, to judge commitments over their term"
    )
