"""Tax and another currency, from paper to the terminal.

8 requests/s, flat; a GPU serves 4, so two: 2 x 2 x 730 = $2,920 a month.  The API asks $0.00018 for a request of
2,000 tokens: 21.024 million requests cost $3,784.32.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from planner import verbs
from planner.catalog.load import Catalog, load_catalog
from planner.catalog.rows import EgressTier
from planner.errors import ProblemError
from planner.outputs.terminal import show_plan
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.read import load_problem

OWN = """\
name: own
workloads:
  chat:
    models: [ours]
    traffic: {peak_req_s: 8, input_tok: 1000, output_tok: 1000, burst_factor: 1}
performance:
  capacity: [{gpu: home-gpu, input_tok: 1000, output_tok: 1000, req_s: 4}]
procurement:
  only_quotes: true
  max_term_months: 12
  quotes:
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 2, term: on-demand, observed_on: 2026-11-20, source: a letter}
@more@
apis:
  quotes:
    - {model: ours, provider: seller, input_usd_mtok: @usd_mtok@, output_usd_mtok: @usd_mtok@, observed_on: 2026-11-20,
       source: a page}
overheads: {@overheads@}
solver: {gap: 0}
"""
RENT = 2920.0
API = 3784.32


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def file(
    folder: Path, catalog: Catalog, overheads: str = "", usd_mtok: float = 0.09, more: str = "", rest: str = ""
) -> ProblemFile:
    text = OWN.replace("@overheads@", overheads).replace("@usd_mtok@", str(usd_mtok)).replace("@more@", more) + rest
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return load_problem(path, catalog)


def solved(folder: Path, catalog: Catalog, *given: Any, **more: Any) -> Plan:
    return verbs.solve(file(folder, catalog, *given, **more), catalog)


def lines(plan: Plan) -> dict[str, float]:
    return {line.line: line.usd_month for line in plan.costs}


def shown(plan: Plan) -> str:
    console = Console(width=80, file=StringIO())
    show_plan(plan, console)
    told = console.file.getvalue()
    assert max(len(line) for line in told.splitlines()) <= 80
    return told


def test_tax_is_a_line_of_the_bill_and_labor_bears_none(catalog, tmp_path):
    # a fifth of 2,920 of rent, 100 of storage and 50 of fees; not of the 150 of labor
    extra = "engineering_usd_month: 150, storage_usd_month: 100, provider_usd_month: 50, tax_share: 0.2"
    plan = solved(tmp_path, catalog, extra, usd_mtok=0.5)
    assert lines(plan)["tax"] == pytest.approx((RENT + 150) * 0.2)
    assert plan.usd_month == plan.usd_month_decided == pytest.approx((RENT + 150) * 1.2 + 150)
    assert plan.bound_usd_month == pytest.approx(plan.usd_month, rel=1e-6)
    assert "  tax  " in shown(plan)


def test_tax_makes_labor_cheaper_beside_what_is_bought(catalog, tmp_path):
    # a fleet is 2,920 and 1,000 of labor, the API 3,784.32: less; with a fifth of tax 4,504 against 4,541.18: more
    for share, usd, who in ((0, API, "api"), (0.1, API * 1.1, "api"), (0.2, RENT * 1.2 + 1000, "fleet")):
        plan = solved(tmp_path, catalog, f"engineering_usd_month: 1000, tax_share: {share}")
        assert plan.usd_month == pytest.approx(usd), share
        assert bool(plan.apis) == (who == "api"), share


def test_existing_commitments_are_taxed_and_nothing_decides_that(catalog, tmp_path):
    held = "  existing:\n    - {provider: rack, gpu: home-gpu, gpus: 1, count: 1, usd_h: 1}"
    plan = solved(tmp_path, catalog, "tax_share: 0.1", 0.5, more=held)
    assert lines(plan)["tax on existing commitments"] == pytest.approx(73)
    assert lines(plan)["tax"] == pytest.approx(146)
    assert plan.usd_month_decided == pytest.approx(1460 * 1.1)
    assert plan.usd_month == pytest.approx((730 + 1460) * 1.1)


def test_the_budget_is_on_the_total_with_tax(catalog, tmp_path):
    held = "  existing:\n    - {provider: rack, gpu: home-gpu, gpus: 1, count: 1, usd_h: 1}"
    total = (730 + 1460) * 1.1
    for budget, status in ((total + 0.01, "optimal"), (total - 1, "infeasible")):
        rest = f"budget: {{usd_month: {budget}}}\n"
        plan = solved(tmp_path, catalog, "tax_share: 0.1, provider_usd_month: 0", 0.5, more=held, rest=rest)
        assert plan.status == status
    assert f"without it there is a plan for {total:,.0f} USD a month" in plan.in_the_way[0]


def test_a_commitment_pays_interest_that_bears_no_tax(catalog, tmp_path):
    # a year all upfront at $1.90: 1.90 x 730 + 16,644 x 0.12 / 12 x 13 / 24 = 1,387 + 90.16 = $1,477.16 against 1,460;
    # with tax of a half 2,170.66 against 2,190
    year = "    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 1.9, term: 1y, upfront_share: 1, "
    year += "observed_on: 2026-11-20, source: a letter}\n  cost_of_capital_year: 0.12"
    capital = 1.9 * 730 * 12 * 0.12 / 12 * 13 / 24
    without = solved(tmp_path, catalog, "", 0.5, more=year)
    assert without.usd_month == pytest.approx(RENT)
    plan = solved(tmp_path, catalog, "tax_share: 0.5", 0.5, more=year)
    assert plan.usd_month == pytest.approx(2 * (1387 * 1.5 + capital))
    assert {p.term for p in plan.purchases} == {"1y"}
    assert "before tax, already spread" in shown(plan).replace("\n  ", " ")


def test_machines_of_ones_own_are_stated_as_they_are_paid(catalog, tmp_path):
    # 36,500 over 50 months without interest: $730 a month each, with tax or without
    own = "  cost_of_capital_year: 0\n  purchases:\n    - {gpu: home-gpu, gpus: 1, price_usd: 36500, life_months: 50, "
    own += "power_kw: 0, pue: 1, usd_kwh: 0, observed_on: 2026-11-20, source: a vendor}"
    plan = solved(tmp_path, catalog, "tax_share: 0.5", 0.5, more=own)
    assert lines(plan) == {"machines bought": pytest.approx(2 * 730)}


def test_a_spend_commitment_and_what_it_covers_are_taxed_alike(catalog, tmp_path):
    promise = "  spend_quotes:\n    - {provider: rack, term: 1y, covers: [{discount_share: 0.3}], "
    promise += "observed_on: 2026-11-20, source: a letter}"
    plan = solved(tmp_path, catalog, "tax_share: 0.25", 0.5, more=promise)
    assert plan.spends and plan.usd_month == pytest.approx(RENT * 0.7 * 1.25)


def test_egress_tiers_are_taxed(catalog, tmp_path):
    seen = {"source": "written for tests", "observed_on": date(2026, 11, 1)}
    tiers = (
        EgressTier(provider="rack", from_gb=0, to_gb=10_240, usd_gb=0.09, **seen),
        EgressTier(provider="rack", from_gb=10_240, usd_gb=0.02, **seen),
    )
    plan = solved(tmp_path, replace(catalog, egress=tiers), "egress_kb_request: 500, tax_share: 0.2", 0.5)
    assert plan.usd_month == pytest.approx((RENT + 921.6 + 272 * 0.02) * 1.2)


@settings(max_examples=10, deadline=None)
@given(share=st.floats(0, 1), labor=st.floats(0, 1000))
def test_tax_on_everything_alike_scales_the_bill(share, labor, tmp_path_factory):
    folder, catalog = tmp_path_factory.mktemp("tax"), load_catalog()
    plan = solved(folder, catalog, f"engineering_usd_month: {labor}, tax_share: {share}")
    assert plan.usd_month == pytest.approx(min(RENT * (1 + share) + labor, API * (1 + share)))


def test_a_break_even_counts_tax_on_both_sides(catalog, tmp_path):
    problem = file(tmp_path, catalog, "tax_share: 0.2, engineering_usd_month: 500")
    found = verbs.breakeven(problem, catalog)
    assert found.api_usd_month == pytest.approx(API * 1.2)
    assert found.api_factor == pytest.approx((RENT * 1.2 + 500) / (API * 1.2))
    assert found.machine_factor == pytest.approx((API * 1.2 - 500) / (RENT * 1.2), rel=1e-3)


EURO = "currency: {code: EUR, per_usd: 0.92, source: a bank, observed_on: 2026-11-20}\n"


def test_another_currency_adds_the_total_and_changes_nothing(catalog, tmp_path):
    plain, plan = solved(tmp_path, catalog), solved(tmp_path, catalog, rest=EURO)
    assert plain.converted is None and plan.usd_month == plain.usd_month
    assert plan.converted is not None and plan.converted.month == pytest.approx(RENT * 0.92)
    assert "That is 2,686 EUR a month at 0.92 EUR per USD (a bank, 2026-11-20)." in shown(plan).replace("\n  ", " ")
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("rest", "what"),
    [
        (EURO.replace("EUR", "euro"), "currency.code"),
        (EURO.replace("0.92", "0"), "currency.per_usd"),
        (EURO.replace(", source: a bank", ""), "currency.source"),
    ],
)
def test_a_currency_that_cannot_be_is_refused(catalog, tmp_path, rest, what):
    with pytest.raises(ProblemError) as error:
        file(tmp_path, catalog, rest=rest)
    assert what in str(error.value)


def test_a_tax_in_percent_is_refused(catalog, tmp_path):
    with pytest.raises(ProblemError, match=r"overheads.tax_share"):
        file(tmp_path, catalog, "tax_share: 19")
