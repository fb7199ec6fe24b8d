"""Prices for a negotiator: what would win a seller business who has none, how far that of a chosen one may rise.

Offers on which replicas are interchangeable, on one term, are one line: whoever of them asks least is asked about, and
the price that wins is the same for all.  Where it matters which provider it is (a fee, a share, a quota), each is a
line of its own.  Each price is found by solving again (`planner.analysis.entry`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from planner.analysis.entry import Entry, entry_of, is_bought, spent
from planner.analysis.held import Case, side_by_side
from planner.analysis.scaled import Lever
from planner.analysis.things import Thing
from planner.apis import why_not_there
from planner.catalog.rows import ApiPrice, PriceOffer, Term
from planner.dominance import prices_of
from planner.drops import Drops
from planner.market import Lot, gather, matches_quota
from planner.plan import Plan
from planner.problem.schema import Problem
from planner.reduce import Reduced, reduce_problem
from planner.tariffs import most_gb
from planner.variants import sold_as

HALF_PRICE = 0.5
"""Nobody is asked to sell for less than this share of the price: what is not bought there has no target."""


class Seller(NamedTuple):
    """Who asks how much."""

    provider: str
    region: str
    machine: str
    usd_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is sold, by whom, before anything is solved."""

    what: str  # 8x h100-sxm, or a model from an API
    term: Term | None  # None: an API
    sellers: tuple[Seller, ...]  # machines: the cheapest first
    tokens: ApiPrice | None  # an API: what it asks
    lever: Lever  # reaches the prices of the first seller

    @property
    def key(self) -> str:
        """The lever as it is spelled in a sweep."""
        return "price." + "/".join(["api"] * (self.lever.kind == "tokens") + [*self.lever.names])


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A line with the factor on its first seller's price at which it is bought."""

    line: Line
    chosen: bool
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """All lines: the chosen ones first, then by how little the price must fall."""

    base: Plan
    targets: tuple[Target, ...]
    solves: int


def targets(case: Case, base: Plan, only: Sequence[Thing], jobs: int, progress: Callable[[str], None]) -> Targets:
    """The price that wins, or keeps, the business of every line that passes every rule; `only` those of these."""
    file, _ = case.at({})
    reduced = reduce_problem(file.problem, file.folder, case.catalog, case.today)
    lines = [line for line in (*rented(case, reduced), *sold(case)) if not only or any(asks(t, line) for t in only)]
    found = []
    for target in side_by_side(partial(target_of, base), case, lines, jobs):
        found.append(target)
        progress(f"{len(found)} of {len(lines)} offers and APIs solved")
    ordered = sorted(found, key=lambda each: (not each.chosen, -each.entry.at, each.line.what, each.line.key))
    return Targets(base=base, targets=tuple(ordered), solves=sum(each.entry.solves for each in found))


def target_of(base: Plan, case: Case, line: Line) -> Target:
    """One line."""
    file, _ = case.at({})
    entry, _plan = entry_of(case, base, line.key, line.lever, (HALF_PRICE,))
    return Target(line=line, chosen=spent(base, line.lever, file.problem) > 0, entry=entry)


def asks(thing: Thing, line: Line) -> bool:
    """Whether a line is one of those asked about."""
    if thing.lever is None:
        return False
    if line.tokens is not None:
        return thing.lever.kind == "tokens" and thing.lever.reaches(line.tokens)
    names = set(thing.lever.names) - {line.term, line.what.split(" ")[-1]}
    return thing.lever.kind == "rent" and any(names <= {s.provider, s.region, s.machine} for s in line.sellers)


def rented(case: Case, reduced: Reduced) -> list[Line]:
    """Machines for rent that pass every rule and on which something could run."""
    file, priced = case.at({})
    problem = file.problem
    usable = {c.gpu for c in reduced.candidates.values()}
    lots = [
        lot
        for lot in gather(problem, priced, Drops(), egress_gb=most_gb(problem, reduced.load))
        if is_bought(lot.existing is not None, lot.row.term) and lot.row.gpu in usable
    ]
    price = prices_of(problem, lots)
    lines: dict[tuple[object, ...], list[Lot]] = {}
    for lot in sorted(lots, key=lambda lot: (price[lot.name], lot.name)):
        lines.setdefault((lot.group, *told_apart(problem, lot)), []).append(lot)
    return [
        Line(
            what=f"{several[0].row.gpus}x {several[0].row.gpu}",
            term=several[0].row.term,
            sellers=tuple(seller(lot.row) for lot in several),
            tokens=None,
            lever=Lever("rent", named(several[0].row)),
        )
        for several in lines.values()
    ]


def seller(row: PriceOffer) -> Seller:
    """Who asks how much for a machine."""
    return Seller(row.provider, row.region, row.machine, row.usd_h)


def named(row: PriceOffer) -> tuple[str, ...]:
    """The names of an offer, as a sweep spells them."""
    return tuple(name for name in (row.provider, row.region, row.machine, row.term) if name)


def told_apart(problem: Problem, lot: Lot) -> tuple[object, ...]:
    """What keeps an offer from standing for another of its group."""
    spread, overheads = problem.spread, problem.overheads
    buying = problem.procurement
    provider_matters = (
        bool(buying.minimum_orders or buying.spend_quotes or buying.existing_spend)
        or overheads.provider_usd_month > 0
        or overheads.storage_gb > 0
        or min(spread.max_provider_traffic_share, spread.max_provider_spend_share) < 1
        or spread.max_providers is not None
        or spread.max_regions is not None
        or problem.resilience.provider
        or problem.resilience.region
    )
    place = (lot.row.provider, lot.row.region if spread.max_regions or problem.resilience.region else "")
    sold_so = (lot.row.term, lot.billing, lot.row.minimum_rental_h, lot.row.upfront_share)
    counted = frozenset(i for i in range(len(buying.quotas)) if matches_quota(lot, problem, i))
    limits = (lot.max_machines, lot.min_machines, lot.multiple_of, counted, lot.vcpus if counted else None)
    return (*sold_so, *limits, *(place if provider_matters else ()))


def sold(case: Case) -> list[Line]:
    """APIs that pass every rule, by provider."""
    file, priced = case.at({})
    problem = file.problem
    quotes = {quote.provider for quote in problem.apis.quotes}
    lines = []
    for provider in sorted({row.provider for row in priced.api_prices} | quotes):
        wanted = {
            model
            for workload in problem.workloads.values()
            if not why_not_there(problem, workload, provider)
            for model in sold_as(workload, priced)
        }
        row = next((row for row in priced.api_prices if row.provider == provider and row.model in wanted), None)
        quote = next((q for q in problem.apis.quotes if q.provider == provider and q.sold_as in wanted), None)
        if quote is not None:
            row = ApiPrice(
                model=quote.sold_as, open_weight=True, provider=provider, api_model_id=quote.sold_as,
                input_usd_mtok=quote.input_usd_mtok, output_usd_mtok=quote.output_usd_mtok,
                source=quote.source, observed_on=quote.observed_on,
            )  # fmt: skip
        if row is not None:
            lines.append(Line(what=row.model, term=None, sellers=(), tokens=row, lever=Lever("tokens", (provider,))))
    return lines
