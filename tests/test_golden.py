"""The examples still give the plans that are on record: fleet and cost, never counts of variables.

Solved at a gap of zero with one thread, so that PuLP 3 and PuLP 4 must give the very same plan.
`pytest --regold tests/test_golden.py` rewrites the record.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

import planner

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = ("starter8b", "article-office-hours", "article-after-hourly", "article-healthcare")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_still_give_the_plans_on_record(name: str, request: pytest.FixtureRequest) -> None:
    plan = planner.solve(planner.load(name), gap=0.0, threads=1, today=date(2026, 11, 22))
    found = {
        "usd_month": round(plan.usd_month or 0.0, 2),
        "status": plan.status,
        "purchases": sorted(
            [p.provider, p.region, p.machine, p.term, p.count, round(p.hours_month, 1)] for p in plan.purchases
        ),
        "apis": sorted([a.workload, a.provider, round(a.requests_month, -2)] for a in plan.apis),
    }
    record = GOLDEN / f"{name}.json"
    if request.config.getoption("--regold"):
        record.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    assert found == json.loads(record.read_text(encoding="utf-8"))
