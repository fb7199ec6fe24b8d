"""Who may be sent a workload's requests, for how much of them, and at what price, from paper to the problem file.

The story of `fleets.chat_fleet`: 4 requests/s for 100 hours, 1 for 300; a replica serves 1 and its machine costs $2/h.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from fleets import chat_fleet
from hypothesis import given, settings
from hypothesis import strategies as st

import planner
from planner import verbs
from planner.apis import token_prices
from planner.catalog.rows import ApiPrice
from planner.errors import NoCandidate, ProblemError
from planner.formulation import assemble
from planner.inputs import FleetInputs
from planner.performance.types import Request
from planner.search import search
from planner.solution import Ended
from planner.solver import Settings


def usd(inputs: FleetInputs) -> float:
    found = search(inputs, Settings(gap=0.0, time_limit_s=30))
    assert found.ended is Ended.OPTIMAL and found.usd_month is not None
    return found.usd_month


def is_usd(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def with_api(usd_h: float, share: float = 1.0) -> FleetInputs:
    """The story with an API at so many USD/h for each request/s."""
    shares = {"chat": share} if share < 1 else {}
    return chat_fleet(api_usd_h={("chat", "api"): usd_h}, api_max_share=shares)


def test_apis_take_the_overflow_and_no_more():
    # an API at half the price of a full machine takes everything; with a quarter at most, one request/s of the day's
    # four, and by night a machine is needed anyway
    assert usd(with_api(1.0)) == is_usd(4 * 100 + 1 * 300)
    assert usd(with_api(1.0, 0.25)) == is_usd(3 * 2 * 100 + 1 * 100 + 2 * 300)
    # one that is dearer than a full machine is never used, whatever its share
    assert usd(with_api(3.0, 0.25)) == usd(with_api(3.0)) == is_usd(1400)
    assert usd(with_api(1.0, 0.0)) == is_usd(1400)


def test_the_family_of_rows_says_how_much_may_be_bought():
    model = assemble(with_api(1.0, 0.25))
    bought, row = model.variables.api["chat", "api", "day"], model.rows["within_api_share", ("chat", "day")]
    bought.varValue = 1.0
    assert row.valid()
    bought.varValue = 1.1
    assert not row.valid()


def test_the_dual_of_the_share_is_what_a_request_more_from_apis_saves():
    # one request/s moved from a machine at $2/h to the API at $1/h, 100 h
    less, more = (
        usd(replace(with_api(1.0, share), demand_req_s={("chat", "day"): 4.0})) for share in (0.25, 0.5)
    )  # 3 and 2 machines
    assert less - more == is_usd((2 - 1) * 100)


def test_a_share_that_leaves_requests_to_nobody_is_in_the_way():
    found = search(replace(with_api(1.0, 0.25), offers={}), Settings(gap=0.0, time_limit_s=30))
    assert found.ended is Ended.INFEASIBLE and "within_api_share" in found.in_the_way


@settings(max_examples=20, deadline=None)
@given(share=st.floats(0, 0.9), more=st.floats(0, 0.1), price=st.floats(0.2, 4.0))
def test_a_larger_share_never_costs_more(share, more, price):
    assert usd(with_api(price, share + more)) <= usd(with_api(price, share)) + 1e-6


ROW = ApiPrice(
    model="m", open_weight=True, provider="p", api_model_id="m", input_usd_mtok=1.0, output_usd_mtok=4.0,
    cached_input_usd_mtok=0.1, batch_input_usd_mtok=0.5, batch_output_usd_mtok=2.0,
    source="tests", observed_on=date(2026, 11, 1),
)  # fmt: skip


def test_tokens_found_in_the_cache_have_a_price_of_their_own_and_batches_another():
    request = Request(input_tok=1000, output_tok=100, prefix_hit_share=0.8)
    assert token_prices(ROW, request) == (pytest.approx(0.2 * 1.0 + 0.8 * 0.1), 4.0)
    assert token_prices(ROW, request, batch=True) == (0.5, 2.0)
    dear = ROW.model_copy(update={"cached_input_usd_mtok": None, "batch_output_usd_mtok": None})
    assert token_prices(dear, request, batch=True) == (1.0, 4.0)


PROBLEM = """\
name: apis
workloads:
  chat:
    models: [MODEL]
    data_class: CLASS
    where: {WHERE}
    traffic: {mean_req_s: 3, shape: flat, burst_factor: 1, input_tok: 1000, output_tok: 200}
    slo: {ttft_ms: 3000, tpot_ms: 80}
    MORE
procurement:
  only_quotes: true
  quotes:
    - {provider: acme, region: eu, continent: EU, gpu: h100-sxm, gpus: 1, usd_h: 2.0, term: on-demand, SEEN}
