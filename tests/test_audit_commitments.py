"""Promises of spend in front of the audit: one that is kept passes, and each way to bend it is told.

The plan of `audit_cases` with its machine by the hour paid by a promise: acme's machine of $4 is covered at $3
by day, 160 h a month; $3/h are promised for a year, half of them paid at once.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import audit_cases as cases
import pytest

from planner.audit import audit

QUOTE: dict[str, Any] = {
    "provider": "acme", "term": "1y", "upfront_share": 0.5, "step_usd_h": 1.5, "min_usd_h": 2, "max_usd_h": 6,
    "covers": [{"where": {"gpus": ["h100*"]}, "discount_share": 0.25}, {"discount_share": 0.1}], **cases.SEEN_JSON,
}  # fmt: skip
COVERED: dict[str, Any] = {
    "region": "eu-1", "machine": "h100x2", "gpu": "h100-sxm", "gpus": 2, "on_demand_usd_h": 4.0, "usd_h": 3.0,
    "hours_month": 160, "machines_by_block": {"day": 1},
}  # fmt: skip
SIGNED = {"provider": "acme", "usd_h": 2.0, "covers": [{"discount_share": 0.4}]}
UPFRONT_USD = 0.5 * 3 * 730 * 12


def promised() -> dict[str, Any]:
    values = cases.plan()
    capital = UPFRONT_USD * 0.08 / 12 * 13 / 24
    spend = {
        "provider": "acme", "term": "1y", "usd_h": 3.0, "usd_month": 3 * 672, "upfront_usd": UPFRONT_USD,
        "step_usd_h": 1.5, "covers": [deepcopy(COVERED)], **cases.SEEN_JSON,
    }  # fmt: skip
    values["spends"] = [spend]
    values["commitments"].append(cases.judged("acme's promise", 3 + capital / 672, 4.0, 160 / 672) | {"machines": None})
    values["purchases"][1] |= {"covered_hours_month": 160, "usd_month": 0.0}
    more = {"on-demand rent": -640, "commitments": 2016, "cost of capital": capital}
    for line in values["costs"]:
        line["usd_month"] += more.get(line["line"], 0.0)
    added = sum(more.values())
    for key in ("usd_month", "usd_month_decided", "bound_usd_month"):
        values[key] += added
    values["gap"] = 10 / values["usd_month_decided"]
    values["workloads"][0]["usd_month"] += added
    values["workloads"][0]["usd_mtok_total"] = None
    return values


def breaches(plan: dict[str, Any] | None = None, problem: dict[str, Any] | None = None) -> tuple[str, ...]:
    plan_values, problem_values = promised(), cases.problem()
    problem_values["procurement"] |= {"spend_quotes": [deepcopy(QUOTE)], "max_upfront_usd": 25_000}
    problem_values["budget"] = {"usd_month": 9000}
    for values, changes in ((plan_values, plan), (problem_values, problem)):
        for path, new in (changes or {}).items():
            cases.changed(values, path, new)
    return audit(
        cases.as_plan(plan_values), cases.as_problem(problem_values), cases.load(), cases.catalog(),
        cases.FixedPerformance(),
    ).breaches  # fmt: skip


def test_a_promise_that_is_kept_passes():
    assert breaches() == ()


@pytest.mark.parametrize(
    ("plan", "problem", "words"),
    [
        ({"commitments.2.used_share": 0.5}, {}, "acme's promise: 0.5 of it said to be used, 0.238095 is"),
        ({"spends.0.usd_h": 2.0}, {}, "pay for $3.00 in day"),
        ({"spends.0.usd_h": 4.0}, {}, "no whole number of steps of $1.5/h"),
        ({"spends.0.usd_h": 7.5}, {}, "at most $6/h may be promised"),
        ({"spends.0.usd_h": 1.5}, {}, "at least $2/h must be promised"),
        ({"spends.0.usd_month": 160 * 3}, {}, "$480.00 a month in the plan, $2,016.00 for all its hours"),
        ({"spends.0.upfront_usd": 0}, {}, "$0.00 upfront in the plan, $13,140.00 are asked"),
        ({"spends.0.covers.0.usd_h": 2.0}, {}, "no promise covers it at $2/h"),
        ({"spends.0.covers.0.machines_by_block": {"day": 2}}, {}, "2 are covered in day, 1 run"),
        ({"spends.0.covers.0.machines_by_block": {"night": 1}}, {}, "1 are covered in night, 0 run"),
        ({"spends.0.covers.0.machines_by_block": {"day": -1}}, {}, "fewer than no machines covered in day"),
        ({"spends.0.covers.0.machine": "h100x1"}, {}, "promised spend for h100x1, which is not rented on demand"),
        ({"spends.0.covers.0.hours_month": 200}, {}, "200.00 covered hours in the plan, 160.00 recomputed"),
        ({"purchases.1.usd_month": 640}, {}, "$640.00 a month in the plan, $0.00 recomputed"),
        ({"purchases.3.covered_hours_month": 320}, {}, "320.00 hours are not billed, promises cover 0.00"),
        ({}, {"procurement.max_upfront_usd": 20_000}, "$24,090.00 are paid upfront, at most $20,000.00"),
        ({}, {"procurement.spend_quotes.0.covers.0.where.gpus": ["l4"]}, "no promise covers it at $3/h"),
        ({}, {"procurement.terms": ["on-demand", "spot"]}, "acme, 1y: only the terms on-demand, spot may be taken"),
        ({}, {"procurement.max_term_months": 6}, "acme, 1y: at most 6 months may be committed to"),
        ({"spends.0.existing": True}, {}, "already promised is nothing in the problem, $3.00/h to acme in the plan"),
        ({}, {"procurement.existing_spend": [SIGNED]}, "is $2.00/h to acme in the problem, nothing in the plan"),
        (
            {"spends.0.existing": True, "spends.0.usd_h": 2.0},
            {"procurement.existing_spend": [SIGNED]},
            "$2,016.00 a month for spend already promised, $1,344.00 for all hours",
        ),
        (
            {"spends.0.existing": True, "spends.0.usd_h": 2.0},
            {"procurement.existing_spend": [SIGNED]},
            "no promise covers it at $3/h",
        ),
        ({"spends.0.provider": "beta"}, {}, "$3.00/h promised to beta, 1y: no quote of the problem sells that"),
    ],
)
def test_a_promise_that_is_bent_is_told(plan, problem, words):
    assert any(words in breach for breach in breaches(plan, problem)), breaches(plan, problem)
