"""One plan for many scenarios: a newsvendor on paper, brute force over all that can be signed, laws, and the command.

The newsvendor: each request/s needs one machine for 100 hours, $1/h if signed for now, $3/h once it is known how many
are needed.  A machine more pays as long as it is needed with a probability above 1/3, the critical fractile.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from brute_force import BruteForce
from fleets import chat_fleet, committed, random_fleet, rented
from hypothesis import given, settings
from hypothesis import strategies as st
from test_brute_force import interrupted, surviving
from test_min_replicas import running
from test_startup import starting
from typer.testing import CliRunner

import planner
from planner.analysis.robust import worth
from planner.analysis.scenarios import locked, mean_of
from planner.audit.robust import wrong_about_scenarios
from planner.cli import app
from planner.errors import NoCandidate, ProblemError
from planner.hedging import Criterion, Hedge, alone, cheapest_known, least_usd, run_all, signed_usd
from planner.inputs import FleetInputs, Tariff
from planner.problem.procurement import SpendQuote
from planner.robust_plan import RobustPlan
from planner.scenarios import first_stage, held, signed_now, together
from planner.search import search
from planner.solution import Ended
from planner.solver import Settings

EXACT = Settings(gap=0.0, time_limit_s=60)
AGREE = 1e-5
ROOT = Path(__file__).parents[1]


def vendor(needed: float, rent_usd_h: float = 3.0, **other: Any) -> FleetInputs:
    """So many requests/s for all of a month of 100 hours."""
    fleet = chat_fleet(
        month_h=100.0,
        block_h={"all": 100.0},
        block_week_h={"all": 1},
        demand_req_s={("chat", "all"): needed},
        offers={"by hour": rented(rent_usd_h), "year": committed(1.0)},
    )
    return replace(fleet, **other)


def hedged(
    scenarios: Mapping[str, FleetInputs],
    weight: Mapping[str, float],
    criterion: Criterion = Criterion(),  # noqa: B008
) -> Hedge:
    own = alone(scenarios, EXACT)
    references = cheapest_known(own, ()) if criterion.measure == "regret" else dict.fromkeys(own, 0.0)
    hedge = Hedge(scenarios, weight, criterion, EXACT, references, {s: least_usd(found) for s, found in own.items()})
    hedge.seek()
    return hedge


def value(hedge: Hedge) -> float:
    best = hedge.best()
    assert best is not None
    return hedge.value(best.usd)


TEN = {f"{n} needed": vendor(n) for n in range(1, 11)}
EQUAL = dict.fromkeys(TEN, 0.1)


def test_the_newsvendor_signs_for_the_critical_fractile():
    # P(7 or more) = 0.4 > 1/3 > 0.3 = P(8 or more): seven.  100 h x (7 x $1 + $3 x (1 + 2 + 3) / 10) = $880
    hedge = hedged(TEN, EQUAL)
    assert hedge.best().signed == {"year": 7}
    assert value(hedge) == pytest.approx(880) and hedge.bound() == pytest.approx(880)


@pytest.mark.parametrize(("rent_usd_h", "signed"), [(1.05, 1), (1.5, 4), (2.0, 6), (9.9, 9), (10.1, 10), (0.9, 0)])
def test_the_dearer_it_is_to_rent_later_the_more_is_signed(rent_usd_h, signed):
    # as many as are needed with a probability of more than 1 / rent; at $2 five or six are worth the same
    dear = {s: vendor(n, rent_usd_h) for n, s in enumerate(TEN, 1)}
    found = hedged(dear, EQUAL).best().signed.get("year", 0)
    assert found in ({5, 6} if rent_usd_h == 2.0 else {signed})


def test_other_measures_of_the_newsvendor():
    # worst: all ten are needed.  cvar of the dearest fifth: 9 or 10 needed, each with 1/2 > 1/3: ten.
    # regret of n: max(n - 1 not needed at $1, 10 - n rented for $2 more): 6 x 100 at seven, which six cannot reach
    assert hedged(TEN, EQUAL, Criterion(measure="worst")).best().signed == {"year": 10}
    tail = hedged(TEN, EQUAL, Criterion(measure="cvar", tail=0.2))
    assert tail.best().signed == {"year": 10} and value(tail) == pytest.approx(1000)
    regret = hedged(TEN, EQUAL, Criterion(measure="regret"))
    assert regret.best().signed == {"year": 7} and value(regret) == pytest.approx(600)
    assert 599 < regret.bound() <= 600


def test_what_is_certain_is_planned_like_one_scenario():
    same = {"one": vendor(4), "other": vendor(4)}
    hedge = hedged(same, {"one": 0.25, "other": 0.75})
    assert hedge.best().signed == {"year": 4}  # where nothing is uncertain nothing is hedged
    assert value(hedge) == pytest.approx(search(vendor(4), EXACT).usd_month)


def test_prices_that_move_are_those_of_their_scenario_alone():
    # one machine: $1 now, or $0.5 and $9 later with 0.9 and 0.1: renting costs 0.45 + 0.9 = $1.35/h on the mean
    cheap, dear = vendor(1, 0.5), vendor(1, 9.0)
    both = {"cheap": cheap, "dear": dear}
    assert hedged(both, {"cheap": 0.9, "dear": 0.1}).best().signed == {"year": 1}
    # with 0.95 and 0.05 it is 0.475 + 0.45 = $0.925/h: nothing is signed, and the worst case still would
    seldom = hedged(both, {"cheap": 0.95, "dear": 0.05})
    assert seldom.best().signed == {} and value(seldom) == pytest.approx(92.5)
    assert hedged(both, {"cheap": 0.95, "dear": 0.05}, Criterion(measure="worst")).best().signed == {"year": 1}


def test_what_has_no_plan_in_one_scenario_has_none():
    scarce = vendor(4, offers={"by hour": rented(3.0, max_machines=1), "year": committed(1.0, max_machines=2)})
    few = vendor(1, offers=scarce.offers)
    found = hedged({"few": few, "many": scarce}, {"few": 0.9, "many": 0.1})
    assert found.best() is None and found.in_the_way is not None
    assert "serve_demand" in found.in_the_way


def test_fixed_costs_are_paid_in_the_scenarios_that_use_them():
    # Alone by hour $3 x 100 h + $200 for acme and $150 to run a fleet, or the API at $5 x 100 h: $500.  With two
    # requests/s the machines cost 600 + 350, the API 1,000.  So: API in "one", machines in "two".
    fixed = {"provider_usd_month": 200, "self_host_usd_month": 150, "api_usd_h": {("chat", "api"): 5.0}}
    both = {
        s: vendor(n, offers={"by hour": rented(3.0), "year": committed(9.0)}, **fixed)
        for s, n in (("one", 1), ("two", 2))
    }
    hedge = hedged(both, {"one": 0.5, "two": 0.5})
    assert hedge.best().signed == {}
    assert value(hedge) == pytest.approx(0.5 * 500 + 0.5 * 950) and hedge.bound() == pytest.approx(725, rel=1e-6)


def test_each_scenario_fills_the_tiers_of_egress_by_itself():
    # 1 and 3 requests/s send 1,000 and 3,000 GB: the first 2,000 at $0.1, then free
    tier = {
        "tariffs": {"acme": Tariff(tier_gb=(2000.0, 1000.0), usd_gb=(0.1, 0.0))},
        "tariff_of": {("chat", "h100"): "acme"},
        "egress_gb_h": {("chat", "h100"): 10.0},
        "egress_usd_h": {("chat", "h100"): 10.0 * 200 / 3000},
    }
    hedge = hedged({"one": vendor(1, **tier), "three": vendor(3, **tier)}, {"one": 0.5, "three": 0.5})
    # two machines are needed with 1/2 > 1/3: three are signed; 300 + 0.5 x 100 + 0.5 x 200
    assert hedge.best().signed == {"year": 3}
    assert value(hedge) == pytest.approx(450) and hedge.bound() == pytest.approx(450, rel=1e-6)


def test_the_program_of_scenarios_needs_one_set_of_offers_to_sign():
    with pytest.raises(ValueError, match="the same offers"):
        together({"a": vendor(1), "b": vendor(1, offers={"by hour": rented()})}, {"a": 0.5, "b": 0.5})


def two_scenarios(seed: int) -> dict[str, FleetInputs]:
    """A random fleet at two loads and prices; at most two machines are signed for of each offer."""
    base, dice = replace(random_fleet(seed), budget_usd_month=None), random.Random(seed)
    offers = {
        o: replace(x, max_machines=min(2, x.max_machines or 2)) if signed_now(x) else x for o, x in base.offers.items()
    }

    def one() -> FleetInputs:
        load, rent, tokens = (round(dice.uniform(0.5, 1.6), 2) for _ in range(3))
        return replace(
            base,
            offers={o: x if x.billing == "always" else replace(x, usd_h=x.usd_h * rent) for o, x in offers.items()},
            demand_req_s={label: d * load for label, d in base.demand_req_s.items()},
            windows={
                v: replace(w, requests_month={k: n * load for k, n in w.requests_month.items()})
                for v, w in base.windows.items()
            },
            api_usd_h={label: usd * tokens for label, usd in base.api_usd_h.items()},
        )

    return {"a": one(), "b": one()}


def all_signings(inputs: FleetInputs) -> Iterator[dict[str, int]]:
    """Everything that may be signed."""
    now = sorted(first_stage(inputs))
    for counts in itertools.product(*(range((inputs.offers[o].max_machines or 0) + 1) for o in now)):
        x = dict(zip(now, counts, strict=True))
        ordered = (
            sum(x.get(o, 0) for o in m.offers) in (0, *range(m.machines, 99)) for m in inputs.minimum_orders.values()
        )
        cash = sum(n * inputs.offers[o].upfront_usd for o, n in x.items())
        if all(ordered) and (inputs.max_upfront_usd is None or cash <= inputs.max_upfront_usd + 1e-9):
            yield x


def brute(scenarios: Mapping[str, FleetInputs]) -> list[dict[str, float]]:
    """What each scenario costs, for everything that may be signed and can be run in all of them."""
    out = []
    for x in all_signings(next(iter(scenarios.values()))):
        found = {s: BruteForce(held(inputs, x)).cheapest() for s, inputs in scenarios.items()}
        if all(usd is not None for usd in found.values()):
            out.append({s: usd + signed_usd(scenarios[s], x) for s, usd in found.items()})
    return out


@pytest.mark.parametrize("kind", range(5), ids=("plain", "rich", "waiting", "rental", "tight"))
def test_no_signature_is_better_than_the_one_found(kind, thin):
    feasible = 0
    for seed in range(kind, 60, 5)[::thin]:
        scenarios, weight = two_scenarios(seed), {"a": 0.3, "b": 0.7}
        if not first_stage(scenarios["a"]) or len(list(all_signings(scenarios["a"]))) > 9:
            continue
        every = brute(scenarios)
        for criterion in (Criterion(), Criterion(measure="worst"), Criterion(measure="cvar", tail=0.5)):
            if not every:
                assert any(f.ended is Ended.INFEASIBLE for f in alone(scenarios, EXACT).values()) or (
                    hedged(scenarios, weight, criterion).in_the_way is not None
                ), seed
                continue
            hedge = hedged(scenarios, weight, criterion)
            best = min(criterion.value(weight, usd) for usd in every)
            assert value(hedge) >= best * (1 - AGREE) - AGREE, seed
            assert hedge.bound() <= best * (1 + AGREE) + AGREE, seed
            if criterion.measure == "expected":
                assert value(hedge) == pytest.approx(best, rel=AGREE, abs=AGREE), seed
                assert hedge.bound() == pytest.approx(best, rel=AGREE, abs=1e-3), seed
                feasible += 1
    assert thin > 1 or (feasible >= 1)


KINDS = {"plain": random_fleet, "starts": starting, "replicas": running, "pools": interrupted, "machines": surviving}


def at_two_loads(inputs: FleetInputs, seed: int) -> dict[str, FleetInputs]:
    """A fleet in which nothing is signed, at two loads."""
    offers = {o: x for o, x in inputs.offers.items() if not signed_now(x)}
    quotas = {
        q: replace(quota, weight={o: n for o, n in quota.weight.items() if o in offers})
        for q, quota in inputs.quotas.items()
    }
    none = replace(inputs, offers=offers, quotas=quotas, minimum_orders={}, budget_usd_month=None)
    load = random.Random(seed).choice([0.6, 1.3])
    other = replace(none, demand_req_s={label: d * load for label, d in none.demand_req_s.items()})
    return {"as it is": none, "other": other}


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_is_signed_every_scenario_is_planned_by_itself(kind, thin):
    feasible = 0
    for seed in range(7000, 7030)[::thin]:
        scenarios = at_two_loads(KINDS[kind](seed), seed)
        own = alone(scenarios, EXACT)
        both = search(together(scenarios, {"as it is": 0.3, "other": 0.7}), EXACT)
        if any(found.usd_month is None for found in own.values()):
            assert both.ended is Ended.INFEASIBLE, seed
            continue
        feasible += 1
        apart = 0.3 * own["as it is"].usd_month + 0.7 * own["other"].usd_month
        assert both.usd_month == pytest.approx(apart, rel=AGREE, abs=1e-4), seed
        assert both.bound_usd_month <= apart * (1 + AGREE) + AGREE, seed
    assert thin > 1 or (feasible > 4)


@given(
    needed=st.lists(st.integers(1, 5), min_size=2, max_size=3),
    rents=st.lists(st.sampled_from([0.8, 1.5, 2.5, 4.0]), min_size=3, max_size=3),
    weights=st.lists(st.integers(1, 5), min_size=3, max_size=3),
    measure=st.sampled_from(["expected", "worst", "cvar", "regret"]),
)
@settings(max_examples=25, deadline=None)
def test_knowing_and_planning_are_never_worth_less_than_nothing(needed, rents, weights, measure):
    scenarios = {f"s{i}": vendor(n, rents[i]) for i, n in enumerate(needed)}
    total = sum(weights[: len(needed)])
    weight = {s: weights[i] / total for i, s in enumerate(scenarios)}
    criterion = Criterion(measure=measure, tail=0.4)
    hedge = hedged(scenarios, weight, criterion)
    rent, mean = (sum(weight[s] * x for s, x in zip(scenarios, row, strict=False)) for row in (rents, needed))
    naive = hedge.try_signing({o: n for o, n in search(vendor(mean, rent), EXACT).always.items() if o == "year"})
    own = cheapest_known(alone(scenarios, EXACT), hedge.tried)
    assert hedge.value(naive.usd) >= value(hedge) - AGREE  # value of the stochastic solution
    assert value(hedge) >= hedge.value(own) - AGREE  # expected value of perfect information
    assert hedge.bound() <= value(hedge) + AGREE


@given(
    usd=st.lists(st.integers(0, 100), min_size=1, max_size=5),
    weights=st.lists(st.integers(1, 9), min_size=5, max_size=5),
    tail=st.floats(0.05, 1),
)
@settings(max_examples=200, deadline=None)
def test_the_mean_of_the_dearest_lies_between_the_mean_and_the_worst(usd, weights, tail):
    total = sum(weights[: len(usd)])
    weight, costs = {}, {}
    for i, each in enumerate(usd):
        weight[f"s{i}"], costs[f"s{i}"] = weights[i] / total, float(each)
    mean, dearest, worst = (Criterion(measure=m, tail=tail).value(weight, costs) for m in ("expected", "cvar", "worst"))
    assert mean - 1e-9 <= dearest <= worst + 1e-9
    # as Rockafellar and Uryasev define it
    assert dearest == pytest.approx(
        min(t + sum(weight[s] * max(0, c - t) for s, c in costs.items()) / tail for t in costs.values())
    )


def test_a_plan_is_run_at_its_best_once_it_is_signed():
    found = run_all({"four": vendor(4)}, {"year": 2}, EXACT)
    assert found.usd == {"four": pytest.approx(100 * (2 * 1 + 2 * 3))}
    assert found.bound_usd == {"four": pytest.approx(800)}


def test_a_worth_lies_between_what_its_bounds_leave():
    # dear 100, at least 90; cheap 80, at least 70: 20, between 10 and 30
    found = worth(100, 90, 80, 70)
    assert (found.usd_month, found.at_least, found.at_most, found.sure) == (20, 10, 30, True)
    assert not worth(100, 79, 80, 70).sure


def test_the_mean_scenario_has_mean_factors():
    found = mean_of({"a": {"traffic": 2.0}, "b": {"price.spot": 3.0}}, {"a": 0.25, "b": 0.75})
    assert found == {"traffic": 1.25, "price.spot": 2.5}


def test_a_spend_commitment_keeps_the_rates_of_its_day():
    quote = SpendQuote.model_validate(
        {"provider": "acme", "term": "1y", "covers": [{"discount_share": 0.4}], "observed_on": date(2026, 11, 1),
         "source": "tests"}
    )  # fmt: skip
    found = locked(quote, {"price.on-demand": 1.2, "price.acme/h100": 2.0, "price.beta": 9.0}, ["h100", "l40s"]).covers
    # 0.6 of the old price is 0.6 / 2.4 = 0.25 of the new one of an H100, 0.5 of that of anything else
    assert [(c.where.gpus, round(c.discount_share, 9)) for c in found] == [(["h100"], 0.75), ([], 0.5)]


PROBLEM = """\
name: rollout
workloads:
  chat:
    models: [ours]
    traffic: {peak_req_s: 10, input_tok: 1000, output_tok: 1000, burst_factor: 1}
