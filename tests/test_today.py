"""Against today's fleet: what a plan keeps, what may go, what it adds, and which commitments end."""

from __future__ import annotations

from datetime import date
from io import StringIO

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from test_brute_force import fits

from planner import verbs
from planner.changes import machines_needed
from planner.outputs.terminal import show_plan
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.schema import Problem

TODAY = date(2026, 11, 24)


def solved(existing: list[dict[str, object]], slo: bool = False, req_s: float = 3) -> Plan:
    """One request/s of chat needs one L40S, rented at 1 USD/h; `req_s` are asked for in every hour."""
    quote = {
        "provider": "here", "gpu": "l40s", "gpus": 1, "usd_h": 1, "term": "on-demand", "observed_on": "2026-11-01",
        "source": "a quote",
    }  # fmt: skip
    values = {
        "name": "today",
        "workloads": {
            "chat": {
                "models": ["llama-3.1-8b"],
                "traffic": {"mean_req_s": req_s, "burst_factor": 1, "input_tok": 500, "output_tok": 50},
                "slo": {"ttft_ms": 1000} if slo else {},
            }
        },
        "procurement": {"only_quotes": True, "quotes": [quote], "existing": existing},
        "performance": {"capacity": [{"gpu": "l40s", "input_tok": 500, "output_tok": 50, "req_s": 1}]},
        "apis": {"allow": False},
        "solver": {"gap": 0},
    }
    return verbs.solve(ProblemFile(problem=Problem.model_validate(values)), today=TODAY, price_spares=False)


def owned(count: int, gpus: int = 1, **more: object) -> dict[str, object]:
    return {"provider": "there", "gpu": "l40s", "gpus": gpus, "count": count, "usd_h": 2, **more}


def verdicts(plan: Plan) -> list[tuple[str, int]]:
    return [(change.verdict, change.count) for change in plan.changes]


def test_too_few_are_kept_and_the_rest_is_added():
    plan = solved([owned(2)])
    assert verdicts(plan) == [("keep", 2), ("add", 1)]
    assert [change.usd_month for change in plan.changes] == [pytest.approx(2 * 2 * 730), pytest.approx(730)]


def test_too_many_are_returned_and_of_two_commitments_the_one_that_ends_first():
    plan = solved([owned(3, ends_on="2028-01-01"), owned(2, ends_on="2027-06-01")])
    assert verdicts(plan) == [("return", 2), ("keep", 3)]
    assert plan.changes[0].ends_on == date(2027, 6, 1)


def test_a_spare_that_the_promise_needs_is_not_returned():
    assert verdicts(solved([owned(5)])) == [("keep", 3), ("return", 2)]
    assert verdicts(solved([owned(5)], slo=True)) == [("keep", 4), ("return", 1)]


def test_without_a_fleet_of_today_there_is_nothing_to_tell():
    assert solved([]).changes == ()


def shown(plan: Plan) -> str:
    page = StringIO()
    show_plan(plan, Console(file=page, width=80))
    assert max(map(len, page.getvalue().splitlines())) <= 80
    return " ".join(page.getvalue().split())


@pytest.mark.parametrize(("ends_on", "soon"), [("2026-12-10", True), ("2026-12-24", False), (None, False)])
def test_a_commitment_that_ends_within_the_month_is_said(ends_on, soon):
    plan = solved([owned(2, ends_on=ends_on)])
    assert plan.changes[0].ends_within_month == soon
    assert ("ENDS WITHIN THE MONTH" in shown(plan)) == soon
    assert ("ends 2026-12" in shown(plan)) == (ends_on is not None)


def test_the_plan_says_what_may_go_and_that_it_is_paid_for_until_then():
    text = shown(solved([owned(5)]))
    assert "return 2 x 1x-l40s (1 x l40s)" in text
    assert "needed in no hour of this plan; paid for until its commitment ends or is given back" in text


@given(
    st.dictionaries(st.sampled_from([1, 2, 4, 8]), st.integers(0, 5), max_size=4),
    st.sampled_from([1, 2, 3, 4, 6, 8]),
)
def test_machines_needed_are_the_fewest_that_hold_the_replicas(replicas, gpus):
    sizes = sorted((size for size, n in replicas.items() for _ in range(n)), reverse=True)
    needed = machines_needed({size: n for size, n in replicas.items() if n}, gpus)
    assert not sizes or fits(sizes, gpus, needed)
    assert needed == 0 or not fits(sizes, gpus, needed - 1)


def test_the_file_is_read_back_as_it_was_written():
    plan = solved([owned(5, ends_on="2027-06-01")])
    assert Plan.from_json(plan.to_json()) == plan
    assert yaml.safe_load(plan.to_json())["changes"][0]["verdict"] == "keep"
