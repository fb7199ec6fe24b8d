"""The finished plan, in the words of the problem file: what to buy, what runs where, what it costs.

A `Plan` holds all that an auditor, a report or an export needs, and round-trips through JSON.
It knows no solver and no formulation.  Money is USD per month, rates are requests/s.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from planner.catalog.rows import Term
from planner.committed import Commitment, SpendPurchase
from planner.deployed import DeploymentPlan, Served
from planner.endpoints import Endpoint
from planner.outlays import Converted, Sent
from planner.part import Part

SCHEMA_VERSION = "1"
Status = Literal["optimal", "feasible", "infeasible", "stopped"]


class PlanBlock(Part):
    """Hours of the week in which the fleet is run alike."""

    label: str
    hours: tuple[int, ...] = Field(description="hours of the week, 0 = Monday 00:00")
    month_h: float


class Purchase(Part):
    """Machines of one offer.  `group` joins purchases on which replicas are interchangeable."""

    provider: str
    region: str
    country: str = ""
    machine: str
    gpu: str
    gpus: int = Field(description="GPUs in one machine")
    term: Term
    group: str = Field(description="same GPU, machine size, market, admitted workloads and egress")
    existing: bool = Field(default=False, description="already paid for: not decided here")
    ends_on: date | None = Field(default=None, description="of what is already paid for: when that ends")
    billing: Literal["hourly", "always"] = Field(description="always: every hour of the month, used or not")
    count: int = Field(description="machines at the busiest hour")
    hours_month: float = Field(description="machine-hours billed in a month; of workers, by the second")
    usd_h: float = Field(description="one machine")
    usd_month: float
    covered_hours_month: float = Field(default=0, description="of these, paid by spend commitments instead")
    upfront_usd: float = 0
    minimum_rental_h: float = 1
    machines_by_block: dict[str, int] = Field(description="block label -> machines running (absent: 0)")
    starts_week: int = Field(default=0, description="machines started in a week, where start-up time is paid")
    starts_usd_month: float = Field(default=0, description="start-up time of all these; not in usd_month")
    interruptions_month: float | None = Field(default=None, description="expected, of all its machines; None: not spot")
    serving_share: float = Field(default=1, description="of its hours, what interruptions leave")
    interruptions_source: str = ""
    busy_share: float = Field(description="work carried / work the machines could carry while billed")
    endpoint: Endpoint | None = Field(default=None, description="serverless workers; None: machines")
    source: str
    observed_on: date


class ApiPurchase(Part):
    """Tokens of one request class bought from an API."""

    workload: str
    request_class: str
    provider: str
    model: str
    api_model_id: str
    input_usd_mtok: float = Field(description="on the mean: prompt tokens found in the cache at their own price")
    output_usd_mtok: float
    served: tuple[Served, ...] = Field(description="planning rates; the bill counts mean rates")
    requests_month: float
    usd_month: float
    source: str
    observed_on: date


class ModelShare(Part):
    """What one model variant serves of a workload, and how good its problem says it is."""

    model: str
    precision: str = Field(description="empty: an API, which does not say")
    share: float = Field(description="of the workload's requests of a month")
    score: float | None = None
    evidence: str = ""
    observed_on: date | None = None


class WorkloadPlan(Part):
    """What one workload gets and costs.  Machines are shared out by the replica-hours each workload uses."""

    name: str
    requests_month: float
    input_mtok_month: float
    output_mtok_month: float
    usd_month: float
    usd_mtok_output: float | None
    usd_mtok_total: float | None
    api_share: float = Field(description="of its requests")
    spot_share: float
    burst_factor: float
    merging_note: str
    models: tuple[ModelShare, ...] = Field(default=(), description="the most used first")
    mean_score: float | None = Field(default=None, description="of the month, by request; None: not all are scored")
    least_mean_score: float | None = Field(default=None, description="in the hour in which it is lowest")
    mean_score_asked: float | None = Field(default=None, description="mean_quality_at_least; None: none is asked")
    tags: dict[str, str] = Field(default={})


class CostLine(Part):
    """A line of the bill."""

    line: str
    usd_month: float
    decided: bool = Field(default=True, description="False: already paid for, whatever this plan says")


class Dropped(Part):
    """Candidates or offers left out, under one reason."""

    kind: Literal["deployment", "offer", "api"]
    reason: str
    count: int
    nearest: str = ""


class Tie(Part):
    """A deployment that was not chosen and cannot be told from one that was: the difference lies within their bands."""

    deployment: str = Field(description="the chosen one")
    request_class: str
    other: str
    usd_ratio: float = Field(description="cost per request of the other / of the chosen one, by rent at full use")
    band_share: float = Field(description="80 % band of that ratio, to either side")


class Spares(Part):
    """What it costs that any one machine may fail: this plan beside the best one found without that promise."""

    workloads: tuple[str, ...] = Field(description="what goes on")
    lost: tuple[Literal["machine", "region", "provider"], ...] = Field(
        default=("machine",), description="any one of each may be lost"
    )
    kept_share: float
    usd_month_without: float = Field(description="the cheapest plan found without it, on the basis of usd_month")
    bound_usd_month_without: float | None = Field(description="no plan without it can cost less")


class Change(Part):
    """Machines that are kept, may be returned or are added, against what is already paid for."""

    verdict: Literal["keep", "return", "add"]
    provider: str
    region: str
    machine: str
    gpu: str
    gpus: int
    term: Term
    count: int
    ends_on: date | None = None
    ends_within_month: bool = Field(default=False, description="the commitment ends before the month does")
    usd_month: float


class Leaning(Part):
    """The most of a workload that one provider serves in any hour."""

    workload: str
    provider: str
    block: str
    share: float


class Paid(Part):
    """What one provider is paid for machines, promises of spend and tokens, with tax; what is signed already too."""

    provider: str
    usd_month: float
    share: float


class Spread(Part):
    """How far the plan is spread, beside what the problem allows (None: any)."""

    providers: tuple[str, ...]
    regions: tuple[str, ...]
    gpu_types: tuple[str, ...]
    deployments: tuple[str, ...]
    max_providers: int | None = None
    max_regions: int | None = None
    max_gpu_types: int | None = None
    max_deployments: int | None = None
    leaning: tuple[Leaning, ...] = Field(default=(), description="where a provider's share is limited")
    max_provider_traffic_share: float = 1
    paid: tuple[Paid, ...] = Field(default=(), description="the most first, where a provider's share of it is limited")
    max_provider_spend_share: float = 1


class PricesObserved(Part):
    """How old the prices of this plan are."""

    today: date
    oldest: date | None
    newest: date | None
    oldest_days: int | None
    oldest_source: str = ""


class Plan(Part):
    """The whole answer."""

    schema_version: str = SCHEMA_VERSION
    problem: str
    title: str = ""
    status: Status
    usd_month: float | None = Field(description="all of it, existing commitments included")
    converted: Converted | None = Field(default=None, description="usd_month in another currency; None: not asked for")
    usd_month_decided: float | None = Field(description="without existing commitments; bound and gap are on this")
    bound_usd_month: float | None = Field(description="no plan can cost less than this (same basis as usd_month)")
    gap: float | None = Field(description="(decided - bound on decided) / decided, a share")
    gap_asked: float
    solver: str
    solve_s: float
    first_plan_s: float | None = None
    month_hours: float
    blocks: tuple[PlanBlock, ...] = ()
    purchases: tuple[Purchase, ...] = ()
    spends: tuple[SpendPurchase, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    deployments: tuple[DeploymentPlan, ...] = ()
    apis: tuple[ApiPurchase, ...] = ()
    workloads: tuple[WorkloadPlan, ...] = ()
    changes: tuple[Change, ...] = Field(default=(), description="against today's fleet; empty: there is none")
    costs: tuple[CostLine, ...] = ()
    sent: tuple[Sent, ...] = Field(default=(), description="egress: data that leaves machines where that costs")
    ties: tuple[Tie, ...] = ()
    spread: Spread | None = Field(default=None, description="None: the problem limits nothing of it")
    spares: Spares | None = Field(default=None, description="None: nothing is promised, or its cost was not asked for")
    dropped: tuple[Dropped, ...] = ()
    in_the_way: tuple[str, ...] = Field(
        default=(), description="if infeasible: what stands in the way, a sentence each"
    )
    notes: tuple[str, ...] = ()
    prices_observed: PricesObserved
    audit: tuple[str, ...] = Field(
        default=(), description="what the audit checked; a plan that fails is never returned"
    )

    def to_json(self) -> str:
        """The plan as JSON text; `Plan.from_json` reads it back equal."""
        return self.model_dump_json(indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """Read what `to_json` wrote.  Raises `pydantic.ValidationError` on anything else."""
        return cls.model_validate_json(text)

    def write(self, path: Path) -> None:
        """Write whole or not at all: a temporary file beside it, then one rename."""
        whole = path.with_name(f".{path.name}.part")
        whole.write_text(self.to_json() + "\n", encoding="utf-8")
        whole.replace(path)
