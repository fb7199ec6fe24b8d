"""Does what is promised go on when any one machine fails, in any hour?

The lost machine's replicas are started again on the machines of their group that remain, packing exactly; each queue is
judged with its true curve.
"""

from __future__ import annotations

from collections import defaultdict

from planner.audit.apis import may_not_receive
from planner.audit.evidence import ALMOST_NOTHING, Evidence, Finding, acceptable
from planner.audit.fleet import fits, usable
from planner.audit.sharing import gpus_taken
from planner.deployed import DeploymentPlan
from planner.problem.matching import named


def survives_a_machine(e: Evidence) -> Finding:
    """In every group and block, what must survive still fits the machines when one is gone."""
    breaches: list[str] = []
    asked = e.problem.resilience
    checked = 0
    work: dict[tuple[str, str], list[tuple[DeploymentPlan, float]]] = defaultdict(list)
    for deployment in e.plan.deployments if asked.machine else ():
        for block, load in _promised(e, deployment).items():
            work[deployment.group, block].append((deployment, load * asked.kept_share))
    for (group, block), loads in work.items():
        checked += 1
        if all(each.endpoint is not None for each in e.groups.get(group, [])):
            continue  # the platform starts a worker that is lost again
        surviving: list[tuple[DeploymentPlan, int]] = []
        for deployment, load in loads:
            there = deployment.replicas_by_block.get(block, 0)
            enough = next((n for n in range(1, there + 1) if load <= usable(deployment, n) * (1 + 1e-6)), None)
            if enough is None:
                breaches.append(f"{deployment.name} in {block}: {there} replicas do not carry what must survive")
                continue
            surviving.append((deployment, enough))
        needed = gpus_taken(surviving)
        purchases = e.groups.get(group, [])
        machines = sum(each.machines_by_block.get(block, 0) for each in purchases)
        gpus = min((each.gpus for each in purchases), default=0)
        if not fits(dict(needed), machines - 1, gpus):
            wanted = " and ".join(f"{n} replicas of {size} GPUs" for size, n in sorted(needed.items()))
            room = f"{machines} machines of {gpus} GPUs run: with one lost they do not fit"
            breaches.append(f"{group} in {block}: {wanted} must survive, {room}")
    return Finding(f"the loss of any machine is survived in {checked} pairs of group and block", breaches)


def _promised(e: Evidence, deployment: DeploymentPlan) -> dict[str, float]:
    """Work that must survive, in replicas kept busy, by block."""
    rate = {each.request_class: each.req_s for each in deployment.rates}
    out: dict[str, float] = defaultdict(float)
    for served in deployment.served:
        if served.req_s > ALMOST_NOTHING and must_survive(e, served.request_class):
            out[served.block] += served.req_s / (rate[served.request_class] * e.serving_share(deployment.group))
    return out


def must_survive(e: Evidence, request_class: str, lost_api: str = "") -> bool:
    """Whether a class is served on by machines; the API of a provider that is lost takes nothing over."""
    workload, asked = e.workload(request_class), e.problem.resilience
    if workload is None or workload.deferrable is not None:
        return False
    name = e.classes[request_class].workload
    limits = (workload.slo.ttft_ms, workload.slo.tpot_ms, workload.slo.e2e_ms)
    if not (name in asked.workloads if asked.workloads else any(limit is not None for limit in limits)):
        return False
    return not (asked.apis_may_help and _an_api_takes_over(e, request_class, lost_api))


def _an_api_takes_over(e: Evidence, request_class: str, lost_api: str) -> bool:
    """Whether an API without a rate limit sells a model that the workload accepts."""
    workload, rules = e.workload(request_class), e.problem.apis
    if workload is None or not (rules.allow and workload.apis) or rules.max_req_s is not None:
        return False
    if workload.api_max_share < 1:
        return False
    least = workload.mean_quality_at_least
    alone = [
        each
        for each in acceptable(workload)
        if each.max_share >= 1 and (least is None or (each.quality is not None and each.quality.score >= least))
    ]
    public = {each.model for each in alone if not each.private}
    public |= {e.catalog.models[name].family for name in public if name in e.catalog.models}
    sellers = [row.provider for row in e.catalog.api_prices if row.model in public]
    sellers += [quote.provider for quote in rules.quotes if quote.sold_as in {each.sold_as for each in alone} | public]
    return any(
        seller != lost_api
        and (not rules.providers or named(seller, rules.providers))
        and not named(seller, rules.exclude_providers)
        and not any(may_not_receive(e, seller, workload))
        for seller in sellers
    )
