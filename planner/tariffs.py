"""What providers ask for data that leaves them: the tiers of the catalog, as far as this problem could ever reach.

Only what this problem sends is counted: a free volume that other traffic uses up already is not known here.
"""

from __future__ import annotations

from planner.catalog.load import Catalog
from planner.catalog.rows import EgressTier
from planner.inputs import Tariff
from planner.problem.schema import Problem
from planner.traffic.types import Load

FREE = Tariff(tier_gb=(0.0,), usd_gb=(0.0,))
ROUNDING = 1e-6
"""So much more, a share, may leave than is asked for: sums of rates are rounded."""


def gb_request(problem: Problem) -> float:
    """Data that one request sends to the internet [GB]."""
    return problem.overheads.egress_kb_request / 1e6


def most_gb(problem: Problem, load: Load) -> float:
    """All that could leave one provider in a month: everything, were it all served there [GB]."""
    owner = {k.label: k.workload for k in load.classes}
    month_h = {b.label: b.month_h for b in load.blocks}
    requests = sum(
        rate / load.burst_factor[owner[k]] * 3600 * month_h[b] for (k, b), rate in load.planning_req_s.items()
    )
    requests += sum(n for window in load.windows for n in window.requests_month.values())
    return requests * gb_request(problem)


def tariffs_of(catalog: Catalog, most: float) -> dict[str, Tariff]:
    """By provider, the prices of its first `most` GB of a month, equal neighbors joined."""
    rows: dict[str, list[EgressTier]] = {}
    for row in catalog.egress:
        rows.setdefault(row.provider, []).append(row)
    return {provider: tariff(tiers, most) for provider, tiers in rows.items()}


def tariff(tiers: list[EgressTier], most: float) -> Tariff:
    """The tiers below `most` GB a month."""
    gb: list[float] = []
    usd_gb: list[float] = []
    starts = sorted((row.from_gb, row.usd_gb) for row in tiers)
    ends = [start for start, _ in starts[1:]] + [float("inf")]
    for (start, price), end in zip(starts, ends, strict=True):
        if start > 0 and start >= most:
            break
        width = min(end, max(most * (1 + ROUNDING), start)) - start
        if usd_gb and usd_gb[-1] == price:
            gb[-1] += width
        else:
            gb.append(width)
            usd_gb.append(price)
    return Tariff(tier_gb=tuple(gb), usd_gb=tuple(usd_gb))
