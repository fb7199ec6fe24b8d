"""Everything the planner raises on purpose, and the exit code that each means.

    PlannerError
      InputError        2   the user's file, option or catalog is wrong; carries every complaint found
        ProblemError        a problem file
        CatalogError        a catalog file
      NoCandidate       1   nothing that may be bought can serve a workload
      Infeasible        1   candidates exist, no plan meets every requirement
      StoppedAtLimit    3   a limit came before any plan
      SolverFailed      4   our fault
      AuditFailed       4   our fault: a plan that breaks its own problem is never shown as a plan

A complaint says where (file, line, key), what (with the value), what is possible and how to fix it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Complaint:
    """One mistake: `where` is file:line and key, `what` the value and the remedy."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}\n  {self.what}"


class PlannerError(Exception):
    """Root of the tree; `exit_code` is what the command returns."""

    exit_code = 4


class InputError(PlannerError):
    """All mistakes of one input at once."""

    exit_code = 2

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        self.complaints = tuple(complaints)
        super().__init__("\n".join(map(str, self.complaints)))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Complaint, ...]]]:
        # Exceptions travel between processes as their class and its message; ours are made of complaints.
        return type(self), (self.complaints,)


class ProblemError(InputError):
    """A problem file is wrong."""


class CatalogError(InputError):
    """A catalog file is wrong."""


class NoCandidate(PlannerError):
    """Nothing that may be bought can serve a workload; the message counts the reasons."""

    exit_code = 1


class Infeasible(PlannerError):
    """No plan meets every requirement; the message names what stands in the way."""

    exit_code = 1


class StoppedAtLimit(PlannerError):
    """The time limit came before any plan was found."""

    exit_code = 3


class SolverFailed(PlannerError):
    """The solver did not answer; its own words are in the message."""


class AuditFailed(PlannerError):
    """The finished plan breaks the problem it was made for."""
