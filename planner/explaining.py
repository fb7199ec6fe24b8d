"""The verbs of explanation: why a plan is as it is.

Like those of `planner.verbs`, they take plain values and return plain values.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from planner.catalog.load import Catalog, load_catalog
from planner.errors import Complaint, InputError
from planner.outlook import case_of
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.state import Progress, silent

if TYPE_CHECKING:
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
