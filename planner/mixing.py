"""Put a plan together from ways of running single blocks: which way in which hours, so that all work is done.

`planner.search` asks; nothing is proved here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from planner.formulation import FleetModel
from planner.formulation.mix import MixModel, Way, assemble_mix
from planner.inputs import FleetInputs, Steps
from planner.leaning import factors
from planner.operation import BlockAnswer, Credit
from planner.paid import paid_ahead
from planner.runs import read_run
from planner.solution import BlockRun
from planner.solver import Settings, solve_model
from planner.starts import in_order, starts_usd

STARTS_S = 5.0
"""A mix that counts starts is looked for no longer than this; the best until then is taken."""
SHARES_S = 1.0
"""A mix that keeps the shares of providers, likewise: hard with the first ways to run blocks, easy with more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A plan: what it costs, what is procured, how the hours are run."""

    usd_month: float
    always: Mapping[str, int]
    runs: tuple[BlockRun, ...]
    deferred_api: Mapping[tuple[str, str], float]


def add_ways(ways: dict[str, list[BlockAnswer]], answers: Mapping[str, BlockAnswer]) -> dict[str, BlockAnswer]:
    """Add the ways not known yet; what was new."""
    fresh = {
        b: answer
        for b, answer in answers.items()
        if answer.way is not None and all(answer.way != other.way for other in ways[b])
    }
    for b, answer in fresh.items():
        ways[b].append(answer)
    return fresh


def cheap_credit(inputs: FleetInputs) -> Credit:
    """A first credit per request of deferred work: what it costs at an API or on the best machine kept full."""
    best: dict[str, float] = {}
    when = asked_in(inputs)
    for c, groups in inputs.deployment_groups.items():
        for offer in inputs.offers.values():
            if (
                offer.existing is None
                and offer.group in groups
                and inputs.deployment_gpus[c] <= inputs.group_gpus[offer.group]
            ):
                replicas = inputs.group_gpus[offer.group] // inputs.deployment_gpus[c]
                for k in inputs.class_workload:
                    there = not when.get(k, frozenset()) <= offer.away
                    if there and (c, k) in inputs.rate_req_s and (k, offer.group) in inputs.admitted:
                        full_req_s = replicas * inputs.rate_in(c, k, offer.group) * inputs.queue_slope[c]
                        usd = offer.usd_h / (3600 * full_req_s)
                        best[k] = min(best.get(k, math.inf), usd)
    return Credit(
        usd_request={
            (w, k): min(best.get(k, dear_request(inputs, k)), window.api_usd_request.get(k, math.inf))
            for w, window in inputs.windows.items()
            for k in window.requests_month
        }
    )


def asked_in(inputs: FleetInputs) -> dict[str, frozenset[str]]:
    """By class, the blocks in which any of it may be served."""
    out: dict[str, set[str]] = {}
    for k, b in (*inputs.demand_req_s, *inputs.window_of()):
        out.setdefault(k, set()).add(b)
    return {k: frozenset(blocks) for k, blocks in out.items()}


def cheap_offers(inputs: FleetInputs, each: int = 2) -> frozenset[str]:
    """For each class, the hourly offers that serve a request for the least if kept full; where providers have shares,
    some of several; and all that need not be."""
    usd: dict[str, dict[str, float]] = {k: {} for k in inputs.class_workload}
    when = asked_in(inputs)
    covered_usd_h: dict[str, float] = {}
    for promise in inputs.offers.values():
        for o, usd_h in promise.covers.items():
            covered_usd_h[o] = min(usd_h, covered_usd_h.get(o, math.inf))
    for c, groups in inputs.deployment_groups.items():
        for o, offer in inputs.offers.items():
            if offer.existing is None and offer.billing == "hourly" and offer.group in groups:
                replicas = inputs.group_gpus[offer.group] / inputs.deployment_gpus[c]
                for k, offers in usd.items():
                    there = not when.get(k, frozenset()) <= offer.away
                    if there and (c, k) in inputs.rate_req_s and (k, offer.group) in inputs.admitted:
                        usd_h = min(offer.usd_h, covered_usd_h.get(o, math.inf))
                        price = usd_h / (replicas * inputs.rate_in(c, k, offer.group) * inputs.queue_slope[c])
                        offers[o] = min(price, offers.get(o, math.inf))
    ranked = [sorted(offers, key=lambda o: (offers[o], o)) for offers in usd.values()]
    cheap = {o for offers in ranked for o in offers[:each]}
    for cheapest_first in ranked if inputs.provider_max_spend_share is not None else ():
        best: dict[str, str] = {}
        for o in cheapest_first:
            best.setdefault(inputs.offers[o].provider, o)
        cheap |= set(list(best.values())[: each + 1])
    return frozenset(cheap | {o for o, offer in inputs.offers.items() if offer.workers})


def mix(
    inputs: FleetInputs,
    settings: Settings,
    steps: Mapping[Steps, int],
    ways: Mapping[str, list[BlockAnswer]],
    time_limit_s: float,
) -> tuple[Found | None, float, Credit]:
    """The cheapest mix of these ways: a plan if it leaves nothing undone, its relaxed cost, and the next credit."""
    dear = {k: dear_request(inputs, k) for w in inputs.windows.values() for k in w.requests_month}
    several = {b: [way_of(a) for a in answers] for b, answers in ways.items()}
    ahead = paid_ahead(inputs, steps)
    model = assemble_mix(inputs, several, dear, ahead)
    relaxed = solve_model(model.model, settings, relaxed=True)
    credit = Credit(
        usd_request={
            (w, k): max(0.0, relaxed.duals["serve_deferred", (w, k)])
            for w, v in inputs.windows.items()
            for k in v.requests_month
        },
        factor=factors(inputs, relaxed.duals),
    )
    fixed_usd = procurement_usd(inputs, steps, ways)
    relaxed_usd = fixed_usd + (relaxed.objective or 0.0)
    if beyond_share(model, relaxed_usd):
        return None, relaxed_usd, credit
    if any(len(answers) > 1 for answers in ways.values()):
        model = assemble_mix(inputs, several, dear, ahead, counting_starts=inputs.start_h > 0)
        shared = inputs.provider_max_spend_share is not None
        most_s = STARTS_S if inputs.start_h else SHARES_S if shared else time_limit_s
        limits = replace(settings, gap=settings.gap / 10, time_limit_s=max(0.1, min(time_limit_s, most_s)))
        if solve_model(model.model, limits).objective is None:
            return None, relaxed_usd, credit
    if any((x.varValue or 0) > 1e-6 * inputs.windows[w].requests_month[k] for (w, k), x in model.undone.items()):
        return None, relaxed_usd, credit
    if beyond_share(model, relaxed_usd):
        return None, relaxed_usd, credit
    runs = []
    chosen: dict[str, list[BlockAnswer]] = {}
    for (b, j), hours in model.hours.items():
        whole = round(hours.varValue or 0)
        run = ways[b][j].run
        if whole and run is not None:
            chosen.setdefault(b, []).append(ways[b][j])
            runs.append(replace(run, week_h=whole))
    bought = {label: x.varValue for label, x in model.bought.items() if (x.varValue or 0) > 1e-6}
    runs = trim(inputs, runs, bought)
    usd = sum(run.usd_month * run.week_h / inputs.block_week_h[run.block] for run in runs)
    usd += sum(inputs.windows[w].api_usd_request[k] * n for (w, k), n in bought.items())
    usd += tiers_usd(inputs, runs)
    fixed_usd = procurement_usd(inputs, steps, chosen)
    always = {o: n for (o, b), n in steps.items() if b is None and n}
    stretch = {(o, b): n for (o, b), n in steps.items() if b is not None and n}
    runs = [replace(r, hourly={**r.hourly, **{o: n for (o, b), n in stretch.items() if b == r.block}}) for r in runs]
    runs = in_order(inputs, runs)
    usd += fixed_usd + starts_usd(inputs, runs)
    return Found(usd_month=usd, always=always, runs=tuple(runs), deferred_api=bought), relaxed_usd, credit


def beyond_share(model: MixModel, usd_month: float) -> bool:
    """Whether a mix pays a provider beyond its share, sums of so many USD rounded."""
    return any((x.varValue or 0) > 1e-6 * max(1.0, usd_month) for x in model.beyond.values())


def trim(inputs: FleetInputs, runs: list[BlockRun], bought: Mapping[tuple[str, str], float]) -> list[BlockRun]:
    """Deferred work done beyond what was asked is left out again; whole hours overshoot."""
    keep: dict[tuple[str, str], float] = {}
    for w, window in inputs.windows.items():
        for k, requests in window.requests_month.items():
            done = sum(
                y * 3600 * inputs.block_h[r.block] * r.week_h / inputs.block_week_h[r.block]
                for r in runs
                if r.block in window.blocks
                for (kk, _, _), y in r.served.items()
                if kk == k
            )
            if done > 0:
                factor = min(1.0, (requests - bought.get((w, k), 0.0)) / done)
                keep.update({(k, b): factor for b in window.blocks})
    trimmed = []
    for r in runs:
        part = {label: keep.get((label[0], r.block), 1.0) for label in r.served}
        egress_usd_h = sum(
            inputs.egress_usd_h.get((k, g), 0.0) * y * (1 - part[k, c, g]) for (k, c, g), y in r.served.items()
        )
        served = {label: y * part[label] for label, y in r.served.items() if part[label] > 0}
        trimmed.append(replace(r, served=served, usd_month=r.usd_month - egress_usd_h * inputs.block_h[r.block]))
    return trimmed


def tiers_usd(inputs: FleetInputs, runs: Iterable[BlockRun]) -> float:
    """What tiers make of a month's egress, beside the straight price at which runs count it [USD/month]."""
    gb = dict.fromkeys(inputs.tariffs, 0.0)
    for r in runs if gb else ():
        hours = inputs.block_h[r.block] * r.week_h / inputs.block_week_h[r.block]
        for (k, _, g), y in r.served.items():
            if (p := inputs.tariff_of.get((k, g))) is not None:
                gb[p] += inputs.egress_gb_h.get((k, g), 0.0) * y * hours
    return sum(inputs.tariffs[p].beyond_usd(n) for p, n in gb.items())


