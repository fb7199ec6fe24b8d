"""The verbs about what a plan does not buy: why not, and at what price it would.

Like those of `planner.verbs`, they take plain values and return plain values.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from planner.catalog.load import Catalog, load_catalog
from planner.outlook import case_of
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.state import Progress, silent

if TYPE_CHECKING:
    from planner.analysis.targets import Targets
    from planner.analysis.whynot import WhyNot


def why_not(
    problem: ProblemFile,
    what: str,
    catalog: Catalog | None = None,
    *,
    plan: Plan | None = None,
    gap: float | None = None,
    time_limit_s: float | None = None,
    jobs: int = -1,
    today: date | None = None,
    place: str = "why not",
    progress: Progress = silent,
) -> WhyNot:
    """Why the best plan does not use something: the cheapest plan that does, the price at which it enters, the rules
    that exclude it.  Of what is in the plan: how far its price may rise.

    `what` is a GPU, a provider, a term, an API, a machine, several of these with /, or a precision, an engine, a model
    or a deployment.  `plan` is the best plan where it is known.
    Raises `InputError`, naming `place`, for what names nothing, `NoCandidate` where the problem has no plan.
    """
    from planner.analysis.things import thing_of
    from planner.analysis.whynot import why_not as find

    catalog = catalog or load_catalog()
    thing = thing_of(problem.problem, catalog, what, place)
    case, base = case_of(problem, catalog, gap, time_limit_s, today, progress, plan)
    return find(case, base, thing, jobs, lambda doing: progress(doing, None, None))


def targets(
    problem: ProblemFile,
    catalog: Catalog | None = None,
    *,
    only: Sequence[str] = (),
    plan: Plan | None = None,
    gap: float | None = None,
    time_limit_s: float | None = None,
    jobs: int = -1,
    today: date | None = None,
    progress: Progress = silent,
) -> Targets:
    """For every offer and API not chosen the price that would win it business, for every chosen one how far its price
    may rise before something else takes its place.

    `only`: of these GPUs, providers, terms, machines or APIs.  `plan` is the best plan where it is known.
    Raises `InputError` for what names nothing, `NoCandidate` where the problem has no plan.
    """
    from planner.analysis.targets import targets as find
    from planner.analysis.things import thing_of

    catalog = catalog or load_catalog()
    asked = [thing_of(problem.problem, catalog, name, "--only") for name in only]
    case, base = case_of(problem, catalog, gap, time_limit_s, today, progress, plan)
    return find(case, base, asked, jobs, lambda doing: progress(doing, None, None))
