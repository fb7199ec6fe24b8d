"""Engine features: each is arithmetic worked out on paper, obeys its laws, and reaches plan, audit and terminal."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from performance_cards import GPT_OSS_120B, H100, H200, LLAMA_70B, deployment, objective, request, row
from rich.console import Console

from planner.audit import audit
from planner.catalog.load import Catalog, load_catalog
from planner.errors import ProblemError
from planner.lanes import allowed_features, lanes_of
from planner.outputs.terminal import show_plan
from planner.performance import Performance
from planner.performance.features import PLAIN, Features, Speculative
from planner.performance.memory import held_weights_gib, kv_room_gib, max_concurrency, request_gib, weights_gib
from planner.performance.roofline import Physics, Speed
from planner.performance.steps import Steps
from planner.performance.types import OperatingPoint, Request
from planner.plan import Plan
from planner.problem.features import EngineFeatures
from planner.problem.read import read_problem
from planner.problem.schema import Problem
from planner.reduce import reduce_problem
from planner.verbs import load, solve

PERFECT = Physics(
    **{f.name: 1.0 if f.name.endswith(("share", "spread", "prompt", "seats")) else 0.0 for f in fields(Physics)}
)
"""The data sheet is reached, nothing costs anything beside, and every prompt has a step of its own."""

CARDS = {"llama-3.1-70b": LLAMA_70B, "gpt-oss-120b": GPT_OSS_120B}
GPUS = {"h100-sxm": H100, "h200-sxm": H200}
ONE = deployment(LLAMA_70B, H100)
TWO = deployment(LLAMA_70B, H100, 2)
STATIC = Features(batching="static")
ladder = np.array([1.0, 2, 4, 8, 16, 32, 64, 128, 256])


def run(d, features):
    return replace(d, features=features)


def drafted(draft_tok=3, acceptance_share=0.6, draft_cost_share=0.0):
    return Features(
        speculative=Speculative(
            draft_tok=draft_tok, acceptance_share=acceptance_share, draft_cost_share=draft_cost_share
        )
    )


def perfect(d, r) -> Steps:
    return Steps(d, r, PERFECT, Speed())


def modeled(d, r, in_flight=ladder, rows=()):
    """TPOT, TTFT and the whole request of the shipped constants."""
    return Performance(CARDS, GPUS, rows, 0.9).replica(d, r).latencies_ms(in_flight)


# --- answers on paper -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draft_tok", "acceptance", "tokens"),
    [(3, 0.6, 2.176), (3, 0.0, 1.0), (3, 1.0, 4.0), (1, 0.8, 1.8), (4, 0.5, 1.9375)],
)
def test_a_step_gives_one_token_and_those_accepted_in_a_row(draft_tok, acceptance, tokens):
    # (1 - a^(k+1)) / (1 - a): 1 + 0.6 + 0.36 + 0.216; with all accepted k + 1
    assert drafted(draft_tok, acceptance).speculative.step_tok == pytest.approx(tokens)


def test_a_lone_request_checks_four_tokens_for_the_weights_of_one():
    r = Request(input_tok=1, output_tok=1)
    # 70B fp8: (69.503 - 1.051) x 1 B + 2 x 1.051 (head; embedding only looked up): read 70.55 GB / 3350 GB/s
    plain, _ = perfect(ONE, r).latencies_ms(1.0)
    read = (70.554 - 2 * 1.051 + 2 * 1.051) / 3350 * 1e3
    multiply = 2 * (70.554 - 1.051) / 1978  # GFLOP a token / TFLOPS = ms
    assert plain == pytest.approx(read + multiply, rel=1e-3)
    # 4 tokens multiplied, read once, 2.176 of them kept
    checked, _ = perfect(run(ONE, drafted()), r).latencies_ms(1.0)
    assert checked == pytest.approx((read + 4 * multiply) / 2.176, rel=1e-3)
    assert plain / checked > 2.1


def test_a_full_replica_pays_for_four_tokens_and_keeps_two():
    r = Request(input_tok=1, output_tok=1)
    # static, so that no prompts come in: 1024 x 0.0703 = 72.0 ms of arithmetic beside 21.1 ms of weights and, at
    # a token and a half of context, 0.15 ms of cache
    plain, _ = perfect(run(ONE, STATIC), r).latencies_ms(1024.0)
    assert plain == pytest.approx(72.0 + 21.1 + 0.15, rel=0.005)
    # (4 x 72.0 + 21.1 + 0.15) / 2.176: slower
    checked, _ = perfect(run(ONE, replace(drafted(), batching="static")), r).latencies_ms(1024.0)
    assert checked == pytest.approx(142.1, rel=0.005)


def test_drafting_costs_its_share_of_a_plain_step_for_each_token():
    r = Request(input_tok=1000, output_tok=300)
    free, dear = (perfect(run(ONE, drafted(draft_cost_share=c)), r).step_ms(1.0) for c in (0.0, 0.1))
    assert dear - free == pytest.approx(3 * 0.1 * float(perfect(ONE, r).step_ms(1.0)))


def test_half_a_prompt_found_is_half_its_matrices_and_three_quarters_of_its_scores():
    r = Request(input_tok=1000, output_tok=300)
    whole = float(perfect(ONE, r).prompt_ms())
    half = float(perfect(ONE, replace(r, prefix_hit_share=0.5)).prompt_ms())
    # 500 of 1000 tokens x 2 x (70.554 - 2 x 1.051) GFLOP / 1978 TFLOPS = 34.6 ms saved; pairs within the known half
    # are a quarter of 4 x 64 heads x 128 x 80 layers x 1000 x 500 = 1.311 TFLOP / 989 TFLOPS = 1.33 ms
    assert whole - half == pytest.approx(0.5 * 2 * 68.452 / 1978 * 1e3 + 0.25 * 1.3107 / 989 * 1e3, rel=1e-3)


def test_a_prompt_found_whole_still_has_its_last_token_computed():
    r = Request(input_tok=1000, output_tok=300, prefix_hit_share=1.0)
    one = Request(input_tok=1, output_tok=300)
    assert perfect(ONE, r).prompt_ms() >= perfect(ONE, one).prompt_ms()


def test_what_lies_in_the_memory_of_the_host_is_copied_to_each_gpu():
    r = Request(input_tok=1000, output_tok=300)
    near, far = replace(r, prefix_hit_share=0.5), replace(r, offload_hit_share=0.5)
    # 500 tokens x 327,680 bytes / 20 GB/s = 8.19 ms; on two GPUs half of it each
    for d, ms in ((ONE, 8.192), (TWO, 4.096)):
        assert float(perfect(d, far).prompt_ms() - perfect(d, near).prompt_ms()) == pytest.approx(ms)


def test_a_static_batch_of_four_is_held_for_twice_the_mean_answer():
    r = Request(input_tok=1000, output_tok=300)
    # 1 + 1/2 + 1/3 + 1/4 = 25/12
    steps = perfect(run(ONE, STATIC), r)
    assert steps.held_tok(np.array([1.0, 4.0])) == pytest.approx([300, 625])
    # no answer is longer than the context
    long = perfect(run(ONE, STATIC), Request(input_tok=100_000, output_tok=20_000))
    assert long.held_tok(4.0) == LLAMA_70B.context_tok - 100_000


def test_a_static_batch_reads_all_its_prompts_before_its_first_token():
    r = Request(input_tok=1000, output_tok=300)
    steps = perfect(run(ONE, STATIC), r)
    step = float(steps.step_ms(4.0))
    # own prompt and the three others, half a step under way
    assert float(steps.latencies_ms(4.0)[1]) == pytest.approx(4 * float(steps.prompt_ms()) + step / 2)


def test_a_draft_takes_its_share_of_memory():
    with_draft = run(TWO, drafted(draft_cost_share=0.1))
    r = request()
    assert held_weights_gib(with_draft) == pytest.approx(1.1 * weights_gib(LLAMA_70B, "fp8"))
    assert request_gib(with_draft, r) == pytest.approx(1.1 * request_gib(TWO, r))
    room = kv_room_gib(TWO, 0.9) - 0.1 * weights_gib(LLAMA_70B, "fp8") / 2
    assert max_concurrency(with_draft, r, 0.9) == int(room / (1.1 * request_gib(TWO, r)))


# --- laws -----------------------------------------------------------------------------------------------------------

requests = st.builds(
    Request,
    input_tok=st.floats(10, 20_000),
    output_tok=st.floats(2, 2_000),
    prefix_hit_share=st.floats(0, 0.5),
    offload_hit_share=st.floats(0, 0.5),
)
runs = st.sampled_from([PLAIN, STATIC, Features(chunked_prefill=True), Features(chunked_prefill=False), drafted()])
models = st.sampled_from([TWO, deployment(GPT_OSS_120B, H100, 2, "mxfp4")])


def constants_of_cards():
    return Performance(CARDS, GPUS, [], 0.9)._constants


def steps_of(d, r) -> Steps:
    return Steps(d, r, constants_of_cards().physics, Speed())


@settings(max_examples=60, deadline=None)
@given(r=requests, features=runs, d=models)
def test_more_hits_never_make_anything_slower(r, features, d):
    d = run(d, features)
    fewer = replace(r, prefix_hit_share=r.prefix_hit_share / 2)
    for more, less in zip(steps_of(d, r).latencies_ms(ladder), steps_of(d, fewer).latencies_ms(ladder), strict=True):
        assert np.all(more <= less * (1 + 1e-12))


@settings(max_examples=30, deadline=None)
@given(r=requests, d=models, draft_tok=st.integers(1, 8), cost=st.floats(0, 0.5))
def test_a_draft_that_is_never_right_never_helps(r, d, draft_tok, cost):
    useless = run(d, drafted(draft_tok, 0.0, cost))
    for with_it, without in zip(
        steps_of(useless, r).latencies_ms(ladder), steps_of(d, r).latencies_ms(ladder), strict=True
    ):
        assert np.all(with_it >= without * (1 - 1e-12))


@settings(max_examples=30, deadline=None)
@given(r=requests, d=models, low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_better_draft_is_never_slower_per_token(r, d, low, high):
    low, high = sorted((low, high))
    better, worse = (steps_of(run(d, drafted(3, a, 0.1)), r).latencies_ms(ladder)[0] for a in (high, low))
    assert np.all(better <= worse * (1 + 1e-12))


@settings(max_examples=60, deadline=None)
@given(r=requests, d=models)
def test_a_static_batch_is_never_sooner_to_its_first_token_nor_to_its_last(r, d):
    static, plain = steps_of(run(d, STATIC), r), steps_of(d, r)
    assert np.all(static.latencies_ms(ladder)[1] >= plain.latencies_ms(ladder)[1] * (1 - 1e-12))
    assert np.all(static.held_tok(ladder) >= plain.held_tok(ladder) - 1e-9)


@pytest.mark.parametrize("r", [request(1000, 300), request(8000, 500), request(200, 1000)])
def test_at_the_same_batch_static_is_slower_to_the_first_token_and_serves_fewer(r):
    _, ttft, whole = modeled(TWO, r)
    _, static_ttft, static_whole = modeled(run(TWO, STATIC), r)
    assert np.all(static_ttft >= ttft * (1 - 1e-9))
    assert np.all(static_whole[1:] > whole[1:])


def test_no_features_and_no_hits_change_nothing():
    plain = modeled(TWO, request())
    same = modeled(run(TWO, Features()), replace(request(), prefix_hit_share=0.0))
    for a, b in zip(plain, same, strict=True):
        assert np.array_equal(a, b)


def test_prompts_beside_others_cost_least_and_prompts_apart_most():
    beside, measured, apart = (
        modeled(run(TWO, Features(chunked_prefill=chunked)), request())[0] for chunked in (True, None, False)
    )
    assert np.all(beside[1:] < measured[1:]) and np.all(measured[1:] < apart[1:])
    assert beside[0] == measured[0] == apart[0]  # nobody else's prompt comes in


def test_what_speculation_gains_goes_as_more_are_in_flight():
    plain, _, _ = modeled(TWO, request())
    drafting, _, _ = modeled(run(TWO, drafted(draft_cost_share=0.1)), request())
    gain = plain / drafting
    assert np.all(np.diff(gain) < 0)
    assert gain[0] > 1.4
    assert gain[-1] < 1.0  # 256 in flight: it loses


def test_experts_make_checking_dearer():
    # a lone request of four tokens is routed to up to four times the experts; dense weights are read once
    r = Request(input_tok=1, output_tok=1)
    dense, experts = ONE, deployment(GPT_OSS_120B, H100, 1, "mxfp4")
    gains = [
        float(perfect(d, r).latencies_ms(1.0)[0] / perfect(run(d, drafted()), r).latencies_ms(1.0)[0])
        for d in (dense, experts)
    ]
    assert gains[0] > gains[1]


def test_rows_correct_the_plain_engine_and_features_scale_it():
    r, slow = request(), [row(tpot_ms=60)]
    with_rows = modeled(run(TWO, STATIC), r, rows=slow)[0] / modeled(TWO, r, rows=slow)[0]
    without = modeled(run(TWO, STATIC), r)[0] / modeled(TWO, r)[0]
    assert with_rows == pytest.approx(without)


def test_a_row_near_is_no_measurement_of_a_feature():
    performance = Performance(CARDS, GPUS, [row(tpot_ms=60)], 0.9)
    plain = performance.operating_point(TWO, request(), objective(tpot_ms=45))
    hits = performance.operating_point(TWO, replace(request(), prefix_hit_share=0.3), objective(tpot_ms=45))
    assert isinstance(plain, OperatingPoint) and isinstance(hits, OperatingPoint)
    assert (plain.source, hits.source) == ("measured", "corrected")
    assert hits.req_s > plain.req_s
    assert hits.reason.endswith("by arithmetic, not measured: prefix hits 0.3")


# --- workloads, lanes and candidates --------------------------------------------------------------------------------

PROBLEM = """\
name: agents
workloads:
  agents:
    models: [{model: llama-3.3-70b, precisions: [fp8]}]
    traffic: {peak_req_s: 12, input_tok: 6000, output_tok: 200}
    slo: {ttft_ms: 3000, tpot_ms: 50}
    features: @features@