def way_of(answer: BlockAnswer) -> Way:
    """The way of an answer that has one."""
    if answer.way is None:
        raise ValueError("an answer without a run is no way")
    return answer.way


def procurement_usd(inputs: FleetInputs, steps: Mapping[Steps, int], ways: Mapping[str, list[BlockAnswer]]) -> float:
    """What these machines and the fixed costs come to [USD/month], the hours left out."""
    usd = 0.0
    for (o, b), n in steps.items():
        offer = inputs.offers[o]
        hours = inputs.month_h if b is None else inputs.block_h[b]
        usd += n * (offer.usd_h * hours + (offer.capital_usd_month if b is None else 0))
    runs = [a.run for answers in ways.values() for a in answers if a.run is not None]
    if inputs.self_host_usd_month and any(run.replicas for run in runs):
        usd += inputs.self_host_usd_month
    if inputs.provider_usd_month:
        have = {offer.provider for offer in inputs.offers.values() if offer.existing is not None}
        used = {inputs.offers[o].provider for (o, _), n in steps.items() if n}
        used |= {inputs.offers[o].provider for run in runs for o in run.hourly}
        usd += inputs.provider_usd_month * len(used - have)
    return usd


def dear_request(inputs: FleetInputs, k: str) -> float:
    """A price per request of class k above any way of serving it [USD]: to lead the search, never to pay."""
    dearest = max((offer.usd_h for offer in inputs.offers.values()), default=1.0)
    slowest = min((rate for (_, kk), rate in inputs.rate_req_s.items() if kk == k), default=1.0)
    return 100 * dearest / (3600 * slowest)


