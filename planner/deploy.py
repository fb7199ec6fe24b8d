"""What runs where in a solution, in the words of the plan."""

from __future__ import annotations

from collections import defaultdict

from planner.bill import Hours
from planner.candidates import Candidate
from planner.deployed import ClassRate, DeploymentPlan, Lane, Queue, Served
from planner.performance.features import PLAIN
from planner.performance.types import Request
from planner.reduce import Reduced


def deploy(reduced: Reduced, hours: list[Hours]) -> tuple[DeploymentPlan, ...]:
    """What runs on which group."""
    replicas: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    served: dict[tuple[str, str], list[Served]] = defaultdict(list)
    ready: dict[tuple[str, str], list[Served]] = defaultdict(list)
    for h in hours:
        for label, n in h.run.replicas.items():
            replicas[label][h.block.label] = n
        for (k, standing, g), y in h.run.served.items():
            served[standing, g].append(Served(request_class=k, block=h.block.label, req_s=y))
        for (k, standing, g), y in h.run.ready.items():
            ready[standing, g].append(Served(request_class=k, block=h.block.label, req_s=y))
    requests = {k.label: k.request for k in reduced.load.classes}
    out = []
    for (name, g), by_block in replicas.items():
        c = reduced.candidates[name]
        d = c.deployment
        out.append(
            DeploymentPlan(
                name=name,
                model=d.model.name if d else "",
                precision=d.precision if d else "",
                kv_precision=d.kv_precision if d else "",
                engine=d.engine if d else "",
                features=d.features if d else PLAIN,
                gpu=c.gpu,
                tp=d.tp if d else 1,
                pp=d.pp if d else 1,
                part=d.part if d else None,
                group=g,
                market="spot" if g in reduced.inputs.spot_groups else "firm",
                lane=Lane(
                    ttft_ms=c.lane.ttft_ms,
                    tpot_ms=c.lane.tpot_ms,
                    e2e_ms=c.lane.e2e_ms,
                    percentile=c.lane.percentile,
                ),
                queue=queue_of(c),
                rates=tuple(class_rate(k, c, requests[k]) for k in c.rates),
                replicas_by_block=by_block,
                served=tuple(served[name, g]),
                ready=tuple(ready[name, g]),
            )
        )
    return tuple(sorted(out, key=lambda d: (-sum(d.replicas_by_block.values()) * d.tp, d.name, d.group)))


def queue_of(c: Candidate) -> Queue | None:
    """The queue of a candidate, as the audit will read it."""
    if c.queue is None:
        return None
    wait = c.queue.wait_s
    return Queue(
        slots=c.queue.slots,
        service_s=c.queue.service_s,
        wait_s=None if wait == float("inf") else wait,
        percentile_share=c.queue.percentile_share,
        variability=c.queue.variability,
    )


def class_rate(k: str, c: Candidate, request: Request) -> ClassRate:
    """What a replica serves of a class, and who says so."""
    rate = c.rates[k]
    point = rate.point
    if point is None:
        return ClassRate(
            request_class=k,
            req_s=rate.req_s,
            estimate_req_s=rate.req_s,
            concurrency=1,
            tpot_ms=0,
            ttft_ms=0,
            service_s=0,
            source="given",
            low_share=1,
            high_share=1,
            reason="the problem's capacity table",
        )
    return ClassRate(
        request_class=k,
        req_s=rate.req_s,
        estimate_req_s=point.req_s,
        concurrency=point.concurrency,
        tpot_ms=point.tpot_ms,
        ttft_ms=point.ttft_ms,
        prompt_ms=point.prompt_ms,
        input_scv=point.input_scv,
        service_s=point.service_s,
        source=point.source,
        low_share=point.low_share,
        high_share=point.high_share,
        reason=point.reason,
        prefix_hit_share=request.prefix_hit_share,
        offload_hit_share=request.offload_hit_share,
    )
