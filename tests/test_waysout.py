"""Ways out of problems with no plan: on paper, for random problems, for every family, on the terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from impossible import has_plan, impossible
from test_tornado import read
from typer.testing import CliRunner

from planner.analysis.loosening import below, percents, three_digits
from planner.analysis.waysout import loosenings
from planner.catalog.load import load_catalog
from planner.cli import app, solving
from planner.formulation import ROWS
from planner.outlook import ways_out
from planner.outputs.waysout import sentence, ways_out_object
from planner.problem.by_path import numbers_of, with_numbers
from planner.traffic.reduce import reduce_traffic

TODAY = date(2026, 11, 24)

# 10 requests/s in working hours, 5 else; a GPU serves 4: 3 machines by day and 2 at night at $2/h, or for a year at
# $1/h, half of it at once; shelf asks $3/h.
OWN = """\
name: own
workloads:
  chat:
    models: [gemma-2-9b]
    traffic: {peak_req_s: 10, hours: HOURS, input_tok: 1000, output_tok: 1000, burst_factor: 1}
performance:
  capacity: [{gpu: home-gpu, input_tok: 1000, output_tok: 1000, req_s: 4}]
procurement:
  only_quotes: true
  RULE
  quotes:
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 2, term: on-demand, SEEN}
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 1, term: 1y, upfront_share: 0.5, SEEN}
    - {provider: shelf, gpu: home-gpu, gpus: 1, usd_h: 3, term: on-demand, SEEN}
MORE
solver: {gap: 0}
"""
HOURS = str([2.0 if 9 <= hour % 24 < 17 else 1.0 for hour in range(168)])
SEEN = "observed_on: 2026-11-20, source: a letter"
NO_APIS = "apis: {allow: false}"
YEAR_USD = 0.5 * 1 * 730 * 12
MONTH_USD = 3 * 1 * 730  # three for a year at $1/h, the third idle at night


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


def own(folder, catalog, rule="", more=NO_APIS):
    text = OWN.replace("HOURS", HOURS).replace("RULE", rule).replace("SEEN", SEEN).replace("MORE", more)
    return read(text, folder, catalog)


def told(file, catalog):
    """What is said of each way out: rule -> (now, enough)."""
    found = ways_out(file, catalog, limit_s=600, today=TODAY)
    assert not found.untold and all(each.least for each in (*found.single, *found.together))
    return {each.key: (each.now, each.enough) for each in found.single}, found


def test_a_quota_too_small_is_raised_by_one_gpu_or_the_peak_is_cut(tmp_path, catalog):
    single, found = told(own(tmp_path, catalog, "quotas: [{max_gpus: 2}]"), catalog)
    # two GPUs serve 8 of the 10 at the peak: a fifth of what the 8 working hours of 24 ask: 8 x 2 / (8 x 10 + 16 x 5)
    assert single == {"procurement.quotas[0].max_gpus": (2, 3), "workloads.chat.traffic": (1, 0.8)}
    cut = found.single[-1]
    assert cut.says == "leave some chat requests unserved during its busiest hours"
    assert cut.detail == "10 % of its tokens go unserved: mon-sun 09-17"
    assert sentence(found.single[0]) == "raise quota 1 (everything): from 2 GPUs to 3 GPUs"


def test_a_budget_too_small_is_raised_to_what_the_best_plan_costs(tmp_path, catalog):
    single, found = told(own(tmp_path, catalog, "terms: [1y]", NO_APIS + "\nbudget: {usd_month: 1000}"), catalog)
    # interest on half the year at 8 %: $4,380 x 0.08 / 12 x 13/24 = $15.82 a machine
    interest = 3 * YEAR_USD * 0.08 / 12 * 13 / 24
    assert single["budget.usd_month"] == (1000, 2238) and 2237 < MONTH_USD + interest < 2238
    assert found.single[0].too_little == 2237
    # one machine for $745.82: 4 of 10 requests/s at the peak
    assert single["workloads.chat.traffic"] == (1, 0.4)
    # with machines by the hour two at night cost $2/h: no way out
    assert set(single) == {"budget.usd_month", "workloads.chat.traffic"}


def test_no_cash_where_all_is_paid_upfront(tmp_path, catalog):
    single, _ = told(own(tmp_path, catalog, "terms: [1y]\n  max_upfront_usd: 0"), catalog)
    assert single == {"procurement.max_upfront_usd": (0, 3 * YEAR_USD), "procurement.terms": (None, None)}


def test_surviving_the_loss_of_the_only_provider_allowed(tmp_path, catalog):
    rule = "where: {providers: [rack]}"
    asked = NO_APIS + "\nresilience: {machine: false, provider: true, workloads: []}"
    text = own(tmp_path, catalog, rule, asked)
    slow = {"slo": text.problem.workloads["chat"].slo.model_copy(update={"e2e_ms": 1e6})}
    chat = text.problem.workloads["chat"].model_copy(update=slow)
    file = replace(text, problem=text.problem.model_copy(update={"workloads": {"chat": chat}}))
    single, found = told(file, catalog)
    assert single["procurement.where.providers"] == (None, None)
    assert "allow provider shelf" in {each.says for each in found.single}
    assert single["resilience.kept_share"] == (1, 0)


def test_a_window_too_short_is_opened_for_longer(tmp_path, catalog):
    # 8 GPU-h of work a day, 4 x 3600 requests each: on a quota of 2 GPUs it takes 4 hours a night
    night = """\
  night:
    models: [gemma-2-9b]
    traffic: {requests_day: 115200, input_tok: 1000, output_tok: 1000}
    deferrable: {hours_of_day: 01-03, finish: day}
    apis: false
