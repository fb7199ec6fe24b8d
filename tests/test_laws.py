"""What is true of any numbers: laws of a cheapest plan, on random problems, at gap 0."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from fleets import random_fleet
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from planner.inputs import FleetInputs, Offer, Quota
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings

LAW = settings(deadline=None, max_examples=25, derandomize=True, suppress_health_check=list(HealthCheck))
AGREE = 1e-6
fleets = st.integers(min_value=1000, max_value=9999).map(random_fleet)
T = TypeVar("T")


def solved(inputs: FleetInputs) -> Solution:
    found = search(inputs, Settings(gap=0.0, time_limit_s=60))
    assert found.ended in (Ended.OPTIMAL, Ended.INFEASIBLE)
    if found.usd_month is not None:
        assert found.bound_usd_month is not None
        assert found.bound_usd_month <= found.usd_month * (1 + AGREE) + AGREE
    return found


def no_more(one: Solution, other: Solution) -> None:
    """`one` has a plan wherever `other` has, at no more money."""
    if other.usd_month is not None:
        assert one.usd_month is not None
        assert one.usd_month <= other.usd_month * (1 + AGREE) + AGREE


def alike(one: Solution, other: Solution, factor: float = 1.0) -> None:
    """Both have a plan, at `factor` times the cost, or neither."""
    assert one.ended is other.ended
    if other.usd_month is not None:
        assert one.usd_month == pytest.approx(factor * other.usd_month, rel=AGREE, abs=AGREE)


@given(fleets)
@LAW
def test_one_more_offer_never_raises_the_cost(inputs):
    orders = {o for m in inputs.minimum_orders.values() for o in m.offers}
    spare = [o for o in inputs.offers if o not in orders]
    assume(len(inputs.offers) > 1 and spare)
    o = spare[-1]
    assume(inputs.offers[o].existing is None)  # machines already there use up quota
    fewer = replace(
        inputs,
        offers={other: x for other, x in inputs.offers.items() if other != o},
        quotas={
            q: replace(x, weight={other: n for other, n in x.weight.items() if other != o})
            for q, x in inputs.quotas.items()
        },
    )
    no_more(solved(inputs), solved(fewer))


@given(fleets)
@LAW
def test_one_more_deployment_never_raises_the_cost(inputs):
    assume(len(inputs.deployment_gpus) > 1)
    kept = list(inputs.deployment_gpus)[:-1]
    fewer = replace(
        inputs,
        deployment_gpus={c: inputs.deployment_gpus[c] for c in kept},
        deployment_groups={c: inputs.deployment_groups[c] for c in kept},
        rate_req_s={(c, k): r for (c, k), r in inputs.rate_req_s.items() if c in kept},
    )
    no_more(solved(inputs), solved(fewer))


@given(fleets, st.floats(min_value=0.5, max_value=8))
@LAW
def test_one_more_api_never_raises_the_cost(inputs, usd_h):
    asked = {k for k, _ in inputs.demand_req_s}
    more = replace(inputs, api_usd_h={**inputs.api_usd_h, **{(k, "new"): round(usd_h, 2) for k in asked}})
    no_more(solved(more), solved(inputs))


def dearer(inputs: FleetInputs, factor: float) -> FleetInputs:
    """All that is money, times a factor."""

    def times(prices: Mapping[T, float]) -> dict[T, float]:
        return {label: factor * usd for label, usd in prices.items()}

    def limit(usd: float | None) -> float | None:
        return None if usd is None else factor * usd

    money = ("usd_h", "upfront_usd", "capital_usd_month")
    return replace(
        inputs,
        offers={
            o: replace(x, covers=times(x.covers), **{m: factor * getattr(x, m) for m in money})
            for o, x in inputs.offers.items()
        },
        egress_usd_h=times(inputs.egress_usd_h),
        api_usd_h=times(inputs.api_usd_h),
        windows={w: replace(x, api_usd_request=times(x.api_usd_request)) for w, x in inputs.windows.items()},
        max_upfront_usd=limit(inputs.max_upfront_usd),
        budget_usd_month=limit(inputs.budget_usd_month),
        self_host_usd_month=factor * inputs.self_host_usd_month,
        provider_usd_month=factor * inputs.provider_usd_month,
    )


@given(fleets)
@LAW
def test_doubling_every_price_doubles_the_cost_and_keeps_the_fleet(inputs):
    one, two = solved(inputs), solved(dearer(inputs, 2.0))
    alike(two, one, 2.0)
    if one.usd_month is None:
        return
    # where two fleets cost the same either is right: the fleet of the one, held, is as cheap in the other
    bought = {o: n for o, n in one.always.items() if inputs.offers[o].existing is None}
    always = [o for o, x in inputs.offers.items() if x.billing == "always" and x.existing is None]
    if {o: two.always.get(o, 0) for o in always} != {o: bought.get(o, 0) for o in always}:
        same = {o: replace(x, max_machines=bought.get(o, 0)) if o in always else x for o, x in inputs.offers.items()}
        alike(solved(dearer(replace(inputs, offers=same), 2.0)), one, 2.0)


@given(fleets, st.randoms(use_true_random=False))
@LAW
def test_splitting_a_block_in_two_equal_halves_changes_nothing(inputs, dice):
    assume(not inputs.blocks_in_order)
    b = dice.choice(sorted(inputs.block_h))
    assume(inputs.block_week_h[b] % 2 == 0)
    parts = {x: [f"{x} first", f"{x} second"] if x == b else [x] for x in inputs.block_h}
    halves = replace(
        inputs,
        block_h={p: inputs.block_h[x] / len(ps) for x, ps in parts.items() for p in ps},
        block_week_h={p: inputs.block_week_h[x] // len(ps) for x, ps in parts.items() for p in ps},
        demand_req_s={(k, p): d for (k, x), d in inputs.demand_req_s.items() for p in parts[x]},
        windows={v: replace(w, blocks=tuple(p for x in w.blocks for p in parts[x])) for v, w in inputs.windows.items()},
    )
    alike(solved(halves), solved(inputs))


def renamed(inputs: FleetInputs, dice: random.Random) -> tuple[FleetInputs, dict[str, str]]:
    """New names for everything, in the same order; some that PuLP 3 cannot tell apart."""
    labels = sorted({*inputs.block_h, *inputs.group_gpus, *inputs.offers, *inputs.deployment_gpus,
                     *inputs.class_workload, *inputs.class_workload.values(), *inputs.windows, *inputs.quotas,
                     *inputs.minimum_orders, "a0", "a1", "p0", "p1"})  # fmt: skip
    spellings = [f"x{n // 4}{mark}" for n, mark in zip(range(len(labels)), " -+>" * len(labels), strict=False)]
    dice.shuffle(spellings)
    new = dict(zip(labels, spellings, strict=True))

    def again(x: Any) -> Any:
        if isinstance(x, str):
            return new.get(x, x)
        if isinstance(x, Offer):
            return replace(x, group=new[x.group], provider=new[x.provider], covers=again(x.covers))
        if isinstance(x, Mapping):
            return {again(label): again(value) for label, value in x.items()}
        if isinstance(x, tuple | frozenset):
            return type(x)(again(value) for value in x)
        if hasattr(x, "__dataclass_fields__"):
            return replace(x, **{name: again(getattr(x, name)) for name in x.__dataclass_fields__})
        return x

    return again(inputs), new


@given(fleets, st.randoms(use_true_random=False))
@LAW
def test_renaming_everything_changes_only_the_names(inputs, dice):
    other, new = renamed(inputs, dice)
    one, two = solved(inputs), solved(other)
    alike(two, one)
    assert two.always == {new[o]: n for o, n in one.always.items()}
    assert [(r.block, r.week_h) for r in two.runs] == [(new[r.block], r.week_h) for r in one.runs]
    for a, b in zip(one.runs, two.runs, strict=True):
        assert b.hourly == {new[o]: n for o, n in a.hourly.items()}
        assert b.replicas == {(new[c], new[g]): n for (c, g), n in a.replicas.items()}


@given(fleets, st.integers(min_value=0, max_value=3))
@LAW
def test_a_tighter_quota_never_lowers_the_cost(inputs, machines):
    weight = {o: 1.0 for o, x in inputs.offers.items() if x.existing is None}
    loose, tight = (
        replace(inputs, quotas={**inputs.quotas, "new": Quota(weight=weight, limit=machines + more)}) for more in (1, 0)
    )
    no_more(solved(loose), solved(tight))
    no_more(solved(inputs), solved(loose))
