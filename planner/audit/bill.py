"""Is the bill right: every line from the machines and tokens up, the sums, and the gap that is claimed?"""

from __future__ import annotations

import math
from collections import defaultdict

from planner.audit.apis import request_usd
from planner.audit.egress import sent_usd
from planner.audit.evidence import Evidence, Finding, above, differs, usd_differs
from planner.audit.offers import said
from planner.audit.startup import starts_usd_month
from planner.catalog.rows import TERM_MONTHS
from planner.traffic.types import HOURS

GAP_ERROR = 1e-6
"""A gap may be told this much off, a share."""


RENT = {
    "on-demand": "on-demand rent",
    "spot": "spot rent",
    "bought": "machines bought",
    "serverless": "serverless workers",
}
"""Lines of the bill by term; every other term is a commitment."""


def machine_hours(e: Evidence) -> Finding:
    """Machines, hours and dollars of every purchase agree, and commitments are billed at every hour."""
    breaches: list[str] = []
    for purchase in e.plan.purchases:
        by_block = purchase.machines_by_block
        for block in sorted(set(by_block) - set(e.blocks)):
            breaches.append(f"{said(purchase)}: {by_block[block]} machines in {block}, which is no block")
        if min(by_block.values(), default=0) < 0:
            breaches.append(f"{said(purchase)}: fewer than no machines")
        if purchase.billing == "always":
            for block in e.blocks:
                if by_block.get(block, 0) != purchase.count:
                    figures = f"{by_block.get(block, 0)} run in {block}, {purchase.count} are held all month"
                    breaches.append(f"{said(purchase)}: {figures}")
        elif purchase.existing or purchase.term in (*TERM_MONTHS, "bought") or purchase.minimum_rental_h > HOURS:
            breaches.append(f"{said(purchase)}: billed by the hour, but it is paid all month")
        elif (busiest := max(by_block.values(), default=0)) != purchase.count:
            figures = f"{purchase.count} machines in the plan, {busiest} at the busiest hour"
            breaches.append(f"{said(purchase)}: {figures}")
        hours = e.billed_h(purchase)
        if differs(purchase.hours_month, hours):
            figures = f"{purchase.hours_month:,.2f} machine-hours a month in the plan, {hours:,.2f} recomputed"
            breaches.append(f"{said(purchase)}: {figures}")
        if usd_differs(purchase.usd_month, usd := e.rent_usd(purchase)):
            figures = f"${purchase.usd_month:,.2f} a month in the plan, ${usd:,.2f} recomputed"
            breaches.append(f"{said(purchase)}: {figures}")
        if above(purchase.busy_share, 1) or above(0, purchase.busy_share):
            breaches.append(f"{said(purchase)}: busy {purchase.busy_share:.6g} of its time")
    return Finding(f"machine-hours of {len(e.plan.purchases)} purchases are recomputed", breaches)


def cost_lines(e: Evidence) -> Finding:
    """Every line of the bill, recomputed; lines of nothing may be absent."""
    breaches: list[str] = []
    expected = _recomputed(e)
    told: dict[str, float] = defaultdict(float)
    for line in e.plan.costs:
        told[line.line] += line.usd_month
        if line.decided != (line.line not in ("existing commitments", "tax on existing commitments")):
            kind = "decided here" if line.decided else "already paid for"
            breaches.append(f"{line.line} is called {kind}, which it is not")
        if line.line not in expected:
            breaches.append(f"{line.line} is no line of a bill")
    for name, usd_month in expected.items():
        if usd_differs(told[name], usd_month):
            breaches.append(f"{name}: ${told[name]:,.2f} a month in the plan, ${usd_month:,.2f} recomputed")
    return Finding(f"{len(e.plan.costs)} lines of the bill are recomputed", breaches)