"""
    text = OWN.replace("HOURS", HOURS).replace("RULE", "quotas: [{max_gpus: 2}]").replace("SEEN", SEEN)
    text = text.replace("MORE", NO_APIS.replace("false", "true")).replace("performance:", night + "performance:")
    file = read(text.replace("peak_req_s: 10", "peak_req_s: 0.001"), tmp_path, catalog)
    single, found = told(file, catalog)
    assert single["workloads.night.deferrable.hours_of_day"] == (2, 5)  # chat needs its share of one of the two
    assert single["procurement.quotas[0].max_gpus"] == (2, 5)
    assert next(each for each in found.single if each.unit == "hours").detail == "hours_of_day: 01-06"
    assert single["workloads.night.traffic"] == (1, 0.49)


def test_two_limits_that_bind_together_are_loosened_together(tmp_path, catalog):
    rule = "quotas: [{max_gpus: 2}]"
    file = own(tmp_path, catalog, rule, NO_APIS + "\nbudget: {usd_month: 1500}")
    single, found = told(file, catalog)
    assert all(has_plan(replace(file, problem=each.problem), catalog) for each in found.together)
    # a third GPU alone costs too much, and more money alone buys none; a year at $1/h for two, $2/h for the third
    assert set(single) == {"workloads.chat.traffic"}
    together = {each.key: (each.now, each.enough) for each in found.together}
    usd_month = 2 * (730 + YEAR_USD * 0.08 / 12 * 13 / 24) + 2 * 730 / 3
    assert together == {
        "procurement.quotas[0].max_gpus": (2, 3),
        "budget.usd_month": (1500, pytest.approx(usd_month, abs=1)),
    }


def test_a_model_too_slow_waits_longer_or_is_made_smaller(tmp_path, catalog):
    text = """\
name: slow
workloads:
  chat:
    models: [{model: gemma-2-9b, precisions: [bf16]}]
    traffic: {peak_req_s: 2, input_tok: 2000, output_tok: 400}
    slo: {ttft_ms: 1500, tpot_ms: 8}
procurement:
  only_quotes: true
  quotes: [{provider: p, gpu: h100-sxm, gpus: 1, usd_h: 2, term: on-demand, SEEN}]
