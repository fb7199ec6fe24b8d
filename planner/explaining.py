"""The verbs of explanation: why a plan is as it is, and what there is instead.

Like those of `planner.verbs`, they take plain values and return plain values.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from planner.catalog.load import Catalog, load_catalog
from planner.errors import Complaint, InputError
from planner.outlook import case_of
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.state import Progress, silent
from planner.verbs import solve

if TYPE_CHECKING:
    from planner.analysis.alternatives import Alternatives
    from planner.explanation import Explanation


def explain(
    problem: ProblemFile,
    plan: Plan | None = None,
    catalog: Catalog | None = None,
    *,
    gap: float | None = None,
    time_limit_s: float | None = None,
    jobs: int = -1,
    quick: bool = False,
    today: date | None = None,
    progress: Progress = silent,
) -> Explanation:
    """What drives the bill of a plan, what each workload costs, which limits bind, what is idle and how sure it is.

    The plan is the problem's best one unless one is given.  Questions are solved again by one worker each, `jobs` side
    by side (-1: one per core); `quick`: none is.  Raises `NoCandidate` where there is no plan, `InputError` where the
    plan is of another problem.
    """
    from planner.analysis.explain import explain as find

    if plan is not None and plan.problem != problem.problem.name:
        what = f"is a plan for {plan.problem}, not for {problem.problem.name}.  Give the problem that it was made from."
        raise InputError([Complaint("plan", what)])
    case, base = case_of(problem, catalog or load_catalog(), gap, time_limit_s, today, progress, plan)
    return find(case, base, jobs, quick, lambda doing: progress(doing, None, None))


def alternatives(
    problem: ProblemFile,
    catalog: Catalog | None = None,
    *,
    within_share: float = 0.05,
    gap: float | None = None,
    time_limit_s: float | None = None,
    jobs: int = -1,
    today: date | None = None,
    progress: Progress = silent,
) -> Alternatives:
    """Plans that cost at most `within_share` more than the best one and are simpler, freer or roomier.

    Fewest providers, GPU types, deployments and machines, shortest terms, least upfront cash, no spot, one GPU vendor,
    no APIs, only APIs, most headroom: each is solved with a rule of the problem file, by one worker, `jobs` side by
    side (-1: one per core), and audited.  Raises `NoCandidate` where the problem as it is has no plan.
    """
    from planner.analysis.alternatives import alternatives as find
    from planner.analysis.alternatives import enough_usd

    catalog, today = catalog or load_catalog(), today or date.today()
    case, best = case_of(problem, catalog, gap, time_limit_s, today, progress)
    ask = {"gap": gap, "time_limit_s": time_limit_s, "threads": 1, "today": today, "price_spares": False}
    one = partial(solve, **ask, enough_usd_month=enough_usd(best, within_share))  # type: ignore[arg-type]
    return find(replace(case, solve=one), best, within_share, jobs, lambda doing: progress(doing, best.usd_month, None))
