"""Up to which price an offer of a plan is worth taking: what the best plan without it costs.

    sure    p + (L - V) / h      up to here the plan costs no more than any plan without the offer
    too dear  p + (U - V) / h    above, a plan without it is known that is cheaper

p is the offer's price [USD/h], h the machine-hours a month that the plan buys of it (with tax), V what the plan costs,
and U and L what the best plan without the offer costs and is proved to cost at least.  The plan keeps its machines: at
a price that it pays for fewer of them, no less is worth paying for those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from planner.analysis.scaled import scaled
from planner.catalog.load import Catalog
from planner.catalog.rows import PriceOffer
from planner.errors import NoCandidate
from planner.market import offer_of_quote
from planner.plan import Plan, Purchase
from planner.problem.places import ProblemFile

Place = tuple[str, str, str, str]
"""Provider, region, machine, term."""
Solve = Callable[[ProblemFile, Catalog], Plan]


@dataclass(frozen=True, slots=True)
class WalkAway:
    """Prices of one machine [USD/h]; None: nothing else does what this offer does, or it is not known."""

    sure_usd_h: float | None
    too_dear_usd_h: float | None


def place_of(row: PriceOffer | Purchase) -> Place:
    """What a price is asked for."""
    return row.provider, row.region, row.machine, row.term


def walk_away(
    problem_file: ProblemFile, catalog: Catalog, plan: Plan, solve: Solve, progress: Callable[[str], None]
) -> Mapping[Place, WalkAway]:
    """By what is rented of a plan, spot and what is paid for already aside: the price at which to walk away."""
    out: dict[Place, WalkAway] = {}
    rented = [p for p in plan.purchases if not p.existing and p.term not in ("spot", "bought", "serverless")]
    taxed = 1 + problem_file.problem.overheads.tax_share
    for n, purchase in enumerate(rented, 1):
        progress(f"solving without {purchase.provider} {purchase.machine} ({n} of {len(rented)})")
        other = without(problem_file, catalog, place_of(purchase))
        try:
            found = solve(*other)
        except NoCandidate:
            out[place_of(purchase)] = WalkAway(None, None)
            continue
        hours = purchase.hours_month * taxed

        def price(usd_month: float | None, p: Purchase = purchase, h: float = hours) -> float | None:
            return None if usd_month is None else max(p.usd_h, p.usd_h + (usd_month - (plan.usd_month or 0.0)) / h)

        out[place_of(purchase)] = WalkAway(price(found.bound_usd_month), price(found.usd_month))
    return out


def without(problem_file: ProblemFile, catalog: Catalog, place: Place) -> tuple[ProblemFile, Catalog]:
    """The problem as if an offer were not for sale; what it outdid is for sale again."""
    problem, priced = scaled(problem_file.problem, catalog, {})
    buying = problem.procurement
    quotes = [quote for quote in buying.quotes if place_of(offer_of_quote(quote)) != place]
    procurement = buying.model_copy(update={"quotes": quotes})
    problem = problem.model_copy(update={"procurement": procurement})
    offers = tuple(row for row in priced.offers if place_of(row) != place)
    return replace(problem_file, problem=problem), replace(priced, offers=offers)
