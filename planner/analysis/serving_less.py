"""Serving less than is asked for: a cap on what a workload may ask for at once, and what then goes unserved.

Whatever is above the cap in an hour is turned away; all other hours are as they were.  Of work that may wait, and of a
trace, as much is left out of every hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.analysis.knobs import of_workload
from planner.analysis.loosening import Loosening, card
from planner.catalog.load import Catalog
from planner.problem.schema import Problem
from planner.problem.workload import Traffic
from planner.traffic.blocks import week_label
from planner.traffic.types import HOURS, Load
from planner.traffic.weeks import relative_week

OF_PEAK = "of its peak"
"""The unit of a cap on what is asked for at once."""
CAPS = tuple(n / 100 for n in range(99, 0, -1))
"""Shares of the peak, looser and looser."""


def serving_less(problem: Problem, load: Load, catalog: Catalog) -> Iterator[Loosening]:
    """Every workload served in part."""
    for name, workload in problem.workloads.items():
        waits = workload.deferrable is not None
        week = None if waits or workload.traffic.trace else relative_week(workload.traffic, catalog, None)
        if waits:
            says = card("serve_deferred", **{"class": name, "window": "each window"})
        else:
            says = card("serve_demand", **{"class": name, "block": "its busiest hours"})
        yield capped(name, week, load.burst_factor[name], says, "serve_deferred" if waits else "serve_demand")


def capped(name: str, week: Sequence[float] | None, burst: float, says: str, family: str) -> Loosening:
    """One workload, at shares of its peak; without hours of its week, at shares of all it asks for."""

    def turn(problem: Problem, share: float) -> Problem:
        traffic = problem.workloads[name].traffic
        if week is None:
            less = traffic.model_copy(update={"scale": traffic.scale * share})
        else:
            less = cut_off(traffic, week, share, burst)
        return of_workload(problem, name, {"traffic": less})

    def detail(share: float) -> str:
        if week is None:
            return f"{100 * (1 - share):.0f} % of its tokens go unserved"
        cap = share * max(week)
        cut = [hour for hour, load in enumerate(week) if load > cap * (1 + 1e-9)]
        lost = sum(week[hour] - cap for hour in cut) / sum(week)
        return f"{100 * lost:.2g} % of its tokens go unserved: {week_label(cut)}"

    return Loosening(
        key=f"workloads.{name}.traffic", says=says, turn=turn, values=CAPS, now=1.0, unit=OF_PEAK, family=family,
        detail=detail,
    )  # fmt: skip


def cut_off(traffic: Traffic, week: Sequence[float], share: float, burst: float) -> Traffic:
    """Traffic without what is above a share of its peak, hour by hour."""
    cap = share * max(week)
    hours = [min(cap, load) for load in week]
    kept = share if traffic.peak_req_s is not None else sum(hours) / HOURS
    update = {"shape": None, "hours": hours, "shift_hours": 0, "burst_factor": burst, "scale": traffic.scale * kept}
    return traffic.model_copy(update=update)
