"""Why a plan is as it is: gathers what it says itself, what its fleet as it stands says, and what is solved again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from planner.analysis.explain_again import (
    NO_OTHER,
    PLAN_KEPT,
    Ask,
    Told,
    ask_all,
    both_ends,
    end,
    ends_of_bands,
    more_traffic,
    next_step,
    uncertain,
    worth,
)
from planner.analysis.explain_drivers import Freedom, Level, drivers_of, levels, naive
from planner.analysis.explain_itself import alike, averages, evidence, idle
from planner.analysis.explain_limits import limits_of, rules_of
from planner.analysis.explain_loosened import Facts
from planner.analysis.explain_margin import HeldFleet
from planner.analysis.held import Case
from planner.analysis.moved import ranges_of
from planner.drops import Drops
from planner.explanation import Drivers, End, Explanation, Limit, WorkloadCost
from planner.formulation import ROWS
from planner.market import gather
from planner.numbers import paid_anyway
from planner.plan import Plan
from planner.problem.schema import Problem
from planner.reduce import reduce_problem

Progress = Callable[[str], None]
STALE = "The plan does not stand in the prices and rates of this problem: nothing is said of limits and at its margin."


def explain(case: Case, base: Plan, jobs: int, quick: bool, progress: Progress) -> Explanation:
    """All of it; `quick`: without solving again."""
    problem = case.file.problem
    progress("holding the fleet as it stands")
    reduced = reduce_problem(problem, case.file.folder, case.catalog, case.today)
    held = HeldFleet.of(base, reduced)
    workloads = tuple(with_margin(w, held) for w in averages(base))
    ranges = ranges_of(problem, case.catalog, reduced, base)
    found = list(limits_of(ROWS, Facts(problem=problem, reduced=reduced, plan=base, held=held))) if held else []
    limits = tuple(limit for limit, _ in found)
    told: dict[tuple[str, ...], Told] = {}
    drivers: Drivers | None = None
    ends: tuple[End, ...] = ()
    if not quick:
        bands = ends_of_bands(base)
        progress("looking for the fleet to begin with")
        first = naive(reduced, case.settings)
        order = levels(reduced, base, first) if first else []
        told = ask_all(case, questions(workloads, found, bands, order), jobs, progress)
        if first is not None:
            solved: dict[Freedom, float | None] = {
                level.freedom: told["level", level.freedom].usd_month for level in order[:-1]
            }
            paid = paid_anyway(problem, reduced.lots.values(), reduced.spends.values())
            drivers = drivers_of(first, solved, order, base, paid)
        workloads = tuple(w.model_copy(update={"next_step": next_step(base, told["more", w.name])}) for w in workloads)
        limits = tuple(
            limit if ("limit", str(i)) not in told else worth(base, limit, told["limit", str(i)])
            for i, limit in enumerate(limits)
        )
        ends = tuple(end(base, rates, factor, told.get(("end", rates))) for rates, factor in bands.items())
    steps = {w.name: w.next_step for w in workloads if w.next_step is not None}
    swings = uncertain(problem, base, ranges, steps, ends, told)
    of = {each.key: each for each in ranges}
    # What moves the bill most is solved, not only told with the plan kept.
    while not quick and swings and swings[0].how == PLAN_KEPT and both_ends(of[swings[0].key])[0].key not in told:
        told |= ask_all(case, both_ends(of[swings[0].key]), jobs, progress)
        swings = uncertain(problem, base, ranges, steps, ends, told)
    return Explanation(
        problem=base.problem,
        title=base.title,
        usd_month=base.usd_month or 0.0,
        bound_usd_month=base.bound_usd_month,
        drivers=drivers,
        workloads=workloads,
        limits=limits,
        rules=rules_of(ROWS, held, base) if held else (),
        idle=idle(base),
        evidence=evidence(base),
        ends=ends,
        uncertain=swings,
        ties=base.ties,
        alike=alike(base, gather(problem, case.catalog, Drops())),
        solves=len(told),
        unproved=sum(each.status in ("feasible", "stopped") for each in told.values()),
        notes=() if held else (STALE,),
    )


def questions(
    workloads: Sequence[WorkloadCost],
    limits: Sequence[tuple[Limit, Problem | None]],
    bands: Mapping[str, float],
    order: Sequence[Level],
) -> list[Ask]:
    """All that is solved again: next steps, ends of bands, one unit more of each limit, each freedom but the last."""
    asks = [Ask(key=("more", w.name), factors=more_traffic(w.name)) for w in workloads]
    asks += [
        Ask(key=("end", rates), factors={"efficiency": factor})
        for rates, factor in bands.items()
        if abs(factor - 1) > NO_OTHER
    ]
    asks += [Ask(key=("limit", str(i)), problem=more) for i, (_, more) in enumerate(limits) if more is not None]
    return asks + [Ask(key=("level", level.freedom), inputs=level.inputs) for level in order[:-1]]


def with_margin(workload: WorkloadCost, held: HeldFleet | None) -> WorkloadCost:
    """The workload with what a little more of it costs on the fleet as it stands, and how much more fits."""
    if held is None or not workload.requests_month:
        return workload
    room = held.room_share(workload.name)
    usd = held.marginal_usd_month(workload.name)
    return workload.model_copy(
        update={
            "room_share": room,
            "marginal_usd_1000_requests": 1000 * usd / workload.requests_month if room > 0 else None,
        }
    )
