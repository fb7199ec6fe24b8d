"""Which models answer: floors, mean scores and a router's shares, from numbers on paper to the problem file.

The story of `fleets.chat_fleet`: 4 requests/s for 100 hours, 1 for 300; a machine costs $2/h.
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
from planner.analysis.breakeven import api_only
from planner.catalog.load import load_catalog
from planner.drops import Drops
from planner.formulation import assemble
from planner.inputs import Blend, FleetInputs, Window
from planner.problem.schema import Problem
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings, solve_model
from planner.variants import accepted_variants


def plan(inputs: FleetInputs) -> Solution:
    return search(inputs, Settings(gap=0.0, time_limit_s=30))


def usd(inputs: FleetInputs) -> float:
    found = plan(inputs)
    assert found.ended is Ended.OPTIMAL and found.usd_month is not None
    return found.usd_month


def is_usd(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def two_models(**other: Any) -> FleetInputs:
    """The story with a small model beside it that serves 4 requests/s a machine: one machine, $2/h, is enough by day.

    The good model scores 0.9, the small one 0.7.
    """
    score = {("chat", "llama"): 0.9, ("chat", "small"): 0.7}
    return chat_fleet(
        deployment_gpus={"llama": 1, "small": 1},
        deployment_groups={"llama": ("h100",), "small": ("h100",)},
        queue_slope={"llama": 1.0, "small": 1.0},
        queue_loss={"llama": 0.0, "small": 0.0},
        rate_req_s={("llama", "chat"): 1.0, ("small", "chat"): 4.0},
        blends={"chat": Blend(classes=("chat",), score=score, model={("chat", "small"): "small"}, **other)},
    )


def test_a_mean_score_buys_just_as_much_of_the_better_model():
    # nothing asked: one small machine by day and one by night, 2 x 100 + 2 x 300
    assert usd(two_models()) == is_usd(800)
    # 0.8: half of it on each.  By day 2 on two good machines and 2 on a small one; at night one good one does it all
    assert usd(two_models(mean_score=0.8)) == is_usd(3 * 2 * 100 + 1 * 2 * 300)
    # 0.71: by day 0.2 requests/s on a good machine, and that is a whole one
    assert usd(two_models(mean_score=0.71)) == is_usd(2 * 2 * 100 + 1 * 2 * 300)
    assert usd(two_models(mean_score=0.9)) == is_usd(1400)  # all of it on the good model, as in the story
    assert usd(two_models(mean_score=0.7)) == is_usd(800)  # what the small one scores binds nothing


def test_a_router_sends_no_more_than_its_share_to_the_small_model():
    # 0.75: by day 3 requests/s on a small machine and 1 on a good one; at night one good machine does it all
    assert usd(two_models(max_share={"small": 0.75})) == is_usd(2 * 2 * 100 + 1 * 2 * 300)
    assert usd(two_models(max_share={"small": 0.0})) == is_usd(1400)
    assert usd(two_models(max_share={"small": 1.0})) == is_usd(800)


def test_an_api_counts_with_its_models_score():
    # the better model at an API for $1/h per request/s: 2 of the day's 4, and half of the night's 1
    inputs = two_models(mean_score=0.8)
    blend = inputs.blends["chat"]
    score = {**blend.score, ("chat", "api"): 0.9}
    inputs = replace(inputs, api_usd_h={("chat", "api"): 1.0}, blends={"chat": replace(blend, score=score)})
    assert usd(inputs) == is_usd((2 + 2 * 1) * 100 + 1 * 1 * 300)  # by night all from the API, $1: no machine at all


def test_the_dual_of_a_mean_score_is_what_a_point_for_a_request_costs():
    # the better model at an API for $10/h per request/s; machines of the small one held: 0.01 of score for 4 requests/s
    # are 0.04 points, and one request/s moved from 0.7 to 0.9 gains 0.2 of them: 0.2 more at the API x $10 x 100 h
    inputs = two_models(mean_score=0.8)
    score = {("chat", "small"): 0.7, ("chat", "api"): 0.9}
    blend = Blend(classes=("chat",), score=score, mean_score=0.8)
    inputs = replace(
        inputs,
        demand_req_s={("chat", "day"): 4.0},
        rate_req_s={("small", "chat"): 4.0},
        api_usd_h={("chat", "api"): 10.0},
        blends={"chat": blend},
    )
    more = replace(inputs, blends={"chat": replace(blend, mean_score=0.81)})
    assert usd(more) - usd(inputs) == is_usd(0.04 / 0.2 * 10 * 100)
    held = {"hourly": {("by hour", "day"): 1}, "replicas": {("small", "h100", "day"): 1}}
    priced = solve_model(assemble(inputs, held=held), Settings(gap=0.0), relaxed=True)
    assert priced.duals["keep_mean_quality", ("chat", "day")] == is_usd(10 * 100 / 0.2)


def test_a_mean_score_that_a_router_cannot_reach_names_both():
    # of 4 requests/s at most a quarter may go to the good model, and half would have to
    inputs = two_models(mean_score=0.8)
    blend = inputs.blends["chat"]
    both = {("chat", "llama"): "llama", ("chat", "small"): "small"}
    limited = replace(blend, model=both, max_share={"llama": 0.25, "small": 1.0})
    found = plan(replace(inputs, blends={"chat": limited}))
    assert found.ended is Ended.INFEASIBLE
    assert set(found.in_the_way) >= {"keep_mean_quality", "within_model_share"}


def test_work_that_may_wait_keeps_its_mean_score_in_every_block_in_which_it_is_done():
    # half of 1,440,000 requests take 2 x 100 h of good machines; in the same 100 h one small machine does the rest
    inputs = two_models(mean_score=0.8)
    window = Window(blocks=("day", "night"), requests_month={"chat": 1_440_000.0}, api_usd_request={})
    found = plan(replace(inputs, demand_req_s={}, windows={"any": window}))
    assert found.usd_month == is_usd(3 * 2 * 100)
    for run in found.runs:
        done = {c: sum(y for (_, cc, _), y in run.served.items() if cc == c) for c in ("llama", "small")}
        assert done["llama"] >= done["small"] - 1e-6


@settings(max_examples=25, deadline=None)
@given(low=st.floats(0.7, 0.9), more=st.floats(0.0, 0.2), share=st.floats(0.0, 1.0))
def test_asking_more_never_costs_less(low, more, share):
    high = min(0.9, low + more)
    cheap, dear = usd(two_models(mean_score=low)), usd(two_models(mean_score=high))
    assert dear >= cheap - 1e-6
    assert usd(two_models(mean_score=low, max_share={"small": share})) >= cheap - 1e-6


SCORES = """
      - model: llama-3.3-70b
        precisions: [bf16, fp8]
        quality: {score: 0.86, by_precision: {fp8: 0.85}, evidence: written for tests, observed_on: 2026-11-01}
      - model: llama-3.1-8b
        quality: {score: 0.7, evidence: written for tests, observed_on: 2026-11-01}"""
PROBLEM = f"""\
name: sized
workloads:
  chat:
    models:{SCORES}
    RULE
    traffic: {{mean_req_s: 20, shape: flat, input_tok: 1500, output_tok: 300}}
    slo: {{ttft_ms: 2000, tpot_ms: 60}}
