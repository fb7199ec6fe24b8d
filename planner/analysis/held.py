"""What a plan's procurement costs where prices, loads or rates come out otherwise.

Held are, in number, the machines that the plan pays for all month (commitments, monthly rentals, machines bought) and
the steps of spend that it promises.  They are paid at the prices of the case; nothing else is signed.  Machines by the
hour, spot, APIs and what runs where are decided again.  So a plan that holds something is one that the case allows, and
costs no less than its best one.
"""

from __future__ import annotations

import pickle
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar

from planner.analysis.engines import Engine
from planner.analysis.evaluate import bought
from planner.analysis.moved import moved
from planner.analysis.sweep import Packed, Solve
from planner.audit import audit
from planner.catalog.load import Catalog
from planner.catalog.rows import TERM_MONTHS, PriceOffer
from planner.errors import AuditFailed, NoCandidate
from planner.finish import finish
from planner.limits import quotas_of
from planner.market import Held, offers_of
from planner.owning import offer_of_owned
from planner.plan import Plan, Purchase, Status
from planner.problem.places import ProblemFile
from planner.problem.schema import Problem
from planner.processes import leave_interrupts
from planner.reduce import Reduced, Standing, reduce_problem
from planner.search import search
from planner.solver import Settings
from planner.tidy import tidy

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is signed, by its place among what is for sale: the same place whatever it costs."""

    machines: tuple[tuple[int, int], ...] = ()  # (place in `for_sale`, machines)
    steps: tuple[tuple[int, int], ...] = ()  # (place in procurement.spend_quotes, steps of it)

    def __bool__(self) -> bool:
        return bool(self.machines or self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A problem that is asked about again and again as things move, and how it is solved.

    A budget ends plans and changes none: it is left out.
    """

    file: ProblemFile
    catalog: Catalog
    solve: Solve
    settings: Settings
    today: date

    def at(self, factors: dict[str, float]) -> tuple[ProblemFile, Catalog]:
        """The problem and the prices with these factors on them."""
        problem, priced = moved(self.file.problem, self.catalog, factors)
        return replace(self.file, problem=problem.model_copy(update={"budget": None})), priced

    def best(self, factors: dict[str, float]) -> tuple[Status, Plan | None]:
        """The best plan found there, if there is one."""
        file, priced = self.at(factors)
        try:
            plan = self.solve(file, priced)
        except NoCandidate:
            return "infeasible", None
        return plan.status, plan if plan.usd_month is not None else None

    def keeping(self, holding: Holding, factors: dict[str, float]) -> Plan | None:
        """The best plan there that signs for what is held and for nothing else; None: it does not serve all."""
        file, priced = self.at(factors)
        try:
            plan = keep(holding, file, priced, self.settings, self.today)
        except NoCandidate:
            return None
        return plan if plan.usd_month is not None else None

    def holding(self, plan: Plan) -> Holding:
        """What a plan of the problem as it is signs for."""
        file, priced = self.at({})
        return holding_of(plan, file.problem, priced)


def for_sale(problem: Problem, catalog: Catalog) -> list[tuple[PriceOffer, float, int | None]]:
    """All that machines may be had from, with the price of one that is bought [USD] and its vCPUs where stated."""
    out = [(row, 0.0, quote.vcpus if quote else None) for row, quote in offers_of(problem, catalog)]
    buying = problem.procurement
    return out + [
        (offer_of_owned(m, buying.cost_of_capital_year, problem.month_hours), m.price_usd, None)
        for m in buying.purchases
    ]


def holding_of(plan: Plan, problem: Problem, catalog: Catalog) -> Holding:
    """What a plan of this problem signs for."""
    machines: Counter[int] = Counter()
    sold = for_sale(problem, catalog)
    for each in plan.purchases:
        if each.billing == "always" and not each.existing:
            machines[next(i for i, (row, _, _) in enumerate(sold) if is_from(each, row))] += each.count
    steps: Counter[int] = Counter()
    for spend in plan.spends:
        if not spend.existing:
            said = (spend.provider, spend.term, spend.source, spend.observed_on)
            quotes = enumerate(problem.procurement.spend_quotes)
            place = next(i for i, q in quotes if (q.provider, q.term, q.source, q.observed_on) == said)
            steps[place] += round(spend.usd_h / spend.step_usd_h)
    return Holding(machines=tuple(sorted(machines.items())), steps=tuple(sorted(steps.items())))


