"""The outline of a problem: smaller, and never dearer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fleets import chat_fleet, rented
from test_brute_force import AGREE, EXACT, interrupted

from planner.inputs import Loss
from planner.outline import beside, outline
from planner.scenarios import together
from planner.search import search


def pools(**other):
    """Two pools of one market at $1/h and $1.2/h beside a firm machine at $2/h."""
    here = ("h100", "pool a", "pool b")
    return chat_fleet(
        group_gpus=dict.fromkeys(here, 1),
        spot_groups=frozenset(here[1:]),
        offers={"firm": rented(), "a": rented(1.0, group="pool a"), "b": rented(1.2, group="pool b")},
        deployment_groups={"llama": here},
        admitted=frozenset(("chat", g) for g in here),
        losses={g: Loss(groups=frozenset({g}), kept_share={"chat": 0.5}, taken_back=True) for g in here[1:]},
        **other,
    )


def test_pools_of_one_market_are_one_with_its_cheapest_offer():
    simpler = outline(pools())
    assert set(simpler.offers) == {"firm", "a"} and not simpler.losses
    # 4 machines of the cheaper pool for 100 hours, 1 for 300: nothing stands ready beside them
    assert search(simpler, EXACT).usd_month == pytest.approx(4 * 100 + 300)
    assert beside(pools(), frozenset({"a"})) == {"a", "b"}


def test_a_market_is_as_steady_and_sends_as_cheaply_as_the_best_of_its_pools():
    egress = {("chat", "pool a"): 0.2, ("chat", "pool b"): 0.1}
    simpler = outline(pools(serving_share={"pool a": 0.9, "pool b": 0.95}, egress_usd_h=egress))
    assert set(simpler.offers) == {"firm", "a"}
    market = simpler.offers["a"].group
    assert simpler.serving_share[market] == 0.95 and simpler.egress_usd_h["chat", market] == 0.1


def test_what_is_limited_stays():
    fleet = pools()
    few = replace(fleet, offers={**fleet.offers, "b": replace(fleet.offers["b"], max_machines=1)})
    assert set(outline(few).offers) == {"firm", "a", "b"}


def test_without_pools_there_is_no_outline():
    assert outline(chat_fleet()) is None


@pytest.mark.parametrize("seed", range(9100, 9130))
def test_an_outline_never_costs_more(seed):
    inputs = interrupted(seed)
    simpler = outline(inputs)
    if simpler is None:
        pytest.skip("no pool that may be taken back")
    whole, less = search(inputs, EXACT), search(simpler, EXACT)
    if whole.usd_month is not None:
        assert less.usd_month <= whole.usd_month * (1 + AGREE) + AGREE


def test_of_one_market_the_best_offer_of_each_scenario_stays():
    # Pool a at $1/h and $1.5/h, pool b at $1.2/h: 4 x 100 + 300 machine-hours at a in one scenario, at b in the other
    fleet = pools()
    swapped = replace(fleet, offers={**fleet.offers, "a": replace(fleet.offers["a"], usd_h=1.5)})
    simpler = outline(together({"one": fleet, "two": swapped}, {"one": 0.5, "two": 0.5}))
    assert {o for o in simpler.offers if "firm" not in o} == {"one | a", "two | b"}
    assert search(simpler, EXACT).usd_month == pytest.approx(0.5 * 700 + 0.5 * 1.2 * 700)
