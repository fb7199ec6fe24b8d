"""Replicas that run in every hour, whether asked for or not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from brute_force import BruteForce, Hour
from fleets import chat_fleet, random_fleet
from hypothesis import given, settings
from hypothesis import strategies as st
from test_brute_force import AGREE, EXACT, check_plan

from planner.formulation import assemble
from planner.inputs import FleetInputs
from planner.search import search
from planner.solution import Ended
from planner.solver import solve_model
from planner.tidy import tidy


def usd(inputs: FleetInputs) -> float:
    found = search(inputs, EXACT)
    assert found.ended is Ended.OPTIMAL
    return found.usd_month


def test_a_replica_more_at_night_and_none_by_day():
    # 4 by day as ever, 2 instead of 1 by night: 4 x 2 x 100 + 2 x 2 x 300
    two = chat_fleet(min_replicas={"chat": 2})
    assert usd(two) == pytest.approx(2000)
    assert {run.block: sum(run.replicas.values()) for run in search(two, EXACT).runs} == {"day": 4, "night": 2}
    # one replica runs anyway: the rule does not bind
    assert usd(chat_fleet(min_replicas={"chat": 1})) == pytest.approx(1400)


def test_replicas_run_in_hours_that_ask_for_nothing():
    # nothing at night: scale to zero, unless one replica is to run
    nothing = {"demand_req_s": {("chat", "day"): 4.0}}
    assert usd(chat_fleet(**nothing)) == pytest.approx(800)
    assert usd(chat_fleet(**nothing, min_replicas={"chat": 1})) == pytest.approx(800 + 600)


def test_an_hour_that_asks_for_nothing_needs_no_spare():
    # by day 4 machines and a spare; at night one idle replica, which may fail: 5 x 2 x 100 + 1 x 2 x 300
    nothing = {"demand_req_s": {("chat", "day"): 4.0}, "protected": frozenset({"chat"})}
    assert usd(chat_fleet(**nothing, min_replicas={"chat": 1})) == pytest.approx(1000 + 600)


def test_they_run_on_machines_although_an_api_is_cheaper():
    sold = chat_fleet(api_usd_h={("chat", "api"): 0.5}, min_replicas={"chat": 1})
    # the API serves 3 of the day's 4 at $0.5; the one replica serves the rest, and all of the night
    assert usd(sold) == pytest.approx((2 + 3 * 0.5) * 100 + 2 * 300)


def test_the_dual_is_what_one_replica_less_saves():
    inputs = chat_fleet(min_replicas={"chat": 2})
    model = assemble(inputs)
    relaxed = solve_model(model, EXACT, relaxed=True)
    assert relaxed.duals["keep_replicas_running", ("chat", "night")] == pytest.approx(2 * 300)
    assert relaxed.duals["keep_replicas_running", ("chat", "day")] == pytest.approx(0)


def test_a_quota_too_small_is_in_the_way_beside_the_rule():
    from planner.inputs import Quota

    found = search(chat_fleet(min_replicas={"chat": 6}, quotas={"q": Quota(weight={"by hour": 1.0}, limit=5)}), EXACT)
    assert found.ended is Ended.INFEASIBLE
    assert {"within_quota", "keep_replicas_running"} <= set(found.in_the_way)


@settings(max_examples=20, deadline=None)
@given(less=st.integers(0, 4), more=st.integers(0, 4))
def test_more_replicas_never_cost_less(less, more):
    few, many = (usd(chat_fleet(min_replicas={"chat": n} if n else {})) for n in (less, less + more))
    assert many >= few - 1e-6


class Running(BruteForce):
    """Everything tried, where so many machines of one GPU must be on: each holds one replica that serves anything."""

    def ways(self, offers: set[str], held: dict[str, int], hour: Hour, hosting: bool):
        self.least = max(self.i.min_replicas.values(), default=0)
        return super().ways(offers, held, hour, hosting) if hosting or not self.least else []

    def placed(self, on, hour):
        there = sum(n or 0 for o, n in on.items() if self.i.offers[o].group in self.i.group_gpus)
        return super().placed(on, hour) if there >= self.least else []

    def useful(self, group: str, hour: Hour) -> int:
        return max(super().useful(group, hour), max(self.i.min_replicas.values(), default=0))


def running(seed: int) -> FleetInputs:
    """A random fleet on machines of one GPU, of which so many must hold a replica that serves anything."""
    inputs, rng = random_fleet(seed), random.Random(seed)
    classes, groups = inputs.class_workload, tuple(inputs.group_gpus)
    return replace(
        inputs,
        group_gpus=dict.fromkeys(groups, 1),
        deployment_gpus=dict.fromkeys(inputs.deployment_gpus, 1),
        deployment_groups=dict.fromkeys(inputs.deployment_gpus, groups),
        rate_req_s={(c, k): rng.uniform(0.6, 2) for c in inputs.deployment_gpus for k in classes},
        admitted=frozenset((k, g) for k in classes for g in groups),
        min_replicas={w: rng.randint(1, 3) for w in sorted(set(classes.values())) if rng.random() < 0.8},
    )


def test_replicas_that_run_cost_what_trying_everything_finds(thin):
    dearer = feasible = 0
    for seed in range(9200, 9300)[::thin]:
        inputs = running(seed)
        if len(inputs.group_gpus) * len(inputs.deployment_gpus) > 2:
            continue  # too much to try
        expected, found = Running(inputs).cheapest(), search(inputs, EXACT)
        if expected is None:
            assert found.ended is Ended.INFEASIBLE, seed
            continue
        feasible += 1
        assert found.ended is Ended.OPTIMAL, seed
        assert found.usd_month == pytest.approx(expected, rel=AGREE, abs=AGREE), seed
        for plan in (found, tidy(inputs, found, EXACT)):
            check_plan(inputs, plan)
            for run in plan.runs:
                assert all(sum(run.replicas.values()) >= n for n in inputs.min_replicas.values()), seed
        dearer += found.usd_month > search(replace(inputs, min_replicas={}), EXACT).usd_month * (1 + AGREE) + AGREE
    assert thin > 1 or (dearer > 3 and feasible > 20), (dearer, feasible)
