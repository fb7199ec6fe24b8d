"""Solve a `FleetModel`.  The only module that knows which solver is used.

Four things PuLP does with HiGHS that this module must not pass on: `LpStatus` says "Optimal" at a
time limit (3.3), `pi` is 0.0 and not None after a MILP, the bound is not handed over (3.3), and
`solve()` returns an integer in 3.3 and statistics in 4.  HiGHS itself keeps one thread pool per
process and answers "not solved" once `threads` changes: every solve here uses one thread, and
independent programs run side by side instead.  HiGHS 1.16 greets on stdout before PuLP can silence
it (`_hear_greeting`) and can leave its bound short by its own tolerance (`NOTHING`); presolve of 1.15
and 1.16 can end in a plan that breaks a row (`_ask_highs`).  See tests/test_solver.py.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import highspy
import pulp

from planner.errors import Complaint, InputError, SolverFailed
from planner.formulation import FleetModel
from planner.solution import Ended

HIGHS = "highs"
NOTHING = 1e-7
"""What HiGHS holds for nothing in a row and in the cost: a tenth of the 1e-6 USD that `planner.search` does.

With a plan found, HiGHS presolves again for one cheaper by its tolerance, by which a row may bend too.  So the bound of
1.16 can end short by just that much, and at HiGHS's own 1e-6 nothing is left for a proof.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How long and how well to solve one program."""

    solver: str = HIGHS
    gap: float = 0.0  # relative gap at which to stop
    gap_usd: float = 0.0  # or an absolute one, whichever comes first
    time_limit_s: float = 60.0
    workers: int = 1  # programs solved side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one solve.  Values stand on the model's variables."""

    ended: Ended
    objective: float | None  # None where no plan was found
    bound: float | None  # nothing costs less; None where the solver does not say
    duals: dict[tuple[str, tuple[str, ...]], float] = field(default_factory=dict)  # of a relaxed program only


def available_solvers() -> dict[str, str]:
    """Solvers that PuLP finds here: our spelling -> PuLP's."""
    return {
        name.lower().removesuffix("_cmd").removeprefix("pulp_"): name for name in pulp.listSolvers(onlyAvailable=True)
    }


def check_solver(name: str) -> None:
    """Raise `InputError` if PuLP finds no solver of that name."""
    if name.lower() not in available_solvers():
        there = ", ".join(sorted(available_solvers()))
        raise InputError(
            [Complaint("solver", f"{name!r} is not found here.  Possible: {there}.  highs is always installed.")]
        )


def tells_bound(name: str) -> bool:
    """Whether we learn a proved bound from this solver."""
    return name.lower() == HIGHS


def solve_model(model: FleetModel, settings: Settings, *, relaxed: bool = False) -> Answer:
    """Solve one program; `relaxed` drops all integrality and returns duals.

    Raises `SolverFailed` with the solver's own words where it neither answers nor says why.
    """
    problem = model.problem
    limit = max(0.05, settings.time_limit_s)
    started = time.perf_counter()
    try:
        if settings.solver.lower() == HIGHS:
            _ask_highs(problem, settings, limit, relaxed)
            return _read_highs(model, relaxed)
        solver = pulp.getSolver(
            available_solvers()[settings.solver.lower()],
            mip=not relaxed,
            msg=False,
            gapRel=settings.gap,
            timeLimit=limit,
        )
        outcome = problem.solve(solver)
    except pulp.PulpSolverError as error:
        raise SolverFailed(f"{settings.solver} failed: {error}") from error
    return _read_other(model, outcome, settings, time.perf_counter() - started)


@cache
def _hear_greeting() -> None:
    """Let HiGHS 1.16 say to nobody what it says once per process, when the first `highspy.Highs` is made."""

    class Unheard(highspy.Highs):
        def enableCallbacks(self) -> None:  # the call that greets
            self.setOptionValue("log_to_console", False)
            super().enableCallbacks()

    Unheard()


def _ask_highs(problem: pulp.LpProblem, settings: Settings, limit_s: float, relaxed: bool) -> None:
    """Solve with HiGHS; where presolve leads to a plan that breaks a row ("Solve error"), again without presolve."""
    _hear_greeting()
    end = time.perf_counter() + limit_s
    for presolve in ("choose", "off"):
        solver = pulp.HiGHS(
            mip=not relaxed,
            msg=False,
            gapRel=settings.gap,
            gapAbs=max(NOTHING, settings.gap_usd),
            threads=1,
            timeLimit=max(0.05, end - time.perf_counter()),
            mip_feasibility_tolerance=NOTHING,
            presolve=presolve,
        )
        problem.solve(solver)
        if problem.solverModel.getModelStatus() != highspy.HighsModelStatus.kSolveError:
            return


def _read_highs(model: FleetModel, relaxed: bool) -> Answer:
    """What HiGHS itself says, not what PuLP makes of it."""
    highs = model.problem.solverModel
    status = highs.modelStatusToString(highs.getModelStatus())
    info = highs.getInfo()
    if status == "Infeasible":
        return Answer(ended=Ended.INFEASIBLE, objective=None, bound=math.inf)
    if status == "Optimal":
        bound = info.objective_function_value if relaxed or not model.problem.isMIP() else info.mip_dual_bound
        duals = {}
        if relaxed or not model.problem.isMIP():
            duals = {label: row.pi or 0.0 for label, row in model.rows.items()}
        objective = info.objective_function_value
        return Answer(ended=Ended.OPTIMAL, objective=objective, bound=min(bound, objective), duals=duals)
    if status in (
        "Time limit reached",
        "Iteration limit reached",
        "Interrupted by user",
        "Solution limit reached",
    ):
        has_plan = info.primal_solution_status == 2
        bound = info.mip_dual_bound if math.isfinite(info.mip_dual_bound) else None
        return Answer(
            ended=Ended.FEASIBLE if has_plan else Ended.STOPPED,
            objective=info.objective_function_value if has_plan else None,
            bound=None if relaxed else bound,
        )
    if status == "Empty":
        return Answer(ended=Ended.OPTIMAL, objective=0.0, bound=0.0)
    raise SolverFailed(f"HiGHS ended with: {status}")


def _read_other(model: FleetModel, outcome: Any, settings: Settings, spent: float) -> Answer:
    """Any other solver: PuLP's word, and no claim beyond it."""
    problem = model.problem
    if hasattr(outcome, "has_solution"):
        found, bound = bool(outcome.has_solution), outcome.best_bound
        infeasible = outcome.status.name.lower() == "infeasible"
    else:
        found = problem.sol_status in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible)
        bound, infeasible = None, problem.status == pulp.LpStatusInfeasible
    if infeasible:
        return Answer(ended=Ended.INFEASIBLE, objective=None, bound=math.inf)
    if not found:
        if spent < 0.95 * settings.time_limit_s:
            raise SolverFailed(f"{settings.solver} found no plan and did not say why")
        return Answer(ended=Ended.STOPPED, objective=None, bound=bound)
    objective = pulp.value(problem.objective)
    proved = bound is not None and objective - bound <= settings.gap * abs(objective) + 1e-6
    return Answer(ended=Ended.OPTIMAL if proved else Ended.FEASIBLE, objective=objective, bound=bound)
