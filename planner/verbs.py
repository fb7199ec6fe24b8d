"""The verbs of the library: what a script calls and what the command calls.

A verb takes plain values and returns plain values; it prints nothing and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from planner.audit import audit
from planner.catalog.load import Catalog, load_catalog
from planner.catalog.shipped import shipped_folder
from planner.errors import AuditFailed, Complaint, InputError, NoCandidate
from planner.finish import finish
from planner.numbers import paid_anyway
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.read import load_problem
from planner.reduce import reduce_problem
from planner.search import search
from planner.solver import Settings, check_solver
from planner.spares import promised, spares
from planner.state import Progress, silent
from planner.tidy import tidy
from planner.traffic.reduce import reduce_traffic
from planner.traffic.types import Load

if TYPE_CHECKING:
    from planner.analysis.axes import Axis
    from planner.analysis.breakeven import Breakeven
    from planner.analysis.sweep import Solved, Sweep
    from planner.comparison import Comparison
    from planner.evaluation import Evaluation
    from planner.problem.fleet import FleetFile
    from planner.robust_plan import Measure, RobustPlan

QUICKLY_S = 10.0
"""Beside a fleet that is evaluated, the best plan is looked for so long unless asked otherwise."""
SPARES_S = 5.0
"""What surviving losses costs is looked for at least so long, and at most twice as long as the plan itself."""


def find_problem(name: str | Path) -> Path:
    """A problem file by path, or a shipped example by name (enterprise70b, or problems/enterprise70b.yaml)."""
    path = Path(name)
    if path.exists():
        return path
    shipped = shipped_folder("problems")
    example = shipped / f"{path.stem}.yaml"
    if path.suffix in ("", ".yaml", ".yml") and path.parent in (Path(), Path("problems")) and example.exists():
        return example
    there = ", ".join(sorted(p.stem for p in shipped.glob("*.yaml")))
    raise InputError(
        [Complaint(str(name), f"no such file.  Shipped examples: {there}.  `plan init` writes a new one.")]
    )


def load(name: str | Path, catalog: Catalog | None = None) -> ProblemFile:
    """Read a problem file and check it against itself and the catalog.

    Raises `InputError` with every mistake found.
    """
    return load_problem(find_problem(name), catalog or load_catalog())


def settings_of(
    problem: ProblemFile, gap: float | None, time_limit_s: float | None, solver: str | None, threads: int | None
) -> Settings:
    """How to solve: what is left out comes from the problem file.  Raises `InputError` for an unknown solver."""
    asked = problem.problem.solver
    settings = Settings(
        solver=solver or asked.name,
        gap=asked.gap if gap is None else gap,
        time_limit_s=time_limit_s or asked.time_limit_s,
        workers=threads or asked.threads or 2,
    )
    check_solver(settings.solver)
    return settings


def solve(
    problem: ProblemFile,
    catalog: Catalog | None = None,
    *,
    gap: float | None = None,
    time_limit_s: float | None = None,
    solver: str | None = None,
    threads: int | None = None,
    today: date | None = None,
    price_spares: bool = True,
    enough_usd_month: float = math.inf,
    progress: Progress = silent,
) -> Plan:
    """The cheapest plan for a problem, proved and audited; what is left out comes from the problem file.

    `price_spares`: also say what it costs to survive losses, by a second search without that promise.
    `enough_usd_month`: once it is proved that no plan costs less, end, with or without one.

    Raises `NoCandidate` where something can be served by nothing, `AuditFailed` if the plan breaks its own problem.
    An infeasible problem is not an error here: the plan's status says so, and what stands in the way.
    """
    catalog = catalog or load_catalog()
    settings = settings_of(problem, gap, time_limit_s, solver, threads)
    progress("reading prices and rates", None, None)
    day = today or date.today()
    reduced = reduce_problem(problem.problem, problem.folder, catalog, day)
    paid = paid_anyway(problem.problem, reduced.lots.values(), reduced.spends.values())
    solution = search(reduced.inputs, settings, progress, enough_usd_month - paid)
    without_budget_usd = None
    if "within_budget" in solution.in_the_way:
        progress("solving without the budget", None, None)
        free = search(replace(reduced.inputs, budget_usd_month=None), replace(settings, gap=0.02), progress)
        if free.usd_month is not None:
            without_budget_usd = free.usd_month + paid
    solution = tidy(reduced.inputs, solution, settings)
    plan = finish(problem.problem, reduced, solution, day, settings.gap, settings.solver, without_budget_usd)
    if plan.usd_month is None:
        return plan
    if price_spares and promised(reduced):
        progress("solving without surviving losses", None, None)
        no_longer = min(settings.time_limit_s, max(SPARES_S, 2 * solution.seconds))
        limits = replace(settings, time_limit_s=no_longer)
        careless = search(reduced.inputs.careless(), limits, progress)
        plan = plan.model_copy(update={"spares": spares(problem.problem, reduced, plan, careless)})
    checked = audit(plan, problem.problem, reduced.load, catalog, reduced.performance)
    if checked.breaches:
        raise AuditFailed("The plan breaks its own problem:\n" + "\n".join(f"  {b}" for b in checked.breaches))
    return plan.model_copy(update={"audit": checked.checks})


def validate(problem: ProblemFile, catalog: Catalog | None = None) -> Load:
    """What was understood of a problem's traffic: classes, blocks, requests/s.

    Raises `InputError` for a trace that cannot be read; all else was checked when the problem was loaded.
    """
    return reduce_traffic(problem.problem, problem.folder, catalog or load_catalog())


def plan_sweep(
    problem: ProblemFile,
    over: Sequence[str | Axis] = (),
    catalog: Catalog | None = None,
    *,
    gap: float | None = None,
    time_limit_s: float | None = None,
    solver: str | None = None,
    today: date | None = None,
) -> Sweep:
    """What a sweep solves: the grid of axes such as "price.spot=0.5..1.5/5"; none: those of the problem file.

    Raises `InputError` for keys, values or a solver that cannot be, and where there is nothing to sweep.
    """
    from planner.analysis.sweep import sweep_of

    check_solver(solver or problem.problem.solver.name)
    ask = {"gap": gap, "time_limit_s": time_limit_s, "solver": solver, "today": (today := today or date.today())}
    one = partial(solve, **ask, threads=1, price_spares=False)  # type: ignore[arg-type]
    return sweep_of(problem, catalog or load_catalog(), over, one, today)


def sweep(
    problem: ProblemFile,
    over: Sequence[str | Axis] = (),
    catalog: Catalog | None = None,
    *,
    gap: float | None = None,
    time_limit_s: float | None = None,
    solver: str | None = None,
    jobs: int = -1,
    engine: str = "local",
) -> Iterator[Solved]:
    """The plan at every point of a grid of axes such as "price.spot=0.5..1.5/5", as each is done.

    Each point is solved by one worker of the engine, `jobs` points side by side (-1: one per core, or per worker).
    Raises `InputError` for keys, values, a solver or an engine that cannot be, before anything is solved.
    """
    from planner.analysis.engines import engine_of
    from planner.analysis.sweep import solve_points

    asked = plan_sweep(problem, over, catalog, gap=gap, time_limit_s=time_limit_s, solver=solver)
    return solve_points(asked, engine_of(engine), jobs)


def load_fleet(path: str | Path) -> FleetFile:
    """Read a fleet file.  Raises `ProblemError` with every mistake found."""
    from planner.problem.fleet import read_fleet

    return read_fleet(Path(path))


def evaluate(
    problem: ProblemFile,
    fleet: FleetFile,
    catalog: Catalog | None = None,
    *,
    gap: float | None = None,
    time_limit_s: float | None = None,
    solver: str | None = None,
    threads: int | None = None,
    today: date | None = None,
    best_within_s: float | None = QUICKLY_S,
    progress: Progress = silent,
) -> Evaluation:
    """What a given fleet costs and how well it serves a problem, under the rules and with the bill of `solve`.

    `best_within_s`: also look for the problem's own best plan, at most so long; None: not at all.
    """
    from planner.analysis.evaluate import evaluate as cost_and_check
    from planner.audit.switching import wrong_about_switching
    from planner.evaluation import Best
    from planner.switching import switching

    catalog = catalog or load_catalog()
    settings = settings_of(problem, gap, time_limit_s, solver, threads)
    found = cost_and_check(problem, fleet, catalog, settings, today or date.today(), progress)
    if best_within_s is None:
        return found
    progress("solving for the best fleet", None, None)
    again = {"gap": gap, "time_limit_s": best_within_s, "solver": solver, "threads": threads, "today": today}
    try:
        plan = solve(problem, catalog, **again, price_spares=False, progress=progress)  # type: ignore[arg-type]
    except NoCandidate as error:
        best = Best(status="infeasible", usd_month=None, bound_usd_month=None, why=tuple(str(error).splitlines()[:1]))
    else:
        best = Best(
            status=plan.status, usd_month=plan.usd_month, bound_usd_month=plan.bound_usd_month, why=plan.in_the_way
        )
        if fleet.fleet.switching is not None and plan.usd_month is not None:
            found = found.model_copy(
                update={"switching": switching(fleet.fleet, found.plan, plan, fleet.fleet.switching)}
            )
            if wrong := wrong_about_switching(found, plan, fleet.fleet.switching):
                raise AuditFailed("The evaluation breaks its own arithmetic:\n" + "\n".join(f"  {w}" for w in wrong))
    return found.model_copy(update={"best": best})


def compare(before: Plan, after: Plan, catalog: Catalog | None = None, notes: tuple[str, ...] = ()) -> Comparison:
    """Two plans beside each other: bills, machines, workloads, and what each change saves (`planner.waterfall`)."""
    from planner.analysis.between import estimator
    from planner.comparison import Comparison, bills, machines, workloads
    from planner.waterfall import listed, waterfall

    catalog = catalog or load_catalog()
    if before.month_hours != after.month_hours:
        notes += (f"A month has {before.month_hours:g} h in the first plan, {after.month_hours:g} in the second.",)
    return Comparison(
        before=before.problem,
        after=after.problem,
        usd_month_before=before.usd_month or 0.0,
        usd_month_after=after.usd_month or 0.0,
        bill=bills(before, after),
        machines=machines(before, after),
        workloads=workloads(before, after),
        steps=waterfall(before, after, listed(catalog), estimator(catalog)),
        notes=notes,
    )


def breakeven(
    problem: ProblemFile,
    catalog: Catalog | None = None,
    *,
    gap: float | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
) -> Breakeven:
    """From which volume on, and at which prices, machines of one's own beat APIs.

    Raises `NoCandidate` where something is sold by no API, or can be served by no machine.
    """
    from planner.analysis.breakeven import breakeven as find

    catalog = catalog or load_catalog()
    load = reduce_traffic(problem.problem, problem.folder, catalog)
    one = partial(solve, gap=gap, time_limit_s=time_limit_s, price_spares=False)
    return find(problem, load, catalog, one, lambda doing: progress(doing, None, None))


def robust(
    problem: ProblemFile,
    catalog: Catalog | None = None,
    *,
    criterion: Measure = "expected",
    tail: float = 0.1,
    gap: float | None = None,
    time_limit_s: float | None = None,
    solver: str | None = None,
    threads: int | None = None,
    today: date | None = None,
    progress: Progress = silent,
) -> RobustPlan:
    """One plan for the problem's `scenarios`: what to sign now, what is rented in each, what planning so is worth.

    `tail`: the share of the dearest scenarios whose mean is made small with `cvar`.
    """
    from planner.analysis.robust import robust as plan_for_all
    from planner.hedging import Criterion

    settings = settings_of(problem, gap, time_limit_s, solver, threads)
    asked = Criterion(measure=criterion, tail=tail)
    return plan_for_all(problem, catalog or load_catalog(), asked, settings, today or date.today(), progress)
