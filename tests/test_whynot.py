"""Why not, and prices for negotiators: problem files on paper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from planner.analysis.whynot import WhyNot
from planner.catalog.load import Catalog, load_catalog
from planner.cli import app
from planner.errors import InputError
from planner.problem.places import ProblemFile
from planner.problem.read import load_problem
from planner.reasons import targets, why_not

CATALOG: Catalog = load_catalog()
SEEN = "observed_on: 2026-11-01, source: a test"

# 5 requests/s all week.  An l40s carries 1 for $2/h at acme or $3/h at beta, an h100 carries 2 for $5/h at gamma.  Five
# of acme cost 5 x 2 x 730 = $7,300 a month.  An h100 does what two l40s do, so it enters at $4/h.  beta enters at $2/h.
# One beta machine kept: 4 x 1,460 + 2,190 = $8,030.  One h100 kept: 3 x 1,460 + 3,650 = $8,030.


def asking(tmp_path: Path, quotes: str = "", more: str = "", buying: str = "") -> ProblemFile:
    path = tmp_path / "asking.yaml"
    path.write_text(
        f"""\
name: asking
workloads:
  chat:
    models: [llama-3.1-8b]
    traffic: {{mean_req_s: 5, shape: flat, burst_factor: 1, input_tok: 1000, output_tok: 1000}}
procurement:
  only_quotes: true
{buying}
  quotes:
    - {{provider: acme, gpu: l40s, gpus: 1, usd_h: 2, term: on-demand, {SEEN}}}
    - {{provider: beta, gpu: l40s, gpus: 1, usd_h: 3, term: on-demand, {SEEN}}}
    - {{provider: gamma, gpu: h100-sxm, gpus: 1, usd_h: 5, term: on-demand, {SEEN}}}
{quotes}
performance:
  capacity:
    - {{gpu: l40s, input_tok: 1000, output_tok: 1000, req_s: 1}}
    - {{gpu: h100-sxm, input_tok: 1000, output_tok: 1000, req_s: 2}}
