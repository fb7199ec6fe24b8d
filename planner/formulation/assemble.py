"""Put the page together: inputs in, a program with its labels out.  Nothing is solved here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulp import LpMinimize, LpProblem, lpSum

from planner.formulation.family import Row
from planner.formulation.variables import Operated, Variables, create_variables
from planner.inputs import FleetInputs


@dataclass(frozen=True, slots=True)
class FleetModel:
    """A program and its labels; built once, never changed."""

    problem: LpProblem
    variables: Variables
    rows: Mapping[tuple[str, tuple[str, ...]], Row]  # (family, label) -> row


def assemble(
    inputs: FleetInputs,
    *,
    operation: Operated = "whole",
    held: Mapping[str, Mapping[Any, float]] | None = None,
    without: frozenset[str] = frozenset(),
) -> FleetModel:
    """The program of `inputs`.

    `operation` says how the hours stand in it: "whole", machines and replicas as they are; "relaxed", as fractions;
    "proved", not at all, only by what is proved of their blocks (two relaxations, for bounds);
    `held` fixes variables, by kind and label, for instance {"always": {offer: 2}};
    `without` leaves whole families out, to ask which of them stands in the way.
    """
    from planner.formulation import ROWS
    from planner.formulation.costs import every_cost

    problem = LpProblem("fleet", LpMinimize)
    v = create_variables(problem, inputs, operation)
    for kind, values in (held or {}).items():
        variables = getattr(v, kind)
        for label, value in values.items():
            variables[label].bounds(value, value)
    problem += lpSum(coefficient * variable for coefficient, variable in every_cost(inputs, v))
    rows: dict[tuple[str, tuple[str, ...]], Row] = {}
    for family in ROWS:
        if family.name in without:
            continue
        for label, row in family(inputs, v):
            name = f"r{len(rows):07d}"
            added = problem.addConstraint(row, name)
            rows[family.name, label] = row if added is None else added
    return FleetModel(problem, v, rows)