apis: {allow: false}
"""
    file = read(text.replace("SEEN", SEEN), tmp_path, catalog)
    single, found = told(file, catalog)
    # 9.2 billion parameters of two bytes at 3,350 GB/s, and what else a step takes
    now, enough = single["slo.chat.tpot_ms"]
    assert now == 8 and 18.5 / 3.35 < enough < 12 and round(enough, 2) == enough
    assert "allow fp8 weights of gemma-2-9b for chat" in {each.says for each in found.single}


def rules_of(file, catalog):
    load_ = reduce_traffic(file.problem, file.folder, catalog)
    return {each.mark: each for each in loosenings(file.problem, load_, catalog)}


def check_every_way_out(seed, folder, catalog):
    """Each admits a plan when applied, and its next tighter value does not; what a number says can be done by hand."""
    file = impossible(seed, folder, catalog)
    found = ways_out(file, catalog, limit_s=600, today=TODAY)
    assert not found.untold
    rules, numbers = rules_of(file, catalog), numbers_of(file.problem)
    for each in found.single:
        assert has_plan(replace(file, problem=each.problem), catalog), each.says
        if each.now is None:
            continue
        assert each.least, each.says
        rule = rules[each.key, each.says]
        values = list(rule.values) if len(rule.values) < 10_000 else rule.values
        place = len(values) - 1 if each.enough is None else values.index(each.enough)
        if place:
            tighter = rule.turn(file.problem, values[place - 1])
            assert not has_plan(replace(file, problem=tighter), catalog), each.says
        if each.key in numbers and each.enough and rule.unit != "of its peak":
            assert each.problem == with_numbers(file.problem, {numbers[each.key]: each.enough})
    if found.together:
        assert has_plan(replace(file, problem=found.together[0].problem), catalog)
    assert found.single or found.together
    return len(found.single)


@pytest.mark.parametrize("seed", range(7))
def test_every_way_out_of_random_problems(seed, tmp_path, catalog):
    check_every_way_out(seed, tmp_path, catalog)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(7, 120))
def test_every_way_out_of_many_random_problems(seed, tmp_path, catalog):
    check_every_way_out(seed, tmp_path, catalog)


EVERYTHING = """\
name: everything
workloads:
  chat:
    models:
      - {model: llama-3.1-8b, precisions: [bf16], kv_precisions: [bf16], max_share: 0.5, quality: SCORE6}
      - {model: llama-3.3-70b, quality: SCORE8}
    mean_quality_at_least: 0.7
    min_quality: 0.65
    traffic: {peak_req_s: 10, input_tok: 1000, output_tok: 300}
    slo: {ttft_ms: 1000, tpot_ms: 50, e2e_ms: 30000}
    interruptible: true
    spot_max_share: 0.5
    api_max_share: 0.5
    min_replicas: 2
    engines: [vllm]
    where: {continents: [EU], exclude_gpus: [l4]}
  night:
    models: [llama-3.1-8b]
    traffic: {requests_day: 1000, input_tok: 1000, output_tok: 300}
    deferrable: {hours_of_day: 20-06, weekdays: [mon], finish: day}
    apis: false
procurement:
  terms: [on-demand, 1y]
  max_upfront_usd: 1000
  quotas: [{max_gpus: 8}, {max_machines: 2}, {max_vcpus: 64}]
  minimum_orders: [{min_machines: 2}]
  quotes:
    - {provider: rack, gpu: h100-sxm, gpus: 1, usd_h: 2, term: 1y, vcpus: 8, min_machines: 2, multiple_of: 2, LOTS}
  spend_quotes:
    - {provider: rack, term: 1y, covers: [{discount_share: 0.2}], min_usd_h: 5, SEEN}
  purchases:
    - {gpu: h100-sxm, gpus: 1, price_usd: 30000, power_kw: 1, usd_kwh: 0.2, max_machines: 2, SEEN}
apis: {providers: [together-ai], exclude_providers: [oci], max_req_s: 3}
spot: {kept_share: 0.5, max_machines_pool: 2}
resilience: {machine: true, region: true, provider: true}
spread: {max_provider_traffic_share: 0.5, max_provider_spend_share: 0.6, max_providers: 2, max_regions: 2,
         max_gpu_types: 1, max_deployments: 2}