solver: {{gap: 0}}
{more}""",
        encoding="utf-8",
    )
    return load_problem(path, CATALOG)


def asked(problem: ProblemFile, what: str) -> WhyNot:
    return why_not(problem, what, CATALOG, jobs=1)


NO_APIS = "apis: {allow: false}\n"


def test_what_is_not_bought_enters_where_it_does_the_same_for_no_more(tmp_path):
    problem = asking(tmp_path, more=NO_APIS)
    for what, factor, kept in (("beta", 2 / 3, 8_030), ("h100-sxm", 0.8, 8_030)):
        found = asked(problem, what)
        assert not found.in_plan and not found.rules
        assert found.base.usd_month == pytest.approx(7_300)
        assert found.entry.at == pytest.approx(factor) and found.entry.sure == pytest.approx(factor, rel=1e-4)
        assert found.used.usd_month == pytest.approx(kept) and found.used.plan.audit
        assert found.used.bound_usd_month == pytest.approx(kept)


def test_what_is_bought_leaves_where_something_else_is_no_dearer(tmp_path):
    # at $2.50/h two l40s cost what one h100 does; the fifth request/s stays with acme up to beta's $3/h
    found = asked(asking(tmp_path, more=NO_APIS), "acme")
    assert found.in_plan and found.used is None
    assert found.entry.at == pytest.approx(1.5)


def test_what_nothing_can_replace_stays_at_any_price(tmp_path):
    found = asked(asking(tmp_path, more=NO_APIS), "on-demand")
    assert found.in_plan and found.entry.at == float("inf")


def test_an_api_enters_at_the_price_of_machines(tmp_path):
    # the fifth machine costs 1,460 for 2,628,000 requests of 2,000 tokens: $0.2778/Mtok; the API asks $0.5
    seller = (
        "apis:\n  quotes:\n    - {model: llama-3.1-8b, provider: seller, input_usd_mtok: 0.5, output_usd_mtok: 0.5, "
        f"{SEEN}}}\n  providers: [seller]\n"
    )
    found = asked(asking(tmp_path, more=seller), "seller")
    price = 1_460 / (3600 * 730 * 2_000 / 1e6)
    assert found.entry.at * 0.5 == pytest.approx(price, rel=1e-4)
    assert found.used is not None and found.used.usd_month > 7_300


def test_rules_that_exclude_a_thing_are_named(tmp_path):
    taken = f"    - {{provider: delta, gpu: l40s, gpus: 1, usd_h: 0.5, term: spot, {SEEN}}}\n"
    long = f"    - {{provider: omega, gpu: l40s, gpus: 8, usd_h: 8, term: 3y, {SEEN}}}\n"
    quota = "  quotas: [{where: {providers: [gamma]}, max_gpus: 0}]"
    problem = asking(tmp_path, quotes=taken + long, more=NO_APIS, buying=quota)
    spot, years, none, fp4 = (asked(problem, what) for what in ("spot", "omega", "gamma", "fp4"))
    assert [rule.reason for rule in spot.rules] == ["spot or marketplace, and nothing may be interrupted"]
    assert [rule.reason for rule in years.rules] == ["term not allowed"]
    assert [rule.reason for rule in none.rules] == ["quota 1 (gamma): 0 GPUs: less than one machine"]
    assert [rule.reason for rule in fp4.rules] == ["no workload accepts fp4"]
    assert not spot.for_sale and not years.for_sale and not fp4.for_sale
    assert none.used is None and none.entry.at == 0


def test_a_limit_on_cash_lets_it_in_only_once_it_can_be_paid(tmp_path):
    # a year at once: $1.25/h x 730 x 12 = $10,950 a machine, where $8,760 are allowed: one machine at $1.00/h
    year = f"    - {{provider: delta, gpu: l40s, gpus: 1, usd_h: 1.25, upfront_share: 1, term: 1y, {SEEN}}}\n"
    problem = asking(tmp_path, quotes=year, more=NO_APIS, buying="  max_upfront_usd: 8_760")
    found = asked(problem, "delta")
    assert found.entry.at == pytest.approx(0.8, rel=2e-3)
    assert found.entry.beyond is None
    assert found.used is None


def test_targets_of_all_lines(tmp_path):
    problem = asking(tmp_path, more=NO_APIS)
    found = targets(problem, CATALOG, jobs=1)
    lines = {each.line.key: (each.chosen, each.entry.at) for each in found.targets}
    assert lines == {
        "price.acme/1x-l40s/on-demand": (True, pytest.approx(1.5)),
        "price.gamma/1x-h100-sxm/on-demand": (False, pytest.approx(0.8)),
    }
    assert [s.provider for s in found.targets[0].line.sellers] == ["acme", "beta"]
    only = targets(problem, CATALOG, only=["gamma"], jobs=1)
    assert [each.line.what for each in only.targets] == ["1x h100-sxm"]


def test_a_provider_that_costs_a_fee_is_a_line_of_its_own(tmp_path):
    problem = asking(tmp_path, more=NO_APIS + "overheads: {provider_usd_month: 365}\n")
    lines = {each.line.key: each.entry.at for each in targets(problem, CATALOG, only=["l40s"], jobs=1).targets}
    # all five from beta in place of acme, for the same fee: $2/h
    assert lines["price.beta/1x-l40s/on-demand"] == pytest.approx(2 / 3)


def test_commands(tmp_path):
    problem = asking(tmp_path, more=NO_APIS)
    run = CliRunner()
    file, answer = str(problem.path), tmp_path / "a.json"
    shown = run.invoke(app, ["explain", file, "--why-not", "h100-sxm", "--jobs", "1", "-o", str(answer)])
    assert shown.exit_code == 0
    words = " ".join(shown.stdout.split())
    assert "h100-sxm is not in the best plan of asking, $7,300 a month" in words
    assert "one machine of it kept all month: $8,030, $730 a month more (10 %)." in words
    assert "gamma 1x-h100-sxm, on demand, an hour $5.00 $4.00" in words
    read = json.loads(answer.read_text(encoding="utf-8"))
    assert read["entry"]["factor"] == pytest.approx(0.8) and read["prices"][0]["then_usd"] == pytest.approx(4.0)
    table = run.invoke(app, ["targets", str(problem.path), "--jobs", "1"])
    assert table.exit_code == 0
    assert "1x h100-sxm, on demand, gamma $5.00 $4.00 -20 %" in " ".join(table.stdout.split())
    assert all(len(line) <= 80 for line in (shown.stdout + table.stdout).splitlines())
    assert json.loads(run.invoke(app, ["targets", str(problem.path), "--jobs", "1", "--json"]).stdout)["targets"]
    wrong = run.invoke(app, ["explain", str(problem.path), "--why-not", "acne"])
    assert wrong.exit_code == 2 and "Did you mean acme?" in wrong.stderr


def test_a_name_for_nothing_is_refused(tmp_path):
    problem = asking(tmp_path, more=NO_APIS)
    with pytest.raises(InputError, match="--only zork"):
        targets(problem, CATALOG, only=["zork"], jobs=1)
