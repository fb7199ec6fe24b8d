"""What a plan says of itself: average costs, idle machines, what is measured, what is as cheap.  Nothing is solved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from planner.deployed import ClassRate, DeploymentPlan
from planner.explanation import Alike, Evidence, Idle, WorkloadCost
from planner.market import Lot
from planner.plan import Plan, Purchase

AS_CHEAP = 0.05
"""Offers whose prices differ by no more than this share are told as alike: a quote or a day may turn them round."""
WEAKEST = ("modeled", "corrected", "measured", "given")


def averages(plan: Plan) -> tuple[WorkloadCost, ...]:
    """Each workload's share of the bill, the dearest first."""
    total = plan.usd_month or 0.0
    found = [
        WorkloadCost(
            name=w.name,
            usd_month=w.usd_month,
            bill_share=w.usd_month / total if total else 0.0,
            requests_month=w.requests_month,
            usd_1000_requests=1000 * w.usd_month / w.requests_month if w.requests_month else None,
        )
        for w in plan.workloads
    ]
    return tuple(sorted(found, key=lambda w: -w.usd_month))


def work_in_gpus(plan: Plan) -> Mapping[tuple[str, str, str], float]:
    """GPUs that are busy all the time, on the mean of a block: by (group, block, deployment)."""
    serving = {p.group: p.serving_share for p in plan.purchases}
    busy: dict[tuple[str, str, str], float] = defaultdict(float)
    for d in plan.deployments:
        rate = {r.request_class: r.req_s * serving.get(d.group, 1.0) for r in d.rates}
        for s in d.served:
            busy[d.group, s.block, d.name] += s.req_s / rate[s.request_class] * d.gpus
    return busy


def idle(plan: Plan) -> tuple[Idle, ...]:
    """How busy each purchase is and when least, by the work of all machines of its group in each block."""
    month_h = {b.label: b.month_h for b in plan.blocks}
    work: dict[tuple[str, str], float] = defaultdict(float)
    for (g, b, _), gpus in work_in_gpus(plan).items():
        work[g, b] += gpus
    there: dict[tuple[str, str], float] = defaultdict(float)
    for p in plan.purchases:
        for b, n in p.machines_by_block.items():
            there[p.group, b] += n * p.gpus
    busy = {label: min(1.0, work[label] / gpus) for label, gpus in there.items() if gpus}
    out = []
    for p in plan.purchases:
        hours = {b: n * month_h[b] for b, n in p.machines_by_block.items() if n}
        if not hours:
            continue
        shares = {b: busy[p.group, b] for b in hours}
        least = min(shares, key=lambda b: (shares[b], -hours[b]))
        idle_h = sum(h * (1 - shares[b]) for b, h in hours.items())
        total = sum(hours.values())
        out.append(
            Idle(
                what=named(p),
                count=p.count,
                usd_month=p.usd_month,
                busy_share=1 - idle_h / total,
                busy_peak_share=max(shares.values()),
                idle_hours_month=idle_h,
                idle_usd_month=p.usd_month * idle_h / total,
                least_busy=least,
                least_busy_share=shares[least],
            )
        )
    return tuple(sorted(out, key=lambda i: -i.idle_usd_month))


def named(p: Purchase) -> str:
    """A purchase in a few words."""
    term = "existing" if p.existing else p.term
    return f"{p.provider} {p.machine} ({p.gpus} x {p.gpu}), {term}"


def evidence(plan: Plan) -> tuple[Evidence, ...]:
    """What stands behind each deployment that serves, the dearest first; its weakest rate speaks for it."""
    month_h = {b.label: b.month_h for b in plan.blocks}
    done: dict[tuple[str, str], float] = defaultdict(float)
    for (g, b, name), gpus in work_in_gpus(plan).items():
        done[g, name] += gpus * month_h[b]
    of_group: dict[str, float] = defaultdict(float)
    paid: dict[str, float] = defaultdict(float)
    for (g, _), gpu_h in done.items():
        of_group[g] += gpu_h
    for p in plan.purchases:
        paid[p.group] += p.usd_month
    total = sum(done.values())
    out = []
    for d in plan.deployments:
        rates = served_rates(d)
        if not rates or not done[d.group, d.name]:
            continue
        weakest = min(rates, key=lambda r: (WEAKEST.index(r.source), r.low_share))
        out.append(
            Evidence(
                deployment=worded(d),
                source=weakest.source,
                reason=weakest.reason,
                low_share=min(r.low_share for r in rates),
                high_share=max(r.high_share for r in rates),
                relied_share=min(r.req_s / r.estimate_req_s for r in rates),
                work_share=done[d.group, d.name] / total,
                usd_month=paid[d.group] * done[d.group, d.name] / of_group[d.group],
            )
        )
    return tuple(sorted(out, key=lambda e: -e.usd_month))


def served_rates(d: DeploymentPlan) -> list[ClassRate]:
    """The rates of what a deployment serves."""
    served = {s.request_class for s in d.served if s.req_s > 0}
    return [r for r in d.rates if r.request_class in served]


def worded(d: DeploymentPlan) -> str:
    """A deployment in a few words."""
    spot = " on spot" if d.market == "spot" else ""
    model = f"{d.model} {d.precision}".strip() or d.name
    return f"{model} on {d.where}{spot}" + (f" ({d.engine})" if d.engine else "")


def alike(plan: Plan, lots: Iterable[Lot]) -> tuple[Alike, ...]:
    """Offers of the same machine, on the same term at nearly the same price, as one that was chosen."""
    sold = [lot for lot in lots if lot.existing is None]
    out = []
    for p in plan.purchases:
        for lot in sold if not p.existing and p.usd_h else ():
            row, ratio = lot.row, lot.row.usd_h / p.usd_h
            same = (row.gpu, row.gpus, row.term) == (p.gpu, p.gpus, p.term)
            itself = (row.provider, row.region, row.machine) == (p.provider, p.region, p.machine)
            if same and not itself and abs(ratio - 1) <= AS_CHEAP:
                other = f"{row.provider} {row.region or '(region not stated)'} {row.machine}"
                out.append(Alike(chosen=named(p), other=other, usd_ratio=ratio, observed_on=row.observed_on))
    return tuple(sorted(out, key=lambda a: (a.chosen, a.usd_ratio, a.other)))
