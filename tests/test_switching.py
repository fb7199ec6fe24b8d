"""What going from one fleet to another costs, and when it is paid back: arithmetic on two plans."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_evaluate import FLAT, L40S
from typer.testing import CliRunner

from planner import verbs
from planner.audit.switching import wrong_about_switching
from planner.cli import app
from planner.errors import ProblemError
from planner.evaluation import Evaluation, Switching
from planner.plan import Plan
from planner.problem.fleet import Fleet, SwitchingCosts
from planner.switching import switching

TODAY = date(2026, 11, 24)


def files(folder: Path, machines: list[dict[str, Any]], costs: dict[str, Any] | None, **more: Any) -> tuple[Path, Path]:
    """The problem in which three L40S do all, and a fleet file."""
    problem, fleet = folder / "own.yaml", folder / "fleet.yaml"
    problem.write_text(FLAT, encoding="utf-8")
    said = {} if costs is None else {"switching": costs}
    fleet.write_text(yaml.safe_dump({"machines": machines, **said, **more}), encoding="utf-8")
    return problem, fleet


def evaluated(folder: Path, machines: list[dict[str, Any]], costs: dict[str, Any] | None, **more: Any) -> Evaluation:
    problem, fleet = files(folder, machines, costs)
    return verbs.evaluate(verbs.load(problem), verbs.load_fleet(fleet), today=TODAY, **more)


def test_machines_that_cost_little_to_return_are_returned(tmp_path):
    # five at $1/h are 3,650 a month, three 2,190; 2 x $250 once
    told = evaluated(tmp_path, [{**L40S, "count": 5}], {"return_usd_machine": 250}).switching
    assert told is not None
    assert [(s.verdict, s.count, s.usd) for s in told.steps] == [("return", 2, 500)]
    assert (told.usd, told.saved_usd_month) == (500, pytest.approx(1460))
    assert told.paid_back_months == pytest.approx(500 / 1460)
    assert (told.stay_usd, told.switch_usd) == (pytest.approx(12 * 3650), pytest.approx(500 + 12 * 2190))


def test_staying_is_cheaper_where_the_change_is_paid_back_too_late(tmp_path):
    problem, fleet = files(tmp_path, [{**L40S, "count": 5}], {"return_usd_machine": 10_000, "months": 12})
    # 20,000 / 1,460 = 13.7 months; 43,800 against 20,000 + 26,280
    told = CliRunner().invoke(app, ["evaluate", str(problem), "--fleet", str(fleet), "--today", "2026-11-24"])
    page = " ".join(told.stdout.split())
    assert "return 2 x 1x-l40s (1 x l40s), here (region not stated) $20,000" in page
    assert "It saves $1,460 a month and has paid for itself after 13.7 months." in page
    assert "Over 12 months staying costs $43,800, switching $46,280: staying is cheaper by $2,480." in page


def test_a_fleet_that_is_the_best_one_has_nothing_to_pay_back(tmp_path):
    found = evaluated(tmp_path, [{**L40S, "count": 3}], {"add_usd_machine": 100})
    assert found.switching is not None and not found.switching.steps
    assert found.switching.paid_back_months is None and found.switching.usd == 0


def test_another_term_or_price_is_no_change_of_machines(tmp_path):
    found = evaluated(
        tmp_path, [{**L40S, "count": 3, "usd_h": 1.5}], {"add_usd_machine": 100, "return_usd_machine": 100}
    )
    assert found.switching is not None and found.switching.usd == 0
    assert found.switching.saved_usd_month == pytest.approx(3 * 0.5 * 730)


def test_nothing_is_told_where_nothing_is_said_of_its_costs_or_no_best_plan_is_looked_for(tmp_path):
    assert evaluated(tmp_path, [{**L40S, "count": 5}], None).switching is None
    assert evaluated(tmp_path, [{**L40S, "count": 5}], {"months": 3}, best_within_s=None).switching is None


def test_costs_less_than_nothing_are_refused(tmp_path):
    _, fleet = files(tmp_path, [{**L40S, "count": 5}], {"add_usd_machine": -1, "month": 3})
    with pytest.raises(ProblemError, match=r"switching\.add_usd_machine[\s\S]*switching\.month"):
        verbs.load_fleet(fleet)


SPEEDY = """\
name: speedy
workloads:
  chat:
    models: [llama-3.1-8b]
    traffic: {mean_req_s: 1, shape: flat, burst_factor: 1, input_tok: 500, output_tok: 50}
