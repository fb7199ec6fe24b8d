"""What may be bought for this problem: offers after every filter, joined into groups.

Prices are not changed here and nothing is estimated.  Offers on which replicas are interchangeable form a
group: same GPU, machine size, market, admitted workloads and egress price; where that changes with a provider's volume,
the same provider.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from planner.catalog.load import Catalog
from planner.catalog.rows import TERM_MONTHS, PriceOffer
from planner.drops import Drops
from planner.endpoints import Endpoint
from planner.inputs import Tariff
from planner.interruptions import Interruptions, interruptions_of
from planner.owning import offer_of_owned
from planner.problem.matching import allows, named
from planner.problem.procurement import ExistingCommitment, Quote
from planner.problem.schema import Problem
from planner.tariffs import FREE, tariffs_of

WEEK_H = 168


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Machines that are there whatever the problem would buy: so many of an offer, all week or in some of its hours."""

    row: PriceOffer
    count: int
    hours: frozenset[int] | None = None  # of the week; None: all
    price_usd: float = 0.0  # of a machine that is bought


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """One offer as this problem sees it."""

    name: str  # provider/region/machine/term, made unique
    row: PriceOffer
    vendor: str
    billing: str  # hourly, stretch, always
    workloads: frozenset[str]  # admitted
    group: str
    egress: Tariff  # prices of data that leaves the provider, as far as they are in reach
    existing: int | None = None
    max_machines: int | None = None
    min_machines: int = 1  # if any is bought
    multiple_of: int = 1
    ends_on: date | None = None
    hours: frozenset[int] | None = None  # of the week, in which existing machines are there; None: all
    interruptions: Interruptions | None = None  # of spot
    price_usd: float = 0.0  # of a machine that is bought
    vcpus: int | None = None  # None: not known
    endpoint: Endpoint | None = None  # of a serverless offer
    kept: bool = False  # no other offer may stand for it: it may be wanted at other prices, when it is signed already

    @property
    def serving_share(self) -> float:
        """Share of its time that a machine really serves."""
        return self.interruptions.serving_share if self.interruptions else 1.0

    def taxed_usd_h(self, tax_share: float) -> float:
        """What a machine costs with tax [USD/h]; one that is bought is stated as it is paid."""
        return self.row.usd_h * (1.0 if self.row.term == "bought" else 1 + tax_share)

    @property
    def months(self) -> int:
        """Length of the commitment [months]; 0: none."""
        return TERM_MONTHS.get(self.row.term, 0)

    @property
    def upfront_usd(self) -> float:
        """Paid at once for one machine [USD]."""
        return self.price_usd + self.row.upfront_share * self.row.usd_h * 730 * self.months

    def capital_usd_month(self, yearly: float) -> float:
        """Interest on that for one machine, written off evenly over the term [USD/month]."""
        return self.upfront_usd * yearly / 12 * (self.months + 1) / (2 * self.months) if self.months else 0.0


def offers_of(problem: Problem, catalog: Catalog) -> list[tuple[PriceOffer, Quote | None]]:
    """All prices this problem can see, with the quote that some come from: its quotes, then the catalog's."""
    quotes: list[tuple[PriceOffer, Quote | None]] = [
        (offer_of_quote(quote), quote) for quote in problem.procurement.quotes
    ]
    if problem.procurement.only_quotes:
        return quotes
    return quotes + [(offer, None) for offer in (*catalog.offers, *committed_at_a_discount(catalog))]


def offer_of_quote(quote: Quote) -> PriceOffer:
    """A price of the user's own, as an offer."""
    return PriceOffer(
        provider=quote.provider,
        region=quote.region,
        country=quote.country,
        continent=quote.continent,
        tier=quote.tier,
        machine=quote.machine or f"{quote.gpus}x-{quote.gpu}",
        gpu=quote.gpu,
        gpus=quote.gpus,
        usd_h=quote.usd_h,
        term=quote.term,
        upfront_share=quote.upfront_share,
        minimum_rental_h=quote.minimum_rental_h,
        source=quote.source,
        observed_on=quote.observed_on,
    )


