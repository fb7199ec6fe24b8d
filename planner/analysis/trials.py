"""Has a problem with some of its rules loosened any plan at all?  Asked again and again until the time is over."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from planner.analysis.loosening import Loosening
from planner.catalog.load import Catalog
from planner.errors import NoCandidate, SolverFailed
from planner.formulation import assemble
from planner.problem.contradictions import across_sections, within_sections
from planner.problem.places import ProblemFile
from planner.problem.references import reference_findings
from planner.problem.schema import Problem
from planner.reduce import Reduced, reduce_problem
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings, solve_model

ANY_PLAN = 1.0
"""The gap at which any plan at all is good enough."""
Progress = Callable[[str], None]
Places = Sequence[tuple[Loosening, int]]
"""Rules, each at the place of one of its values."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Whether a problem has a plan; None: not known in the time given."""

    feasible: bool | None
    reduced: Reduced | None = None
    solution: Solution | None = None


@dataclass(slots=True)
class Trials:
    """Problems that are tried until the time is over."""

    file: ProblemFile
    catalog: Catalog
    settings: Settings
    today: date
    progress: Progress
    ends: float
    most_s: float = math.inf  # for one problem
    solved: int = 0
    doing: str = ""
    known: dict[tuple[tuple[tuple[str, str], int], ...], Trial] = field(default_factory=dict)

    def left_s(self) -> float:
        """Time left [s]."""
        return self.ends - time.monotonic()

    def turned(self, places: Places) -> Problem:
        """The problem with rules loosened to these places among their values."""
        problem = self.file.problem
        for each, place in places:
            problem = each.turn(problem, each.values[place])
        return problem

    def ask(self, places: Places) -> Trial:
        """Whether it then has a plan."""
        mark = tuple((each.mark, place) for each, place in places)
        if mark not in self.known:
            found = self.solve(self.turned(places))
            if found.feasible is None:
                return found
            self.known[mark] = found
        return self.known[mark]

    def solve(self, problem: Problem) -> Trial:
        """Whether a problem has a plan: a relaxed program may say at once that it has none."""
        if self.left_s() <= 0:
            return Trial(None)
        self.solved += 1
        self.progress(f"{self.doing} ({self.solved} problems tried)")
        if self.refused(problem):
            return Trial(False)
        try:
            reduced = reduce_problem(problem, self.file.folder, self.catalog, self.today)
        except NoCandidate:
            return Trial(False)
        limits = replace(self.settings, gap=ANY_PLAN, time_limit_s=max(0.1, min(self.most_s, self.left_s())))
        if hopeless(reduced, limits):
            return Trial(False)
        found = search(reduced.inputs, replace(limits, time_limit_s=max(0.1, min(self.most_s, self.left_s()))))
        if found.usd_month is not None:
            return Trial(True, reduced, found)
        return Trial(False if found.ended is Ended.INFEASIBLE else None)

    def refused(self, problem: Problem) -> bool:
        """Whether a file with this problem would be refused."""
        mistakes = (*within_sections(problem), *across_sections(problem))
        return bool(mistakes or list(reference_findings(problem, self.catalog, self.file.folder)))


def hopeless(reduced: Reduced, settings: Settings) -> bool:
    """Whether even the relaxed program has no plan; False also where the solver does not say."""
    try:
        answer = solve_model(assemble(reduced.inputs, operation="relaxed"), settings, relaxed=True)
    except SolverFailed:
        return False
    return answer.ended is Ended.INFEASIBLE
