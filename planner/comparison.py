"""Two plans beside each other: the two bills, the machines, and what each change saves.

Plans are read as they stand; nothing is solved again.  What each change saves is in `planner.waterfall`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from planner.plan import SCHEMA_VERSION, Part, Plan, Purchase, WorkloadPlan

Change = Literal["kept", "added", "returned", "more", "fewer"]


class Beside(Part):
    """An amount of money in both plans [USD/month]."""

    name: str
    before: float
    after: float

    @property
    def difference(self) -> float:
        """What the second plan costs more."""
        return self.after - self.before


class Machines(Part):
    """Machines of one provider, region, kind and term in both plans."""

    provider: str
    region: str
    machine: str
    gpu: str
    gpus: int
    term: str
    existing: bool
    change: Change
    count_before: int
    count_after: int
    hours_month_before: float
    hours_month_after: float
    usd_h_before: float | None
    usd_h_after: float | None


class Served(Part):
    """A workload in both plans."""

    name: str
    requests_month_before: float
    requests_month_after: float
    usd_month_before: float
    usd_month_after: float
    usd_mtok_output_before: float | None
    usd_mtok_output_after: float | None


class Step(Part):
    """What one change makes the bill go up or down, everything before it already changed."""

    what: str
    usd_month: float = Field(description="negative: saves")
    detail: str = Field(default="", description="from what to what")
    joint: bool = Field(default=False, description="several changes that the two plans alone cannot tell apart")


class Comparison(Part):
    """Two plans beside each other."""

    schema_version: str = SCHEMA_VERSION
    before: str
    after: str
    usd_month_before: float
    usd_month_after: float
    bill: tuple[Beside, ...]
    machines: tuple[Machines, ...]
    workloads: tuple[Served, ...]
    steps: tuple[Step, ...] = Field(description="in order; they add up to the difference of the two bills")
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The comparison as JSON text."""
        return self.model_dump_json(indent=1)


def bills(a: Plan, b: Plan) -> tuple[Beside, ...]:
    """The two bills line by line, in the order of the first."""
    before, after = ({c.line: c.usd_month for c in plan.costs} for plan in (a, b))
    return tuple(
        Beside(name=line, before=before.get(line, 0.0), after=after.get(line, 0.0))
        for line in dict.fromkeys([*before, *after])
    )


def machines(a: Plan, b: Plan) -> tuple[Machines, ...]:
    """Machines kept, added and returned; those that only one plan has last."""

    def kind(p: Purchase) -> tuple[str, str, str, str, bool]:
        return (p.provider, p.region, p.machine, p.term, p.existing)

    mine = [{}, {}]  # type: list[dict[tuple[str, str, str, str, bool], list[Purchase]]]
    for found, plan in zip(mine, (a, b), strict=True):
        for p in plan.purchases:
            found.setdefault(kind(p), []).append(p)
    out = []
    for key in dict.fromkeys([*mine[0], *mine[1]]):
        before, after = mine[0].get(key, []), mine[1].get(key, [])
        like = (before or after)[0]
        counts = sum(p.count for p in before), sum(p.count for p in after)
        out.append(
            Machines(
                provider=like.provider,
                region=like.region,
                machine=like.machine,
                gpu=like.gpu,
                gpus=like.gpus,
                term=like.term,
                existing=like.existing,
                change=changed(*counts),
                count_before=counts[0],
                count_after=counts[1],
                hours_month_before=sum(p.hours_month for p in before),
                hours_month_after=sum(p.hours_month for p in after),
                usd_h_before=mean_usd_h(before),
                usd_h_after=mean_usd_h(after),
            )
        )
    order = ("kept", "more", "fewer", "returned", "added")
    return tuple(sorted(out, key=lambda m: order.index(m.change)))


def changed(before: int, after: int) -> Change:
    """What became of machines of one kind."""
    if not before:
        return "added"
    if not after:
        return "returned"
    return "kept" if before == after else "more" if after > before else "fewer"


def mean_usd_h(purchases: Iterable[Purchase]) -> float | None:
    """Price of one machine-hour, over all hours billed."""
    rows = list(purchases)
    hours = sum(p.hours_month for p in rows)
    return sum(p.usd_month for p in rows) / hours if hours else None


def workloads(a: Plan, b: Plan) -> tuple[Served, ...]:
    """Workloads of both plans by name."""
    before, after = ({w.name: w for w in plan.workloads} for plan in (a, b))

    def side(w: WorkloadPlan | None, end: str) -> dict[str, float | None]:
        return {
            f"requests_month_{end}": w.requests_month if w else 0.0,
            f"usd_month_{end}": w.usd_month if w else 0.0,
            f"usd_mtok_output_{end}": w.usd_mtok_output if w else None,
        }

    return tuple(
        Served(name=name, **side(before.get(name), "before"), **side(after.get(name), "after"))  # type: ignore[arg-type]
        for name in dict.fromkeys([*before, *after])
    )
