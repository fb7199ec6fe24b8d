"""How much hangs on one provider and how few kinds of everything are used, from paper to the problem file.

The story of `fleets.chat_fleet`: 4 requests/s for 100 hours, 1 for 300; a replica serves 1 and stands on one GPU.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from fleets import chat_fleet, rented
from hypothesis import given, settings
from hypothesis import strategies as st

import planner
from planner import verbs
from planner.errors import ProblemError
from planner.inputs import FewKinds, FleetInputs
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings


def plan(inputs: FleetInputs) -> Solution:
    return search(inputs, Settings(gap=0.0, time_limit_s=30))


def usd(inputs: FleetInputs) -> float:
    found = plan(inputs)
    assert found.ended is Ended.OPTIMAL and found.usd_month is not None
    assert found.bound_usd_month == pytest.approx(found.usd_month, rel=1e-6, abs=1e-5)
    return found.usd_month


def is_usd(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def three_providers(**other: Any) -> FleetInputs:
    """Acme has two machines at $1/h, beta two at $1.5/h, gamma any number at $2/h."""
    here = ("acme", "beta", "gamma")
    return chat_fleet(
        group_gpus=dict.fromkeys(here, 1),
        offers={
            "a": rented(1.0, group="acme", provider="acme", max_machines=2),
            "b": rented(1.5, group="beta", provider="beta", max_machines=2),
            "c": rented(2.0, group="gamma", provider="gamma"),
        },
        deployment_groups={"llama": here},
        admitted=frozenset(("chat", g) for g in here),
        **other,
    )


PROVIDERS = {"a": "acme", "b": "beta", "c": "gamma"}


def few(most: int, kind: dict[str, str] | None = None) -> dict[str, FewKinds]:
    return {"few": FewKinds(kind=kind or PROVIDERS, most=most)}


def test_fewer_providers_cost_more():
    # 2 of acme and 2 of beta by day, one of acme by night
    assert usd(three_providers()) == is_usd((2 * 1 + 2 * 1.5) * 100 + 1 * 1 * 300)
    assert usd(three_providers(few_kinds=few(2))) == is_usd(800)  # that is two already: nothing binds
    # gamma alone has machines enough
    assert usd(three_providers(few_kinds=few(1))) == is_usd(4 * 2 * 100 + 1 * 2 * 300)
    found = plan(three_providers(few_kinds=few(0)))
    assert found.ended is Ended.INFEASIBLE and found.in_the_way == ("within_few_kinds",)


def test_kinds_count_over_the_whole_month_and_not_hour_by_hour():
    # by night acme, by day gamma would be one in each hour and two in the month
    inputs = three_providers(few_kinds=few(1))
    found = plan(inputs)
    assert {o for run in found.runs for o in run.hourly} == {"c"}


def test_what_is_already_paid_for_is_of_a_kind_that_counts():
    inputs = three_providers(few_kinds=few(1))
    owned = rented(0.0, group="beta", provider="beta", billing="always", existing=2)
    inputs = replace(inputs, offers={**inputs.offers, "b": owned})
    assert plan(inputs).ended is Ended.INFEASIBLE  # two machines of beta are not enough, and no other may be used
    # with acme beside it: two by day, and the two of beta are free
    assert usd(replace(inputs, few_kinds=few(2))) == is_usd(2 * 1 * 100)


def test_few_deployments():
    # a fast one for the day's 4 on one machine at $3/h and a slow one for the night's 1 at $2/h; each alone does both
    inputs = chat_fleet(
        group_gpus={"h100": 1, "big": 1},
        offers={"by hour": rented(), "big": rented(3.0, group="big")},
        deployment_gpus={"llama": 1, "fast": 1},
        deployment_groups={"llama": ("h100",), "fast": ("big",)},
        queue_slope={"llama": 1.0, "fast": 1.0},
        queue_loss={"llama": 0.0, "fast": 0.0},
        rate_req_s={("llama", "chat"): 1.0, ("fast", "chat"): 4.0},
        admitted=frozenset({("chat", "h100"), ("chat", "big")}),
    )
    kinds = {"llama": "llama", "fast": "fast"}
    assert usd(inputs) == is_usd(3 * 100 + 2 * 300)
    assert usd(replace(inputs, few_kinds=few(2, kinds))) == is_usd(3 * 100 + 2 * 300)
    assert usd(replace(inputs, few_kinds=few(1, kinds))) == is_usd(3 * 400)
    # two replicas at least: the slow one, four by day and two by night; two of the fast one all month cost $2,400
    always = replace(inputs, few_kinds=few(1, kinds), min_replicas={"chat": 2})
    assert usd(always) == is_usd(4 * 2 * 100 + 2 * 2 * 300)


def test_no_provider_serves_more_than_its_share():
    whose = {g: g for g in ("acme", "beta", "gamma")}
    inputs = three_providers(provider_of=whose)
    # half each: by day 2 and 2 as it is; by night half a machine's work each, a machine of both
    half = usd(replace(inputs, provider_max_share={"chat": 0.5}))
    assert half == is_usd((2 * 1 + 2 * 1.5) * 100 + (1 + 1.5) * 300)
    # a third each: by day 4/3 of each, two machines of each
    third = usd(replace(inputs, provider_max_share={"chat": 1 / 3}))
    assert third == is_usd((2 * 1 + 2 * 1.5 + 2 * 2) * 100 + (1 + 1.5 + 2) * 300)
    found = plan(replace(inputs, provider_max_share={"chat": 0.3}))
    assert found.ended is Ended.INFEASIBLE and "within_provider_share" in found.in_the_way


def test_the_dual_of_a_providers_share_is_what_a_request_more_saves():
    # APIs at $1 and $3/h per request/s: the share moved from the dear one to the cheap one saves $2 x 100 h
    apis = {("chat", "cheap"): 1.0, ("chat", "dear"): 3.0}
    inputs = chat_fleet(
        demand_req_s={("chat", "day"): 4.0},
        offers={},
        api_usd_h=apis,
        provider_of={"cheap": "x", "dear": "y", "h100": "acme"},
    )
    less, more = (usd(replace(inputs, provider_max_share={"chat": share})) for share in (0.5, 0.75))
    assert less - more == is_usd(1 * 2 * 100)


@settings(max_examples=20, deadline=None)
@given(most=st.integers(1, 3), prices=st.tuples(*[st.floats(0.5, 3.0)] * 3))
def test_more_kinds_never_cost_more(most, prices):
    inputs = three_providers()
    offers = {o: replace(x, usd_h=p) for (o, x), p in zip(inputs.offers.items(), prices, strict=True)}
    inputs = replace(inputs, offers=offers)
    assert usd(replace(inputs, few_kinds=few(most + 1))) <= usd(replace(inputs, few_kinds=few(most))) + 1e-6


def test_a_budget_too_small_for_few_kinds_is_in_the_way_beside_them():
    # $800 with two providers, $1,400 with one
    inputs = three_providers(few_kinds=few(1), budget_usd_month=1000.0)
    assert set(plan(inputs).in_the_way) == {"within_few_kinds", "within_budget"}
    assert usd(replace(inputs, budget_usd_month=1400.0)) == is_usd(1400)
    nobody = replace(inputs, few_kinds=few(2), budget_usd_month=100.0)
    assert "within_few_kinds" not in plan(nobody).in_the_way and "within_budget" in plan(nobody).in_the_way


PROBLEM = """\
name: spread
workloads:
  chat:
    models: [llama-3.1-8b]
    traffic: {mean_req_s: 60, shape: flat, input_tok: 1500, output_tok: 300}
    slo: {ttft_ms: 2000, tpot_ms: 60}
