"""Under which weights of the scenarios the plans that are known cost the most: a small program beside the fleet's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulp import LpMinimize, LpProblem, lpSum

from planner.formulation.assemble import FleetModel
from planner.formulation.family import Row
from planner.formulation.variables import Var, Variables


def assemble_weights(
    most: Mapping[str, float], costs_usd: Sequence[Mapping[str, float]]
) -> tuple[FleetModel, dict[str, Var]]:
    r"""Choose weights p of the scenarios, none above `most`, that make the best plan known as dear as can be.

    .. math::
        \max_{p, t} t \quad\text{s.t.}\quad t \le \sum_s p_s C_{js} \quad \forall j, \qquad
        \sum_s p_s = 1, \qquad 0 \le p_s \le \bar p_s

    C is what plan j costs in scenario s [USD/month].  Kelley's cutting planes: each plan is a plane, and the weights
    at which the next plan is sought are where the least of them is highest.
    """
    problem = LpProblem("weights", LpMinimize)
    p = {s: problem.add_variable(f"P{n:07d}", 0, limit) for n, (s, limit) in enumerate(most.items())}
    t = problem.add_variable("T")
    problem += -1 * t
    rows: dict[tuple[str, tuple[str, ...]], Row] = {}
    problem.addConstraint(lpSum(p.values()) == 1, "all")
    for j, costs in enumerate(costs_usd):
        problem.addConstraint(t - lpSum(usd * p[s] for s, usd in costs.items()) <= 0, f"c{j:07d}")
    return FleetModel(problem, Variables(), rows), p
