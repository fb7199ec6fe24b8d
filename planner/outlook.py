"""The verbs about what nobody knows for sure: what sways the cost, how it may come out, what a rule costs.

Like those of `planner.verbs`, they take plain values and return plain values.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from planner.analysis.held import Case
from planner.catalog.load import Catalog, load_catalog
from planner.errors import NoCandidate
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.reduce import reduce_problem
from planner.search import Progress, silent
from planner.verbs import settings_of, solve

if TYPE_CHECKING:
    from planner.analysis.tornado import Tornado


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


def case_of(
    problem: ProblemFile,
    catalog: Catalog,
    gap: float | None,
    time_limit_s: float | None,
    today: date | None,
    progress: Progress,
) -> tuple[Case, Plan]:
    """A problem to ask about again and again by one worker each, and its best plan as it is.

    Raises `NoCandidate` where there is none.
    """
    settings = settings_of(problem, gap, time_limit_s, None, 1)
    day = today or date.today()
    one = partial(solve, gap=gap, time_limit_s=time_limit_s, threads=1, today=day, price_spares=False)
    base = one(problem, catalog, progress=progress)
    if base.usd_month is None:
        why = "; ".join(base.in_the_way) or "none was found in the time given"
        raise NoCandidate(f"There is no plan for {problem.problem.name} as it is: {why}.")
    return Case(file=problem, catalog=catalog, solve=one, settings=settings, today=day), base
