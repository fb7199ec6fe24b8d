"""Why a plan is as it is: what drives its bill, what workloads cost, which limits bind, what is idle, how sure it is.

Terminal, JSON and tests read this one structure.  It holds figures and the user's own names; sentences about rules are
those of the cards of the constraint families.  Money is USD per month.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from planner.part import Part
from planner.plan import SCHEMA_VERSION, Status, Tie

How = Literal["solved again", "arithmetic", "dual"]


class Step(Part):
    """One thing that the plan does and the fleet before it did not."""

    what: str
    usd_month: float = Field(description="what it changes the bill by, all steps before it taken; negative: saves")
    detail: str = ""


class Drivers(Part):
    """From the fleet that one would buy without planning down to the plan; the steps add up to the difference."""

    baseline: str = Field(description="what that fleet is, in words")
    usd_month: float
    steps: tuple[Step, ...]
    tried: tuple[str, ...] = Field(default=(), description="GPU types that were looked at for it")
    unused: tuple[str, ...] = Field(default=(), description="what the plan does not do, though it might")


class NextStep(Part):
    """The problem solved again with more traffic of one workload."""

    more_share: float = Field(description="how much more")
    status: Status
    usd_month: float | None = Field(description="what that plan costs more; None: there is none")
    least_usd_month: float | None = Field(default=None, description="no less, by what is proved of both plans")
    most_usd_month: float | None = Field(default=None, description="no more, likewise")
    changes: tuple[str, ...] = Field(default=(), description="what is bought more or less")


class WorkloadCost(Part):
    """What a workload costs: on the mean, at the margin of the fleet as it stands, and with the next step."""

    name: str
    usd_month: float = Field(description="its share of the bill: machines by the work they carry for it")
    bill_share: float
    requests_month: float
    usd_1000_requests: float | None
    marginal_usd_1000_requests: float | None = Field(
        default=None, description="dual: all its traffic a little more, machines and replicas held; None: not asked"
    )
    room_share: float | None = Field(
        default=None, description="so much more of it the fleet as it stands and APIs can serve; at most 1 is looked at"
    )
    next_step: NextStep | None = None


class Limit(Part):
    """A limit of the user's own that bears on the plan, in the words of its family's card."""

    family: str
    says: str
    limit: str = Field(description="the limit in the words of the problem file")
    unit: str
    binds: bool = Field(description="nothing more fits under it in some hour, or one unit more is proved to save")
    when: str = Field(default="", description="hours of the week in which it is nearest")
    room: float | None = Field(default=None, description="what is left under it where it is nearest, in its unit")
    one_more: str = Field(default="", description="the step by which it is loosened")
    usd_month: float | None = Field(default=None, description="what that saves; None: not asked")
    most_usd_month: float | None = Field(default=None, description="no more, by what is proved of both plans")
    how: How | None = None


class Rule(Part):
    """A family of rules that this problem has, in one sentence of its card."""

    family: str
    says: str
    rows: int
    tight: int = Field(description="rows that leave no room")
    unit: str
    dual_usd_month: float = Field(description="largest dual of any row, the fleet held [USD/month per unit]")


class Idle(Part):
    """How busy the machines of a purchase are.  Machines of one group share their work."""

    what: str
    count: int
    usd_month: float
    busy_share: float
    busy_peak_share: float
    idle_hours_month: float = Field(description="machine-hours paid beside the work, at the planning rate")
    idle_usd_month: float
    least_busy: str = Field(description="hours of the week in which they are least busy")
    least_busy_share: float


class Evidence(Part):
    """What stands behind the rates of a deployment."""

    deployment: str
    source: Literal["measured", "corrected", "modeled", "given"]
    reason: str
    low_share: float = Field(description="80 % band of its rates: the low end over the estimate")
    high_share: float
    relied_share: float = Field(description="of the estimate, what the plan relies on")
    work_share: float = Field(description="of the GPU-hours of work of the plan")
    usd_month: float = Field(description="machines it stands on, by the work it does there")


class End(Part):
    """The problem solved again with all rates at one end of their bands."""

    rates: Literal["low end", "estimate", "high end"]
    factor: float = Field(description="on every rate that the plan relies on")
    status: Status
    usd_month: float | None
    changes: tuple[str, ...] = Field(default=(), description="what is bought more or less; empty: the same")


class Uncertain(Part):
    """A number that is not known for sure, and how far it moves the bill between the ends of its range."""

    key: str
    low: float = Field(description="factor on what is planned with")
    high: float
    why: str = Field(description="who says so")
    usd_month: float = Field(description="bill at its high end less bill at its low end")
    how: str = Field(description="how that is known")


class Alike(Part):
    """An offer so near in price to one that was chosen that it might be taken instead."""

    chosen: str
    other: str
    usd_ratio: float = Field(description="price of the other / of the chosen one")
    observed_on: date


class Explanation(Part):
    """The whole explanation of one plan."""

    schema_version: str = SCHEMA_VERSION
    problem: str
    title: str = ""
    usd_month: float
    bound_usd_month: float | None
    drivers: Drivers | None = Field(default=None, description="None: no such fleet keeps the rules of the problem")
    workloads: tuple[WorkloadCost, ...] = ()
    limits: tuple[Limit, ...] = ()
    rules: tuple[Rule, ...] = ()
    idle: tuple[Idle, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    ends: tuple[End, ...] = ()
    uncertain: tuple[Uncertain, ...] = Field(default=(), description="the least certain first")
    ties: tuple[Tie, ...] = ()
    alike: tuple[Alike, ...] = ()
    solves: int = Field(default=0, description="beside the plan's own")
    unproved: int = Field(default=0, description="of these, ended by the time limit before their proof")
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The explanation as JSON text."""
        return self.model_dump_json(indent=1)
