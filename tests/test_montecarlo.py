"""Monte Carlo: cases drawn as said, the value of knowing worked out on paper, stopped work that goes on."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tornado import OWN, read, uncertain
from typer.testing import CliRunner

from planner.analysis import montecarlo as cases
from planner.analysis.casebook import Casebook
from planner.analysis.montecarlo import cast_from
from planner.catalog.load import load_catalog
from planner.cli import app
from planner.errors import InputError, ProblemError
from planner.outlook import montecarlo
from planner.problem.uncertainty import Correlation, Uncertain
from planner.uncertainty import SPREAD, draw, factor_at, summary

SCENARIOS = (
    OWN
    + """\
uncertainty:
  scenarios:
    - {name: few, weight: 1, factors: {traffic.chat: 0.4}}
    - {name: many, weight: 3, factors: {traffic.chat: 1.6}}
"""
)
BOTH = {"traffic.chat": "{lognormal: [1, 0.5]}", "price.api": "{uniform: [0.4, 2]}"}


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


def test_what_it_is_worth_to_know_on_paper(tmp_path, catalog):
    found = montecarlo(read(SCENARIOS, tmp_path, catalog), catalog, jobs=1)
    # today: two machines for a year, $1,460, and 2 requests/s of API, $525.60
    assert found.base.usd_month == pytest.approx(1985.60)
    # few, 4 requests/s: one machine, $730; kept: two, $1,460; nothing signed: all API, $1,051.20
    # many, 16 requests/s: four machines, $2,920; kept: two, and 8 requests/s of API, $3,562.40; unsigned: $4,204.80
    few, many = found.casts
    assert [each.usd_month for each in (few.best, few.kept, few.waiting)] == pytest.approx([730, 1460, 1051.20])
    assert [each.usd_month for each in (many.best, many.kept, many.waiting)] == pytest.approx([2920, 3562.40, 4204.80])
    assert found.information.mean == pytest.approx((730 + 3 * 642.40) / 4)
    assert found.information_least == found.information_most == pytest.approx(found.information.mean)
    assert found.kept.mean == pytest.approx((1460 + 3 * 3562.40) / 4)
    assert found.waiting.mean == pytest.approx((1051.20 + 3 * 4204.80) / 4)
    assert (found.best.error, found.best.p10, found.best.p50) == (0.0, pytest.approx(730), pytest.approx(2920))
    assert found.bought["term 1y"] == 1 and "API seller" not in found.bought


def test_nothing_signed_is_worth_nothing_to_know_where_the_best_signs_nothing(tmp_path, catalog):
    hourly = "\n".join(line for line in SCENARIOS.splitlines() if "term: 1y" not in line) + "\n"
    found = montecarlo(read(hourly, tmp_path, catalog), catalog, jobs=1)
    assert not found.holding
    assert found.information.mean == pytest.approx(0) and found.information_most == pytest.approx(0, abs=1e-6)


def test_a_case_that_what_is_held_cannot_serve_is_told_and_left_out(tmp_path, catalog):
    alone = SCENARIOS.split("apis:")[0] + "apis: {allow: false}\nsolver: {gap: 0}\n" + SCENARIOS.split("gap: 0}\n")[1]
    alone = alone.replace("term: on-demand,", "term: on-demand, max_machines: 1,")
    found = montecarlo(read(alone, tmp_path, catalog), catalog, jobs=1)
    # today: three machines for a year; 16 requests/s take four of them, or three and one by the hour
    assert [cast.kept.status for cast in found.casts] == ["optimal", "optimal"]
    found = montecarlo(read(alone.replace("1.6}", "2}"), tmp_path, catalog), catalog, jobs=1)
    # 20 requests/s take five: one more than may be had by the hour
    assert [cast.kept.status for cast in found.casts] == ["optimal", "infeasible"]
    assert (found.served_share, found.kept_share) == (1.0, 0.25)
    assert found.kept.mean == pytest.approx(3 * 730)


def test_a_budget_ends_no_case_and_is_told(tmp_path, catalog):
    found = montecarlo(read(SCENARIOS + "budget: {usd_month: 2000}\n", tmp_path, catalog), catalog, jobs=1)
    assert found.kept_share == 1 and found.over_budget_share == pytest.approx(0.75)


def test_the_same_seed_gives_the_same_answer_with_one_worker_and_two(tmp_path, catalog):
    problem = read(uncertain(OWN, BOTH), tmp_path, catalog)
    one, two = (montecarlo(problem, catalog, draws=6, seed=7, jobs=jobs) for jobs in (1, 2))
    assert one.casts == two.casts and one.information == two.information
    other = montecarlo(problem, catalog, draws=6, seed=8, jobs=1)
    assert other.casts != one.casts


def test_knowing_is_never_worth_less_than_nothing(tmp_path, catalog):
    found = montecarlo(read(uncertain(OWN, BOTH), tmp_path, catalog), catalog, draws=12, seed=3, jobs=1)
    for cast in found.casts:
        assert cast.kept.usd_month >= cast.best.usd_month >= cast.solved.bound_usd_month * (1 - 1e-9)
        assert cast.waiting.usd_month >= cast.best.usd_month
        # what is held is itself allowed: no solve may have found less than what it proved
        assert cast.solved.usd_month <= cast.kept.usd_month * (1 + 1e-6)
    assert 0 <= found.information_least <= found.information.mean <= found.information_most + 1e-9


def test_stopped_work_goes_on_and_more_draws_go_on_from_fewer(tmp_path, catalog, monkeypatch):
    problem, path = read(uncertain(OWN, BOTH), tmp_path, catalog), tmp_path / "cases.jsonl"
    whole = montecarlo(problem, catalog, draws=5, jobs=1)
    montecarlo(problem, catalog, draws=3, journal=path, jobs=1)
    assert path.read_text().count("\n") == 4
    path.write_bytes(path.read_bytes()[:-20])  # killed as the last line was written
    solved = []
    really = cases.solve_case
    monkeypatch.setattr(cases, "solve_case", lambda h, c, asked: solved.append(asked.place) or really(h, c, asked))
    again = montecarlo(problem, catalog, draws=5, journal=path, jobs=1)
    assert solved == [2, 3, 4]
    assert again.casts == whole.casts
    assert [cast_from(json.loads(line)) for line in path.read_text().splitlines()[1:]] == list(whole.casts)
    with pytest.raises(InputError, match="another seed"):
        montecarlo(problem, catalog, draws=5, seed=2, journal=path, jobs=1)


def test_a_file_that_holds_no_cases_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("milk\neggs\n")
    with pytest.raises(InputError, match="no list of such cases"):
        Casebook(path, "work")
    assert path.read_text() == "milk\neggs\n"


def test_a_fault_in_a_case_is_told_and_the_others_are_kept(tmp_path, catalog, monkeypatch):
    problem = read(SCENARIOS, tmp_path, catalog)
    really = cases.Case.keeping

    def keeping(case, holding, factors):
        if factors["traffic.chat"] < 1:
            raise KeyError("no answer")
        return really(case, holding, factors)

    monkeypatch.setattr(cases.Case, "keeping", keeping)
    found = montecarlo(problem, catalog, jobs=1)
    assert "no answer" in found.casts[0].trouble and found.casts[1].kept.usd_month == pytest.approx(3562.40)


KINDS = st.one_of(
    st.tuples(st.floats(0.5, 2), st.floats(0.01, 0.3)).map(lambda p: Uncertain(normal=list(p))),
    st.tuples(st.floats(0.5, 2), st.floats(0, 1)).map(lambda p: Uncertain(lognormal=list(p))),
    st.tuples(st.floats(0.1, 1), st.floats(1.1, 3)).map(lambda p: Uncertain(uniform=list(p))),
    st.tuples(st.floats(0.1, 0.5), st.floats(0.5, 1.5), st.floats(1.6, 3)).map(lambda p: Uncertain(triangular=list(p))),
)


@given(of=KINDS, z=st.floats(-4, 4), more=st.floats(0, 2))
def test_a_factor_never_falls_as_its_place_rises(of, z, more):
    assert factor_at(of, z) <= factor_at(of, z + more) + 1e-9


@settings(max_examples=10, deadline=None)
@given(correlation=st.floats(-0.95, 0.95), seed=st.integers(0, 99))
def test_draws_are_distributed_and_correlated_as_said(correlation, seed):
    of = {"a": Uncertain(lognormal=[2, 0.3]), "b": Uncertain(normal=[1, 0.1]), "c": Uncertain(triangular=[0, 1, 2])}
    drawn = draw(of, [Correlation(between=["a", "b"], correlation=correlation)], 4000, seed, 0.0)
    a, b, c = (np.array([one[key] for one in drawn]) for key in "abc")
    log_a = np.log(a / 2) / 0.3
    assert np.mean(log_a) == pytest.approx(0, abs=0.08) and np.std(log_a) == pytest.approx(1, abs=0.06)
    assert np.corrcoef(log_a, b)[0, 1] == pytest.approx(correlation, abs=0.06)
    assert np.corrcoef(log_a, c)[0, 1] == pytest.approx(0, abs=0.08)
    assert np.std(c) == pytest.approx(math.sqrt(1 / 6), abs=0.03)  # (m - l)^2 / 24 for a symmetric triangle
    assert draw(of, [], 5, seed, 0.0) == draw(of, [], 9, seed, 0.0)[:5]


def test_the_band_of_rates_runs_from_what_is_relied_on_to_its_high_end():
    # estimate 1; relied on 1 / 1.25; high end 1.25: a factor of 1.25^2 on what is relied on
    assert factor_at(Uncertain(band=True), SPREAD, 0.25) == pytest.approx(1.25**2)
    assert factor_at(Uncertain(band=True), 0.0, 0.25) == pytest.approx(1.25)


def test_weights_count_in_a_summary():
    found = summary([10, 20, 30], [8, 1, 1], drawn=False)
    assert (found.mean, found.p10, found.p50, found.p90) == (13, 10, 10, 20)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("parameters: {traffic.chat: {uniform: [2, 1]}}", "does not rise"),
        ("parameters: {traffic.chat: {uniform: [1, 2], normal: [1, 1]}}", "Give exactly one of"),
        ("parameters: {traffic.chat: {}}", "no distribution"),
        ("parameters: {traffic.chat: {band: true}}", "only rates have a band"),
        ("{}", "neither parameters nor scenarios"),
        (
            "{parameters: {a: {normal: [1, 1]}}, correlations: [{between: [a, b], correlation: 1}]}",
            "none of the parameters",
        ),
        (
            "{parameters: {a: {normal: [1, 1]}, b: {normal: [1, 1]}, c: {normal: [1, 1]}}, correlations: "
            "[{between: [a, b], correlation: 0.9}, {between: [b, c], correlation: 0.9}, "
            "{between: [a, c], correlation: -0.9}]}",
            "no numbers are correlated like that",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(block, said, tmp_path, catalog):
    block = block if block.startswith("{") else "{" + block + "}"
    with pytest.raises(ProblemError, match=said):
        read(OWN + f"uncertainty: {block}\n", tmp_path, catalog)


def test_a_name_that_nothing_has_is_refused_before_any_solve(tmp_path, catalog):
    problem = read(uncertain(OWN, {"price.hom-gpu": "{normal: [1, 0.1]}"}), tmp_path, catalog)
    with pytest.raises(InputError, match=r"uncertainty.parameters price.hom-gpu[\s\S]*Did you mean price.home-gpu"):
        montecarlo(problem, catalog, jobs=1)
    with pytest.raises(InputError, match="says nothing of what is uncertain"):
        montecarlo(replace(problem, problem=problem.problem.model_copy(update={"uncertainty": None})), catalog)


def test_the_command_writes_cases_and_tells_values(tmp_path, catalog):
    read(SCENARIOS, tmp_path, catalog)
    out = tmp_path / "out.json"
    answer = CliRunner().invoke(app, ["montecarlo", str(tmp_path / "own.yaml"), "-o", str(out)])
    assert answer.exit_code == 0, answer.output
    assert "$664 a month" in answer.output and "2 scenarios" in answer.output
    assert len(json.loads(out.read_text())["cases"]) == 2
    assert (tmp_path / "out.json.cases.jsonl").exists()
