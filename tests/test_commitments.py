"""Commitments: what promises of spend, pods, upfront cash and terms are worth, with the arithmetic beside the answer.

The story of `fleets.chat_fleet`: 4 requests/s for 100 hours, 1 for 300; a machine costs $2/h; $1,400 a month.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fleets import chat_fleet, committed, rented
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from test_search_paper import is_usd, plan, usd
from typer.testing import CliRunner

import planner
from planner.catalog.load import load_catalog
from planner.catalog.rows import CommitmentDiscount, PriceOffer
from planner.cli import app
from planner.errors import InputError, ProblemError
from planner.formulation import assemble
from planner.inputs import FleetInputs, MinimumOrder, Offer, Window
from planner.market import committed_at_a_discount
from planner.mixing import Found
from planner.outputs.rfq import quote_lines
from planner.outputs.terminal import show_plan
from planner.plan import Plan
from planner.promises import lower_promises
from planner.runs import read_run
from planner.search import search
from planner.solver import Settings, solve_model


def promise(usd_h: float = 1.0, rate: float = 1.0, **other: Any) -> Offer:
    """A spend commitment in steps of `usd_h` that pays for machines "by hour" at `rate` USD/h."""
    facts: dict[str, Any] = {"group": "", "provider": "acme", "billing": "always", "covers": {"by hour": rate}}
    return Offer(usd_h=usd_h, **(facts | other))


def promising(usd_h: float = 1.0, rate: float = 1.0, **other: Any) -> FleetInputs:
    return chat_fleet(offers={"by hour": rented(), "spend": promise(usd_h, rate, **other)})


# --- promises of spend, on paper ---------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "machines"), [(0.49, 4), (0.51, 1), (1.99, 1), (2.01, 0)])
def test_spend_is_promised_for_a_machine_above_the_use_at_which_prices_meet(rate, machines):
    # as a commitment to the machine itself: the first is used 400 of 400 hours, the others 100: $2 and $0.50 an hour
    found = plan(promising(usd_h=rate, rate=rate))
    assert found.always.get("spend", 0) == machines


def test_what_is_promised_is_paid_every_hour_and_the_rest_on_demand():
    # $1/h covers one machine: 1 x 400, and by day 3 machines x $2 x 100
    found = plan(promising())
    assert found.usd_month == is_usd(400 + 600)
    assert {r.block: dict(r.covered) for r in found.runs} == {
        "day": {("spend", "by hour"): pytest.approx(1)},
        "night": {("spend", "by hour"): pytest.approx(1)},
    }


def test_a_machine_that_costs_nothing_because_a_promise_has_room_is_not_rented_for_nothing():
    both = {"by hour": rented(), "idle": rented(group="a10"), "spend": promise(usd_h=9.0, existing=1)}
    inputs = chat_fleet(offers=both, group_gpus={"h100": 1, "a10": 1})
    both["spend"] = replace(both["spend"], covers={"by hour": 1.0, "idle": 1.0})
    model = assemble(inputs)
    solve_model(model, Settings(gap=0.0))
    for block in inputs.block_h:
        model.variables.hourly["idle", block].varValue = model.variables.covered["spend", "idle", block].varValue = 2.0
        run = read_run(inputs, model.variables, block)
        assert set(run.hourly) == {"by hour"} and ("spend", "idle") not in run.covered


def test_a_promise_pays_for_machines_in_part():
    # steps of $0.75/h at $1 a machine: one step covers 0.75 of a machine all month, saving 0.75 x 2 x 400 for 300
    # a second covers 0.75 more, 0.25 of it at night: 0.25 x 2 x 300 + 0.75 x 2 x 100 = 300, for 300: as dear
    assert usd(promising(usd_h=0.75)) == is_usd(1400 - 600 + 300)


def test_one_promise_follows_the_machines_that_differ_by_hour():
    # by day 2 requests/s need the large machine, at night the small one does: $3/h promised pay for either
    fleet = chat_fleet(
        group_gpus={"h100": 1, "l4": 1},
        offers={
            "by hour": rented(6.0),
            "small": rented(5.0, group="l4"),
            "year": committed(4.5),
            "spend": promise(3.0, covers={"by hour": 3.0, "small": 3.0}),
        },
        deployment_gpus={"llama": 1, "tiny": 1},
        deployment_groups={"llama": ("h100",), "tiny": ("l4",)},
        queue_slope={"llama": 1.0, "tiny": 1.0},
        queue_loss={"llama": 0.0, "tiny": 0.0},
        class_workload={"chat": "chat", "batch": "batch"},
        demand_req_s={("chat", "day"): 1.0, ("batch", "night"): 1.0},
        rate_req_s={("llama", "chat"): 1.0, ("tiny", "batch"): 1.0},
        admitted=frozenset({("chat", "h100"), ("batch", "l4")}),
    )
    # 3 x 400 for both; on demand 6 x 100 + 5 x 300 = 2,100
    found = plan(fleet)
    assert found.usd_month == is_usd(1200)
    assert found.always == {"spend": 1}


def test_a_promise_already_made_is_used_and_not_paid_again():
    # $2/h are sunk: at $1 a machine they cover 2 by day and the 1 at night; 2 x 2 x 100 are left to pay
    assert usd(promising(existing=2)) == is_usd(400)


def test_a_commitment_saves_nothing_where_a_promise_already_pays():
    # of 6 machines by day and 3 by night the promise pays 2; three for 400 h at $0.4 leave one by day to pay
    fleet = promising(existing=2)
    year = committed(0.4, max_machines=3)
    demand = {("chat", "day"): 6.0, ("chat", "night"): 3.0}
    found = plan(replace(fleet, offers={**fleet.offers, "year": year}, demand_req_s=demand))
    assert found.usd_month == is_usd(3 * 160 + 200) and found.bound_usd_month == is_usd(680)


def test_a_smallest_promise_is_made_whole_or_not_at_all():
    def at_least(steps: int) -> FleetInputs:
        return replace(promising(), minimum_orders={"smallest": MinimumOrder(offers=("spend",), machines=steps)})

    # two machines: 2 x 400 + 2 x 2 x 100 = 1,200; three: 3 x 400 + 200 = 1,400; four: 1,600 above 1,400 without
    assert usd(at_least(2)) == is_usd(1200)
    assert usd(at_least(4)) == is_usd(1400)


def test_a_largest_promise_is_kept():
    assert plan(promising(0.4, 0.4, max_machines=2)).always["spend"] == 2  # four would pay: 0.4 < 2 x 100 / 400


def test_a_promise_is_an_upfront_payment_too():
    fleet = promising(upfront_usd=100.0)
    assert usd(replace(fleet, max_upfront_usd=100.0)) == is_usd(1000)
    assert usd(replace(fleet, max_upfront_usd=99.0)) == is_usd(1400)


def test_the_step_of_a_promise_is_worth_what_its_dual_says():
    # in the day alone, one more USD an hour covers a machine: 2 x 100; the dual of the row says so
    fleet = promising(existing=1)
    model = assemble(fleet)
    answer = solve_model(model, Settings(gap=0.0), relaxed=True)
    assert answer.duals["covered_by_spend", ("spend", "day")] == pytest.approx(-200)
    more = search(promising(existing=2), Settings(gap=0.0)).usd_month
    assert search(fleet, Settings(gap=0.0)).usd_month - more == is_usd(200)  # at night nothing is left to cover


def test_work_that_waits_moves_to_hours_that_are_paid_for():
    # chat fills the promised machine by day; batch of 100 hours' work goes to the night, where the promise stands idle
    fleet = chat_fleet(
        offers={"by hour": rented(), "spend": promise(existing=1)},
        class_workload={"chat": "chat", "batch": "batch"},
        demand_req_s={("chat", "day"): 1.0},
        rate_req_s={("llama", "chat"): 1.0, ("llama", "batch"): 1.0},
        admitted=frozenset({("chat", "h100"), ("batch", "h100")}),
        windows={"week": Window(blocks=("day", "night"), requests_month={"batch": 360_000.0}, api_usd_request={})},
    )
    found = plan(fleet)
    assert found.usd_month == is_usd(0)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(rate=st.floats(0.1, 2.5), less=st.floats(0.1, 1.0))
def test_a_better_rate_never_costs_more(rate, less):
    dear = usd(promising(0.5, round(rate, 3)))
    cheap = usd(promising(0.5, round(rate * less, 3) or 0.001))
    assert cheap <= dear * (1 + 1e-6) + 1e-6
    assert dear <= 1400 + 1e-6  # and none need be made


def test_a_plan_within_its_gap_promises_no_more_than_its_machines_are_worth():
    # a promise of $4/h found with the machines of the story wastes 3 by night: lowered to the one always on
    fleet = promising()
    found = plan(fleet)
    careless = Found(
        usd_month=1600.0,
        always={"spend": 4},
        runs=tuple(
            replace(run, covered={("spend", "by hour"): float(run.hourly["by hour"])}, usd_month=0.0)
            for run in found.runs
        ),
        deferred_api={},
    )
    lowered = lower_promises(fleet, careless)
    assert lowered.always == {"spend": 1}
    assert lowered.usd_month == is_usd(1000)
    assert sum(run.usd_month for run in lowered.runs) == is_usd(600)
    assert lower_promises(fleet, lowered) == lowered


def test_a_promise_that_loses_money_at_any_size_is_not_made():
    fleet = replace(promising(2.5, 2.5), provider_usd_month=10.0)
    run = next(run for run in plan(promising()).runs if run.block == "night")
    careless = Found(
        usd_month=1000.0 + 10.0, always={"spend": 1}, runs=(replace(run, week_h=3, usd_month=0.0),), deferred_api={}
    )
    # 2.5 x 400 saved, 2 x 300 on demand paid instead; the provider still has its fee
    assert lower_promises(fleet, careless).usd_month == is_usd(610)


# --- pods -----------------------------------------------------------------------------------------------------


def test_what_is_sold_by_the_pod_is_bought_by_the_pod():
    def pods(usd_h: float) -> FleetInputs:
        return chat_fleet(offers={"by hour": rented(), "year": committed(usd_h, multiple_of=4)})

    # four machines at once: at $0.80/h 4 x 0.8 x 400 = 1,280, below 1,400; singly one would do: 320 + 600 = 920
    assert plan(pods(0.8)).always == {"year": 4}
    assert usd(pods(0.8)) == is_usd(1280)
    assert plan(pods(0.9)).always == {}  # 1,440
    assert usd(chat_fleet(offers={"by hour": rented(), "year": committed(0.8)})) == is_usd(920)


# --- the problem file -----------------------------------------------------------------------------------------

HEAD = """\
name: committed
workloads:
  chat:
    models: [model]
    traffic: {peak_req_s: 4, burst_factor: 1, hours: HOURS, input_tok: 1000, output_tok: 100}
