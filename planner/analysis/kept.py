"""The best plan that keeps a machine all month whether worth it or not, or that runs some deployments and no others.

The machine is there as one that is held already, and is told and paid for as bought: the rest is decided anew, under
every rule of the problem, proved, and audited like any plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from planner.analysis.evaluate import bought
from planner.analysis.held import Case, side_by_side
from planner.audit import audit
from planner.errors import AuditFailed
from planner.finish import finish
from planner.inputs import FleetInputs
from planner.limits import quotas_of
from planner.market import Held, Lot
from planner.plan import Plan
from planner.problem.schema import Problem
from planner.reduce import Reduced, Standing, reduce_problem
from planner.search import search
from planner.tidy import tidy


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """The cheapest plan known that uses it, at the prices of today."""

    how: str
    plan: Plan
    usd_month: float
    bound_usd_month: float | None  # no plan that uses it so costs less; None: not known


def cheapest_with(case: Case, lots: Sequence[Lot], jobs: int, progress: Callable[[str], None]) -> Used | None:
    """The cheapest plan that keeps a machine of one of these offers all month; None: there is none.

    Where an offer is sold from more machines up, so many.
    """
    plans = []
    for plan in side_by_side(held_one, case, lots, jobs):
        plans.append(plan)
        progress(f"solving with a machine of it: {len(plans)} of {len(lots)} offers")
    known = [plan for plan in plans if plan is not None]
    if not known:
        return None
    best = min(known, key=lambda plan: plan.usd_month or 0.0)
    bounds = [plan.bound_usd_month for plan in known]
    least = None if None in bounds else min(usd for usd in bounds if usd is not None)
    return Used(
        how="one machine of it kept all month", plan=best, usd_month=best.usd_month or 0.0, bound_usd_month=least
    )


def held_one(case: Case, lot: Lot) -> Plan | None:
    """The best plan with the least that an offer sells, all month; None: there is none."""
    machines = -(-lot.min_machines // lot.multiple_of) * lot.multiple_of
    held = Held(row=lot.row, count=machines, price_usd=lot.price_usd)
    return best_with(case, Standing(held=(held,)), lot)


def best_with(case: Case, standing: Standing, lot: Lot | None = None) -> Plan | None:
    """The best plan that pays for what stands, machines of `lot`, or runs only what is wanted; None: there is none."""
    file, catalog = case.at({})
    problem, settings = file.problem, case.settings
    reduced = reduce_problem(problem, file.folder, catalog, case.today, standing)
    if lot is not None:
        reduced = as_bought(problem, reduced, lot, standing.held[0].count)
        if forbidden(reduced.inputs):
            return None
    solution = tidy(reduced.inputs, search(reduced.inputs, settings), settings)
    plan = finish(problem, reduced, solution, case.today, settings.gap, settings.solver)
    if plan.usd_month is None:
        return None
    found = audit(plan, problem, reduced.load, catalog, reduced.performance)
    if found.breaches:
        raise AuditFailed("What is kept breaks its own problem:\n" + "\n".join(f"  {b}" for b in found.breaches))
    return plan.model_copy(update={"audit": found.checks})


def as_bought(problem: Problem, reduced: Reduced, lot: Lot, machines: int) -> Reduced:
    """The numbers with machines that stand there told as bought: they count in quotas, cash and what a quote allows."""
    mine = next(name for name, each in reduced.lots.items() if each.existing is not None)
    lots = {**reduced.lots, mine: replace(bought(reduced.lots[mine]), vcpus=lot.vcpus)}
    offers, orders = dict(reduced.inputs.offers), dict(reduced.inputs.minimum_orders)
    for name, each in reduced.lots.items():
        if each.existing is None and each.row == lot.row:
            orders.pop(f"at least {each.min_machines} machines of {name}", None)
            if each.max_machines is not None:
                offers[name] = replace(offers[name], max_machines=max(0, each.max_machines - machines))
    cash = problem.procurement.max_upfront_usd
    inputs = replace(
        reduced.inputs,
        offers=offers,
        minimum_orders=orders,
        quotas=quotas_of(problem, list(lots.values())),
        max_upfront_usd=None if cash is None else cash - offers[mine].upfront_usd * machines,
    )
    return replace(reduced, inputs=inputs, lots=lots)


def forbidden(inputs: FleetInputs) -> bool:
    """Whether what is kept takes more than a quota or the cash allows, whatever else is bought."""
    cash = inputs.max_upfront_usd
    taken = (
        sum(weight * (inputs.offers[o].existing or 0) for o, weight in quota.weight.items()) > quota.limit
        for quota in inputs.quotas.values()
    )
    return (cash is not None and cash < 0) or any(taken)
