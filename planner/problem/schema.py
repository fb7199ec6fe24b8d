"""What a user may ask for: the problem file as pydantic classes.

Every number carries its unit in its name and unknown keys are rejected.  This module
checks a problem against itself; what needs a catalog (does that GPU exist?) is checked
in `planner.problem.references`.  It never reads a file: `planner.problem.read` does.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from planner.problem.apis import Apis
from planner.problem.autoscaling import Autoscaling
from planner.problem.procurement import Procurement
from planner.problem.resilience import Resilience
from planner.problem.scenarios import Scenario
from planner.problem.section import Money, Name, Positive, Section, Share
from planner.problem.sharing import Sharing
from planner.problem.spot import Spot
from planner.problem.spread import Spread
from planner.problem.uncertainty import Uncertainty
from planner.problem.workload import Workload


class Budget(Section):
    """How much may be spent."""

    usd_month: Positive
    alert_share: Share = Field(default=0.8, description="spend share at which the plan warns")


class Overheads(Section):
    """Costs that are not machines or tokens."""

    engineering_usd_month: Money = Field(default=0, description="labor if anything is self-hosted, once")
    provider_usd_month: Money = Field(default=0, description="fixed cost of each provider used")
    storage_usd_month: Money = Field(default=0, description="storage if anything is self-hosted, once")
    storage_gb: Money = Field(default=0, description="stored at each provider used, at storage_usd_gb_month")
    storage_usd_gb_month: Money = 0.023
    networking_usd_month: Money = Field(default=0, description="load balancers, NAT, if anything is self-hosted")
    egress_kb_request: Money = Field(default=0, description="data sent to the internet per request [KB]")
    tax_share: Share = Field(
        default=0,
        description="tax on what is rented and bought that month and is not given back: machines, tokens, egress, "
        "storage, networking, provider fees; not on labor, interest and machines of one's own",
    )


class Currency(Section):
    """Another currency in which the total is told too; prices stay in USD."""

    code: Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="as EUR")]
    per_usd: Positive = Field(description="of it for one USD")
    source: Name
    observed_on: date


class CapacityRow(Section):
    """What one GPU serves of one request size, as measured by the user."""

    gpu: Name
    input_tok: Positive
    output_tok: Positive
    req_s: Positive


class Performance(Section):
    """How throughput estimates become capacity that one may rely on."""

    benchmarks: Name | None = Field(
        default=None, description="CSV of your own measurements, as `plan calibrate` writes it; its rows win"
    )
    derate_measured: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="share of a measured rate relied on; left out: the low end of its own 80 % band"
    )
    derate_corrected: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="the same for rates corrected by rows further away or on other GPUs"
    )
    derate_modeled: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="the same for rates that no row stands behind"
    )
    efficiency: Positive = Field(
        default=1, description="every rate relied on times this: 1.2 plans on replicas a fifth faster than the low end"
    )
    memory_share: Share = Field(default=0.9, gt=0, description="share of GPU memory the engine may use")
    capacity: list[CapacityRow] = Field(
        default=[],
        description="own capacity table; where given, nothing is modeled and its rates are used as they are",
    )


class SolverSettings(Section):
    """How long and how well to solve."""

    gap: Share = Field(default=0.01, description="stop when the plan is proved to be within this share of the best")
    time_limit_s: Positive = 60
    threads: Annotated[int, Field(ge=1, le=256)] | None = None
    name: Name = Field(default="highs", description="any solver that PuLP finds")


class Problem(Section):
    """A problem file."""

    name: Name
    title: str = ""
    month_hours: Annotated[float, Field(gt=0, le=744)] = 730
    workloads: Annotated[dict[Name, Workload], Field(min_length=1)]
    procurement: Procurement = Procurement()
    apis: Apis = Apis()
    autoscaling: Autoscaling = Autoscaling()
    spot: Spot = Spot()
    resilience: Resilience = Resilience()
    spread: Spread = Spread()
    sharing: Sharing = Sharing()
    budget: Budget | None = None
    overheads: Overheads = Overheads()
    currency: Currency | None = Field(default=None, description="left out: USD alone")
    performance: Performance = Performance()
    scenarios: list[Scenario] = Field(default=[], description="what may come; only `plan robust` looks at it")
    uncertainty: Uncertainty | None = Field(
        default=None, description="how prices, loads and rates may come out: `plan montecarlo`, `plan tornado`"
    )
    solver: SolverSettings = SolverSettings()
    sweep: list[Annotated[dict[Name, str | float | list[float]], Field(min_length=1)]] = Field(
        default=[],
        description="what `plan sweep` goes over: items make a grid, the keys of one item go together; key: values as "
        "in `--over`, as price.h100-sxm: 0.6..1.4/9",
    )
