"""Explanations: worked out on paper, equal to solving again, adding up, and made of the cards of the families."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from datetime import date

import pytest
from pulp import lpSum
from typer.testing import CliRunner

import planner.analysis.explain as explaining_all
from planner import formulation
from planner.analysis.explain_again import ends_of_bands
from planner.analysis.explain_limits import ASKED_FOR, sentence
from planner.analysis.explain_loosened import ONE_MORE
from planner.analysis.explain_margin import HeldFleet, with_more
from planner.catalog.load import load_catalog
from planner.cli import app
from planner.explaining import explain
from planner.explanation import Explanation
from planner.formulation import ROWS
from planner.formulation.family import family
from planner.problem.read import load_problem
from planner.reduce import reduce_problem
from planner.verbs import load, solve

# 10 requests/s all week; a GPU serves 4, for $2/h by the hour or $1/h for a year; the API asks $0.0001 a request.
# n machines for a year cost n x 730, what they leave the API 262.80 a request/s:
#   n = 0: 2,628    1: 730 + 6 x 262.80 = 2,306.80    2: 1,460 + 2 x 262.80 = 1,985.60    3: 2,190
# The plan: 2 machines and 2 requests/s from the API, 1,985.60.
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
    - {provider: shed, gpu: home-gpu, gpus: 1, usd_h: 1.04, term: 1y, observed_on: 2026-11-20, source: a call}
apis:
  quotes:
    - {model: ours, provider: seller, input_usd_mtok: 0.05, output_usd_mtok: 0.05, observed_on: 2026-11-20,
       source: a page}
solver: {gap: 0}
"""
QUOTA = "  quotas: [{max_gpus: 1}]\n"
TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


def read(text, folder, catalog):
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return load_problem(path, catalog)


def told(text, folder, catalog, **how):
    return explain(read(text, folder, catalog), None, catalog, jobs=1, today=TODAY, **how)


@pytest.fixture(scope="module")
def own(tmp_path_factory, catalog):
    return told(OWN, tmp_path_factory.mktemp("own"), catalog)


def only(found):
    [one] = found
    return one


def test_the_bill_is_driven_from_the_fleet_one_would_buy_down_to_the_plan(own):
    # 3 machines on demand all month: 3 x 2 x 730 = 4,380; for a year 2,190; the third gives way to the API: 1,985.60
    assert own.drivers.baseline == "3 machines of home-gpu on demand all month, one deployment for each workload"
    assert own.drivers.usd_month == pytest.approx(4380)
    assert [(step.what, round(step.usd_month, 2)) for step in own.drivers.steps] == [
        ("commitments and monthly rentals", -2190.0),
        ("tokens from APIs", -204.4),
    ]
    assert own.drivers.unused == (
        "machines run only while they are needed",
        "other GPU types, or several",
        "spot machines",
    )


def test_a_workload_costs_its_share_its_margin_and_its_next_step(own):
    # One request/s more is one from the API, 0.0001 a request.  At 11: 3 machines for 2,190 beat 2 with 3 x 262.80.
    chat = only(own.workloads)
    assert chat.usd_month == pytest.approx(1985.60)
    assert chat.bill_share == pytest.approx(1)
    assert chat.usd_1000_requests == pytest.approx(1000 * 1985.60 / (10 * 730 * 3600))
    assert chat.marginal_usd_1000_requests == pytest.approx(0.1)
    assert chat.room_share == 1
    assert chat.next_step.usd_month == pytest.approx(2190 - 1985.60)
    assert chat.next_step.least_usd_month == pytest.approx(chat.next_step.most_usd_month, abs=1e-4)
    assert set(chat.next_step.changes) == {"+1 rack 1x-home-gpu 1y", "- seller API"}


def test_offers_and_numbers_that_are_in_doubt_are_named(own):
    assert [(a.other.split()[0], a.usd_ratio) for a in own.alike] == [("shed", 1.04)]
    # 1,460 spent on commitments, 20 % either way; at 1.2: 2 machines 1,752 + 525.60; at 0.8: 3 machines for 1,752
    by_key = {u.key: u for u in own.uncertain}
    assert by_key["traffic.chat"].usd_month == pytest.approx(4 * 204.40)
    assert own.uncertain[0].key == "traffic.chat"
    assert own.ends == ()
    assert only(own.evidence).source == "given"


