"""The verbs about what nobody knows for sure: what sways the cost, how it may come out, what a rule costs.

Like those of `planner.verbs`, they take plain values and return plain values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from planner.analysis.held import Case
from planner.catalog.load import Catalog, load_catalog
from planner.errors import Complaint, InputError, NoCandidate, StoppedAtLimit
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.reduce import reduce_problem, without_ended
from planner.state import Progress, silent
from planner.traffic.reduce import reduce_traffic
from planner.verbs import settings_of, solve

if TYPE_CHECKING:
    from planner.analysis.frontier import Frontier
    from planner.analysis.montecarlo import Cast, MonteCarlo
    from planner.analysis.price_changes import Breakpoints
    from planner.analysis.tornado import Tornado
    from planner.analysis.waysout import WaysOut


def tornado(
    problem: ProblemFile,
    catalog: Catalog | None = None,
    *,
    gap: float | None = None,
    time_limit_s: float | None = None,
    jobs: int = -1,
    today: date | None = None,
    progress: Progress = silent,
) -> Tornado:
    """Which price, load or rate moves the cost most, each alone to both ends of its range, and the regret of not
    planning again.

    Each end is solved by one worker, `jobs` side by side (-1: one per core).
    Raises `NoCandidate` where the problem as it is has no plan.
    """
    from planner.analysis.moved import ranges_of
    from planner.analysis.tornado import tornado as find

    catalog = catalog or load_catalog()
    case, base = case_of(problem, catalog, gap, time_limit_s, today, progress)
    reduced = reduce_problem(problem.problem, problem.folder, catalog, case.today)
    return find(
        case, base, ranges_of(problem.problem, catalog, reduced, base), jobs, lambda doing: progress(doing, None, None)
    )


def files_of(problem: ProblemFile) -> list[bytes]:
    """What stands in the files that a problem names: traces, and measurements of its own."""
    from planner.analysis.sweep import named_files

    return [(problem.folder / name).read_bytes() for name in named_files(problem.problem)]


def case_of(
    problem: ProblemFile,
    catalog: Catalog,
    gap: float | None,
    time_limit_s: float | None,
    today: date | None,
    progress: Progress,
    known: Plan | None = None,
) -> tuple[Case, Plan]:
    """A problem to ask about again and again by one worker each, and its best plan as it is; that may be `known`.

    Raises `NoCandidate` where there is none.
    """
    settings = settings_of(problem, gap, time_limit_s, None, 1)
    day = today or date.today()
    one = partial(solve, gap=gap, time_limit_s=time_limit_s, threads=1, today=day, price_spares=False)
    base = known or one(problem, catalog, progress=progress)
    if base.usd_month is None:
        if base.status == "stopped":
            raise StoppedAtLimit(f"No plan for {problem.problem.name} as it is was found in the time given.")
        why = "; ".join(base.in_the_way)
        raise NoCandidate(f"There is no plan for {problem.problem.name} as it is: {why}.")
    return Case(file=problem, catalog=catalog, solve=one, settings=settings, today=day), base


def montecarlo(
    problem: ProblemFile,
    catalog: Catalog | None = None,
    *,
    draws: int = 200,
    seed: int = 1,
    journal: Path | None = None,
    gap: float | None = None,
    time_limit_s: float | None = None,
    jobs: int = -1,
    today: date | None = None,
    progress: Progress = silent,
) -> MonteCarlo:
    """How the cost may come out, as `uncertainty` of the problem says, and what it is worth to know.

    Its parameters are drawn `draws` times by `seed`; its scenarios are solved one by one.  Each case is solved by one
    worker, `jobs` side by side (-1: one per core).  With a `journal`, finished cases are kept in that file and not
    solved again: more draws go on from fewer.

    Raises `InputError` for a problem that states nothing uncertain, `NoCandidate` where it has no plan as it is.
    """
    from planner.analysis.casebook import Casebook, fingerprint
    from planner.analysis.montecarlo import Asked, cast_from, run, tell
    from planner.analysis.moved import band_share, check_keys
    from planner.uncertainty import draw

    catalog, asked = catalog or load_catalog(), problem.problem.uncertainty
    day = today or date.today()
    if asked is None:
        what = "says nothing of what is uncertain.  Add `uncertainty:` with parameters or scenarios."
        raise InputError([Complaint(str(problem.path or problem.problem.name), what)])
    spelled = check_keys(problem.problem, catalog, asked.parameters, "uncertainty.parameters")
    for scenario in asked.scenarios:
        where = f"uncertainty.scenarios, {scenario.name}:"
        spelled |= check_keys(problem.problem, catalog, scenario.factors, where)

    def named(factors: Mapping[str, float]) -> dict[str, float]:
        return {spelled[key]: factor for key, factor in factors.items()}

    prices = (catalog.offers, catalog.commitments, catalog.api_prices, catalog.spot_risk, catalog.egress)
    asked_of = (without_ended(problem.problem, day), *files_of(problem))
    work = fingerprint(*asked_of, *prices, catalog.performance, seed, gap, time_limit_s)
    kept = Casebook(journal, work) if journal is not None else None
    known = None if kept is None or kept.first is None else Plan.model_validate(kept.first)
    case, base = case_of(problem, catalog, gap, time_limit_s, day, progress, known)
    if kept is not None and kept.first is None:
        kept.begin(base.model_dump(mode="json"))
    if asked.scenarios:
        cases = [
            Asked(place=i, name=each.name, weight=each.weight, factors=named(each.factors))
            for i, each in enumerate(asked.scenarios)
        ]
    else:
        drawn = draw(asked.parameters, asked.correlations, draws, seed, band_share(base))
        cases = [
            Asked(place=i, name=f"draw {i + 1}", weight=1.0, factors=named(factors)) for i, factors in enumerate(drawn)
        ]
    casts = [cast_from(line) for line in kept.lines] if kept is not None else []
    count = len({each.asked.place for each in casts if each.asked.place < len(cases)})

    def done(cast: Cast) -> None:
        nonlocal count
        count += 1
        if kept is not None and not cast.trouble:
            kept.add(cast.to_plain())
        progress(f"{count} of {len(cases)} cases solved", None, None)

    holding = case.holding(base)
    found = run(case, holding, cases, casts, jobs, done)
    return tell(case, base, holding, found, drawn=not asked.scenarios)


def frontier(
    problem: ProblemFile,
    of: str,
    catalog: Catalog | None = None,
    *,
    points: int = 20,
    gap: float | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
) -> Frontier:
    """What a limit such as "slo.chat.tpot_ms" costs, from its loosest to the tightest that can be kept.

    Raises `InputError` for what is no limit, `NoCandidate` where there is no plan even at the loosest.
    """
    from planner.analysis.frontier import frontier as find
    from planner.analysis.knobs import knob_of

    knob = knob_of(problem.problem, of)
    asked = settings_of(problem, gap, time_limit_s, None, None).gap
    one = partial(solve, gap=gap, time_limit_s=time_limit_s, price_spares=False)
    return find(problem, catalog or load_catalog(), knob, points, asked, one, lambda doing: progress(doing, None, None))


def ways_out(
    problem: ProblemFile,
    catalog: Catalog | None = None,
    *,
    limit_s: float = 60.0,
    today: date | None = None,
    progress: Progress = silent,
) -> WaysOut:
    """What would give a problem with no plan one: each rule that alone could give way and by how little, or several.

    Looks for at most `limit_s`; what was not known by then is said.
    """
    from planner.analysis.waysout import ways_out as find

    catalog, day = catalog or load_catalog(), today or date.today()
    load = reduce_traffic(problem.problem, problem.folder, catalog)
    settings = settings_of(problem, None, None, None, 1)
    return find(problem, load, catalog, settings, day, limit_s, lambda doing: progress(doing, None, None))


def walk_away(
    problem: ProblemFile,
    plan: Plan,
    catalog: Catalog | None = None,
    *,
    gap: float | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
) -> Mapping[tuple[str, str, str, str], tuple[float | None, float | None]]:
    """By (provider, region, machine, term) of what a plan rents: the price up to which it is worth taking for sure, and
    the one above which a plan without it is cheaper [USD/h].

    Raises `InputError` where the plan is of another problem.
    """
    from planner.analysis.walkaway import walk_away as find

    if plan.problem != problem.problem.name:
        what = f"is a plan for {plan.problem}, not for {problem.problem.name}.  Give the problem that it was made from."
        raise InputError([Complaint("plan", what)])
    one = partial(solve, gap=gap, time_limit_s=time_limit_s, price_spares=False)
    found = find(problem, catalog or load_catalog(), plan, one, lambda doing: progress(doing, None, None))
    return {place: (each.sure_usd_h, each.too_dear_usd_h) for place, each in found.items()}


def breakpoints(
    problem: ProblemFile,
    over: Sequence[str],
    catalog: Catalog | None = None,
    *,
    low: float = 0.5,
    high: float = 1.5,
    together: bool = False,
    gap: float | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
) -> list[Breakpoints]:
    """Where the best plan changes as prices such as "price.b200-sxm" go from `low` to `high` times what they are.

    One price after the other, or `together`: all of them times one factor.
    Raises `InputError` for keys or factors that cannot be, `NoCandidate` where there is no plan at any factor.
    """
    from planner.analysis.price_changes import check, find_breakpoints

    catalog = catalog or load_catalog()
    keys = check(problem.problem, catalog, over, low, high)
    gap = settings_of(problem, gap, time_limit_s, None, None).gap
    one = partial(solve, gap=gap, time_limit_s=time_limit_s, price_spares=False)
    return [
        find_breakpoints(problem, catalog, each, low, high, gap, one, lambda doing: progress(doing, None, None))
        for each in ([keys] if together else [(key,) for key in keys])
    ]
