"""Start-up time of machines by the hour: what it costs, what it changes, what is proved of it, how it is audited."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from brute_force import BruteForce
from fleets import chat_fleet, committed, random_fleet, rented
from hypothesis import given, settings
from hypothesis import strategies as st

import planner
from planner import verbs
from planner.analysis.price_changes import line_of
from planner.errors import ProblemError
from planner.inputs import FleetInputs, Window
from planner.rises import with_rise
from planner.search import search
from planner.solution import BlockRun, Ended
from planner.solver import Settings
from planner.starts import in_order, starts_in, starts_usd

EXACT = Settings(gap=0.0, time_limit_s=60)
AGREE = 1e-6


def week(*req_s: float, start_h: float = 0.5, **other: object) -> FleetInputs:
    """A week of so many hours, each 10 h a month, with these requests/s of chat; a machine serves 1 for $2/h."""
    blocks = [f"h{hour}" for hour in range(len(req_s))]
    return chat_fleet(
        month_h=10.0 * len(blocks),
        block_h=dict.fromkeys(blocks, 10.0),
        block_week_h=dict.fromkeys(blocks, 1),
        block_hours={b: (hour,) for hour, b in enumerate(blocks)},
        demand_req_s={("chat", b): n for b, n in zip(blocks, req_s, strict=True) if n},
        start_h=start_h,
        **other,
    )


def test_every_machine_that_comes_on_pays_its_start_up_time():
    # 1, 4, 2, 3 machines for 10 h each: 100 h x $2 = $200; 3 + 1 starts, each 10 times a month x 0.5 h x $2 = $10
    found = search(week(1, 4, 2, 3), EXACT)
    assert found.ended is Ended.OPTIMAL
    assert found.usd_month == pytest.approx(200 + 4 * 10)
    assert found.bound_usd_month == pytest.approx(240)


def test_start_up_time_turns_a_rental_into_a_commitment():
    # One request/s in every other hour of four.  By the hour: 2 x 10 x $2 = $40, all month: 40 h x $1.10 = $44.
    # With start-up of half an hour: 2 starts x 10 x 0.5 x $2 = $20 more.
    offers = {"by hour": rented(), "month": committed(1.10)}
    plain, started = search(week(1, 0, 1, 0, start_h=0, offers=offers), EXACT), None
    assert (plain.usd_month, dict(plain.always)) == (pytest.approx(40), {})
    started = search(week(1, 0, 1, 0, offers=offers), EXACT)
    assert (started.usd_month, dict(started.always)) == (pytest.approx(44), {"month": 1})


def test_a_machine_already_on_is_kept_where_another_would_have_to_start():
    # Hours ask for 2, 1, 2.  A machine of the other kind serves 1 for $1.90 and is as good in the hour of 1 alone; but
    # it would start for one hour: $0.95, where $0.10 an hour is saved.
    small = rented(1.90, group="a100", max_machines=1)
    inputs = week(2, 1, 2, offers={"by hour": rented(), "other": small})
    inputs = replace(
        inputs,
        group_gpus={"h100": 1, "a100": 1},
        deployment_groups={"llama": ("h100", "a100")},
        admitted=frozenset({("chat", "h100"), ("chat", "a100")}),
    )
    # always one of each is on: 30 h x ($1.90 + ...): the cheap one all week, the other starts once a week
    found = search(inputs, EXACT)
    assert found.usd_month == pytest.approx(30 * 1.90 + 20 * 2 + 10 * 0.5 * 2)


def test_what_runs_all_week_never_starts():
    assert search(week(2, 2, 2), EXACT).usd_month == pytest.approx(3 * 10 * 2 * 2)
    owned = week(1, 3, 1, offers={"owned": committed(existing=3)})
    assert search(owned, EXACT).usd_month == pytest.approx(0)


def test_hours_that_differ_only_in_their_neighbors_may_be_run_differently():
    # Six hours: 3, 2, 3, 0, 2, 0.  Both hours of 2 are one block.  All by the hour: 10 machine-hours x 10 x $2.
    # Starts: 3 after the last hour and 1 after the dip, then 2: 6 x 10 x 0.5 x $2.
    inputs = week(3, 2, 3, 0, 2, 0)
    joined = replace(
        inputs,
        block_h={"h0": 10, "two": 20, "h2": 10, "h3": 10, "h5": 10},
        block_week_h={"h0": 1, "two": 2, "h2": 1, "h3": 1, "h5": 1},
        block_hours={"h0": (0,), "two": (1, 4), "h2": (2,), "h3": (3,), "h5": (5,)},
        demand_req_s={("chat", "h0"): 3, ("chat", "two"): 2, ("chat", "h2"): 3},
    )
    for each in (inputs, joined):
        assert search(each, EXACT).usd_month == pytest.approx(200 + 60)
    # With an API at $3/h per request/s the lone hour of 2 goes there: 2 x 10 x 3 = 60 = 40 rent + 20 starts; at $2.90
    # it saves $2; the dip needs no API.
    api = replace(joined, api_usd_h={("chat", "api"): 2.90})
    found = search(api, EXACT)
    assert found.usd_month == pytest.approx(BruteForce(api).cheapest())
    assert len([run for run in found.runs if run.block == "two"]) == 2


def test_deferred_work_is_done_in_hours_on_end():
    # Four hours of the night may do 2 machine-hours of work; machines may be 1 at most.  On end: one start.
    inputs = week(0, 0, 0, 0, offers={"by hour": rented(max_machines=1)})
    hours = tuple(inputs.block_h)
    window = Window(blocks=hours, requests_month={"chat": 2 * 10 * 3600.0}, api_usd_request={})
    alone = replace(inputs, demand_req_s={}, windows={"night": window})
    assert search(alone, EXACT).usd_month == pytest.approx(2 * 10 * 2 + 10)
    together = replace(
        alone,
        block_h={"night": 40.0},
        block_week_h={"night": 4},
        block_hours={"night": (0, 1, 2, 3)},
        windows={"night": replace(window, blocks=("night",))},
    )
    assert search(together, EXACT).usd_month == pytest.approx(2 * 10 * 2 + 10)


def test_the_rises_of_a_day_and_a_night_are_paid_where_work_rises_and_falls():
    # 1, 4, 4, 2 machines start 3 in a week, and that is what they pay; 2, 2, 2, 2 start none and pay nothing.
    inputs = with_rise(week(1, 4, 4, 2), EXACT)
    rise = [inputs.rise["h100", b] for b in inputs.block_h]
    assert sum(pi * n for pi, n in zip(rise, (1, 4, 4, 2), strict=True)) == pytest.approx(3)
    assert sum(rise) == pytest.approx(0)
    assert inputs.rent_usd("by hour", "h0") < 20 < inputs.rent_usd("by hour", "h1") + inputs.rent_usd("by hour", "h2")


@given(st.lists(st.integers(0, 5), min_size=8, max_size=8), st.lists(st.integers(0, 5), min_size=8, max_size=8))
def test_whatever_runs_pays_no_more_by_its_rises_than_it_starts(work, running):
    inputs = with_rise(week(*work), EXACT)
    paid = sum(n * inputs.rise["h100", f"h{hour}"] for hour, n in enumerate(running))
    assert paid <= starts_in(running) + 1e-6


def run(block: str, machines: int, week_h: int = 1) -> BlockRun:
    return BlockRun(
        block=block, week_h=week_h, hourly={"by hour": machines}, replicas={}, served={}, api={}, usd_month=0
    )  # fmt: skip


def test_runs_of_a_block_follow_each_other_so_that_little_starts():
    inputs = replace(
        week(1, 1, 1, 1, 1, 1),
        block_h={"low": 10.0, "night": 40.0, "high": 10.0},
        block_week_h={"low": 1, "night": 4, "high": 1},
        block_hours={"low": (0,), "night": (1, 2, 3, 4), "high": (5,)},
    )
    # 0, then 1 1 2 3, then 4: nothing starts in vain
    runs = in_order(inputs, [run("low", 0), run("night", 3), run("night", 1, 2), run("night", 2), run("high", 4)])
    assert {hour: r.hourly["by hour"] for r in runs for hour in r.hours} == {0: 0, 1: 1, 2: 1, 3: 2, 4: 3, 5: 4}
    assert starts_usd(inputs, runs) == pytest.approx(4 * 10)
    runs = in_order(inputs, [run("low", 4), run("night", 3), run("night", 1, 2), run("night", 2), run("high", 0)])
    assert {hour: r.hourly["by hour"] for r in runs for hour in r.hours} == {0: 4, 1: 3, 2: 2, 3: 1, 4: 1, 5: 0}


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_a_week_starts_as_much_as_it_stops(running):
    assert starts_in(running) == starts_in(running[::-1])
    assert starts_in(running) <= sum(running)


def starting(seed: int) -> FleetInputs:
    """A random fleet with start-up time, its few hours in any order of a short week."""
    inputs, rng = random_fleet(seed), random.Random(seed)
    week_h = {b: 1 if inputs.blocks_in_order else rng.randint(1, 3) for b in inputs.block_h}
    while sum(week_h.values()) > 4:
        b = max(week_h, key=lambda each: week_h[each])
        week_h[b] -= 1
    hours = list(range(sum(week_h.values())))
    if not inputs.blocks_in_order:
        rng.shuffle(hours)
    return replace(
        inputs,
        month_h=4.0 * len(hours),
        block_h={b: 4.0 * n for b, n in week_h.items()},
        block_week_h=week_h,
        block_hours={b: tuple(sorted(hours.pop(0) for _ in range(n))) for b, n in week_h.items()},
        start_h=rng.choice([0.25, 0.5, 1.0]),
    )


@pytest.mark.parametrize("kind", range(5), ids=("plain", "rich", "waiting", "rental", "tight"))
def test_starts_cost_what_trying_everything_finds(kind, thin):
    dearer = feasible = 0
    for seed in range(8000 + kind, 8120, 5)[::thin]:
        inputs = starting(seed)
        expected, found = BruteForce(inputs).cheapest(), search(inputs, EXACT)
        if expected is None:
            assert found.ended is Ended.INFEASIBLE, seed
            continue
        feasible += 1
        assert found.ended is Ended.OPTIMAL, seed
        assert found.usd_month == pytest.approx(expected, rel=AGREE, abs=AGREE), seed
        assert found.bound_usd_month <= expected * (1 + AGREE) + AGREE, seed
        free = search(replace(inputs, start_h=0), EXACT)
        assert free.usd_month <= found.usd_month * (1 + AGREE) + AGREE, seed
        dearer += found.usd_month > free.usd_month * (1 + AGREE) + AGREE
    assert thin > 1 or (dearer and feasible > 8), (dearer, feasible)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=6), st.floats(0.1, 0.5), st.floats(1.0, 2.0))
def test_more_start_up_time_never_costs_less(req_s, start_h, longer):
    offers = {"by hour": rented(), "month": committed(1.5)}
    less, more = (search(week(*req_s, start_h=h, offers=offers), EXACT) for h in (start_h, start_h * longer))
    assert less.usd_month <= more.usd_month * (1 + AGREE) + AGREE
    assert less.bound_usd_month <= less.usd_month * (1 + AGREE) + AGREE


def test_nights_that_are_run_alike_keep_a_bound_below_every_plan():
    # Two nights of two hours, hours 0, 1 and 3, 4 of six; each does 1 machine-hour, anywhere in its night.
    # One start a night, 1 machine-hour each: 2 x 10 x $2 + 2 x $10.
    window = Window(blocks=("night",), requests_month={"chat": 2 * 10 * 3600.0}, api_usd_request={})
    inputs = replace(
        week(0, 0, 0, 0, 0, 0),
        block_h={"night": 40.0, "day": 20.0},
        block_week_h={"night": 2, "day": 2},
        block_hours={"night": (0, 3, 1, 4), "day": (2, 5)},
        demand_req_s={},
        windows={"night": window},
    )
    found = search(inputs, Settings(gap=0.0, time_limit_s=5))
    assert found.usd_month == pytest.approx(40 + 20)
    assert found.bound_usd_month <= 60 + 1e-6
    assert sorted(hour for run in found.runs for hour in run.hours) == [0, 1, 2, 3, 4, 5]


OFFICE = """\
name: office
workloads:
  chat:
    models: [llama-3.1-8b]
    traffic: {mean_req_s: 2.4, burst_factor: 1, shape: office-hours, input_tok: 500, output_tok: 50}
