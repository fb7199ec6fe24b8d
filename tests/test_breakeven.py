"""Break-even volumes: on paper, against a grid, and where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import planner
from planner.analysis.breakeven import api_only
from planner.catalog.load import Catalog, load_catalog
from planner.cli import app
from planner.problem.places import ProblemFile
from planner.problem.read import load_problem
from planner.verbs import breakeven, solve, validate

# 10 requests/s all week; a GPU serves 4 for $2/h, $1,460 a month; the API asks $0.0002 for a request of 2,000 tokens.
OWN = """\
name: own
month_hours: 730
workloads:
  chat:
    models: [ours]
    traffic: {peak_req_s: 10, input_tok: 1000, output_tok: 1000, burst_factor: 1}
performance:
  capacity: [{gpu: home-gpu, input_tok: 1000, output_tok: 1000, req_s: 4}]
procurement:
  only_quotes: true
  quotes:
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 2, term: on-demand, observed_on: 2026-11-20, source: a letter}
apis:
  quotes:
    - {model: ours, provider: seller, input_usd_mtok: 0.1, output_usd_mtok: 0.1, observed_on: 2026-11-20,
       source: a page}
solver: {gap: 0}
"""
REQUEST_USD = 2000 * 0.1 / 1e6
SECONDS = 730 * 3600


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def own(folder: Path, catalog: Catalog, text: str = OWN) -> ProblemFile:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return load_problem(path, catalog)


def test_a_pod_that_is_always_on_pays_from_its_rent_on(catalog):
    # 14,016 USD a month over 10 USD per M output tokens: 1,401.6 M, where the article has 500 M
    found = breakeven(planner.load("article-low-volume"), catalog)
    assert found.api_usd_month == pytest.approx(5000)
    assert found.volume.high == pytest.approx(1401.6 / 500, rel=1e-3)
    assert found.volume.low == pytest.approx(found.volume.high, rel=1e-3)
    assert found.api_factor == pytest.approx(14_016 / 5000)
    assert found.machine_factor == pytest.approx(5000 / 14_016, rel=1e-3)


def test_machines_dearer_than_the_api_at_full_load_never_pay(catalog):
    # a machine full all month serves what the API sells for 3,127 USD, and costs 4,300
    found = breakeven(planner.load("article-healthcare"), catalog)
    assert found.volume.high is None and found.volume.low > 1000
    assert found.machine_factor is None  # 6,100 of engineering alone are more than the API's 1,870
    assert not found.levers  # nor without it


def test_one_machine_pays_before_two_are_needed(catalog, tmp_path):
    # 1,460 / (0.0002 x 2,628,000 s) = 2.78 requests/s, of 10
    found = breakeven(own(tmp_path, catalog), catalog)
    assert found.api_usd_month == pytest.approx(10 * REQUEST_USD * SECONDS)
    assert found.volume.high == pytest.approx(1460 / found.api_usd_month, rel=1e-3)
    assert found.volume.plan.purchases[0].count == 1
    # three machines carry the 10 requests/s
    assert found.machine_factor == pytest.approx(found.api_usd_month / (3 * 1460), rel=1e-3)


@pytest.mark.parametrize(
    "extra", ["", "overheads: {engineering_usd_month: 900}\n", "overheads: {egress_kb_request: 9}\n"]
)
def test_no_volume_below_it_pays_and_it_does(catalog, tmp_path, extra):
    file = own(tmp_path, catalog, OWN + extra)
    found = breakeven(file, catalog)
    hosting = OWN.split("apis:")[0] + "apis: {allow: false}\nsolver: {gap: 0}\n" + extra
    for scale in [i / 20 for i in range(1, 40)]:
        scaled = hosting.replace("burst_factor: 1}", f"burst_factor: 1, scale: {scale}}}")
        plan = solve(own(tmp_path, catalog, scaled), catalog, price_spares=False)
        if plan.usd_month <= found.api_usd_month * scale:
            assert scale >= found.volume.high * (1 - 1e-3)
            break
    else:
        pytest.fail("no volume pays")


def test_what_rules_of_thumb_leave_out_is_taken_away_in_turn(catalog, tmp_path):
    found = breakeven(own(tmp_path, catalog, OWN + "overheads: {engineering_usd_month: 900}\n"), catalog)
    assert [each.without for each in found.levers] == ["engineering, storage and fees"]
    # (n x 1,460 + 900) / 525.6 a request/s: one machine's 4 bring 2,102 and do not pay 2,360, two bring 4,205 for 3,820
    assert found.volume.high == pytest.approx((2 * 1460 + 900) / found.api_usd_month, rel=1e-3)
    assert found.levers[0].volume.high == pytest.approx(1460 / found.api_usd_month, rel=1e-3)


def test_what_no_api_sells_has_no_break_even(tmp_path, catalog):
    file = own(tmp_path, catalog, OWN.replace("  quotes:\n    - {model: ours", "  quotes:\n    - {model: llama-3.1-8b"))
    result = CliRunner().invoke(app, ["breakeven", str(file.path)])
    assert result.exit_code == 1
    assert "no API may serve chat" in result.stderr


def test_the_command_says_it_in_words_and_in_json(tmp_path, catalog):
    file = own(tmp_path, catalog)
    out = tmp_path / "out.json"
    result = CliRunner().invoke(app, ["breakeven", str(file.path), "-o", str(out)])
    assert result.exit_code == 0
    assert "a fleet of one's own wins from" in result.stdout and max(map(len, result.stdout.splitlines())) <= 80
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["fleet_wins"]["from_mtok_month"] == pytest.approx(1460 / REQUEST_USD * 2000 / 1e6, rel=1e-3)
    again = CliRunner().invoke(app, ["breakeven", str(file.path), "--json"])
    shown = json.loads(again.stdout)
    assert shown.pop("plan")["purchases"] == written.pop("plan")["purchases"] and shown == written


def test_all_of_the_traffic_is_bought(catalog):
    # every request of chat and of the work that may wait, at the cheapest price
    file = planner.load("spot")
    problem = file.problem.model_copy(
        update={"workloads": {n: w.model_copy(update={"apis": True}) for n, w in file.problem.workloads.items()}}
    )
    usd, inputs, outputs = api_only(problem, validate(file, catalog), catalog)
    requests = 40 * 730 * 3600, 400_000 * 730 / 24
    assert inputs == pytest.approx((1500 * requests[0] + 3000 * requests[1]) / 1e6)
    assert outputs == pytest.approx((300 * requests[0] + 250 * requests[1]) / 1e6)
    assert 0 < usd < inputs + outputs


def test_without_a_bound_nothing_is_called_proved(catalog, tmp_path):
    from planner.analysis.breakeven import LEAST_SCALE, first_volume

    file = own(tmp_path, catalog)
    plan = solve(file, catalog, price_spares=False).model_copy(
        update={"bound_usd_month": None, "usd_month_decided": 9.0}
    )
    found = first_volume(lambda _: plan, api_usd=3.0)
    assert found.low == LEAST_SCALE and found.high == pytest.approx(3)  # 9 / 3: known to win, nothing known below


def test_what_is_bought_keeps_its_price_where_rents_fall(catalog, tmp_path):
    # three bought at 1,000 USD a month each and nothing rented: no rent could fall
    bought = """\
  purchases:
    - {provider: rack, gpu: home-gpu, gpus: 1, price_usd: 48_000, life_months: 48, power_kw: 0, usd_kwh: 0,
       observed_on: 2026-11-20, source: a vendor}
"""
    text = OWN.replace(
        "  quotes:\n    - {provider: rack", "  cost_of_capital_year: 0\n" + bought + "  quotes:\n    - {provider: rack"
    )
    found = breakeven(own(tmp_path, catalog, text.replace("input_usd_mtok: 0.1", "input_usd_mtok: 0.01")), catalog)
    assert {each.term for each in found.own.purchases} == {"bought"}
    assert found.machine_factor is None