def hour_by_hour(inputs: FleetInputs) -> FleetInputs:
    """Blocks in which deferred work may run, divided into single hours: alike in demand, not in what is done.

    Where starts are paid, all blocks: their hours differ in what runs before and after them.  And where providers have
    shares of the month, which may be kept by turns.
    """
    by_turns = inputs.start_h > 0 or inputs.provider_max_spend_share is not None
    in_window = {b for w in inputs.windows.values() for b in w.blocks}
    parts = {
        b: [f"{b}#{i}" for i in range(n)] if n > 1 and (b in in_window or by_turns) else [b]
        for b, n in inputs.block_week_h.items()
    }
    if all(len(p) == 1 for p in parts.values()):
        return inputs
    nights = {b: len(hours) // inputs.block_week_h[b] for b, hours in inputs.block_hours.items()}
    return replace(
        inputs,
        offers={
            o: replace(
                offer,
                away=frozenset(p for b in offer.away for p in parts[b]),
                workers={p: n for b, n in offer.workers.items() for p in parts[b]},
                billed_share={p: share for b, share in offer.billed_share.items() for p in parts[b]},
            )
            for o, offer in inputs.offers.items()
        },
        block_h={p: inputs.block_h[b] / len(ps) for b, ps in parts.items() for p in ps},
        block_hours={
            p: hours[i * nights[b] : (i + 1) * nights[b]] if len(parts[b]) > 1 else hours
            for b, hours in inputs.block_hours.items()
            for i, p in enumerate(parts[b])
        },
        week_of={
            **inputs.week_of,
            **{p: inputs.week_of[b] for b, ps in parts.items() if b in inputs.week_of for p in ps},
        },
        block_week_h={p: inputs.block_week_h[b] // len(ps) for b, ps in parts.items() for p in ps},
        demand_req_s={(k, p): d for (k, b), d in inputs.demand_req_s.items() for p in parts[b]},
        windows={
            w: replace(window, blocks=tuple(p for b in window.blocks for p in parts[b]))
            for w, window in inputs.windows.items()
        },
    )


def read_whole(inputs: FleetInputs, divided: FleetInputs, model: FleetModel) -> Found:
    """The plan on the variables of a whole program."""
    v = model.variables
    always = {o: round(x.varValue or 0) for o, x in v.always.items() if round(x.varValue or 0)}
    runs = []
    for part in divided.block_h:
        run = read_run(divided, v, part)
        block = part.rsplit("#", 1)[0] if part not in inputs.block_h else part
        runs.append(replace(run, block=block, usd_month=run.usd_month * inputs.block_week_h[block] / run.week_h))
    bought = {label: x.varValue for label, x in v.deferred_api.items() if (x.varValue or 0) > 1e-6}
    runs = trim(inputs, runs, bought)
    usd = sum(run.usd_month * run.week_h / inputs.block_week_h[run.block] for run in runs)
    usd += sum(inputs.windows[w].api_usd_request[k] * n for (w, k), n in bought.items())
    usd += tiers_usd(inputs, runs)
    ways: dict[str, list[BlockAnswer]] = {r.block: [] for r in runs}
    for r in runs:
        ways[r.block].append(BlockAnswer(run=r, way=None, bound_usd_month=0.0))
    steps: dict[Steps, int] = {(o, None): n for o, n in always.items()}
    return Found(
        usd_month=usd + procurement_usd(inputs, steps, ways) + starts_usd(inputs, runs),
        always=always,
        runs=tuple(runs),
        deferred_api=bought,
    )
