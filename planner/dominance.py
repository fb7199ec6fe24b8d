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

from planner.candidates import Candidate, Drops, prune_dominated, stands_for
from planner.market import Lot, matches_quota
from planner.problem.matching import allows
from planner.problem.schema import Problem


def limited(lot: Lot, problem: Problem) -> bool:
    """Whether anything in the problem, quotas aside, limits how much of this offer can be had."""
    upfront = lot.upfront_usd > 0 and problem.procurement.max_upfront_usd is not None
    apart = lot.row.term == "spot" and problem.spot.kept_share > 0
    return lot.max_machines is not None or upfront or apart or ordered(lot, problem)


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


def prune_dominated_lots(problem: Problem, lots: Iterable[Lot], drops: Drops) -> list[Lot]:
    """Drop an offer that another, unlimited one of the same machine is no dearer than, for all it may serve.

    A quota that counts both is no limit here: one can stand for the other.

    An hourly offer no dearer than a commitment dominates it; a commitment never dominates an hourly offer.
    """
    capital = problem.procurement.cost_of_capital_year
    by_provider = problem.overheads.provider_usd_month > 0 or problem.overheads.storage_gb > 0
    gone: dict[str, bool] = {}
    everything = list(lots)
    price = {one.name: one.row.usd_h + one.capital_usd_month(capital) / problem.month_hours for one in everything}
    free = {one.name: one.existing is None and not limited(one, problem) for one in everything}
    quotas = range(len(problem.procurement.quotas))
    counted = {one.name: {i for i in quotas if matches_quota(one, problem, i)} for one in everything}
    kinds: dict[tuple[str, int], list[Lot]] = {}
    for one in everything:
        kinds.setdefault((one.row.gpu, one.row.gpus), []).append(one)
    for one in everything:
        rivals = [] if one.existing is not None or ordered(one, problem) else kinds[one.row.gpu, one.row.gpus]
        for other in rivals:
            if other is one or not free[other.name] or not one.workloads <= other.workloads:
                continue
            if not as_steady(other, one):
                continue
            if not follows(other, one):
                continue
            if by_provider and other.row.provider != one.row.provider:
                continue
            if not counted[other.name] <= counted[one.name]:
                continue
            if other.egress_usd_gb > one.egress_usd_gb or price[other.name] > price[one.name]:
                continue
            same = price[other.name] == price[one.name] and other.billing == one.billing and free[one.name]
            same = same and as_steady(one, other)
            same = same and other.workloads == one.workloads and other.egress_usd_gb == one.egress_usd_gb
            same = same and counted[other.name] == counted[one.name]
            if same and other.name > one.name:
                continue
            gone[one.name] = other.group != one.group
            if not gone[one.name]:
                break
    kept, dropped = keeping_queues_whole(everything, gone, lambda _: True)
    for _ in range(dropped):
        drops.add("another offer of the same machine is no dearer")
    return kept


def as_steady(other: Lot, one: Lot) -> bool:
    """Whether `other` is taken back no more often than `one`."""
    return (other.row.term != "spot" or one.row.term == "spot") and other.serving_share >= one.serving_share


def follows(other: Lot, one: Lot) -> bool:
    """Whether `other` can be on in just the hours that `one` is."""
    if other.billing == "stretch" and one.billing == "stretch":
        return other.row.minimum_rental_h <= one.row.minimum_rental_h
    return other.billing in (one.billing, "hourly")


def standing_on(
    lots: Iterable[Lot], candidates: list[Candidate], classes: Mapping[str, str]
) -> dict[str, list[Candidate]]:
    """By group, the candidates worth standing there, with the rates of the classes admitted and no others.

    `classes` is class -> workload.  Where only some workloads are admitted, fewer candidates are worth it.
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
            known[key] = prune_dominated([c for c in fitting if c.rates], Drops())
        out[lot.group] = known[key]
    return out


def prune_outclassed_lots(
    problem: Problem, lots: list[Lot], standing: Mapping[str, list[Candidate]], drops: Drops
) -> list[Lot]:
    """Drop an offer whose machines another kind of machine outclasses, at no more money.

    One machine of the offer can be replaced by m of the other (a power of two, as many as its price buys) if every
    candidate standing on it has a counterpart there that takes no more of the m machines' room and carries at least as
    much of every class, queueing included.  Quotas, egress, markets and workloads are respected as above.
    """
    capital = problem.procurement.cost_of_capital_year
    by_provider = problem.overheads.provider_usd_month > 0 or problem.overheads.storage_gb > 0
    quotas = range(len(problem.procurement.quotas))
    price = {one.name: one.row.usd_h + one.capital_usd_month(capital) / problem.month_hours for one in lots}
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

    alive = {one.name: one for one in lots}
    for one in sorted(lots, key=lambda lot: (-price[lot.name] / lot.row.gpus, lot.name)):
        if one.existing is not None or ordered(one, problem):
            continue
        for other in alive.values():
            if other is one or other.existing is not None or limited(other, problem) or counted[other.name]:
                continue
            if other.group == one.group or not one.workloads <= other.workloads:
                continue
            if not as_steady(other, one) or other.egress_usd_gb > one.egress_usd_gb:
                continue
            if not follows(other, one):
                continue
            if by_provider and other.row.provider != one.row.provider:
                continue
            if price[other.name] > price[one.name]:
                continue
            machines = 2 ** int(math.log2(price[one.name] / price[other.name] + 1e-12))
            if outclasses(one.group, other.group, machines):
                del alive[one.name]
                break
    gone = {one.name: True for one in lots if one.name not in alive}
    kept, dropped = keeping_queues_whole(lots, gone, lambda group: any(c.loss > 0 for c in standing[group]))
    for _ in range(dropped):
        drops.add("other machines do all that it does for no more money")
    return kept


def replaces(c: Candidate, gpus: int, d: Candidate, other_gpus: int, machines: int) -> bool:
    """Whether replicas of d on `machines` machines of `other_gpus` GPUs can stand for those of c on one of `gpus`."""
    # Replicas of d that fit the room one replica of c takes; sizes are powers of two, so they pack.
    return stands_for(d, c, machines * other_gpus * c.gpus // (gpus * d.gpus))