def _recomputed(e: Evidence) -> dict[str, float]:
    extra, buying = e.problem.overheads, e.problem.procurement
    names = (*RENT.values(), "start-up time", "commitments", "existing commitments", "cost of capital")
    usd: dict[str, float] = dict.fromkeys(names, 0.0)
    for each in e.plan.purchases:
        line = RENT.get(each.term, "commitments")
        usd["existing commitments" if each.existing else line] += e.rent_usd(each)
        usd["start-up time"] += starts_usd_month(e, each)
        months = TERM_MONTHS.get(each.term, 0)
        if months and not each.existing:
            # Cash paid at once is paid back month by month: half of it is out, on the mean.
            usd["cost of capital"] += each.upfront_usd * buying.cost_of_capital_year / 12 * (months + 1) / (2 * months)
    for spend in e.plan.spends:
        if spend.existing:
            usd["existing commitments"] += spend.usd_h * e.problem.month_hours
            continue
        months = TERM_MONTHS[spend.term]
        usd["commitments"] += spend.usd_h * e.problem.month_hours
        usd["cost of capital"] += spend.upfront_usd * buying.cost_of_capital_year / 12 * (months + 1) / (2 * months)
    usd["API tokens"] = sum(request_usd(e, each) * each.requests_month for each in e.plan.apis)
    usd["egress"] = sum(sent_usd(e).values())
    providers = len({each.provider for each in e.plan.purchases} | {each.provider for each in e.plan.spends})
    hosted = 1 if e.self_hosted else 0
    usd["storage"] = hosted * extra.storage_usd_month
    usd["storage"] += providers * extra.storage_gb * extra.storage_usd_gb_month
    usd["networking"] = hosted * extra.networking_usd_month
    usd["engineering"] = hosted * extra.engineering_usd_month
    usd["provider fees"] = providers * extra.provider_usd_month
    # Sellers add it to what they bill; wages, interest and machines of one's own are on no such bill.
    own = usd["engineering"] + usd["cost of capital"] + usd["machines bought"]
    billed = sum(usd.values()) - own - usd["existing commitments"]
    usd["tax"] = extra.tax_share * billed
    usd["tax on existing commitments"] = extra.tax_share * usd["existing commitments"]
    return usd


def sums_and_gap(e: Evidence) -> Finding:
    """The lines add up, the bound is below the cost, and the gap is what the two come to."""
    breaches: list[str] = []
    plan = e.plan
    total = sum(line.usd_month for line in plan.costs)
    decided = sum(line.usd_month for line in plan.costs if line.decided)
    for what, told, expected in (
        ("the plan", plan.usd_month, total),
        ("what is decided here", plan.usd_month_decided, decided),
    ):
        if told is None or usd_differs(told, expected):
            said_usd = "nothing" if told is None else f"${told:,.2f} a month"
            breaches.append(f"{what} costs {said_usd}, its lines add up to ${expected:,.2f}")
    bound, gap = plan.bound_usd_month, plan.gap
    if bound is None or gap is None:
        if bound is not None or gap is not None:
            breaches.append("a gap is told without a bound, or a bound without a gap")
        if plan.status == "optimal":
            breaches.append("the plan is called optimal, but no bound is known")
    else:
        if above(bound, total) and usd_differs(bound, total):
            figures = f"${bound:,.2f} a month, the plan costs ${total:,.2f}"
            breaches.append(f"no plan is said to cost less than {figures}")
        # Bound and cost hold the same existing commitments, so their difference is on what is decided.
        found = max(0.0, (total - bound) / decided) if decided > 0 else 0.0
        if not math.isfinite(gap) or abs(gap - found) > GAP_ERROR:
            breaches.append(f"a gap of {gap:.6f} is claimed, cost and bound come to {found:.6f}")
        if plan.status == "optimal" and found > plan.gap_asked + GAP_ERROR:
            breaches.append(f"the plan is called optimal at a gap of {found:.6f}, {plan.gap_asked:g} was asked")
    known = "bound unknown" if bound is None else f"bound ${bound:,.2f}"
    return Finding(f"the bill adds up to ${total:,.2f} a month, {known}", breaches)


def workload_costs(e: Evidence) -> Finding:
    """The bill is shared out to workloads without remainder, and prices per token follow from it."""
    breaches: list[str] = []
    shared, total = sum(each.usd_month for each in e.plan.workloads), e.plan.usd_month or 0.0
    if usd_differs(shared, total):
        breaches.append(f"workloads together cost ${shared:,.2f} a month, the plan ${total:,.2f}")
    for each in e.plan.workloads:
        for what, told, mtok in (
            ("output tokens", each.usd_mtok_output, each.output_mtok_month),
            ("tokens", each.usd_mtok_total, each.input_mtok_month + each.output_mtok_month),
        ):
            if told is not None and mtok > 0 and usd_differs(told * mtok, each.usd_month):
                figures = f"${told:.6g} per million {what} in the plan, ${each.usd_month / mtok:.6g} recomputed"
                breaches.append(f"{each.name}: {figures}")
    return Finding(f"costs of {len(e.plan.workloads)} workloads add up to the bill", breaches)
