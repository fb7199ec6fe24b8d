"""Are the rates, memory and queues that a plan relies on really there, and do they keep the objectives?

Rates are asked again of `Performance.operating_point`, or looked up in the user's own capacity table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict

from planner.audit.evidence import Evidence, Finding, above, acceptable, differs
from planner.deployed import ClassRate, DeploymentPlan, Lane, Queue
from planner.performance.memory import BYTES_PER_PARAMETER, KV_BYTES, kv_room_gib, request_gib
from planner.performance.tails import TPOT_FACTORS, TTFT_FACTORS, factor, prompt_over_mean
from planner.performance.types import Deployment, Objective, Refusal
from planner.problem.workload import Slo, Workload
from planner.traffic.types import RequestClass

PERCENTILE_SHARE = {"mean": 0.5, "p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
"""Share of requests that each percentile speaks of; a mean is treated as a median."""

LIMITS = (("ttft_ms", "to the first token"), ("tpot_ms", "per token"), ("e2e_ms", "end to end"))


def rates_recomputed(e: Evidence) -> Finding:
    """No rate is higher, no latency lower and no memory larger than the performance model answers."""
    breaches: list[str] = []
    checked = 0
    for deployment in e.plan.deployments:
        for rate in deployment.rates:
            checked += 1
            size = e.classes.get(rate.request_class)
            at = f"{deployment.name} serving {rate.request_class}"
            if size is None:
                breaches.append(f"{at}: there is no such request class")
            elif e.problem.performance.capacity:
                breaches += _against_table(e, deployment, rate, size, at)
            else:
                breaches += _against_model(e, deployment, rate, size, at)
    return Finding(f"{checked} rates and their memory are recomputed", breaches)


def _against_table(
    e: Evidence, deployment: DeploymentPlan, rate: ClassRate, size: RequestClass, at: str
) -> Iterator[str]:
    """The row of the class's own size, or the best row that is at least as long both ways."""
    asked = size.request
    rows = [row for row in e.problem.performance.capacity if row.gpu == deployment.gpu]
    exact = [
        row
        for row in rows
        if not differs(row.input_tok, asked.input_tok) and not differs(row.output_tok, asked.output_tok)
    ]
    longer = [
        row
        for row in rows
        if row.input_tok >= asked.input_tok * (1 - 1e-6) and row.output_tok >= asked.output_tok * (1 - 1e-6)
    ]
    known = exact or longer
    if not known:
        lengths = f"{asked.input_tok:g} in / {asked.output_tok:g} out"
        yield f"{at}: the capacity table has no row for {deployment.gpu} as long as {lengths}"
        return
    most = max(row.req_s for row in known) * e.problem.performance.efficiency
    for said in (rate.estimate_req_s, rate.req_s):
        if above(said, most):
            yield f"{at}: {said:.6g} requests/s are relied on, the capacity table says {most:.6g}"
            break
    if rate.source != "given":
        yield f"{at}: its rate is called {rate.source}, but it comes from the capacity table"