apis:
  providers: [alpha, beta]
  quotes:
    - {model: llama-3.1-8b, provider: alpha, input_usd_mtok: 0.01, output_usd_mtok: 0.02, SEEN}
    - {model: llama-3.1-8b, provider: beta, input_usd_mtok: 0.02, output_usd_mtok: 0.04, SEEN}
    - {model: llama-3.1-8b, private: claims-v3, provider: beta, input_usd_mtok: 0.05, output_usd_mtok: 0.1, SEEN}
    - {model: closed-1, provider: alpha, input_usd_mtok: 0.05, output_usd_mtok: 0.1, SEEN}
  APIS
resilience: {machine: false}
"""
OURS = "{model: llama-3.1-8b, private: claims-v3}"


def written(tmp_path, model="llama-3.1-8b", data="null", where="", more="", apis="") -> Any:
    text = PROBLEM
    if model != OURS:  # weights that no workload has are refused
        text = "\n".join(line for line in text.split("\n") if "private: claims" not in line)
    if model != "closed-1":
        text = "\n".join(line for line in text.split("\n") if "closed-1" not in line)
    for key, value in (
        ("MODEL", model), ("CLASS", data), ("WHERE", where), ("MORE", more or "tags: {}"), ("  APIS", f"  {apis}"),
        ("SEEN", "observed_on: 2026-11-01, source: tests"),
    ):  # fmt: skip
        text = text.replace(key, value)
    path = tmp_path / "problem.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def solved(tmp_path, **how: Any) -> planner.Plan:
    return planner.solve(planner.load(written(tmp_path, **how)), today=date(2026, 11, 2))


def sellers(plan: planner.Plan) -> set[str]:
    return {each.provider for each in plan.apis}


def reasons(plan: planner.Plan) -> dict[str, int]:
    found = {each.reason: each.count for each in plan.dropped if each.kind == "api"}
    found.pop("API provider not allowed", None)  # those of the catalog
    return found


def test_requests_go_to_apis_that_are_cleared_for_their_class(tmp_path):
    cleared = "cleared_for: {beta: [internal, confidential], alpha: [internal]}"
    assert sellers(solved(tmp_path, apis=cleared)) == {"alpha"}  # no class: anybody, the cheapest
    assert sellers(solved(tmp_path, data="internal", apis=cleared)) == {"alpha"}
    plan = solved(tmp_path, data="confidential", apis=cleared)
    assert sellers(plan) == {"beta"}
    assert reasons(plan) == {"API not cleared for confidential data": 1}
    nobody = solved(tmp_path, data="secret", apis=cleared)
    assert not nobody.apis and nobody.purchases
    assert reasons(nobody) == {"API not cleared for secret data": 2}


def test_an_api_satisfies_a_rule_about_places_only_where_it_is_said_to_stand(tmp_path):
    eu = "continents: [EU]"
    nowhere = solved(tmp_path, where=eu)
    assert not nowhere.apis and any("state no region" in why for why in reasons(nowhere))
    plan = solved(tmp_path, where=eu, apis="places: {alpha: {continent: NA}, beta: {continent: EU, country: DE}}")
    assert sellers(plan) == {"beta"}
    assert reasons(plan) == {"the API stands where this workload may not be served": 1}
    assert not solved(tmp_path, where="regions: [eu]", apis="places: {beta: {continent: EU, country: DE}}").apis


def test_private_weights_are_bought_only_from_who_hosts_them(tmp_path):
    plan = solved(tmp_path, model=OURS)
    assert [(each.provider, each.model) for each in plan.apis] == [("beta", "llama-3.1-8b (claims-v3)")]
    assert reasons(plan)["no public API sells weights of your own"] >= 2
    alone = solved(tmp_path, model="{model: llama-3.1-8b, private: other}")
    assert not alone.apis and alone.deployments[0].name.startswith("other on llama-3.1-8b")


BOTH = """\
name: weights
workloads:
  one: {models: [FIRST], traffic: TRAFFIC, slo: {tpot_ms: 80}}
  two: {models: [SECOND], traffic: TRAFFIC, slo: {tpot_ms: 80}}
procurement:
  only_quotes: true
  quotes:
    - {provider: acme, gpu: h100-sxm, gpus: 1, usd_h: 2.0, term: on-demand, observed_on: 2026-11-01, source: tests}
