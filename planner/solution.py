"""The answer of a solve, as plain values: no solver, no formulation, no names of the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Ended(Enum):
    """Why a search stopped, in our own words; PuLP's are not to be trusted at a time limit."""

    OPTIMAL = "optimal"  # within the gap asked for
    FEASIBLE = "feasible"  # a plan, but a limit came before the proof
    INFEASIBLE = "infeasible"  # proved: no plan
    STOPPED = "stopped"  # a limit came before any plan


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRun:
    """How the fleet is run in some of the hours of one block.  Rates are requests/s at the planning rate."""

    block: str
    week_h: int  # hours of the week run this way
    hourly: Mapping[str, int]  # offer -> machines on
    replicas: Mapping[tuple[str, str], int]  # (deployment, group) -> replicas
    served: Mapping[tuple[str, str, str], float]  # (class, deployment, group) -> requests/s
    api: Mapping[tuple[str, str], float]  # (class, API) -> requests/s
    ready: Mapping[tuple[str, str, str], float] = field(default_factory=dict)  # likewise, if another place is lost
    covered: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (promise, offer) -> machines it pays for
    usd_month: float  # if all hours of the block were run this way; starts aside
    hours: tuple[int, ...] = ()  # of the week, where starts are paid; else any of the block


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Machines for the month, runs for the hours, and how good that is proved to be."""

    ended: Ended
    usd_month: float | None  # decided costs
    bound_usd_month: float | None  # no plan costs less; None: unknown
    always: Mapping[str, int]  # offer -> machines all month, or steps of spend; existing ones included
    runs: tuple[BlockRun, ...]
    deferred_api: Mapping[tuple[str, str], float]  # (window, class) -> requests/month
    seconds: float
    first_plan_s: float | None
    in_the_way: tuple[str, ...] = ()  # families that, given way alone, would admit a plan

    @property
    def gap(self) -> float | None:
        """(cost - bound) / cost, a share; None where either is unknown."""
        if self.usd_month is None or self.bound_usd_month is None:
            return None
        if self.usd_month <= self.bound_usd_month:
            return 0.0
        return (self.usd_month - self.bound_usd_month) / abs(self.usd_month)