def _against_model(
    e: Evidence, deployment: DeploymentPlan, rate: ClassRate, size: RequestClass, at: str
) -> Iterator[str]:
    built = _built(e, deployment)
    if built is None:
        what = f"{deployment.model} in {deployment.precision}, KV cache in {deployment.kv_precision}"
        yield f"{at}: {what}, on {deployment.gpu}: a name of these is not in the catalog"
        return
    if rate.input_scv < size.request.input_scv - 1e-9:
        claimed = f"{rate.input_scv:.6g}, the traffic says {size.request.input_scv:.6g}"
        yield f"{at}: prompt lengths are said to vary with a squared variation of {claimed}"
    hits = (size.request.prefix_hit_share, size.request.offload_hit_share)
    if (rate.prefix_hit_share, rate.offload_hit_share) != hits:
        claimed = f"{rate.prefix_hit_share:g} and {rate.offload_hit_share:g}"
        yield f"{at}: prefix and offload hits are said to be {claimed}, the problem states {hits[0]:g} and {hits[1]:g}"
    room = kv_room_gib(built, e.problem.performance.memory_share)
    needed = rate.concurrency * request_gib(built, size.request)
    if above(needed, room):
        figures = f"{needed:.2f} GiB of KV cache per GPU, {max(room, 0):.2f} GiB are left beside the weights"
        yield f"{at}: {rate.concurrency} requests in flight do not fit: {figures}"
    if above(rate.estimate_req_s, rate.concurrency / rate.service_s if rate.service_s > 0 else 0.0):
        yield (
            f"{at}: {rate.estimate_req_s:.6g} requests/s are more than {rate.concurrency} in flight "
            f"of {rate.service_s:.6g} s each"
        )
    stated = getattr(e.problem.performance, f"derate_{rate.source}", 0.0)
    derate = (rate.low_share if stated is None else float(stated)) * e.problem.performance.efficiency
    relied = rate.estimate_req_s * derate * (1 - e.problem.resilience.maintenance_share)
    if above(rate.req_s, relied):
        share = f"{derate:g} of the {rate.source} {rate.estimate_req_s:.6g}"
        yield f"{at}: {rate.req_s:.6g} requests/s are relied on, {share} are {relied:.6g}"
    if e.performance is None:
        yield f"{at}: its rate cannot be recomputed without the performance model"
        return
    point = e.performance.operating_point(built, size.request, _objective(deployment.lane))
    if isinstance(point, Refusal):
        yield f"{at}: it cannot, {point.reason} ({point.nearest})"
        return
    if above(rate.estimate_req_s, point.req_s):
        yield f"{at}: {rate.estimate_req_s:.6g} requests/s are claimed, recomputed {point.req_s:.6g}"
    if rate.low_share > point.low_share + 1e-6:
        yield f"{at}: the low end of its band is said to be {rate.low_share:.4f}, recomputed {point.low_share:.4f}"
    if rate.concurrency > point.concurrency:
        yield f"{at}: {rate.concurrency} requests in flight are claimed, recomputed {point.concurrency}"
    if rate.concurrency != point.concurrency:
        return
    latencies = (
        ("ms per token", rate.tpot_ms, point.tpot_ms),
        ("ms to the first token", rate.ttft_ms, point.ttft_ms),
        ("ms that a prompt adds", rate.prompt_ms, point.prompt_ms),
        ("s in its slot", rate.service_s, point.service_s),
    )
    for what, said, found in latencies:
        if above(found, said):
            yield f"{at}: {said:.6g} {what} are claimed, recomputed {found:.6g}"
    if rate.source != point.source:
        yield f"{at}: its rate is called {rate.source}, but it is {point.source}"


def _built(e: Evidence, deployment: DeploymentPlan) -> Deployment | None:
    model, gpu = e.catalog.models.get(deployment.model), e.catalog.gpus.get(deployment.gpu)
    if model is None or gpu is None:
        return None
    if deployment.precision not in BYTES_PER_PARAMETER or deployment.kv_precision not in KV_BYTES:
        return None
    return Deployment(
        model=model,
        precision=deployment.precision,
        kv_precision=deployment.kv_precision,
        engine=deployment.engine,
        gpu=gpu,
        tp=deployment.tp,
        pp=deployment.pp,
        features=deployment.features,
        part=deployment.part,
    )


def _objective(lane: Lane) -> Objective:
    return Objective(
        ttft_ms=math.inf if lane.ttft_ms is None else lane.ttft_ms,
        tpot_ms=math.inf if lane.tpot_ms is None else lane.tpot_ms,
        e2e_ms=math.inf if lane.e2e_ms is None else lane.e2e_ms,
        percentile_share=PERCENTILE_SHARE[lane.percentile],
    )


