"""What else a plan may be wanted to be beside cheap, each as a rule that the problem file already has.

A goal is asked at values, the strictest first: a plan that keeps a strict one keeps every looser one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from planner.analysis.scaled import scaled
from planner.catalog.load import Catalog
from planner.catalog.rows import TERM_MONTHS, PriceOffer
from planner.market import allowed_terms, offers_of
from planner.plan import Plan, Purchase
from planner.problem.matching import allows
from planner.problem.procurement import Quota
from planner.problem.schema import Problem

FOREVER = float("inf")
"""A machine that is bought is signed for longer than any term [months]."""
GROWTHS = (
    2.0,
    1.5,
    1.0,
    0.75,
    0.5,
    0.4,
    0.3,
    0.25,
    0.2,
    0.17,
    0.15,
    0.12,
    0.1,
    0.08,
    0.06,
    0.05,
    0.04,
    0.03,
    0.02,
    0.01,
)
"""Growth of all traffic that is looked for, the most first."""
CASH_SHARES = (0.0, 0.1, 0.25, 0.5, 0.75)
"""Of the best plan's upfront cash, what is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A wish beside the least cost: what a plan is measured by, and the problem that asks for at most so much of it."""

    name: str
    values: tuple[float, ...]  # the strictest first
    turn: Callable[[Problem, float], Problem]
    measure: Callable[[Plan], float]  # a plan keeps a value if this is no more
    says: Callable[[float], str]
    by_degrees: bool = False  # its strictest value is of no interest in itself
    more_traffic: bool = False  # its plans are for another load

    def stricter(self, plan: Plan) -> tuple[float, ...]:
        """The values that a plan does not keep, the strictest first."""
        return tuple(value for value in self.values if not self.keeps(plan, value))

    def keeps(self, plan: Plan, value: float) -> bool:
        """Whether a plan of the problem as it is keeps a value of this goal."""
        return self.measure(plan) <= value * (1 + 1e-9) + 1e-9


def goals_of(problem: Problem, catalog: Catalog, best: Plan) -> Iterator[Goal]:
    """Every goal that this problem may have beside its best plan."""
    yield few("max_providers", "provider", best, lambda plan: {p.provider for p in plan.purchases})
    yield few("max_gpu_types", "GPU type", best, lambda plan: {p.gpu for p in plan.purchases})
    yield few("max_deployments", "deployment", best, lambda plan: running(plan))
    yield few_machines(best)
    sold = sold_here(problem, catalog)
    terms = {row.term for row in sold} | {quote.term for quote in problem.procurement.spend_quotes}
    months = sorted({TERM_MONTHS.get(term, 0) for term in terms & allowed_terms(problem)} | {0})
    yield Goal(
        name="shortest terms",
        values=tuple(months),
        turn=no_term_over,
        measure=longest_term,
        says=lambda m: f"no term over {m:g} month{'s' * (m > 1)}" if m else "no commitments",
    )
    yield Goal(
        name="least upfront cash",
        values=tuple(sorted({share * upfront_usd(best) for share in CASH_SHARES})),
        turn=no_more_upfront,
        measure=upfront_usd,
        says=lambda usd: f"at most {usd:,.0f} USD upfront" if usd else "no upfront cash",
    )
    if "spot" in terms and any(w.interruptible for w in problem.workloads.values()):
        yield Goal(
            name="no spot",
            values=(0,),
            turn=lambda p, _: only_terms(p, allowed_terms(p) - {"spot"}),
            measure=lambda plan: sum(p.term == "spot" for p in plan.purchases),
            says=lambda _: "no spot",
        )
    buying = problem.procurement
    gpus = {row.gpu for row in sold} | {m.gpu for m in buying.purchases} | {quote.gpu for quote in buying.serverless}
    vendors = sorted({maker(gpu, catalog) for gpu in gpus} - {""})
    for vendor in vendors if len(vendors) > 1 else ():
        yield one_vendor(vendor, catalog)
    if problem.apis.allow and any(w.apis for w in problem.workloads.values()):
        yield Goal(
            name="no APIs",
            values=(0,),
            turn=lambda p, _: p.model_copy(update={"apis": p.apis.model_copy(update={"allow": False})}),
            measure=lambda plan: len(plan.apis),
            says=lambda _: "no APIs",
        )
        yield Goal(
            name="only APIs",
            values=(0,),
            turn=lambda p, _: no_machines(p),
            measure=lambda plan: len(new(plan)) + sum(not s.existing for s in plan.spends),
            says=lambda _: "only APIs",
        )
    yield Goal(
        name="most headroom",
        values=tuple(-growth for growth in GROWTHS),
        turn=lambda p, minus: scaled(p, catalog, {"traffic": 1 - minus})[0],
        measure=lambda _: 0.0,
        says=lambda minus: f"room for {-100 * minus:.0f} % more traffic",
        by_degrees=True,
        more_traffic=True,
    )