def committed_at_a_discount(catalog: Catalog) -> list[PriceOffer]:
    """Commitments whose price the catalog gives as a discount on on-demand, where it lists no price itself."""
    listed = {(o.provider, o.region, o.machine, o.term, o.upfront_share) for o in catalog.offers}
    out = []
    by_gpu: dict[tuple[str, str], list[PriceOffer]] = {}
    for o in catalog.offers:
        if o.term == "on-demand":
            by_gpu.setdefault((o.provider, o.gpu), []).append(o)
    for row in catalog.commitments:
        for o in by_gpu.get((row.provider, row.gpu), ()):
            if (row.region and row.region != o.region) or (row.machine and row.machine != o.machine):
                continue
            key = (o.provider, o.region, o.machine, row.term, row.upfront_share)
            if key in listed:
                continue
            listed.add(key)
            out.append(
                o.model_copy(
                    update={
                        "term": row.term,
                        "upfront_share": row.upfront_share,
                        "usd_h": o.usd_h * (1 - row.discount_share),
                        "observed_on": min(o.observed_on, row.observed_on),
                        "source": f"{o.source}; less {row.discount_share:.1%} {row.instrument}: {row.source}",
                    }
                )
            )
    return out


def allowed_terms(problem: Problem) -> frozenset[str]:
    """On-demand, spot, serverless and the commitments this problem may sign."""
    if problem.procurement.terms:
        return frozenset(problem.procurement.terms)
    short = {term for term, months in TERM_MONTHS.items() if months <= problem.procurement.max_term_months}
    return frozenset({"on-demand", "spot", "serverless"} | short)


def admitted(problem: Problem, row: PriceOffer | ExistingCommitment, vendor: str, spot: bool) -> frozenset[str]:
    """Workloads that may run on such a machine."""
    return frozenset(
        name
        for name, w in problem.workloads.items()
        if allows(w.where, row, vendor) and (w.interruptible or not (spot or row.tier == "marketplace"))
    )


def apart(problem: Problem, row: PriceOffer) -> str:
    """What a group's name says of its place, where it must not join machines of places that are lost apart."""
    if row.term == "spot" and problem.spot.kept_share:
        return f" of {row.provider}/{row.region or '-'}/{row.machine}"
    if problem.resilience.region:
        return f" in {row.provider} {row.region or '-'}"
    if problem.resilience.provider or problem.spread.max_provider_traffic_share < 1:
        return f" from {row.provider}"
    return ""