def test_without_room_the_margin_is_not_told(tmp_path, catalog):
    # Without the API 3 machines carry 10 of 12 requests/s: a fifth more fits, for nothing; 12 leaves no room.
    alone = OWN[: OWN.index("apis:")] + "apis: {allow: false}\nsolver: {gap: 0}\n"
    roomy = only(told(alone, tmp_path, catalog, quick=True).workloads)
    assert roomy.room_share == pytest.approx(0.2, abs=0.01)
    assert roomy.marginal_usd_1000_requests == pytest.approx(0)
    full = only(told(alone.replace("peak_req_s: 10", "peak_req_s: 12"), tmp_path, catalog, quick=True).workloads)
    assert full.room_share == 0
    assert full.marginal_usd_1000_requests is None


def test_a_limit_that_binds_is_worth_what_one_unit_more_saves(tmp_path, catalog):
    # One GPU: 2,306.80; two: 1,985.60.
    limit = only(told(OWN.replace("apis:", QUOTA + "apis:", 1), tmp_path, catalog).limits)
    assert limit.limit == "quota 1 (everything): 1 GPUs"
    assert limit.says == "quota 1 (everything): 1 GPUs is kept during mon-sun 00-24"
    assert (limit.binds, limit.room, limit.one_more) == (True, 0, "1 GPU more")
    assert limit.usd_month == pytest.approx(2306.80 - 1985.60)
    assert limit.how == "solved again"


def test_a_limit_with_room_is_told_with_what_is_left(tmp_path, catalog):
    text = OWN.replace("apis:", QUOTA.replace("1}", "5}") + "apis:", 1) + "budget: {usd_month: 2000}\n"
    found = {limit.family: limit for limit in told(text, tmp_path, catalog).limits}
    assert (found["within_quota"].binds, found["within_quota"].room) == (False, 3)
    assert (found["within_budget"].binds, found["within_budget"].usd_month) == (False, None)
    assert found["within_budget"].room == pytest.approx(14.40)


@pytest.mark.parametrize(
    ("put", "at", "limit", "saves"),
    [
        # 3 replicas must run: 2,190; with 2 of them 1,985.60
        ("    min_replicas: 3\n", "    models:", "min_replicas of chat: 3", 204.40),
        # a year upfront is 8,760 USD a machine: one is allowed, and one more on demand would cost 1,460
        ("upfront", "", "max_upfront_usd of 9,000 USD", 321.20),
        # the API may serve 1.9 requests/s of the 2 that it would: 3 machines for 2,190, and all 1.9 is left
        ("    api_max_share: 0.19\n", "    models:", "api_max_share of chat: 0.19", 204.40),
        # it may serve half, more than it would
        ("    api_max_share: 0.5\n", "    models:", "api_max_share of chat: 0.5", None),
    ],
)
def test_limits_of_other_kinds(put, at, limit, saves, tmp_path, catalog):
    text = OWN.replace(at, put + at, 1) if at else OWN
    text = text.replace("ours", "llama-3.1-8b").replace("apis:\n", "apis:\n  providers: [seller]\n")
    if put == "upfront":
        text = text.replace("term: 1y", "term: 1y, upfront_share: 1").replace(
            "only_quotes: true", "only_quotes: true\n  max_upfront_usd: 9000\n  cost_of_capital_year: 0"
        )
    found = next(each for each in told(text, tmp_path, catalog).limits if each.limit == limit)
    assert found.binds == (saves is not None)
    assert found.usd_month == pytest.approx(saves or 0.0, abs=0.01)


def test_idle_machines_are_told_by_hours_and_by_money(tmp_path, catalog):
    # 3 machines for a year must run; 10 of 12 requests/s: a sixth of 3 x 730 h and of 2,190 USD
    text = OWN.replace("    models:", "    min_replicas: 3\n    models:")
    idle = only(told(text, tmp_path, catalog, quick=True).idle)
    assert (idle.count, idle.busy_share, idle.busy_peak_share) == (3, pytest.approx(5 / 6), pytest.approx(5 / 6))
    assert idle.idle_hours_month == pytest.approx(365)
    assert idle.idle_usd_month == pytest.approx(365)
    assert idle.least_busy == "mon-sun 00-24"


@family(
    over=("block",),
    unit="requests/s",
    says="the attic is not used for more than seven requests/s in {block}",
    relaxed="use the attic more in {block}",
)
def never_hot_in_the_attic(inputs, v):
    r"""Made up.

    .. math::
        \sum y \le 7
    """
    for b in inputs.block_h:
        if served := [y for (_, _, _, bb), y in v.served.items() if bb == b]:
            yield (b,), lpSum(served) <= 7