def running(plan: Plan) -> set[str]:
    """Deployments that serve anything."""
    return {d.name for d in plan.deployments if any(s.req_s > 0 for s in d.served)}


def new(plan: Plan) -> list[Purchase]:
    """What a plan buys; what is already paid for aside."""
    return [p for p in plan.purchases if not p.existing]


def few(what: str, noun: str, best: Plan, used: Callable[[Plan], set[str]]) -> Goal:
    """At most so many kinds, by a limit of `spread`; no fewer than are paid for already."""

    def turn(problem: Problem, most: float) -> Problem:
        stated = getattr(problem.spread, what)
        limit = int(most) if stated is None else min(int(most), stated)
        return problem.model_copy(update={"spread": problem.spread.model_copy(update={what: limit})})

    least = len(used(there_already(best)))
    return Goal(
        name=f"fewest {noun}s",
        values=tuple(range(max(1, least), len(used(best)) + 1)),
        turn=turn,
        measure=lambda plan: len(used(plan)),
        says=lambda n: f"{n:g} {noun}{'s' * (n > 1)}",
    )


def few_machines(best: Plan) -> Goal:
    """At most so many machines at once, what is already paid for among them."""

    def turn(problem: Problem, most: float) -> Problem:
        return with_buying(problem, quotas=[*problem.procurement.quotas, Quota(max_machines=int(most))])

    return Goal(
        name="fewest machines",
        values=tuple(range(max(1, most_at_once(there_already(best))), most_at_once(best) + 1)),
        turn=turn,
        measure=most_at_once,
        says=lambda n: f"{n:g} machine{'s' * (n > 1)}",
        by_degrees=True,
    )


def there_already(plan: Plan) -> Plan:
    """What of a plan is already paid for, with nothing running on it."""
    return plan.model_copy(update={"purchases": tuple(p for p in plan.purchases if p.existing), "deployments": ()})


def most_at_once(plan: Plan) -> int:
    """Machines in the hour with the most of them."""
    return max((sum(p.machines_by_block.get(b.label, 0) for p in plan.purchases) for b in plan.blocks), default=0)


def with_buying(problem: Problem, **changed: object) -> Problem:
    """The problem with other rules on what may be bought."""
    return problem.model_copy(update={"procurement": problem.procurement.model_copy(update=changed)})


def only_terms(problem: Problem, terms: frozenset[str]) -> Problem:
    """The problem with these terms and no others; an empty list in a file would allow all."""
    if not terms:
        return with_buying(no_machines(problem), purchases=problem.procurement.purchases)
    return with_buying(problem, terms=sorted(terms))


def no_machines(problem: Problem) -> Problem:
    """The problem with no machines for sale."""
    where = problem.procurement.where.model_copy(update={"exclude_providers": ["*"]})
    return with_buying(problem, where=where)


def no_term_over(problem: Problem, months: float) -> Problem:
    """The problem with nothing signed for longer, and nothing bought."""
    short = frozenset(term for term in allowed_terms(problem) if TERM_MONTHS.get(term, 0) <= months)
    return with_buying(only_terms(problem, short), purchases=[])


def longest_term(plan: Plan) -> float:
    """The longest that a plan signs for [months]; infinite where it buys machines."""
    terms = [p.term for p in new(plan)] + [s.term for s in plan.spends if not s.existing]
    return max((FOREVER if term == "bought" else TERM_MONTHS.get(term, 0) for term in terms), default=0)


def no_more_upfront(problem: Problem, usd: float) -> Problem:
    """The problem with no more cash paid at once."""
    stated = problem.procurement.max_upfront_usd
    return with_buying(problem, max_upfront_usd=usd if stated is None else min(usd, stated))


def upfront_usd(plan: Plan) -> float:
    """What a plan pays at once [USD]."""
    return sum(p.upfront_usd for p in new(plan)) + sum(s.upfront_usd for s in plan.spends if not s.existing)


def sold_here(problem: Problem, catalog: Catalog) -> list[PriceOffer]:
    """Offers of the places and on the terms that the problem allows."""
    terms, where = allowed_terms(problem), problem.procurement.where
    rows = (row for row, _ in offers_of(problem, catalog) if row.term in terms)
    return [row for row in rows if allows(where, row, maker(row.gpu, catalog))]


def maker(gpu: str, catalog: Catalog) -> str:
    """Who makes a GPU; empty for one that the catalog does not know."""
    known = catalog.gpus.get(gpu)
    return known.vendor if known else ""


def one_vendor(vendor: str, catalog: Catalog) -> Goal:
    """GPUs of one maker alone."""

    def turn(problem: Problem, _: float) -> Problem:
        where = problem.procurement.where.model_copy(update={"vendors": [vendor]})
        return with_buying(problem, where=where)

    name = f"only {vendor}"
    return Goal(
        name=name,
        values=(0,),
        turn=turn,
        measure=lambda plan: sum(maker(p.gpu, catalog) != vendor for p in new(plan)),
        says=lambda _: name,
    )
