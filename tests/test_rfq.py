"""A plan as a request for quotes: what is asked of whom, at which price, and what is left to fill in."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

import plans
import pytest
from typer.testing import CliRunner

from planner.cli import app
from planner.outputs.rfq import COLUMNS, TO_FILL_IN, as_csv, as_markdown, later, quote_lines


def test_a_line_for_each_purchase_that_a_provider_can_be_asked_for():
    plan = plans.enterprise()
    asked = [p for p in plan.purchases if p.term != "spot" and not p.existing]
    assert 0 < len(asked) < len(plan.purchases)
    lines = quote_lines(plan)
    assert sorted((x["provider"], x["machine"], x["term"], x["machines"]) for x in lines) == sorted(
        (p.provider, p.machine, p.term, p.count) for p in asked
    )
    assert sum(x["target_usd_month"] for x in lines) == pytest.approx(sum(p.usd_month for p in asked), abs=0.05)


def test_what_is_already_paid_for_is_not_asked_for():
    plan = plans.at_limit()
    assert any(p.existing for p in plan.purchases)
    assert len(quote_lines(plan)) == sum(not p.existing for p in plan.purchases)


def test_hours_a_week_are_those_of_the_bill_and_a_commitment_says_when_it_ends():
    plan = plans.enterprise()
    for line, p in zip(quote_lines(plan, date(2027, 1, 31)), sorted(
        (p for p in plan.purchases if p.term != "spot" and not p.existing), key=lambda p: (p.provider, -p.usd_month)
    ), strict=True):  # fmt: skip
        assert line["machine_hours_week"] == pytest.approx(p.hours_month * 168 / 730, abs=0.05)
        assert line["start"] == "2027-01-31"
        assert (line["end"] == "2028-01-31") == (p.term == "1y")
    # plans are of 2026-11-24
    assert {line["start"] for line in quote_lines(plan)} == {"2026-12-01"}


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2027, 11, 30), 3, date(2028, 2, 29)),
        (date(2026, 12, 31), 6, date(2027, 6, 30)),
        (date(2026, 12, 1), 12, date(2027, 12, 1)),
    ],
)
def test_a_term_ends_on_the_same_day_of_a_later_month_or_on_its_last(day, months, then):
    assert later(day, months) == then


def test_the_table_reads_back_with_empty_cells_for_the_answer_and_no_formula():
    plan = plans.enterprise()
    evil = plan.purchases[0].model_copy(update={"provider": "=cmd()"})
    plan = plan.model_copy(update={"purchases": (evil, *plan.purchases[1:])})
    rows = list(csv.DictReader(io.StringIO(as_csv(quote_lines(plan)))))
    assert tuple(rows[0]) == COLUMNS
    assert all(row[name] == "" for row in rows for name in TO_FILL_IN)
    assert "'=cmd()" in {row["provider"] for row in rows}


def test_each_provider_has_a_sheet_of_its_own_and_the_target_says_what_it_is():
    plan = plans.enterprise()
    lines = quote_lines(plan)
    text = as_markdown(plan, lines)
    parts = text.split("\n## ")[1:]
    assert [part.split("\n")[0] for part in parts] == list(dict.fromkeys(line["provider"] for line in lines))
    for part in parts:
        assert not any(f"{line['machine']} (" in part for line in lines if line["provider"] != part.split("\n")[0])
        assert "| quote valid until |  |" in part
        assert "| contact |  |" in part
    assert "solve again with the quotes" in text


def test_the_command_writes_what_the_ending_says(tmp_path):
    plan = tmp_path / "plan.json"
    plans.enterprise().write(plan)
    run = CliRunner().invoke
    for ending, begins in (("csv", "provider,machine"), ("md", "# Request for quotes")):
        out = tmp_path / f"rfq.{ending}"
        assert run(app, ["rfq", str(plan), "-o", str(out)]).exit_code == 0
        assert out.read_text(encoding="utf-8").startswith(begins)
    refused = run(app, ["rfq", str(plan), "-o", str(tmp_path / "rfq.txt")])
    assert (refused.exit_code, "neither .csv nor .md" in refused.stderr) == (2, True)
    assert len(json.loads(run(app, ["rfq", str(plan), "--json"]).stdout)) == len(quote_lines(plans.enterprise()))


def test_a_plan_without_machines_has_nothing_to_ask_for(tmp_path):
    plan = tmp_path / "plan.json"
    plans.api_only().write(plan)
    result = CliRunner().invoke(app, ["rfq", str(plan)])
    assert result.exit_code == 1
    assert "nothing that a provider could be asked for" in result.stdout
