"""Are interruptions of spot machines counted, and does what is promised stay served if a pool is taken back?"""

from __future__ import annotations

import math
from collections import defaultdict

from planner.audit.evidence import Evidence, Finding, above, differs
from planner.plan import Purchase

HOURS_OF_A_MONTH = 730
ONCE_A_DAY = HOURS_OF_A_MONTH / 24


def interruptions_counted(e: Evidence) -> Finding:
    """Spot machines serve no larger share of their time, and are taken back no less often, than is expected."""
    breaches: list[str] = []
    spot = [each for each in e.plan.purchases if each.term == "spot"]
    for each in e.plan.purchases:
        at = f"{each.machine} of {each.provider}"
        if each.term != "spot":
            if each.serving_share != 1:
                breaches.append(f"{at} is not spot and said to serve {each.serving_share:g} of its time")
            continue
        a_month = _taken_back_a_month(e, each)
        pause_h = (e.problem.spot.recovery_minutes + e.problem.spot.lost_work_minutes) / 60
        between_h = HOURS_OF_A_MONTH / a_month if a_month else math.inf
        serving = 1.0 if math.isinf(between_h) else between_h / (between_h + pause_h)
        if above(each.serving_share, serving):
            said = f"{each.serving_share:.6g} of its time, interruptions leave {serving:.6g}"
            breaches.append(f"{at} is said to serve {said}")
        expected = a_month * each.hours_month / HOURS_OF_A_MONTH
        if each.interruptions_month is None or differs(each.interruptions_month, expected):
            said = "none" if each.interruptions_month is None else f"{each.interruptions_month:.6g}"
            breaches.append(f"{at}: {said} interruptions a month in the plan, {expected:.6g} recomputed")
        most = e.problem.spot.max_machines_pool
        if most is not None and each.count > most:
            breaches.append(f"{at}: {each.count} machines of one spot pool, at most {most} are allowed")
    return Finding(f"interruptions of {len(spot)} spot purchases are counted", breaches)


def _taken_back_a_month(e: Evidence, purchase: Purchase) -> float:
    if e.problem.spot.interruptions_month is not None:
        return e.problem.spot.interruptions_month
    place = (purchase.provider, purchase.region, purchase.machine)
    bands = [
        row.interruption_high_share for row in e.catalog.spot_risk if (row.provider, row.region, row.machine) == place
    ]
    return -math.log1p(-min(0.99, max(bands))) if bands else ONCE_A_DAY


def a_pool_may_go(e: Evidence) -> Finding:
    """No spot pool carries more of a workload in any hour than may be lost with it."""
    breaches: list[str] = []
    kept = e.problem.spot.kept_share
    on_pool: dict[tuple[str, str, str], float] = defaultdict(float)
    for deployment in e.plan.deployments if kept else ():
        purchases = [each for each in e.groups.get(deployment.group, []) if each.term == "spot"]
        pools = {(each.provider, each.region, each.machine) for each in purchases}
        if len(pools) > 1:
            breaches.append(
                f"{deployment.name} is spread over {len(pools)} spot pools, and which serves what is not said"
            )
        for served in deployment.served if pools else ():
            if served.request_class in e.classes and not e.may_wait(served.request_class):
                on_pool[e.classes[served.request_class].workload, deployment.group, served.block] += served.req_s
    for (name, group, block), req_s in on_pool.items():
        asked = sum(
            e.load.planning_req_s.get((label, e.load_block[block].label), 0.0)
            for label, each in e.classes.items()
            if each.workload == name and block in e.load_block
        )
        if above(req_s, (1 - kept) * asked):
            figures = f"{req_s:.6g} of {asked:.6g} requests/s, {kept:g} must stay served"
            breaches.append(f"too much of {name} is on {group} in {block}, which may be taken back: {figures}")
    return Finding(f"{len(on_pool)} loads on spot pools may be taken back with them", breaches)
