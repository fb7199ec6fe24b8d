"""Near-optimal plans: for each other wish, how far it can be had for a little more than the least cost, and its price.

Modeling to generate alternatives (E. Brill, Management Science 25, 1979) looks for plans as different as can be within
a tolerance of the least cost.  Here each difference is one that someone may want (`planner.analysis.goals`): a rule of
the problem file, made as strict as the tolerance allows.

    limit     best x (1 + tolerance)                               USD per month
    within    a plan that keeps the rule is known that costs no more than the limit
    beyond    every plan that keeps it is proved to cost more, or the cheapest one found does
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from planner.analysis.goals import Goal, goals_of
from planner.analysis.held import Case, side_by_side
from planner.errors import NoCandidate
from planner.plan import Plan

Verdict = Literal["within", "beyond", "impossible", "unknown"]
SAME = 1e-6
"""Costs that differ by less, as a share, are the same: what a solver's arithmetic may leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A goal at one value, and the cheapest plan found that keeps it."""

    goal: str
    value: float
    words: str
    verdict: Verdict
    proved: bool  # the verdict holds whatever else there is, and a plan is within the gap asked for
    plan: Plan | None
    bound_usd_month: float | None  # no plan that keeps it costs less; None: not known
    why: str = ""  # of what is impossible
    more_traffic: bool = False  # the plan is for another load: no other goal may have it

    @property
    def usd_month(self) -> float | None:
        """What that plan costs [USD/month]."""
        return self.plan.usd_month if self.plan else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A plan within the tolerance, and all that it is wanted for."""

    words: tuple[str, ...]
    plan: Plan
    bound_usd_month: float | None  # no plan that is all or one of this costs less
    proved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternatives:
    """What else there is within a tolerance of the best plan."""

    best: Plan
    within_share: float
    already: tuple[str, ...]  # goals that the best plan reaches as it is
    found: tuple[Alternative, ...]  # the cheapest first
    beyond: tuple[Tried, ...]
    impossible: tuple[Tried, ...]
    solves: int

    @property
    def limit_usd_month(self) -> float:
        """What a plan may cost [USD/month]."""
        return limit_usd(self.best, self.within_share)

    @property
    def proved(self) -> bool:
        """Whether no time limit left anything open."""
        return all(each.proved for each in self.found) and all(each.proved for each in self.beyond)


def limit_usd(best: Plan, within_share: float) -> float:
    """What a plan may cost within the tolerance [USD/month]."""
    return (best.usd_month or 0.0) * (1 + within_share)


def enough_usd(best: Plan, within_share: float) -> float:
    """Once a plan is proved to cost so much, it is beyond the tolerance [USD/month]."""
    return limit_usd(best, within_share) * (1 + 2 * SAME) + SAME


def alternatives(
    case: Case, best: Plan, within_share: float, jobs: int, progress: Callable[[str], None]
) -> Alternatives:
    """For every goal the strictest value that a plan within the tolerance keeps, and what is beyond it.

    `case.solve` may end once no plan costs less than `enough_usd`.
    """
    goals = list(goals_of(case.file.problem, case.catalog, best))
    asked = [goal.name for goal in goals if goal.stricter(best)]
    tried: list[Tried] = []
    work = partial(ask_goal, best, limit_usd(best, within_share))
    for done, some in enumerate(side_by_side(work, case, asked, jobs), 1):
        tried += some
        progress(f"{done} of {len(asked)} goals looked at")
    return settle(best, within_share, goals, tried)


def ask_goal(best: Plan, limit: float, case: Case, name: str) -> list[Tried]:
    """Everything that is tried of one goal, by bisection; in a worker."""
    goal = next(each for each in goals_of(case.file.problem, case.catalog, best) if each.name == name)
    values, tried = goal.stricter(best), list[Tried]()
    # From `first` on may be within the tolerance, from `last` on is: the best plan itself comes after all values.
    first, last = 0, len(values)
    while first < last:
        at = (first + last) // 2 if goal.by_degrees or tried else 0
        tried.append(ask(case, goal, values[at], limit))
        plan = tried[-1].plan
        if tried[-1].verdict == "within" and plan is not None:
            last = next((i for i in range(first, at) if goal.keeps(plan, values[i])), at)
        else:
            first = at + 1
    return tried


def ask(case: Case, goal: Goal, value: float, limit: float) -> Tried:
    """One goal at one value."""
    problem = goal.turn(case.file.problem, value)
    says = partial(Tried, goal=goal.name, value=value, words=goal.says(value), more_traffic=goal.more_traffic)
    try:
        plan = case.solve(replace(case.file, problem=problem), case.catalog)
    except NoCandidate as error:
        why = str(error).splitlines()[0]
        return says(verdict="impossible", proved=True, plan=None, bound_usd_month=None, why=why)
    bound, there = plan.bound_usd_month, plan.usd_month is not None
    if plan.status == "infeasible":
        why = "; ".join(plan.in_the_way) or "no plan keeps it beside the problem's other rules"
        return says(verdict="impossible", proved=True, plan=None, bound_usd_month=None, why=f"In the way: {why}.")
    too_dear = bound is not None and bound > limit * (1 + SAME)
    verdict: Verdict = "within" if is_within(plan, limit) else "beyond" if there or too_dear else "unknown"
    proved = plan.status == "optimal" or too_dear
    return says(verdict=verdict, proved=proved, plan=plan if there else None, bound_usd_month=bound)


def is_within(plan: Plan, limit: float) -> bool:
    """Whether a plan costs no more than the limit."""
    return plan.usd_month is not None and plan.usd_month <= limit * (1 + SAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far a goal is had within the tolerance, and the plan that it is had with."""

    words: str
    plan: Plan
    bound_usd_month: float | None
    proved: bool


