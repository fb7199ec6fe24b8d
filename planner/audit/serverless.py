"""Are serverless workers billed for as long as they run, and does no objective fail for cold starts?

How long a worker is on is worked out from the requests that the plan sends to it, by the lengths of a cycle: off until
a request comes, starting, and on until none has come for a request's time and the idle time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from planner.audit.evidence import Evidence, Finding, above, differs
from planner.audit.offers import said, same_machine
from planner.audit.rates import PERCENTILE_SHARE, wait_s
from planner.audit.resilience import must_survive
from planner.deployed import DeploymentPlan
from planner.endpoints import Endpoint, EndpointHours
from planner.plan import Purchase
from planner.problem.procurement import ServerlessQuote

LONGEST_CYCLE = 700.0
"""Requests that come while one is answered, on the mean; with more a worker is never gone."""


class Cycle(NamedTuple):
    """From one cold start of a worker to the next, on the mean."""

    billed_share: float
    starts_h: float
    cold_share: float


def workers_by_the_second(e: Evidence) -> Finding:
    """Every worker is billed for no less than it runs, and a percentile leaves room for the requests that wait."""
    breaches: list[str] = []
    checked = 0
    for purchase in e.plan.purchases:
        endpoint = purchase.endpoint
        if (purchase.term == "serverless") != (endpoint is not None):
            breaches.append(f"{said(purchase)}: serverless workers and machines are mixed up")
        if endpoint is None:
            continue
        breaches += _sold(e, purchase, endpoint)
        breaches += _sent_there(e, purchase, endpoint)
        mine = [each for each in e.plan.deployments if each.group == purchase.group]
        if [each.name for each in mine] != [endpoint.deployment] or mine[0].gpus != purchase.gpus:
            breaches.append(f"{said(purchase)}: its workers run something else than {endpoint.deployment}")
            continue
        told = {each.block: each for each in endpoint.hours}
        for block, workers in purchase.machines_by_block.items():
            checked += 1
            if block not in told or told[block].workers != workers or mine[0].replicas_by_block.get(block, 0) > workers:
                breaches.append(f"{said(purchase)}: {workers} workers in {block}, their endpoint tells another number")
                continue
            breaches += _counted(e, purchase, endpoint, mine[0], told[block])
    return Finding(
        f"serverless workers are billed for what they run in {checked} pairs of endpoint and block", breaches
    )


def _sold(e: Evidence, purchase: Purchase, endpoint: Endpoint) -> Iterator[str]:
    """At such prices, with such cold starts and idle time, and so many of them."""
    quotes = [
        quote
        for quote in e.problem.procurement.serverless
        if same_machine(purchase, quote)
        and not differs(purchase.usd_h, quote.usd_gpu_s * quote.gpus * 3600)
        and not differs(endpoint.warm_usd_h, _warm_usd_gpu_s(quote) * quote.gpus * 3600)
        and (endpoint.cold_start_s, endpoint.cold_start_billed) == (quote.cold_start_s, quote.cold_start_billed)
        and endpoint.idle_s == quote.idle_s
    ]
    if not quotes:
        yield f"{said(purchase)}: no quote has such prices, cold starts and idle time"
    elif all(quote.max_workers is not None and purchase.count > quote.max_workers for quote in quotes):
        yield f"{said(purchase)}: {purchase.count} workers, at most {quotes[0].max_workers} may be"


def _warm_usd_gpu_s(quote: ServerlessQuote) -> float:
    return quote.usd_gpu_s if quote.warm_usd_gpu_s is None else quote.warm_usd_gpu_s


def _sent_there(e: Evidence, purchase: Purchase, endpoint: Endpoint) -> Iterator[str]:
    """Only the one workload is, and one that may be."""
    workload = e.problem.workloads.get(endpoint.workload)
    classes = {served.request_class for d, served in e.on_fleet() if d.group == purchase.group and served.req_s > 0}
    if workload is None or any(e.classes[k].workload != endpoint.workload for k in classes & e.classes.keys()):
        yield f"{said(purchase)}: an endpoint serves one workload, {endpoint.workload}, and others are sent there"
        return
    if workload.deferrable is not None or workload.min_replicas:
        yield f"{said(purchase)}: {endpoint.workload} may wait, or is to run always: not on workers that scale to zero"
    asked = e.problem.resilience
    pools = workload.interruptible and e.problem.spot.kept_share > 0
    if pools or ((asked.region or asked.provider) and any(must_survive(e, k) for k in classes)):
        yield f"{said(purchase)}: {endpoint.workload} must go on should a place be lost, its workers may be cold"


def _counted(
    e: Evidence, purchase: Purchase, endpoint: Endpoint, deployment: DeploymentPlan, told: EndpointHours
) -> Iterator[str]:
    at = f"{said(purchase)} in {told.block}"
    rates = {each.request_class: each for each in deployment.rates}
    found = cycle(e, endpoint, deployment, told)
    pairs = (
        ("of its time billed", told.billed_share, found.billed_share),
        ("cold starts an hour", told.starts_h, found.starts_h),
        ("of its requests wait for a cold start", told.cold_share, found.cold_share),
    )
    for what, said_share, share in pairs:
        if above(share, said_share):
            yield f"{at}: {said_share:.6g} {what} in the plan, {share:.6g} recomputed"
    for served in deployment.served if not told.warm else ():
        workload = e.workload(served.request_class)
        if served.block != told.block or not served.req_s or workload is None:
            continue
        late_share = 1 - PERCENTILE_SHARE[workload.slo.percentile]
        too_long = endpoint.cold_start_s > wait_s(workload.slo, rates[served.request_class])
        if too_long and above(found.cold_share, late_share):
            limit = f"{workload.slo.percentile} leaves {late_share:.2g}, and its workers are not kept warm"
            yield f"{at}: {found.cold_share:.4f} of {served.request_class} wait for a cold start, {limit}"


def cycle(e: Evidence, endpoint: Endpoint, deployment: DeploymentPlan, told: EndpointHours) -> Cycle:
    """How a worker is used in a block, from the requests of a month that the plan sends to all of them."""
    start_s = endpoint.cold_start_s if endpoint.cold_start_billed else 0.0
    if told.warm:
        return Cycle(1 + start_s / 3600, 0.0, 0.0)
    service_s = {each.request_class: each.service_s for each in deployment.rates}
    sent = {s.request_class: e.requests_month(s) for s in deployment.served if s.block == told.block}
    req_s = sum(sent.values()) / (3600 * e.month_h(told.block) * told.workers)
    if not req_s:
        return Cycle(0.0, 0.0, 0.0)
    in_progress_s = sum(n * service_s[k] for k, n in sent.items()) / sum(sent.values())
    on_s = math.expm1(min(LONGEST_CYCLE, req_s * (in_progress_s + endpoint.idle_s))) / req_s
    cycle_s = 1 / req_s + endpoint.cold_start_s + on_s
    waiting = 1 + req_s * endpoint.cold_start_s
    return Cycle((start_s + on_s) / cycle_s, 3600 / cycle_s, waiting / (req_s * cycle_s))
