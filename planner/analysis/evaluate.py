"""Cost and check a fleet that is given: the rules and the bill of `plan solve`, with nothing to procure.

The machines are held; how they are best run is searched for as in any plan.  Rules about what may be bought do not
change that: the audit tells which of them the fleet breaks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date

from planner.analysis.shortfall import Shortfall, shortfall
from planner.analysis.unserved import unserved_of
from planner.audit import ABOUT_BUYING, CHECKS, audit
from planner.catalog.load import Catalog
from planner.errors import AuditFailed, StoppedAtLimit
from planner.evaluation import Evaluation, usage_of
from planner.finish import finish
from planner.fleet import as_quotes, place
from planner.inputs import FleetInputs
from planner.market import Lot
from planner.outputs.figures import percent
from planner.plan import Plan
from planner.problem.fleet import FleetFile
from planner.problem.places import ProblemFile
from planner.problem.schema import Problem
from planner.reduce import Reduced, Standing, reduce_problem
from planner.search import search
from planner.solution import Solution
from planner.solver import Settings
from planner.state import Progress, silent
from planner.tidy import tidy

FINE_GAP = 1e-4
"""What is not served is known to this share of it."""


def evaluate(
    problem: ProblemFile,
    fleet: FleetFile,
    catalog: Catalog,
    settings: Settings,
    today: date,
    progress: Progress = silent,
) -> Evaluation:
    """What a fleet costs, what it cannot serve and why, where it is idle, and which rules it breaks.

    Raises `ProblemError` for a fleet that names what is not there, `StoppedAtLimit` where the time does not suffice.
    """
    started = time.perf_counter()
    asked = problem.problem
    standing, met = place(fleet, asked, catalog, today)
    reduced = reduce_problem(met, problem.folder, catalog, today, standing)
    # Where the fleet leans on one provider too much, or runs too few replicas, that is told; it serves no less for it.
    reduced = replace(reduced, inputs=replace(reduced.inputs, provider_max_share={}, min_replicas={}))
    tokens = {k.label: k.request.input_tok + k.request.output_tok for k in reduced.load.classes}
    fine = replace(settings, gap=min(settings.gap, FINE_GAP))

    def left_s() -> float:
        return max(1.0, settings.time_limit_s - (time.perf_counter() - started))

    def least(inputs: FleetInputs) -> Shortfall:
        return shortfall(inputs, tokens, fine, left_s())

    progress("finding what the fleet can serve", None, None)
    inputs = reduced.inputs
    short = least(inputs)
    broken: list[str] = []
    for rule, words in LOSSES.items():
        careless = replace(inputs, **{rule: type(getattr(inputs, rule))()})
        if not getattr(inputs, rule) or not (missing := short.tokens_month(inputs, tokens)):
            continue
        without = least(careless)
        if missing > without.tokens_month(inputs, tokens) * (1 + 2 * FINE_GAP):
            broken.append(unkept_promise(inputs, short, without, words(asked)))
            inputs, short = careless, without
    progress("running the fleet", None, None)
    served = short.of(inputs)
    solution = search(served, replace(settings, time_limit_s=left_s()), progress)
    if solution.usd_month is None:
        raise StoppedAtLimit("The time limit came before the fleet's best operation was found.")
    solution = tidy(served, solution, settings)
    as_bought = replace(reduced, lots={name: bought(lot) for name, lot in reduced.lots.items()}, inputs=served)
    as_served = replace(as_bought, load=short.of_load(reduced.load))
    solution = by_the_hour(reduced, solution)
    plan = finish(met, as_served, solution, today, settings.gap, settings.solver)
    plan = plan.model_copy(update={"dropped": (), "notes": (*not_added(asked), *plan.notes)})
    plan = checked(plan, without_promises(asked, inputs), met, standing, as_served, catalog)
    broken += rules_broken(plan, asked, standing, as_served, catalog)
    return Evaluation(
        problem=asked.name,
        fleet=fleet.fleet.name,
        plan=plan,
        unserved=unserved_of(reduced, short, least),
        broken=tuple(broken),
        usage=usage_of(plan),
    )


def bought(lot: Lot) -> Lot:
    """The machines of a lot as a purchase on their own term, no longer as something already paid for."""
    return replace(lot, existing=None, billing="always" if lot.hours is None else "hourly")


def not_added(asked: Problem) -> tuple[str, ...]:
    """That what the problem has already is not the fleet's, and so is in one of two bills that are compared."""
    buying = asked.procurement
    there = [key for key in ("existing", "existing_spend") if getattr(buying, key)]
    if not there:
        return ()
    what = " and ".join(f"procurement.{key}" for key in there)
    return (f"{what} of the problem: not added to this fleet, but in the bill of the cheapest plan.",)


