"""At most a share of the month's spend with one provider, from paper to the problem file.

The story of `fleets.chat_fleet`: 4 requests/s for 100 hours, 1 for 300; a replica serves 1 and stands on one GPU.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from brute_force import BruteForce
from fleets import chat_fleet, random_fleet, rented
from hypothesis import given, settings
from hypothesis import strategies as st

import planner
from planner.errors import InputError, ProblemError
from planner.formulation import assemble
from planner.inputs import FleetInputs
from planner.outlook import breakpoints
from planner.paid import paid_in_a_month
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings, solve_model
from planner.tidy import tidy

EXACT = Settings(gap=0.0, time_limit_s=60)


def is_usd(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-6, abs=1e-5)


def two_providers(share: float | None, **acme: Any) -> FleetInputs:
    """Acme has machines at $1/h, beta at $1.5/h."""
    here = ("acme", "beta")
    return chat_fleet(
        group_gpus=dict.fromkeys(here, 1),
        offers={
            "a": rented(1.0, group="acme", provider="acme", **acme),
            "b": rented(1.5, group="beta", provider="beta"),
        },
        deployment_groups={"llama": here},
        admitted=frozenset(("chat", g) for g in here),
        provider_max_spend_share=share,
    )


def usd(inputs: FleetInputs) -> float:
    found = search(inputs, EXACT)
    assert found.ended is Ended.OPTIMAL and found.usd_month is not None
    assert found.bound_usd_month == is_usd(found.usd_month)
    check_shares(inputs, found)
    return found.usd_month


def check_shares(inputs: FleetInputs, found: Solution) -> None:
    """No provider is paid more than its share."""
    paid = paid_in_a_month(inputs, found.always, found.runs, found.deferred_api)
    most = inputs.provider_max_spend_share or 1.0
    assert all(each <= most * sum(paid.values()) * (1 + 1e-6) + 1e-6 for each in paid.values()), paid


def test_a_share_of_the_spend_buys_hours_of_the_dearer_provider():
    # Seven times 100 machine-hours, all from acme: $700.  Each that beta serves instead costs $50 more.
    assert usd(two_providers(None)) == is_usd(700)
    # one of them: acme gets 600 of 750, just 80 %; two: 500 of 800 are 62.5 %; three: 400 of 850
    assert usd(two_providers(0.8)) == is_usd(750)
    assert usd(two_providers(0.7)) == is_usd(800)
    assert usd(two_providers(0.6)) == is_usd(850)


def test_a_share_that_is_kept_anyway_costs_nothing():
    # two machines of acme at most: 500 to acme and 300 to beta
    assert usd(two_providers(None, max_machines=2)) == is_usd(800)
    assert usd(two_providers(0.625, max_machines=2)) == is_usd(800)


def test_what_is_signed_already_is_a_part_of_the_bill():
    # A machine of acme all month is paid $400 whatever is decided; what else the day needs, three more.
    signed = two_providers(None)
    there = rented(1.0, group="acme", provider="acme", billing="always", existing=1)
    signed = replace(signed, offers={**signed.offers, "there": there})
    assert usd(signed) == is_usd(300)
    # two from beta: acme gets 500 of 800; three: 400 of 850
    assert usd(replace(signed, provider_max_spend_share=0.63)) == is_usd(100 + 300)
    assert usd(replace(signed, provider_max_spend_share=0.6)) == is_usd(450)


def two_apis(share: float) -> FleetInputs:
    """4 requests/s for 100 hours, from APIs only: x at $1/h for each, y at $3."""
    return chat_fleet(
        demand_req_s={("chat", "day"): 4.0},
        offers={},
        api_usd_h={("chat", "cheap"): 1.0, ("chat", "dear"): 3.0},
        provider_of={"cheap": "x", "dear": "y"},
        provider_max_spend_share=share,
    )


def test_the_dual_of_a_share_is_what_a_usd_more_saves():
    # x serves a: 100 a <= 0.6 (100 a + 300 (4 - a)), so a = 720/220, and a USD more to x raises a by 1/220
    a = 720 / 220
    assert usd(two_apis(0.6)) == is_usd(100 * a + 300 * (4 - a))
    answer = solve_model(assemble(two_apis(0.6)), EXACT, relaxed=True)
    assert answer.duals["within_provider_spend", ("x",)] == pytest.approx(-200 / 220)
    assert answer.duals["within_provider_spend", ("y",)] == pytest.approx(0)


def test_what_no_two_providers_can_share_is_told():
    found = search(two_providers(0.4), EXACT)
    assert found.ended is Ended.INFEASIBLE and "within_provider_spend" in found.in_the_way


@settings(max_examples=8, deadline=None)
@given(prices=st.tuples(st.floats(0.5, 3.0), st.floats(0.5, 3.0)), share=st.floats(0.55, 0.9))
def test_a_larger_share_never_costs_more(prices, share):
    inputs = two_providers(share)
    offers = {o: replace(x, usd_h=p) for (o, x), p in zip(inputs.offers.items(), prices, strict=True)}
    inputs = replace(inputs, offers=offers)
    assert usd(replace(inputs, provider_max_spend_share=share + 0.1)) <= usd(inputs) + 1e-5


def shared_out(seed: int) -> FleetInputs:
    """A random fleet of a few hours and machines, of which no provider may be paid more than its share."""
    inputs, rng = random_fleet(seed), random.Random(seed)
    blocks = sorted(inputs.block_h)[: rng.choice([1, 2]) if seed % 5 != 3 else 4]
    week_h = {b: rng.randint(1, 2) if seed % 5 != 3 else 1 for b in blocks}
    block_h = {b: 4.0 * n for b, n in week_h.items()}
    apis = sorted({a for _, a in inputs.api_usd_h})
    owner = {a: f"p{n % 2}" for n, a in enumerate(apis)}
    offers = {
        o: replace(
            offer,
            provider=f"p{n % 3 if seed % 2 else n % 2}",
            max_machines=None if offer.existing is not None else 1 if offer.billing == "always" else rng.choice([1, 2]),
        )
        for n, (o, offer) in enumerate(inputs.offers.items())
    }
    windows = {
        v: replace(w, blocks=tuple(b for b in w.blocks if b in blocks), api_provider={"k0": rng.choice(["p0", "p1"])})
        for v, w in inputs.windows.items()
        if set(w.blocks) & set(blocks)
    }
    return replace(
        inputs,
        month_h=sum(block_h.values()),
        block_h=block_h,
        block_week_h=week_h,
        offers=offers,
        demand_req_s={(k, b): d for (k, b), d in inputs.demand_req_s.items() if b in blocks},
        windows=windows,
        provider_of=owner,
        provider_max_spend_share=rng.choice([0.5, 0.6, 0.7, 0.8]),
    )


def compare(seeds: Iterable[int]) -> tuple[int, int]:
    """Search against trying everything: how many seeds have a plan, and how many of these cost more by the share."""
    feasible = dearer = 0
    for seed in seeds:
        inputs = shared_out(seed)
        expected, found = BruteForce(inputs).cheapest(), search(inputs, EXACT)
        if expected is None:
            assert found.ended is Ended.INFEASIBLE, seed
            continue
        feasible += 1
        assert found.ended is Ended.OPTIMAL, seed
        assert found.usd_month == is_usd(expected), seed
        assert found.bound_usd_month <= expected * (1 + 1e-6) + 1e-5, seed
        check_shares(inputs, found)
        check_shares(inputs, tidy(inputs, found, EXACT))
        free = search(replace(inputs, provider_max_spend_share=None), EXACT)
        dearer += found.usd_month > free.usd_month * (1 + 1e-6) + 1e-6
    return feasible, dearer


def test_shares_of_spend_cost_what_trying_everything_finds():
    feasible, dearer = compare(seed for seed in range(30) if seed != 13)
    assert feasible > 12 and dearer > 8, (feasible, dearer)


@pytest.mark.long
def test_shares_of_spend_cost_what_trying_everything_finds_many_times():
    feasible, dearer = compare(range(400))
    assert feasible > 200 and dearer > 150, (feasible, dearer)


def test_a_plan_within_a_gap_keeps_its_shares_and_its_bound_is_true():
    for seed in range(25):
        inputs = shared_out(seed)
        expected, found = BruteForce(inputs).cheapest(), search(inputs, replace(EXACT, gap=0.05))
        if expected is not None and seed != 13:
            assert found.bound_usd_month <= expected * (1 + 1e-6) + 1e-5, seed
            assert expected * (1 - 1e-6) - 1e-5 <= found.usd_month <= expected / 0.95 + 1e-5, seed
            check_shares(inputs, found)


PROBLEM = """\
name: spend
workloads:
  chat:
    models: [llama-3.1-8b]
    traffic: {mean_req_s: 60, shape: flat, input_tok: 1500, output_tok: 300}
    slo: {ttft_ms: 2000, tpot_ms: 60}
