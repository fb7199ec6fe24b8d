"""Is what a plan says about today's fleet true: all of it accounted for, and what may go not needed?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from planner.audit.evidence import Evidence, Finding
from planner.audit.fleet import within_machines
from planner.audit.resilience import survives_a_machine
from planner.plan import Change, Purchase

Kind = tuple[str, str, str, int, bool]


def _kind(each: Change | Purchase, existing: bool) -> Kind:
    return (each.provider, each.region, each.machine, each.gpus, existing)


def against_today(e: Evidence) -> Finding:
    """Kept, returned and added machines are those of the plan, and without those returned all still fits."""
    if not e.plan.changes:
        return Finding("no fleet of today is compared with", [])
    breaches: list[str] = []
    told: Counter[Kind] = Counter()
    going: Counter[Kind] = Counter()
    for change in e.plan.changes:
        told[_kind(change, change.verdict != "add")] += change.count
        if change.verdict == "return":
            going[_kind(change, True)] += change.count
    there: Counter[Kind] = Counter()
    left = []
    for purchase in e.plan.purchases:
        kind = _kind(purchase, purchase.existing)
        there[kind] += purchase.count
        gone = min(going[kind], purchase.count) if purchase.existing else 0
        going[kind] -= gone
        by_block = {block: n - gone for block, n in purchase.machines_by_block.items()}
        left.append(purchase.model_copy(update={"count": purchase.count - gone, "machines_by_block": by_block}))
    for kind in sorted(told.keys() | there.keys()):
        if told[kind] != there[kind]:
            what = f"{kind[2]} of {kind[0]}{', already paid for' if kind[4] else ''}"
            breaches.append(f"{what}: {told[kind]} kept, returned or added, {there[kind]} in the plan")
    without = replace(e, plan=e.plan.model_copy(update={"purchases": tuple(left)}))
    for check in (within_machines, survives_a_machine):
        breaches += [f"without the machines that may go: {breach}" for breach in check(without).breaches]
    return Finding(
        f"{sum(there.values())} machines are kept, returned or added, and those returned are not needed", breaches
    )