procurement:
  only_quotes: true
  quotes:
    - {provider: here, gpu: l40s, gpus: 1, usd_h: 1, term: on-demand, observed_on: 2026-11-01, source: a quote}
performance:
  capacity: [{gpu: l40s, input_tok: 500, output_tok: 50, req_s: 1}]
apis: {allow: false}
solver: {gap: 0}
overheads: {tax_share: 0.1}
autoscaling: {startup_minutes: 15}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_says_its_starts_and_pays_them_as_a_line_of_its_own(tmp_path):
    plan = planner.solve(planner.load(written(tmp_path, OFFICE)), today=date(2026, 11, 24))
    (bought,) = plan.purchases
    on = {hour: bought.machines_by_block.get(b.label, 0) for b in plan.blocks for hour in b.hours}
    assert bought.starts_week == starts_in([on[hour] for hour in range(168)]) > 0
    line = {each.line: each.usd_month for each in plan.costs}
    assert line["start-up time"] == pytest.approx(bought.starts_week * 730 / 168 * 0.25)
    assert line["tax"] == pytest.approx(0.1 * (line["start-up time"] + line["on-demand rent"]))
    assert plan.gap == pytest.approx(0, abs=1e-6)
    assert sum(each.usd_month for each in plan.workloads) == pytest.approx(plan.usd_month)


