"""Is everything a plan buys really for sale, at that price, and allowed?

A purchase may come from a price row, from a quote or an existing commitment of the problem, or from an
on-demand row less a commitment discount.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from planner.audit.evidence import Evidence, Finding, differs, usd_differs
from planner.catalog.rows import TERM_MONTHS, CommitmentDiscount, PriceOffer
from planner.plan import Purchase
from planner.problem.matching import Located, allows
from planner.problem.procurement import ExistingCommitment, OwnedMachine, Quote, ServerlessQuote

MONTH_H = 730
"""Hours that a month of a commitment's upfront price counts, whatever the problem's month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a `Where` looks at: the purchase's own words, with tier and continent of what it comes from."""

    provider: str
    region: str
    country: str
    continent: str
    tier: str
    gpu: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Something for sale that a purchase may be."""

    kind: Literal["catalog", "discount", "quote", "existing", "bought", "serverless"]
    row: PriceOffer | Quote | ExistingCommitment | OwnedMachine | ServerlessQuote
    upfront_share: float = 0.0  # of a commitment's term
    price_usd: float = 0.0  # of a machine bought


def origins(e: Evidence, purchase: Purchase) -> list[Origin]:
    """Everything for sale that a purchase may be, at its price; empty if there is nothing."""
    buying = e.problem.procurement
    found: list[Origin] = []
    if purchase.existing:
        found = [Origin(kind="existing", row=row) for row in buying.existing if same_machine(purchase, row)]
        return [each for each in found if not differs(getattr(each.row, "usd_h", 0.0), purchase.usd_h)]
    for owned in buying.purchases if purchase.term == "bought" else ():
        if same_machine(purchase, owned) and not differs(_owned_usd_h(e, owned), purchase.usd_h):
            found.append(Origin(kind="bought", row=owned, price_usd=owned.price_usd))
    for worker in buying.serverless if purchase.term == "serverless" else ():
        if same_machine(purchase, worker) and not differs(worker.usd_gpu_s * worker.gpus * 3600, purchase.usd_h):
            found.append(Origin(kind="serverless", row=worker))
    for quote in buying.quotes:
        if same_machine(purchase, quote) and _same_sale(purchase, quote, quote.usd_h):
            found.append(Origin(kind="quote", row=quote, upfront_share=quote.upfront_share))
    for offer in () if buying.only_quotes else e.offers_of.get((purchase.provider, purchase.gpu), ()):
        if not same_machine(purchase, offer):
            continue
        if _same_sale(purchase, offer, offer.usd_h):
            found.append(Origin(kind="catalog", row=offer, upfront_share=offer.upfront_share))
        elif offer.term == "on-demand":
            found += [
                Origin(kind="discount", row=offer, upfront_share=less.upfront_share)
                for less in _discounts(e, purchase)
                if not differs(offer.usd_h * (1 - less.discount_share), purchase.usd_h)
            ]
    return found


def _owned_usd_h(e: Evidence, owned: OwnedMachine) -> float:
    """All-in price of an hour: the loan is paid down month by month, what is sold at the end pays its last part."""
    monthly = e.problem.procurement.cost_of_capital_year / 12
    worth_today = sum((1 + monthly) ** -month for month in range(1, owned.life_months + 1))
    to_pay = owned.price_usd * (1 - owned.residual_share / (1 + monthly) ** owned.life_months)
    by_hour = owned.power_kw * owned.pue * owned.usd_kwh
    return (to_pay / worth_today + owned.hosting_usd_month + owned.staff_usd_month) / e.problem.month_hours + by_hour


def same_machine(
    purchase: Purchase, row: PriceOffer | Quote | ExistingCommitment | OwnedMachine | ServerlessQuote
) -> bool:
    """Whether a purchase is of this very machine, wherever its price comes from."""
    words = ("provider", "region", "country", "gpu", "gpus")
    return all(getattr(purchase, key) == getattr(row, key) for key in words) and (
        row.machine is None or row.machine == purchase.machine
    )


def _same_sale(purchase: Purchase, row: PriceOffer | Quote, usd_h: float) -> bool:
    return (
        row.term == purchase.term
        and not differs(usd_h, purchase.usd_h)
        and purchase.minimum_rental_h >= row.minimum_rental_h
    )


def _discounts(e: Evidence, purchase: Purchase) -> Iterator[CommitmentDiscount]:
    for row in e.catalog.commitments:
        if (
            (row.provider, row.gpu, row.term) == (purchase.provider, purchase.gpu, purchase.term)
            and row.region in ("", purchase.region)
            and row.machine in ("", purchase.machine)
        ):
            yield row


def place_of(e: Evidence, purchase: Purchase) -> Place:
    """Where a purchase stands; tier and continent are empty if nothing like it is for sale."""
    row = next((each.row for each in origins(e, purchase)), None)
    return Place(
        provider=purchase.provider,
        region=purchase.region,
        country=purchase.country,
        continent=row.continent if row else "",
        tier=row.tier if row else "",
        gpu=purchase.gpu,
    )


def said(purchase: Purchase) -> str:
    """A purchase as a person says it."""
    where = f" in {purchase.region}" if purchase.region else ""
    return f"{purchase.machine} of {purchase.provider}{where}, {purchase.term}"


def offers_exist(e: Evidence) -> Finding:
    """Every purchase is for sale at its price, upfront part included, and no quote is overdrawn."""
    breaches: list[str] = []
    for purchase in e.plan.purchases:
        found = origins(e, purchase)
        if not found:
            breaches.append(f"{said(purchase)}: nothing is sold at ${purchase.usd_h:g}/h{_nearest(e, purchase)}")
            continue
        if purchase.existing:
            continue
        months = TERM_MONTHS.get(purchase.term, 0)
        term_usd = purchase.usd_h * MONTH_H * months * purchase.count
        asked = [each.upfront_share * term_usd + each.price_usd * purchase.count for each in found]
        if all(usd_differs(purchase.upfront_usd, usd) for usd in asked):
            figures = f"${purchase.upfront_usd:,.2f} upfront in the plan, ${asked[0]:,.2f} are asked"
            breaches.append(f"{said(purchase)}: {figures}")
    for quote in e.problem.procurement.quotes:
        if quote.max_machines is None:
            continue
        drawn = sum(
            purchase.count
            for purchase in e.plan.purchases
            if (sources := origins(e, purchase)) and all(each.row == quote for each in sources)
        )
        if drawn > quote.max_machines:
            what = f"the quote of {quote.provider} for {quote.gpus} x {quote.gpu}, {quote.term}"
            breaches.append(f"{what}, is for {quote.max_machines} machines, {drawn} are bought")
    return Finding(f"{len(e.plan.purchases)} purchases match an offer, a quote or a commitment", breaches)


def _nearest(e: Evidence, purchase: Purchase) -> str:
    """What the same provider asks for the same machine and term, anywhere."""
    rows: list[PriceOffer | Quote] = [*e.problem.procurement.quotes, *e.catalog.offers]
    prices = sorted(
        row.usd_h
        for row in rows
        if (row.provider, row.gpu, row.gpus, row.term)
        == (purchase.provider, purchase.gpu, purchase.gpus, purchase.term)
    )
    if not prices:
        return "; this provider does not sell that machine on that term"
    return f"; machines of {purchase.gpus} x {purchase.gpu} cost ${prices[0]:g} to ${prices[-1]:g}/h there"


def existing_complete(e: Evidence) -> Finding:
    """Machines already paid for are all in the plan, as many as there are."""
    breaches: list[str] = []
    today = e.plan.prices_observed.today
    held: Counter[tuple[str, str, str, int]] = Counter()
    owed: Counter[tuple[str, str, str, int]] = Counter()
    for row in e.problem.procurement.existing:
        if row.ends_on is None or row.ends_on >= today:
            owed[row.provider, row.region, row.gpu, row.gpus] += row.count
    for purchase in e.plan.purchases:
        if purchase.existing:
            held[purchase.provider, purchase.region, purchase.gpu, purchase.gpus] += purchase.count
    for key in sorted(owed.keys() | held.keys()):
        if owed[key] != held[key]:
            provider, region, gpu, gpus = key
            what = f"{provider} {region}: machines of {gpus} x {gpu}".replace(" :", ":")
            breaches.append(f"{what} already paid for: {owed[key]} in the problem, {held[key]} in the plan")
    return Finding(f"{sum(owed.values())} machines already paid for are all in the plan", breaches)


def where_and_terms(e: Evidence) -> Finding:
    """What is bought is allowed by `procurement.where` and on a term that may be taken."""
    breaches: list[str] = []
    buying = e.problem.procurement
    bought = [purchase for purchase in e.plan.purchases if not purchase.existing]
    for purchase in bought:
        rows: list[Located] = [each.row for each in origins(e, purchase)] or [place_of(e, purchase)]
        if not any(allows(buying.where, row, e.vendor(purchase.gpu)) for row in rows):
            rules = buying.where.model_dump(exclude_defaults=True)
            listed = "; ".join(f"{key}: {', '.join(names)}" for key, names in rules.items())
            breaches.append(f"{said(purchase)}: procurement.where does not allow it ({listed})")
        months = TERM_MONTHS.get(purchase.term, 0)
        if purchase.term == "bought":
            continue
        if buying.terms and purchase.term not in buying.terms:
            breaches.append(f"{said(purchase)}: only the terms {', '.join(buying.terms)} may be taken")
        elif not buying.terms and months > buying.max_term_months:
            limit = f"at most {buying.max_term_months} months may be committed to"
            breaches.append(f"{said(purchase)}: {limit}, this is {months}")
    return Finding(f"{len(bought)} purchases are allowed where and for how long they are made", breaches)
