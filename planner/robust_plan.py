"""One plan for many scenarios, in the words of the problem file: what to sign now, and what is rented in each.

Plain values that round-trip through JSON; how each scenario is run, with its bill, is a `Plan` of its own.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from planner.plan import SCHEMA_VERSION, Part, Plan, Status

Measure = Literal["expected", "worst", "cvar", "regret"]


class Signed(Part):
    """What is signed, bought or promised before it is known which scenario comes."""

    provider: str
    region: str
    what: str = Field(description="the machine, or `spend commitment`")
    gpu: str = ""
    gpus: int = Field(default=0, description="GPUs in one machine; 0: a spend commitment")
    term: str
    count: int = Field(description="machines, or steps of spend")
    usd_h: float = Field(description="one machine, or one step")
    usd_month: float
    upfront_usd: float


class ScenarioPlan(Part):
    """One scenario with what is signed now and rented then, beside its own cheapest plan."""

    name: str
    weight: float = Field(description="of all scenarios, a share")
    factors: dict[str, float]
    usd_month: float
    alone_usd_month: float = Field(description="the cheapest plan known had one known that this comes")
    alone_bound_usd_month: float = Field(description="no plan for this scenario alone costs less")
    mean_plan_usd_month: float | None = Field(description="with what the mean scenario's plan signs; None: no plan")
    mean_plan_bound_usd_month: float | None = Field(description="with that signed it costs no less")
    plan: Plan


class Worth(Part):
    """What something is worth, and between which values the gaps of the solves leave it [USD/month]."""

    usd_month: float
    at_least: float
    at_most: float

    @property
    def sure(self) -> bool:
        """Whether it is proved to be worth anything."""
        return self.at_least > 0


class RobustPlan(Part):
    """The plan, what it costs, and what planning for scenarios and knowing them would be worth."""

    schema_version: str = SCHEMA_VERSION
    problem: str
    title: str = ""
    criterion: Measure
    tail: float | None = Field(default=None, description="share of the dearest scenarios that cvar looks at")
    status: Status
    usd_month: float | None = Field(description="what is made small; None: no plan")
    bound_usd_month: float | None = Field(description="no plan makes it smaller")
    gap: float | None = Field(description="of usd_month; of a regret, of what the dearest scenario costs")
    gap_asked: float
    expected_usd_month: float | None = None
    signed: tuple[Signed, ...] = ()
    scenarios: tuple[ScenarioPlan, ...] = ()
    knowing: Worth | None = Field(default=None, description="value of perfect information: waiting to see what comes")
    planning: Worth | None = Field(
        default=None,
        description="value of the stochastic solution: against signing what the plan for the mean scenario signs; "
        "None: with that signed some scenario cannot be served",
    )
    mean_signed: tuple[Signed, ...] = Field(default=(), description="what the plan for the mean scenario signs")
    in_the_way: tuple[str, ...] = ()
    solves: int = Field(default=0, description="searches, of all kinds")
    audit: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The plan as JSON text."""
        return self.model_dump_json(indent=1)
