"""Problem + catalog + performance -> `FleetInputs`, and the labels that lead back.

The last place that knows the world.  It decides nothing: it filters, counts what it drops, and turns
prices per request and per machine into the numbers of the mathematics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from planner.apis import api_prices, usd_request
from planner.candidates import Candidate, Drops, accepted_models, card, enumerate_candidates, from_capacity_table
from planner.catalog.load import Catalog, benchmarks_for
from planner.catalog.own import read_own_rows
from planner.catalog.rows import ApiPrice
from planner.dominance import prune_dominated_lots, prune_outclassed_lots, standing_on
from planner.errors import NoCandidate
from planner.inputs import FleetInputs, MinimumOrder, Offer, Quota, Window
from planner.market import Lot, gather, matches_quota
from planner.performance import Performance
from planner.performance.constants import constants_of
from planner.problem.matching import allows
from planner.problem.schema import Problem
from planner.traffic.reduce import reduce_traffic
from planner.traffic.types import Block, Load
from planner.traffic.types import Window as LoadWindow

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """The numbers, and what each of their labels stands for."""

    inputs: FleetInputs
    load: Load
    performance: Performance
    candidates: Mapping[str, Candidate]
    lots: Mapping[str, Lot]
    apis: Mapping[str, Mapping[str, ApiPrice]]  # API label -> class label -> price
    dropped: Mapping[str, Drops]  # deployment, offer, api


def reduce_problem(problem: Problem, folder: Path, catalog: Catalog, today: date | None = None) -> Reduced:
    """All numbers of the mathematics.

    Raises `NoCandidate` if something asked for can be served by nothing, with the reasons counted, and
    `ProblemError` for a trace that cannot be read.
    """
    problem = without_ended(problem, today)
    drops = {"deployment": Drops(), "offer": Drops(), "api": Drops()}
    load = reduce_traffic(problem, folder, catalog)
    lots = prune_dominated_lots(problem, gather(problem, catalog, drops["offer"]), drops["offer"])
    machines: dict[str, int] = {}
    for lot in lots:
        machines[lot.row.gpu] = max(machines.get(lot.row.gpu, 0), lot.row.gpus)
    cards = [m for w in problem.workloads.values() for a in accepted_models(w) if (m := card(catalog, a.model))]
    rows = [] if problem.performance.capacity else benchmarks_for(catalog, models=cards)
    measured, memory_share = problem.performance.benchmarks, problem.performance.memory_share
    own = read_own_rows(folder / measured, catalog) if measured else []
    constants = constants_of(catalog.performance)
    performance = Performance(catalog.models, catalog.gpus, rows, memory_share, own=own, constants=constants)
    if problem.performance.capacity:
        candidates = from_capacity_table(problem, load)
    else:
        known = {gpu: most for gpu, most in machines.items() if gpu in catalog.gpus}
        candidates = enumerate_candidates(problem, load, catalog, performance, known, drops["deployment"])
    apis = api_prices(problem, load, catalog, drops["api"])
    used_gpus = {c.gpu for c in candidates}
    hosting = [lot for lot in lots if lot.row.gpu in used_gpus or lot.existing is not None]
    for _ in range(len(lots) - len(hosting)):
        drops["offer"].add("no deployment fits or meets an objective on this GPU")
    standing = standing_on(hosting, candidates, {k.label: k.workload for k in load.classes})
    hosting = prune_outclassed_lots(problem, hosting, standing, drops["offer"])
    if any(lot.billing == "stretch" for lot in hosting):
        load = in_hours(load)
    inputs = to_inputs(problem, load, candidates, hosting, standing, apis)
    reduced = Reduced(
        inputs=inputs,
        load=load,
        performance=performance,
        candidates={c.name: c for c in candidates},
        lots={lot.name: lot for lot in hosting},
        apis=apis,
        dropped=drops,
    )
    demand_a_way(reduced)
    return reduced


def without_ended(problem: Problem, today: date | None) -> Problem:
    """The problem without commitments that ended before `today`."""
    if today is None:
        return problem
    still = [e for e in problem.procurement.existing if e.ends_on is None or e.ends_on >= today]
    return problem.model_copy(update={"procurement": problem.procurement.model_copy(update={"existing": still})})


def demand_a_way(reduced: Reduced) -> None:
    """Raise `NoCandidate`, with every reason counted, where a class can be served by nothing at all."""
    inputs = reduced.inputs
    stocked = {lot.group for lot in reduced.lots.values()}
    hosted = {
        k
        for (c, k) in inputs.rate_req_s
        for g in inputs.deployment_groups[c]
        if g in stocked and (k, g) in inputs.admitted
    }
    bought = {k for (k, _) in inputs.api_usd_h} | {k for w in inputs.windows.values() for k in w.api_usd_request}
    asked = {k for (k, _) in inputs.demand_req_s} | {k for w in inputs.windows.values() for k in w.requests_month}
    stuck = sorted(asked - hosted - bought)
    if not stuck:
        return
    lines = [f"Nothing that may be bought can serve {', '.join(stuck)}."]
    for kind, drops in reduced.dropped.items():
        total = sum(drops.count.values())
        if total:
            lines.append(f"{total} {kind}s were left out:")
        for reason, count in sorted(drops.count.items(), key=lambda item: -item[1]):
            near = drops.nearest.get(reason)
            lines.append(f"  {count:>5}  {reason}" + (f"; nearest: {near[1]}" if near else ""))
    lines.append("Allow more under procurement.where, terms, models, precisions or apis, or loosen the slo.")
    raise NoCandidate("\n".join(lines))


def in_hours(load: Load) -> Load:
    """Every hour of the week a block of its own, in order: for machines rented for some hours on end."""
    owner = {h: b for b in load.blocks for h in b.hours}
    label = {h: f"{DAYS[h // 24]} {h % 24:02d}-{h % 24 + 1:02d}" for h in owner}
    parts = {b.label: [label[h] for h in b.hours] for b in load.blocks}
    blocks = tuple(
        Block(label=label[h], hours=(h,), month_h=owner[h].month_h / len(owner[h].hours)) for h in sorted(owner)
    )
    return Load(
        classes=load.classes,
        blocks=blocks,
        mean_req_s={(k, p): d for (k, b), d in load.mean_req_s.items() for p in parts[b]},
        planning_req_s={(k, p): d for (k, b), d in load.planning_req_s.items() for p in parts[b]},
        windows=tuple(
            LoadWindow(
                label=f"{w.label}, {label[hours[0]]}" if w.nights else w.label,
                workload=w.workload,
                blocks=tuple(label[h] for h in hours),
                requests_month={k: n / max(1, len(w.nights)) for k, n in w.requests_month.items()},
            )
            for w in load.windows
            for hours in w.nights or [tuple(h for b in load.blocks if b.label in w.blocks for h in b.hours)]
        ),
        burst_factor=load.burst_factor,
        burst_note=load.burst_note,
        arrival_variability=load.arrival_variability,
        arrival_note=load.arrival_note,
        merging_note=load.merging_note,
    )


def alike_nights(load: Load, block: str) -> int:
    """How many nights a block joins: they are all run alike, hour by hour, since each has its own work to finish."""
    return math.lcm(*(max(1, len(w.nights)) for w in load.windows if block in w.blocks))


def to_inputs(
    problem: Problem,
    load: Load,
    candidates: list[Candidate],
    lots: list[Lot],
    standing: Mapping[str, list[Candidate]],
    apis: Mapping[str, Mapping[str, ApiPrice]],
) -> FleetInputs:
    """The numbers themselves."""
    procurement, overheads = problem.procurement, problem.overheads
    workload_of = {k.label: k.workload for k in load.classes}
    burst = {k.label: load.burst_factor[k.workload] for k in load.classes}
    request = {k.label: k.request for k in load.classes}
    groups = {lot.group: lot for lot in lots}
    places: dict[str, list[str]] = {}
    for g in groups:
        for c in standing[g]:
            places.setdefault(c.name, []).append(g)
    used = [c for c in candidates if c.name in places]
    offers = {
        lot.name: Offer(
            group=lot.group,
            provider=lot.row.provider,
            usd_h=lot.row.usd_h,
            billing=lot.billing,  # type: ignore[arg-type]
            existing=lot.existing,
            max_machines=lot.max_machines,
            minimum_rental_h=math.ceil(lot.row.minimum_rental_h),
            upfront_usd=lot.upfront_usd,
            capital_usd_month=lot.capital_usd_month(procurement.cost_of_capital_year),
        )
        for lot in lots
    }
    egress = {}
    for g, lot in groups.items():
        if lot.egress_usd_gb:
            for k, w in workload_of.items():
                deferred = any(k in window.requests_month for window in load.windows)
                usd = overheads.egress_kb_request / 1e6 * lot.egress_usd_gb
                if w in lot.workloads:
                    egress[k, g] = 3600 * usd / (1.0 if deferred else burst[k])
    windows = {}
    for window in load.windows:
        cheapest = {}
        for k in window.requests_month:
            prices = [
                usd_request(rows[k], request[k].input_tok, request[k].output_tok, batch=True)
                for rows in apis.values()
                if k in rows
            ]
            if prices:
                cheapest[k] = min(prices)
        most = {}
        if problem.apis.max_req_s is not None:
            hours = sum(b.month_h for b in load.blocks if b.label in window.blocks)
            most = dict.fromkeys(cheapest, problem.apis.max_req_s * 3600 * hours / len(window.requests_month))
        windows[window.label] = Window(
            blocks=window.blocks,
            requests_month=window.requests_month,
            api_usd_request=cheapest,
            api_max_requests=most,
        )
    deferred_classes = {k for window in load.windows for k in window.requests_month}
    quotas = {}
    for i, quota in enumerate(procurement.quotas):
        counted = [lot for lot in lots if matches_quota(lot, problem, i)]
        if counted and quota.max_gpus is not None:
            weight = {lot.name: float(lot.row.gpus) for lot in counted}
            quotas[quota_name(problem, i, f"{quota.max_gpus} GPUs")] = Quota(weight=weight, limit=quota.max_gpus)
        if counted and quota.max_machines is not None:
            weight = {lot.name: 1.0 for lot in counted}
            label = quota_name(problem, i, f"{quota.max_machines} machines")
            quotas[label] = Quota(weight=weight, limit=quota.max_machines)
    orders = {}
    for i, order in enumerate(procurement.minimum_orders):
        mine = tuple(
            lot.name
            for lot in lots
            if lot.billing == "always"
            and lot.existing is None
            and allows(order.where, lot.row, lot.vendor)
            and (not order.terms or lot.row.term in order.terms)
        )
        if mine:
            orders[f"minimum order {i + 1} of {order.min_machines} machines"] = MinimumOrder(
                offers=mine, machines=order.min_machines
            )
    sunk = sum(lot.row.usd_h * lot.existing * problem.month_hours for lot in lots if lot.existing is not None)
    per_provider = overheads.provider_usd_month + overheads.storage_gb * overheads.storage_usd_gb_month
    have = {lot.row.provider for lot in lots if lot.existing is not None}
    budget = None if problem.budget is None else problem.budget.usd_month - sunk - per_provider * len(have)
    return FleetInputs(
        month_h=problem.month_hours,
        block_h={b.label: b.month_h for b in load.blocks},
        block_week_h={b.label: len(b.hours) // alike_nights(load, b.label) for b in load.blocks},
        blocks_in_order=any(lot.billing == "stretch" for lot in lots),
        group_gpus={g: lot.row.gpus for g, lot in groups.items()},
        spot_groups=frozenset(g for g, lot in groups.items() if lot.row.term == "spot"),
        offers=offers,
        deployment_gpus={c.name: c.gpus for c in used},
        deployment_groups={c.name: tuple(places[c.name]) for c in used},
        queue_slope={c.name: c.slope for c in used},
        queue_loss={c.name: c.loss for c in used},
        class_workload=workload_of,
        demand_req_s={(k, b): d for (k, b), d in load.planning_req_s.items() if d > 0},
        rate_req_s={(c.name, k): r.req_s for c in used for k, r in c.rates.items()},
        admitted=frozenset((k, g) for g, lot in groups.items() for k, w in workload_of.items() if w in lot.workloads),
        egress_usd_h=egress,
        api_usd_h={
            (k, a): 3600 * usd_request(row, request[k].input_tok, request[k].output_tok) / burst[k]
            for a, rows in apis.items()
            for k, row in rows.items()
            if k not in deferred_classes
        },
        api_max_req_s={
            (w, a): problem.apis.max_req_s
            for a in apis
            for w in problem.workloads
            if problem.apis.max_req_s is not None
        },
        spot_max_share={
            w: workload.spot_max_share for w, workload in problem.workloads.items() if workload.interruptible
        },
        windows=windows,
        quotas=quotas,
        minimum_orders=orders,
        max_upfront_usd=procurement.max_upfront_usd,
        budget_usd_month=budget,
        self_host_usd_month=overheads.engineering_usd_month
        + overheads.storage_usd_month
        + overheads.networking_usd_month,
        provider_usd_month=per_provider,
    )


def quota_name(problem: Problem, index: int, limit: str) -> str:
    """A quota in the words of the problem file."""
    quota = problem.procurement.quotas[index]
    w = quota.where
    what = "/".join(
        part
        for part in (
            ",".join(w.providers),
            ",".join(w.regions),
            ",".join(w.gpus),
            quota.machine or "",
            ",".join(quota.terms),
        )
        if part
    )
    return f"quota {index + 1} ({what or 'everything'}): {limit}"
