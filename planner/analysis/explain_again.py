"""Questions answered by solving again, side by side: more traffic, looser limits, rates at the ends of their bands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from planner.analysis.held import Case, side_by_side
from planner.analysis.price_changes import line_of
from planner.analysis.sweep import machines_of, mix_of
from planner.deployed import ClassRate
from planner.errors import NoCandidate
from planner.explanation import End, Limit, NextStep, Uncertain
from planner.inputs import FleetInputs
from planner.plan import Plan, Status
from planner.problem.schema import Problem
from planner.search import search
from planner.uncertainty import Range

MORE = 0.1
"""The next step of traffic."""
NO_OTHER = 1e-3
"""A factor this near to 1 moves nothing that is worth a solve."""


AT_BOTH_ENDS = "solved again at both ends"
PLAN_KEPT = "at most: the plan kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question: the problem with factors on it, another problem, or a program of its own."""

    key: tuple[str, ...]
    factors: Mapping[str, float] | None = None
    problem: Problem | None = None
    inputs: FleetInputs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came of it."""

    key: tuple[str, ...]
    status: Status
    plan: Plan | None = None
    usd_month: float | None = None  # decided costs, of a program


def ask_all(case: Case, asks: Sequence[Ask], jobs: int, progress: Callable[[str], None]) -> dict[tuple[str, ...], Told]:
    """Every question answered, `jobs` side by side (-1: one per core), without the budget, which changes no plan."""
    found: dict[tuple[str, ...], Told] = {}
    for told in side_by_side(answer, case, asks, jobs):
        found[told.key] = told
        progress(f"{len(found)} of {len(asks)} questions solved")
    return found


def answer(case: Case, ask: Ask) -> Told:
    """One question, in a worker."""
    if ask.inputs is not None:
        solution = search(ask.inputs, case.settings)
        return Told(key=ask.key, status=solution.ended.value, usd_month=solution.usd_month)
    if ask.factors is not None:
        status, plan = case.best(dict(ask.factors))
        return Told(key=ask.key, status=status, plan=plan)
    file, priced = case.at({})
    problem = (ask.problem or file.problem).model_copy(update={"budget": None})
    try:
        plan = case.solve(replace(file, problem=problem), priced)
    except NoCandidate:
        return Told(key=ask.key, status="infeasible")
    return Told(key=ask.key, status=plan.status, plan=plan if plan.usd_month is not None else None)


def more_traffic(workload: str) -> dict[str, float]:
    """The factors of the next step of a workload."""
    return {f"traffic.{workload}": 1 + MORE}


def next_step(base: Plan, told: Told) -> NextStep:
    """What more traffic costs: the new plan less the old, and between which amounts that is proved to lie."""
    if told.plan is None or told.plan.usd_month is None or base.usd_month is None:
        return NextStep(more_share=MORE, status=told.status, usd_month=None)
    new, bound, base_bound = told.plan.usd_month, told.plan.bound_usd_month, base.bound_usd_month
    return NextStep(
        more_share=MORE,
        status=told.status,
        usd_month=new - base.usd_month,
        least_usd_month=None if bound is None else bound - base.usd_month,
        most_usd_month=None if base_bound is None else new - base_bound,
        changes=changes(base, told.plan),
    )


def worth(base: Plan, limit: Limit, told: Told) -> Limit:
    """The limit with what one unit more of it saves: never less than nothing, since the plan may stay as it is.

    Whole machines may leave room under a limit in the way: it binds too where less is proved to be possible.
    """
    if told.plan is None or told.plan.usd_month is None or base.usd_month is None:
        return limit
    bound, least = told.plan.bound_usd_month, base.bound_usd_month
    cheaper = least is not None and told.plan.usd_month < least - 1e-6 * abs(least)
    return limit.model_copy(
        update={
            "binds": limit.binds or cheaper,
            "usd_month": max(0.0, base.usd_month - told.plan.usd_month),
            "most_usd_month": None if bound is None else max(0.0, base.usd_month - bound),
            "how": "solved again",
        }
    )


def changes(before: Plan, after: Plan) -> tuple[str, ...]:
    """What is bought more or less, at the busiest hour: machines, and API tokens that come or go."""
    a, b = machines_of(before), machines_of(after)
    said = [
        f"{b.get(what, 0) - a.get(what, 0):+d} {what}"
        for what in dict.fromkeys([*a, *b])
        if a.get(what, 0) != b.get(what, 0)
    ]
    bought = [{what for what in mix_of(plan) if what.endswith(" API")} for plan in (before, after)]
    said += [f"{'+' if what in bought[1] else '-'} {what}" for what in sorted(bought[0] ^ bought[1])]
    return tuple(said)


def ends_of_bands(plan: Plan) -> dict[str, float]:
    """Factors on the rates relied on that take them to the low and the high end of their bands, on the mean by work."""
    rates: list[tuple[float, ClassRate]] = []
    for d in plan.deployments:
        of = {r.request_class: r for r in d.rates}
        rates += [(s.req_s / of[s.request_class].req_s * d.gpus, of[s.request_class]) for s in d.served]
    rates = [(work, r) for work, r in rates if r.source != "given"]
    total = sum(work for work, _ in rates)
    if not total:
        return {}
    relied = [(work / total, r.estimate_req_s / r.req_s, r) for work, r in rates]
    return {
        "low end": sum(share * up * r.low_share for share, up, r in relied),
        "high end": sum(share * up * r.high_share for share, up, r in relied),
    }


def end(base: Plan, rates: str, factor: float, told: Told | None) -> End:
    """The best plan at one end of the bands; None told: the plan itself, which is made for that end."""
    plan = base if told is None else told.plan
    return End(
        rates=rates,  # type: ignore[arg-type]
        factor=factor,
        status=base.status if told is None else told.status,
        usd_month=None if plan is None else plan.usd_month,
        changes=() if plan is None or told is None else changes(base, plan),
    )


def spent(problem: Problem, base: Plan, key: str) -> float:
    """What a plan spends on a thing whose price a key names [USD/month]."""
    return line_of(base, problem, [key], 1.0, float("inf")).moved_usd_month


def both_ends(each: Range) -> list[Ask]:
    """The problem at both ends of a range."""
    ends = (("low", each.low), ("high", each.high))
    return [Ask(key=("range", each.key, which), factors={each.key: factor}) for which, factor in ends]


def uncertain(
    problem: Problem,
    base: Plan,
    ranges: Sequence[Range],
    steps: Mapping[str, NextStep],
    ends: Sequence[End],
    told: Mapping[tuple[str, ...], Told],
) -> tuple[Uncertain, ...]:
    """How far each number moves the bill between the ends of its range, the most first, by what is solved already.

    A price that was not solved for is told with the plan kept: planning again makes less of it.
    """
    out = []
    for each in ranges:
        usd, how = 0.0, ""
        solved = [told[ask.key].plan for ask in both_ends(each) if ask.key in told]
        if len(solved) == 2 and all(solved):
            low, high = (plan.usd_month or 0.0 for plan in solved if plan)
            usd, how = high - low, AT_BOTH_ENDS
        elif each.key.startswith("price."):
            usd, how = spent(problem, base, each.key) * (each.high - each.low), PLAN_KEPT
        elif (name := each.key.removeprefix("traffic.")) in steps:
            usd, how = (steps[name].usd_month or 0.0) * (each.high - each.low) / MORE, "its next step, in proportion"
        elif each.key == "efficiency" and len(ends) == 2 and all(e.usd_month is not None for e in ends):
            usd, how = (ends[1].usd_month or 0.0) - (ends[0].usd_month or 0.0), AT_BOTH_ENDS
        if abs(usd) > 0.5:
            out.append(Uncertain(key=each.key, low=each.low, high=each.high, why=each.why, usd_month=usd, how=how))
    return tuple(sorted(out, key=lambda u: -abs(u.usd_month)))
