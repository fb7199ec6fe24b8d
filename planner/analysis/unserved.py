"""Why a fleet leaves something unserved, in words: no machine for it, none allowed, none on, or all of them full."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from planner.analysis.shortfall import Shortfall
from planner.evaluation import Unserved
from planner.inputs import FleetInputs
from planner.reduce import Reduced
from planner.traffic.blocks import week_label

FULL = "all machines it may run on are full"

Least = Callable[[FleetInputs], Shortfall]


def unserved_of(reduced: Reduced, short: Shortfall, least: Least) -> tuple[Unserved, ...]:
    """Each class that is not served in full, hours of the same reason together, the most tokens first."""
    if not short.req_s and not short.requests_month:
        return ()
    held_back = rules_in_the_way(reduced.inputs, short, least)
    hours_of = {b.label: b.hours for b in reduced.load.blocks}
    of_class = requests_month(reduced)
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for k, b in short.req_s:
        alike[k, why(reduced, k, b, held_back)].append(b)
    out = []
    for (k, reason), blocks in alike.items():
        worst = max(blocks, key=lambda b: short.req_s[k, b])
        hours = sorted(h for b in blocks for h in hours_of[b])
        left = sum(mean_left(reduced, k, b, short) for b in blocks)
        asked = reduced.inputs.demand_req_s[k, worst]
        out.append(
            Unserved(
                workload=reduced.inputs.class_workload[k],
                request_class=k,
                when="all week" if len(hours) == 168 else week_label(hours),
                hours_week=len(hours),
                asked_req_s=asked,
                served_req_s=max(0.0, asked - short.req_s[k, worst]),
                requests_month=left,
                share=left / of_class[k],
                why=reason,
            )
        )
    waiting: dict[tuple[str, str], list[str]] = defaultdict(list)
    for w, k in short.requests_month:
        reasons = [why(reduced, k, b, held_back) for b in reduced.inputs.windows[w].blocks]
        waiting[k, next((r for r in reasons if FULL in r), reasons[0])].append(w)
    for (k, reason), windows in waiting.items():
        left = sum(short.requests_month[w, k] for w in windows)
        inside = {h for w in windows for b in reduced.inputs.windows[w].blocks for h in hours_of[b]}
        out.append(
            Unserved(
                workload=reduced.inputs.class_workload[k],
                request_class=k,
                when="its window, all week" if len(inside) == 168 else f"its windows in {week_label(inside)}",
                hours_week=len(inside),
                asked_req_s=None,
                served_req_s=None,
                requests_month=left,
                share=left / of_class[k],
                why=reason,
            )
        )
    return tuple(sorted(out, key=lambda u: (-u.share, u.request_class, u.when)))


def requests_month(reduced: Reduced) -> dict[str, float]:
    """All requests of each class in a month."""
    out: dict[str, float] = defaultdict(float)
    month_h = {b.label: b.month_h for b in reduced.load.blocks}
    for (k, b), rate in reduced.load.mean_req_s.items():
        out[k] += rate * 3600 * month_h[b]
    for window in reduced.load.windows:
        for k, n in window.requests_month.items():
            out[k] += n
    return out


def mean_left(reduced: Reduced, k: str, b: str, short: Shortfall) -> float:
    """Requests a month of a class left unserved in a block, at its mean rate."""
    share = short.req_s[k, b] / reduced.load.planning_req_s[k, b]
    month_h = next(each.month_h for each in reduced.load.blocks if each.label == b)
    return min(1.0, share) * reduced.load.mean_req_s[k, b] * 3600 * month_h


def rules_in_the_way(inputs: FleetInputs, short: Shortfall, least: Least) -> str:
    """The rules on spot that, waived, would let the fleet serve more; empty if none."""
    rules: dict[str, dict[str, dict[str, float]]] = {
        "spot may carry no more of it (spot_max_share)": {"spot_max_share": {}},
    }
    found = []
    for words, waived in rules.items():
        if not inputs.spot_groups or not getattr(inputs, next(iter(waived))):
            continue
        other = least(replace(inputs, **waived))  # type: ignore[arg-type]
        before = sum(short.req_s.values()), sum(short.requests_month.values())
        after = sum(other.req_s.values()), sum(other.requests_month.values())
        if after[0] < before[0] * (1 - 1e-3) or after[1] < before[1] * (1 - 1e-3):
            found.append(words)
    return " and ".join(found)


def why(reduced: Reduced, k: str, b: str, held_back: str) -> str:
    """The first reason, from what cannot be at all to what is only full."""
    inputs = reduced.inputs
    workload = inputs.class_workload[k]
    stands = {g for c, groups in inputs.deployment_groups.items() if (c, k) in inputs.rate_req_s for g in groups}
    gpus = sorted({lot.row.gpu for lot in reduced.lots.values()})
    allowed = {g for g in {lot.group for lot in reduced.lots.values()} if (k, g) in inputs.admitted}
    if not allowed:
        kinds = "spot or marketplace" if any(lot.row.term == "spot" for lot in reduced.lots.values()) else "these"
        return f"{workload} may not run on {kinds} machines (interruptible, where)"
    on = sorted({lot.row.gpu for lot in reduced.lots.values() if lot.group in allowed})
    if not stands & allowed:
        reasons = reduced.dropped["deployment"]
        # What came near says more than what could never be; of that, what most were left out for.
        most = max(reasons.count, key=lambda r: (r in reasons.nearest, reasons.count[r]), default="")
        near = reasons.nearest.get(most)
        because = f": {most}" + (f"; nearest: {near[1]}" if near and near[1] else "") if most else ""
        return f"no deployment that {workload} accepts runs on {' or '.join(on or gpus)}{because}"
    useful = stands & allowed
    there = {o.group for o in inputs.offers.values() if o.existing and b not in o.away and o.group in useful}
    if not there:
        return f"no machine that {workload} may run on is on in these hours"
    machines = [lot for lot in reduced.lots.values() if lot.group in there and b not in inputs.offers[lot.name].away]
    fleet = ", ".join(f"{lot.existing} x {lot.row.machine}" for lot in machines)
    if held_back and there & inputs.spot_groups:
        return f"{fleet}: {held_back}"
    unfit = sorted({lot.row.gpu for lot in reduced.lots.values() if lot.group in allowed - stands})
    return f"{FULL}: {fleet}" + (f"; nothing that it accepts runs on {' or '.join(unfit)}" if unfit else "")
