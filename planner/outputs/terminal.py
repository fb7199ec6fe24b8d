"""A plan on a terminal, the answer first.

Fits 80 columns and uses at most 100.  The console decides about colors (NO_COLOR, pipes).
Names and titles are printed as they are: nothing in them is markup, control characters are left out.
"""

from __future__ import annotations

from rich.console import Console

from planner.catalog.rows import TERM_MONTHS
from planner.committed import SpendPurchase
from planner.outputs.commitments import show_commitments
from planner.outputs.endpoints import endpoint_words, price_words
from planner.outputs.figures import TERM_WORDS, count, percent, things, usd, usd_fine
from planner.outputs.headline import show_headline
from planner.outputs.page import Line, Page
from planner.outputs.schedule import schedule_lines
from planner.outputs.serving import models_of, show_apis, show_deployments
from planner.outputs.trust import show_audit, show_dropped, show_evidence, show_notes
from planner.plan import Plan, Purchase, Spread

SCHEDULE_LINES = 8
MONTH_H = 730
"""Hours that a month of a term counts."""


def show_plan(plan: Plan, console: Console) -> None:
    """Print the whole plan, some 60 lines for three workloads."""
    page = Page(console, cents=plan.usd_month is not None and plan.usd_month < 1000)
    for section in SECTIONS:
        section(plan, page)


def show_purchases(plan: Plan, page: Page) -> None:
    """What to buy; what is already paid for is marked."""
    if not plan.purchases:
        return
    lines = [
        Line(
            f"{purchase.count:,} x {purchase.machine} ({purchase.gpus} x {purchase.gpu})",
            (usd(purchase.usd_month, page.cents), count(purchase.hours_month), percent(purchase.busy_share)),
            [
                f"{purchase.provider} {purchase.region or '(region not stated)'}, {_term(purchase)}, "
                f"{price_words(purchase)}" + ("" if purchase.existing else f", seen {purchase.observed_on}"),
                *_covered(purchase),
                *_started(purchase),
                *endpoint_words(plan, purchase),
            ],
        )
        for purchase in plan.purchases
    ]
    lines += [
        Line(
            f"{usd_fine(spend.usd_h)}/h of spend promised to {spend.provider}",
            (usd(spend.usd_month, page.cents), count(plan.month_hours), percent(_used(spend))),
            [
                "EXISTING commitment, already paid for"
                if spend.existing
                else f"{TERM_WORDS[spend.term]}{_upfront(spend)}, paid every hour, in steps of "
                f"{usd_fine(spend.step_usd_h)}/h, seen {spend.observed_on}"
            ],
        )
        for spend in plan.spends
    ]
    page.table("What to buy", ("USD/month", "hours/month", "busy"), lines)
    upfront = sum(each.upfront_usd for each in plan.purchases) + sum(each.upfront_usd for each in plan.spends)
    if upfront:
        tax = " before tax" if any(cost.line == "tax" for cost in plan.costs) else ""
        page.say(f"Cash due when signing: {usd(upfront)}{tax}, already spread over the months above.")
    if plan.spread is not None:
        spread_words(plan.spread, page)


def spread_words(spread: Spread, page: Page) -> None:
    """How far the plan is spread, beside what is allowed."""
    limits = (
        (len(spread.providers), "provider", spread.max_providers),
        (len(spread.regions), "region", spread.max_regions),
        (len(spread.gpu_types), "GPU type", spread.max_gpu_types),
        (len(spread.deployments), "deployment", spread.max_deployments),
    )
    counted = [f"{things(n, what)} (at most {most})" for n, what, most in limits if most is not None]
    if counted:
        page.say(f"Few of everything: {', '.join(counted)}.")
    for each in spread.leaning:
        most = percent(spread.max_provider_traffic_share)
        page.say(f"No provider serves more than {percent(each.share)} of {each.workload} in any hour (at most {most}).")
    if spread.paid:
        paid = ", ".join(f"{each.provider} {percent(each.share)}" for each in spread.paid)
        page.say(f"Paid for machines and tokens: {paid} (at most {percent(spread.max_provider_spend_share)} each).")


def show_changes(plan: Plan, page: Page) -> None:
    """Against today's fleet: what to keep, what may go, what to add, and when commitments end."""
    if not plan.changes:
        return
    lines = []
    for change in plan.changes:
        what = f"{change.verdict} {change.count:,} x {change.machine} ({change.gpus} x {change.gpu})"
        term = "already paid for" if change.verdict != "add" else TERM_WORDS[change.term]
        ends = f", ends {change.ends_on}" if change.ends_on else ""
        under = [f"{change.provider} {change.region or '(region not stated)'}, {term}{ends}"]
        if change.verdict == "return":
            under.append("needed in no hour of this plan; paid for until its commitment ends or is given back")
        if change.ends_within_month:
            under.append("ENDS WITHIN THE MONTH: counted here all month; solve without it to see what takes its place")
        lines.append(Line(what, (usd(change.usd_month, page.cents),), under))
    page.table("Against today's fleet", ("USD/month",), lines)


