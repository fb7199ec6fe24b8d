"""Can the machines of a plan run what the plan puts on them, and may the workloads run there?

Queues are judged with the true curve of `performance.queueing`, packing exactly.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import pairwise

from planner.audit.egress import egress_terms
from planner.audit.evidence import ALMOST_NOTHING, Evidence, Finding, above
from planner.audit.offers import place_of
from planner.audit.sharing import gpus_taken
from planner.deployed import DeploymentPlan
from planner.performance.queueing import usable_replicas
from planner.problem.matching import allows


def groups_alike(e: Evidence) -> Finding:
    """Purchases of a group are interchangeable, and deployments run on the GPU and market of their group."""
    breaches: list[str] = []
    for group, purchases in e.groups.items():
        kinds = (
            ("GPU types", {each.gpu for each in purchases}),
            ("machine sizes [GPUs]", {each.gpus for each in purchases}),
            ("markets", {"spot" if each.term == "spot" else "firm" for each in purchases}),
            ("egress prices [USD/GB]", {egress_terms(e, each.provider) for each in purchases}),
            ("trust tiers", {place_of(e, each).tier == "marketplace" for each in purchases}),
        )
        for what, found in kinds:
            if len(found) > 1:
                listed = ", ".join(sorted(map(str, found)))
                breaches.append(f"machines of {group} are not interchangeable: {what} {listed}")
    for deployment in e.plan.deployments:
        for purchase in e.groups.get(deployment.group, []):
            market = "spot" if purchase.term == "spot" else "firm"
            if market != deployment.market:
                at = f"{deployment.name} is planned on {deployment.market} machines"
                breaches.append(f"{at}, but {purchase.machine} of {purchase.provider} is {market}")
            if purchase.gpu != deployment.gpu:
                at = f"{deployment.name} is planned for {deployment.gpu}"
                breaches.append(f"{at}, but {purchase.machine} of {purchase.provider} has {purchase.gpu}")
    return Finding(f"machines of {len(e.groups)} groups are interchangeable", breaches)


def enough_replicas(e: Evidence) -> Finding:
    """In every hour of the week as many replicas as asked for run that may serve a workload."""
    breaches: list[str] = []
    checked = 0
    for name, workload in e.problem.workloads.items():
        for block in e.plan.blocks if workload.min_replicas else ():
            checked += 1
            there = sum(
                deployment.replicas_by_block.get(block.label, 0)
                for deployment in e.plan.deployments
                if any(
                    each.request_class in e.classes and e.classes[each.request_class].workload == name
                    for each in deployment.rates
                )
                and (workload.interruptible or deployment.market == "firm")
            )
            if there < workload.min_replicas:
                breaches.append(f"{name} in {block.label}: {there} replicas run, {workload.min_replicas} are asked for")
    return Finding(f"as many replicas as asked for run in {checked} pairs of workload and block", breaches)


def within_capacity(e: Evidence) -> Finding:
    """Replicas kept busy never exceed what their queue can carry at the percentile asked for."""
    breaches: list[str] = []
    checked = 0
    for deployment in e.plan.deployments:
        rate = {each.request_class: each.req_s for each in deployment.rates}
        busy: dict[str, float] = defaultdict(float)
        for served in deployment.served:
            if served.req_s <= ALMOST_NOTHING:
                continue
            if rate.get(served.request_class, 0.0) <= 0:
                breaches.append(f"{deployment.name} serves {served.request_class} without a rate for it")
                continue
            busy[served.block] += served.req_s / (rate[served.request_class] * e.serving_share(deployment.group))
        for block, load in busy.items():
            checked += 1
            replicas = deployment.replicas_by_block.get(block, 0)
            carried = usable(deployment, replicas)
            if above(load, carried):
                figures = f"{load:.6g} replicas' work, {replicas} replicas can carry {carried:.6g}"
                breaches.append(f"{deployment.name} is asked too much in {block}: {figures}")
        for block, replicas in deployment.replicas_by_block.items():
            if replicas < 0 or block not in e.blocks:
                breaches.append(f"{deployment.name}: {replicas} replicas in {block}, which cannot be")
    return Finding(f"{checked} loads of deployments stay within their queues' capacity", breaches)


def usable(deployment: DeploymentPlan, replicas: int) -> float:
    """Replicas' worth of work that so many replicas carry, their queue included."""
    queue = deployment.queue
    if queue is None:
        return replicas
    wait_s = math.inf if queue.wait_s is None else queue.wait_s
    return usable_replicas(replicas, queue.slots, queue.service_s, wait_s, queue.percentile_share, queue.variability)


def within_machines(e: Evidence) -> Finding:
    """The replicas of every group fit its machines in every block, none split between two."""
    breaches: list[str] = []
    replicas: dict[tuple[str, str], list[tuple[DeploymentPlan, int]]] = defaultdict(list)
    for deployment in e.plan.deployments:
        for block, n in deployment.replicas_by_block.items():
            if n > 0:
                replicas[deployment.group, block].append((deployment, n))
    for (group, block), standing in replicas.items():
        sizes = gpus_taken(standing)
        machines = sum(each.machines_by_block.get(block, 0) for each in e.groups.get(group, []))
        gpus = min((each.gpus for each in e.groups.get(group, [])), default=0)
        if not machines or not fits(dict(sizes), machines, gpus):
            wanted = " and ".join(f"{n} replicas of {size} GPUs" for size, n in sorted(sizes.items()))
            room = f"{machines} machines of {gpus} GPUs"
            breaches.append(f"{group} in {block}: {wanted} do not fit {room}")
    return Finding(f"replicas fit the machines in {len(replicas)} pairs of group and block", breaches)


