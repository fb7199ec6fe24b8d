"""What may be swept: any price, discount, load, and any number of the problem file; crossed or together."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from test_sweep import OWN, points, read

from planner.analysis.axes import Axis, grid_of, parse_over
from planner.analysis.levers import check_axes, check_dimensions
from planner.analysis.scaled import scaled
from planner.audit import audit
from planner.catalog.load import Catalog, load_catalog
from planner.catalog.rows import CommitmentDiscount, PriceOffer
from planner.errors import InputError, ProblemError
from planner.market import offers_of
from planner.outputs.sweep import SweepPoint
from planner.problem.by_path import number_at, numbers_of, with_numbers
from planner.problem.places import ProblemFile
from planner.problem.procurement import Procurement
from planner.reduce import reduce_problem
from planner.verbs import load, plan_sweep, solve
from planner.verbs import sweep as sweep_verb

EXAMPLES = sorted(path.stem for path in (Path(__file__).parents[1] / "problems").glob("*.yaml"))
# All API: $262.80 a month for each request/s.  A machine that works all the time: $1,460 for 4 requests/s.
ALL_API = 2628


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def own(tmp_path: Path, catalog: Catalog) -> ProblemFile:
    return read(OWN, tmp_path, catalog)


def costs(found: dict[tuple[float, ...], SweepPoint]) -> list[float | None]:
    return [point.usd_month for point in found.values()]


def refusal(problem: ProblemFile, catalog: Catalog, *over: str) -> str:
    with pytest.raises(InputError) as raised:
        plan_sweep(problem, over, catalog)
    return str(raised.value)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_number_set_to_what_it_is_changes_nothing(name, catalog):
    problem = load(name, catalog).problem
    there = {path: number_at(problem, path) for path in numbers_of(problem).values()}
    given_ = {path: value for path, value in there.items() if value is not None}
    assert len(given_) > 10
    assert (
        with_numbers(problem, given_) == problem or with_numbers(problem, given_).model_dump() == problem.model_dump()
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_number_changed_is_the_only_one_that_changes(own, data):
    numbers = numbers_of(own.problem)
    path = data.draw(st.sampled_from([path for path in numbers.values() if number_at(own.problem, path)]))
    now = number_at(own.problem, path)
    try:
        changed = with_numbers(own.problem, {path: now / 2})
    except ValidationError:  # a whole number, or one of at least 1
        changed = with_numbers(own.problem, {path: now + 1})
    different = [
        other for other in numbers_of(changed).values() if number_at(own.problem, other) != number_at(changed, other)
    ]
    assert set(different) == {path}


def test_a_load_in_requests_and_as_a_factor_are_the_same(own, catalog):
    assert costs(points(own, catalog, "traffic.chat.peak_req_s=10,20")) == pytest.approx([ALL_API, 2 * ALL_API])
    assert points(own, catalog, "traffic.chat.peak_req_s=1x,2x") == points(
        own, catalog, "traffic.chat.peak_req_s=10,20"
    )


def test_a_price_may_be_given_for_what_has_several_names(own, catalog):
    # at $1/h: two full machines, $1,460, and 2 requests/s of API at $525.60
    for key in ("price.rack.usd_gpu_h", "price.rack/home-gpu/on-demand.usd_gpu_h", "price.1x-home-gpu.usd_gpu_h"):
        assert costs(points(own, catalog, f"{key}=1")) == pytest.approx([1985.60])
    assert costs(points(own, catalog, "price.home-gpu/on-demand=0.5")) == pytest.approx([1985.60])
    assert "price.rack/spot" in refusal(own, catalog, "price.rack/spot=1")


def test_the_price_of_tokens_may_be_given(own, catalog):
    # $0.10 out: (1000 x 0.05 + 1000 x 0.10) / 1e6 = $0.00015 a request; two machines and 2 requests/s of API
    found = points(own, catalog, "price.api.seller.output_usd_mtok=0.05,0.1")
    assert costs(found) == pytest.approx([ALL_API, 2920 + 2 * 2628000 * 0.00015])
    assert costs(points(own, catalog, "price.api.seller/ours=1,2")) == pytest.approx([ALL_API, 3971.20])
    assert "less than nothing" in refusal(own, catalog, "price.api.input_usd_mtok=-1")


def test_rates_may_be_better_or_worse(own, catalog):
    # a GPU serves 8 instead of 4: one machine and 2 requests/s of API
    assert costs(points(own, catalog, "performance.efficiency=1,2")) == pytest.approx([ALL_API, 1460 + 525.6])
    own_row = points(own, catalog, "performance.capacity[0].req_s=4,8")
    assert costs(own_row) == pytest.approx([ALL_API, 1460 + 525.6])


@pytest.mark.parametrize("name", ["starter8b", "article-office-hours"])
def test_rates_are_audited_at_the_efficiency_that_is_asked(name, catalog):
    problem_file = load(name, catalog)
    better = with_numbers(problem_file.problem, {("performance", "efficiency"): 1.5})
    plan = solve(replace(problem_file, problem=better), catalog, gap=0.05, price_spares=False)
    assert plan.audit
    reduced = reduce_problem(problem_file.problem, problem_file.folder, catalog)
    found = audit(plan, problem_file.problem, reduced.load, catalog, reduced.performance)
    assert any("requests/s are relied on" in breach for breach in found.breaches)


def test_a_budget_may_be_swept_where_there_is_none(own, catalog):
    found = points(own, catalog, "budget.usd_month=2000,3000")
    assert [point.status for point in found.values()] == ["infeasible", "optimal"]


def test_a_quota_is_swept_in_whole_numbers(tmp_path, catalog):
    # dear API (x4): $1,051.20 for each request/s; each machine serves 4 for $1,460
    text = OWN.replace("  only_quotes", "  quotas: [{max_gpus: 3}]\n  only_quotes").replace("0.05", "0.2")
    problem = read(text, tmp_path, catalog)
    found = points(problem, catalog, "procurement.quotas[0].max_gpus=0..3/4")
    assert costs(found) == pytest.approx([10512, 1460 + 6307.2, 2920 + 2102.4, 4380])
    assert "is not a whole number.  Write 1 or 2" in refusal(problem, catalog, "procurement.quotas[0].max_gpus=1.5")


def test_a_discount_is_moved_or_given(own, catalog):
    said = {"source": "a page", "observed_on": date(2026, 11, 20)}
    offer = PriceOffer(
        provider="rack", machine="box", gpu="l4", gpus=1, usd_h=10, term="on-demand", tier="datacenter", **said
    )
    rows = [
        CommitmentDiscount(provider="rack", gpu="l4", term=term, discount_share=less, instrument="contract", **said)
        for term, less in (("1m", 0.2), ("1y", 0.4))
    ]
    small = replace(catalog, offers=(offer,), commitments=tuple(rows))
    everything = own.problem.model_copy(update={"procurement": Procurement()})

    def usd_h(**values: float) -> dict[str, float]:
        problem, priced = scaled(everything, small, {key.replace("_", "."): value for key, value in values.items()})
        return {row.term: row.usd_h for row, _ in offers_of(problem, priced)}

    assert usd_h() == {"on-demand": 10, "1m": pytest.approx(8), "1y": pytest.approx(6)}
    assert usd_h(discount=2) == {"on-demand": 10, "1m": pytest.approx(6), "1y": pytest.approx(2)}
    assert usd_h(discount_1y=0.5) == {"on-demand": 10, "1m": pytest.approx(8), "1y": pytest.approx(8)}
    assert usd_h(discount_rack_share=0.3) == {"on-demand": 10, "1m": pytest.approx(7), "1y": pytest.approx(7)}
    [axis] = check_axes(everything, small, [Axis("discount.1y.share", (0.1, 0.9))])
    assert axis.key == "discount.1y.share"
    for axis in (Axis("discount", (2.5,)), Axis("discount.share", (1.0,)), Axis("discount.share", (0.0,))):
        with pytest.raises(InputError, match="A discount is more than 0 and less than the whole price"):
            check_axes(everything, small, [axis])


def test_keys_go_together_or_make_a_grid(own, catalog):
    together = points(own, catalog, "price.api=1,2; traffic=1,3")
    assert list(together) == [(1, 1), (2, 3)]
    grid = points(own, catalog, "price.api=1,2; traffic=1,3", "price.rack=1,2")
    assert list(grid) == [(1, 1, 1), (1, 1, 2), (2, 3, 1), (2, 3, 2)]
    assert "takes 3 values; price.api beside it has 2" in refusal(own, catalog, "price.api=1,2; traffic=1,2,3")


def test_a_sweep_may_stand_in_the_problem_file(tmp_path, catalog):
    block = "sweep:\n  - {price.api: '1,2', traffic: [1, 3]}\n  - price.rack: 0.5..1.5/3\n"
    problem = read(OWN + block, tmp_path, catalog)
    asked = plan_sweep(problem, (), catalog)
    assert asked.grid() == grid_of([parse_over("price.api=1,2; traffic=1,3"), parse_over("price.rack=0.5..1.5/3")])
    assert len(plan_sweep(problem, ["traffic=1,2"], catalog).grid()) == 2
    plain = read(OWN, tmp_path, catalog)
    assert solve(problem, catalog).usd_month == solve(plain, catalog).usd_month


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("sweep: [{price.rak: 1}]", ["own.yaml:17", "sweep[0].price.rak", "Did you mean price.rack?"]),
        ("sweep: [{traffic: lots}]", ["own.yaml:17", '"lots" is no row of numbers']),
        ("sweep: [{traffic: 0..1/3}]", ["own.yaml:17", "must be more than 0"]),
    ],
)
def test_a_mistake_in_the_file_is_placed(block, words, tmp_path, catalog):
    said = refusal(read(OWN + block + "\n", tmp_path, catalog), catalog)
    assert [word for word in words if word not in said] == []


def test_a_sweep_of_another_form_is_refused_with_the_file(tmp_path, catalog):
    with pytest.raises(ProblemError, match="sweep"):
        read(OWN + "sweep: {price.api: 1}\n", tmp_path, catalog)
    with pytest.raises(ProblemError, match="sweep"):
        read(OWN + "sweep: [{}]\n", tmp_path, catalog)


@pytest.mark.parametrize(
    ("over", "words"),
    [
        (["price.rack=0..2/3"], "must be more than 0"),
        (["traffic=-1,1"], "must be more than 0"),
        (["price.rack.usd_gpu_h=1x,2x"], "takes values and no factors"),
        (["price.rack.usd_gpu_h=0,2"], "a price must be more than 0"),
        (["performance.memory_share=0.5..1.5/3"], "At performance.memory_share=1.5"),
        (["budget.usd_month=1x,2x"], "holds no number that could be multiplied"),
        (["slo.chat.ttft_ms=5000,1"], "At slo.chat.ttft_ms=1"),
        (["traffic.chat.mean_req_s=5"], "more than one volume"),
        (["slo.chat.ttft_ms=500", "workloads.chat.slo.ttft_ms=400"], "is the number that slo.chat.ttft_ms sweeps"),
        (["slo.chat.ttft=500"], "Did you mean slo.chat.ttft_ms?"),
        ([], "says nothing to sweep over"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_solved(over, words, own, catalog):
    assert words in refusal(own, catalog, *over)


def test_an_axis_may_be_made_in_python(own, catalog):
    found = list(sweep_verb(own, [Axis("traffic", (1.0, 2.0))], catalog, jobs=1))
    assert [each.point.values for each in found] == [{"traffic": 1.0}, {"traffic": 2.0}]
    [[axis]] = check_dimensions(own.problem, catalog, [(Axis("budget.usd_month", (1e4,)),)])
    assert axis.values == (1e4,)
