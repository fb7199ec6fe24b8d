"""Are interruptions of spot machines counted?"""

from __future__ import annotations

import math

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
    return _known_a_month(e, purchase) * e.problem.spot.interruptions_factor


def _known_a_month(e: Evidence, purchase: Purchase) -> float:
    if e.problem.spot.interruptions_month is not None:
        return e.problem.spot.interruptions_month
    place = (purchase.provider, purchase.region, purchase.machine)
    bands = [
        row.interruption_high_share for row in e.catalog.spot_risk if (row.provider, row.region, row.machine) == place
    ]
    return -math.log1p(-min(0.99, max(bands))) if bands else ONCE_A_DAY
