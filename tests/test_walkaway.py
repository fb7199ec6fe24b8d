"""Up to which price an offer of a plan is worth taking."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import planner
from planner.cli import app
from planner.errors import InputError
from planner.outlook import walk_away
from planner.outputs.rfq import quote_lines
from planner.problem.places import ProblemFile

SEEN = "observed_on: 2026-11-01, source: a test"


def problem(
    tmp_path: Path,
    price: float = 2.0,
    more: str = "",
    name: str = "asking",
    traffic: str = "mean_req_s: 4, shape: flat",
    term: str = "on-demand",
    existing_spend: str = "",
) -> ProblemFile:
    """4 requests/s on GPUs that carry 1 each: acme at a price, beta at $3/h."""
    path = tmp_path / f"{name}.yaml"
    path.write_text(
        f"""\
name: {name}
workloads:
  chat:
    models: [llama-3.1-8b]
    traffic: {{{traffic}, burst_factor: 1, input_tok: 500, output_tok: 50}}
procurement:
  only_quotes: true
  existing_spend: [{existing_spend}]
  quotes:
    - {{provider: acme, gpu: l40s, gpus: 1, usd_h: {price}, term: {term}, {SEEN}}}
    - {{provider: beta, gpu: l40s, gpus: 1, usd_h: 3, term: {term}, {SEEN}}}
performance:
  capacity: [{{gpu: l40s, input_tok: 500, output_tok: 50, req_s: 1}}]
apis: {{allow: false}}
solver: {{gap: 0}}
{more}""",
        encoding="utf-8",
    )
    return planner.load(path)


ACME = ("acme", "", "1x-l40s", "on-demand")


def test_an_offer_is_worth_what_the_next_one_costs(tmp_path):
    asked = problem(tmp_path)
    plan = planner.solve(asked)
    assert walk_away(asked, plan)[ACME] == (pytest.approx(3.0), pytest.approx(3.0))
    # and it is so: just below, acme is taken, just above, beta
    for price, taken in ((2.999, "acme"), (3.001, "beta")):
        assert {p.provider for p in planner.solve(problem(tmp_path, price)).purchases} == {taken}


def test_tax_is_on_both(tmp_path):
    asked = problem(tmp_path, more="overheads: {tax_share: 0.2}\n")
    assert walk_away(asked, planner.solve(asked))[ACME] == (pytest.approx(3.0), pytest.approx(3.0))


def test_time_to_start_and_interest_rise_with_the_price(tmp_path):
    # four machines by day; starting takes half an hour, all of it at the same price
    asked = problem(tmp_path, more="autoscaling: {startup_minutes: 30}\n", traffic="peak_req_s: 4, shape: office-hours")
    assert planner.solve(asked).purchases[0].starts_usd_month > 0
    assert walk_away(asked, planner.solve(asked))[ACME] == (pytest.approx(3.0), pytest.approx(3.0))
    asked = problem(tmp_path, more="", term="1y, upfront_share: 1")
    place = (*ACME[:3], "1y")
    assert walk_away(asked, planner.solve(asked))[place] == (pytest.approx(3.0), pytest.approx(3.0))


def test_what_a_spend_commitment_pays_for_is_never_called_too_dear(tmp_path):
    signed = "{provider: acme, usd_h: 20, covers: [{discount_share: 0.3}]}"
    asked = problem(tmp_path, existing_spend=signed)
    plan = planner.solve(asked)
    # beta's four cost $12/h more; the promise pays for acme's up to $7/h, so even $5.50 costs nothing more
    sure, too_dear = walk_away(asked, plan)[ACME]
    assert (sure, too_dear) == (pytest.approx(2.0 + 3.0), None)
    dear = planner.solve(problem(tmp_path, price=5.5, existing_spend=signed))
    assert {p.provider for p in dear.purchases} == {"acme"}


def test_a_budget_may_leave_no_way_without_it(tmp_path):
    # at $3/h the four machines cost 8,760 a month
    asked = problem(tmp_path, more="budget: {usd_month: 8000}\n")
    _, too_dear = walk_away(asked, planner.solve(asked))[ACME]
    assert too_dear is None


def test_a_plan_of_another_problem_is_refused(tmp_path):
    plan = planner.solve(problem(tmp_path))
    with pytest.raises(InputError, match="a plan for asking, not for other"):
        walk_away(problem(tmp_path, name="other"), plan)


def test_the_request_says_what_to_accept(tmp_path):
    asked = problem(tmp_path)
    plan = planner.solve(asked)
    plan.write(tmp_path / "plan.json")
    (line,) = quote_lines(plan, accepted=walk_away(asked, plan))
    assert (line["accept_to_usd_h"], line["too_dear_above_usd_h"]) == (3.0, 3.0)
    shown = CliRunner().invoke(app, ["rfq", str(tmp_path / "plan.json"), "--problem", str(asked.path)])
    assert shown.exit_code == 0
    assert "| accept up to | $3.00/h a machine |" in shown.stdout
    assert "Take both out before a sheet is sent." in " ".join(shown.stdout.split())
    plain = CliRunner().invoke(app, ["rfq", str(tmp_path / "plan.json")]).stdout
    assert "accept up to" not in plain