procurement:
  only_quotes: true
  quotes:
    - {provider: acme, region: one, gpu: h100-sxm, gpus: 1, usd_h: 2.0, term: on-demand, max_machines: 2, SEEN}
    - {provider: acme, region: two, gpu: h100-sxm, gpus: 1, usd_h: 2.2, term: on-demand, SEEN}
    - {provider: beta, region: one, gpu: h200-sxm, gpus: 1, usd_h: 3.6, term: on-demand, SEEN}
apis: {allow: false}
solver: {gap: 0.005}
spread: {RULE}
""".replace("SEEN", "observed_on: 2026-11-01, source: tests")


def solved(tmp_path, rule: str) -> planner.Plan:
    path = tmp_path / "problem.yaml"
    path.write_text(PROBLEM.replace("RULE", rule), encoding="utf-8")
    return planner.solve(planner.load(path), today=date(2026, 11, 2))


def places(found: planner.Plan) -> set[tuple[str, str]]:
    return {(p.provider, p.region) for p in found.purchases}


def test_a_problem_with_few_regions_buys_the_dearer_machines_of_one(tmp_path):
    free, one = solved(tmp_path, ""), solved(tmp_path, "max_regions: 1, max_providers: 1")
    assert places(free) == {("acme", "one"), ("acme", "two")}
    assert places(one) == {("acme", "two")}
    assert one.usd_month > free.usd_month
    assert one.spread.regions == ("acme two",) and one.spread.max_regions == 1
    assert free.spread is None


def test_a_share_of_the_traffic_keeps_each_provider_in_a_group_of_its_own(tmp_path):
    found = solved(tmp_path, "max_provider_traffic_share: 0.6")
    assert {provider for provider, _ in places(found)} == {"acme", "beta"}
    (leaning,) = found.spread.leaning
    assert leaning.share <= 0.6 + 1e-6


def test_what_cannot_be_is_named_in_the_words_of_the_file(tmp_path):
    both = solved(tmp_path, "max_provider_traffic_share: 0.6, max_gpu_types: 1")  # beta has no H100
    assert both.status == "infeasible" and both.in_the_way == ("spread.max_gpu_types of 1",)
    with pytest.raises(ProblemError, match="0 x max_provider_traffic_share of 1 is 0 of the requests"):
        solved(tmp_path, "max_providers: 0")
    alone = solved(tmp_path, "max_provider_traffic_share: 0.4")
    assert alone.in_the_way == ("spread.max_provider_traffic_share of 0.4",)


def test_the_example_keeps_to_all_its_limits():
    found = planner.solve(planner.load("spread"), today=date(2026, 11, 22), price_spares=False)
    assert found.status == "optimal"
    assert len({p.provider for p in found.purchases}) == 2 and len({p.gpu for p in found.purchases}) == 1
    for block in found.blocks:
        of: dict[str, float] = {}
        for d in found.deployments:
            (provider,) = {p.provider for p in found.purchases if p.group == d.group}
            of[provider] = of.get(provider, 0.0) + sum(s.req_s for s in d.served if s.block == block.label)
        assert all(y <= 0.5 * sum(of.values()) * (1 + 1e-6) for y in of.values())


def test_a_fleet_that_is_given_is_costed_and_told_that_it_leans_on_one_provider(tmp_path):
    text = PROBLEM.replace("RULE", "max_provider_traffic_share: 0.6, max_gpu_types: 1")
    (tmp_path / "problem.yaml").write_text(text, encoding="utf-8")
    machines = "  - {provider: acme, region: two, gpu: h100-sxm, gpus: 1, count: 8}\n"
    machines += "  - {provider: beta, region: one, gpu: h200-sxm, gpus: 1, count: 1}\n"
    (tmp_path / "fleet.yaml").write_text("machines:\n" + machines, encoding="utf-8")
    fleet = verbs.load_fleet(tmp_path / "fleet.yaml")
    found = verbs.evaluate(planner.load(tmp_path / "problem.yaml"), fleet, today=date(2026, 11, 2), best_within_s=None)
    assert not found.unserved
    assert any("2 GPU types are used (h100-sxm, h200-sxm), at most 1 may be" in each for each in found.broken)
    assert any("acme serves too much of chat" in each for each in found.broken)