budget: {usd_month: 100}
"""


def everything(folder, catalog):
    text = EVERYTHING.replace("LOTS", "max_machines: 8, SEEN").replace("SEEN", SEEN)
    for score in "68":
        scored = f"{{score: 0.{score}, evidence: ours, observed_on: 2026-11-20}}"
        text = text.replace(f"SCORE{score}", scored)
    return read(text, folder, catalog)


def test_every_family_that_may_give_way_has_a_rule_with_an_amount_and_a_unit(tmp_path, catalog):
    rules = rules_of(everything(tmp_path, catalog), catalog).values()
    may_give_way = {family.name for family in ROWS if family.relaxed is not None}
    assert {rule.family for rule in rules if rule.now is not None and rule.unit} - {""} == may_give_way
    assert all(rule.unit for rule in rules if rule.now is not None)
    assert len({rule.mark for rule in rules}) == len(rules)
    assert all("{" not in rule.says for rule in rules)


def test_every_rule_is_looser_at_every_value_and_its_problem_can_be_written(tmp_path, catalog):
    file = everything(tmp_path, catalog)
    for rule in rules_of(file, catalog).values():
        values = rule.values[:50]
        if rule.now is not None:
            away = [abs(value - rule.now) for value in values]
            assert away[0] > 0 and all(one < other for one, other in pairwise(away)), rule.says
            assert rule.looser_by(0.0) == 0 and rule.looser_by(1e12) == len(rule.values) - 1
        for value in (values[0], rule.values[-1]):
            assert rule.turn(file.problem, value) != file.problem, rule.says


@settings(deadline=None, max_examples=30)
@given(st.floats(0.01, 1e5), st.floats(1, 9))
def test_values_of_three_digits(above, times):
    values = three_digits(above, above * times)
    assert all(above < value <= above * times * (1 + 1e-9) for value in values)
    assert all(one < other <= one * 1.0101 for one, other in pairwise(values))
    assert [float(f"{value:.3g}") for value in values] == pytest.approx(values)


@settings(deadline=None, max_examples=30)
@given(st.floats(-9, 9), st.floats(0.001, 5))
def test_values_below(now, way):
    values = below(now, now - way)
    assert values[-1] == now - way and values[0] < now
    assert all(one > other for one, other in pairwise(values))


def test_percents_end_at_all():
    assert percents(0.975) == [0.98, 0.99, 1.0] and percents(1.0) == []


def test_when_time_is_over_it_says_what_is_not_known(tmp_path, catalog):
    found = ways_out(own(tmp_path, catalog, "quotas: [{max_gpus: 2}]"), catalog, limit_s=1e-9, today=TODAY)
    assert found.solved == 0 and len(found.untold) == found.tried and not found.single


def test_the_command_tells_the_ways_out(tmp_path, catalog, monkeypatch):
    monkeypatch.setattr(solving, "QUICKLY_S", 600.0)
    own(tmp_path, catalog, "quotas: [{max_gpus: 2}]")
    answer = CliRunner().invoke(app, ["solve", str(tmp_path / "own.yaml")])
    assert answer.exit_code == 1, answer.output
    said = " ".join(answer.stdout.split())
    assert "raise quota 1 (everything) 2 GPUs 3 GPUs +1 GPUs" in said
    assert all(len(line) <= 80 for line in answer.stdout.splitlines())


def test_explaining_a_problem_with_no_plan_tells_them_too(tmp_path, catalog):
    own(tmp_path, catalog, "quotas: [{max_gpus: 2}]")
    out = tmp_path / "out.json"
    answer = CliRunner().invoke(app, ["explain", str(tmp_path / "own.yaml"), "--json", "-o", str(out)])
    assert answer.exit_code == 1 and "quota 1 (everything): 2 GPUs" in answer.stderr
    assert json.loads(answer.stdout) == json.loads(out.read_text())
    assert json.loads(answer.stdout)["single"][0]["says"] == "raise quota 1 (everything): from 2 GPUs to 3 GPUs"


def test_plain_values_say_the_same(tmp_path, catalog):
    found = ways_out(own(tmp_path, catalog, "quotas: [{max_gpus: 2}]"), catalog, today=TODAY)
    told_ = json.loads(json.dumps(ways_out_object(found)))
    assert told_["single"][0]["enough"] == 3 and told_["single"][0]["family"] == "within_quota"
    assert told_["untold"] == [] and told_["together"] == []


def test_the_page_shows_what_the_command_prints(monkeypatch):
    monkeypatch.setattr(solving, "QUICKLY_S", 600.0)
    monkeypatch.setenv("COLUMNS", "80")
    answer = CliRunner().invoke(app, ["solve", "infeasible", "--today", "2026-11-24"])
    assert answer.exit_code == 1
    told_ = "Each of these" + answer.stdout.split("Each of these")[1].split("rules of the problem tried")[0]
    page = (Path(__file__).parents[1] / "docs" / "infeasible.md").read_text(encoding="utf-8")
    assert told_ in page