procurement:
  only_quotes: true
  quotes:
    - {provider: acme, region: one, gpu: h100-sxm, gpus: 1, usd_h: 2.0, term: on-demand, SEEN}
    - {provider: beta, region: one, gpu: h100-sxm, gpus: 1, usd_h: 2.6, term: on-demand, SEEN}
apis: {allow: false}
solver: {gap: 0.005}
spread: {RULE}
""".replace("SEEN", "observed_on: 2026-11-01, source: tests")


def written(tmp_path, rule: str):
    path = tmp_path / "problem.yaml"
    path.write_text(PROBLEM.replace("RULE", rule), encoding="utf-8")
    return planner.load(path)


def test_a_problem_with_a_share_of_the_spend_tells_what_each_provider_is_paid(tmp_path):
    found = planner.solve(written(tmp_path, "max_provider_spend_share: 0.6"), today=date(2026, 11, 2))
    assert found.status == "optimal"
    assert [each.provider for each in found.spread.paid] == ["acme", "beta"]
    assert sum(each.share for each in found.spread.paid) == pytest.approx(1)
    assert found.spread.paid[0].share <= 0.6 + 1e-6
    # machines of both stand for each other: one queue for all
    assert len({p.group for p in found.purchases}) == 1


def test_what_cannot_be_is_named_in_the_words_of_the_file(tmp_path):
    alone = planner.solve(written(tmp_path, "max_provider_spend_share: 0.4"), today=date(2026, 11, 2))
    assert alone.in_the_way == ("spread.max_provider_spend_share of 0.4",)
    with pytest.raises(ProblemError, match=r"1 x max_provider_spend_share of 0\.6 is 0\.6 of what is paid"):
        written(tmp_path, "max_provider_spend_share: 0.6, max_providers: 1")


def test_what_moves_with_prices_is_not_asked_where_prices_move(tmp_path):
    problem = written(tmp_path, "max_provider_spend_share: 0.6")
    with pytest.raises(InputError, match="makes what is allowed move with prices"):
        breakpoints(problem, ["price.h100-sxm"])
