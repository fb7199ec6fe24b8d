"""The audit passes a plan that keeps every promise, and names the one that is broken."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import audit_cases as cases
import pytest

import planner.audit
from planner.audit import CHECKS, Evidence, audit
from planner.performance.types import Refusal
from planner.traffic.types import Window


def audited(plan: dict[str, Any] | None = None, problem: dict[str, Any] | None = None, **other: Any):
    """The audit of the hand-made plan with these values changed, by path."""
    plan_values, problem_values = cases.plan(), cases.problem()
    for values, changes in ((plan_values, plan), (problem_values, problem)):
        for path, new in (changes or {}).items():
            cases.changed(values, path, new)
    given = {"load": cases.load(), "catalog": cases.catalog(), "performance": cases.FixedPerformance()}
    return audit(cases.as_plan(plan_values), cases.as_problem(problem_values), **(given | other))


def test_a_plan_that_keeps_every_promise_passes():
    found = audited()
    assert found.breaches == ()
    assert len(found.checks) == len(CHECKS)
    assert "168 hours of the week lie in 3 blocks, each in one" in found.checks
    assert "6 purchases" not in " ".join(found.checks) and "4 purchases match" in " ".join(found.checks)


MARKET = {"group": "firm", "region": "", "country": "", "machine": "h100x2", "usd_h": 1.5, "provider": "bazaar"}
GPUS = {"provider": "acme", "gpu": "h100-sxm", "gpus": 2, "usd_month": 0}
KEPT = {**GPUS, "verdict": "keep", "region": "eu-1", "machine": "h100x2", "term": "1y", "count": 1}
ADDED = [
    KEPT | {"verdict": "add"},
    KEPT | {"verdict": "add", "provider": "beta", "region": "eu-2", "machine": "2x-h100-sxm"},
    KEPT | {"verdict": "add", "machine": "h100x1", "gpus": 1, "term": "spot"},
]
SEEN = {"observed_on": "2026-11-01"}
ONE_DAY = {"label": "day", "hours": [*cases.DAY[:-1]], "month_h": 156}
TABLE = {"gpu": "h100-sxm", "input_tok": 1000, "output_tok": 101, "req_s": 7}

CACHED = {
    "model": "llama-3.2-3b", "provider": "cachely", "input_usd_mtok": 0.1, "output_usd_mtok": 0.4,
    "cached_input_usd_mtok": 0.02, **cases.SEEN_JSON,
}  # fmt: skip
OWN = [{"model": "llama-3.2-3b", "private": "ours"}]
SCORED = {"model": "llama-3.2-3b", "quality": {"score": 0.7, "by_precision": {"fp8": 0.6}, "evidence": "own", **SEEN}}
HALF = [{"model": "llama-3.2-3b", "max_share": 0.5}, "gpt-oss-120b"]
TOLD = {"model": "llama-3.2-3b", "precision": "fp8", "share": 0.9}
PROMISE = {
    "provider": "acme", "term": "1y", "usd_h": 3.0, "usd_month": 2016, "step_usd_h": 1.5, "covers": [],
    **cases.SEEN_JSON,
}  # fmt: skip

BOOT = {"autoscaling": {"startup_minutes": 6}}
HALF_GPU = {
    "way": "MIG", "parts": 2, "profile": "3g.40gb", "memory_gib": 39.5, "compute_share": 0.45, "bandwidth_share": 0.5,
}  # fmt: skip
TURN = {"way": "memory", "parts": 2, "memory_gib": 39.8, "time_share": 0.45}

# check, changes to the plan, changes to the problem, words that must be told
BROKEN: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("hours_of_the_week", {"blocks.0": ONE_DAY}, {}, "1 of 168 hours of the week are in no block: fri 16-17"),
    ("hours_of_the_week", {"blocks.2.hours": [9, *cases.WEEKEND]}, {}, "in more than one block: mon 09-10"),
    ("hours_of_the_week", {"blocks.0.month_h": 170}, {}, "170 hours a month, but 40 of 168 hours"),
    ("hours_of_the_week", {"month_hours": 730}, {}, "a month has 730 hours in the plan, 672 in the problem"),
    (
        "served_in_full",
        {"deployments.0.served.0.req_s": 27.9},
        {},
        "chat is not served as asked in day: 29.9 requests/s are served, 30 are asked for",
    ),
    ("served_in_full", {"apis.0.served": []}, {}, "28 requests/s are served, 30 are asked for"),
    ("served_in_full", {"deployments.0.served.0.req_s": -1}, {}, "-1 requests/s is less than nothing"),
    ("served_in_full", {"deployments.0.served.0.block": "noon"}, {}, "in noon: there is no such block"),
    (
        "windows_finished",
        {"deployments.1.served.0.req_s": 0.09},
        {},
        # 0.09 x 3600 x 320 + 115,200
        "batch is not finished inside its window (batch at night): 218,880.0 of 230,400.0 requests",
    ),
    ("windows_finished", {"deployments.1.served.0.block": "weekend"}, {}, ", outside every window"),
    ("windows_finished", {"apis.1.requests_month": 2e5}, {}, "only 230,400.0 are asked for"),
    ("workload_totals", {"workloads.0.requests_month": 1e7}, {}, "chat: 1e+07 requests a month in the plan"),
    ("workload_totals", {"workloads.1.input_mtok_month": 1}, {}, "1 million input tokens a month in the plan"),
    ("workload_totals", {"workloads.1.spot_share": 0.1}, {}, "0.1 of its requests on spot in the plan, 0.5"),
    ("workload_totals", {"workloads.1.name": "other"}, {}, "workload batch is told 0 times"),
    (
        "rates_recomputed",
        {"deployments.0.rates.0.estimate_req_s": 10.1, "deployments.0.rates.0.service_s": 1.9},
        {},
        "10.1 requests/s are claimed, recomputed 10",
    ),
    ("rates_recomputed", {"deployments.0.rates.0.req_s": 9}, {}, "9 requests/s are relied on, 0.75 of the"),
    # (1000 + 101) x 28 layers x 2048 x 2 B = 0.1176 GiB for each
    ("rates_recomputed", {"deployments.0.rates.0.concurrency": 900}, {}, "900 requests in flight do not fit"),
    ("rates_recomputed", {"deployments.0.rates.0.concurrency": 21}, {}, "21 requests in flight are claimed"),
    ("rates_recomputed", {"deployments.0.rates.0.ttft_ms": 50}, {}, "50 ms to the first token are claimed"),
    ("rates_recomputed", {"deployments.0.rates.0.prompt_ms": 10}, {}, "10 ms that a prompt adds are claimed"),
    ("rates_recomputed", {"deployments.0.rates.0.input_scv": 0.5}, {}, "squared variation of 0.5, the traffic says 1"),
    ("rates_recomputed", {}, {"performance.derate_modeled": 0.7}, "relied on, 0.7 of the modeled 10 are 7"),
    (
        "rates_recomputed",
        {"deployments.0.rates.0.low_share": 0.8},
        {},
        "the low end of its band is said to be 0.8000, recomputed 0.7500",
    ),
    ("rates_recomputed", {"deployments.0.rates.0.source": "corrected"}, {}, "called corrected, but it is modeled"),
    ("rates_recomputed", {"deployments.0.rates.0.source": "measured"}, {}, "called measured, but it is modeled"),
    ("rates_recomputed", {"deployments.0.model": "llama-9b"}, {}, "a name of these is not in the catalog"),
    ("rates_recomputed", {}, {"performance.capacity": [TABLE]}, "relied on, the capacity table says 7"),
    (
        "rates_recomputed",
        {},
        {"performance.capacity": [TABLE | {"output_tok": 50}]},
        "no row for h100-sxm as long as 1000 in / 101 out",
    ),
    ("queues", {"deployments.0.queue": None}, {}, "no waiting for a free slot is taken into account"),
    ("queues", {"deployments.0.queue.slots": 40}, {}, "40 slots queue together, at most 20 are in flight"),
    ("queues", {"deployments.0.queue.wait_s": 0.8}, {}, "allows 0.8 s of waiting, the objectives of chat leave 0.65"),
    ("queues", {"deployments.0.queue.wait_s": None}, {}, "allows any wait"),
    # 800 - 1.5 x 400
    ("queues", {"deployments.0.rates.0.ttft_ms": 400}, {}, "the objectives of chat leave 0.2 s"),
    # 100 + (2.968 - 1) x 100, not 100 x 1.5: prompts are all of it, and one in 20 is three times as long
    ("queues", {"deployments.0.rates.0.prompt_ms": 100}, {}, "the objectives of chat leave 0.503"),
    # 100 ms x 1.5 and 1,900 ms x 1.1 are 2,240
    ("queues", {}, {"workloads.chat.slo.e2e_ms": 2500}, "the objectives of chat leave 0.26 s"),
    ("queues", {"deployments.0.queue.service_s": 1.0}, {}, "no class takes less than 2 s"),
    ("queues", {"deployments.0.queue.percentile_share": 0.9}, {}, "keeps 0.9 of requests in time, p95 asks"),
    ("lanes_and_models", {"deployments.0.lane.tpot_ms": 60}, {}, "50 ms per token are asked, its replicas keep 60"),
    ("lanes_and_models", {"deployments.0.lane.ttft_ms": None}, {}, "its replicas keep no limit"),
    ("lanes_and_models", {}, {"workloads.chat.slo.percentile": "p99"}, "asked at p99, its replicas keep them at p95"),
    ("lanes_and_models", {"deployments.0.model": "gpt-oss-120b"}, {}, "gpt-oss-120b is not accepted, only llama-3"),
    ("parts_of_gpus", {"deployments.1.part": HALF_GPU}, {}, "shared by MIG, which the problem does not allow"),
    ("parts_of_gpus", {"deployments.1.part": TURN}, {}, "take turns on a GPU, which the problem does not allow"),
    (
        "parts_of_gpus",
        {"deployments.1.part": HALF_GPU | {"parts": 3}},
        {"sharing.mig": True},
        "batch on spot on 1/3 of h100-sxm (MIG 3g.40gb): the catalog does not split this GPU into 3 of that profile",
    ),
    (
        "parts_of_gpus",
        {"deployments.1.part": HALF_GPU | {"memory_gib": 79}},
        {"sharing.mig": True},
        "79 GiB are relied on, there are 39.5",
    ),
    (
        "parts_of_gpus",
        {"deployments.1.part": HALF_GPU | {"compute_share": 0.6}},
        {"sharing.mig": True},
        "0.6 of the TFLOPS are relied on, there are 0.45",
    ),
    (
        "parts_of_gpus",
        {"deployments.1.part": HALF_GPU | {"bandwidth_share": 0.6}},
        {"sharing.mig": True},
        "0.6 of the bandwidth are relied on, there are 0.5",
    ),
    (
        "parts_of_gpus",
        {"deployments.1.part": TURN},
        {"sharing.memory": True, "sharing.time_loss_share": 0.2},
        "0.45 of the time are relied on, there are 0.4",
    ),
    (
        "parts_of_gpus",
        {"deployments.1.part": TURN | {"parts": 9}},
        {"sharing.memory": True},
        "9 engines on one GPU, 2 to 4 may be",
    ),
    (
        "parts_of_gpus",
        {"deployments.1.part": TURN, "deployments.1.tp": 2},
        {"sharing.memory": True},
        "parts of GPUs do not work together, tp is 2",
    ),
    (
        "parts_of_gpus",
        {"deployments.1.part": TURN, "deployments.1.rates.0.source": "measured"},
        {"sharing.memory": True},
        "a rate is called measured, but no part has been measured",
    ),
    (
        "within_machines",
        {"deployments.1.part": HALF_GPU, "deployments.1.replicas_by_block": {"night": 3}},
        {"sharing.mig": True},
        "spot in night: 2 replicas of 1 GPUs do not fit 1 machines of 1 GPUs",
    ),
    (
        "survives_a_machine",
        # five halves take three GPUs
        {"deployments.0.part": HALF_GPU, "purchases.1.machines_by_block": {}},
        {"sharing.mig": True, "resilience.machine": True, "resilience.apis_may_help": False},
        "firm in day: 3 replicas of 1 GPUs must survive, 2 machines of 2 GPUs run: with one lost they do not fit",
    ),
    (
        "scored_enough",
        {},
        {"workloads.chat.models": [SCORED], "workloads.chat.min_quality": 0.65},
        "chat on chat on firm: 0.6, at least 0.65 is asked",
    ),
    (
        "scored_enough",
        {},
        {"workloads.chat.models": [SCORED], "workloads.chat.min_quality": 0.75},
        "chat on llama-3.2-3b of gamma: 0.7, at least 0.75 is asked",
    ),
    (
        "mean_scores",
        {},
        {"workloads.chat.models": [SCORED], "workloads.chat.mean_quality_at_least": 0.61},
        # 28 of 30 from the fleet: (28 x 0.6 + 2 x 0.7) / 30
        "chat scores 0.606667 on the mean in day, 0.61 is asked",
    ),
    (
        "mean_scores",
        {},
        {"workloads.batch.models": [SCORED], "workloads.batch.mean_quality_at_least": 0.61},
        "batch scores 0.6 on the mean in night, 0.61 is asked",
    ),
    (
        "model_shares",
        {},
        {"workloads.chat.models": HALF},
        "llama-3.2-3b serves too much of chat in day: 1 of the requests, at most 0.5 may be",
    ),
    (
        "model_shares",
        {},
        {"workloads.batch.models": HALF},
        "llama-3.2-3b serves too much of batch at its API: 1 of the requests, at most 0.5 may be",
    ),
    (
        "told_shares",
        {"workloads.0.models": [TOLD]},
        {},
        # all but 576,000 of 10,483,200 requests
        "llama-3.2-3b is said to serve 0.9 of chat, it serves 0.945055",
    ),
    (
        "told_shares",
        {"workloads.0.models": [{**TOLD, "score": 0.8}]},
        {"workloads.chat.models": [SCORED]},
        "llama-3.2-3b is said to score 0.8 for chat, the problem says 0.6",
    ),
    (
        "told_shares",
        {"workloads.0.mean_score": 0.7},
        {"workloads.chat.models": [SCORED]},
        "chat is said to score 0.7 on the mean, it scores 0.605495",
    ),
    (
        "provider_shares",
        {"apis.0.provider": "acme"},
        {"spread.max_provider_traffic_share": 0.9},
        "chat on firm is spread over acme and beta, and which serves what is not said",
    ),
    (
        "provider_shares",
        {"purchases.2.provider": "acme"},
        {"spread.max_provider_traffic_share": 0.9},
        # 28 of 30, the API of gamma the rest
        "acme serves too much of chat in day: 28 of 30 requests/s, at most 0.9 of them may be",
    ),
    (
        "spend_shares",
        {"purchases.2.provider": "acme"},
        {"spread.max_provider_spend_share": 0.7},
        # 672 h at $3, signed already, 160 at $4, 672 at $2.50, 320 at $1; gamma gets $88.96 for tokens
        "acme is paid 4,656.00 of 4,744.96 USD a month, at most 0.7 of it may be",
    ),
    ("few_kinds", {}, {"spread.max_providers": 1}, "2 providers are used (acme, beta), at most 1 may be"),
    ("few_kinds", {}, {"spread.max_regions": 1}, "2 regions are used (acme eu-1, beta eu-2), at most 1 may be"),
    ("few_kinds", {"purchases.1.gpu": "l4"}, {"spread.max_gpu_types": 1}, "2 GPU types are used (h100-sxm, l4)"),
    (
        "few_kinds",
        {},
        {"spread.max_deployments": 1},
        "2 deployments are used (batch on spot, chat on firm), at most 1 may be",
    ),
    ("lanes_and_models", {"deployments.0.precision": "int4"}, {}, "precision int4 is not accepted, only bf16, fp8"),
    ("lanes_and_models", {"deployments.0.kv_precision": "int8"}, {}, "KV cache in int8 is not accepted"),
    ("lanes_and_models", {}, {"workloads.chat.engines": ["sglang"]}, "engine vllm is not accepted, only sglang"),
    ("lanes_and_models", {"deployments.0.kv_precision": "fp8"}, {}, "vllm does not run fp8 with KV cache in fp8"),
    ("groups_alike", {"purchases.1.gpus": 1}, {}, "machines of firm are not interchangeable: machine sizes"),
    ("groups_alike", {"deployments.1.market": "firm"}, {}, "planned on firm machines, but h100x1 of acme is spot"),
    # 28 / 7.5 = 3.733 replicas' work; four replicas of 20 slots carry 3.69 at 95 % within 0.65 s
    (
        "within_capacity",
        {"deployments.0.replicas_by_block.day": 4},
        {},
        "chat on firm is asked too much in day: 3.73333 replicas' work, 4 replicas can carry 3.69053",
    ),
    ("within_capacity", {"deployments.0.rates": []}, {}, "serves chat without a rate for it"),
    ("within_capacity", {"deployments.0.replicas_by_block.weekend": 0}, {}, "0 replicas can carry 0"),
    (
        "within_machines",
        {"deployments.0.replicas_by_block.day": 7},
        {},
        "firm in day: 7 replicas of 1 GPUs do not fit 3 machines of 2 GPUs",
    ),
    ("within_machines", {"deployments.0.tp": 4}, {}, "5 replicas of 4 GPUs do not fit 3 machines"),
    ("within_machines", {"deployments.1.group": "elsewhere"}, {}, "do not fit 0 machines"),
    # 243 h 20 min between interruptions and 12 min after each
    (
        "interruptions_counted",
        {},
        {"spot.recovery_minutes": 12},
        "h100x1 of acme is said to serve 1 of its time, interruptions leave 0.999179",
    ),
    (
        "interruptions_counted",
        {"purchases.3.interruptions_month": 1.0},
        {},
        "1 interruptions a month in the plan, 1.31507 recomputed",
    ),
    # nothing is known of the pool: once a day, 320 hours are 13.3 days
    ("interruptions_counted", {}, {"spot.interruptions_month": None}, "13.3333 recomputed"),
    ("interruptions_counted", {"purchases.0.serving_share": 0.9}, {}, "is not spot and said to serve 0.9"),
    ("interruptions_counted", {}, {"spot.max_machines_pool": 0}, "1 machines of one spot pool, at most 0"),
    ("enough_replicas", {}, {"workloads.chat.min_replicas": 2}, "chat in night: 1 replicas run, 2 are asked for"),
    (
        "survives_a_place",
        {"deployments.0.group": "spot", "deployments.0.market": "spot"},
        {"spot.kept_share": 0.5, "workloads.chat.interruptible": True},
        "chat in day if the spot pool acme/eu-1/h100x1 is lost: 15 requests/s are promised, 2 are ready elsewhere",
    ),
    (
        "survives_a_place",
        {},
        {"resilience.provider": True},
        "firm joins machines of more than one provider: what is lost with it is not said",
    ),
    (
        "survives_a_place",
        {"purchases.2.group": "other"},
        {"resilience.region": True},
        "chat in night if the region acme eu-1 is lost: 2 requests/s are promised, 0 are ready elsewhere",
    ),
    (
        "ready_for_no_more_than_they_carry",
        {"deployments.0.ready": [{"request_class": "chat", "block": "night", "req_s": 9.0}]},
        {},
        "chat on firm on firm in night stands ready for the work of 1.2 replicas; its 1 carry",
    ),
    # 28 / 7.5 = 3.733 replicas' work needs 5 replicas; two of the three machines have room for 4
    (
        "survives_a_machine",
        {},
        {"resilience.machine": True},
        "firm in day: 5 replicas of 1 GPUs must survive, 3 machines of 2 GPUs run: with one lost they do not fit",
    ),
    (
        "survives_a_machine",
        {"deployments.0.replicas_by_block.day": 4},
        {"resilience.machine": True},
        "chat on firm in day: 4 replicas do not carry what must survive",
    ),
    (
        "where_workloads_run",
        {},
        {"workloads.chat.where": {"regions": ["eu-1"]}},
        "chat runs on 2x-h100-sxm of beta in eu-2, which its own rules do not allow (regions: eu-1)",
    ),
    (
        "where_workloads_run",
        {f"purchases.1.{key}": new for key, new in MARKET.items()},
        {"workloads.chat.where": {"continents": ["EU"]}},
        "chat runs on h100x2 of bazaar in no known region",
    ),
    (
        "spot_and_marketplaces",
        {f"purchases.1.{key}": new for key, new in MARKET.items()},
        {},
        "chat may not be interrupted, but chat on firm runs on a marketplace",
    ),
    (
        "spot_and_marketplaces",
        {},
        {"workloads.batch.interruptible": False},
        "batch may not be interrupted, but batch on spot runs on spot machines",
    ),
    (
        "spot_and_marketplaces",
        {},
        {"workloads.batch.spot_max_share": 0.4},
        "batch is too much on spot: 115,200 of 230,400 requests a month, 0.4 may be",
    ),
    ("offers_exist", {"purchases.1.usd_h": 3.5}, {}, "nothing is sold at $3.5/h; machines of 2 x h100-sxm cost $4"),
    ("offers_exist", {"purchases.1.gpus": 4}, {}, "this provider does not sell that machine on that term"),
    ("offers_exist", {"purchases.1.minimum_rental_h": 1}, {}, "nothing is sold at $4/h"),
    ("offers_exist", {"purchases.0.usd_h": 2}, {}, "h100x2 of acme in eu-1, 1y: nothing is sold at $2/h"),
    ("offers_exist", {}, {"procurement.only_quotes": True}, "h100x2 of acme in eu-1, on-demand: nothing is sold"),
    ("offers_exist", {"purchases.2.upfront_usd": 0}, {}, "$0.00 upfront in the plan, $10,950.00 are asked"),
    ("offers_exist", {"purchases.2.count": 2}, {}, "is for 1 machines, 2 are bought"),
    ("existing_complete", {}, {"procurement.existing.0.count": 3}, "3 in the problem, 1 in the plan"),
    (
        "where_and_terms",
        {f"purchases.1.{key}": new for key, new in MARKET.items()},
        {},
        "h100x2 of bazaar, on-demand: procurement.where does not allow it (continents: EU)",
    ),
    (
        "where_and_terms",
        {},
        {"procurement.where.exclude_providers": ["beta"]},
        "2x-h100-sxm of beta in eu-2, 1y: procurement.where does not allow it",
    ),
    ("where_and_terms", {}, {"procurement.terms": ["on-demand", "spot"]}, "only the terms on-demand, spot may"),
    (
        "where_and_terms",
        {},
        {"procurement.max_term_months": 6},
        "at most 6 months may be committed to, this is 12",
    ),
    (
        "promises_for_sale",
        {"spends.+": PROMISE},
        {},
        "$3.00/h promised to acme, 1y: no quote of the problem sells that",
    ),
    (
        "promises_kept_apart",
        {"purchases.1.covered_hours_month": 10},
        {},
        "10.00 hours are not billed, promises cover 0.00",
    ),
    (
        "sold_in_lots",
        {},
        {"procurement.quotes.0.multiple_of": 2},
        "1 machines, sold in lots of 2, at least 1",
    ),
    ("sold_in_lots", {}, {"procurement.quotes.0.min_machines": 2}, "1 machines, sold in lots of 1, at least 2"),
    ("commitments_judged", {"commitments.1.break_even_share": 0.5}, {}, "$2.56/h is not 0.5000 of on demand"),
    ("commitments_judged", {"commitments.1.used_share": 0.2}, {}, "$7,680.00 on demand in the plan, $6,451.20"),
    # two are held all month: by day, 160 h, both have work, at other hours one
    ("commitments_judged", {"commitments.1.used_share": 0.5}, {}, "1,008.00 machine-hours a month said to be used"),
    ("commitments_judged", {"spends.+": PROMISE}, {}, "0 promises of spend are judged, 1 are made"),
    ("commitments_judged", {"commitments.1.used_share": 1.5}, {}, "used 1.5 of its time"),
    ("commitments_judged", {"commitments.1.cheaper_until_month": 3}, {}, "until month 3, recomputed 0"),
    ("commitments_judged", {"commitments.1.term_usd": 3}, {}, "$3.00 over 12 months of $1,719.54"),
    ("commitments_judged", {}, {"procurement.growth_month_share": 0.1}, "growth and decline are not those of the"),
    ("commitments_judged", {"commitments.0.usd_h": 2}, {}, "commitments judged come to $3,063.54 a month, those in"),
    (
        "quotas",
        {},
        {"procurement.quotas.0.max_machines": 1},
        "the quota on providers: acme is 1 machines, 2 run in day",
    ),
    (
        "quotas",
        {},
        {"procurement.quotas.0.max_machines": 0},
        "the quota on providers: acme is 0 machines, 2 run in day, and too many in 2 other blocks of hours",
    ),
    (
        "quotas",
        {},
        {"procurement.quotas.0.max_vcpus": 150, "procurement.existing.0.vcpus": 96},
        "the quota on providers: acme counts vCPUs, those of h100x2 of acme in eu-1, on-demand are not known",
    ),
    # the one already paid for and the one on the quote
    (
        "quotas",
        {},
        {
            "procurement.quotas.0": {"where": {"gpus": ["h100-sxm"]}, "terms": ["1y"], "max_vcpus": 60},
            "procurement.quotes.0.vcpus": 64,
        },
        "the quota on gpus: h100-sxm; terms: 1y is 60 vCPUs, 64 run in day",
    ),
    ("quotas", {}, {"procurement.quotas.1.max_gpus": 0}, "the quota on terms: spot is 0 GPUs, 1 run in night"),
    (
        "minimum_orders",
        {},
        {"procurement.minimum_orders.0.min_machines": 5},
        "the minimum order of providers: beta is 5 machines, 1 are ordered",
    ),
    # the day is 8 hours long
    (
        "minimum_rentals",
        {"purchases.1.minimum_rental_h": 9},
        {},
        "at least 9 h are rented, but machines stop sooner",
    ),
    ("minimum_rentals", {"purchases.1.minimum_rental_h": 730}, {}, "at least 730 h are rented"),
    ("upfront_cash", {}, {"procurement.max_upfront_usd": 10_000}, "$10,950.00 are paid upfront, at most $10,000"),
    ("budget", {}, {"budget.usd_month": 5000}, "a month, the budget is $5,000.00"),
    ("apis_allowed", {}, {"apis": {"allow": False}}, "the problem allows no APIs"),
    ("apis_allowed", {}, {"workloads.chat.apis": False}, "chat on the API of gamma: this workload may not use"),
    ("apis_allowed", {}, {"apis.providers": ["delta"]}, "only APIs of delta are allowed"),
    ("apis_allowed", {}, {"apis.exclude_providers": ["gamma"]}, "APIs of gamma are excluded"),
    ("apis_allowed", {"apis.0.model": "gpt-oss-120b"}, {}, "model gpt-oss-120b is not accepted, only llama-3.2"),
    ("apis_allowed", {}, {"apis.places": {}}, "it stands in no known place, continent EU is asked"),
    ("apis_allowed", {}, {"apis.places.gamma.continent": "NA"}, "chat on the API of gamma: it stands in NA, continent"),
    ("apis_allowed", {}, {"workloads.chat.data_class": "secret"}, "gamma: it is not cleared for secret data"),
    ("apis_allowed", {}, {"workloads.chat.models": OWN}, "llama-3.2-3b is not accepted, only llama-3.2-3b (ours)"),
    (
        "lanes_and_models",
        {"deployments.0.served.+": cases.served("batch", "night", 0.1)},
        {"workloads.chat.models": OWN},
        "chat on firm serves workloads with weights of their own: ours, the public weights",
    ),
    # 2 of 30 by day
    (
        "api_shares",
        {},
        {"workloads.chat.api_max_share": 0.05},
        "too much of chat is bought from APIs in day: 2 of 30 requests/s, at most 0.05 of them may be",
    ),
    (
        "api_shares",
        {},
        {"workloads.batch.api_max_share": 0.4},
        "too much of batch is bought from APIs: 115,200 of 230,400 requests a month, at most 0.4 may be",
    ),
    (
        "api_prices",
        {"apis.0.provider": "cachely", "apis.0.api_model_id": "llama-3.2-3b"},
        {"apis.quotes": [CACHED], "workloads.chat.features": {"prefix_hit_share": 0.5}},
        # half of the prompt at $0.02
        "of cachely for chat: $0.1 in / $0.4 out per million tokens in the plan, $0.06 in / $0.4 out asked",
    ),
    ("api_prices", {"apis.0.input_usd_mtok": 0.09}, {}, "$0.09 in / $0.4 out per million tokens in the plan"),
    # batch prices are for work that may wait
    (
        "api_prices",
        {"apis.0.input_usd_mtok": 0.05, "apis.0.output_usd_mtok": 0.2},
        {},
        "$0.05 in / $0.2 out per million tokens in the plan, $0.1 in / $0.4 out asked",
    ),
    ("api_prices", {"apis.0.api_model_id": "x"}, {}, "neither the catalog nor a quote sells it"),
    ("api_amounts", {"apis.0.requests_month": 5e5}, {}, "500,000.0 requests a month are billed, 576,000.0"),
    ("api_amounts", {"apis.0.usd_month": 1}, {}, "chat on the API of gamma: $1.00 a month in the plan, $80.87"),
    ("api_amounts", {}, {"apis.max_req_s": 1}, "chat asks the API of gamma too fast: 2 requests/s in day, its"),
    # 0.05/s x 3600 x 320 h = 57,600
    ("api_amounts", {}, {"apis.max_req_s": 0.05}, "115,200 requests a month, 0.05/s allow 57,600 in its windows"),
    ("api_amounts", {"apis.1.served": [cases.served("batch", "night", 0.1)]}, {}, "is bought by the month"),
    ("machine_hours", {"purchases.1.hours_month": 100}, {}, "100.00 machine-hours a month in the plan, 160.00"),
    ("machine_hours", {"purchases.1.usd_month": 600}, {}, "$600.00 a month in the plan, $640.00 recomputed"),
    ("machine_hours", {"purchases.2.billing": "hourly"}, {}, "billed by the hour, but it is paid all month"),
    ("machine_hours", {"purchases.2.machines_by_block.day": 2}, {}, "2 run in day, 1 are held all month"),
    ("machine_hours", {"purchases.1.count": 2}, {}, "2 machines in the plan, 1 at the busiest hour"),
    ("machine_hours", {"purchases.1.busy_share": 1.2}, {}, "busy 1.2 of its time"),
    # one machine from 9 to 17 on five days: five starts of 6 minutes, 4 weeks a month, $4/h; 5 on spot at $1/h
    ("starts_counted", {"purchases.1.starts_week": 4}, BOOT, "4 starts a week in the plan, 5 recomputed"),
    ("starts_counted", {"purchases.1.starts_usd_month": 7}, BOOT, "start-up time is $7.00 a month in the plan, $8.00"),
    ("starts_counted", {"purchases.0.starts_week": 1}, {}, "1 starts a week in the plan, 0 recomputed"),
    ("workers_by_the_second", {"purchases.1.term": "serverless"}, {}, "serverless workers and machines are mixed up"),
    ("cost_lines", {}, BOOT, "start-up time: $0.00 a month in the plan, $"),
    ("cost_lines", {"costs.0.usd_month": 600}, {}, "on-demand rent: $600.00 a month in the plan, $640.00"),
    ("cost_lines", {"costs.1.usd_month": 1}, {}, "spot rent: $1.00 a month in the plan, $320.00"),
    ("cost_lines", {"costs.2.usd_month": 1}, {}, "commitments: $1.00 a month in the plan, $1,680.00"),
    ("cost_lines", {"costs.3.usd_month": 1}, {}, "existing commitments: $1.00 a month in the plan, $2,016.00"),
    ("cost_lines", {"costs.4.usd_month": 1}, {}, "API tokens: $1.00 a month in the plan, $88.96 recomputed"),
    # (9,907,200 + 115,200) requests x 10 KB = 100.224 GB at $0.05
    ("cost_lines", {"costs.5.usd_month": 1}, {}, "egress: $1.00 a month in the plan, $5.01 recomputed"),
    ("egress_by_provider", {"sent.0.gb_month": 90}, {}, "acme and beta: 90.00 GB leave in the plan, 99.07 recomputed"),
    ("egress_by_provider", {"sent.0.usd_month": 1}, {}, "egress of acme and beta: $1.00 a month in the plan, $4.95"),
    ("egress_by_provider", {"sent": []}, {}, "acme: 1 GB leave for $0.06 a month, none are told"),
    ("egress_by_provider", {"sent.+": {"providers": ["gamma"], "gb_month": 1, "usd_month": 0}}, {}, "gamma: 1.00 GB"),
    ("cost_lines", {"costs.6.usd_month": 1}, {}, "storage: $1.00 a month in the plan, $24.00 recomputed"),
    ("cost_lines", {"costs.7.usd_month": 1}, {}, "networking: $1.00 a month in the plan, $30.00 recomputed"),
    ("cost_lines", {"costs.8.usd_month": 1}, {}, "engineering: $1.00 a month in the plan, $500.00 recomputed"),
    ("cost_lines", {"costs.9.usd_month": 1}, {}, "provider fees: $1.00 a month in the plan, $20.00 recomputed"),
    # 10,950 x 0.08 / 12 x 13 / 24
    ("cost_lines", {"costs.10.usd_month": 1}, {}, "cost of capital: $1.00 a month in the plan, $39.54"),
    # a tenth of 640 + 320 + 1,680 + 88.96 + 5.01 + 24 + 30 + 20; of 2,016; not of 500 and 39.54
    ("cost_lines", {}, {"overheads.tax_share": 0.1}, "tax: $0.00 a month in the plan, $280.80 recomputed"),
    ("cost_lines", {}, {"overheads.tax_share": 0.1}, "tax on existing commitments: $0.00 a month in the plan, $201.60"),
    ("cost_lines", {"costs.3.decided": True}, {}, "existing commitments is called decided here"),
    ("cost_lines", {"costs.+": {"line": "coffee", "usd_month": 1}}, {}, "coffee is no line of a bill"),
    ("sums_and_gap", {"usd_month": 5000}, {}, "the plan costs $5,000.00 a month, its lines add up to $5,363.51"),
    ("sums_and_gap", {"usd_month_decided": 5000}, {}, "what is decided here costs $5,000.00 a month"),
    ("sums_and_gap", {"gap": 0.001}, {}, "a gap of 0.001000 is claimed, cost and bound come to 0.002987"),
    ("sums_and_gap", {"gap_asked": 0.001}, {}, "called optimal at a gap of 0.002987, 0.001 was asked"),
    ("sums_and_gap", {"bound_usd_month": 6000}, {}, "no plan is said to cost less than $6,000.00 a month"),
    ("sums_and_gap", {"bound_usd_month": None, "gap": None}, {}, "called optimal, but no bound is known"),
    ("workload_costs", {"workloads.1.usd_month": 500}, {}, "workloads together cost $5,463.51 a month, the plan"),
    ("workload_costs", {"workloads.1.usd_mtok_output": 3}, {}, "$3 per million output tokens in the plan, $17.1"),
    (
        "against_today",
        {"changes": [KEPT | {"count": 2}, *ADDED]},
        {},
        "already paid for: 2 kept, returned or added, 1 in the plan",
    ),
    (
        "against_today",
        {"changes": [KEPT | {"verdict": "return"}, *ADDED]},
        {},
        "without the machines that may go: firm in day: 5 replicas of 1 GPUs do not fit 2 machines of 2 GPUs",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("check", "plan", "problem", "words"), BROKEN, ids=[row[3][:50] for row in BROKEN])
def test_a_broken_promise_is_told_in_the_users_words(check, plan, problem, words):
    found = audited(plan, problem)
    assert any(words in breach for breach in found.breaches), found.breaches
    assert not any("could not be finished" in breach for breach in found.breaches), found.breaches
    # and it is the check of that name which tells it
    told = {each.__name__: each for each in CHECKS}[check]
    plan_values, problem_values = cases.plan(), cases.problem()
    for values, changes in ((plan_values, plan), (problem_values, problem)):
        for path, new in changes.items():
            cases.changed(values, path, new)
    evidence = Evidence(
        plan=cases.as_plan(plan_values), problem=cases.as_problem(problem_values), load=cases.load(),
        catalog=cases.catalog(), performance=cases.FixedPerformance(),
    )  # fmt: skip
    assert any(words in breach for breach in told(evidence).breaches)


def test_a_plan_that_shares_gpus_as_the_problem_allows_passes():
    # two halves on the one GPU of the spot machine
    halves = {"deployments.1.part": HALF_GPU, "deployments.1.replicas_by_block": {"night": 2}}
    assert audited(halves, {"sharing.mig": True}).breaches == ()
    turns = halves | {"deployments.1.part": TURN | {"memory_gib": 39}}
    assert audited(turns, {"sharing.memory": True}).breaches == ()


def test_every_check_has_a_plan_that_breaks_it():
    assert {row[0] for row in BROKEN} == {check.__name__ for check in CHECKS}


def test_a_commitment_discount_on_a_list_price_is_a_price():
    # $4 x (1 - 0.25) for acme's machine of 2 GPUs on a year, and the same at $2.9 is not
    reserved = {"billing": "always", "term": "1y", "count": 1, "minimum_rental_h": 1}
    changes = {f"purchases.1.{key}": new for key, new in reserved.items()}
    fair = audited(changes | {"purchases.1.usd_h": 3.0})
    unfair = audited(changes | {"purchases.1.usd_h": 2.9})
    assert not any("nothing is sold" in breach for breach in fair.breaches)
    assert any("nothing is sold at $2.9/h" in breach for breach in unfair.breaches)


def test_a_three_year_price_needs_leave_to_commit_so_long():
    found = audited({"purchases.1.term": "3y", "purchases.1.usd_h": 2.0})
    assert any("at most 12 months may be committed to, this is 36" in breach for breach in found.breaches)
    allowed = audited({"purchases.1.term": "3y", "purchases.1.usd_h": 2.0}, {"procurement.max_term_months": 36})
    assert not any("committed to" in breach for breach in allowed.breaches)


def test_windows_that_share_hours_cannot_both_count_the_same_work():
    # 115,200 at night + 115,200 from the API are enough for either window, not for both
    wide = Window(label="any time", workload="batch", blocks=("nights", "sat-sun"), requests_month={"batch": 200_000})
    load = cases.load()
    both = replace(load, windows=(replace(load.windows[0], requests_month={"batch": 200_000}), wide))
    found = audited(load=both)
    told = "(batch at night, any time): 230,400.0 of 400,000.0 requests a month are done in time"
    assert any(told in breach for breach in found.breaches)


def test_rates_that_the_model_refuses_are_told_with_its_reason():
    class Refusing:
        def operating_point(self, *_):
            return Refusal(reason="too slow per token", nearest="60 ms per token", shortfall=1.2)

    found = audited(performance=Refusing())
    assert any("it cannot, too slow per token (60 ms per token)" in breach for breach in found.breaches)


def test_what_is_said_of_todays_fleet_passes_where_it_is_true():
    assert audited({"changes": [KEPT, *ADDED]}).breaches == ()


def test_without_a_performance_model_rates_are_not_taken_on_trust():
    found = audited(performance=None)
    assert any("cannot be recomputed without the performance model" in each for each in found.breaches)


def test_a_check_that_cannot_be_finished_is_a_breach_and_not_an_exception():
    found = audited({"deployments.0.lane.percentile": "p42"})
    assert any("the check of queues could not be finished" in breach for breach in found.breaches)


def test_no_plan_has_nothing_to_check():
    nothing = dict.fromkeys(("usd_month", "usd_month_decided", "bound_usd_month", "gap"))
    empty = dict.fromkeys(("blocks", "purchases", "deployments", "apis", "workloads", "costs"), ())
    found = audited({"status": "infeasible", **nothing, **empty})
    assert found.breaches == () and found.checks == ("nothing to check: the answer is infeasible, without a plan",)


def test_an_empty_plan_that_claims_to_cost_nothing_is_not_a_plan():
    empty = dict.fromkeys(("purchases", "deployments", "apis", "costs"), ())
    found = audited({**empty, "usd_month": 0, "usd_month_decided": 0, "bound_usd_month": 0, "gap": 0})
    assert any("0 requests/s are served, 30 are asked for" in breach for breach in found.breaches)


def test_the_audit_imports_nothing_of_what_made_the_plan():
    forbidden = ("reduce", "formulation", "solve", "solution", "inputs", "candidates")
    for file in Path(planner.audit.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith(tuple(f"planner.{each}" for each in forbidden)), (file, name)


def test_a_capacity_row_is_what_one_gpu_serves_on_a_machine_of_any_size():
    table = {"performance.capacity": [TABLE | {"req_s": 10}]}
    rate = {"deployments.0.rates.0.source": "given", "deployments.0.rates.0.req_s": 10, "deployments.0.queue": None}
    assert not any("chat serving" in breach for breach in audited(rate, table).breaches)
    told = "11 requests/s are relied on, the capacity table says 10"
    more = audited({**rate, "deployments.0.rates.0.req_s": 11}, table)
    assert any(told in breach for breach in more.breaches)


def test_bursty_arrivals_need_a_queue_that_counts_on_them():
    # (1.5 + 1) / 2 of chat on a queue made for Poisson arrivals
    bursty = replace(cases.load(), arrival_variability={"chat": 1.5, "batch": 1.0})
    (breach,) = audited(load=bursty).breaches
    assert "counts on a variability of 1 of arrivals and answers, chat arrives with 1.25" in breach
    assert audited({"deployments.0.queue.variability": 1.25}, load=bursty).breaches == ()


def test_a_queue_that_counts_on_bursts_carries_less():
    assert "chat on firm is asked too much in day" in "".join(audited({"deployments.0.queue.variability": 9}).breaches)