def by_the_hour(reduced: Reduced, solution: Solution) -> Solution:
    """The solution with machines that are there in some hours only as machines on in those hours."""
    offers = reduced.inputs.offers
    hourly = {o: offers[o] for o, lot in reduced.lots.items() if bought(lot).billing == "hourly"}
    return replace(
        solution,
        always={o: n for o, n in solution.always.items() if o not in hourly},
        runs=tuple(
            replace(
                run,
                hourly={
                    **run.hourly,
                    **{o: offer.existing or 0 for o, offer in hourly.items() if run.block not in offer.away},
                },
            )
            for run in solution.runs
        ),
    )


def places(asked: Problem) -> str:
    """The losses of places that a problem wants survived."""
    rules = asked.resilience
    said = [f"a {what} is lost (resilience.{what})" for what in ("region", "provider") if getattr(rules, what)]
    said += ["a spot pool is taken back (spot.kept_share)"] if asked.spot.kept_share else []
    return " or ".join(said)


LOSSES: Mapping[str, Callable[[Problem], str]] = {
    "losses": places,
    "protected": lambda _: "a machine fails (resilience.machine)",
}
"""Promises of the inputs that a given fleet may not keep, with the losses that they speak of."""


def unkept_promise(inputs: FleetInputs, short: Shortfall, without: Shortfall, lost: str) -> str:
    """That the fleet cannot lose something and go on, in the words of the problem."""
    more = {
        (k, b): (n - without.req_s.get((k, b), 0.0)) / inputs.demand_req_s[k, b] for (k, b), n in short.req_s.items()
    }
    who = sorted({inputs.class_workload[k] for (k, _), share in more.items() if share > FINE_GAP})
    return (
        f"{' and '.join(who)} {'do' if len(who) > 1 else 'does'} not go on in every hour if {lost}: to keep that "
        f"promise, up to {percent(max(more.values()))} of a class would go unserved even with everything up."
    )


def without_promises(asked: Problem, inputs: FleetInputs) -> Problem:
    """The problem without what the fleet was found not to promise."""
    kept: dict[str, bool] = {} if inputs.protected else {"machine": False}
    pools = asked.spot
    if not inputs.losses:
        kept |= {"region": False, "provider": False}
        pools = pools.model_copy(update={"kept_share": 0.0})
    return asked.model_copy(update={"resilience": asked.resilience.model_copy(update=kept), "spot": pools})


def checked(plan: Plan, asked: Problem, met: Problem, standing: Standing, reduced: Reduced, catalog: Catalog) -> Plan:
    """The plan with what the audit checked of it; raises `AuditFailed` where it breaks its own arithmetic."""
    mine = met.model_copy(
        update={
            "procurement": met.procurement.model_copy(
                update={
                    "quotes": as_quotes(standing),
                    "purchases": [m.model_copy(update={"max_machines": None}) for m in asked.procurement.purchases],
                }
            ),
            "workloads": asked.workloads,
            "resilience": asked.resilience,
            "spot": asked.spot,
        }
    )
    own = tuple(check for check in CHECKS if check not in ABOUT_BUYING)
    found = audit(plan, mine, reduced.load, catalog, reduced.performance, own)
    if found.breaches:
        raise AuditFailed("The evaluation breaks its own arithmetic:\n" + "\n".join(f"  {b}" for b in found.breaches))
    return plan.model_copy(update={"audit": found.checks})


def rules_broken(plan: Plan, asked: Problem, standing: Standing, reduced: Reduced, catalog: Catalog) -> tuple[str, ...]:
    """Rules on what may be bought that the fleet breaks: places, terms, quotas, orders, rental times, cash, budget."""
    buying = asked.procurement
    mine = asked.model_copy(
        update={"procurement": buying.model_copy(update={"quotes": [*buying.quotes, *as_quotes(standing)]})}
    )
    return audit(plan, mine, reduced.load, catalog, reduced.performance, ABOUT_BUYING).breaches
