"""Is a plan for many scenarios what it says?  One signature in all of them, and its figures by arithmetic of their own.

That each scenario's plan keeps the promises of its problem is audited like any other plan (`planner.audit.audit`).
"""

from __future__ import annotations

from collections.abc import Mapping

from planner.audit.evidence import usd_differs
from planner.plan import Plan
from planner.problem.schema import Problem
from planner.robust_plan import RobustPlan

AUDITED = (
    "the same is signed in every scenario, at the same price",
    "each workload asks for its factor's share of the requests of a month",
    "the measure, its bound and its gap recomputed; within the budget",
    "what knowing and planning are worth recomputed; no scenario beats its own bound",
)
"""What is checked, in words."""

Line = tuple[str, str, str, int, str, float, float]


def wrong_about_scenarios(found: RobustPlan, problem: Problem) -> list[str]:
    """What of it is not so, a sentence each."""
    return [*_signed(found), *_loads(found, problem), *_figures(found, problem), *_worth(found)]


def signed_in(plan: Plan) -> list[tuple[Line, int]]:
    """What a plan signs, buys or promises for every hour of the month, with how much of it."""
    out: list[tuple[Line, int]] = [
        ((p.provider, p.region, p.machine, p.gpus, p.term, p.usd_h, round(p.upfront_usd / p.count, 2)), p.count)
        for p in plan.purchases
        if p.billing == "always" and not p.existing
    ]
    out += [
        (("", s.provider, "spend commitment", 0, s.term, round(s.step_usd_h, 9), 0.0), round(s.usd_h / s.step_usd_h))
        for s in plan.spends
        if not s.existing
    ]
    return sorted(out)


def _signed(found: RobustPlan) -> list[str]:
    breaches = []
    first = found.scenarios[0]
    for each in found.scenarios[1:]:
        if signed_in(each.plan) != signed_in(first.plan):
            breaches.append(f"{first.name} and {each.name} do not sign for the same")
    told = sum(line.count for line in found.signed)
    counted = sum(n for _, n in signed_in(first.plan))
    usd = sum(line.usd_month for line in found.signed)
    in_plan = sum(line[5] * n for line, n in signed_in(first.plan)) * first.plan.month_hours
    if told != counted or usd_differs(usd, in_plan):
        breaches.append(f"{told} are signed for ${usd:,.2f} a month, in the plans {counted} for ${in_plan:,.2f}")
    return breaches


def _loads(found: RobustPlan, problem: Problem) -> list[str]:
    breaches = []
    for name in problem.workloads:
        plain = {}
        for each in found.scenarios:
            factor = each.factors.get("traffic", 1.0) * each.factors.get(f"traffic.{name}", 1.0)
            plain[each.name] = next(w.requests_month for w in each.plan.workloads if w.name == name) / factor
        if max(plain.values()) > min(plain.values()) * (1 + 1e-6):
            breaches.append(f"{name} is not asked for by its factors: {plain} requests a month before them")
    return breaches


def _figures(found: RobustPlan, problem: Problem) -> list[str]:
    breaches = []
    asked = {each.name: each.weight for each in problem.scenarios}
    for each in found.scenarios:
        if abs(each.weight - asked[each.name] / sum(asked.values())) > 1e-9:
            breaches.append(f"{each.name} has a weight of {each.weight:g}")
        if each.plan.usd_month is None or usd_differs(each.usd_month, each.plan.usd_month):
            breaches.append(f"{each.name} costs ${each.usd_month:,.2f} a month, its plan something else")
    usd = {each.name: each.usd_month for each in found.scenarios}
    value = measured(found, usd)
    if found.usd_month is None or usd_differs(found.usd_month, value):
        breaches.append(f"what is made small is {found.usd_month} in the plan, ${value:,.2f} recomputed")
    expected = sum(each.weight * usd[each.name] for each in found.scenarios)
    if found.expected_usd_month is None or usd_differs(found.expected_usd_month, expected):
        breaches.append(f"{found.expected_usd_month} expected in the plan, ${expected:,.2f} recomputed")
    scale = max(usd.values()) if found.criterion == "regret" else value
    if found.bound_usd_month is not None:
        if found.bound_usd_month > value + 0.01:
            breaches.append(f"the bound of ${found.bound_usd_month:,.2f} lies above ${value:,.2f}")
        gap = (value - found.bound_usd_month) / scale if scale > 0 else 0.0
        if found.gap is None or abs(found.gap - gap) > 1e-6:
            breaches.append(f"a gap of {found.gap} is told, {gap:.6f} recomputed")
        if found.status == "optimal" and gap > found.gap_asked + 1e-6:
            breaches.append(f"called optimal at a gap of {gap:.4f}")
    if problem.budget is not None and value > problem.budget.usd_month * (1 + 1e-6):
        breaches.append(f"${value:,.2f} a month is beyond the budget of ${problem.budget.usd_month:,.2f}")
    return breaches


def measured(found: RobustPlan, usd: Mapping[str, float]) -> float:
    """The measure of these costs by its own definition [USD/month].

    The mean of the dearest tail as Rockafellar and Uryasev (2000) minimize it: the least over t of
    t + E max(0, cost - t) / tail, which is at one of the costs.
    """
    weight = {each.name: each.weight for each in found.scenarios}
    if found.criterion == "expected":
        return sum(weight[s] * usd[s] for s in usd)
    if found.criterion == "regret":
        return max(usd[each.name] - each.alone_usd_month for each in found.scenarios)
    if found.criterion == "worst" or not found.tail:
        return max(usd.values())
    return min(t + sum(weight[s] * max(0.0, usd[s] - t) for s in usd) / found.tail for t in usd.values())


def _worth(found: RobustPlan) -> list[str]:
    breaches = []
    for each in found.scenarios:
        if each.usd_month < each.alone_bound_usd_month - 0.01 or each.alone_usd_month > each.usd_month + 0.01:
            breaches.append(f"{each.name} costs ${each.usd_month:,.2f}; alone ${each.alone_usd_month:,.2f}")
    value = measured(found, {each.name: each.usd_month for each in found.scenarios})
    alone = measured(found, {each.name: each.alone_usd_month for each in found.scenarios})
    worths = [("knowing what comes", found.knowing, value - alone)]
    mean = {each.name: each.mean_plan_usd_month for each in found.scenarios}
    known = {s: usd for s, usd in mean.items() if usd is not None}
    if len(known) == len(mean):
        worths.append(("planning for scenarios", found.planning, measured(found, known) - value))
    elif found.planning is not None:
        breaches.append("planning is told to be worth something against a plan that cannot be")
    for what, told, usd in worths:
        if told is None or usd < -0.01 or usd_differs(told.usd_month, max(0.0, usd)):
            breaches.append(f"{what} is worth ${usd:,.2f} a month, told: {told and told.usd_month}")
        elif not told.at_least - 0.01 <= told.usd_month <= told.at_most + 0.01:
            breaches.append(f"{what} is worth ${told.usd_month:,.2f}, outside of what its bounds leave")
    return breaches