def test_a_new_family_explains_itself(tmp_path, catalog, monkeypatch):
    # 7 requests/s on 2 machines, 3 from the API: 1,460 + 788.40; one more on the machines saves 262.80
    monkeypatch.setattr(formulation, "ROWS", (*ROWS, never_hot_in_the_attic))
    monkeypatch.setattr(explaining_all, "ROWS", (*ROWS, never_hot_in_the_attic))
    problem = read(OWN, tmp_path, catalog)
    plan = solve(problem, catalog, today=TODAY, price_spares=False)
    assert plan.usd_month == pytest.approx(2248.40)
    found = explain(problem, plan, catalog, quick=True, today=TODAY)
    limit = only(each for each in found.limits if each.family == "never_hot_in_the_attic")
    assert limit.says == "the attic is not used for more than seven requests/s in mon-sun 00-24"
    assert limit.one_more == "use the attic more in mon-sun 00-24"
    assert (limit.binds, limit.how) == (True, "dual")
    assert limit.usd_month == pytest.approx(262.80)
    rule = only(each for each in found.rules if each.family == "never_hot_in_the_attic")
    assert (rule.says, rule.tight) == (limit.says, 1)


@pytest.mark.parametrize("rows", ROWS, ids=lambda rows: rows.name)
def test_every_family_has_a_sentence_and_every_limit_one_unit_more(rows):
    label = tuple(f"<{name}>" for name in rows.over)
    for words in (rows.says, rows.relaxed or ""):
        assert "{" not in sentence(words, rows.over, label)
        assert set(re.findall(r"<[\w ]+>", sentence(words, rows.over, label))) == {
            f"<{name}>" for name in rows.over if f"{{{name}}}" in words
        }
        assert "{" not in sentence(words, rows.over, (*label, "more"))
    if rows.relaxed is not None and rows.name not in ASKED_FOR:
        assert rows.name in ONE_MORE, "say in analysis/explain_loosened.py what one unit more of it is"


def own_problem(seed):
    """A small problem at random: two workloads by day and night, two GPU types, two terms, perhaps an API."""
    pick = random.Random(seed)

    def hours():
        day, night = pick.choice([4, 6, 9]), pick.choice([1, 2, 3])
        return [day if 8 <= h % 24 < 20 else night for h in range(168)]

    workloads, capacity = "", []
    for i, name in enumerate(("chat", "docs")):
        waits = "deferrable: {}\n    " if name == "docs" and pick.random() < 0.4 else ""
        workloads += f"""\
  {name}:
    models: [ours]
    {waits}traffic: {{peak_req_s: {pick.uniform(3, 20):.2f}, input_tok: {1000 * (i + 1)}, output_tok: 100,
              hours: {hours()}, burst_factor: 1}}
"""
        capacity += [
            f"{{gpu: {gpu}, input_tok: {1000 * (i + 1)}, output_tok: 100, req_s: {pick.uniform(2, 6):.2f}}}"
            for gpu in ("home-gpu", "away-gpu")
        ]
    quotes = [
        f"    - {{provider: rack, gpu: {gpu}, gpus: {gpus}, usd_h: {pick.uniform(1, 4) * gpus:.2f}, term: {term}, "
        "observed_on: 2026-11-20, source: a letter}\n"
        for gpu, gpus in (("home-gpu", 1), ("away-gpu", pick.choice([1, 2])))
        for term in ("on-demand", "1y")
    ]
    api = pick.random() < 0.6
    sold = f"""\
apis:
  quotes:
    - {{model: ours, provider: seller, input_usd_mtok: {pick.uniform(0.05, 0.3):.3f}, output_usd_mtok: 0.1,
       observed_on: 2026-11-20, source: a page}}
"""
    return (
        f"name: own\nworkloads:\n{workloads}performance:\n  capacity: [{', '.join(capacity)}]\n"
        f"procurement:\n  only_quotes: true\n  quotes:\n{''.join(quotes)}"
        + (sold if api else "apis: {allow: false}\n")
        + "solver: {gap: 0}\n"
    )


def margins(text, folder, catalog):
    """How many margins of a problem were compared with differences; those at a kink are not."""
    problem = read(text, folder, catalog)
    plan = solve(problem, catalog, today=TODAY, price_spares=False)
    held = HeldFleet.of(plan, reduce_problem(problem.problem, problem.folder, catalog, TODAY))
    assert held.answer.objective == pytest.approx(plan.usd_month_decided, rel=1e-6)
    compared = 0
    for name in problem.problem.workloads:
        more, less = (held.usd_month(with_more(held.inputs, name, 1 + e)) for e in (1e-4, -1e-4))
        if more is None or less is None:
            continue
        forward, back = (more - held.answer.objective) / 1e-4, (held.answer.objective - less) / 1e-4
        if abs(forward - back) < 1e-3 * (1 + abs(forward)):
            assert held.marginal_usd_month(name) == pytest.approx(forward, rel=1e-3, abs=0.01)
            compared += 1
    return compared