def fits(replicas: dict[int, int], machines: int, gpus: int) -> bool:
    """Whether replicas (GPUs each -> how many) fit machines of `gpus` GPUs, exactly.

    A replica larger than a machine takes whole ones.  Largest first is exact where every size divides
    the next larger one (1, 2, 4, 8): what is left then does not depend on who went where.  Elsewhere,
    if largest first fails, all ways are searched.

    >>> fits({4: 2, 2: 1}, machines=2, gpus=6), fits({4: 3}, machines=2, gpus=6)
    (True, False)
    """
    left = machines - sum(n * math.ceil(size / gpus) for size, n in replicas.items() if size > gpus)
    small = sorted(((size, n) for size, n in replicas.items() if size <= gpus and n), reverse=True)
    if left < 0 or sum(size * n for size, n in small) > left * gpus:
        return False
    if _largest_first(small, left, gpus):
        return True
    divide = all(larger % smaller == 0 for (larger, _), (smaller, _) in pairwise(small))
    return False if divide else _searched(tuple(small), left, gpus)


def _largest_first(replicas: list[tuple[int, int]], machines: int, gpus: int) -> bool:
    free = Counter({gpus: machines})  # GPUs free -> machines
    for size, wanted in replicas:
        for level in sorted(free):
            each = level // size
            full = min(free[level], wanted // each) if each else 0
            free[level] -= full
            free[level - each * size] += full
            wanted -= full * each
            if each and free[level] and 0 < wanted < each:
                free[level] -= 1
                free[level - wanted * size] += 1
                wanted = 0
        if wanted:
            return False
    return True


@lru_cache(maxsize=100_000)
def _searched(replicas: tuple[tuple[int, int], ...], machines: int, gpus: int) -> bool:
    """Fill one machine in every way that holds a largest replica, then the rest."""
    if not replicas:
        return True
    if sum(size * n for size, n in replicas) > machines * gpus:
        return False
    (largest, n), others = replicas[0], replicas[1:]
    rest = ((largest, n - 1), *others) if n > 1 else others
    return any(_searched(after, machines - 1, gpus) for after in _fillings(rest, gpus - largest))


def _fillings(replicas: tuple[tuple[int, int], ...], free: int) -> list[tuple[tuple[int, int], ...]]:
    """What may be left after the free GPUs of one machine took some of the replicas."""
    if not replicas:
        return [()]
    (size, n), others = replicas[0], replicas[1:]
    ways = []
    for taken in range(min(n, free // size), -1, -1):
        kept = ((size, n - taken),) if n > taken else ()
        ways += [(*kept, *after) for after in _fillings(others, free - taken * size)]
    return ways


def where_workloads_run(e: Evidence) -> Finding:
    """Workloads run only on machines that their own `where` allows."""
    breaches: list[str] = []
    checked = 0
    for deployment in e.plan.deployments:
        for name, workload in e.workloads_on(deployment).items():
            for purchase in e.groups.get(deployment.group, []):
                checked += 1
                place = place_of(e, purchase)
                if not allows(workload.where, place, e.vendor(purchase.gpu)):
                    machine = f"{purchase.machine} of {purchase.provider} in {purchase.region or 'no known region'}"
                    rules = workload.where.model_dump(exclude_defaults=True)
                    said = "; ".join(f"{key}: {', '.join(names)}" for key, names in rules.items())
                    breaches.append(f"{name} runs on {machine}, which its own rules do not allow ({said})")
    return Finding(f"{checked} pairs of workload and machine satisfy the workload's own rules", breaches)


def spot_and_marketplaces(e: Evidence) -> Finding:
    """Only work that may be interrupted runs on spot or marketplaces, and no more of it than allowed."""
    breaches: list[str] = []
    on_spot: dict[tuple[str, str], float] = defaultdict(float)  # workload, block -> requests/s
    waiting_on_spot: dict[str, float] = defaultdict(float)  # workload -> requests a month
    for deployment in e.plan.deployments:
        purchases = e.groups.get(deployment.group, [])
        spot = deployment.market == "spot" or any(each.term == "spot" for each in purchases)
        market = any(place_of(e, each).tier == "marketplace" for each in purchases)
        for name, workload in e.workloads_on(deployment).items():
            for holds, kind in ((spot, "spot machines"), (market, "a marketplace")):
                if holds and not workload.interruptible:
                    breaches.append(f"{name} may not be interrupted, but {deployment.name} runs on {kind}")
        for served in deployment.served if spot else ():
            if served.request_class in e.classes:
                name = e.classes[served.request_class].workload
                on_spot[name, served.block] += served.req_s
                waiting_on_spot[name] += e.requests_month(served)
    for (name, block), req_s in on_spot.items():
        workload = e.problem.workloads[name]
        if workload.deferrable is None and block in e.load_block:
            asked = sum(
                e.load.planning_req_s.get((label, e.load_block[block].label), 0.0)
                for label, each in e.classes.items()
                if each.workload == name
            )
            if above(req_s, workload.spot_max_share * asked):
                figures = f"{req_s:.6g} of {asked:.6g} requests/s, {workload.spot_max_share:g} of them may be"
                breaches.append(f"{name} is too much on spot in {block}: {figures}")
    for name, requests in waiting_on_spot.items():
        workload = e.problem.workloads[name]
        asked = sum(e.asked_month(name).values())
        if workload.deferrable is not None and above(requests, workload.spot_max_share * asked):
            figures = f"{requests:,.0f} of {asked:,.0f} requests a month, {workload.spot_max_share:g} may be"
            breaches.append(f"{name} is too much on spot: {figures}")
    return Finding(f"{len(on_spot)} loads on spot machines may be there", breaches)