performance:
  capacity: [{gpu: box, input_tok: 1000, output_tok: 100, req_s: 1}]
apis: {allow: false}
resilience: {machine: false}
solver: {gap: 0}
procurement:
  only_quotes: true
  quotes:
    - {provider: acme, region: eu-1, gpu: box, gpus: 1, usd_h: 2, term: on-demand, SEEN}
"""
WEEK = [4.0] * 40 + [1.0] * 128
SEEN = "observed_on: 2026-11-12, source: quote"
TODAY = date(2026, 11, 22)
# 4 machines in 40 of 168 hours, 1 in the others: 730 x (4 x 40 + 128) / 168 machine-hours
MACHINE_H = 730 * 288 / 168
GOOD = HEAD.replace("HOURS", str(WEEK)).replace("SEEN", SEEN)


def box(keys: str, usd_h: float = 0.4) -> str:
    """One more quote of the machine."""
    return f"    - {{provider: acme, region: eu-1, gpu: box, gpus: 1, usd_h: {usd_h}, {keys}, {SEEN}}}\n"


def solved(tmp_path: Path, more: str = "", **keys: Any) -> Plan:
    text = GOOD + more
    path = tmp_path / "committed.yaml"
    path.write_text(text)
    return planner.solve(planner.load(path), today=TODAY, price_spares=False, **keys)


SAVINGS = f"  spend_quotes:\n    - {{provider: acme, term: 1y, covers: [{{discount_share: 0.4}}], {SEEN}}}\n"


def test_a_savings_plan_in_the_problem_file(tmp_path):
    assert solved(tmp_path).usd_month == is_usd(2 * MACHINE_H)
    found = solved(tmp_path, SAVINGS)
    # at $1.20 the machine that always runs is promised for: 1.2 x 730, and 3 x 2 in 40 of 168 hours
    peaks = 730 * 40 / 168 * 3 * 2
    assert found.usd_month == is_usd(1.2 * 730 + peaks)
    (spend,) = found.spends
    assert (spend.usd_h, spend.step_usd_h, spend.usd_month) == (1.2, 1.2, pytest.approx(876))
    (rent,) = found.purchases
    assert rent.usd_month == is_usd(peaks)
    assert rent.covered_hours_month == pytest.approx(730)
    assert {line.line: line.usd_month for line in found.costs} == {
        "on-demand rent": is_usd(peaks),
        "commitments": is_usd(876),
    }
    (chat,) = found.workloads
    assert chat.usd_month == is_usd(found.usd_month)
    assert Plan.from_json(found.to_json()) == found
    # what is asked of the provider: the machines at their list price, and the promise
    asked = {line["machine"]: line for line in quote_lines(found)}
    assert asked["1x-box"]["target_usd_month"] == pytest.approx(2 * MACHINE_H, abs=0.01)
    assert asked["spend commitment on machines on demand"]["target_usd_month"] == 876


def signed(usd_h: float, more: str = "", covers: str = "{discount_share: 0.4}") -> str:
    """A savings plan of acme that is signed already, at $1.20 for the machine of $2."""
    return f"  existing_spend:\n    - {{provider: acme, usd_h: {usd_h}, covers: [{covers}]{more}}}\n"


def test_a_savings_plan_already_signed_is_paid_anyway_and_used_first(tmp_path):
    # $2.40/h pay for two machines of four by day and the one at night, where half of it is idle
    found = solved(tmp_path, signed(2.4, ", ends_on: 2027-03-01"))
    peaks = 730 * 40 / 168 * 2 * 2
    assert {line.line: (line.usd_month, line.decided) for line in found.costs} == {
        "on-demand rent": (is_usd(peaks), True),
        "existing commitments": (is_usd(2.4 * 730), False),
    }
    assert found.usd_month_decided == is_usd(peaks) and found.bound_usd_month == is_usd(found.usd_month)
    (spend,) = found.spends
    assert spend.existing and spend.ends_on == date(2027, 3, 1) and not quote_lines(found)[1:]
    (judged,) = found.commitments
    assert judged.existing and judged.used_share == pytest.approx((2 * 40 + 128) / 168 / 2)
    assert "The commitment acme/spend commitment signed 1 ends on 2027-03-01." in found.notes
    console = Console(record=True, width=90, file=StringIO())
    show_plan(found, console)
    page = " ".join(console.export_text().split())
    assert "EXISTING commitment, already paid for" in page
    assert "38 % of what is promised pays for nothing: $667 a month" in page and "until 2027-03-01" in page


def test_what_is_signed_keeps_a_new_promise_from_being_made(tmp_path):
    # alone the machine that always runs would be promised for; now that is signed for already
    both = solved(tmp_path, signed(1.2) + SAVINGS)
    assert [spend.existing for spend in both.spends] == [True]
    # of half of one the other half is worth it still: $1.20/h for a machine by day and half a one by night,
    # 2 x 40 / 168 + 1 x 128 / 168 = $1.24/h on demand; 2.5 machines by day are left
    half = solved(tmp_path, signed(0.6) + SAVINGS)
    assert half.usd_month_decided == is_usd(730 * (1.2 + 2.5 * 2 * 40 / 168))
    assert sorted(spend.existing for spend in half.spends) == [False, True]


def test_a_savings_plan_that_ended_or_pays_for_nothing(tmp_path):
    ended = solved(tmp_path, signed(1.2, ", ends_on: 2026-11-01"))
    assert not ended.spends and ended.usd_month == is_usd(2 * MACHINE_H)
    elsewhere = solved(tmp_path, signed(1.2, covers="{where: {regions: [FIN-01]}, discount_share: 0.4}"))
    assert elsewhere.usd_month == is_usd(2 * MACHINE_H + 1.2 * 730)
    assert elsewhere.commitments[0].used_share == 0


def test_rates_that_are_signed_stay_when_prices_on_demand_move(tmp_path):
    path = tmp_path / "committed.yaml"
    path.write_text(GOOD + signed(2.4))
    points = list(planner.sweep(planner.load(path), ["price.on-demand=0.5,2"], gap=0, jobs=1))
    half, twice = (each.point.usd_month for each in points)
    # two machines of four by day are paid at twice the price; at half of it $2.40/h pay for two at $1 and more
    assert twice == is_usd(2.4 * 730 + 2 * 730 * 40 / 168 * 2 * 2)
    assert half == is_usd(2.4 * 730 + (4 - 2.4) * 730 * 40 / 168)


def test_the_budget_holds_what_is_signed_too(tmp_path):
    budget = f"budget: {{usd_month: {2.4 * 730 + 730 * 40 / 168 * 2 * 2 - 1:.0f}}}\n"
    found = solved(tmp_path, signed(2.4) + budget)
    assert found.status == "infeasible"
    assert found.in_the_way[0].startswith("the budget of 2,446 USD a month: without it there is a plan for 2,447")


def test_a_savings_plan_of_a_provider_that_sells_nothing_is_refused(tmp_path):
    with pytest.raises(ProblemError, match='"ackme": no such name'):
        solved(tmp_path, signed(1.2).replace("acme", "ackme"))


def test_two_plans_with_and_without_a_promise_differ_by_their_bills(tmp_path):
    with_it, without = solved(tmp_path, SAVINGS), solved(tmp_path)
    steps = planner.compare(without, with_it).steps
    assert sum(step.usd_month for step in steps) == is_usd(with_it.usd_month - without.usd_month)


def test_a_commitment_is_measured_against_demand_and_prices_to_come(tmp_path):
    # One machine at $1.50 is used all the time.  On demand costs $2 now and falls 3 % a month: in month t it is
    # 2 x 0.97^(t-1) >= 1.5 up to t = 10 (1.520); in month 11 1.475.
    year = box("term: 1y", 1.5)
    found = solved(tmp_path, year + "  price_decline_month_share: 0.03\n")
    (one,) = found.commitments
    assert one.machines == 1 and one.used_share == pytest.approx(1)
    assert one.break_even_share == pytest.approx(0.75)
    assert one.cheaper_until_month == 10
    assert one.term_usd == is_usd(12 * 730 * 1.5)
    assert one.on_demand_term_usd == is_usd(730 * 2 * sum(0.97**t for t in range(12)))
    assert one.on_demand_name == "acme/eu-1/1x-box/on-demand"
    (still,) = solved(tmp_path, year).commitments
    assert still.cheaper_until_month == 12 and still.on_demand_term_usd == is_usd(12 * 730 * 2)


def test_growth_fills_a_commitment_up_to_the_whole_of_it(tmp_path):
    # three at $0.40 a quarter: used 128 x 1 + 40 x 3 of 3 x 168 hours = 248/504; 20 % growth a month
    found = solved(tmp_path, box("term: 3m, max_machines: 3") + "  growth_month_share: 0.2\n")
    (one,) = found.commitments
    share = 248 / 504
    assert one.used_share == pytest.approx(share)
    assert one.on_demand_term_usd == is_usd(730 * 3 * 2 * share * (1 + 1.2 + 1.44))


VARIANTS = "".join(
    box(f"term: 1y, upfront_share: {share}", usd_h) for usd_h, share in ((1.5, 0), (1.45, 0.5), (1.4, 1))
)


def test_none_partial_and_all_upfront_stand_side_by_side_and_capital_decides(tmp_path):
    def upfront(more: str) -> list[float]:
        found = solved(tmp_path, VARIANTS + more)
        return [p.upfront_usd for p in found.purchases if p.term == "1y"]

    # all upfront: 1.4 x 730 x 12 = 12,264 at once; interest at 8 % a year: 12,264 x 0.08/12 x 13/24 = 44 a month,
    # $0.06/h: 1.46, below 1.45 + 0.03 = 1.48 for half and 1.50 for none
    assert upfront("") == [pytest.approx(1.4 * 8760)]
    # at 20 % a year: 1.4 + 0.152, 1.45 + 0.079, and 1.50 wins
    assert upfront("  cost_of_capital_year: 0.2\n") == [0]
    # with less cash than that the half, with none the monthly one
    assert upfront("  max_upfront_usd: 10000\n") == [pytest.approx(1.45 * 8760 / 2)]
    assert upfront("  max_upfront_usd: 0\n") == [0]


def test_the_catalog_gives_upfront_variants_of_one_commitment_as_discounts():
    seen: dict[str, Any] = {"source": "a page", "observed_on": date(2026, 11, 1)}
    row = PriceOffer(
        provider="acme", machine="m", gpu="l4", gpus=1, usd_h=10, term="on-demand", tier="datacenter", **seen
    )
    less = [
        CommitmentDiscount(
            provider="acme", gpu="l4", term="1y", discount_share=d, upfront_share=u, instrument="RI", **seen
        )
        for d, u in ((0.3, 0), (0.34, 0.5), (0.36, 1))
    ]
    catalog = replace(load_catalog(), offers=(row,), commitments=tuple(less))
    found = [(o.usd_h, o.upfront_share) for o in committed_at_a_discount(catalog)]
    assert found == [(7.0, 0), (pytest.approx(6.6), 0.5), (6.4, 1)]


def test_no_upfront_cash_and_only_upfront_offers_is_no_plan_and_says_which_rule(tmp_path):
    only = GOOD.replace("term: on-demand", "term: 1y, upfront_share: 1")
    path = tmp_path / "upfront.yaml"
    path.write_text(only + "  max_upfront_usd: 0\n")
    told = CliRunner().invoke(app, ["solve", str(path)])
    assert told.exit_code == 1
    assert "max_upfront_usd of 0 USD" in told.output


def test_pods_and_least_orders_of_a_quote(tmp_path):
    # singly 4 pay ($0.40 < 2 x 40/168 = 0.476); in pods three and one by the hour: 876 + 348, six would be 1,752
    assert solved(tmp_path, box("term: 1y, multiple_of: 3")).commitments[0].machines == 3
    # five at 0.4 are 1,460, all on demand 2,503; five at 0.8 are 2,920
    assert solved(tmp_path, box("term: 1y, min_machines: 5")).commitments[0].machines == 5
    assert solved(tmp_path, box("term: 1y, min_machines: 5", 0.8)).commitments == ()


def test_idle_machines_already_paid_for_are_shown_and_the_end_within_the_month_is_said(tmp_path):
    own = "  existing:\n    - {provider: old, gpu: box, gpus: 1, count: 6, usd_h: 1, ends_on: 2026-12-10}\n"
    found = solved(tmp_path, own)
    (one,) = found.commitments
    # used 4 x 40 + 128 of 6 x 168 hours
    assert one.existing and one.used_share == pytest.approx(288 / 1008)
    assert [change.ends_within_month for change in found.changes if change.ends_on] == [True, True]  # keep, return
    later = solved(tmp_path, own.replace("2026-12-10", "2027-06-30"))
    assert not any(change.ends_within_month for change in later.changes)


def test_a_year_and_more_needs_leave(tmp_path):
    long = box("term: 3y")
    assert solved(tmp_path, long).commitments == ()
    (one,) = solved(tmp_path, long + "  max_term_months: 36\n").commitments
    assert one.months == 36 and one.term_usd == is_usd(36 * 730 * 0.4 * 4)


def test_what_a_promise_covers_is_not_dropped_for_a_cheaper_offer(tmp_path):
    other = f"    - {{provider: rival, region: eu-2, gpu: box, gpus: 1, usd_h: 1.9, term: on-demand, {SEEN}}}\n"
    # rival is cheaper on demand, acme under its plan: 1.2 x 730 for the machine always on, 1.9 for the peaks
    found = solved(tmp_path, other + SAVINGS)
    assert found.usd_month == is_usd(1.2 * 730 + 730 * 40 / 168 * 3 * 1.9)


def test_a_promise_too_small_for_one_step_is_left_out_and_counted(tmp_path):
    found = solved(tmp_path, SAVINGS.replace("term: 1y", "term: 1y, max_usd_h: 1"))  # a step is $1.20/h
    assert found.spends == ()
    assert "a spend commitment too small for one step of it" in {dropped.reason for dropped in found.dropped}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (SAVINGS.replace("1y", "3y"), "3y is longer than max_term_months, 12"),
        (SAVINGS.replace("provider: acme", "provider: acne"), "acne"),
        (SAVINGS.replace("{discount_share: 0.4}", "{where: {gpus: [bix]}, discount_share: 0.4}"), "bix"),
        (
            SAVINGS.replace("term: 1y", "term: 1y, min_usd_h: 5, max_usd_h: 3"),
            "3 USD/h is less than the smallest promise",
        ),
        (SAVINGS + "  terms: [1y]\n", "must list both its own and on-demand"),
    ],
)
def test_a_promise_that_could_never_be_made_is_said_before_anything_is_solved(tmp_path, more, words):
    with pytest.raises(InputError) as told:
        solved(tmp_path, more)
    assert words in str(told.value)


def test_the_example_signs_for_what_is_used_above_its_break_even():
    found = planner.solve(planner.load("commitments"), today=date(2026, 11, 24), price_spares=False)
    judged = [each for each in found.commitments if not each.existing]
    assert {each.months for each in judged} == {12, 36}
    assert len(found.spends) == 1
    # else renting the same hours would have been cheaper, and the plan not the best
    assert all(each.used_share > each.break_even_share for each in judged)
    assert 0 < sum(each.upfront_usd for each in found.purchases) <= 12_000
    assert {each.cheaper_until_month for each in judged} == {1, 9, 24}  # prices fall faster than demand grows
