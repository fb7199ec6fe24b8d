"""Several models on one GPU, from paper to the problem file.

The story of `shared_fleet`: chat needs 2 requests/s by day and 1 by night, search and mail 1 each at any hour.  A whole
GPU serves 4 requests/s of any of them, a half serves 2, a third 1.  Machines of one GPU cost $2/h.
"""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from brute_force import BruteForce
from fleets import chat_fleet, random_fleet
from hypothesis import given, settings
from hypothesis import strategies as st
from test_brute_force import check_plan

from planner.formulation import assemble
from planner.inputs import FleetInputs
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings, solve_model

EXACT = Settings(gap=0.0, time_limit_s=60)
CLASSES = ("chat", "search", "mail")
HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


def plan(inputs: FleetInputs) -> Solution:
    return search(inputs, EXACT)


def usd(inputs: FleetInputs) -> float:
    found = plan(inputs)
    assert found.ended is Ended.OPTIMAL and found.usd_month is not None
    assert found.bound_usd_month == pytest.approx(found.usd_month, rel=1e-6, abs=1e-5)
    return found.usd_month


def is_usd(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def shared_fleet(parts: tuple[int, ...] = (), **other: Any) -> FleetInputs:
    """See the module; `parts` says into how many a GPU may be split, each model having a deployment for each."""
    size: dict[str, int | Fraction] = {f"{k} whole": 1 for k in CLASSES}
    size |= {f"{k} 1/{n}": Fraction(1, n) for k in CLASSES for n in parts}
    rate = {1: 4.0, HALF: 2.0, THIRD: 1.0}
    fleet = chat_fleet(
        deployment_gpus=size,
        split_as={f"{k} 1/{n}": f"1/{n}" for k in CLASSES for n in parts},
        deployment_groups=dict.fromkeys(size, ("h100",)),
        queue_slope=dict.fromkeys(size, 1.0),
        queue_loss=dict.fromkeys(size, 0.0),
        class_workload={k: k for k in CLASSES},
        demand_req_s={
            ("chat", "day"): 2.0, ("chat", "night"): 1.0,
            **{(k, b): 1.0 for k in ("search", "mail") for b in ("day", "night")},
        },
        rate_req_s={(c, c.split()[0]): rate[gpus] for c, gpus in size.items()},
        admitted=frozenset((k, "h100") for k in CLASSES),
    )  # fmt: skip
    return replace(fleet, **other)


def test_models_that_share_gpus_need_fewer():
    assert usd(shared_fleet()) == is_usd(3 * 2 * 400)  # a GPU for each
    # halves: three of them at any hour, on two GPUs
    assert usd(shared_fleet((2,))) == is_usd(2 * 2 * 400)
    # thirds: by day chat needs two, four thirds on two GPUs; by night three on one
    assert usd(shared_fleet((3,))) == is_usd(2 * 2 * 100 + 1 * 2 * 300)
    # both ways may be had, but each GPU is split in one: by day still two GPUs
    assert usd(shared_fleet((2, 3))) == is_usd(2 * 2 * 100 + 1 * 2 * 300)


def test_sharing_changes_nothing_where_each_model_fills_its_gpus():
    full = {(k, b): 4.0 for k in CLASSES for b in ("day", "night")}
    whole = usd(shared_fleet(demand_req_s=full))
    assert whole == is_usd(3 * 2 * 400)
    assert usd(shared_fleet((2, 3), demand_req_s=full)) == is_usd(whole)


def test_without_sharing_there_is_no_row_and_no_variable_of_it():
    model = assemble(shared_fleet())
    assert not model.variables.split and not model.variables.kept_split
    assert not any(family == "within_gpu_parts" for family, _ in model.rows)


def test_the_dual_is_the_worth_of_one_more_part():
    # 4 requests/s of mail through the 100 hours of the day, three thirds: one request/s goes to an API at $5/h,
    # which one third more would serve.
    inputs = shared_fleet(
        (3,),
        deployment_groups={"mail 1/3": ("h100",)},
        demand_req_s={("mail", "day"): 4.0},
        api_usd_h={("mail", "api"): 5.0},
    )
    model = assemble(inputs, operation="relaxed", held={"split": {("1/3", "h100", "day"): 1}})
    answer = solve_model(model, EXACT, relaxed=True)
    assert answer.duals["within_gpu_parts", ("1/3", "h100", "day")] == is_usd(-1 * 5 * 100)


def test_a_lost_machine_leaves_room_for_the_parts_that_must_survive():
    # Two GPUs to a machine.  By night three halves take two GPUs: one machine, and one to spare.
    two = {"group_gpus": {"h100": 2}, "protected": frozenset(CLASSES)}
    assert usd(shared_fleet((2,), **two)) == is_usd(2 * 2 * 400)
    assert usd(shared_fleet((2,), group_gpus={"h100": 2})) == is_usd(1 * 2 * 400)
    # mail need not survive: the two halves left fit the GPU of one small machine, and mail stands on the spare
    small = shared_fleet((2,), protected=frozenset({"chat", "search"}))
    assert usd(small) == is_usd(2 * 2 * 400)
    assert usd(shared_fleet((2,), protected=frozenset(CLASSES))) == is_usd(3 * 2 * 400)


def random_shared(seed: int) -> FleetInputs:
    """A random fleet in which some deployments take a part of a GPU, and some classes may have to survive."""
    inputs, dice = random_fleet(seed), random.Random(seed + 1)
    size, split, rates = dict(inputs.deployment_gpus), {}, dict(inputs.rate_req_s)
    for c, gpus in inputs.deployment_gpus.items():
        if dice.random() < 0.6:
            parts = dice.choice((2, 2, 3))
            size[c], split[c] = Fraction(1, parts), f"{dice.choice('ab')} 1/{parts}"
            part_of = {k: r / gpus * dice.choice((0.4, 0.8)) for (cc, k), r in rates.items() if cc == c}
            rates |= {(c, k): r for k, r in part_of.items()}
    protected = (
        frozenset(k for k in inputs.class_workload if dice.random() < 0.4) if dice.random() < 0.4 else frozenset()
    )
    waits = {k for w in inputs.windows.values() for k in w.requests_month}
    demand = {label: d / 2 for label, d in inputs.demand_req_s.items()}
    return replace(inputs, deployment_gpus=size, split_as=split, rate_req_s=rates, demand_req_s=demand,
                   protected=protected - waits)  # fmt: skip


@pytest.mark.parametrize("kind", range(5))
def test_the_search_finds_what_trying_everything_finds(kind):
    feasible = 0
    for seed in range(kind, 200, 5):
        inputs = random_shared(seed)
        expected, found = BruteForce(inputs).cheapest(), search(inputs, EXACT)
        if expected is None:
            assert found.ended is Ended.INFEASIBLE, seed
            continue
        feasible += 1
        assert found.ended is Ended.OPTIMAL, seed
        assert found.usd_month == pytest.approx(expected, rel=1e-6, abs=1e-5), seed
        check_plan(inputs, found)
    assert feasible > 15


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_that_gpus_may_be_split_never_costs_more(seed):
    inputs = random_shared(seed)
    whole = {c for c in inputs.deployment_gpus if c not in inputs.split_as}
    without = replace(
        inputs, deployment_groups={c: places for c, places in inputs.deployment_groups.items() if c in whole}
    )
    apart, shared = plan(without), plan(inputs)
    if apart.usd_month is not None:
        assert shared.usd_month is not None and shared.usd_month <= apart.usd_month * (1 + 1e-6) + 1e-6
