"""Does a plan stay within what the user limits: quotas, orders, rental times, cash and budget?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from planner.audit.evidence import Evidence, Finding, above, usd_differs
from planner.audit.offers import origins, place_of, said
from planner.catalog.rows import Term
from planner.plan import Purchase
from planner.problem.matching import allows, named
from planner.problem.procurement import ExistingCommitment, Quote
from planner.problem.where import Where
from planner.traffic.types import HOURS

OWN = (Quote, ExistingCommitment)


def _matching(
    e: Evidence, purchases: Iterable[Purchase], where: Where, terms: list[Term], machine: str | None = None
) -> list[Purchase]:
    return [
        purchase
        for purchase in purchases
        if (not terms or purchase.term in terms)
        and (machine is None or named(purchase.machine, [machine]))
        and allows(where, place_of(e, purchase), e.vendor(purchase.gpu))
    ]


def _rule(where: Where, terms: list[Term], machine: str | None = None) -> str:
    """What a rule speaks of, as the problem file says it."""
    words = [f"{key}: {', '.join(names)}" for key, names in where.model_dump(exclude_defaults=True).items()]
    words += [f"machine: {machine}"] if machine else []
    words += [f"terms: {', '.join(terms)}"] if terms else []
    return "; ".join(words) or "anything"


def quotas(e: Evidence) -> Finding:
    """In no block run more machines or GPUs than a quota allows, those already paid for included."""
    breaches: list[str] = []
    rules = e.problem.procurement.quotas
    for rule in rules:
        # What is already paid for was bought on no term of today.
        bought = [each for each in e.plan.purchases if not (rule.terms and each.existing)]
        counted = _matching(e, bought, rule.where, rule.terms, rule.machine)
        what = f"the quota on {_rule(rule.where, rule.terms, rule.machine)}"
        at = {b: [(_running(each, b), each.gpus) for each in counted] for b in e.blocks}
        machines = {b: sum(n for n, _ in running) for b, running in at.items()}
        gpus = {b: sum(n * size for n, size in running) for b, running in at.items()}
        breaches += [f"{what} {wrong}" for wrong in _over(rule.max_machines, "machines", machines)]
        breaches += [f"{what} {wrong}" for wrong in _over(rule.max_gpus, "GPUs", gpus)]
        breaches += [f"{what} {wrong}" for wrong in _vcpus(e, rule.max_vcpus, counted)]
    return Finding(f"{len(rules)} quotas are kept in {len(e.blocks)} blocks", breaches)


def _vcpus(e: Evidence, limit: int | None, counted: list[Purchase]) -> Iterator[str]:
    """What breaks a quota in vCPUs."""
    size: dict[int, int] = {}
    for i, each in enumerate(counted if limit is not None else ()):
        stated = [row.vcpus for row in (origin.row for origin in origins(e, each)) if isinstance(row, OWN)]
        known = next((n for n in stated if n is not None), e.catalog.vcpus.get((each.provider, each.machine)))
        if known is None:
            yield f"counts vCPUs, those of {said(each)} are not known"
        size[i] = known or 0
    yield from _over(
        limit,
        "vCPUs",
        {b: sum(_running(each, b) * size[i] for i, each in enumerate(counted)) for b in e.blocks} if size else {},
    )


def _over(limit: int | None, unit: str, running: Mapping[str, int]) -> Iterator[str]:
    """That more run than a quota allows: the block with the most, and how many others there are."""
    over = {block: n for block, n in running.items() if limit is not None and n > limit}
    if over:
        worst = max(over, key=lambda block: over[block])
        more = len(over) - 1
        others = f", and too many in {more} other block{'s' if more > 1 else ''} of hours" if more else ""
        yield f"is {limit} {unit}, {over[worst]} run in {worst}{others}"


def _running(purchase: Purchase, block: str) -> int:
    return purchase.count if purchase.billing == "always" else purchase.machines_by_block.get(block, 0)


def minimum_orders(e: Evidence) -> Finding:
    """What is newly committed to reaches the minimum order, or is not ordered at all."""
    breaches: list[str] = []
    rules = e.problem.procurement.minimum_orders
    new = [purchase for purchase in e.plan.purchases if not purchase.existing]
    for rule in rules:
        terms: list[Term] = rule.terms or ["1m", "3m", "6m", "1y", "3y"]
        ordered = sum(each.count for each in _matching(e, new, rule.where, terms))
        if 0 < ordered < rule.min_machines:
            what = f"the minimum order of {_rule(rule.where, rule.terms)}"
            breaches.append(f"{what} is {rule.min_machines} machines, {ordered} are ordered")
    return Finding(f"{len(rules)} minimum orders are reached or not made", breaches)


def minimum_rentals(e: Evidence) -> Finding:
    """Machines rented by the hour run in stretches of at least their minimum rental, week after week.

    Machines are alike, so the one that started first stops first.  All stretches then last m hours if
    and only if at every hour those started in the last m hours are still among those running.
    """
    breaches: list[str] = []
    checked = 0
    for purchase in e.plan.purchases:
        if purchase.billing != "hourly" or purchase.minimum_rental_h <= 1:
            continue
        checked += 1
        running = by_hour(e, purchase)
        starts = [max(0, running[h] - running[h - 1]) for h in range(HOURS)]
        span = min(math.ceil(purchase.minimum_rental_h), HOURS)
        short = [h for h in range(HOURS) if sum(starts[(h - back) % HOURS] for back in range(span)) > running[h]]
        endless = purchase.minimum_rental_h > HOURS and any(starts)
        if short or endless:
            least = f"at least {purchase.minimum_rental_h:g} h are rented"
            breaches.append(f"{said(purchase)}: {least}, but machines stop sooner after they start")
    return Finding(f"{checked} purchases with a minimum rental run long enough", breaches)


def by_hour(e: Evidence, purchase: Purchase) -> list[int]:
    """Machines of a purchase on in each hour of the week."""
    running = [0] * HOURS
    for label, n in purchase.machines_by_block.items():
        for hour in e.blocks[label].hours if label in e.blocks else ():
            if 0 <= hour < HOURS:
                running[hour] = n
    return running


def upfront_cash(e: Evidence) -> Finding:
    """New commitments ask no more cash at once than there is."""
    limit = e.problem.procurement.max_upfront_usd
    upfront = sum(each.upfront_usd for each in e.plan.purchases if not each.existing)
    upfront += sum(each.upfront_usd for each in e.plan.spends)
    breaches = []
    if limit is not None and above(upfront, limit) and usd_differs(upfront, limit):
        breaches.append(f"${upfront:,.2f} are paid upfront, at most ${limit:,.2f} may be")
    limited = f"of at most ${limit:,.2f}" if limit is not None else "without a limit"
    return Finding(f"${upfront:,.2f} upfront, {limited}", breaches)


def budget(e: Evidence) -> Finding:
    """The bill stays within the budget."""
    limit = e.problem.budget.usd_month if e.problem.budget else None
    spent = e.plan.usd_month or 0.0
    breaches = []
    if limit is not None and above(spent, limit) and usd_differs(spent, limit):
        breaches.append(f"the plan costs ${spent:,.2f} a month, the budget is ${limit:,.2f}")
    limited = f"a budget of ${limit:,.2f}" if limit is not None else "no budget is set"
    return Finding(f"${spent:,.2f} a month, {limited}", breaches)
