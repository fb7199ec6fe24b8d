"""What it costs that a machine or a place may be lost, in the words of the problem: two plans beside each other."""

from __future__ import annotations

from planner.bill import Work, bill
from planner.commitments import buy_spend
from planner.deploy import deploy
from planner.finish import buy, buy_tokens, divide_blocks
from planner.plan import Plan, Spares
from planner.problem.schema import Problem
from planner.reduce import Reduced
from planner.solution import Solution


def spares(problem: Problem, reduced: Reduced, plan: Plan, careless: Solution) -> Spares | None:
    """What surviving losses costs; None where the search without it found no plan in time."""
    if plan.usd_month is None or plan.usd_month_decided is None or careless.usd_month is None:
        return None
    hours = divide_blocks(reduced, careless)
    work = Work.of(reduced, hours)
    bought = (
        buy(reduced, careless, hours, work),
        buy_spend(reduced, careless, hours),
        deploy(reduced, hours),
        buy_tokens(reduced, careless, hours),
    )
    usd = sum(line.usd_month for line in bill(problem, reduced, *bought, work))
    bound = careless.bound_usd_month
    return Spares(
        workloads=tuple(sorted({reduced.inputs.class_workload[k] for k in promised(reduced)})),
        lost=tuple(what for what in ("machine", "region", "provider") if getattr(problem.resilience, what)),
        kept_share=reduced.inputs.kept_share,
        usd_month_without=min(usd, plan.usd_month),
        bound_usd_month_without=None if bound is None else min(bound + usd - careless.usd_month, plan.usd_month),
    )


def promised(reduced: Reduced) -> set[str]:
    """Classes that go on when a machine or a place is lost; spot pools aside."""
    places = {k for lost in reduced.inputs.losses.values() if not lost.taken_back for k in lost.kept_share}
    return places | reduced.inputs.protected