procurement:
  only_quotes: true
  quotes:
    - {{provider: acme, gpu: h200-sxm, gpus: 1, usd_h: 3.0, term: on-demand, observed_on: 2026-11-01, source: tests}}
    - {{provider: acme, gpu: h200-sxm, gpus: 4, usd_h: 12.0, term: on-demand, observed_on: 2026-11-01, source: tests}}
apis: APIS
resilience: {{machine: false}}
solver: {{gap: 0.005}}
"""


def solved(tmp_path, rule: str, apis: str = "{allow: false}") -> planner.Plan:
    path = tmp_path / "problem.yaml"
    path.write_text(PROBLEM.replace("RULE", rule).replace("APIS", apis), encoding="utf-8")
    return planner.solve(planner.load(path), today=date(2026, 11, 2))


def served_by(plan: planner.Plan) -> dict[tuple[str, str], float]:
    return {(m.model, m.precision): m.share for m in plan.workloads[0].models}


def test_without_a_rule_the_cheapest_model_does_it_all(tmp_path):
    (small,) = served_by(solved(tmp_path, "apis: true"))
    assert small[0] == "llama-3.1-8b"


def test_a_floor_leaves_out_models_and_precisions_below_it(tmp_path):
    plan = solved(tmp_path, "min_quality: 0.8")
    assert set(served_by(plan)) == {("llama-3.3-70b", "fp8")}
    high = solved(tmp_path, "min_quality: 0.855")
    assert set(served_by(high)) == {("llama-3.3-70b", "bf16")}  # fp8 scores 0.85
    assert high.usd_month > plan.usd_month
    reasons = {d.reason: d.count for d in high.dropped}
    assert reasons["scores less than min_quality"] == 3  # the 70B in fp8, the 8B in bf16 and in fp8


def test_a_mean_score_keeps_the_slower_deployment_of_the_better_model(tmp_path):
    plan = solved(tmp_path, "mean_quality_at_least: 0.76")
    shares, workload = served_by(plan), plan.workloads[0]
    assert {model for model, _ in shares} == {"llama-3.3-70b", "llama-3.1-8b"}
    assert 0.76 - 1e-6 <= workload.least_mean_score <= workload.mean_score + 1e-9
    score = {"bf16": 0.86, "fp8": 0.85}
    mean = sum(share * (score[p] if model == "llama-3.3-70b" else 0.7) for (model, p), share in shares.items())
    assert workload.mean_score == pytest.approx(mean)
    loose, strict = solved(tmp_path, "min_quality: 0.6"), solved(tmp_path, "min_quality: 0.8")
    assert loose.usd_month < plan.usd_month < strict.usd_month


@pytest.mark.parametrize(("listed", "found"), [([], {"bf16", "fp8"}), (["int4"], {"int4"}), (["fp4"], {"fp4"})])
def test_four_bits_only_where_they_are_listed(listed, found):
    traffic = {"mean_req_s": 1, "input_tok": 1000, "output_tok": 100}
    models = [{"model": "llama-3.3-70b", "precisions": listed}]
    problem = Problem.model_validate({"name": "bits", "workloads": {"chat": {"models": models, "traffic": traffic}}})
    variants = accepted_variants(problem, load_catalog(), Drops())
    assert {v.precision for v in variants} == found


API = "{quotes: [SMALL, LARGE]}"
LARGE = "{model: llama-3.3-70b, provider: acme, input_usd_mtok: 0.01, output_usd_mtok: 0.02, "
SMALL = LARGE.replace("3.3-70b", "3.1-8b").replace("0.01", "0.001")
SOLD = "observed_on: 2026-11-01, source: tests}"


def test_one_provider_sells_both_models_and_each_counts_for_itself(tmp_path):
    apis = API.replace("SMALL", SMALL + SOLD).replace("LARGE", LARGE + SOLD)
    assert {a.model for a in solved(tmp_path, "apis: true", apis).apis} == {"llama-3.1-8b"}
    plan = solved(tmp_path, "mean_quality_at_least: 0.78", apis)
    assert {a.model for a in plan.apis} == {"llama-3.1-8b", "llama-3.3-70b"} and not plan.deployments
    assert {a.provider for a in plan.apis} == {"acme"}
    # 0.7 (1 - x) + 0.86 x = 0.78
    assert served_by(plan) == {("llama-3.3-70b", ""): pytest.approx(0.5), ("llama-3.1-8b", ""): pytest.approx(0.5)}


def test_the_example_sends_a_share_to_the_small_model_and_keeps_its_mean(capsys):
    plan = planner.solve(planner.load("rightsizing"), today=date(2026, 11, 22))
    (workload,) = plan.workloads
    small = sum(m.share for m in workload.models if m.model == "llama-3.1-8b")
    assert 0.2 < small <= 0.6 + 1e-6 and workload.least_mean_score >= 0.8 - 1e-6


def test_a_fleet_of_the_small_model_alone_serves_nothing_at_a_mean_that_it_cannot_reach(tmp_path):
    text = PROBLEM.replace("RULE", "mean_quality_at_least: 0.8").replace("APIS", "{allow: false}")
    (tmp_path / "problem.yaml").write_text(text, encoding="utf-8")
    fleets = {}
    for model in ("llama-3.1-8b", "llama-3.3-70b"):
        path = tmp_path / f"{model}.yaml"
        lines = "machines: [{provider: acme, gpu: h200-sxm, gpus: 1, count: 30}]\n"
        path.write_text(lines + f"deployments: [{{model: {model}}}]\n", encoding="utf-8")
        problem, fleet = planner.load(tmp_path / "problem.yaml"), verbs.load_fleet(path)
        fleets[model] = verbs.evaluate(problem, fleet, today=date(2026, 11, 2), best_within_s=None)
    assert fleets["llama-3.1-8b"].unserved and not fleets["llama-3.3-70b"].unserved
    assert fleets["llama-3.3-70b"].plan.workloads[0].least_mean_score >= 0.8


def test_a_break_even_counts_on_apis_whose_model_may_do_all(tmp_path):
    apis = API.replace("SMALL", SMALL + SOLD).replace("LARGE", LARGE + SOLD)
    usd_month = {}
    for rule in ("apis: true", "mean_quality_at_least: 0.78"):
        path = tmp_path / "problem.yaml"
        path.write_text(PROBLEM.replace("RULE", rule).replace("APIS", apis), encoding="utf-8")
        problem, catalog = planner.load(path), load_catalog()
        usd_month[rule] = api_only(problem.problem, verbs.validate(problem, catalog), catalog)[0]
    # a request of 1,500 and 300 tokens at $0.001 and $0.02 per Mtok for the small one, $0.01 and $0.02 for the other
    ratio = (1500 * 0.01 + 300 * 0.02) / (1500 * 0.001 + 300 * 0.02)
    assert usd_month["mean_quality_at_least: 0.78"] / usd_month["apis: true"] == pytest.approx(ratio)
