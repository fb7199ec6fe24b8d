"""Sweeps: factors reach exactly the prices and loads they name, and every point is an answer."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import plans
import pytest

from planner.analysis.axes import Axis, check_shape, parse_axis
from planner.analysis.levers import check_axes
from planner.analysis.scaled import scaled
from planner.analysis.sweep import mix_of, solve_points
from planner.catalog.load import Catalog, load_catalog
from planner.catalog.rows import CommitmentDiscount, PriceOffer
from planner.errors import Complaint, InputError, ProblemError, SolverFailed
from planner.market import offers_of
from planner.outputs.sweep import SweepPoint
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.procurement import Procurement
from planner.problem.read import load_problem
from planner.verbs import plan_sweep, solve
from planner.verbs import sweep as sweep_verb

# 10 requests/s all week; a GPU serves 4 for $2/h; the API asks (1000 + 1000) x $0.05/Mtok = $0.0001 a request.
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
apis:
  quotes:
    - {model: ours, provider: seller, input_usd_mtok: 0.05, output_usd_mtok: 0.05, observed_on: 2026-11-20,
       source: a page}
solver: {gap: 0}
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def own(tmp_path: Path, catalog: Catalog) -> ProblemFile:
    return read(OWN, tmp_path, catalog)


def read(text: str, folder: Path, catalog: Catalog) -> ProblemFile:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return load_problem(path, catalog)


def points(problem: ProblemFile, catalog: Catalog, *over: str, jobs: int = 1) -> dict[tuple[float, ...], SweepPoint]:
    found = [each.point for each in sweep_verb(problem, over, catalog, jobs=jobs)]
    return {tuple(point.values.values()): point for point in found}


def test_a_dearer_api_brings_machines_in(own, catalog):
    found = points(own, catalog, "price.api=1,2,4")
    # a month has 26.28 M requests.  x1: all API, $2,628 (the first machine would cost $1,460 and save $1,051)
    assert found[1,].usd_month == pytest.approx(2628)
    assert found[1,].mix == {"seller API": pytest.approx(2628)}
    # x2: two full machines, $2,920, and 2 requests/s of API, 5.256 M x $0.0002 = $1,051.20
    assert found[2,].usd_month == pytest.approx(3971.20)
    assert found[2,].mix == {"rack 1x-home-gpu on-demand": pytest.approx(2920), "seller API": pytest.approx(1051.2)}
    # x4: three machines, $4,380
    assert found[4,].usd_month == pytest.approx(4380)
    assert all(point.status == "optimal" and point.gap == pytest.approx(0, abs=1e-6) for point in found.values())


@pytest.mark.parametrize("key", ["price.home-gpu", "price.rack", "price.on-demand"])
def test_a_factor_on_a_gpu_a_provider_or_a_term_reaches_a_quote(key, own, catalog):
    # at $1/h: two full machines, $1,460, and 2 requests/s of API at $525.60
    assert points(own, catalog, f"{key}=0.5")[0.5,].usd_month == pytest.approx(1985.60)


def test_factors_on_one_price_multiply(own, catalog):
    problem, _ = scaled(own.problem, catalog, {"price.home-gpu": 0.5, "price.rack": 0.5, "price.spot": 9.0})
    assert problem.procurement.quotes[0].usd_h == pytest.approx(2 * 0.5 * 0.5)


def test_twice_the_traffic_is_twice_the_requests(own, catalog):
    # all API still: each machine would cost $1,460 and save $1,051
    found = points(own, catalog, "traffic=1,2", "traffic.chat=1,3")
    assert {at: point.usd_month for at, point in found.items()} == {
        (1, 1): pytest.approx(2628),
        (1, 3): pytest.approx(3 * 2628),
        (2, 1): pytest.approx(2 * 2628),
        (2, 3): pytest.approx(6 * 2628),
    }


def test_processes_side_by_side_find_what_one_finds(own, catalog):
    assert points(own, catalog, "price.api=1..4/4", jobs=2) == points(own, catalog, "price.api=1..4/4", jobs=1)


def test_a_point_without_a_plan_is_a_point(tmp_path, catalog):
    # a machine at most: 4 requests/s
    text = OWN.replace("source: a letter", "source: a letter, max_machines: 1").replace(
        "apis:", "apis:\n  max_req_s: 6"
    )
    found = points(read(text, tmp_path, catalog), catalog, "traffic=1,2")
    assert (found[1,].status, found[2,].status) == ("optimal", "infeasible")
    assert found[2,].usd_month is None and found[2,].mix == {}


def test_what_nothing_can_serve_is_a_point_too(tmp_path, catalog):
    text = OWN.replace("apis:", "apis:\n  allow: true\n  exclude_providers: [seller]").replace(
        "gpus: 1,", "gpus: 1, max_machines: 0,"
    )
    assert points(read(text, tmp_path, catalog), catalog, "traffic=1")[1,].status == "infeasible"


def fails_at_two(fault: Exception, problem_file: ProblemFile, priced: Catalog) -> Plan:
    if problem_file.problem.workloads["chat"].traffic.scale == 2:
        raise fault
    return solve(problem_file, priced)


@pytest.mark.parametrize("fault", [SolverFailed("no answer"), KeyError("no answer")])
def test_a_fault_at_a_point_is_told_and_the_others_are_kept(fault, own, catalog):
    asked = replace(plan_sweep(own, ["traffic=1,2,3"], catalog), solve=partial(fails_at_two, fault))
    found = {each.point.values["traffic"]: each for each in solve_points(asked, jobs=1)}
    assert found[2].point.status == "stopped" and "no answer" in found[2].trouble
    assert found[1].point.usd_month == pytest.approx(2628) and not found[3].trouble


def test_a_factor_of_one_changes_nothing_of_the_catalog(tmp_path, catalog):
    text = """\
