"""What a given fleet costs and how well it serves, in the words of the problem file.

Plain values that round-trip through JSON; the fleet's best operation and its bill are a `Plan` of their own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from pydantic import Field

from planner.plan import SCHEMA_VERSION, Part, Plan, Purchase, Status
from planner.traffic.blocks import week_label

LITTLE = 0.05
"""Hours in which a machine is less busy than this are told as idle."""


class Unserved(Part):
    """Requests of one class that the fleet cannot serve, in hours in which that is alike."""

    workload: str
    request_class: str
    when: str = Field(description="hours of the week; for work that may wait, its window")
    hours_week: int = Field(description="hours in which some is left; for work that may wait, of its window")
    asked_req_s: float | None = Field(description="planning rate in the worst of these hours; None: it may wait")
    served_req_s: float | None = Field(description="of that; None: it may wait")
    requests_month: float = Field(description="left unserved, at the mean rate")
    share: float = Field(description="of all requests of the class")
    why: str


class Usage(Part):
    """How busy one line of machines is; lines on which replicas are interchangeable share their work evenly."""

    provider: str
    region: str
    machine: str
    gpu: str
    gpus: int
    term: str
    count: int
    hours_month: float
    usd_month: float
    busy_share: float = Field(description="of all hours billed")
    busiest_share: float = Field(description="in its busiest hour")
    idle_hours_week: int = Field(description="hours in which it runs and is less than 5 % busy")
    idle_when: str
    idle_usd_month: float = Field(description="what the machines cost in those hours")


class Best(Part):
    """The cheapest plan of the same problem, beside the fleet."""

    status: Status
    usd_month: float | None
    bound_usd_month: float | None
    why: tuple[str, ...] = Field(default=(), description="without a plan: what stands in the way")


class Switch(Part):
    """One part of the change from the fleet to the cheapest plan."""

    verdict: Literal["add", "return", "set up"]
    what: str
    count: int = Field(description="machines, at the busiest hour; 1 for a way to run a model")
    usd: float = Field(description="all of them, once")


class Switching(Part):
    """What the change costs and when it has paid for itself (planner.switching)."""

    steps: tuple[Switch, ...]
    usd: float = Field(description="once")
    saved_usd_month: float = Field(description="what the fleet costs more than the plan; negative: less")
    paid_back_months: float | None = Field(description="None: never")
    months: int = Field(description="over which the two are compared")
    stay_usd: float = Field(description="the fleet, over these months")
    switch_usd: float = Field(description="the change and the plan, over these months")


class Evaluation(Part):
    """A fleet against a problem."""

    schema_version: str = SCHEMA_VERSION
    problem: str
    fleet: str
    plan: Plan = Field(description="the best operation of this fleet and its bill; what is unserved is left out of it")
    unserved: tuple[Unserved, ...] = ()
    broken: tuple[str, ...] = Field(
        default=(), description="rules of the problem that the fleet breaks, a sentence each"
    )
    usage: tuple[Usage, ...] = ()
    best: Best | None = Field(default=None, description="None: not asked for")
    switching: Switching | None = Field(default=None, description="None: the fleet file says no costs of it")

    @property
    def fits(self) -> bool:
        """Whether all is served and no rule broken."""
        return not self.unserved and not self.broken

    def to_json(self) -> str:
        """The evaluation as JSON text."""
        return self.model_dump_json(indent=1)


def usage_of(plan: Plan) -> tuple[Usage, ...]:
    """How busy every line of machines is, from what the plan puts on its group in each block."""
    share = busy_shares(plan)
    return tuple(used(plan, purchase, share) for purchase in plan.purchases)


def busy_shares(plan: Plan) -> dict[tuple[str, str], float]:
    """(group, block) -> work carried / work its running machines could carry."""
    there: dict[tuple[str, str], float] = defaultdict(float)
    serving: dict[str, float] = {}
    for p in plan.purchases:
        serving[p.group] = min(serving.get(p.group, 1.0), p.serving_share)
        for block, n in p.machines_by_block.items():
            there[p.group, block] += n * p.gpus
    work: dict[tuple[str, str], float] = defaultdict(float)
    for d in plan.deployments:
        rate = {r.request_class: r.req_s * serving.get(d.group, 1.0) for r in d.rates}
        for s in d.served:
            work[d.group, s.block] += s.req_s / rate[s.request_class] * d.gpus
    return {label: min(1.0, work[label] / gpus) for label, gpus in there.items() if gpus}


def used(plan: Plan, purchase: Purchase, share: dict[tuple[str, str], float]) -> Usage:
    """How busy one line of machines is."""
    mine = {b.label: share.get((purchase.group, b.label), 0.0) for b in plan.blocks}
    running = [b for b in plan.blocks if purchase.machines_by_block.get(b.label)]
    hours = sum(purchase.machines_by_block[b.label] * b.month_h for b in running)
    work = sum(mine[b.label] * purchase.machines_by_block[b.label] * b.month_h for b in running)
    idle = [b for b in running if mine[b.label] < LITTLE]
    idle_hours = sorted(hour for b in idle for hour in b.hours)
    return Usage(
        **purchase.model_dump(
            include={
                "provider", "region", "machine", "gpu", "gpus", "term", "count", "hours_month", "usd_month"
            }
        ),
        busy_share=work / hours if hours else 0.0,
        busiest_share=max((mine[b.label] for b in running), default=0.0),
        idle_hours_week=len(idle_hours),
        idle_when="all week" if len(idle_hours) == 168 else week_label(idle_hours),
        idle_usd_month=sum(purchase.machines_by_block[b.label] * b.month_h for b in idle) * purchase.usd_h,
    )  # fmt: skip
