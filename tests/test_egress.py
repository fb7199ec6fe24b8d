"""Egress by its tiers, from paper to the problem file.

The story of `fleets.chat_fleet`: 4 requests/s for 100 hours, 1 for 300; a replica serves 1 and stands on one GPU.
Each request/s sends 10 GB/h, so 4,000 GB leave by day and 3,000 by night: 7,000 in a month.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from brute_force import BruteForce, egress_lines
from fleets import chat_fleet, random_fleet, rented
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from test_brute_force import AGREE, EXACT, check_plan

from planner import verbs
from planner.audit import audit
from planner.catalog.load import Catalog, load_catalog
from planner.catalog.rows import EgressTier, PriceOffer
from planner.dominance import sends_as_cheaply
from planner.formulation import assemble
from planner.inputs import FleetInputs, Tariff
from planner.market import Lot
from planner.outputs.terminal import show_plan
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.read import load_problem
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings, solve_model
from planner.tariffs import FREE, tariff

GB_H = 10.0
ALL_GB = 7000.0


def plan(inputs: FleetInputs) -> Solution:
    return search(inputs, Settings(gap=0.0, time_limit_s=30))


def usd(inputs: FleetInputs) -> float:
    found = plan(inputs)
    assert found.ended is Ended.OPTIMAL and found.usd_month is not None
    assert found.bound_usd_month == pytest.approx(found.usd_month, rel=1e-6, abs=1e-5)
    return found.usd_month


def is_usd(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-6, abs=1e-5)


def sending(inputs: FleetInputs, tariffs: dict[str, Tariff], gb_h: float = GB_H) -> FleetInputs:
    """The fleet with every group at the provider of its name, whose egress has these prices."""
    sent = {(k, g): gb_h for k, g in inputs.admitted if g in tariffs}
    return replace(
        inputs,
        tariffs={p: t for p, t in tariffs.items() if len(t.usd_gb) > 1},
        tariff_of={(k, p): p for k, p in sent if len(tariffs[p].usd_gb) > 1},
        egress_gb_h=sent,
        egress_usd_h={(k, g): tariffs[g].straight_usd_gb * gb for (k, g), gb in sent.items()},
    )


def two_providers(acme_usd_h: float = 1.0, beta_usd_h: float = 1.0, **other: Any) -> FleetInputs:
    here = ("acme", "beta")
    return chat_fleet(
        group_gpus=dict.fromkeys(here, 1),
        offers={
            "a": rented(acme_usd_h, group="acme", provider="acme"),
            "b": rented(beta_usd_h, group="beta", provider="beta"),
        },
        deployment_groups={"llama": here},
        admitted=frozenset(("chat", g) for g in here),
        **other,
    )


FREE_FIRST = Tariff(tier_gb=(1000.0, ALL_GB - 1000), usd_gb=(0.0, 0.1))
CHEAPER_BEYOND = Tariff(tier_gb=(5000.0, ALL_GB - 5000), usd_gb=(0.1, 0.02))
BOTH = Tariff(tier_gb=(1000.0, 4000.0, ALL_GB - 5000), usd_gb=(0.0, 0.1, 0.02))


def test_the_cost_of_a_volume_is_that_of_its_tiers():
    assert [BOTH.usd_month(gb) for gb in (0, 1000, 1001, 5000, 7000)] == [0, 0, pytest.approx(0.1), 400, 440]
    assert BOTH.usd_month(8000) == pytest.approx(460)  # the last price goes on


def test_the_straight_price_ends_at_all_that_could_leave_and_is_the_steepest_that_does():
    assert FREE_FIRST.straight_usd_gb == pytest.approx(0.1)
    assert CHEAPER_BEYOND.straight_usd_gb == pytest.approx(540 / 7000)
    assert BOTH.straight_usd_gb == pytest.approx(440 / 6000)  # from 1,000 GB for nothing to 7,000 for $440
    for each in (FREE_FIRST, CHEAPER_BEYOND, BOTH):
        least = each.beyond_usd(ALL_GB)
        assert all(each.beyond_usd(gb) >= least - 1e-9 for gb in range(0, 7001, 50))


def test_a_fleet_at_one_provider_pays_tier_by_tier():
    inputs = two_providers(beta_usd_h=9.0)  # far too dear
    assert usd(sending(inputs, {"acme": FREE_FIRST})) == is_usd(700 + 600)
    assert usd(sending(inputs, {"acme": CHEAPER_BEYOND})) == is_usd(700 + 500 + 40)
    assert usd(sending(inputs, {"acme": BOTH})) == is_usd(700 + 400 + 40)


def test_two_free_volumes_are_used_where_that_is_cheaper():
    # machines cost the same: 1,000 GB of each provider leave for nothing, the other 5,000 cost $0.1
    inputs = sending(two_providers(), {"acme": FREE_FIRST, "beta": FREE_FIRST})
    assert usd(inputs) == is_usd(700 + 500)
    # 100 GB-hours of one machine at beta instead of acme are 1,000 GB: $100 saved, and it is worth that
    assert usd(replace(inputs, offers={**inputs.offers, "b": rented(1.5, group="beta", provider="beta")})) == is_usd(
        700 + 50 + 500
    )
    assert usd(replace(inputs, offers={**inputs.offers, "b": rented(2.5, group="beta", provider="beta")})) == is_usd(
        700 + 600
    )


def test_volume_is_brought_together_where_the_price_falls():
    # straight prices alone would have each block where its machine is cheapest: by day beta, by night acme
    inputs = two_providers()
    by_day = replace(inputs, offers={**inputs.offers, "b": rented(0.99, group="beta", provider="beta")})
    # $7 are saved on machines at beta, all of it there costs the same egress as all of it at acme
    together = sending(by_day, {"acme": CHEAPER_BEYOND, "beta": CHEAPER_BEYOND})
    assert usd(together) == is_usd(700 * 0.99 + 540)
    half = Tariff(tier_gb=(4000.0, 3000.0), usd_gb=(0.1, 0.0))
    # at most two machines of beta: 2,000 GB by day and 3,000 by night there: $400, and 2,000 GB at acme: $200; all at
    # acme costs $400 and $7 more of rent
    few = {**inputs.offers, "b": rented(0.99, group="beta", provider="beta", max_machines=2)}
    assert usd(sending(replace(inputs, offers=few), {"acme": half, "beta": half})) == is_usd(700 + 400)


def test_without_a_second_tier_in_reach_nothing_is_added():
    inputs = sending(two_providers(), {"acme": Tariff(tier_gb=(ALL_GB,), usd_gb=(0.1,))})
    model = assemble(inputs)
    assert not inputs.tariffs and not model.variables.sent
    # binaries only where a price falls
    rows = {label for name, label in assemble(sending(two_providers(), {"acme": FREE_FIRST})).rows if "fill" in name}
    assert not rows
    model = assemble(sending(two_providers(), {"acme": BOTH}))
    assert set(model.variables.reached) == {("acme", 2)}


def test_the_dual_of_the_volume_is_the_price_of_one_more_gb_beside_the_straight_price():
    inputs = sending(two_providers(beta_usd_h=9.0), {"acme": FREE_FIRST}, gb_h=0.9 * GB_H)
    answer = solve_model(assemble(inputs), Settings(), relaxed=True)
    # beyond the free volume a GB costs the straight price itself; within it, $0.1 less
    assert answer.duals["leave_by_tier", ("acme",)] == pytest.approx(0.0, abs=1e-6)
    little = sending(two_providers(beta_usd_h=9.0), {"acme": FREE_FIRST}, gb_h=1.0)
    answer = solve_model(assemble(little), Settings(), relaxed=True)
    assert answer.duals["leave_by_tier", ("acme",)] == pytest.approx(-0.1, abs=1e-6)


def test_a_program_of_procurement_alone_counts_no_more_than_the_truth():
    inputs = sending(two_providers(), {"acme": BOTH, "beta": CHEAPER_BEYOND})
    model = assemble(inputs, operation="proved")
    answer = solve_model(model, Settings())
    assert answer.objective == pytest.approx(BOTH.beyond_usd(ALL_GB) + CHEAPER_BEYOND.beyond_usd(ALL_GB))


def test_a_budget_is_on_the_true_price():
    inputs = sending(two_providers(beta_usd_h=9.0), {"acme": BOTH})
    assert usd(replace(inputs, budget_usd_month=1140.01)) == is_usd(1140)
    found = plan(replace(inputs, budget_usd_month=1139.0))
    assert found.ended is Ended.INFEASIBLE and "within_budget" in found.in_the_way


def tiered(seed: int) -> FleetInputs:
    """A random fleet whose groups send data at prices that change with the volume."""
    inputs, dice = random_fleet(seed), random.Random(seed)
    whose = {g: dice.choice(("p0", "p1")) for g in inputs.group_gpus}
    sent = {label: round(dice.uniform(0.5, 2), 2) for label in inputs.admitted}
    most = sum(d * inputs.block_h[b] for (_, b), d in inputs.demand_req_s.items())
    most += sum(n / 3600 for w in inputs.windows.values() for n in w.requests_month.values())
    most *= 2 * (1 + 1e-6)
    tariffs = {}
    for p in sorted(set(whose.values())):
        cuts = sorted(round(dice.uniform(0.02, 0.6) * most, 1) for _ in range(dice.randint(1, 3)))
        widths = [b - a for a, b in zip([0.0, *cuts], [*cuts, most], strict=True)]
        prices = sorted((round(dice.uniform(0.05, 0.8), 2) for _ in widths), reverse=True)
        if dice.random() < 0.5:
            prices[0] = 0.0
        if dice.random() < 0.2:
            dice.shuffle(prices)
        tariffs[p] = Tariff(tier_gb=tuple(widths), usd_gb=tuple(prices))
    return replace(
        inputs,
        egress_gb_h=sent,
        egress_usd_h={(k, g): gb * tariffs[whose[g]].straight_usd_gb for (k, g), gb in sent.items()},
        tariffs=tariffs,
        tariff_of={(k, g): whose[g] for k, g in sent},
    )


@pytest.mark.parametrize("kind", range(5))
def test_no_plan_with_tiers_is_cheaper(kind, thin):
    differs = feasible = 0
    for seed in range(7000 + kind, 7060, 5)[::thin]:
        inputs = tiered(seed)
        expected, found = BruteForce(inputs).cheapest(), search(inputs, EXACT)
        if expected is None:
            assert found.ended is Ended.INFEASIBLE, seed
            continue
        feasible += 1
        assert found.usd_month == pytest.approx(expected, rel=AGREE, abs=1e-5), seed
        assert found.bound_usd_month == pytest.approx(expected, rel=AGREE, abs=1e-3), seed
        check_plan(inputs, found)
        roughly = search(inputs, Settings(gap=0.05, time_limit_s=60))
        assert roughly.bound_usd_month <= expected * (1 + AGREE) + AGREE, seed
        check_plan(inputs, roughly)
        straight = search(replace(inputs, tariffs={}), EXACT)
        differs += abs((straight.usd_month or 0) - expected) > 1e-3
    assert thin > 1 or (feasible > 2 and differs > 1)


@settings(max_examples=20, deadline=None)
@given(
    widths=st.tuples(*[st.floats(100, 4000)] * 2),
    prices=st.tuples(*[st.floats(0, 0.3)] * 3),
    share=st.floats(0.2, 0.9),
)
def test_more_volume_never_costs_less(widths, prices, share):
    prices_of = Tariff(tier_gb=(*widths, 3 * ALL_GB), usd_gb=prices)
    few, more = (usd(sending(two_providers(1, 1.2), {"acme": prices_of}, gb_h=gb_h)) for gb_h in (share * GB_H, GB_H))
    assert few <= more + 1e-5


@settings(max_examples=15, deadline=None)
@given(prices=st.tuples(*[st.floats(0, 0.3)] * 3), parts=st.integers(2, 4))
def test_dividing_a_block_changes_nothing_at_one_provider_and_never_costs_more(prices, parts):
    tariff = Tariff(tier_gb=(500.0, 3000.0, 2 * ALL_GB), usd_gb=prices)
    nights = [f"night{n}" for n in range(parts)]

    def divided(fleet: FleetInputs) -> FleetInputs:
        return replace(
            fleet,
            block_h={"day": 100.0} | dict.fromkeys(nights, 300.0 / parts),
            block_week_h={"day": 1} | dict.fromkeys(nights, 1),
            demand_req_s={("chat", "day"): 4.0} | {("chat", n): 1.0 for n in nights},
        )

    alone = two_providers(1, 99)
    assert usd(sending(divided(alone), {"acme": tariff})) == is_usd(usd(sending(alone, {"acme": tariff})))
    # hours of a block are run alike, so parts of it at two providers may fill tiers better
    both = two_providers(1, 1.2)
    assert usd(sending(divided(both), {"acme": tariff})) <= usd(sending(both, {"acme": tariff})) + 1e-5


def test_the_lines_of_the_brute_force_are_those_of_the_tariff():
    for each in (FREE_FIRST, CHEAPER_BEYOND, BOTH):
        for low, high, price, at_none in egress_lines(each):
            for gb in (low, high):
                assert at_none + price * gb == pytest.approx(each.usd_month(gb))


# 10 requests/s, flat, 500 KB each: 26.28 million requests, 13,140 GB a month.  A GPU serves 4, so three.
OWN = """\
name: own
workloads:
  chat:
    models: [ours]
    traffic: {peak_req_s: 10, input_tok: 1000, output_tok: 1000, burst_factor: 1}
    apis: false
