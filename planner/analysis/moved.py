"""A problem with what nobody knows for sure moved: prices and loads as in a sweep, interruptions of spot, rates.

A factor of 1 leaves a thing as the problem and the catalog say it.  Nothing here solves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import numpy as np

from planner.analysis.axes import Axis
from planner.analysis.levers import Choices, check_axes
from planner.analysis.scaled import scaled
from planner.catalog.load import Catalog
from planner.catalog.rows import TERM_MONTHS
from planner.errors import Complaint, InputError
from planner.market import allowed_terms, offers_of
from planner.outputs.figures import percent
from planner.plan import Plan
from planner.problem.matching import allows
from planner.problem.schema import Problem
from planner.problem.uncertainty import Uncertain
from planner.reduce import Reduced
from planner.uncertainty import SPREAD, Range, factor_at

LEVELS = ("interruptions", "efficiency")
"""What is uncertain beside prices and loads: how often spot is taken back, how fast replicas are."""
EITHER_WAY = 0.2
"""A range that nobody states goes so far up and down."""
FEW_SELLERS = 3
"""Fewer providers than this make no spread of prices."""


def moved(problem: Problem, catalog: Catalog, factors: Mapping[str, float]) -> tuple[Problem, Catalog]:
    """Problem and catalog with everything that a key names multiplied by its factor."""
    changed, priced = scaled(problem, catalog, factors)
    spot, rates = changed.spot, changed.performance
    taken = spot.interruptions_factor * factors.get("interruptions", 1.0)
    efficiency = rates.efficiency * factors.get("efficiency", 1.0)
    return (
        changed.model_copy(
            update={
                "spot": spot.model_copy(update={"interruptions_factor": taken}),
                "performance": rates.model_copy(update={"efficiency": efficiency}),
            }
        ),
        priced,
    )


def check_keys(problem: Problem, catalog: Catalog, keys: Iterable[str], where: str) -> dict[str, str]:
    """Each key with the catalog's spelling.  Raises `InputError` for what names nothing; `where` is where it stands."""
    found: dict[str, str] = {key: key for key in keys if key in LEVELS}
    complaints: list[Complaint] = []
    choices = Choices(problem, catalog)
    for key in keys:
        if key in LEVELS:
            continue
        try:
            [axis] = check_axes(problem, catalog, [Axis(key, (1.0,), said_at=f"{where} {key}")])
            lever = choices.lever(axis.key)
            if lever is not None and (lever.kind == "number" or lever.amount):
                what = "is an amount.  What is uncertain is a factor on prices, discounts or loads"
                complaints.append(Complaint(axis.place, f"{what}, or one of: {', '.join(LEVELS)}."))
            found[key] = axis.key
        except InputError as error:
            also = f"\n  {', '.join(LEVELS)}"
            complaints += [Complaint(each.where, each.what + also) for each in error.complaints]
    if complaints:
        raise InputError(complaints)
    return found


def band_share(plan: Plan) -> float:
    """How far rates of the plan's replicas may lie above and below: 80 % band, a share, on the mean by requests served.

    0 where nothing is modeled: the user's own capacity table.
    """
    served = [
        (sum(each.req_s for each in d.served if each.request_class == rate.request_class), rate.low_share)
        for d in plan.deployments
        for rate in d.rates
        if rate.source != "given"
    ]
    total = sum(req_s for req_s, _ in served)
    return 1 / (sum(req_s * low for req_s, low in served) / total) - 1 if total else 0.0


def ranges_of(problem: Problem, catalog: Catalog, reduced: Reduced, base: Plan) -> list[Range]:
    """Every price, load and level of a problem, and how far each may lie from what is planned with.

    What `uncertainty` of the problem says counts first: from its 10th to its 90th percentile.
    """
    stated = problem.uncertainty.parameters if problem.uncertainty else {}
    spelled = check_keys(problem, catalog, stated, "uncertainty.parameters")
    found = {
        spelled[key]: Range(
            key=spelled[key],
            low=factor_at(each, -SPREAD, band_share(base)),
            high=factor_at(each, SPREAD, band_share(base)),
            why="stated: 10 to 90 of 100 cases",
        )
        for key, each in stated.items()
    }
    own: list[Range] = [*prices_of(problem, catalog, reduced)]
    own += [either_way(f"traffic.{name}") for name in problem.workloads]
    if reduced.inputs.spot_groups:
        own.append(either_way("interruptions"))
    if band := band_share(base):
        own.append(
            Range(
                key="efficiency",
                low=1.0,
                high=factor_at(Uncertain(band=True), SPREAD, band),
                why="the rates' own 80 % band; the plan relies on its low end",
            )
        )
    return [*found.values(), *(each for each in own if each.key not in found)]


def either_way(key: str) -> Range:
    """A range of which nothing is known."""
    return Range(key=key, low=1 - EITHER_WAY, high=1 + EITHER_WAY, why=f"assumed: {percent(EITHER_WAY)} either way")


def prices_of(problem: Problem, catalog: Catalog, reduced: Reduced) -> Iterator[Range]:
    """Ranges of prices: of GPUs that could be used, of commitments and spot that are for sale, of APIs."""
    terms, usable = allowed_terms(problem), {c.gpu for c in reduced.candidates.values()}
    seen = {
        (row.gpu, row.term)
        for row, _ in offers_of(problem, catalog)
        if row.term in terms
        and row.gpu in usable
        and allows(problem.procurement.where, row, vendor_of(row.gpu, catalog))
    }
    for gpu in sorted({gpu for gpu, _ in seen}):
        yield spread_of(gpu, catalog)
    for term in sorted({term for _, term in seen}, key=lambda term: TERM_MONTHS.get(term, 0)):
        if term in TERM_MONTHS or (term == "spot" and reduced.inputs.spot_groups):
            yield either_way(f"price.{term}")
    if reduced.apis:
        yield either_way("price.api")


def vendor_of(gpu: str, catalog: Catalog) -> str:
    """Who makes a GPU; empty where the catalog does not know it."""
    return catalog.gpus[gpu].vendor if gpu in catalog.gpus else ""


def spread_of(gpu: str, catalog: Catalog) -> Range:
    """How far providers' on-demand prices of a GPU lie apart: the middle 80 % of them over their median.

    One price a provider, its lowest per GPU; what the catalog saw on different days is in it.
    """
    lowest: dict[str, float] = {}
    days: list[date] = []
    for row in catalog.offers:
        if row.gpu == gpu and row.term == "on-demand":
            lowest[row.provider] = min(row.usd_h / row.gpus, lowest.get(row.provider, row.usd_h / row.gpus))
            days.append(row.observed_on)
    if len(lowest) < FEW_SELLERS:
        return either_way(f"price.{gpu}")
    p10, p50, p90 = np.quantile(sorted(lowest.values()), (0.1, 0.5, 0.9))
    why = f"{len(lowest)} providers, seen {min(days):%Y-%m} to {max(days):%Y-%m}: middle 80 % over the median"
    return Range(key=f"price.{gpu}", low=float(p10 / p50), high=float(p90 / p50), why=why)
