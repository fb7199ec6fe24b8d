"""How much arrives in each hour of the week: a volume, a shape and a shift become requests/s.

Hour 0 is Monday 00:00.  A month is `month_hours`, of which each hour of the week gets 1/168.
"""

from __future__ import annotations

from collections.abc import Sequence

from planner.catalog.load import Catalog
from planner.errors import CatalogError, Complaint
from planner.problem.workload import Traffic
from planner.traffic.types import HOURS

FLAT = (1.0,) * HOURS

ASSUMED_BURST_FACTOR = 1.5
ASSUMED_BURST_NOTE = "assumed: as the Azure 2023 conversation trace (1.51)"
"""For `hours` and for a flat week, which say nothing about minutes: the shapes of the catalog
that were not measured by the minute assume the same."""


def relative_week(traffic: Traffic, catalog: Catalog, traced: Sequence[float] | None) -> tuple[float, ...]:
    """Load of the 168 hours relative to their mean, `shift_hours` later.

    `traced` is the week of a trace, used where neither a shape nor hours are given.
    """
    if traffic.shape is not None:
        hours: Sequence[float] = catalog.shape_hours[traffic.shape]
        if len(hours) != HOURS:
            raise CatalogError(
                [
                    Complaint(
                        f"catalogs/shape_hours.csv  {traffic.shape}",
                        f"{len(hours)} hours; a week has {HOURS}.",
                    )
                ]
            )
    else:
        hours = traffic.hours or traced or FLAT
    mean = sum(hours) / HOURS
    return tuple(hours[(hour - traffic.shift_hours) % HOURS] / mean for hour in range(HOURS))


def mean_req_s(
    traffic: Traffic,
    *,
    week: Sequence[float],
    input_tok: float,
    output_tok: float,
    month_hours: float,
    traced_req_s: float | None,
) -> float:
    """Requests/s, mean over the week, from whichever volume is given; a trace's own if none is.

    `week` is relative to its mean, so that the busiest hour has max(week) times the mean.
    """
    month_s = month_hours * 3600
    if traffic.peak_req_s is not None:
        rate = traffic.peak_req_s / max(week)
    elif traffic.mean_req_s is not None:
        rate = traffic.mean_req_s
    elif traffic.requests_day is not None:
        rate = traffic.requests_day / 86_400
    elif traffic.tokens_month is not None:
        rate = traffic.tokens_month / (input_tok + output_tok) / month_s
    elif traffic.output_tokens_month is not None:
        rate = traffic.output_tokens_month / output_tok / month_s
    elif traffic.users is not None and traffic.requests_user_day is not None:
        rate = traffic.users * traffic.requests_user_day / 86_400
    elif traced_req_s is not None:
        rate = traced_req_s
    else:
        raise ValueError("traffic without a volume; planner.problem.contradictions refuses it")
    return rate * traffic.scale