performance:
  capacity: [{gpu: home-gpu, input_tok: 1000, output_tok: 1000, req_s: 4}]
procurement:
  only_quotes: true
  quotes:
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 2, term: on-demand, observed_on: 2026-11-20, source: a letter}
    - {provider: shed, gpu: home-gpu, gpus: 1, usd_h: @shed@, term: on-demand, observed_on: 2026-11-20, source: a mail}
overheads: {egress_kb_request: @kb@}
solver: {gap: 0}
"""
SEEN = {"source": "written for tests", "observed_on": date(2026, 11, 1)}
TIERS = (
    EgressTier(provider="rack", from_gb=0, to_gb=10_240, usd_gb=0.09, **SEEN),
    EgressTier(provider="rack", from_gb=10_240, usd_gb=0.02, **SEEN),
    EgressTier(provider="shed", from_gb=0, to_gb=5000, usd_gb=0, **SEEN),
    EgressTier(provider="shed", from_gb=5000, usd_gb=0.12, **SEEN),
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return replace(load_catalog(), egress=TIERS)


def file(folder: Path, catalog: Catalog, shed: float = 2.1, kb: float = 500) -> ProblemFile:
    path = folder / "own.yaml"
    path.write_text(OWN.replace("@shed@", str(shed)).replace("@kb@", str(kb)), encoding="utf-8")
    return load_problem(path, catalog)


def test_beyond_ten_terabytes_the_rest_is_cheaper(catalog, tmp_path):
    # 3 x 1,460 of rent; 10,240 GB at $0.09 and 2,900 at $0.02
    found = verbs.solve(file(tmp_path, catalog, shed=9), catalog)
    assert found.usd_month == is_usd(4380 + 921.6 + 58)
    (sent,) = found.sent
    assert sent.providers == ("rack",) and sent.gb_month == pytest.approx(13_140)
    assert sent.usd_month == is_usd(979.6) and sent.usd_gb == pytest.approx(979.6 / 13_140)


def test_a_machine_elsewhere_pays_for_itself_by_its_free_volume(catalog, tmp_path):
    # one machine of shed costs $73 more; 5,000 GB leave it for nothing, 8,140 GB rack at $0.09
    found = verbs.solve(file(tmp_path, catalog), catalog)
    assert found.status == "optimal" and found.usd_month == is_usd(4453 + 8140 * 0.09)
    assert {each.providers: round(each.gb_month) for each in found.sent} == {("rack",): 8140, ("shed",): 5000}
    assert len({each.group for each in found.purchases}) == 2  # machines of the two do not stand for each other


def test_the_bill_says_who_sends_how_much_at_what_price(catalog, tmp_path):
    found = verbs.solve(file(tmp_path, catalog), catalog)
    console = Console(width=80, file=StringIO())
    show_plan(found, console)
    told = console.file.getvalue()
    assert "rack: 8,140 GB at $0.090 on the mean" in told and "shed: 5,000 GB for nothing" in told
    assert max(len(line) for line in told.splitlines()) <= 80


def test_what_is_free_as_far_as_it_could_reach_costs_nothing_and_joins_others(catalog, tmp_path):
    # 1 KB a request: 26 GB in all, all of it free at shed
    found = verbs.solve(file(tmp_path, catalog, shed=2.0001, kb=1), catalog)
    assert found.usd_month == is_usd(3 * 2.0001 * 730)
    assert not found.sent and not any(line.line == "egress" for line in found.costs)


def rechecked(plan: Plan, problem: ProblemFile, catalog: Catalog) -> tuple[str, ...]:
    load = verbs.validate(problem, catalog)
    return audit(plan, problem.problem, load, catalog, None).breaches


def test_the_audit_reads_the_tiers_itself(catalog, tmp_path):
    problem = file(tmp_path, catalog)
    plan = verbs.solve(problem, catalog)
    assert rechecked(plan, problem, catalog) == ()
    dearer = replace(catalog, egress=(TIERS[0].model_copy(update={"usd_gb": 0.1}), *TIERS[1:]))
    told = rechecked(plan, problem, dearer)
    assert "egress of rack: $732.60 a month in the plan, $814.00 by its tiers" in told
    assert "egress: $732.60 a month in the plan, $814.00 recomputed" in told
    twice = plan.model_copy(update={"sent": (plan.sent[0], *plan.sent)})
    assert any("told twice" in each for each in rechecked(twice, problem, catalog))
    joined = plan.model_copy(
        update={"purchases": tuple(p.model_copy(update={"group": plan.purchases[0].group}) for p in plan.purchases)}
    )
    assert any("egress prices [USD/GB] of rack, of shed" in each for each in rechecked(joined, problem, catalog))


def test_an_offer_goes_only_where_another_sends_as_cheaply_whatever_the_volume():
    rack, shed = (tariff([t for t in TIERS if t.provider == p], 20_000) for p in ("rack", "shed"))
    lots = {
        name: Lot(
            name=name, row=offer_of(name), vendor="", billing="hourly", workloads=frozenset({"chat"}), group=name,
            egress=prices,
        )
        for name, prices in {"rack": rack, "shed": shed, "free": FREE}.items()
    }  # fmt: skip
    assert sends_as_cheaply(lots["free"], lots["rack"]) and sends_as_cheaply(lots["free"], lots["shed"])
    assert not sends_as_cheaply(lots["rack"], lots["shed"]) and not sends_as_cheaply(lots["shed"], lots["rack"])
    assert sends_as_cheaply(lots["rack"], lots["rack"])


def offer_of(provider: str) -> PriceOffer:
    return PriceOffer(
        provider=provider, region="", country="", continent="", tier="datacenter", machine="m", gpu="home-gpu", gpus=1,
        usd_h=1, term="on-demand", **SEEN,
    )  # fmt: skip


def test_tiers_end_where_no_volume_reaches():
    rows = [t for t in TIERS if t.provider == "rack"]
    assert tariff(rows, 10_240).usd_gb == (0.09,)
    assert tariff(rows, 10_241).usd_gb == (0.09, 0.02)
    assert sum(tariff(rows, 20_000).tier_gb) == pytest.approx(20_000)
    alike = [rows[0], rows[1].model_copy(update={"usd_gb": 0.09})]
    assert tariff(alike, 20_000).usd_gb == (0.09,)
