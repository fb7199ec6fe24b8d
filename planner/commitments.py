r"""What is paid all month, judged: above which use it pays, how much it is used, what its term may bring.

    break-even use    u* = c / p            c  USD/h, interest on upfront cash included; p  the same machines on demand
    month t = 1 .. n  use    u_t = min(1, u (1 + g)^(t-1))        g  growth of demand a month
                      prices p_t = p (1 - d)^(t-1)                d  decline of on-demand prices a month
    over the term     committed n T c;  on demand, only for the hours used, T sum of u_t p_t
    the last month in which the commitment is the cheaper one: the last t with u_t p_t >= c

p is the cheapest offer by the hour of the same machine, wherever the problem may buy; of a spend commitment, what it
covers at list prices.  The plan itself is the cheapest for the month asked about: growth and decline judge it only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from planner.bill import Hours
from planner.committed import Commitment, Covered, SpendPurchase
from planner.problem.procurement import ExistingSpend, SpendQuote
from planner.problem.schema import Problem
from planner.reduce import Reduced
from planner.solution import Solution
from planner.spending import SpendPlan


def buy_spend(reduced: Reduced, solution: Solution, hours: list[Hours]) -> tuple[SpendPurchase, ...]:
    """What is promised to providers, and the machines that it pays for."""
    out = []
    for name, plan in reduced.spends.items():
        steps = solution.always.get(name, 0)
        if not steps:
            continue
        covers = []
        for offer, usd_h in plan.covers.items():
            machines = {h.block.label: x for h in hours if (x := h.run.covered.get((name, offer), 0.0))}
            row = reduced.lots[offer].row
            if machines:
                covers.append(
                    Covered(
                        region=row.region,
                        machine=row.machine,
                        gpu=row.gpu,
                        gpus=row.gpus,
                        on_demand_usd_h=row.usd_h,
                        usd_h=usd_h,
                        hours_month=sum(machines.get(h.block.label, 0.0) * h.block.month_h for h in hours),
                        machines_by_block=machines,
                    )
                )
        out.append(
            SpendPurchase(
                provider=plan.quote.provider,
                **source_of(plan.quote),
                usd_h=steps * plan.step_usd_h,
                usd_month=steps * plan.step_usd_h * reduced.inputs.month_h,
                upfront_usd=steps * plan.upfront_usd,
                step_usd_h=plan.step_usd_h,
                covers=tuple(covers),
            )
        )
    return tuple(out)


def source_of(quote: SpendQuote | ExistingSpend) -> dict[str, Any]:
    """On which term a promise is made, and who says so."""
    if isinstance(quote, SpendQuote):
        return {"term": quote.term, "source": quote.source, "observed_on": quote.observed_on}
    return {
        "term": "on-demand",
        "existing": True,
        "ends_on": quote.ends_on,
        "source": "problem file, procurement.existing_spend",
        "observed_on": quote.ends_on or date(2000, 1, 1),
    }


def judge(
    problem: Problem, reduced: Reduced, solution: Solution, hours: list[Hours], spends: Iterable[SpendPurchase]
) -> tuple[Commitment, ...]:
    """Every commitment of the plan, those already paid for first."""
    yearly, month_h = problem.procurement.cost_of_capital_year, reduced.inputs.month_h
    used_h = machine_hours_used(reduced, solution, hours)
    out = []
    for name, used in used_h.items():
        lot, count = reduced.lots[name], solution.always[name]
        share = min(1.0, used / (count * month_h))
        if lot.existing is not None:
            out.append(
                Commitment(
                    name=name,
                    existing=True,
                    ends_on=lot.ends_on,
                    machines=count,
                    group=lot.group,
                    usd_h=count * lot.row.usd_h,
                    used_share=share,
                )
            )
        elif lot.months:
            usd_h = count * (lot.row.usd_h + lot.capital_usd_month(yearly) / month_h)
            other = reduced.on_demand.get((lot.row.gpu, lot.row.gpus))
            judged = over_term(problem, lot.months, usd_h, count * other.row.usd_h, share) if other else {}
            out.append(
                Commitment(
                    name=name,
                    machines=count,
                    group=lot.group,
                    usd_h=usd_h,
                    used_share=share,
                    on_demand_name=other.name if other else "",
                    months=lot.months,
                    **judged,
                )
            )
    for spend, (name, plan) in zip(spends, taken(reduced, solution), strict=True):
        used = sum(each.usd_h * each.hours_month for each in spend.covers)
        if spend.existing:
            out.append(
                Commitment(
                    name=name,
                    existing=True,
                    ends_on=spend.ends_on,
                    machines=None,
                    usd_h=spend.usd_h,
                    used_share=min(1.0, used / spend.usd_month),
                )
            )
            continue
        listed = sum(each.on_demand_usd_h * each.hours_month for each in spend.covers)
        share = min(1.0, used / spend.usd_month)
        usd_h = spend.usd_h + plan.capital_usd_month(yearly) / month_h * spend.usd_h / plan.step_usd_h
        judged = over_term(problem, plan.months, usd_h, spend.usd_h * listed / used, share) if used else {}
        out.append(Commitment(name=name, machines=None, usd_h=usd_h, used_share=share, months=plan.months, **judged))
    return tuple(out)


def taken(reduced: Reduced, solution: Solution) -> list[tuple[str, SpendPlan]]:
    """The spend commitments that the solution makes."""
    return [(name, plan) for name, plan in reduced.spends.items() if solution.always.get(name)]


def over_term(problem: Problem, months: int, usd_h: float, on_demand_usd_h: float, used_share: float) -> dict[str, Any]:
    """Break-even, and the term month by month: see the module."""
    growth, decline = problem.procurement.growth_month_share, problem.procurement.price_decline_month_share
    on_demand = [min(1.0, used_share * (1 + growth) ** t) * on_demand_usd_h * (1 - decline) ** t for t in range(months)]
    return {
        "on_demand_usd_h": on_demand_usd_h,
        "break_even_share": usd_h / on_demand_usd_h,
        "growth_month_share": growth,
        "price_decline_month_share": decline,
        "term_usd": months * problem.month_hours * usd_h,
        "on_demand_term_usd": problem.month_hours * sum(on_demand),
        "cheaper_until_month": max((t + 1 for t, usd in enumerate(on_demand) if usd >= usd_h * (1 - 1e-9)), default=0),
    }


def machine_hours_used(reduced: Reduced, solution: Solution, hours: list[Hours]) -> dict[str, float]:
    """Machine-hours a month that are needed of what is paid all month, by offer.

    Of a group those already paid for are used first, then commitments, the cheapest first.  A spare that a
    promise asks for counts as needed.
    """
    always = [(name, reduced.lots[name]) for name, n in solution.always.items() if n and name in reduced.lots]
    always.sort(key=lambda each: (each[1].existing is None, each[1].row.usd_h, each[0]))
    used: dict[str, float] = defaultdict(float)
    for h in hours:
        left = {g: machines_needed(reduced, h, g) for g in {lot.group for _, lot in always}}
        for name, lot in always:
            if lot.hours is not None and not lot.hours.issuperset(h.block.hours):
                continue  # not there in these hours
            mine = min(left[lot.group], solution.always[name])
            left[lot.group] -= mine
            used[name] += mine * h.block.month_h
    return dict(used)


def machines_needed(reduced: Reduced, h: Hours, group: str) -> int:
    """Machines of a group that hold what stands on it: largest first, which is exact for powers of two; and a spare."""
    inputs = reduced.inputs
    gpus = inputs.group_gpus[group]
    sizes = inputs.whole_gpus((c, n) for (c, g), n in h.run.replicas.items() if g == group)
    whole, free = 0, list[int]()
    for size in sizes:
        if size > gpus:
            whole += -(-size // gpus)
            continue
        room = next((i for i, left in enumerate(free) if left >= size), None)
        if room is None:
            free.append(gpus - size)
        else:
            free[room] -= size
    spare = any(g == group and k in inputs.protected for (k, _, g) in h.run.served)
    return whole + len(free) + spare
