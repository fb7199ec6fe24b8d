"""Tornado and regret: every end is a solve, a plan kept is its bill or its procurement, ranges say whence they are."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from planner.analysis.held import Holding
from planner.analysis.moved import check_keys, spread_of
from planner.audit import audit
from planner.catalog.load import load_catalog
from planner.cli import app
from planner.errors import InputError
from planner.outlook import case_of, tornado
from planner.outputs.tornado import show_tornado
from planner.problem.procurement import ExistingCommitment
from planner.problem.read import load_problem
from planner.reduce import reduce_problem
from planner.state import silent
from planner.verbs import load, solve

# 10 requests/s all week; a GPU serves 4, for $2/h by the hour or $1/h for a year; the API asks $0.0001 a request.
OWN = """\
name: own
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
    - {provider: rack, gpu: home-gpu, gpus: 1, usd_h: 1, term: 1y, observed_on: 2026-11-20, source: a letter}
apis:
  quotes:
    - {model: ours, provider: seller, input_usd_mtok: 0.05, output_usd_mtok: 0.05, observed_on: 2026-11-20,
       source: a page}
solver: {gap: 0}
"""
HOURLY = "\n".join(line for line in OWN.splitlines() if "term: 1y" not in line) + "\n"
TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


def read(text, folder, catalog):
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return load_problem(path, catalog)


def uncertain(text, parameters):
    return text + "uncertainty:\n  parameters:\n" + "".join(f"    {key}: {how}\n" for key, how in parameters.items())


def ends(found, key):
    [swing] = [swing for swing in found.swings if swing.range.key == key]
    return swing.ends


def test_a_price_moves_and_the_plan_is_kept_as_a_line_of_its_bill(tmp_path, catalog):
    problem = read(uncertain(HOURLY, {"price.api": "{uniform: [0.5, 1.5]}"}), tmp_path, catalog)
    found = tornado(problem, catalog, jobs=1)
    # all from the API, 26.28 M requests at $0.0001: $2,628; at 0.6 of that $1,576.80
    assert found.base.usd_month == pytest.approx(2628)
    low, high = ends(found, "price.api")
    assert (low.factor, high.factor) == (pytest.approx(0.6), pytest.approx(1.4))
    assert low.usd_month == low.kept_usd_month == pytest.approx(1576.80)
    # at 1.4: two full machines, $2,920, and 2 requests/s of API, 5.256 M x $0.00014 = $735.84; kept: $3,679.20
    assert high.usd_month == pytest.approx(3655.84)
    assert high.kept_usd_month == pytest.approx(3679.20)
    assert high.regret_usd_month == pytest.approx(23.36)
    assert high.mix == {"rack 1x-home-gpu on-demand", "seller API"}
    # nothing is bought of the GPU, so its price may rise without a solve; as it falls by 20 % nothing changes either
    assert [end.usd_month for end in ends(found, "price.home-gpu")] == [pytest.approx(2628)] * 2


def test_a_load_moves_and_what_is_signed_is_kept(tmp_path, catalog):
    problem = read(uncertain(OWN, {"traffic.chat": "{uniform: [0.25, 1.75]}"}), tmp_path, catalog)
    found = tornado(problem, catalog, jobs=1)
    # two machines for a year, $1,460, and 2 requests/s of API, $525.60
    assert found.base.usd_month == pytest.approx(1985.60)
    low, high = ends(found, "traffic.chat")
    # 4 requests/s: one machine would do, two are paid.  16: four machines; kept, 8 requests/s of API, $2,102.40
    assert (low.usd_month, low.kept_usd_month) == (pytest.approx(730), pytest.approx(1460))
    assert (high.usd_month, high.kept_usd_month) == (pytest.approx(2920), pytest.approx(3562.40))
    assert found.swings[0].range.key == "traffic.chat"
    assert found.swings[0].range.why.startswith("stated")
    assert [swing.usd_month for swing in found.swings] == sorted((s.usd_month for s in found.swings), reverse=True)


def test_the_base_is_the_plan_of_plan_solve_and_two_workers_find_what_one_does(tmp_path, catalog):
    problem = read(OWN, tmp_path, catalog)
    alone, both = (tornado(problem, catalog, jobs=jobs) for jobs in (1, 2))
    assert alone.base.usd_month == solve(problem, catalog).usd_month
    assert alone.swings == both.swings


def test_ranges_say_where_they_come_from(catalog):
    found = spread_of("h100-sxm", catalog)
    assert found.low < 1 < found.high and "providers, seen" in found.why
    assert spread_of("home-gpu", catalog).why == "assumed: 20 % either way"


def test_a_plan_that_keeps_what_it_signed_costs_what_it_did(catalog):
    problem = load("commitments")
    case, base = case_of(problem, catalog, None, None, TODAY, silent)
    holding = case.holding(base)
    assert holding
    kept = case.keeping(holding, {})
    assert kept is not None and kept.audit
    assert kept.usd_month == pytest.approx(base.usd_month, rel=problem.problem.solver.gap)
    # cash runs out: what was signed at other prices may not be signed at these
    assert case.keeping(holding, {"price.l40s": 2.0}) is None


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(machines=st.integers(0, 5), load=st.floats(0.2, 2.5), rent=st.floats(0.4, 2.5), tokens=st.floats(0.4, 2.5))
def test_what_is_held_costs_what_the_same_machines_cost_as_existing_ones(
    tmp_path, catalog, machines, load, rent, tokens
):
    problem = read(OWN, tmp_path, catalog)
    case, _ = case_of(problem, catalog, None, None, TODAY, silent)
    factors = {"traffic": load, "price.home-gpu": rent, "price.api": tokens}
    kept = case.keeping(Holding(machines=((1, machines),) if machines else ()), factors)
    file, priced = case.at(factors)
    there = ExistingCommitment(provider="rack", gpu="home-gpu", gpus=1, count=max(1, machines), usd_h=rent)
    buying = file.problem.procurement.model_copy(
        update={"existing": [there] if machines else [], "terms": ["on-demand"]}
    )
    same = solve(replace(file, problem=file.problem.model_copy(update={"procurement": buying})), priced)
    assert kept.usd_month == pytest.approx(same.usd_month, rel=1e-6)
    # by hand: each machine more by the hour pays if its rent is less than the tokens it saves
    left = max(0.0, 10 * load - 4 * machines)
    hand = min(n * 1460 * rent + max(0.0, left - 4 * n) * 262.8 * tokens for n in range(9))
    assert kept.usd_month == pytest.approx(730 * rent * machines + hand, rel=1e-6)
    status, best = case.best(factors)
    assert status == "optimal" and best.usd_month <= kept.usd_month * (1 + 1e-9)


def test_faster_replicas_are_relied_on_and_the_audit_knows(catalog):
    problem = load("starter8b")
    faster = problem.problem.model_copy(
        update={"performance": problem.problem.performance.model_copy(update={"efficiency": 1.3})}
    )
    plan = solve(replace(problem, problem=faster), catalog, price_spares=False)
    assert plan.deployments
    reduced = reduce_problem(problem.problem, problem.folder, catalog)
    found = audit(plan, problem.problem, reduced.load, catalog, reduced.performance)
    assert any("are relied on" in breach for breach in found.breaches)


def test_more_interruptions_leave_less_time_and_the_audit_knows(catalog):
    problem = load("spot")
    worse = problem.problem.model_copy(
        update={"spot": problem.problem.spot.model_copy(update={"interruptions_factor": 3.0})}
    )
    plan = solve(replace(problem, problem=worse), catalog, price_spares=False)
    spot = [each for each in plan.purchases if each.term == "spot"]
    assert spot
    reduced = reduce_problem(problem.problem, problem.folder, catalog)
    found = audit(plan, problem.problem, reduced.load, catalog, reduced.performance)
    assert any("interruptions a month in the plan" in breach for breach in found.breaches)


def test_a_key_that_names_nothing_is_refused(tmp_path, catalog):
    problem = read(OWN, tmp_path, catalog)
    assert check_keys(problem.problem, catalog, ["price.api", "efficiency"], "x") == {
        "price.api": "price.api",
        "efficiency": "efficiency",
    }
    with pytest.raises(InputError, match="efficiency"):
        check_keys(problem.problem, catalog, ["price.home"], "uncertainty.parameters")


def test_the_command_prints_swings_ranges_and_regret(tmp_path, catalog):
    read(uncertain(OWN, {"traffic.chat": "{uniform: [0.25, 1.75]}"}), tmp_path, catalog)
    answer = CliRunner().invoke(app, ["tornado", str(tmp_path / "own.yaml"), "-o", str(tmp_path / "out.json")])
    assert answer.exit_code == 0, answer.output
    assert "traffic.chat x 0.4" in answer.output and "$730" in answer.output
    assert (tmp_path / "out.json").read_text().count('"regret_usd_month"') > 4


def test_a_plan_that_signs_for_nothing_is_not_said_to_have_been_kept(tmp_path, catalog):
    said = {}
    for name, text in (("by the hour", HOURLY), ("signed", OWN)):
        problem = read(uncertain(text, {"traffic.chat": "{uniform: [0.9, 1.1]}"}), tmp_path, catalog)
        found = tornado(problem, catalog, jobs=1)
        swings = tuple(
            replace(s, ends=tuple(replace(e, kept_usd_month=e.usd_month) for e in s.ends)) for s in found.swings
        )
        out = Console(file=io.StringIO(), width=80)
        show_tornado(replace(found, swings=swings), out)
        said[name] = " ".join(out.file.getvalue().split())
    assert "Regret None: the plan signs for nothing." in said["by the hour"]
    assert "Regret None: wherever the plan can be kept" in said["signed"]
