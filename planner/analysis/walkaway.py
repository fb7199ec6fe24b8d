"""Up to which price an offer of a plan is worth taking: what the best plan without it costs.

    sure    p + (L - V) / h      up to here the plan costs no more than any plan without the offer
    too dear  p + (U - V) / h    above, a plan without it is known that is cheaper

p is the offer's price [USD/h], h what the plan's cost rises by where p does [hours/month]: its machine-hours and the
time that these start, with tax, and interest on what is paid upfront.  V is what the plan costs, and U and L what the
best plan without the offer costs and is proved to cost at least.  The plan keeps its machines: at a price that it pays
for fewer of them, no less is worth paying for those.  Of hours that a spend commitment pays for, some of the rise comes
out of what is promised anyway: the cost rises by h at most, and nothing is said of too dear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from planner.analysis.price_changes import interest
from planner.analysis.scaled import scaled
from planner.catalog.load import Catalog
from planner.catalog.rows import PriceOffer
from planner.errors import NoCandidate
from planner.market import offer_of_quote
from planner.plan import Plan, Purchase
from planner.problem.places import ProblemFile
from planner.problem.schema import Problem

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
    for n, purchase in enumerate(rented, 1):
        progress(f"solving without {purchase.provider} {purchase.machine} ({n} of {len(rented)})")
        other = without(problem_file, catalog, place_of(purchase))
        try:
            found = solve(*other)
        except NoCandidate:
            out[place_of(purchase)] = WalkAway(None, None)
            continue
        hours = rise_h(purchase, problem_file.problem)

        def price(usd_month: float | None, p: Purchase = purchase, h: float = hours) -> float | None:
            return None if usd_month is None else max(p.usd_h, p.usd_h + (usd_month - (plan.usd_month or 0.0)) / h)

        covered = purchase.covered_hours_month > 0
        too_dear = None if covered else price(found.usd_month)
        out[place_of(purchase)] = WalkAway(price(found.bound_usd_month), too_dear)
    return out


def rise_h(purchase: Purchase, problem: Problem) -> float:
    """What a plan's cost rises by with the price of a purchase [USD/month for each USD/h]."""
    taxed = 1 + problem.overheads.tax_share
    upfront = interest(purchase, problem.procurement.cost_of_capital_year)
    return taxed * purchase.hours_month + (taxed * purchase.starts_usd_month + upfront) / purchase.usd_h


def without(problem_file: ProblemFile, catalog: Catalog, place: Place) -> tuple[ProblemFile, Catalog]:
    """The problem as if an offer were not for sale; what it outdid is for sale again."""
    return without_any(problem_file, catalog, lambda row: place_of(row) == place)


def without_any(
    problem_file: ProblemFile, catalog: Catalog, gone: Callable[[Any], bool], kind: str = "rent"
) -> tuple[ProblemFile, Catalog]:
    """The problem as if nothing that is `gone` were for sale: machines, or "tokens" of APIs."""
    problem, priced = scaled(problem_file.problem, catalog, {})
    if kind == "tokens":
        apis = problem.apis.model_copy(update={"quotes": [row for row in problem.apis.quotes if not gone(row)]})
        problem = problem.model_copy(update={"apis": apis})
        rows = tuple(row for row in priced.api_prices if not gone(row))
        return replace(problem_file, problem=problem), replace(priced, api_prices=rows)
    buying = problem.procurement
    quotes = [quote for quote in buying.quotes if not gone(offer_of_quote(quote))]
    problem = problem.model_copy(update={"procurement": buying.model_copy(update={"quotes": quotes})})
    offers = tuple(row for row in priced.offers if not gone(row))
    return replace(problem_file, problem=problem), replace(priced, offers=offers)