apis: {allow: false}
resilience: {machine: false}
"""


@pytest.mark.parametrize(
    ("first", "second", "machines"),
    [
        ("llama-3.1-8b", "llama-3.1-8b", 1),
        (OURS, OURS, 1),
        (OURS, "llama-3.1-8b", 2),
        (OURS, "{model: llama-3.1-8b, private: other}", 2),
    ],
)
def test_replicas_are_shared_by_workloads_of_the_same_weights_only(tmp_path, first, second, machines):
    traffic = "{mean_req_s: 0.5, shape: flat, burst_factor: 1, input_tok: 1000, output_tok: 200}"
    path = tmp_path / "problem.yaml"
    text = BOTH.replace("FIRST", first).replace("SECOND", second).replace("TRAFFIC", traffic)
    path.write_text(text, encoding="utf-8")
    plan = planner.solve(planner.load(path), today=date(2026, 11, 2))
    assert sum(each.count for each in plan.purchases) == machines


def test_what_may_wait_is_bought_for_its_share_of_the_month(tmp_path):
    batch = "batch: {models: [llama-3.1-8b], traffic: {tokens_month: 1e9, input_tok: 1000, output_tok: 200}, "
    text = (
        written(tmp_path).read_text(encoding="utf-8").replace("  chat:", f"  {batch}deferrable: {{}}, RULE}}\n  chat:")
    )
    text = text.replace("usd_h: 2.0", "usd_h: 200.0")
    path = tmp_path / "batch.yaml"
    found = {}
    for rule in ("api_max_share: 1", "api_max_share: 0.3"):
        path.write_text(text.replace("RULE", rule), encoding="utf-8")
        plan = planner.solve(planner.load(path), today=date(2026, 11, 2))
        found[rule] = next(each.api_share for each in plan.workloads if each.name == "batch")
    assert found["api_max_share: 1"] == pytest.approx(1.0) and 0 < found["api_max_share: 0.3"] <= 0.3 + 1e-6


def test_the_share_holds_in_a_problem_file_and_in_a_fleet_that_is_given(tmp_path):
    cheap, few = solved(tmp_path), solved(tmp_path, more="api_max_share: 0.25")
    assert cheap.workloads[0].api_share == 1 and few.workloads[0].api_share <= 0.25 and few.purchases
    fleet = tmp_path / "fleet.yaml"
    machine = "{provider: acme, gpu: h100-sxm, gpus: 1, count: 1}"
    fleet.write_text(f"machines: [{machine}]\napis: true\n", encoding="utf-8")
    path = written(tmp_path, more="api_max_share: 0.25")
    text = path.read_text(encoding="utf-8").replace("mean_req_s: 3", "mean_req_s: 300")
    path.write_text(text, encoding="utf-8")
    found = verbs.evaluate(planner.load(path), verbs.load_fleet(fleet), today=date(2026, 11, 2), best_within_s=None)
    assert found.unserved  # one machine does not carry three quarters of it
    served = sum(s.req_s for d in found.plan.deployments for s in d.served)
    assert sum(s.req_s for a in found.plan.apis for s in a.served) <= 0.25 / 0.75 * served * (1 + 1e-4)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"model": "closed-1", "data": "secret"}, '"secret": none of the APIs that sell closed-1 is cleared for it'),
        ({"model": "closed-1", "more": "api_max_share: 0.5"}, "closed-1 can only be bought from an API, and only 0.5"),
        ({"more": "{apis: false, api_max_share: 0.5}"}, "0.5 may be bought from APIs, but APIs are not allowed"),
        ({"apis": "cleared_for: {alfa: [internal]}"}, '"alfa": no such name in .*  Did you mean alpha?'),
        ({"apis": "places: {nobody: {continent: EU}}"}, '"nobody": no such name in catalogs/api_prices.csv'),
    ],
)
def test_rules_that_contradict_each_other_are_refused(tmp_path, how, words):
    if how.get("more", "").startswith("{"):
        how = how | {"more": "apis: false\n    api_max_share: 0.5"}
    with pytest.raises(ProblemError, match=words):
        planner.load(written(tmp_path, **how))


def test_a_host_of_weights_that_nobody_has_is_refused(tmp_path):
    path = written(tmp_path, model=OURS)
    path.write_text(path.read_text(encoding="utf-8").replace("private: claims-v3}", "private: claims-v4}"), "utf-8")
    with pytest.raises(ProblemError, match='"claims-v3": no workload has private weights of that name'):
        planner.load(path)


def test_without_machines_a_class_that_nobody_may_receive_is_said_to_be_the_reason(tmp_path):
    path = written(tmp_path, data="secret")
    text = path.read_text(encoding="utf-8").replace("usd_h: 2.0", "usd_h: 2.0, max_machines: 0")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NoCandidate, match="2  API not cleared for secret data"):
        planner.solve(planner.load(path), today=date(2026, 11, 2))
