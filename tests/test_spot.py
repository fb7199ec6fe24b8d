"""How often spot machines are taken back, and what that leaves of their time."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from fleets import chat_fleet, rented
from hypothesis import given, settings
from hypothesis import strategies as st

import planner
from planner.catalog.rows import PriceOffer, SpotRisk
from planner.interruptions import MONTH_H, interruptions_of, serving_share
from planner.problem.spot import Spot
from planner.search import search
from planner.solver import Settings
from planner.verbs import validate

SEEN: dict[str, Any] = {"source": "written for tests", "observed_on": date(2026, 11, 1)}
ROW = PriceOffer(
    provider="acme", region="eu-1", country="DE", continent="EU", tier="hyperscaler", machine="h100x1", gpu="h100-sxm",
    gpus=1, usd_h=1.0, term="spot", **SEEN,
)  # fmt: skip
RISK = SpotRisk(
    provider="acme", region="eu-1", machine="h100x1", gpu="h100-sxm", gpus=1, savings_share=0.6,
    interruption_low_share=0.1, interruption_high_share=0.15, **SEEN,
)  # fmt: skip
RISKS = {("acme", "eu-1", "h100x1"): RISK}


def test_the_catalogs_band_is_taken_at_its_upper_end():
    # 15 % of machines within a month at a constant rate: 1 - exp(-r) = 0.15
    found = interruptions_of(ROW, Spot(), RISKS)
    assert 1 - math.exp(-found.month) == pytest.approx(0.15)
    assert "0.15 of the machines in a month" in found.source


def test_the_problems_own_figure_comes_first_and_once_a_day_last():
    assert interruptions_of(ROW, Spot(interruptions_month=4), RISKS).month == 4
    elsewhere = ROW.model_copy(update={"region": "eu-2"})
    unknown = interruptions_of(elsewhere, Spot(), RISKS)
    assert unknown.month == pytest.approx(MONTH_H / 24) and unknown.source.startswith("assumed")


def test_the_time_between_interruptions_and_after_each_makes_the_share():
    # ten a month: 73 hours of work, then 30 + 30 minutes
    assert serving_share(10, Spot(recovery_minutes=30, lost_work_minutes=30)) == pytest.approx(73 / 74)
    assert serving_share(10, Spot(recovery_minutes=0, lost_work_minutes=0)) == 1
    assert serving_share(0, Spot()) == 1


@settings(max_examples=25, deadline=None)
@given(often=st.floats(0.2, 1.0), seldom=st.floats(0.0, 1.0))
def test_more_interruptions_never_cost_less(often, seldom):
    fleet = chat_fleet(spot_groups=frozenset({"h100"}), offers={"spot": rented(1.0)})
    shares = sorted((often, often + (1 - often) * seldom))
    dear, cheap = (
        search(replace(fleet, serving_share={"h100": share}), Settings(gap=0.0, time_limit_s=30)).usd_month
        for share in shares
    )
    assert dear >= cheap - 1e-6


def test_half_of_the_examples_work_goes_on_without_any_one_pool():
    problem = planner.load("spot")
    plan = planner.solve(problem, today=date(2026, 11, 22))
    load = validate(problem)
    pools = {d.group for d in plan.deployments if d.market == "spot"}
    assert len(pools) > 1
    for block in plan.blocks:
        asked = max(
            load.planning_req_s["evaluations", b.label] for b in load.blocks if set(block.hours) <= set(b.hours)
        )
        for lost in pools:
            ready = sum(r.req_s for d in plan.deployments if d.group != lost for r in d.ready if r.block == block.label)
            assert ready >= 0.5 * asked * (1 - 1e-6)
    times = sum(each.interruptions_month for each in plan.purchases)
    assert times == pytest.approx(sum(each.hours_month for each in plan.purchases) / 24, rel=1e-6)


def test_marketplaces_and_other_machines_are_told_apart_even_where_everything_may_be_interrupted(tmp_path):
    path = tmp_path / "mixed.yaml"
    seen = "observed_on: 2026-11-01, source: a test"
    path.write_text(
        f"""\
name: mixed
workloads:
  batch:
    models: [llama-3.1-8b]
    traffic: {{mean_req_s: 4, shape: flat, burst_factor: 1, input_tok: 500, output_tok: 50}}
    interruptible: true
procurement:
  only_quotes: true
  quotes:
    - {{provider: a, gpu: l40s, gpus: 1, usd_h: 1, term: on-demand, tier: marketplace, max_machines: 2, {seen}}}
    - {{provider: b, gpu: l40s, gpus: 1, usd_h: 1.2, term: on-demand, {seen}}}
performance:
  capacity: [{{gpu: l40s, input_tok: 500, output_tok: 50, req_s: 1}}]
apis: {{allow: false}}
solver: {{gap: 0}}
""",
        encoding="utf-8",
    )
    plan = planner.solve(planner.load(path))  # audited: its groups are alike
    assert {each.provider: each.count for each in plan.purchases} == {"a": 2, "b": 2}
