"""A smaller problem that can cost no more: spot pools taken for one market each, as if none were ever taken back.

What is proved of it holds for the problem itself, and is known long before all pools are told apart.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from planner.inputs import FleetInputs


def outline(inputs: FleetInputs) -> FleetInputs | None:
    """The problem with pools of alike machines joined and only their best offers; None where no pool stands apart.

    Replicas of joined groups share their queue and every machine of the market, which is taken back as seldom and sends
    data as cheaply as the best of them, so nothing gets dearer by it.
    """
    losses = {name: lost for name, lost in inputs.losses.items() if not lost.taken_back}
    if len(losses) == len(inputs.losses):
        return None
    first: dict[Hashable, str] = {}
    joined = {g: first.setdefault(alike(inputs, g), g) if g in inputs.spot_groups else g for g in inputs.group_gpus}
    offers = {o: replace(offer, group=joined.get(offer.group, "")) for o, offer in inputs.offers.items()}
    share, egress = dict(inputs.serving_share), dict(inputs.egress_usd_h)
    for g, market in joined.items():
        share[market] = max(inputs.serving_share.get(g, 1.0), share.get(market, 1.0))
    for (k, g), usd_h in inputs.egress_usd_h.items():
        egress[k, joined[g]] = min(usd_h, egress[k, joined[g]])
    best: dict[Hashable, str] = {}
    for o in sorted(offers, key=lambda o: (offers[o].usd_h, o)):
        if offers[o].group in inputs.spot_groups and replaceable(inputs, o):
            best.setdefault((offers[o].group, offers[o].away, counted(inputs, o)), o)
    gone = {o for o in offers if offers[o].group in inputs.spot_groups and replaceable(inputs, o)} - set(best.values())
    return replace(
        inputs,
        provider_max_spend_share=None,  # a pool's stand-in may be another provider's
        serving_share=share,
        egress_usd_h=egress,
        losses={name: replace(lost, groups=frozenset(joined[g] for g in lost.groups)) for name, lost in losses.items()},
        offers={o: offer for o, offer in offers.items() if o not in gone},
        deployment_groups={
            c: tuple(dict.fromkeys(joined[g] for g in groups)) for c, groups in inputs.deployment_groups.items()
        },
        quotas={
            q: replace(quota, weight={o: x for o, x in quota.weight.items() if o not in gone})
            for q, quota in inputs.quotas.items()
        },
    )


def replaceable(inputs: FleetInputs, o: str) -> bool:
    """Whether a cheaper offer of the same market and quotas can always stand for this one."""
    offer = inputs.offers[o]
    covered = any(o in promise.covers for promise in inputs.offers.values())
    return offer.existing is None and offer.billing == "hourly" and offer.max_machines is None and not covered


def counted(inputs: FleetInputs, o: str) -> Hashable:
    """What an offer takes of each quota."""
    return tuple(quota.weight.get(o, 0.0) for quota in inputs.quotas.values())


def alike(inputs: FleetInputs, g: str) -> Hashable:
    """What makes two spot pools one market."""
    return (
        inputs.group_gpus[g],
        frozenset(k for k, gg in inputs.admitted if gg == g),
        frozenset(c for c, groups in inputs.deployment_groups.items() if g in groups),
        frozenset(k for k, gg in inputs.egress_usd_h if gg == g),
        frozenset((k, p) for (k, gg), p in inputs.tariff_of.items() if gg == g),
        inputs.provider_of.get(g),
        frozenset(name for name, lost in inputs.losses.items() if g in lost.groups and not lost.taken_back),
    )


def beside(inputs: FleetInputs, rented: frozenset[str], each: int = 4) -> frozenset[str]:
    """What an outline rents, with the cheapest pools that stand beside each of its own."""
    group = {o: inputs.offers[o].group for o in rented}
    markets = {alike(inputs, g) for g in group.values() if g in inputs.spot_groups}
    pools: dict[Hashable, list[str]] = {}
    for o in sorted(inputs.offers, key=lambda o: (inputs.offers[o].usd_h, o)):
        if (g := inputs.offers[o].group) in inputs.spot_groups and (market := alike(inputs, g)) in markets:
            pools.setdefault((market, inputs.offers[o].away), []).append(o)
    return rented | {o for several in pools.values() for o in several[:each]}