procurement:
  only_quotes: true
  quotes:
    - {provider: here, gpu: l4, gpus: 1, usd_h: 0.5, term: on-demand, observed_on: 2026-11-01, source: a quote}
apis: {allow: false}
"""


@pytest.mark.parametrize(("listed", "usd"), [([], 3000), ([{"model": "llama-3.1-8b", "gpu": "l4"}], 0)])
def test_a_way_to_run_a_model_costs_its_set_up_unless_it_is_set_up_already(tmp_path, listed, usd):
    (tmp_path / "own.yaml").write_text(SPEEDY, encoding="utf-8")
    machines = [
        {"provider": "here", "gpu": "h100-sxm", "gpus": 1, "usd_h": 3.0, "count": 1},
        {"provider": "here", "gpu": "l4", "gpus": 1, "count": 1},
    ]
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump({"machines": machines}), encoding="utf-8")
    problem, fleet = verbs.load(tmp_path / "own.yaml"), verbs.load_fleet(tmp_path / "fleet.yaml")
    there = verbs.evaluate(problem, fleet, today=TODAY, best_within_s=None).plan
    there = there.model_copy(update={"deployments": tuple(d for d in there.deployments if d.gpu != "l4")})
    best = verbs.solve(problem, today=TODAY, price_spares=False)
    own = Fleet.model_validate({"machines": machines, "deployments": listed})
    told = switching(own, there, best, SwitchingCosts(new_deployment_usd=3000, months=6))
    assert sum(step.usd for step in told.steps if step.verdict == "set up") == usd


@pytest.mark.parametrize(
    ("field", "new", "words"),
    [
        ("usd", 1.0, "switching once: $1.00 in the evaluation, $500.00 recomputed"),
        ("saved_usd_month", 1.0, "saved a month: $1.00 in the evaluation, $1,460.00 recomputed"),
        ("paid_back_months", 3.0, "saved until it is paid back: $4,380.00 in the evaluation, $500.00"),
        ("stay_usd", 0.0, "staying for 12 months: $0.00"),
        ("switch_usd", 0.0, "switching for 12 months: $0.00 in the evaluation, $26,780.00"),
        ("steps", (), "0 machines to return in the evaluation, 2 by the two plans"),
    ],
)
def test_what_is_told_of_switching_is_recomputed(tmp_path, field, new, words):
    problem, fleet = files(tmp_path, [{**L40S, "count": 5}], {"return_usd_machine": 250})
    read = verbs.load(problem)
    found = verbs.evaluate(read, verbs.load_fleet(fleet), today=TODAY)
    best = verbs.solve(read, today=TODAY, price_spares=False)
    costs = SwitchingCosts(return_usd_machine=250)
    assert found.switching is not None and wrong_about_switching(found, best, costs) == []
    bent = found.model_copy(update={"switching": found.switching.model_copy(update={field: new})})
    assert any(words in wrong for wrong in wrong_about_switching(bent, best, costs))


EMPTY: dict[str, Any] = {
    "problem": "law", "status": "optimal", "usd_month_decided": None, "bound_usd_month": None, "gap": None,
    "gap_asked": 0, "solver": "by hand", "solve_s": 0, "month_hours": 730,
    "prices_observed": {"today": TODAY, "oldest": None, "newest": None, "oldest_days": None},
}  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(1, 120))
def test_staying_beats_switching_exactly_until_the_change_is_paid_back(now, then, months):
    there, best = (Plan.model_validate({**EMPTY, "usd_month": usd}) for usd in (now, then))
    own = Fleet.model_validate({"machines": [{**L40S, "count": 1}]})
    told: Switching = switching(own, there, best, SwitchingCosts(months=months))
    paid = told.paid_back_months
    assert told.stay_usd - told.switch_usd == pytest.approx(months * told.saved_usd_month - told.usd, abs=1e-3)
    assert (paid is not None) == (now > then)
