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
    today: date | None = None,
    progress: Progress = silent,
) -> Explanation:
    """What drives the bill of a plan, what each workload costs, which limits bind, what is idle and how sure it is.

    The plan is the problem's best one unless one is given.  Raises `NoCandidate` where there is none, `InputError`
    where the plan is of another problem.
    """
    from planner.analysis.explain import averages, evidence, idle
    from planner.explanation import Explanation

    catalog = catalog or load_catalog()
    if plan is not None and plan.problem != problem.problem.name:
        what = f"is a plan for {plan.problem}, not for {problem.problem.name}.  Give the problem that it was made from."
        raise InputError([Complaint("plan", what)])
    _, base = case_of(problem, catalog, gap, time_limit_s, today, progress, plan)
    return Explanation(
        problem=base.problem,
        title=base.title,
        usd_month=base.usd_month or 0.0,
        bound_usd_month=base.bound_usd_month,
        workloads=averages(base),
        idle=idle(base),
        evidence=evidence(base),
        ties=base.ties,
    )
