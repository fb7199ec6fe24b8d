"""Which hours answer for which starts, so that blocks may be priced one by one: a small program of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulp import LpMinimize, LpProblem, lpSum

from planner.formulation.assemble import FleetModel
from planner.formulation.variables import Var, Variables
from planner.inputs import FleetInputs

MOST_OFF = 0.9
"""Largest share of an hour's rent that a rise below zero takes off: no machine may be had for nothing."""


@dataclass(frozen=True, slots=True)
class RiseModel:
    """The program that chooses rises, with its variables."""

    model: FleetModel
    rise: Mapping[str, Var]  # by block


def assemble_rises(inputs: FleetInputs, reference: Mapping[str, float]) -> RiseModel:
    r"""Choose the rise of each block so that a fleet of the shape of `reference` pays for all its starts.

    .. math::
        \max \sum_b \pi_b\, |b|\, r_b \quad\text{s.t.}\quad
        x_t - x_{t+1} = \pi_b \quad \forall b, t \in b, \qquad 0 \le x_t \le 1

    For any such x, whatever runs, what it starts in a week is no less than it pays:
    the sum of max(0, h_t - h_{t-1}) is at least that of x_t (h_t - h_{t-1}), which is that of (x_t - x_{t+1}) h_t.
    """
    problem = LpProblem("rises", LpMinimize)
    hours = sorted((hour, b) for b, mine in inputs.block_hours.items() for hour in mine)
    x = [problem.add_variable(f"X{i:07d}", 0, 1) for i in range(len(hours))]
    least = -min(1.0, MOST_OFF / inputs.start_h)
    rise = {b: problem.add_variable(f"P{i:07d}", least, 1) for i, b in enumerate(inputs.block_hours)}
    problem += lpSum(-len(inputs.block_hours[b]) * reference.get(b, 0.0) * pi for b, pi in rise.items())
    for i, (_, b) in enumerate(hours):
        problem.addConstraint(x[i] - x[(i + 1) % len(x)] == rise[b], f"r{i:07d}")
    return RiseModel(FleetModel(problem, Variables(), {}), rise)