def _term(purchase: Purchase) -> str:
    if purchase.existing:
        return "EXISTING commitment, already paid for"
    if purchase.billing == "hourly" and purchase.minimum_rental_h > 1:
        return f"{TERM_WORDS[purchase.term]}, at least {purchase.minimum_rental_h:,.0f} h each time"
    return TERM_WORDS[purchase.term] + _upfront(purchase)


def _upfront(bought: Purchase | SpendPurchase) -> str:
    """How much of a term is paid at once."""
    of_term = bought.usd_h * MONTH_H * TERM_MONTHS.get(bought.term, 0)
    if isinstance(bought, Purchase):
        of_term *= bought.count
    if not bought.upfront_usd or not of_term:
        return ""
    share = bought.upfront_usd / of_term
    return ", all upfront" if share > 0.9995 else f", {percent(share)} upfront"


def _covered(purchase: Purchase) -> list[str]:
    """How much of a purchase a spend commitment pays for."""
    if not purchase.covered_hours_month:
        return []
    share = percent(purchase.covered_hours_month / purchase.hours_month)
    return [f"{share} of these hours are paid by the spend promised below"]


def _started(purchase: Purchase) -> list[str]:
    """How often machines start and what that costs, where it does."""
    if not purchase.starts_usd_month:
        return []
    return [
        f"{things(purchase.starts_week, 'start')} a week: {usd(purchase.starts_usd_month, True)} a month of start-up"
    ]


def _used(spend: SpendPurchase) -> float:
    return sum(each.usd_h * each.hours_month for each in spend.covers) / spend.usd_month


def show_schedule(plan: Plan, page: Page) -> None:
    """When machines that are billed by the hour run."""
    hourly = [purchase for purchase in plan.purchases if purchase.billing == "hourly"]
    if hourly:
        by_second = " or second" if any(purchase.endpoint for purchase in hourly) else ""
        page.title(f"When to run what is billed by the hour{by_second}")
    for purchase in hourly:
        where = f"{purchase.provider} {purchase.region}".rstrip()
        page.say(f"{purchase.machine}, {where}, {TERM_WORDS[purchase.term]}", hang=2)
        what = "worker" if purchase.endpoint else "machine"
        for line in schedule_lines(purchase.machines_by_block, plan.blocks, at_most=SCHEDULE_LINES, what=what):
            page.say(line, indent=6, hang=2)


def show_workloads(plan: Plan, page: Page) -> None:
    """What each workload gets and costs."""
    if not plan.workloads:
        return
    heads = ("requests", "USD", "$/Mtok out", "$/Mtok all", "API", "spot")
    lines = [
        Line(
            workload.name,
            (
                count(workload.requests_month),
                usd(workload.usd_month, page.cents),
                usd_fine(workload.usd_mtok_output),
                usd_fine(workload.usd_mtok_total),
                percent(workload.api_share),
                percent(workload.spot_share),
            ),
            models_of(workload),
        )
        for workload in plan.workloads
    ]
    page.table("Workloads, a month", heads, lines)


def show_bill(plan: Plan, page: Page) -> None:
    """The month's bill, line by line."""
    if not plan.costs or not plan.usd_month:
        return
    lines = [
        Line(
            cost.line + ("" if cost.decided else " (already paid for, not decided here)"),
            (usd(cost.usd_month, page.cents), percent(cost.usd_month / plan.usd_month)),
            _sent(plan) if cost.line == "egress" else (),
        )
        for cost in plan.costs
    ]
    total = Line("total", (usd(plan.usd_month, page.cents), percent(1)), style="bold")
    page.table("The bill", ("USD/month", "share"), [*lines, total])


def _sent(plan: Plan) -> list[str]:
    """Who sends how much, and what a GB costs on the mean."""
    return [
        f"{' and '.join(each.providers)}: {count(each.gb_month)} GB"
        + (f" at {usd_fine(each.usd_gb)} on the mean" if each.usd_month else " for nothing")
        for each in plan.sent
    ]


SECTIONS = (
    show_headline,
    show_purchases,
    show_commitments,
    show_changes,
    show_schedule,
    show_deployments,
    show_apis,
    show_workloads,
    show_bill,
    show_evidence,
    show_dropped,
    show_notes,
    show_audit,
)
