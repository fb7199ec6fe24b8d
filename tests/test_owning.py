"""Machines that are bought: what they cost a month, when that beats renting, and what cash allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.audit import audit
from planner.catalog.load import Catalog, load_catalog
from planner.errors import ProblemError
from planner.owning import capital_usd_month, owning_cost
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.procurement import OwnedMachine
from planner.problem.read import load_problem
from planner.verbs import solve, validate

# 10 requests/s, flat; a GPU serves 4, so three.  Rented at $2/h: 3 x 1,460 = $4,380 a month.
# Bought at $36,500 over 50 months without interest $730, 1 kW at a PUE of 1 and $0.10 $73, together $803 a month each.
OWN = """\
name: own
workloads:
  chat:
    models: [ours]
    traffic: {peak_req_s: 10, input_tok: 1000, output_tok: 1000, burst_factor: 1@shape@}
    apis: false
performance:
  capacity: [{gpu: home-gpu, input_tok: 1000, output_tok: 1000, req_s: 4}]
procurement:
  only_quotes: true
  cost_of_capital_year: 0
  max_upfront_usd: @cash@
  quotes:
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 2, term: on-demand, observed_on: 2026-11-20, source: a letter}
  purchases:
    - {gpu: home-gpu, gpus: 1, price_usd: @price@, life_months: 50, power_kw: 1, pue: 1, usd_kwh: 0.1,
       observed_on: 2026-11-20, source: a vendor}
solver: {gap: 0}
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def file(folder: Path, catalog: Catalog, price: float = 36_500, cash: float = 1e6, shape: str = "") -> ProblemFile:
    text = OWN.replace("@price@", str(price)).replace("@cash@", str(cash)).replace("@shape@", shape)
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return load_problem(path, catalog)


def bought(plan: Plan) -> int:
    return sum(each.count for each in plan.purchases if each.term == "bought")


def test_three_machines_are_bought_where_that_costs_less(catalog, tmp_path):
    plan = solve(file(tmp_path, catalog), catalog)
    assert bought(plan) == 3
    assert plan.usd_month == pytest.approx(3 * 803)
    assert [(line.line, round(line.usd_month)) for line in plan.costs] == [("machines bought", 2409)]
    assert sum(each.upfront_usd for each in plan.purchases) == 3 * 36_500
    assert "capital 730, power 73" in plan.purchases[0].source


def test_cash_for_one_buys_one(catalog, tmp_path):
    plan = solve(file(tmp_path, catalog, cash=40_000), catalog)
    assert bought(plan) == 1
    assert plan.usd_month == pytest.approx(803 + 2 * 1460)


def test_the_price_at_which_buying_stops(catalog, tmp_path):
    # rent is 1,460: 1,387 of capital beside 73 of power, times 50 months
    assert bought(solve(file(tmp_path, catalog, price=69_300), catalog)) == 3
    assert bought(solve(file(tmp_path, catalog, price=69_400), catalog)) == 0


def test_what_runs_only_in_office_hours_is_rented(catalog, tmp_path):
    # 195.5 hours a month at $2 are $391, less than $803
    plan = solve(file(tmp_path, catalog, shape=", shape: office-hours"), catalog)
    assert bought(plan) == 0


def test_the_annuity_pays_the_loan_back():
    # 12 % a year, 48 months: what is owed grows by 1 % and falls by the payment; 12,000 is left and sold
    paid, owed = capital_usd_month(120_000, 12_000, 48, 0.12), 120_000.0
    for _ in range(48):
        owed = owed * 1.01 - paid
    assert owed == pytest.approx(12_000)


@given(price=st.floats(1_000, 1e6), share=st.floats(0, 1), months=st.integers(1, 120), yearly=st.floats(0, 0.5))
def test_capital_costs_no_less_than_time_alone_and_more_with_interest(price, share, months, yearly):
    cost = capital_usd_month(price, share * price, months, yearly)
    assert cost >= (1 - share) * price / months - 1e-6
    assert cost <= capital_usd_month(price, share * price, months, yearly + 0.01) + 1e-6


def test_every_part_is_there(catalog):
    machine = OwnedMachine(
        gpu="h100-sxm", gpus=8, price_usd=280_000, life_months=48, power_kw=8, pue=1.4, usd_kwh=0.12,
        hosting_usd_month=900, staff_usd_month=600, observed_on=date(2026, 11, 1), source="a vendor",
    )  # fmt: skip
    cost = owning_cost(machine, 0.0, 730)
    assert (cost.capital, cost.power) == (pytest.approx(280_000 / 48), pytest.approx(8 * 1.4 * 0.12 * 730))
    assert cost.usd_month == pytest.approx(cost.capital + cost.power + 1500)


def test_the_audit_works_the_price_out_again(catalog, tmp_path):
    problem = file(tmp_path, catalog)
    plan = solve(problem, catalog)
    load = validate(problem, catalog)
    assert not audit(plan, problem.problem, load, catalog, None).breaches
    cheap = [each.model_copy(update={"usd_h": 1.0, "usd_month": 1.0 * each.hours_month}) for each in plan.purchases]
    forged = plan.model_copy(update={"purchases": tuple(cheap)})
    assert any("nothing is sold at $1/h" in b for b in audit(forged, problem.problem, load, catalog, None).breaches)
    free = [each.model_copy(update={"upfront_usd": 0.0}) for each in plan.purchases]
    forged = plan.model_copy(update={"purchases": tuple(free)})
    assert any("are asked" in b for b in audit(forged, problem.problem, load, catalog, None).breaches)


def test_an_unknown_gpu_is_told_with_its_line(catalog, tmp_path):
    path = tmp_path / "own.yaml"
    text = OWN.replace("@price@", "1").replace("@cash@", "1").replace("@shape@", "")
    path.write_text(text.replace("- {gpu: home-gpu", "- {gpu: hom-gpu"), encoding="utf-8")
    with pytest.raises(ProblemError, match=r"own\.yaml:16  procurement\.purchases\[0\]\.gpu\n.*home-gpu"):
        load_problem(path, catalog)


def test_a_machine_nobody_may_place_there_is_left_out(catalog, tmp_path):
    problem = file(tmp_path, catalog)
    where = problem.problem.procurement.where.model_copy(update={"providers": ["rack"]})
    buying = problem.problem.procurement.model_copy(update={"where": where})
    elsewhere = replace(problem, problem=problem.problem.model_copy(update={"procurement": buying}))
    assert bought(solve(elsewhere, catalog)) == 0
