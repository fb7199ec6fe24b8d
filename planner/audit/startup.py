"""Are the starts of machines by the hour counted, and is their start-up time paid?"""

from __future__ import annotations

from planner.audit.evidence import Evidence, Finding, usd_differs
from planner.audit.limits import by_hour
from planner.audit.offers import said
from planner.plan import Purchase
from planner.traffic.types import HOURS


def starts_counted(e: Evidence) -> Finding:
    """Hour by hour, machines that come on are started; what is paid all month, or already paid for, never is."""
    breaches: list[str] = []
    all_starts = 0
    for purchase in e.plan.purchases:
        starts = starts_week(e, purchase)
        all_starts += starts
        if purchase.starts_week != starts:
            breaches.append(f"{said(purchase)}: {purchase.starts_week} starts a week in the plan, {starts} recomputed")
        if usd_differs(purchase.starts_usd_month, usd := starts_usd_month(e, purchase)):
            figures = f"${purchase.starts_usd_month:,.2f} a month in the plan, ${usd:,.2f} recomputed"
            breaches.append(f"{said(purchase)}: start-up time is {figures}")
    minutes = e.problem.autoscaling.startup_minutes
    return Finding(f"{all_starts} starts a week are recounted, {minutes:g} minutes each are paid", breaches)


def starts_week(e: Evidence, purchase: Purchase) -> int:
    """Machines of a purchase that come on in the 168 hours of a week; 0 where that costs nothing."""
    if not e.problem.autoscaling.startup_minutes or purchase.billing != "hourly" or purchase.existing:
        return 0
    if purchase.endpoint is not None:  # its cold starts are billed by the second
        return 0
    running = by_hour(e, purchase)
    return sum(max(running[h] - running[h - 1], 0) for h in range(HOURS))


def starts_usd_month(e: Evidence, purchase: Purchase) -> float:
    """Start-up time at the price of the machine [USD/month]: a month is month_hours / 168 weeks."""
    weeks = e.problem.month_hours / HOURS
    return starts_week(e, purchase) * weeks * purchase.usd_h * e.problem.autoscaling.startup_minutes / 60
