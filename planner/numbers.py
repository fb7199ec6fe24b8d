"""A problem's load, offers and deployments as the numbers of the mathematics.

Everything here is arithmetic on what `planner.reduce` has gathered; nothing is read, filtered or dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from planner.apis import usd_request
from planner.candidates import Candidate
from planner.catalog.rows import ApiPrice
from planner.inputs import Blend, FleetInputs, Offer, Window
from planner.limits import few_kinds_of, orders_of, provider_max_share, provider_of, quotas_of, smallest_orders
from planner.losses import losses_of, promised_classes
from planner.market import Lot
from planner.problem.schema import Problem
from planner.problem.workload import AcceptableModel
from planner.spending import SpendPlan
from planner.tariffs import gb_request
from planner.traffic.types import Block, Load
from planner.variants import accepted_models, blends, standing_of

Sold = Mapping[str, Mapping[str, AcceptableModel]]
"""Workload -> name under which APIs sell it -> model it counts as."""


def alike_nights(load: Load, block: str) -> int:
    """How many nights a block joins: they are all run alike, hour by hour, since each has its own work to finish."""
    return math.lcm(*(max(1, len(w.nights)) for w in load.windows if block in w.blocks))


def night_by_night(load: Load, block: Block) -> tuple[int, ...]:
    """The hours of a block so that equal numbers from the front hold equally many of every night joined in it."""
    hours = sorted(block.hours, key=lambda h: (h % 24, h // 24))
    nights = [w.nights for w in load.windows if w.nights and block.label in w.blocks]
    if not nights:
        return tuple(hours)
    of_night = [[h for h in hours if h in night] for night in map(frozenset, nights[0])]
    return tuple(h for together in zip(*of_night, strict=True) for h in together)


def there(lot: Lot, block: Block) -> bool:
    """Whether machines of an offer can be on through all of a block."""
    if lot.endpoint is not None:
        return any(each.block == block.label for each in lot.endpoint.hours)
    return lot.hours is None or lot.hours >= set(block.hours)


def to_inputs(
    problem: Problem,
    load: Load,
    candidates: list[Candidate],
    lots: list[Lot],
    standing: Mapping[str, list[Candidate]],
    apis: Mapping[str, Mapping[str, ApiPrice]],
    sold: Sold,
    better: Mapping[str, tuple[str, ...]],
    spends: list[SpendPlan],
) -> FleetInputs:
    """The numbers themselves."""
    procurement, overheads = problem.procurement, problem.overheads
    taxed = 1 + overheads.tax_share
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
            usd_h=lot.taxed_usd_h(overheads.tax_share),
            billing=lot.billing,  # type: ignore[arg-type]
            existing=lot.existing,
            away=frozenset(b.label for b in load.blocks if not there(lot, b)),
            max_machines=lot.max_machines,
            minimum_rental_h=math.ceil(lot.row.minimum_rental_h),
            upfront_usd=lot.upfront_usd,
            capital_usd_month=lot.capital_usd_month(procurement.cost_of_capital_year),
            multiple_of=lot.multiple_of,
            workers={each.block: each.workers for each in lot.endpoint.hours} if lot.endpoint else {},
            billed_share=lot.endpoint.paid_shares(lot.row.usd_h) if lot.endpoint else {},
        )
        for lot in lots
    }
    offers |= {
        plan.name: Offer(
            group="",
            provider=plan.quote.provider,
            usd_h=taxed * plan.step_usd_h,
            billing="always",
            existing=1 if plan.existing else None,
            max_machines=plan.max_steps,
            upfront_usd=plan.upfront_usd,
            capital_usd_month=plan.capital_usd_month(procurement.cost_of_capital_year),
            covers={o: taxed * usd_h for o, usd_h in plan.covers.items()},
        )
        for plan in spends
    }
    sent = egress_gb_h(problem, load, groups)
    tiered = {g: lot for g, lot in groups.items() if len(lot.egress.usd_gb) > 1}
    deferred_classes = {k for window in load.windows for k in window.requests_month}
    budget = None if problem.budget is None else problem.budget.usd_month - paid_anyway(problem, lots, spends)
    return FleetInputs(
        month_h=problem.month_hours,
        block_h={b.label: b.month_h for b in load.blocks},
        block_week_h={b.label: len(b.hours) // alike_nights(load, b.label) for b in load.blocks},
        block_hours={b.label: night_by_night(load, b) for b in load.blocks},
        start_h=problem.autoscaling.startup_minutes / 60,
        blocks_in_order=any(lot.billing == "stretch" for lot in lots),
        group_gpus={g: lot.row.gpus for g, lot in groups.items()},
        spot_groups=frozenset(g for g, lot in groups.items() if lot.row.term == "spot"),
        offers=offers,
        deployment_gpus={c.name: c.gpus for c in used},
        deployment_groups={c.name: tuple(places[c.name]) for c in used},
        split_as={c.name: c.split for c in used if c.split},
        queue_slope={c.name: c.slope for c in used},
        queue_loss={c.name: c.loss for c in used},
        class_workload=workload_of,
        demand_req_s={(k, b): d for (k, b), d in load.planning_req_s.items() if d > 0},
        rate_req_s={(c.name, k): r.req_s for c in used for k, r in c.rates.items()},
        admitted=frozenset((k, g) for g, lot in groups.items() for k, w in workload_of.items() if w in lot.workloads),
        egress_usd_h={(k, g): taxed * gb_h * groups[g].egress.straight_usd_gb for (k, g), gb_h in sent.items()},
        egress_gb_h={label: gb_h for label, gb_h in sent.items() if label[1] in tiered},
        tariffs={
            lot.row.provider: replace(lot.egress, usd_gb=tuple(taxed * usd for usd in lot.egress.usd_gb))
            for lot in tiered.values()
        },
        tariff_of={(k, g): tiered[g].row.provider for k, g in sent if g in tiered},
        api_usd_h={
            (k, a): taxed * 3600 * usd_request(row, request[k]) / burst[k]
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
        api_max_share={
            name: w.api_max_share
            for name, w in problem.workloads.items()
            if w.api_max_share < 1 and w.deferrable is None
        },
        serving_share={g: lot.serving_share for g, lot in groups.items() if lot.row.term == "spot"},
        min_replicas={name: w.min_replicas for name, w in problem.workloads.items() if w.min_replicas},
        spot_max_share={
            w: workload.spot_max_share for w, workload in problem.workloads.items() if workload.interruptible
        },
        provider_max_share=provider_max_share(problem),
        provider_max_spend_share=share if (share := problem.spread.max_provider_spend_share) < 1 else None,
        provider_of=provider_of(problem, groups, apis),
        few_kinds=few_kinds_of(problem, lots, used),
        stand_ins=better,
        blends=blends_of(problem, load, used, apis, sold),
        windows=windows_of(problem, load, apis),
        quotas=quotas_of(problem, lots),
        minimum_orders=orders_of(problem, lots) | smallest_orders(lots, spends),
        max_upfront_usd=procurement.max_upfront_usd,
        protected=promised_classes(problem, load, apis, sold) if problem.resilience.machine else frozenset(),
        kept_share=problem.resilience.kept_share,
        losses=losses_of(problem, load, groups, apis, sold),
        budget_usd_month=budget,
        self_host_usd_month=overheads.engineering_usd_month
        + taxed * (overheads.storage_usd_month + overheads.networking_usd_month),
        provider_usd_month=provider_usd_month(problem),
    )


def provider_usd_month(problem: Problem) -> float:
    """What each provider used costs whatever is bought from it, with tax [USD/month]."""
    overheads = problem.overheads
    fixed = overheads.provider_usd_month + overheads.storage_gb * overheads.storage_usd_gb_month
    return (1 + overheads.tax_share) * fixed


def paid_anyway(problem: Problem, lots: Iterable[Lot], spends: Iterable[SpendPlan]) -> float:
    """What is paid whatever is decided, with tax: what is signed already and its providers [USD/month]."""
    tax_share = problem.overheads.tax_share
    there = [lot for lot in lots if lot.existing is not None]
    signed = [plan for plan in spends if plan.existing]
    usd_h = sum(lot.taxed_usd_h(tax_share) * (lot.existing or 0) for lot in there)
    usd_h += (1 + tax_share) * sum(plan.step_usd_h for plan in signed)
    providers = {lot.row.provider for lot in there} | {plan.quote.provider for plan in signed}
    return usd_h * problem.month_hours + provider_usd_month(problem) * len(providers)


def egress_gb_h(problem: Problem, load: Load, groups: Mapping[str, Lot]) -> dict[tuple[str, str], float]:
    """GB/h of data sent out, per planning request/s, by class and group, where any price in reach is above nothing."""
    workload_of = {k.label: k.workload for k in load.classes}
    burst = {k.label: load.burst_factor[k.workload] for k in load.classes}
    sent = {}
    for g, lot in groups.items():
        for k, w in workload_of.items():
            if w in lot.workloads and any(lot.egress.usd_gb):
                deferred = any(k in window.requests_month for window in load.windows)
                sent[k, g] = 3600 * gb_request(problem) / (1.0 if deferred else burst[k])
    return sent


def windows_of(problem: Problem, load: Load, apis: Mapping[str, Mapping[str, ApiPrice]]) -> dict[str, Window]:
    """Deferrable work with the cheapest API that may do it."""
    request = {k.label: k.request for k in load.classes}
    taxed = 1 + problem.overheads.tax_share
    windows = {}
    for window in load.windows:
        cheapest, whose = {}, {}
        for k in window.requests_month:
            rows = [by_class[k] for by_class in apis.values() if k in by_class]
            if rows:
                best = min(rows, key=lambda row: usd_request(row, request[k], batch=True))
                cheapest[k], whose[k] = taxed * usd_request(best, request[k], batch=True), best.provider
        most = {}
        if problem.apis.max_req_s is not None:
            hours = sum(b.month_h for b in load.blocks if b.label in window.blocks)
            most = dict.fromkeys(cheapest, problem.apis.max_req_s * 3600 * hours / len(window.requests_month))
        share = problem.workloads[window.workload].api_max_share
        if share < 1:
            most = {k: min(share * n, most.get(k, math.inf)) for k, n in window.requests_month.items() if k in cheapest}
        windows[window.label] = Window(
            blocks=window.blocks,
            requests_month=window.requests_month,
            api_usd_request=cheapest,
            api_max_requests=most,
            api_provider=whose,
        )
    return windows


def blends_of(
    problem: Problem,
    load: Load,
    used: list[Candidate],
    apis: Mapping[str, Mapping[str, ApiPrice]],
    sold: Sold,
) -> dict[str, Blend]:
    """Where it matters which models serve how much, by workload; by class where it may wait."""
    out = {}
    for name, workload in problem.workloads.items():
        classes = tuple(k.label for k in load.classes if k.workload == name)
        standing = {(k, c.name): c.standing[k] for c in used for k in classes if k in c.standing}
        standing |= {
            (k, a): standing_of(workload, sold[name][rows[k].model])
            for a, rows in apis.items()
            for k in classes
            if k in rows
        }
        apart = [(name, classes)] if workload.deferrable is None else [(k, (k,)) for k in classes]
        for label, together in apart if blends(workload) else ():
            here = {place: each for place, each in standing.items() if place[0] in together}
            out[label] = Blend(
                classes=together,
                score={place: each.score for place, each in here.items()},
                mean_score=workload.mean_quality_at_least,
                model={place: each.limited for place, each in here.items() if each.limited},
                max_share={m.model: m.max_share for m in accepted_models(workload) if m.max_share < 1},
            )
    return out