def settle(best: Plan, within_share: float, goals: Sequence[Goal], tried: Sequence[Tried]) -> Alternatives:
    """Plans that serve several goals are one alternative."""
    limit = limit_usd(best, within_share)
    known = [each for each in tried if each.plan and is_within(each.plan, limit)]
    reached: list[Reached] = []
    beyond: list[Tried] = []
    for goal in goals:
        mine = [each for each in tried if each.goal == goal.name]
        value = next((v for v in goal.stricter(best) if any(keeps(goal, v, each) for each in known)), math.inf)
        if value < math.inf:
            reached.append(reach(best, goal, value, [t for t in known if keeps(goal, value, t)], mine))
        beyond += told_beyond(goal, [each for each in mine if each.value < value])
    plans = {id(each.plan): each.plan for each in reached}
    found = [together(plan, [each for each in reached if each.plan is plan]) for plan in plans.values()]
    return Alternatives(
        best=best,
        within_share=within_share,
        already=tuple(goal.says(goal.values[0]) for goal in goals if goal.values and not goal.stricter(best)),
        found=tuple(sorted(found, key=lambda each: each.plan.usd_month or 0.0)),
        beyond=tuple(sorted((each for each in beyond if each.verdict != "impossible"), key=least_usd)),
        impossible=tuple(each for each in beyond if each.verdict == "impossible"),
        solves=len(tried),
    )


def keeps(goal: Goal, value: float, tried: Tried) -> bool:
    """Whether what was found for any goal keeps a value of this one."""
    if tried.goal == goal.name:
        return tried.value <= value
    return not tried.more_traffic and tried.plan is not None and goal.keeps(tried.plan, value)


def reach(best: Plan, goal: Goal, value: float, keeping: Sequence[Tried], mine: Sequence[Tried]) -> Reached:
    """The cheapest plan known that keeps a value.

    What costs at least so much when a rule is looser costs no less when it is stricter.
    """
    plan = min((each.plan for each in keeping if each.plan), key=lambda plan: plan.usd_month or 0.0)
    bounds = [each.bound_usd_month for each in mine if each.value >= value and each.bound_usd_month is not None]
    if best.bound_usd_month is not None:
        bounds.append(best.bound_usd_month)
    return Reached(
        words=goal.says(value),
        plan=plan,
        bound_usd_month=min(max(bounds), plan.usd_month or 0.0) if bounds else None,
        proved=all(each.proved for each in mine if each.value <= value),
    )


def together(plan: Plan, reached: Sequence[Reached]) -> Alternative:
    """One plan and all that it is wanted for, with what is proved of the least of it."""
    bounds = [each.bound_usd_month for each in reached if each.bound_usd_month is not None]
    return Alternative(
        words=tuple(each.words for each in reached),
        plan=plan,
        bound_usd_month=min(bounds) if len(bounds) == len(reached) else None,
        proved=all(each.proved for each in reached),
    )


def least_usd(tried: Tried) -> float:
    """What it costs, as far as that is known [USD/month]."""
    return tried.usd_month or tried.bound_usd_month or 0.0


def told_beyond(goal: Goal, beyond: Sequence[Tried]) -> list[Tried]:
    """Of the values beyond the tolerance the one nearest to what is within, and the strictest if it has a name."""
    order = sorted(beyond, key=lambda each: each.value)
    return order[-1:] if goal.by_degrees or len(order) < 2 else [order[0], order[-1]]
