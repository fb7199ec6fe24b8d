"""What a constraint family and a cost term are: generators with a card.

The card (`over`, `unit`, `says`, `relaxed`) is all that explanations, reports and the generated
documentation need.  A family touches no solver and stores nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from planner.formulation.variables import Variables
from planner.inputs import FleetInputs

Row = Any  # a PuLP constraint; its class differs between PuLP 3 and 4
Rows = Iterator[tuple[tuple[str, ...], Row]]


@dataclass(frozen=True, slots=True)
class Family:
    """A constraint family: call it with (inputs, variables) to get its labeled rows."""

    build: Callable[[FleetInputs, Variables], Rows]
    over: tuple[str, ...]
    unit: str
    says: str
    relaxed: str | None = None  # what giving way would mean; None: physics, never offered as a way out

    @property
    def name(self) -> str:
        """The promise it keeps, e.g. serve_demand."""
        return self.build.__name__

    @property
    def formula(self) -> str:
        """Its docstring: a sentence, the formula and what the dual means."""
        return self.build.__doc__ or ""

    def __call__(self, inputs: FleetInputs, v: Variables) -> Rows:
        return self.build(inputs, v)


def family(
    *, over: tuple[str, ...], unit: str, says: str, relaxed: str | None = None
) -> Callable[[Callable[[FleetInputs, Variables], Rows]], Family]:
    """Put a card on a generator of rows."""
    return lambda build: Family(build, over, unit, says, relaxed)


@dataclass(frozen=True, slots=True)
class Cost:
    """A line of the bill: call it with (inputs, variables) to get (coefficient, variable) pairs [USD/month]."""

    build: Callable[[FleetInputs, Variables], Iterator[tuple[float, Any]]]
    says: str

    @property
    def name(self) -> str:
        """The line of the bill, e.g. commitments."""
        return self.build.__name__

    @property
    def formula(self) -> str:
        """Its docstring."""
        return self.build.__doc__ or ""

    def __call__(self, inputs: FleetInputs, v: Variables) -> Iterator[tuple[float, Any]]:
        return self.build(inputs, v)


def cost(says: str) -> Callable[[Callable[[FleetInputs, Variables], Iterator[tuple[float, Any]]]], Cost]:
    """Put a card on a generator of cost terms."""
    return lambda build: Cost(build, says)
