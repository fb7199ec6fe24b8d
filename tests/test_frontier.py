"""Frontiers: what a limit costs on paper, where it ends, that cost never falls as it tightens."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_tornado import read
from typer.testing import CliRunner

from planner.analysis.frontier import Point, settle
from planner.analysis.knobs import knob_of, knobs_of
from planner.catalog.load import load_catalog
from planner.cli import app
from planner.errors import InputError, NoCandidate
from planner.outlook import frontier
from planner.verbs import load, solve

# 8 requests/s all week that may be interrupted; a GPU serves 4; $2/h by the hour, $0.50/h on spot, never taken back.
SPOT = """\
name: own
workloads:
  chat:
    models: [ours]
    interruptible: true
    traffic: {peak_req_s: 8, input_tok: 1000, output_tok: 1000, burst_factor: 1}
performance:
  capacity: [{gpu: home-gpu, input_tok: 1000, output_tok: 1000, req_s: 4}]
procurement:
  only_quotes: true
  quotes:
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 2, term: on-demand, observed_on: 2026-11-20, source: a letter}
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 0.5, term: spot, observed_on: 2026-11-20, source: a letter}
spot: {interruptions_month: 0}
apis: {allow: false}
solver: {gap: 0}
"""
TWO = SPOT.replace("    interruptible: true\n", "").replace(
    "rack, gpu: home-gpu, gpus: 1, usd_h: 0.5, term: spot", "shelf, gpu: home-gpu, gpus: 1, usd_h: 3, term: on-demand"
)


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


def costs(found):
    return {point.value: point.usd_month for point in found.points}


def test_what_less_spot_costs(tmp_path, catalog):
    found = frontier(read(SPOT, tmp_path, catalog), "spot_share", catalog)
    # all on spot: two machines, $730; half: one each, $1,825; nearly half: two by the hour carry all, $2,920
    by_share = costs(found)
    assert by_share[1.0] == pytest.approx(730)
    assert by_share[0.5] == pytest.approx(1825)
    assert by_share[0.0] == pytest.approx(2920)
    for share, usd_month in by_share.items():
        assert usd_month == pytest.approx(730 if share == 1 else 1825 if share >= 0.5 else 2920)
    # both steps are found to 1/128 of the way, and nothing else rises
    assert [(s.after - s.before, round(s.usd_month)) for s in found.steps()] == [(1 / 128, 1095), (1 / 128, 1095)]
    assert all(point.settled(0) for point in found.points)


def test_where_no_plan_keeps_the_limit_is_found(tmp_path, catalog):
    found = frontier(read(TWO, tmp_path, catalog), "provider_share", catalog)
    there = [point for point in found.points if point.usd_month is not None]
    # one provider: two machines at $2/h; two providers of half each: $2 and $3; a smaller share takes a third provider
    assert there[0].usd_month == pytest.approx(2920)
    assert there[-1].usd_month == pytest.approx(3650)
    assert 0.5 <= there[-1].value < 0.502
    assert {point.status for point in found.points if point.usd_month is None} == {"infeasible"}


def test_what_it_costs_to_go_on_when_a_machine_fails(tmp_path, catalog):
    text = TWO.replace("apis:", "resilience: {machine: true, workloads: [chat]}\napis:")
    found = frontier(read(text, tmp_path, catalog), "kept_share", catalog)
    # of m machines m - 1 go on: 4 (m - 1) >= 8 x share; two do up to a half, then it takes three
    for share, usd_month in costs(found).items():
        assert usd_month == pytest.approx(2920 if share <= 0.5 else 4380)


def test_a_point_is_what_plan_solve_finds_with_that_limit(tmp_path, catalog):
    text = SPOT.replace("interruptible: true", "interruptible: true\n    spot_max_share: 0.7")
    problem = read(text, tmp_path, catalog)
    at_least = frontier(problem, "spot_share", catalog, points=2)
    assert len(at_least.points) == 2
    same = solve(problem, catalog)
    knob = knob_of(problem.problem, "spot_share")
    turned = solve(replace(problem, problem=knob.turn(problem.problem, 0.7)), catalog)
    assert turned.usd_month == pytest.approx(same.usd_month)


def test_the_limits_of_a_problem_and_their_ends(catalog):
    keys = {each.key for each in knobs_of(load("rightsizing").problem)}
    assert keys == {
        "slo.assistant.ttft_ms", "slo.assistant.tpot_ms", "slo.assistant.e2e_ms", "mean_quality.assistant",
        "provider_share", "provider_spend_share", "kept_share",
    }  # fmt: skip
    quality = knob_of(load("rightsizing").problem, "mean_quality.assistant")
    assert (quality.loosest, quality.tightest) == (0.725, 0.86)
    tpot = knob_of(load("rightsizing").problem, "slo.assistant.tpot_ms")
    assert (tpot.value(0), tpot.value(1)) == (400, pytest.approx(1))
    assert tpot.turn(load("rightsizing").problem, 400).workloads["assistant"].slo.tpot_ms is None
    assert "spot_share" in {each.key for each in knobs_of(load("spot").problem)}


def test_what_is_no_limit_is_refused_and_a_problem_without_a_plan_has_no_frontier(tmp_path, catalog):
    problem = read(SPOT, tmp_path, catalog)
    with pytest.raises(InputError, match="Did you mean spot_share"):
        frontier(problem, "spot_shar", catalog)
    none = read(SPOT.replace("term: on-demand,", "term: on-demand, max_machines: 0,"), tmp_path, catalog)
    found = frontier(none, "spot_share", catalog)
    assert found.points[-1].usd_month is None  # spot alone carries all, and nothing carries less
    few = TWO.replace("term: on-demand,", "term: on-demand, max_machines: 1,").replace(
        "peak_req_s: 8", "peak_req_s: 80"
    )
    nothing = read(few, tmp_path, catalog)
    with pytest.raises(NoCandidate):
        frontier(nothing, "provider_share", catalog)


def point(at, usd_month, bound):
    return Point(tightness=at, value=at, status="optimal", usd_month=usd_month, bound_usd_month=bound, mix=frozenset())


@given(st.lists(st.tuples(st.floats(1, 9), st.floats(0, 1)), min_size=1, max_size=8))
def test_cost_never_falls_along_the_way_and_neither_does_what_is_proved(rows):
    found = {float(at): point(float(at), usd, usd * share) for at, (usd, share) in enumerate(rows)}
    settled = settle(found)
    for left, right in pairwise(settled):
        assert left.usd_month <= right.usd_month and left.bound_usd_month <= right.bound_usd_month
    for before, after in zip(found.values(), settled, strict=True):
        assert after.usd_month <= before.usd_month and after.bound_usd_month >= before.bound_usd_month


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spot_usd_h=st.floats(0.1, 3), req_s=st.floats(1, 14))
def test_the_frontier_of_spot_against_everything_tried(tmp_path, catalog, spot_usd_h, req_s):
    text = SPOT.replace("usd_h: 0.5", f"usd_h: {spot_usd_h}").replace("peak_req_s: 8", f"peak_req_s: {req_s}")
    found = frontier(read(text, tmp_path, catalog), "spot_share", catalog, points=6)
    for each in found.points:
        tried = [
            1460 * n + 730 * spot_usd_h * m
            for n in range(5)
            for m in range(5)
            if 4 * n + min(4 * m, each.value * req_s) >= req_s * (1 - 1e-7)
        ]
        assert each.usd_month == pytest.approx(min(tried), rel=1e-6)


def test_the_command_prints_limits_and_costs(tmp_path, catalog):
    read(SPOT, tmp_path, catalog)
    out = tmp_path / "out.json"
    answer = CliRunner().invoke(
        app, ["frontier", str(tmp_path / "own.yaml"), "--of", "spot_share", "--points", "5", "-o", str(out)]
    )
    assert answer.exit_code == 0, answer.output
    assert "$730 a month with spot_share 1" in answer.output and "$1,095" in answer.output
    assert len(json.loads(out.read_text())["points"]) == 5