def test_machines_of_a_fleet_that_are_on_in_some_hours_start_for_them(tmp_path):
    fleet = tmp_path / "fleet.yaml"
    line = "{provider: here, gpu: l40s, gpus: 1, count: %d%s}"
    lines = "".join(f"  - {line % each}\n" for each in ((2, ""), (9, ", when: mon-fri 06-22")))
    fleet.write_text(f"name: ours\nmachines:\n{lines}", encoding="utf-8")
    found = verbs.evaluate(
        planner.load(written(tmp_path, OFFICE)), planner.load_fleet(fleet), best_within_s=None, today=date(2026, 11, 24)
    )
    assert sorted((p.count, p.starts_week) for p in found.plan.purchases) == [(2, 0), (9, 45)]


def test_a_start_up_of_more_than_an_hour_is_refused(tmp_path):
    with pytest.raises(ProblemError, match="startup_minutes"):
        planner.load(written(tmp_path, OFFICE.replace("startup_minutes: 15", "startup_minutes: 61")))


def test_start_up_time_moves_with_the_price_of_the_machines(tmp_path):
    problem = planner.load(written(tmp_path, OFFICE))
    plan = planner.solve(problem, today=date(2026, 11, 24))
    line = line_of(plan, problem.problem, ["price.on-demand"], 1.0, 1.0)
    assert line.at(2.0) == pytest.approx(2 * plan.usd_month)
