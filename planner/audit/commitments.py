"""Are promises of spend kept as they are sold, and is what is said of commitments true?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from planner.audit.evidence import Evidence, Finding, above, differs, usd_differs
from planner.audit.offers import MONTH_H, origins, said
from planner.audit.sharing import gpus_taken
from planner.catalog.rows import TERM_MONTHS
from planner.committed import Commitment, Covered, SpendPurchase
from planner.plan import Purchase
from planner.problem.matching import allows
from planner.problem.procurement import ExistingSpend, Quote, SpendQuote


def promises_for_sale(e: Evidence) -> Finding:
    """Each promise of spend is one that a quote offers: its term, its size, its cash, and paid in every hour."""
    breaches: list[str] = []
    buying = e.problem.procurement
    signed = sorted((each.provider, each.usd_h) for each in _signed(e))
    told = sorted((spend.provider, spend.usd_h) for spend in e.plan.spends if spend.existing)
    if signed != told:
        breaches.append(f"spend already promised is {_listed(signed)} in the problem, {_listed(told)} in the plan")
    for spend in e.plan.spends:
        if spend.existing:
            if usd_differs(spend.usd_month, usd := spend.usd_h * e.problem.month_hours):
                breaches.append(
                    f"${spend.usd_month:,.2f} a month for spend already promised, ${usd:,.2f} for all hours"
                )
            continue
        what = f"${spend.usd_h:,.2f}/h promised to {spend.provider}, {spend.term}"
        found = [each for each in _quotes(e, spend) if isinstance(each, SpendQuote)]
        if not found:
            breaches.append(f"{what}: no quote of the problem sells that")
        elif buying.terms and spend.term not in buying.terms:
            breaches.append(f"{what}: only the terms {', '.join(buying.terms)} may be taken")
        elif not buying.terms and TERM_MONTHS[spend.term] > buying.max_term_months:
            breaches.append(f"{what}: at most {buying.max_term_months} months may be committed to")
        if found and all(_size(spend, quote) for quote in found):
            breaches.append(f"{what}: {_size(spend, found[0])}")
        term_usd = spend.usd_h * MONTH_H * TERM_MONTHS[spend.term]
        asked = [quote.upfront_share * term_usd for quote in found]
        if asked and all(usd_differs(spend.upfront_usd, usd) for usd in asked):
            breaches.append(f"{what}: ${spend.upfront_usd:,.2f} upfront in the plan, ${asked[0]:,.2f} are asked")
        if usd_differs(spend.usd_month, usd := spend.usd_h * e.problem.month_hours):
            figures = f"${spend.usd_month:,.2f} a month in the plan, ${usd:,.2f} for all its hours"
            breaches.append(f"{what}: {figures}")
    return Finding(f"{len(e.plan.spends)} promises of spend match a quote and are paid every hour", breaches)


def _signed(e: Evidence) -> list[ExistingSpend]:
    """Promises of the problem that have not ended."""
    today = e.plan.prices_observed.today
    return [each for each in e.problem.procurement.existing_spend if each.ends_on is None or each.ends_on >= today]


def _listed(promises: list[tuple[str, float]]) -> str:
    return ", ".join(f"${usd_h:,.2f}/h to {provider}" for provider, usd_h in promises) or "nothing"


def _quotes(e: Evidence, spend: SpendPurchase) -> list[SpendQuote | ExistingSpend]:
    """What in the problem a promise may be."""
    if spend.existing:
        return [each for each in _signed(e) if (each.provider, each.usd_h) == (spend.provider, spend.usd_h)]
    return [
        quote
        for quote in e.problem.procurement.spend_quotes
        if (quote.provider, quote.term, quote.source) == (spend.provider, spend.term, spend.source)
    ]


def _size(spend: SpendPurchase, quote: SpendQuote) -> str:
    """What is wrong with the size of a promise; empty if nothing."""
    if above(quote.min_usd_h, spend.usd_h):
        return f"at least ${quote.min_usd_h:g}/h must be promised"
    if quote.max_usd_h is not None and above(spend.usd_h, quote.max_usd_h):
        return f"at most ${quote.max_usd_h:g}/h may be promised"
    step_usd_h = quote.step_usd_h or spend.step_usd_h
    steps = spend.usd_h / step_usd_h
    return f"it is no whole number of steps of ${step_usd_h:g}/h" if differs(steps, round(steps)) else ""


def promises_kept_apart(e: Evidence) -> Finding:
    """In no block a promise pays for more than it holds, at its true rates, or for a machine that does not run."""
    breaches: list[str] = []
    rented = [each for each in e.plan.purchases if each.term == "on-demand" and each.billing == "hourly"]
    covered: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for spend in e.plan.spends:
        paid: dict[str, float] = defaultdict(float)
        for each in spend.covers:
            mine = [i for i, purchase in enumerate(rented) if _pays_for(spend, each, purchase)]
            if not mine:
                breaches.append(f"{spend.provider} is promised spend for {each.machine}, which is not rented on demand")
                continue
            if all(differs(each.usd_h, rate) for rate in _rates(e, spend, rented[mine[0]])):
                breaches.append(f"{each.machine} of {spend.provider}: no promise covers it at ${each.usd_h:g}/h")
            for block, machines in each.machines_by_block.items():
                if machines < 0:
                    breaches.append(f"{each.machine} of {spend.provider}: fewer than no machines covered in {block}")
                paid[block] += machines * each.usd_h
                covered[mine[0]][block] += machines
            hours = sum(machines * e.month_h(block) for block, machines in each.machines_by_block.items())
            if differs(each.hours_month, hours):
                figures = f"{each.hours_month:,.2f} covered hours in the plan, {hours:,.2f} recomputed"
                breaches.append(f"{each.machine} of {spend.provider}: {figures}")
        for block, usd_h in paid.items():
            if above(usd_h, spend.usd_h):
                what = f"${spend.usd_h:,.2f}/h promised to {spend.provider} pay for ${usd_h:,.2f} in {block}"
                breaches.append(what)
    for i, purchase in enumerate(rented):
        for block, machines in covered[i].items():
            if above(machines, running := purchase.machines_by_block.get(block, 0)):
                breaches.append(f"{said(purchase)}: {machines:.6g} are covered in {block}, {running} run")
    for i, purchase in [*enumerate(rented), *((-1, each) for each in e.plan.purchases if each not in rented)]:
        hours = sum(machines * e.month_h(block) for block, machines in covered[i].items()) if i >= 0 else 0.0
        if differs(purchase.covered_hours_month, hours):
            figures = f"{purchase.covered_hours_month:,.2f} hours are not billed, promises cover {hours:,.2f}"
            breaches.append(f"{said(purchase)}: {figures}")
    return Finding(f"{len(e.plan.spends)} promises of spend pay for no more than they hold", breaches)


def _pays_for(spend: SpendPurchase, each: Covered, purchase: Purchase) -> bool:
    wanted = (spend.provider, each.region, each.machine, each.gpu, each.gpus)
    bought = (purchase.provider, purchase.region, purchase.machine, purchase.gpu, purchase.gpus)
    return wanted == bought and not differs(each.on_demand_usd_h, purchase.usd_h)


def _rates(e: Evidence, spend: SpendPurchase, purchase: Purchase) -> Iterator[float]:
    """What one machine of a purchase costs under the quotes that a promise may come from."""
    for quote in _quotes(e, spend):
        for origin in origins(e, purchase):
            shares = [c.discount_share for c in quote.covers if allows(c.where, origin.row, e.vendor(purchase.gpu))]
            if shares:
                yield purchase.usd_h * (1 - shares[0])


def sold_in_lots(e: Evidence) -> Finding:
    """What a quote sells by the pod, or from so many machines up, is bought so."""
    breaches: list[str] = []
    checked = 0
    for purchase in e.plan.purchases:
        rows = [each.row for each in origins(e, purchase)]
        quotes = [row for row in rows if isinstance(row, Quote)]
        if purchase.existing or not quotes or len(quotes) < len(rows):
            continue
        checked += 1
        if all(purchase.count % quote.multiple_of or purchase.count < quote.min_machines for quote in quotes):
            sold = f"sold in lots of {quotes[0].multiple_of}, at least {quotes[0].min_machines}"
            breaches.append(f"{said(purchase)}: {purchase.count} machines, {sold}")
    return Finding(f"{checked} purchases by quote come in the lots they are sold in", breaches)


def commitments_judged(e: Evidence) -> Finding:
    """What is said of a commitment over its term follows from its price, its use, growth and decline."""
    breaches: list[str] = []
    buying = e.problem.procurement
    owed = sum(each.usd_month for each in e.plan.spends)
    owed += sum(each.usd_month for each in e.plan.purchases if each.term in TERM_MONTHS or each.existing)
    owed += sum(line.usd_month for line in e.plan.costs if line.line == "cost of capital")
    told = sum(each.usd_h * e.problem.month_hours for each in e.plan.commitments)
    if usd_differs(told, owed):
        breaches.append(f"commitments judged come to ${told:,.2f} a month, those in the plan to ${owed:,.2f}")
    for group in sorted({each.group for each in e.plan.commitments if each.machines}):
        told_h = sum(
            each.used_share * (each.machines or 0) * e.problem.month_hours
            for each in e.plan.commitments
            if each.group == group
        )
        if above(told_h, used_h := _machine_hours_used(e, group)):
            figures = f"{told_h:,.2f} machine-hours a month said to be used, {used_h:,.2f} are"
            breaches.append(f"commitments of {group}: {figures}")
    promised = [each for each in e.plan.commitments if each.machines is None]
    if len(promised) != len(e.plan.spends):
        breaches.append(f"{len(promised)} promises of spend are judged, {len(e.plan.spends)} are made")
    for each, spend in zip(promised, e.plan.spends, strict=False):
        used = sum(covered.usd_h * covered.hours_month for covered in spend.covers) / spend.usd_month
        if differs(each.used_share, used):
            breaches.append(f"{each.name}: {each.used_share:.6g} of it said to be used, {used:.6g} is")
    for each in e.plan.commitments:
        if above(each.used_share, 1) or above(0, each.used_share):
            breaches.append(f"{each.name}: used {each.used_share:.6g} of its time")
        if each.break_even_share is None or each.on_demand_usd_h is None:
            continue
        if differs(each.break_even_share * each.on_demand_usd_h, each.usd_h):
            breaches.append(f"{each.name}: ${each.usd_h:,.2f}/h is not {each.break_even_share:.4f} of on demand")
        stated = (buying.growth_month_share, buying.price_decline_month_share)
        if stated != (each.growth_month_share, each.price_decline_month_share):
            breaches.append(f"{each.name}: growth and decline are not those of the problem")
        monthly = _on_demand_by_month(each, e.problem.month_hours)
        if usd_differs(each.on_demand_term_usd or 0.0, sum(monthly)):
            figures = f"${each.on_demand_term_usd or 0:,.2f} on demand in the plan, ${sum(monthly):,.2f} recomputed"
            breaches.append(f"{each.name} over its term: {figures}")
        mine = each.usd_h * e.problem.month_hours
        if usd_differs(each.term_usd or 0.0, mine * each.months):
            breaches.append(f"{each.name}: ${each.term_usd or 0:,.2f} over {each.months} months of ${mine:,.2f}")
        last = max((month for month, usd in enumerate(monthly, 1) if not above(mine, usd)), default=0)
        if each.cheaper_until_month != last:
            breaches.append(f"{each.name}: cheaper until month {each.cheaper_until_month}, recomputed {last}")
    return Finding(f"{len(e.plan.commitments)} commitments are judged by their price and use", breaches)


def _machine_hours_used(e: Evidence, group: str) -> float:
    """Machine-hours of a month that replicas could keep from standing empty, a spare for a lost machine included."""
    gpus = max((each.gpus for each in e.groups.get(group, [])), default=1)
    spare = 1 if e.problem.resilience.machine else 0
    hours = 0.0
    for block in e.blocks:
        mine = ((each, each.replicas_by_block.get(block, 0)) for each in e.plan.deployments if each.group == group)
        taken = list(gpus_taken(mine).items())
        if gpus & (gpus - 1):  # how they pack is another check's matter: each on machines of its own
            needed = sum(n * -(-size // gpus) for size, n in taken)
        else:
            whole = sum(n * -(-size // gpus) for size, n in taken if size > gpus)
            needed = whole + -(-sum(n * size for size, n in taken if size <= gpus) // gpus)
        there = sum(each.count for each in e.groups.get(group, []) if each.billing == "always")
        hours += min(there, needed + (spare if needed else 0)) * e.month_h(block)
    return hours


def _on_demand_by_month(each: Commitment, month_h: float) -> list[float]:
    used, usd_h, out = each.used_share, each.on_demand_usd_h or 0.0, []
    for _ in range(each.months):
        out.append(min(used, 1.0) * usd_h * month_h)
        used *= 1 + each.growth_month_share
        usd_h *= 1 - each.price_decline_month_share
    return out
