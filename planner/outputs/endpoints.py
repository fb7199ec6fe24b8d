"""What serverless workers do by themselves: scale to zero, start cold, stay warm, in a line or two."""

from __future__ import annotations

from planner.endpoints import Endpoint
from planner.outputs.figures import count, percent, usd_fine
from planner.plan import Plan, Purchase
from planner.traffic.blocks import week_label

WEEK_H = 168


def price_words(purchase: Purchase) -> str:
    """What one machine costs by the hour, or one worker by the second."""
    if purchase.endpoint is None:
        return f"{usd_fine(purchase.usd_h)}/h each"
    return f"${purchase.usd_h / 3600:.3g} a second each ({usd_fine(purchase.usd_h)}/h)"


def endpoint_words(plan: Plan, purchase: Purchase) -> list[str]:
    """How long workers are billed, how often they start, how many requests wait for that; when they are kept warm."""
    if purchase.endpoint is None:
        return []
    return [*_to_zero(plan, purchase, purchase.endpoint), *_warm(plan, purchase.endpoint)]


def _to_zero(plan: Plan, purchase: Purchase, endpoint: Endpoint) -> list[str]:
    hours = [each for each in endpoint.hours if not each.warm]
    if not hours:
        return []
    month_h = {block.label: block.month_h for block in plan.blocks}
    there_h = sum(each.workers * month_h[each.block] for each in hours)
    billed_h = sum(each.workers * each.billed_share * month_h[each.block] for each in hours)
    starts = sum(each.workers * each.starts_h * month_h[each.block] for each in hours) / (plan.month_hours / 24)
    cold, sent = 0.0, 0.0
    of_block = {each.block: each for each in hours}
    for deployment in plan.deployments if endpoint.cold_start_s else ():
        for served in deployment.served if deployment.group == purchase.group else ():
            if served.block in of_block:
                requests = served.req_s * month_h[served.block]
                sent, cold = sent + requests, cold + requests * of_block[served.block].cold_share
    waiting = f", {percent(cold / sent)} of requests wait {endpoint.cold_start_s:g} s for one" if cold else ""
    gone = f"scales to zero: billed for {percent(billed_h / there_h)} of {count(there_h)} hours"
    return [f"{gone}, {count(starts)} cold starts a day on the mean{waiting}"]


def _warm(plan: Plan, endpoint: Endpoint) -> list[str]:
    warm = {each.block for each in endpoint.hours if each.warm}
    hours = sorted(hour for block in plan.blocks if block.label in warm for hour in block.hours)
    if not hours:
        return []
    when = "all week" if len(hours) == WEEK_H else week_label(tuple(hours))
    return [f"kept warm {when}, at {usd_fine(endpoint.warm_usd_h)}/h each"]
