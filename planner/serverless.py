"""Serverless quotes as offers: an endpoint for each workload and each deployment that a worker may run.

An endpoint serves one workload.  As many workers as carry all of it are known hour by hour, so what arrives at each of
them is, too, and with it how long it is billed (`planner.scaling`).  Where more requests would meet a cold start than
the percentile of the objective leaves, or where that is cheaper, the workers are kept warm through the hour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from planner.candidates import Candidate, prune_dominated
from planner.catalog.load import Catalog
from planner.catalog.rows import PriceOffer
from planner.drops import Drops
from planner.endpoints import Endpoint, EndpointHours
from planner.losses import may_be_interrupted, must_survive
from planner.market import Lot, admitted, allowed_terms, counted_in_vcpus
from planner.problem.matching import allows
from planner.problem.procurement import ServerlessQuote
from planner.problem.schema import Problem
from planner.scaling import Use, kept_warm, scaled_to_zero
from planner.tariffs import FREE, tariffs_of
from planner.traffic.types import Block, Load


def offer_of_serverless(quote: ServerlessQuote) -> PriceOffer:
    """A serverless quote as an offer, at the price of a worker that runs through the hour."""
    return PriceOffer(
        provider=quote.provider,
        region=quote.region,
        country=quote.country,
        continent=quote.continent,
        tier=quote.tier,
        machine=quote.machine or f"{quote.gpus}x-{quote.gpu}",
        gpu=quote.gpu,
        gpus=quote.gpus,
        usd_h=3600 * quote.gpus * quote.usd_gpu_s,
        term="serverless",
        minimum_rental_h=0,
        source=quote.source,
        observed_on=quote.observed_on,
    )


def endpoints_of(
    problem: Problem, catalog: Catalog, load: Load, candidates: list[Candidate], drops: Drops, egress_gb: float
) -> tuple[list[Lot], dict[str, list[Candidate]]]:
    """All endpoints that could be set up, and by group the one deployment that its workers run."""
    tariffs = tariffs_of(catalog, egress_gb) if egress_gb else {}
    lots: list[Lot] = []
    standing: dict[str, list[Candidate]] = {}
    for index, quote in enumerate(problem.procurement.serverless):
        row, gpu = offer_of_serverless(quote), catalog.gpus.get(quote.gpu)
        vendor = gpu.vendor if gpu else ""
        if not allows(problem.procurement.where, row, vendor):
            drops.add("outside procurement.where")
            continue
        if row.term not in allowed_terms(problem):
            drops.add("term not allowed", row.term, 1)
            continue
        for workload in sorted(admitted(problem, row, vendor, spot=False)):
            if why := unfit(problem, workload):
                drops.add(why)
                continue
            classes = {k.label for k in load.classes if k.workload == workload}
            fitting = running(candidates, quote, classes)
            if not fitting:
                drops.add("serverless: no deployment takes just a worker and is known to serve all of a workload")
            for c in fitting:
                hours = tuple(endpoint_hours(quote, c, load, classes))
                if not hours:
                    drops.add("an endpoint needs more workers than there may be")
                    continue
                name = f"{row.provider}/{row.region or '-'}/{row.machine}/serverless {index + 1}, {workload}, {c.name}"
                endpoint = Endpoint(
                    workload=workload,
                    deployment=c.name,
                    warm_usd_h=3600 * quote.gpus * (quote.warm_usd_gpu_s or quote.usd_gpu_s),
                    cold_start_s=quote.cold_start_s,
                    cold_start_billed=quote.cold_start_billed,
                    idle_s=quote.idle_s,
                    hours=hours,
                )
                lot = Lot(
                    name=name,
                    row=row,
                    vendor=vendor,
                    billing="hourly",
                    workloads=frozenset({workload}),
                    group=name,
                    egress=tariffs.get(row.provider, FREE),
                    max_machines=max(each.workers for each in hours),
                    endpoint=endpoint,
                )
                if counted_in_vcpus(lot, problem):
                    drops.add("vCPUs of the machine are not known, and a quota counts them", name, 1)
                    continue
                standing[name] = [c]
                lots.append(lot)
    return lots, standing


def unfit(problem: Problem, workload: str) -> str:
    """Why a workload is not sent to workers that scale to zero; empty if it may be."""
    asked, safe = problem.workloads[workload], problem.resilience
    if asked.deferrable is not None:
        return "serverless: work that may wait fills machines by the hour"
    if asked.min_replicas:
        return "serverless: replicas that are to run always do not scale to zero"
    lost = (safe.region or safe.provider) and must_survive(problem, workload)
    if lost or (may_be_interrupted(problem, workload) and problem.spot.kept_share):
        return "serverless: what must go on should a place be lost needs replicas that run"
    return ""


def running(candidates: list[Candidate], quote: ServerlessQuote, classes: set[str]) -> list[Candidate]:
    """Deployments that just fill a worker, serve all of a workload, and are worth it; with its rates alone."""
    fitting = [
        replace(c, rates={k: c.rates[k] for k in c.rates if k in classes})
        for c in candidates
        if c.gpu == quote.gpu and c.gpus == quote.gpus and classes <= c.rates.keys()
        if all(c.rates[k].point is not None for k in classes)
    ]
    return prune_dominated(fitting, Drops())


def endpoint_hours(quote: ServerlessQuote, c: Candidate, load: Load, classes: set[str]) -> Iterator[EndpointHours]:
    """How an endpoint that serves all of its workload is run in each block; absent where it cannot."""
    for block in load.blocks:
        planned = {k: load.planning_req_s.get((k, block.label), 0.0) for k in classes}
        work = sum(req_s / c.rates[k].req_s for k, req_s in planned.items())
        if not work:
            continue
        workers = max(1, math.ceil((work + c.loss) / c.slope - 1e-9))
        if quote.max_workers is not None and workers > quote.max_workers:
            continue
        cold = use_of(quote, c, load, block, classes, workers)
        warm = kept_warm(quote.cold_start_s, start_is_billed=quote.cold_start_billed)
        q = c.queue
        late = q is not None and quote.cold_start_s > q.wait_s and cold.cold_share > 1 - q.percentile_share
        dearer = (quote.warm_usd_gpu_s or quote.usd_gpu_s) * warm.billed_share > quote.usd_gpu_s * cold.billed_share
        use = cold if dearer and not late else warm
        yield EndpointHours(
            block=block.label,
            workers=workers,
            warm=use is warm,
            billed_share=use.billed_share,
            starts_h=use.starts_h,
            cold_share=use.cold_share,
        )


def use_of(quote: ServerlessQuote, c: Candidate, load: Load, block: Block, classes: set[str], workers: int) -> Use:
    """What one of so many workers is used in a block if it scales to zero.

    Requests come at their mean rate: within the hour they come faster and slower, and the share billed grows less than
    they do, so the mean of that is never above what the mean comes to.  Each takes as long as on a worker that is full.
    """
    mean = {k: load.mean_req_s.get((k, block.label), 0.0) for k in classes}
    req_s = sum(mean.values())
    busy = sum(each * service_s(c, k) for k, each in mean.items())
    return scaled_to_zero(
        req_s / workers,
        busy / req_s if req_s else 0.0,
        quote.idle_s,
        quote.cold_start_s,
        start_is_billed=quote.cold_start_billed,
    )


def service_s(c: Candidate, k: str) -> float:
    """How long a request of a class is in progress on a full replica [s]."""
    point = c.rates[k].point
    return point.service_s if point else math.inf