procurement:
  where: {providers: [lambda, nebius], gpus: [h100-sxm, h200-sxm]}
  terms: [on-demand]
apis: {allow: false}
"""
TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def agents(tmp_path: Path, features: str, **swaps: str):
    text = PROBLEM.replace("@features@", features)
    for old, new in swaps.items():
        text = text.replace(f"{old}: 50", f"{old}: {new}")
    path = tmp_path / "agents.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def solved(tmp_path: Path, catalog: Catalog, features: str, **swaps: str) -> Plan:
    return solve(load(agents(tmp_path, features, **swaps), catalog), catalog, gap=0.001, today=TODAY)


def test_speculation_is_a_choice_and_the_rest_is_as_stated():
    both = allowed_features(EngineFeatures(batching="static", chunked_prefill=True, speculative={"draft_tok": 2}))
    assert [f.label for f in both] == [
        "static batching, chunked prefill",
        "static batching, chunked prefill, speculative 2 x 0.6 draft 0.1",
    ]
    assert allowed_features(EngineFeatures(prefix_hit_share=0.4)) == (PLAIN,)


def two_workloads(first: str, second: str) -> Problem:
    each = {"models": ["llama-3.1-8b"], "traffic": {"peak_req_s": 1, "input_tok": 1000, "output_tok": 100}}
    stated = {"chat": EngineFeatures.model_validate_json(first), "batch": EngineFeatures.model_validate_json(second)}
    return Problem(name="two", workloads={name: {**each, "features": f} for name, f in stated.items()})


def test_workloads_whose_engines_run_alike_share_a_lane_and_others_do_not():
    owners = list(lanes_of(two_workloads("{}", '{"prefix_hit_share": 0.5}').workloads).values())
    assert owners == [["chat", "batch"]]
    owners = list(lanes_of(two_workloads("{}", '{"batching": "static"}').workloads).values())
    assert owners == [["chat"], ["batch"]]
    owners = list(lanes_of(two_workloads("{}", '{"speculative": {}}').workloads).values())
    assert owners == [["chat", "batch"], ["batch"]]


def test_each_workload_keeps_its_own_hits_on_a_shared_replica(catalog, tmp_path):
    problem = two_workloads('{"prefix_hit_share": 0.5}', "{}")
    reduced = reduce_problem(problem, tmp_path, catalog, TODAY)
    shared = [c for c in reduced.candidates.values() if {"chat", "batch"} <= c.rates.keys()]
    assert shared
    assert all(c.rates["chat"].req_s > c.rates["batch"].req_s for c in shared)


def test_no_replica_serves_a_workload_that_does_not_allow_its_features(catalog, tmp_path):
    problem = two_workloads("{}", '{"speculative": {"draft_cost_share": 0}}')
    reduced = reduce_problem(problem, tmp_path, catalog, TODAY)
    drafting = [c for c in reduced.candidates.values() if c.deployment.features.speculative]
    assert all(c.rates.keys() == {"batch"} for c in drafting)


# --- end to end -----------------------------------------------------------------------------------------------------


def test_prompts_that_are_found_cost_less(catalog, tmp_path):
    plain = solved(tmp_path, catalog, "{}")
    found = solved(tmp_path, catalog, "{prefix_hit_share: 0.6}")
    copied = solved(tmp_path, catalog, "{offload_hit_share: 0.6}")
    assert plain.status == found.status == copied.status == "optimal"
    # prompts are most of the work: 0.4 of them and the answers remain
    assert 0.35 * plain.usd_month < found.usd_month < 0.75 * plain.usd_month
    assert found.usd_month <= copied.usd_month * 1.001 < plain.usd_month
    assert {rate.prefix_hit_share for d in found.deployments for rate in d.rates} == {0.6}


def test_speculation_is_used_where_tokens_must_come_fast_and_never_costs(catalog, tmp_path):
    allowed = "{speculative: {acceptance_share: 0.7, draft_cost_share: 0.05}}"
    without = solved(tmp_path, catalog, "{}", tpot_ms="9")
    with_it = solved(tmp_path, catalog, allowed, tpot_ms="9")
    assert with_it.usd_month < 0.7 * without.usd_month
    assert all(d.features.speculative for d in with_it.deployments)
    useless = solved(tmp_path, catalog, "{speculative: {acceptance_share: 0}}")
    assert useless.usd_month == pytest.approx(solved(tmp_path, catalog, "{}").usd_month, rel=0.001)
    assert all(d.features == PLAIN for d in useless.deployments)


def test_static_batching_costs_a_multiple(catalog, tmp_path):
    static, plain = (solved(tmp_path, catalog, f) for f in ("{batching: static}", "{}"))
    assert static.usd_month > 2 * plain.usd_month
    assert all(d.queue.slots == 1 for d in static.deployments)


def told(plan: Plan) -> str:
    console = Console(file=io.StringIO(), record=True, width=200)
    show_plan(plan, console)
    return " ".join(console.export_text().split())


def test_the_plan_says_what_is_claimed_and_by_whom_and_reads_back_equal(catalog, tmp_path):
    plan = solved(tmp_path, catalog, "{prefix_hit_share: 0.3, speculative: {acceptance_share: 0.7}}", tpot_ms="9")
    assert Plan.from_json(plan.to_json()) == plan
    words = (
        "engine: prefix caching, 30 % hit (stated by you), "
        "speculative decoding, 3 tokens at 70 % (claim of yours, not measured)"
    )
    assert words in told(plan)
    assert "stated by you" not in told(solved(tmp_path, catalog, "{}"))


@pytest.mark.parametrize(
    ("stated", "wrong", "words"),
    [
        (
            "{speculative: {}}",
            "{}",
            "speculative decoding (3 tokens, 0.6 accepted, draft 0.1) is not what the workload",
        ),
        ("{speculative: {}}", "{speculative: {acceptance_share: 0.5}}", "is not what the workload states"),
        ("{batching: static}", "{}", "runs with static batching, which the workload does not state"),
        ("{prefix_hit_share: 0.6}", "{prefix_hit_share: 0.5}", "said to be 0.6 and 0, the problem states 0.5 and 0"),
        ("{prefix_hit_share: 0.6}", "{prefix_hit_share: 0.5}", "requests/s are claimed, recomputed"),
    ],
)
def test_the_audit_recomputes_with_the_features_of_the_problem(catalog, tmp_path, stated, wrong, words):
    swaps = {"tpot_ms": "9"} if "speculative" in stated else {}
    plan = solved(tmp_path, catalog, stated, **swaps)
    other = load(agents(tmp_path, wrong, **swaps), catalog).problem
    reduced = reduce_problem(other, tmp_path, catalog, TODAY)
    found = audit(plan, other, reduced.load, catalog, performance=reduced.performance)
    assert any(words in breach for breach in found.breaches), found.breaches


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "where", "words"),
    [
        ("{prefix_hits: 0.3}", "features.prefix_hits", "no such key.  Did you mean prefix_hit_share?"),
        ("{prefix_hit_share: 30}", "features.prefix_hit_share", "30"),
        ("{batching: dynamic}", "features.batching", "continuous"),
        ("{chunked_prefill: sometimes}", "features.chunked_prefill", "sometimes"),
        ("{speculative: {draft_tok: 0}}", "features.speculative.draft_tok", "at least 1"),
        ("{speculative: {draft_tok: 2.5}}", "features.speculative.draft_tok", "2.5"),
        ("{speculative: {acceptance_share: 1.2}}", "features.speculative.acceptance_share", "1.2"),
        ("{speculative: {model: llama}}", "features.speculative.model", "no such key"),
        ("{prefix_hit_share: 0.7, offload_hit_share: 0.6}", "features.offload_hit_share", "1.3 of the prompt is found"),
    ],
)
def test_a_feature_that_cannot_be_is_told_with_its_place(tmp_path, features, where, words):
    with pytest.raises(ProblemError) as error:
        read_problem(agents(tmp_path, features))
    assert f"workloads.agents.{where}" in str(error.value)
    assert words in str(error.value)


def test_features_do_not_change_a_capacity_table(tmp_path):
    path = agents(tmp_path, "{prefix_hit_share: 0.5}")
    table = "performance: {capacity: [{gpu: h100-sxm, input_tok: 6000, output_tok: 200, req_s: 1}]}\n"
    path.write_text(path.read_text(encoding="utf-8") + table, encoding="utf-8")
    with pytest.raises(ProblemError, match="used as they are"):
        read_problem(path)