def queues(e: Evidence) -> Finding:
    """A deployment's queue lies among its classes, and leaves each that it serves the time it may wait."""
    breaches: list[str] = []
    for each in e.plan.deployments:
        if each.queue is not None:
            breaches += _kinder_queue(e, each, each.queue)
        elif not e.problem.performance.capacity:
            breaches.append(f"{each.name}: no waiting for a free slot is taken into account")
    return Finding(f"queues of {len(e.plan.deployments)} deployments leave the objectives' time", breaches)


def _kinder_queue(e: Evidence, deployment: DeploymentPlan, queue: Queue) -> Iterator[str]:
    name, lane = deployment.name, deployment.lane
    most = max((rate.concurrency for rate in deployment.rates), default=0)
    if queue.slots > most:
        yield f"{name}: {queue.slots} slots queue together, at most {most} are in flight"
    if deployment.features.batching == "static" and queue.slots > 1:
        yield f"{name}: {queue.slots} slots are said to open one by one, a static batch ends as one"
    shortest = min((rate.service_s for rate in deployment.rates), default=0.0)
    if above(shortest, queue.service_s):
        figures = f"{queue.service_s:.6g} s in its slot, no class takes less than {shortest:.6g} s"
        yield f"{name}: the queue counts on {figures}"
    share = PERCENTILE_SHARE[lane.percentile]
    if any(getattr(lane, key) is not None for key, _ in LIMITS) and above(share, queue.percentile_share):
        figures = f"{queue.percentile_share:g} of requests in time, {lane.percentile} asks {share:g}"
        yield f"{name}: the queue keeps {figures}"
    for workload_name in e.workloads_on(deployment):
        # Answers are taken to vary as geometric lengths do: variance / mean squared is 1.
        found = (e.load.arrival_variability[workload_name] + 1) / 2
        if above(found, queue.variability):
            figures = f"{queue.variability:.6g} of arrivals and answers, {workload_name} arrives with {found:.6g}"
            yield f"{name}: the queue counts on a variability of {figures}"
    used = {served.request_class for served in deployment.served if served.req_s > 0}
    for rate in deployment.rates:
        workload = e.workload(rate.request_class)
        if workload is None or rate.request_class not in used:
            continue
        room_s = wait_s(workload.slo, rate)
        if above(math.inf if queue.wait_s is None else queue.wait_s, room_s):
            said = "any wait" if queue.wait_s is None else f"{queue.wait_s:.6g} s of waiting"
            figures = f"the objectives of {rate.request_class} leave {room_s:.6g} s"
            yield f"{name}: the queue allows {said}, {figures}"


def wait_s(slo: Slo, rate: ClassRate) -> float:
    """What a workload's own objectives leave for waiting after its late first token and answer [s]."""
    share = PERCENTILE_SHARE[slo.percentile]
    longer = rate.prompt_ms * (prompt_over_mean(rate.input_scv, share) - 1)
    ttft_ms = max(rate.ttft_ms * factor(TTFT_FACTORS, share), rate.ttft_ms + longer)
    answer_ms = (rate.service_s * 1e3 - rate.ttft_ms) * factor(TPOT_FACTORS, share)
    first_ms = math.inf if slo.ttft_ms is None else slo.ttft_ms - ttft_ms
    whole_ms = math.inf if slo.e2e_ms is None else slo.e2e_ms - ttft_ms - answer_ms
    return min(first_ms, whole_ms) / 1e3


