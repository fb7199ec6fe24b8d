"""Offers that cannot be in any best plan, and the proof that they cannot.

An offer is dominated when another, of which there is no end, does all that it does for no more money.
Nothing here is a rule of thumb: what is dropped could be replaced, machine by machine, in every plan.
Of equals one stays: the first by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache

from planner.candidates import Candidate, prune_dominated, stands_for
from planner.drops import Drops
from planner.market import Lot, counted_in_vcpus, matches_quota
from planner.problem.matching import allows
from planner.problem.schema import Problem
from planner.spending import plan_rates

COUNTED = ("max_providers", "max_regions", "max_gpu_types", "max_deployments")


def limited(lot: Lot, problem: Problem) -> bool:
    """Whether anything in the problem, quotas aside, limits how much of this offer can be had."""
    upfront = lot.upfront_usd > 0 and problem.procurement.max_upfront_usd is not None
    apart = lot.row.term == "spot" and problem.spot.kept_share > 0
    by_lot = lot.min_machines > 1 or lot.multiple_of > 1
    return lot.max_machines is not None or upfront or apart or by_lot or ordered(lot, problem)


def covered_as_well(one: Lot, other: Lot, problem: Problem) -> bool:
    """Whether every spend commitment that pays for `one` pays for `other` at a rate no higher."""
    rates = plan_rates(problem, other)
    return all(quote in rates and rates[quote] <= usd_h for quote, usd_h in plan_rates(problem, one).items())


def one_kind(problem: Problem, other: Lot, one: Lot) -> bool:
    """Whether `other` is of the same provider, region and GPU type as `one` wherever these are paid for or limited."""
    spread, overheads = problem.spread, problem.overheads
    by_provider = overheads.provider_usd_month > 0 or overheads.storage_gb > 0
    share = min(spread.max_provider_traffic_share, spread.max_provider_spend_share)
    by_provider = by_provider or share < 1 or spread.max_providers is not None
    by_provider = by_provider or problem.resilience.provider
    by_region = spread.max_regions is not None or problem.resilience.region
    place, its = (one.row.provider, one.row.region), (other.row.provider, other.row.region)
    return not (
        (by_provider and place[0] != its[0])
        or (by_region and place != its)
        or (spread.max_gpu_types is not None and one.row.gpu != other.row.gpu)
    )


def ordered(lot: Lot, problem: Problem) -> bool:
    """Whether a minimum order counts this offer: it may then be worth more than its own price."""
    return any(
        allows(m.where, lot.row, lot.vendor) and (not m.terms or lot.row.term in m.terms)
        for m in problem.procurement.minimum_orders
    )


def keeping_queues_whole(
    lots: Iterable[Lot], gone: Mapping[str, bool], waits: Callable[[str], bool]
) -> tuple[list[Lot], int]:
    """The offers that stay, and how many go.

    `gone` says of each dropped offer whether its stand-in is in another group.  Replicas that wait in line share their
    queue with their group only, so such an offer goes only if its whole group goes.
    """
    lots = list(lots)
    staying = {one.group for one in lots if one.name not in gone}
    back = {one.name for one in lots if gone.get(one.name) and one.group in staying and waits(one.group)}
    kept = [one for one in lots if one.name not in gone or one.name in back]
    return kept, len(lots) - len(kept)


Beats = Callable[[Lot, Lot], bool]
"""(other, one) -> whether `other`, of which there is no end, does all that `one` does for no more money."""


def prices_of(problem: Problem, lots: Iterable[Lot]) -> dict[str, float]:
    """What a machine costs with tax and the interest on what is paid upfront [USD/h]."""
    capital, tax = problem.procurement.cost_of_capital_year, problem.overheads.tax_share
    return {one.name: one.taxed_usd_h(tax) + one.capital_usd_month(capital) / problem.month_hours for one in lots}


def on_the_same_machine(problem: Problem, lots: list[Lot]) -> Beats:
    """Whether one offer of a machine beats another of the same; of equals the first by name does."""
    price = prices_of(problem, lots)
    free = {one.name: one.existing is None and not limited(one, problem) for one in lots}
    quotas = range(len(problem.procurement.quotas))
    counted = {one.name: {i for i in quotas if matches_quota(one, problem, i)} for one in lots}
    vcpus = {one.name: one.vcpus or 0 if counted_in_vcpus(one, problem) else 0 for one in lots}

    def beats(other: Lot, one: Lot) -> bool:
        if other is one or price[other.name] > price[one.name]:  # the quickest first: this is asked of all pairs
            return False
        if not free[other.name] or not one.workloads <= other.workloads:
            return False
        if not as_steady(other, one) or not follows(other, one) or not one_kind(problem, other, one):
            return False
        if not covered_as_well(one, other, problem):
            return False
        if not counted[other.name] <= counted[one.name] or vcpus[other.name] > vcpus[one.name]:
            return False
        if not sends_as_cheaply(other, one):
            return False
        same = price[other.name] == price[one.name] and other.billing == one.billing and free[one.name]
        same = same and as_steady(one, other) and covered_as_well(other, one, problem)
        same = same and other.workloads == one.workloads and sends_as_cheaply(one, other)
        same = same and counted[other.name] == counted[one.name] and vcpus[other.name] == vcpus[one.name]
        return not (same and other.name > one.name)

    return beats


def decided(problem: Problem, lots: Iterable[Lot]) -> list[Lot]:
    """Offers that may be dropped at all: not paid for already, not kept, and no minimum order counts them."""
    return [one for one in lots if one.existing is None and not one.kept and not ordered(one, problem)]


def prune_dominated_lots(problem: Problem, lots: Iterable[Lot], drops: Drops) -> list[Lot]:
    """Drop an offer that another, unlimited one of the same machine is no dearer than, for all it may serve.

    A quota that counts both is no limit here: one can stand for the other.

    An hourly offer no dearer than a commitment dominates it; a commitment never dominates an hourly offer.
    """
    everything = list(lots)
    beats = on_the_same_machine(problem, everything)
    gone: dict[str, bool] = {}
    kinds: dict[tuple[str, int], list[Lot]] = {}
    for one in everything:
        kinds.setdefault((one.row.gpu, one.row.gpus), []).append(one)
    for one in decided(problem, everything):
        better = [other for other in kinds[one.row.gpu, one.row.gpus] if beats(other, one)]
        if better:
            gone[one.name] = all(other.group != one.group for other in better)
    kept, dropped = keeping_queues_whole(everything, gone, lambda _: True)
    for _ in range(dropped):
        drops.add("another offer of the same machine is no dearer")
    return kept


def as_steady(other: Lot, one: Lot) -> bool:
    """Whether `other` is taken back no more often than `one`."""
    return (other.row.term != "spot" or one.row.term == "spot") and other.serving_share >= one.serving_share


def sends_as_cheaply(other: Lot, one: Lot) -> bool:
    """Whether data may leave `other` in place of `one` at no more money, whatever else leaves their providers."""
    return other.row.provider == one.row.provider or max(other.egress.usd_gb) <= min(one.egress.usd_gb)


def follows(other: Lot, one: Lot) -> bool:
    """Whether `other` can be on in just the hours that `one` is."""
    if other.billing == "stretch" and one.billing == "stretch":
        return other.row.minimum_rental_h <= one.row.minimum_rental_h
    return other.billing in (one.billing, "hourly")


def standing_on(
    problem: Problem, lots: Iterable[Lot], candidates: list[Candidate], classes: Mapping[str, str]
) -> dict[str, list[Candidate]]:
    """By group, the candidates worth standing there, with the rates of the classes admitted and no others.

    `classes` is class -> workload.  Where only some workloads are admitted, fewer candidates are worth it, unless few
    deployments may be used at all.
    """
    by_gpu: dict[str, list[Candidate]] = {}
    for c in candidates:
        by_gpu.setdefault(c.gpu, []).append(c)
    known: dict[tuple[str, int, frozenset[str]], list[Candidate]] = {}
    out: dict[str, list[Candidate]] = {}
    for lot in lots:
        key = (lot.row.gpu, lot.row.gpus, lot.workloads)
        if key not in known:
            fitting = [
                replace(c, rates={k: r for k, r in c.rates.items() if classes[k] in lot.workloads})
                for c in by_gpu.get(lot.row.gpu, ())
                if c.gpus <= lot.row.gpus
            ]
            serving = [c for c in fitting if c.rates]
            few = problem.spread.max_deployments is not None
            known[key] = serving if few else prune_dominated(serving, Drops())
        out[lot.group] = known[key]
    return out


def on_other_machines(problem: Problem, lots: list[Lot], standing: Mapping[str, list[Candidate]]) -> Beats:
    """Whether machines of one kind outclass those of another, so many of them as the price of one buys.

    One machine of the offer can be replaced by m of the other (a power of two, as many as its price buys) if every
    candidate standing on it has a counterpart there that takes no more of the m machines' room and carries at least as
    much of every class, queueing included.  Quotas, egress, markets and workloads are respected as above.
    """
    quotas = range(len(problem.procurement.quotas))
    price = prices_of(problem, lots)
    counted = {one.name: any(matches_quota(one, problem, i) for i in quotas) for one in lots}
    gpus = {one.group: one.row.gpus for one in lots}

    @cache
    def outclasses(group: str, other: str, machines: int) -> bool:
        if gpus[group] & (gpus[group] - 1) or gpus[other] & (gpus[other] - 1):
            return False
        return all(
            any(
                replaces(c, gpus[group], d, gpus[other], machines)
                for d in standing[other]
                if c.rates.keys() <= d.rates.keys()
            )
            for c in standing[group]
        )

    def beats(other: Lot, one: Lot) -> bool:
        if other is one or other.existing is not None or limited(other, problem) or counted[other.name]:
            return False
        if other.group == one.group or not one.workloads <= other.workloads or plan_rates(problem, one):
            return False
        if not as_steady(other, one) or not sends_as_cheaply(other, one):
            return False
        if not follows(other, one) or not one_kind(problem, other, one) or price[other.name] > price[one.name]:
            return False
        machines = 2 ** int(math.log2(price[one.name] / price[other.name] + 1e-12))
        return outclasses(one.group, other.group, machines)

    return beats


def prune_outclassed_lots(
    problem: Problem, lots: list[Lot], standing: Mapping[str, list[Candidate]], drops: Drops
) -> list[Lot]:
    """Drop an offer whose machines another kind of machine outclasses, at no more money.

    Not where only few deployments may be used: counterparts may be more of them.
    """
    if problem.spread.max_deployments is not None:
        return lots
    beats = on_other_machines(problem, lots, standing)
    price = prices_of(problem, lots)
    alive = {one.name: one for one in lots}
    for one in sorted(decided(problem, lots), key=lambda lot: (-price[lot.name] / lot.row.gpus, lot.name)):
        if any(beats(other, one) for other in alive.values()):
            del alive[one.name]
    gone = {one.name: True for one in lots if one.name not in alive}
    kept, dropped = keeping_queues_whole(lots, gone, lambda group: any(c.loss > 0 for c in standing[group]))
    for _ in range(dropped):
        drops.add("other machines do all that it does for no more money")
    return kept


def stand_ins(problem: Problem, lots: list[Lot], standing: Mapping[str, list[Candidate]]) -> dict[str, tuple[str, ...]]:
    """By offer, those that beat it as long as nothing limits, or makes one pay for, how many kinds are used."""
    spread, overheads = problem.spread, problem.overheads
    fees = overheads.provider_usd_month or overheads.storage_gb
    if not fees and all(most is None for most in (spread.max_providers, spread.max_regions, spread.max_gpu_types)):
        return {}
    free = problem.model_copy(
        update={
            "spread": spread.model_copy(update=dict.fromkeys(COUNTED)),
            "overheads": overheads.model_copy(update={"provider_usd_month": 0, "storage_gb": 0}),
        }
    )
    same, others, price = (
        on_the_same_machine(free, lots),
        on_other_machines(free, lots, standing),
        prices_of(free, lots),
    )
    machine = {one.name: (one.row.gpu, one.row.gpus) for one in lots}

    def first(other: Lot, one: Lot) -> bool:
        return (price[other.name], other.name) < (price[one.name], one.name)

    found = {
        one.name: tuple(
            other.name
            for other in lots
            if (machine[other.name] == machine[one.name] and same(other, one))
            or (first(other, one) and others(other, one))
        )
        for one in decided(problem, lots)
    }
    return {name: better for name, better in found.items() if better}


def replaces(c: Candidate, gpus: int, d: Candidate, other_gpus: int, machines: int) -> bool:
    """Whether replicas of d on `machines` machines of `other_gpus` GPUs can stand for those of c on one of `gpus`."""
    # Replicas of d that fit the room one replica of c takes; sizes are powers of two, so they pack.
    return stands_for(d, c, machines * other_gpus * c.gpus // (gpus * d.gpus))