def test_margins_are_differences_away_from_kinks(tmp_path, catalog):
    assert sum(margins(own_problem(seed), tmp_path, catalog) for seed in range(4)) >= 4


@pytest.mark.long
def test_margins_are_differences_on_many_problems(tmp_path, catalog):
    assert sum(margins(own_problem(seed), tmp_path, catalog) for seed in range(200)) >= 200


def explained_as_solved(text, folder, catalog):
    """Steps add up and never cost; the next step is what solving the changed file comes to."""
    found = told(text, folder, catalog)
    drivers = found.drivers
    assert drivers.usd_month + sum(step.usd_month for step in drivers.steps) == pytest.approx(found.usd_month)
    assert all(step.usd_month <= 1e-6 for step in drivers.steps)
    for w in found.workloads:
        peak = re.search(rf"  {w.name}:.*?peak_req_s: ([\d.]+)", text, re.S)
        more = text[: peak.start(1)] + str(1.1 * float(peak.group(1))) + text[peak.end(1) :]
        again = solve(read(more, folder, catalog), catalog, today=TODAY, price_spares=False)
        assert w.next_step.usd_month == pytest.approx(again.usd_month - found.usd_month, abs=0.01)


def test_next_steps_are_solves_and_the_waterfall_adds_up(tmp_path, catalog):
    explained_as_solved(own_problem(1), tmp_path, catalog)


@pytest.mark.long
def test_next_steps_are_solves_on_many_problems(tmp_path, catalog):
    for seed in range(40):
        explained_as_solved(own_problem(seed), tmp_path, catalog)


def test_the_ends_of_the_bands_are_solves_at_those_rates(catalog):
    problem = load("starter8b", catalog)
    plan = solve(problem, catalog, today=TODAY, price_spares=False)
    found = explain(problem, plan, catalog, jobs=1, today=TODAY)
    low, high = found.ends
    assert (low.factor, low.usd_month) == (pytest.approx(1), plan.usd_month)
    factor = ends_of_bands(plan)["high end"]
    rates = problem.problem.performance.model_copy(update={"efficiency": factor})
    faster = problem.problem.model_copy(update={"performance": rates})
    again = solve(replace(problem, problem=faster), catalog, today=TODAY)
    assert high.usd_month == pytest.approx(again.usd_month)


def test_the_command_prints_the_answer_first_and_reads_plans(tmp_path, catalog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    problem = read(OWN, tmp_path, catalog)
    solve(problem, catalog, today=TODAY, price_spares=False).write(tmp_path / "plan.json")
    shown = CliRunner().invoke(app, ["explain", "plan.json", "--jobs", "1", "-o", "out.json"])
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0] == "own: $1,986 a month, explained"
    assert max(map(len, lines)) <= 80
    first = "\n".join(lines[:40])
    for section in ("Least certain: ", "What drives the bill", "What each workload costs"):
        assert section in first
    kept = Explanation.model_validate_json((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert kept.usd_month == pytest.approx(1985.60)
    quick = CliRunner().invoke(app, ["explain", "own.yaml", "--quick", "--json"])
    assert json.loads(quick.stdout)["solves"] == 0


def test_a_plan_without_its_problem_is_one_message(tmp_path, catalog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problem = read(OWN, tmp_path, catalog)
    solve(problem, catalog, today=TODAY, price_spares=False).write(tmp_path / "plan.json")
    (tmp_path / "own.yaml").unlink()
    lost = CliRunner().invoke(app, ["explain", "plan.json"])
    assert (lost.exit_code, "Name it with --problem" in lost.stderr) == (2, True)
    other = CliRunner().invoke(app, ["explain", "plan.json", "--problem", "starter8b"])
    assert (other.exit_code, "is a plan for own, not for starter8b" in other.stderr) == (2, True)


def test_a_plan_of_other_prices_says_so(tmp_path, catalog):
    problem = read(OWN, tmp_path, catalog)
    plan = solve(problem, catalog, today=TODAY, price_spares=False)
    dearer = read(OWN.replace("usd_h: 1, term", "usd_h: 1.01, term"), tmp_path, catalog)
    found = explain(dearer, plan, catalog, quick=True, today=TODAY)
    assert found.limits == found.rules == ()
    assert "does not stand in the prices" in only(found.notes)
    assert only(found.workloads).marginal_usd_1000_requests is None