name: small
workloads:
  chat:
    models: [llama-3.1-8b]
    traffic: {peak_req_s: 5, shape: office-hours, input_tok: 1000, output_tok: 250}
"""
    problem = read(text, tmp_path, catalog)
    assert points(problem, catalog, "price.api=1")[1,].usd_month == pytest.approx(solve(problem, catalog).usd_month)
    same, priced = scaled(problem.problem, catalog, {"traffic": 1.0})
    assert offers_of(same, priced) == offers_of(problem.problem, catalog)


def test_a_factor_on_demand_leaves_commitments_alone_and_one_on_the_term_moves_them(own, catalog):
    machine = PriceOffer(
        provider="rack",
        machine="box",
        gpu="l4",
        gpus=1,
        usd_h=10,
        term="on-demand",
        tier="datacenter",
        source="a page",
        observed_on=date(2026, 11, 20),
    )
    less = CommitmentDiscount(
        provider="rack",
        gpu="l4",
        term="1y",
        discount_share=0.4,
        instrument="contract",
        source="a page",
        observed_on=date(2026, 11, 20),
    )
    small = replace(catalog, offers=(machine,), commitments=(less,))

    def usd_h(**factors: float) -> dict[str, float]:
        _, priced = scaled(own.problem, small, {f"price.{key.replace('_', '-')}": f for key, f in factors.items()})
        everything = own.problem.model_copy(update={"procurement": Procurement()})
        return {offer.term: offer.usd_h for offer, _ in offers_of(everything, priced)}

    # 40 % less than $10 is $6
    assert usd_h() == {"on-demand": 10, "1y": pytest.approx(6)}
    assert usd_h(on_demand=2) == {"on-demand": 20, "1y": pytest.approx(6)}
    assert usd_h(**{"1y": 2}) == {"on-demand": 10, "1y": pytest.approx(12)}
    assert usd_h(l4=2) == {"on-demand": 20, "1y": pytest.approx(12)}


def test_an_alias_of_a_gpu_is_respelled(own, catalog):
    everything = own.problem.model_copy(
        update={"procurement": own.problem.procurement.model_copy(update={"only_quotes": False})}
    )
    [axis] = check_axes(everything, catalog, [Axis("price.H100 SXM", (1.0,))])
    assert axis.key == "price.h100-sxm"


def test_existing_machines_are_told_apart_from_bought_ones():
    mix = mix_of(plans.at_limit())
    assert any(label.endswith(" existing") for label in mix)


@pytest.mark.parametrize(
    ("text", "factors"),
    [
        ("price.spot=0.6..1.4/9", (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4)),
        ("price.spot=2..1/3", (2.0, 1.5, 1.0)),
        ("price.spot=3", (3.0,)),
        ("price.spot=1e-1, 2", (0.1, 2.0)),
    ],
)
def test_values_are_read(text, factors):
    assert parse_axis(text) == Axis("price.spot", factors)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("price.spot", "says not what to sweep"),
        ("=1,2", "says not what to sweep"),
        ("price.spot=", "says not what to sweep"),
        ("price.spot=a,b", "is no row of numbers"),
        ("price.spot=1..2/1", "takes 2 to"),
        ("price.spot=1..2/1e3", "is no row of numbers"),
        ("price.spot=1..2..3/4", "is no row of numbers"),
        ("price.spot=nan", "is no row of numbers"),
        ("price.spot=inf", "is no row of numbers"),
        ("price.spot=1x,2", "Write all of them one way"),
        ("price.spot=1,1.0", "twice"),
    ],
)
def test_what_is_no_row_of_factors_is_said(text, words):
    with pytest.raises(InputError, match=words):
        parse_axis(text)


def test_unknown_keys_are_all_told_with_what_is_possible(own, catalog):
    axes = [Axis("price.home-gpo", (1.0,)), Axis("trafic", (1.0,)), Axis("traffic.chat", (1.0,))]
    with pytest.raises(InputError) as raised:
        check_axes(own.problem, catalog, axes)
    first, second = raised.value.complaints
    assert "Did you mean price.home-gpu?" in first.what and "price. with a provider: rack" in first.what
    assert "price. with an API provider: seller" not in first.what  # price.api. is spelled out
    assert "price.api. with an API provider: seller" in first.what
    assert "Did you mean traffic?" in second.what


def test_a_key_twice_and_a_grid_too_large_are_refused():
    with pytest.raises(InputError, match="swept twice"):
        check_shape([(Axis("traffic", (1.0,)),), (Axis("traffic", (2.0,)),)])
    large = [(Axis("traffic", tuple(range(1, 202))),), (Axis("price.api", tuple(range(1, 102))),)]
    with pytest.raises(InputError, match="20,301 points; at most 10,000"):
        check_shape(large)


def test_wrong_keys_are_refused_before_anything_is_solved(own, catalog):
    with pytest.raises(InputError):
        sweep_verb(own, ["price.nothing=1"], catalog)


def test_an_error_of_the_input_crosses_from_one_process_to_another_whole():
    error = ProblemError([Complaint("a.yaml:3", "is wrong."), Complaint("a.yaml:4", "is worse.")])
    other = pickle.loads(pickle.dumps(error))
    assert (type(other), other.complaints, str(other)) == (ProblemError, error.complaints, str(error))


def test_the_problem_itself_is_not_changed(own, catalog):
    before = own.problem.model_dump_json()
    list(sweep_verb(own, ["traffic=2"], catalog, jobs=1))
    assert own.problem.model_dump_json() == before