def is_from(purchase: Purchase, row: PriceOffer) -> bool:
    """Whether a purchase is of this offer, by everything that it says of it."""
    names = ("provider", "region", "country", "machine", "gpu", "gpus", "term", "minimum_rental_h", "source", "usd_h")
    if any(getattr(purchase, name) != getattr(row, name) for name in names) or purchase.observed_on != row.observed_on:
        return False
    upfront = row.upfront_share * row.usd_h * 730 * TERM_MONTHS.get(row.term, 0) * purchase.count
    return row.term == "bought" or abs(purchase.upfront_usd - upfront) <= 1e-6 * (1 + upfront)


def keep(holding: Holding, file: ProblemFile, catalog: Catalog, settings: Settings, today: date) -> Plan:
    """The cheapest plan of a problem among those that sign for what is held and nothing else, audited like any plan.

    Raises `NoCandidate` where what is held would pay more upfront than is allowed.
    """
    problem = file.problem
    sold = for_sale(problem, catalog)
    held = tuple(Held(row=sold[i][0], count=n, price_usd=sold[i][1]) for i, n in holding.machines)
    reduced = reduce_problem(problem, file.folder, catalog, today, Standing(held=held))
    reduced = signed(problem, reduced, holding, [sold[i][2] for i, _ in holding.machines])
    limit, inputs = problem.procurement.max_upfront_usd, reduced.inputs
    upfront = sum(offer.upfront_usd * (offer.existing or 0) for offer in inputs.offers.values())
    if limit is not None and upfront > limit * (1 + 1e-9):
        raise NoCandidate(f"What is held pays {upfront:,.0f} USD upfront, {limit:,.0f} are allowed.")
    solution = tidy(inputs, search(inputs, settings), settings)
    plan = finish(problem, reduced, solution, today, settings.gap, settings.solver)
    if plan.usd_month is None:
        return plan
    found = audit(plan, problem, reduced.load, catalog, reduced.performance)
    if found.breaches:
        raise AuditFailed("What is held breaks its own problem:\n" + "\n".join(f"  {b}" for b in found.breaches))
    return plan.model_copy(update={"audit": found.checks})


def signed(problem: Problem, reduced: Reduced, holding: Holding, vcpus: list[int | None]) -> Reduced:
    """The numbers with what is held as there already, told as bought, and nothing more that is paid all month."""
    mine = [name for name, lot in reduced.lots.items() if lot.existing is not None][: len(holding.machines)]
    lots = dict(reduced.lots)
    for name, stated in zip(mine, vcpus, strict=True):
        lots[name] = replace(bought(lots[name]), vcpus=stated or lots[name].vcpus)
    steps = {spend_label(problem, place): n for place, n in holding.steps}
    if missing := steps.keys() - reduced.spends.keys():
        raise NoCandidate(f"{', '.join(sorted(missing))} pays for nothing that is left here.")
    offers = {
        name: replace(offer, existing=steps[name], max_machines=steps[name])
        if name in steps
        else replace(offer, max_machines=0)
        if offer.billing == "always" and offer.existing is None
        else offer
        for name, offer in reduced.inputs.offers.items()
    }
    inputs = replace(reduced.inputs, offers=offers, quotas=quotas_of(problem, list(lots.values())))
    return replace(reduced, inputs=inputs, lots=lots)


def spend_label(problem: Problem, place: int) -> str:
    """The name of a spend commitment on offer in the numbers (`planner.spending.spend_plans`)."""
    quote = problem.procurement.spend_quotes[place]
    return f"{quote.provider}/spend commitment {place + 1}/{quote.term}"


def side_by_side(
    work: Callable[[Case, Item], Answer], case: Case, items: Sequence[Item], jobs: int
) -> Iterator[Answer]:
    """What each item comes to, as each is done, in `jobs` processes (-1: one per core); each gets the case once."""
    if jobs == 1 or len(items) < 2:
        yield from (work(case, item) for item in items)
        return
    bare = replace(case, catalog=replace(case.catalog, kept={}))
    data = pickle.dumps((work, bare))
    yield from Engine().each(in_worker, Packed(sha256(data).hexdigest(), zlib.compress(data, 1)), items, jobs)


def in_worker(packed: Packed, item: Any) -> Any:
    """One item, in a process of its own."""
    leave_interrupts()
    work, case = unpacked(packed)
    return work(case, item)


@lru_cache(maxsize=1)
def unpacked(packed: Packed) -> Any:
    """The work and the case; what a worker keeps with its catalog serves all its items."""
    return pickle.loads(zlib.decompress(packed.data))