def gather(
    problem: Problem, catalog: Catalog, drops: Drops, held: Sequence[Held] = (), egress_gb: float = 0.0
) -> list[Lot]:
    """Every offer that passes every filter, with its group; `held` machines first, then existing commitments.

    `egress_gb`: all data that could leave one provider in a month.
    """
    tariffs = tariffs_of(catalog, egress_gb) if egress_gb else {}
    terms = allowed_terms(problem)
    risks = {(risk.provider, risk.region, risk.machine): risk for risk in catalog.spot_risk}
    names: dict[str, int] = {}

    def lot(
        row: PriceOffer,
        existing: int | None,
        most: int | None,
        ends_on: date | None = None,
        hours: frozenset[int] | None = None,
        vcpus: int | None = None,
    ) -> Lot | None:
        gpu = catalog.gpus.get(row.gpu)
        vendor = gpu.vendor if gpu else ""
        spot = row.term == "spot"
        who = admitted(problem, row, vendor, spot)
        if not who and existing is None:
            why = "spot or marketplace, and nothing may be interrupted" if spot or row.tier == "marketplace" else ""
            drops.add(why or "no workload may run there")
            return None
        tariff = tariffs.get(row.provider, FREE)
        market, risk = "firm", None
        if spot:
            risk = interruptions_of(row, problem.spot, risks)
            market = f"spot serving {risk.serving_share:.4f}"
            limit = problem.spot.max_machines_pool
            most = limit if most is None else most if limit is None else min(most, limit)
        if row.tier == "marketplace":
            market += " marketplace"
        for_whom = "" if len(who) == len(problem.workloads) else f" for {'+'.join(sorted(who))}"
        group = f"{row.gpus}x {row.gpu} {market}{apart(problem, row)}{for_whom}"
        price = f"{tariff.usd_gb[0]:g}" if len(tariff.usd_gb) == 1 else f"of {row.provider}"
        group += f" egress {price}" if tariffs else ""
        term = "owned" if existing else row.term + (f" {row.upfront_share:g} upfront" if row.upfront_share else "")
        label = f"{row.provider}/{row.region or '-'}/{row.machine}/{term}"
        names[label] = names.get(label, 0) + 1
        if names[label] > 1:
            label = f"{label} ({names[label]})"
        all_month = row.term == "bought" or TERM_MONTHS.get(row.term) or row.minimum_rental_h >= WEEK_H
        billing = "always" if all_month else "hourly"
        if billing == "hourly" and row.minimum_rental_h > 1:
            billing = "stretch"
        found = Lot(
            name=label,
            row=row,
            vendor=vendor,
            billing="always" if existing is not None else billing,
            workloads=who,
            group=group,
            egress=tariff,
            existing=existing,
            max_machines=most,
            ends_on=ends_on,
            hours=hours,
            interruptions=risk,
            vcpus=vcpus or catalog.vcpus.get((row.provider, row.machine)),
        )
        if found.vcpus is None and existing is None and counted_in_vcpus(found, problem):
            drops.add("vCPUs of the machine are not known, and a quota counts them", label, 1)
            return None
        return found

    found = [
        one and replace(one, price_usd=each.price_usd)
        for each in held
        for one in (lot(each.row, each.count, each.count, hours=each.hours),)
    ]
    found += [
        lot(offer_of_existing(e), e.count, e.count, e.ends_on, vcpus=e.vcpus) for e in problem.procurement.existing
    ]
    for row, quote in offers_of(problem, catalog):
        gpu = catalog.gpus.get(row.gpu)
        if not allows(problem.procurement.where, row, gpu.vendor if gpu else ""):
            drops.add("outside procurement.where")
        elif row.term not in terms:
            drops.add("term not allowed", row.term, 1)
        elif row.term == "serverless":
            drops.add("serverless in a price list, which says nothing of cold starts: procurement.serverless does")
        elif quote is not None and quote.max_machines == 0:
            drops.add("a quote of no machines")
        else:
            one = lot(row, None, quote.max_machines, vcpus=quote.vcpus) if quote else lot(row, None, None)
            if one is not None and quote is not None:
                one = replace(one, min_machines=quote.min_machines, multiple_of=quote.multiple_of)
            found.append(one)
    for owned in problem.procurement.purchases:
        row = offer_of_owned(owned, problem.procurement.cost_of_capital_year, problem.month_hours)
        gpu = catalog.gpus.get(row.gpu)
        if not allows(problem.procurement.where, row, gpu.vendor if gpu else ""):
            drops.add("outside procurement.where")
        elif (one := lot(row, None, owned.max_machines)) is not None:
            found.append(replace(one, price_usd=owned.price_usd))
    return [one for one in found if one is not None]


def offer_of_existing(e: ExistingCommitment) -> PriceOffer:
    """An existing commitment, as an offer already taken."""
    return PriceOffer(
        provider=e.provider,
        region=e.region,
        country=e.country,
        continent=e.continent,
        tier=e.tier,
        machine=e.machine or f"{e.gpus}x-{e.gpu}",
        gpu=e.gpu,
        gpus=e.gpus,
        usd_h=max(e.usd_h, 1e-9),
        term="on-demand",
        source="problem file, procurement.existing",
        observed_on=e.ends_on or date(2000, 1, 1),
    )


def matches_quota(lot: Lot, problem: Problem, index: int) -> bool:
    """Whether a quota of the problem counts this offer."""
    quota = problem.procurement.quotas[index]
    if quota.terms and (lot.existing is not None or lot.row.term not in quota.terms):
        return False
    return (quota.machine is None or named(lot.row.machine, [quota.machine])) and allows(
        quota.where, lot.row, lot.vendor
    )


def counted_in_vcpus(lot: Lot, problem: Problem) -> frozenset[int]:
    """The quotas of the problem, by their place in it, that count the vCPUs of this offer."""
    quotas = problem.procurement.quotas
    return frozenset(i for i, q in enumerate(quotas) if q.max_vcpus is not None and matches_quota(lot, problem, i))