performance:
  capacity: [{gpu: home-gpu, input_tok: 1000, output_tok: 1000, req_s: 2}]
resilience: {machine: false}
procurement:
  only_quotes: true
  quotes:
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 3, term: on-demand, SEEN}
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 2, term: 1y, SEEN}
apis: {allow: false}
solver: {gap: 0}
scenarios:
  - {name: few, weight: 1, factors: {traffic: 0.4}}
  - {name: many, weight: 3, factors: {traffic.chat: 1.6, price.rack: 1.5}}
""".replace("SEEN", "observed_on: 2026-11-01, source: tests")


def written(folder: Path, text: str = PROBLEM) -> planner.verbs.ProblemFile:
    path = folder / "rollout.yaml"
    path.write_text(text, encoding="utf-8")
    return planner.load(path)


def solved(folder: Path, text: str = PROBLEM, **asked: Any) -> RobustPlan:
    return planner.robust(written(folder, text), today=date(2026, 11, 2), **asked)


def test_a_problem_with_scenarios_signs_at_todays_price_and_rents_at_that_of_the_day(tmp_path):
    # 2 machines or 8.  Signed: $2/h each in both; rented: $3 in "few", $4.5 in "many".  The third to the eighth are
    # needed with 3/4, worth 0.75 x 4.5 > 2: all eight are signed.  8 x 2 x 730 = $11,680
    found = solved(tmp_path)
    assert [(each.what, each.term, each.count) for each in found.signed] == [("1x-home-gpu", "1y", 8)]
    assert found.status == "optimal" and found.usd_month == pytest.approx(11680)
    few, many = found.scenarios
    assert (few.weight, many.weight) == (0.25, 0.75)
    assert few.alone_usd_month == pytest.approx(2 * 2 * 730) and many.alone_usd_month == pytest.approx(11680)
    # knowing would save 6 machines in "few"; the mean scenario of 1.3 x 10 requests/s signs for 7
    assert found.knowing.usd_month == pytest.approx(0.25 * 6 * 2 * 730)
    assert [each.count for each in found.mean_signed] == [7]
    mean = 730 * (7 * 2 + 0.75 * 4.5)
    assert found.planning.usd_month == pytest.approx(mean - 11680)
    assert found.knowing.sure and found.planning.sure
    assert all(each.plan.audit for each in found.scenarios) and found.audit


def test_the_measure_asked_for_is_made_small(tmp_path):
    seldom = PROBLEM.replace("weight: 3", "weight: 0.2")
    expected, worst = solved(tmp_path, seldom), solved(tmp_path, seldom, criterion="worst")
    # "many" with 1/6: 4.5 / 6 < 2, so two are signed, and six rented if need be: 730 x (2 x 2 + 6 x 4.5) then
    assert sum(each.count for each in expected.signed) == 2
    assert max(each.usd_month for each in expected.scenarios) == pytest.approx(730 * 31)
    assert sum(each.count for each in worst.signed) == 8 and worst.usd_month == pytest.approx(11680)
    assert expected.usd_month < worst.expected_usd_month
    regret = solved(tmp_path, seldom, criterion="regret")
    assert regret.usd_month == pytest.approx(regret.knowing.usd_month)
    tail = solved(tmp_path, seldom, criterion="cvar", tail=0.1)
    assert tail.tail == 0.1 and tail.usd_month == pytest.approx(11680)  # the dearest tenth is "many" alone


def test_a_budget_is_on_what_is_made_small(tmp_path):
    for usd, status in ((11_700, "optimal"), (11_600, "infeasible")):
        found = solved(tmp_path, PROBLEM + f"budget: {{usd_month: {usd}}}\n")
        assert found.status == status
    assert "the budget of 11,600 USD a month: without it there is a plan for 11,680" in found.in_the_way[0]
    with pytest.raises(ProblemError, match="a regret is no money spent"):
        solved(tmp_path, PROBLEM + "budget: {usd_month: 11_700}\n", criterion="regret")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("traffic: 0.4", "price.1y: 0.4", "signed for is signed before a scenario comes"),
        ("traffic: 0.4", "trafic: 0.4", "Did you mean traffic"),
        ("traffic: 0.4", "traffic: 0", "traffic"),
        ("traffic: 0.4", "month_hours: 0.9", "a scenario changes nothing else"),
        ("traffic: 0.4", "price.rack/home-gpu/1y: 0.9", "signed for is signed before a scenario comes"),
        ("name: many", "name: few", '"few" names 2 scenarios'),
        ("weight: 3", "weight: -3", "weight"),
        ("scenarios:", "scenarios: []\nsolver_:", "solver_"),
    ],
)
def test_scenarios_that_cannot_be_are_told_with_their_line(tmp_path, before, after, said):
    with pytest.raises(ProblemError, match=re.escape(said)) as raised:
        solved(tmp_path, PROBLEM.replace(before, after, 1))
    assert "rollout.yaml:" in str(raised.value)


def test_spend_commitments_keep_their_rates_by_provider_and_gpu_alone(tmp_path):
    promise = "  spend_quotes:\n    - {provider: rack, term: 1y, covers: [{discount_share: 0.2}], SEEN}\n".replace(
        "SEEN", "observed_on: 2026-11-01, source: tests"
    )
    text = PROBLEM.replace("apis: {allow", promise + "apis: {allow")
    with pytest.raises(ProblemError, match="by provider and GPU alone"):
        solved(tmp_path, text.replace("price.rack: 1.5", "price.1x-home-gpu: 1.5"))
    assert solved(tmp_path, text.replace("price.rack: 1.5", "price.rack/home-gpu: 1.5")).status == "optimal"


def test_machines_by_the_hour_start_in_the_week_of_their_scenario(tmp_path):
    # Nothing is signed.  "few" 2 machines all week and "many" 8, on all the time: nothing is started.  With three that
    # run whether asked for or not, "few" has one more: 730 x (3 x 3 x 1/4 + 8 x 4.5 x 3/4)
    text = PROBLEM.replace("usd_h: 2,", "usd_h: 20,") + "autoscaling: {startup_minutes: 30}\n"
    assert solved(tmp_path, text).usd_month == pytest.approx(730 * (2 * 3 / 4 + 8 * 4.5 * 3 / 4))
    kept = solved(tmp_path, text.replace("    traffic:", "    min_replicas: 3\n    traffic:"))
    assert kept.usd_month == pytest.approx(730 * (3 * 3 / 4 + 8 * 4.5 * 3 / 4)) and not kept.signed


def test_a_problem_without_scenarios_says_how_to_add_them(tmp_path):
    with pytest.raises(ProblemError, match="no scenarios are given"):
        solved(tmp_path, PROBLEM.split("scenarios:")[0])


def test_a_scenario_that_nothing_serves_is_named(tmp_path):
    scarce = PROBLEM.replace("term: on-demand,", "term: on-demand, max_machines: 1,").replace(
        "term: 1y,", "term: 1y, max_machines: 4,"
    )
    found = solved(tmp_path, scarce)
    assert found.status == "infeasible" and found.usd_month is None
    assert found.in_the_way == ("in many: serving every request in every hour",)
    with pytest.raises(NoCandidate, match="In few"):
        solved(tmp_path, PROBLEM.replace("observed_on", "max_machines: 0, observed_on"))


def tampered(found: RobustPlan, change: str) -> RobustPlan:
    """The plan with one thing about it made untrue."""
    few, many = found.scenarios
    signed = found.signed[0]
    (bought,) = [p for p in few.plan.purchases if p.billing == "always"]
    (chat,) = few.plan.workloads

    def plan(**update: Any) -> RobustPlan:
        other = few.model_copy(update={"plan": few.plan.model_copy(update=update)})
        return found.model_copy(update={"scenarios": (other, many)})

    return {
        "one signs less": lambda: plan(purchases=(bought.model_copy(update={"count": 7}),)),
        "one signs dearer": lambda: plan(purchases=(bought.model_copy(update={"usd_h": 2.5}),)),
        "told otherwise": lambda: found.model_copy(update={"signed": (signed.model_copy(update={"count": 3}),)}),
        "other load": lambda: plan(workloads=(chat.model_copy(update={"requests_month": chat.requests_month * 2}),)),
        "other bill": lambda: plan(usd_month=1.0),
        "other weight": lambda: found.model_copy(update={"scenarios": (few.model_copy(update={"weight": 0.5}), many)}),
        "other value": lambda: found.model_copy(update={"usd_month": found.usd_month - 5}),
        "other mean": lambda: found.model_copy(update={"expected_usd_month": found.usd_month - 5}),
        "bound above": lambda: found.model_copy(update={"bound_usd_month": found.usd_month + 5}),
        "other gap": lambda: found.model_copy(update={"gap": 0.1}),
        "not optimal": lambda: found.model_copy(update={"bound_usd_month": 0.0, "gap": 1.0}),
        "knowing": lambda: found.model_copy(update={"knowing": worth(3, 2, 1, 0)}),
        "planning": lambda: found.model_copy(update={"planning": None}),
        "cheaper than proved": lambda: found.model_copy(
            update={"scenarios": (few, many.model_copy(update={"alone_bound_usd_month": 99_999.0}))}
        ),
    }[change]()


TAMPERINGS = {
    "one signs less": "do not sign for the same",
    "one signs dearer": "do not sign for the same",
    "told otherwise": "3 are signed for",
    "other load": "not asked for by its factors",
    "other bill": "its plan something else",
    "other weight": "has a weight of 0.5",
    "other value": "what is made small",
    "other mean": "expected in the plan",
    "bound above": "lies above",
    "other gap": "a gap of 0.1 is told",
    "not optimal": "called optimal",
    "knowing": "knowing what comes is worth",
    "planning": "planning for scenarios is worth",
    "cheaper than proved": "many costs",
}


@pytest.fixture(scope="module")
def rollout(tmp_path_factory) -> tuple[RobustPlan, planner.verbs.ProblemFile]:
    folder = tmp_path_factory.mktemp("rollout")
    return solved(folder), written(folder)


@pytest.mark.parametrize("change", TAMPERINGS)
def test_the_audit_sees_what_is_not_so(rollout, change):
    found, read = rollout
    assert wrong_about_scenarios(found, read.problem) == []
    assert any(TAMPERINGS[change] in each for each in wrong_about_scenarios(tampered(found, change), read.problem))


def test_a_budget_that_is_broken_is_seen(rollout):
    found, read = rollout
    budget = planner.verbs.ProblemFile(problem=read.problem.model_copy(update={"budget": None})).problem
    tight = type(read.problem).model_validate({**budget.model_dump(), "budget": {"usd_month": 100.0}})
    assert any("beyond the budget" in each for each in wrong_about_scenarios(found, tight))


def test_the_plan_round_trips_through_json(rollout):
    found, _ = rollout
    assert RobustPlan.model_validate_json(found.to_json()) == found


def test_the_command_prints_writes_and_answers_with_its_exit_code(tmp_path):
    written(tmp_path)
    out = tmp_path / "answer.json"
    asked = ["robust", str(tmp_path / "rollout.yaml"), "--today", "2026-11-02", "-o", str(out)]
    answer = CliRunner().invoke(app, asked)
    assert answer.exit_code == 0, answer.output
    assert "rollout: $11,680 a month expected over 2 scenarios" in answer.stdout
    assert "8 x 1x-home-gpu" in answer.stdout
    assert json.loads(out.read_text())["signed"][0]["count"] == 8
    assert CliRunner().invoke(app, [*asked, "--tail", "0.2"]).exit_code == 2
    assert CliRunner().invoke(app, [*asked, "--criterion", "cvar", "--tail", "0"]).exit_code == 2
    assert CliRunner().invoke(app, [*asked, "--json"]).stdout.strip() == out.read_text().strip()
    written(tmp_path, PROBLEM + "budget: {usd_month: 100}\n")
    none = CliRunner().invoke(app, asked)
    assert none.exit_code == 1 and "the budget of 100 USD" in " ".join(none.stdout.split())


def test_the_page_shows_what_the_example_prints(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    page = (ROOT / "docs" / "robust.md").read_text(encoding="utf-8")
    shown = re.search(r"```\n\$ plan (robust .*?)\n(.*?)```", page, re.S)
    answer = CliRunner().invoke(app, [*shown[1].split(), "--today", "2026-11-22"])
    assert answer.exit_code == 0, answer.output
    printed = [line.rstrip() for line in answer.stdout.splitlines()]
    lines = [line.rstrip() for line in shown[2].splitlines()]
    assert lines == printed[: len(lines)]


def test_scenarios_change_nothing_of_a_plain_plan(tmp_path):
    read = written(tmp_path)
    bare = planner.verbs.ProblemFile(problem=read.problem.model_copy(update={"scenarios": []}), path=read.path)
    plans = [planner.solve(each, today=date(2026, 11, 2)) for each in (read, bare)]
    assert math.isclose(plans[0].usd_month, plans[1].usd_month)
    assert plans[0].purchases == plans[1].purchases
