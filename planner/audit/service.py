"""Is every request served, in its hour or inside its window, and does the plan count them as the load does?

Who serves a request does not matter here: the fleet and the APIs are added up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations

from planner.audit.evidence import ALMOST_NOTHING, Evidence, Finding, above, differs
from planner.traffic.blocks import week_label
from planner.traffic.types import HOURS, Window


def hours_of_the_week(e: Evidence) -> Finding:
    """Every hour of the week lies in exactly one block, and every block in one block of the load."""
    breaches: list[str] = []
    found = Counter(hour for block in e.plan.blocks for hour in block.hours)
    in_none = [hour for hour in range(HOURS) if not found[hour]]
    in_many = [hour for hour in range(HOURS) if found[hour] > 1]
    for hours, said in ((in_none, "in no block"), (in_many, "in more than one block")):
        if hours:
            breaches.append(f"{len(hours)} of {HOURS} hours of the week are {said}: {week_label(hours)}")
    if outside := sorted(set(found) - set(range(HOURS))):
        breaches.append(f"hours {outside} are not hours of a week, 0 to {HOURS - 1}")
    for label, n in Counter(block.label for block in e.plan.blocks).items():
        if n > 1:
            breaches.append(f"{n} blocks are called {label}")
    for block in e.plan.blocks:
        if block.label not in e.load_block:
            breaches.append(f"{block.label}: its hours differ in load, they lie in no one block of the traffic")
        if differs(block.month_h, e.month_h(block.label)):
            expected = f"{len(block.hours)} of {HOURS} hours of the week are {e.month_h(block.label):.6g}"
            breaches.append(f"{block.label}: {block.month_h:.6g} hours a month, but {expected}")
    if differs(e.plan.month_hours, e.problem.month_hours):
        asked = e.problem.month_hours
        breaches.append(f"a month has {e.plan.month_hours:g} hours in the plan, {asked:g} in the problem")
    return Finding(f"{HOURS} hours of the week lie in {len(e.plan.blocks)} blocks, each in one", breaches)


def served_in_full(e: Evidence) -> Finding:
    """Every class that may not wait is served in every block, at its planning rate, no more and no less."""
    breaches: list[str] = []
    got: dict[tuple[str, str], float] = defaultdict(float)
    by_whom = [(deployment.name, served) for deployment, served in e.on_fleet()]
    by_whom += [(purchase.provider, served) for purchase, served in e.on_apis()]
    for name, served in by_whom:
        at = f"{name} serves {served.request_class} in {served.block}"
        if served.request_class not in e.classes:
            breaches.append(f"{at}: there is no such request class")
        if served.block not in e.blocks:
            breaches.append(f"{at}: there is no such block")
        if not served.req_s >= -ALMOST_NOTHING:
            breaches.append(f"{at}: {served.req_s:g} requests/s is less than nothing")
        got[served.request_class, served.block] += served.req_s
    checked = 0
    for label in e.classes:
        if e.may_wait(label):
            continue
        for block, outer in e.load_block.items():
            asked = e.load.planning_req_s.get((label, outer.label), 0.0)
            checked += 1
            if differs(got[label, block], asked):
                figures = f"{got[label, block]:.6g} requests/s are served, {asked:.6g} are asked for"
                breaches.append(f"{label} is not served as asked in {block}: {figures}")
    return Finding(f"{checked} loads (request class in a block) are served in full", breaches)


def windows_finished(e: Evidence) -> Finding:
    """Work that may wait is done inside its windows.

    The plan does not say for which window a request was done.  Windows that overlap can all be finished
    if and only if every set of them finds enough done in its blocks together (Hall's condition).
    """
    breaches: list[str] = []
    by_class: dict[str, list[Window]] = defaultdict(list)
    for window in e.load.windows:
        for label, requests in window.requests_month.items():
            if requests > 0:
                by_class[label].append(window)
    for label, windows in by_class.items():
        breaches += _unfinished(e, label, windows)
    return Finding(f"{len(e.load.windows)} windows of work that may wait are finished in time", breaches)


def _unfinished(e: Evidence, label: str, windows: list[Window]) -> Iterator[str]:
    done: dict[int, float] = defaultdict(float)  # hour of the week -> requests a month
    hours_of = {block.label: block.hours for block in e.plan.blocks}
    for _, served in e.on_fleet():
        if served.request_class == label and served.block in e.load_block:
            hours = hours_of[served.block]
            for hour in hours:
                done[hour] += e.requests_month(served) / len(hours)
    bought = sum(each.requests_month for each in e.plan.apis if each.request_class == label)
    asked = sum(window.requests_month[label] for window in windows)
    nights = [night for window in windows for night in _nights(e, window, label)]
    allowed = frozenset[int]().union(*(hours for _, hours, _ in nights))
    for hour in sorted(set(done) - allowed):
        if done[hour] > ALMOST_NOTHING:
            yield f"{label}: {done[hour]:,.0f} requests a month are done in {week_label([hour])}, outside every window"
    total = sum(done[hour] for hour in allowed) + bought
    if above(total, asked):
        yield f"{label}: {total:,.1f} requests a month are done, only {asked:,.1f} are asked for"
    for size in range(1, len(nights) + 1):
        for some in combinations(nights, size):
            inside = frozenset[int]().union(*(hours for _, hours, _ in some))
            available = sum(done[hour] for hour in inside) + bought
            needed = sum(requests for _, _, requests in some)
            if above(needed, available):
                names = ", ".join(name for name, _, _ in some)
                figures = f"{available:,.1f} of {needed:,.1f} requests a month are done in time"
                yield f"{label} is not finished inside its window ({names}): {figures}"
                return


def _nights(e: Evidence, window: Window, label: str) -> list[tuple[str, frozenset[int], float]]:
    """Name, hours of the week and requests of each window; alike windows that the load joined, one by one."""
    requests = window.requests_month[label]
    if not window.nights:
        hours = frozenset(h for b in e.load.blocks if b.label in window.blocks for h in b.hours)
        return [(window.label, hours, requests)]
    return [
        (f"{window.label}, night {i}", frozenset(hours), requests / len(window.nights))
        for i, hours in enumerate(window.nights, 1)
    ]


def workload_totals(e: Evidence) -> Finding:
    """Requests, tokens and shares told for each workload are those of the load."""
    breaches: list[str] = []
    told = Counter(each.name for each in e.plan.workloads)
    for name in e.problem.workloads:
        if told[name] != 1:
            breaches.append(f"workload {name} is told {told[name]} times in the plan, not once")
    for each in e.plan.workloads:
        if each.name not in e.problem.workloads:
            breaches.append(f"the problem has no workload {each.name}")
            continue
        asked = e.asked_month(each.name)
        size = {label: e.classes[label].request for label in asked}
        requests = sum(asked.values())
        figures = (
            ("requests a month", each.requests_month, requests),
            (
                "million input tokens a month",
                each.input_mtok_month,
                sum(asked[label] * size[label].input_tok for label in asked) / 1e6,
            ),
            (
                "million output tokens a month",
                each.output_mtok_month,
                sum(asked[label] * size[label].output_tok for label in asked) / 1e6,
            ),
            ("as its burst factor", each.burst_factor, e.load.burst_factor[each.name]),
            ("of its requests from APIs", each.api_share, _api_requests(e, asked) / (requests or 1)),
            ("of its requests on spot", each.spot_share, _spot_requests(e, asked) / (requests or 1)),
        )
        for what, said, expected in figures:
            if differs(said, expected):
                breaches.append(f"{each.name}: {said:.6g} {what} in the plan, {expected:.6g} in the traffic")
    return Finding(f"totals of {len(e.plan.workloads)} workloads match the traffic", breaches)


def _api_requests(e: Evidence, asked: dict[str, float]) -> float:
    return sum(each.requests_month for each in e.plan.apis if each.request_class in asked)


def _spot_requests(e: Evidence, asked: dict[str, float]) -> float:
    return sum(
        e.requests_month(served)
        for deployment, served in e.on_fleet()
        if deployment.market == "spot" and served.request_class in asked
    )
