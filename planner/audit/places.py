"""Does what is promised go on when a provider, a region or a spot pool is lost, in any hour?

What replicas elsewhere stand ready for is read from the plan; that they can carry it is judged with the true queue.
"""

from __future__ import annotations

from collections import defaultdict

from planner.audit.evidence import Evidence, Finding, above
from planner.audit.fleet import usable
from planner.audit.resilience import must_survive
from planner.plan import Purchase


def ready_for_no_more_than_they_carry(e: Evidence) -> Finding:
    """Replicas that run carry what they stand ready for."""
    breaches: list[str] = []
    checked = 0
    for deployment in e.plan.deployments:
        rate = {each.request_class: each.req_s for each in deployment.rates}
        work: dict[str, float] = defaultdict(float)
        for ready in deployment.ready:
            work[ready.block] += ready.req_s / (rate[ready.request_class] * e.serving_share(deployment.group))
        for block, load in work.items():
            checked += 1
            there = deployment.replicas_by_block.get(block, 0)
            if above(load, usable(deployment, there)):
                breaches.append(
                    f"{deployment.name} on {deployment.group} in {block} stands ready for the work of {load:.6g} "
                    f"replicas; its {there} carry {usable(deployment, there):.6g}"
                )
    return Finding(f"replicas can carry what they stand ready for in {checked} cases", breaches)


def survives_a_place(e: Evidence) -> Finding:
    """With any one of the places gone, the others are ready for what is promised of every class."""
    breaches: list[str] = []
    checked = 0
    asked = {
        "provider": e.problem.resilience.kept_share if e.problem.resilience.provider else 0.0,
        "region": e.problem.resilience.kept_share if e.problem.resilience.region else 0.0,
        "spot pool": e.problem.spot.kept_share,
    }
    for kind, share in asked.items():
        if not share:
            continue
        of: dict[str, str] = {}
        for group, purchases in e.groups.items():
            names = {PLACE[kind](each) for each in purchases if kind != "spot pool" or each.term == "spot"}
            if len(names) > 1:
                breaches.append(f"{group} joins machines of more than one {kind}: what is lost with it is not said")
            of[group] = min(names, default="")
        for lost in sorted(set(of.values()) - {""}):
            gone = {group for group, name in of.items() if name == lost}
            ready = _ready_elsewhere(e, gone, lost if kind == "provider" else "")
            for k, b, req_s in _promised(e, kind, lost, share):
                checked += 1
                if above(req_s, ready.get((k, b), 0.0)):
                    figures = f"{req_s:.6g} requests/s are promised, {ready.get((k, b), 0.0):.6g} are ready elsewhere"
                    breaches.append(f"{k} in {b} if the {kind} {lost} is lost: {figures}")
    return Finding(f"the loss of places is survived in {checked} cases of class and block", breaches)


def _provider(purchase: Purchase) -> str:
    return purchase.provider


def _region(purchase: Purchase) -> str:
    return f"{purchase.provider} {purchase.region or '-'}"


def _pool(purchase: Purchase) -> str:
    return f"{purchase.provider}/{purchase.region or '-'}/{purchase.machine}"


PLACE = {"provider": _provider, "region": _region, "spot pool": _pool}
"""What is lost together, by kind of loss."""


def _ready_elsewhere(e: Evidence, gone: set[str], provider: str) -> dict[tuple[str, str], float]:
    """Requests/s by class and block: of replicas not in the groups gone, and of APIs of other providers."""
    out: dict[tuple[str, str], float] = defaultdict(float)
    for deployment in e.plan.deployments:
        for each in deployment.ready if deployment.group not in gone else ():
            out[each.request_class, each.block] += each.req_s
    for bought in e.plan.apis:
        for each in bought.served if bought.provider != provider else ():
            out[each.request_class, each.block] += each.req_s
    return out


def _promised(e: Evidence, kind: str, lost: str, share: float) -> list[tuple[str, str, float]]:
    """(class, block, requests/s) of what must be served without the place."""
    out = []
    for label in e.classes:
        workload = e.workload(label)
        if workload is None or e.may_wait(label):
            continue
        if kind == "spot pool" and not workload.interruptible:
            continue
        if kind != "spot pool" and not must_survive(e, label, lost if kind == "provider" else ""):
            continue
        if not any(_serves(e, label, kind, lost, deployment.group) for deployment in e.plan.deployments):
            continue
        for block, its in e.load_block.items():
            req_s = e.load.planning_req_s.get((label, its.label), 0.0)
            if req_s > 0:
                out.append((label, block, share * req_s))
    return out


def _serves(e: Evidence, label: str, kind: str, lost: str, group: str) -> bool:
    """Whether anything on a group of the lost place serves the class at all."""
    names = {PLACE[kind](each) for each in e.groups.get(group, ())}
    return lost in names and any(
        each.request_class == label and each.req_s > 0
        for deployment in e.plan.deployments
        if deployment.group == group
        for each in deployment.served
    )