def lanes_and_models(e: Evidence) -> Finding:
    """Every workload rides on a lane at least as tight as its objectives and on a model that it accepts."""
    breaches: list[str] = []
    checked = 0
    for deployment in e.plan.deployments:
        for name, workload in e.workloads_on(deployment).items():
            checked += 1
            at = f"{name} on {deployment.name}"
            breaches += _refused_model(e, deployment, workload, at)
            breaches += _refused_features(deployment, workload, at)
            if not e.problem.performance.capacity:
                breaches += _looser_lane(deployment.lane, workload, at)
        weights = {
            each.private or "the public weights"
            for workload in e.workloads_on(deployment).values()
            for each in acceptable(workload)
            if each.model == deployment.model
        }
        if len(weights) > 1:
            breaches.append(
                f"{deployment.name} serves workloads with weights of their own: {', '.join(sorted(weights))}"
            )
        if e.workloads_on(deployment) and not e.problem.performance.capacity:
            breaches += _engine_cannot(e, deployment)
    return Finding(f"{checked} pairs of workload and deployment agree on objectives and model", breaches)


def _looser_lane(lane: Lane, workload: Workload, at: str) -> Iterator[str]:
    slo = workload.slo
    for key, what in LIMITS:
        asked, kept = getattr(slo, key), getattr(lane, key)
        if asked is not None and (kept is None or above(kept, asked)):
            yield f"{at}: {asked:g} ms {what} are asked, its replicas keep {kept or 'no limit'}"
    asks_any = any(getattr(slo, key) is not None for key, _ in LIMITS)
    if asks_any and PERCENTILE_SHARE[lane.percentile] < PERCENTILE_SHARE[slo.percentile]:
        yield f"{at}: objectives are asked at {slo.percentile}, its replicas keep them at {lane.percentile}"


def _refused_model(e: Evidence, deployment: DeploymentPlan, workload: Workload, at: str) -> Iterator[str]:
    card = e.catalog.models.get(deployment.model)
    if e.problem.performance.capacity and card is None:
        return  # a capacity table need not say which model it was measured with
    # A name that is no card's own is a family: it accepts every card of it.
    accepted = [
        each
        for each in acceptable(workload)
        if each.model == deployment.model
        or (each.model not in e.catalog.models and card is not None and each.model == card.family)
    ]
    if not accepted:
        names = ", ".join(each.model for each in acceptable(workload))
        yield f"{at}: model {deployment.model} is not accepted, only {names}"
        return
    if e.problem.performance.capacity:
        return
    if workload.engines and deployment.engine not in workload.engines:
        yield f"{at}: engine {deployment.engine} is not accepted, only {', '.join(workload.engines)}"
    model = accepted[0]
    if deployment.precision not in model.precisions:
        only = ", ".join(model.precisions)
        yield f"{at}: precision {deployment.precision} is not accepted, only {only}"
    if deployment.kv_precision not in model.kv_precisions:
        only = ", ".join(model.kv_precisions)
        yield f"{at}: KV cache in {deployment.kv_precision} is not accepted, only {only}"


def _refused_features(deployment: DeploymentPlan, workload: Workload, at: str) -> Iterator[str]:
    run, stated = deployment.features, workload.features
    if (run.batching, run.chunked_prefill) != (stated.batching, stated.chunked_prefill):
        yield f"{at}: its engine runs with {run.label or 'nothing special'}, which the workload does not state"
    if (draft := run.speculative) is None:
        return
    if stated.speculative is None or asdict(draft) != stated.speculative.model_dump():
        claimed = f"{draft.draft_tok} tokens, {draft.acceptance_share:g} accepted, draft {draft.draft_cost_share:g}"
        yield f"{at}: speculative decoding ({claimed}) is not what the workload states"


def _engine_cannot(e: Evidence, deployment: DeploymentPlan) -> Iterator[str]:
    vendor = e.vendor(deployment.gpu)
    rows = [row for row in e.catalog.engines if (row.engine, row.vendor) == (deployment.engine, vendor)]
    if not any(
        deployment.precision in row.precisions.split("|") and deployment.kv_precision in row.kv_precisions.split("|")
        for row in rows
    ):
        what = f"{deployment.precision} with KV cache in {deployment.kv_precision}"
        yield f"{deployment.name}: {deployment.engine} does not run {what} on {deployment.gpu}"
