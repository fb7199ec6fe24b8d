"""A fleet that is given: what it costs, what it cannot serve and why, where it is idle, which rules it breaks."""

from __future__ import annotations

import json
from datetime import date
from itertools import product
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import planner
from planner import verbs
from planner.cli import app
from planner.errors import ProblemError
from planner.evaluation import Evaluation
from planner.formulation import assemble
from planner.inputs import FleetInputs, Offer
from planner.operation import NO_TIME
from planner.plan import Plan
from planner.traffic.blocks import week_hours, week_label

TODAY = date(2026, 11, 24)
NODE = {"provider": "prior cloud", "gpu": "h100-sxm", "gpus": 4}
WEEK_H, OFFICE_H = 168, 45
MONTH_H = 730

FLAT = """\
name: flat
workloads:
  chat:
    models: [llama-3.1-8b]
    traffic: {mean_req_s: 3, burst_factor: 1, input_tok: 500, output_tok: 50}
procurement:
  only_quotes: true
  quotes:
    - {provider: here, gpu: l40s, gpus: 1, usd_h: 1, term: on-demand, observed_on: 2026-11-01, source: a quote}
    - {provider: here, gpu: l40s, gpus: 1, usd_h: 0.4, term: spot, observed_on: 2026-11-01, source: a quote}
    - {provider: here, gpu: a100-pcie-80gb, gpus: 1, usd_h: 2, term: on-demand, observed_on: 2026-11-01,
       source: a quote}
performance:
  capacity: [{gpu: l40s, input_tok: 500, output_tok: 50, req_s: 1}]
apis: {allow: false}
solver: {gap: 0}
spot: {interruptions_month: 0}
"""
"""One request/s of chat needs one L40S; three are asked for in every hour."""
L40S = {"provider": "here", "gpu": "l40s", "gpus": 1}


def evaluated(folder: Path, problem: str, machines: list[dict[str, object]], **fleet: object) -> Evaluation:
    """A problem, by name or as text, and a fleet file of these lines."""
    name = problem
    if "\n" in problem:
        name = str(folder / "own.yaml")
        Path(name).write_text(problem, encoding="utf-8")
    path = folder / "fleet.yaml"
    path.write_text(yaml.safe_dump({"machines": machines, **fleet}), encoding="utf-8")
    return verbs.evaluate(verbs.load(name), verbs.load_fleet(path), today=TODAY, best_within_s=None)


def test_savings_plans_of_the_problem_are_said_not_to_be_the_fleets(tmp_path):
    signed = "  existing_spend: [{provider: here, usd_h: 3, covers: [{discount_share: 0.3}]}]"
    found = evaluated(tmp_path, FLAT.replace("procurement:", f"procurement:\n{signed}"), [{**L40S, "count": 3}])
    assert found.plan.notes[0].startswith("procurement.existing_spend of the problem: not added to this fleet")
    assert not any("not added" in note for note in evaluated(tmp_path, FLAT, [{**L40S, "count": 3}]).plan.notes)


def test_machines_on_which_nothing_runs_are_named_beside_full_ones(tmp_path):
    idle = {"provider": "here", "gpu": "a100-pcie-80gb", "gpus": 1, "count": 1}  # no rate of it is given
    found = evaluated(tmp_path, FLAT, [{**L40S, "count": 2}, idle])
    (left,) = found.unserved
    assert left.why.endswith("are full: 2 x 1x-l40s; nothing that it accepts runs on a100-pcie-80gb")


def test_of_what_was_left_out_the_reason_that_came_near_is_told(tmp_path):
    # no A10G machine holds two GPUs, but what counts is that one alone is too slow
    problem = FLAT[: FLAT.index("procurement")] + "apis: {allow: false}\n"
    problem = problem.replace("models", "slo: {ttft_ms: 200}\n    models")
    machine = {"provider": "aws", "gpu": "a10g", "gpus": 1, "machine": "g5.xlarge", "region": "us-east-1", "count": 1}
    (left,) = evaluated(tmp_path, problem, [machine]).unserved
    assert "too slow to first token; nearest: 1 x a10g" in left.why


def test_the_articles_fleet_before_costs_what_the_article_says(tmp_path):
    # 16 H100 x 2.50 USD x 730 h = 29,200; networking 7,500; storage 2,400
    found = evaluated(tmp_path, "article-before", [{**NODE, "count": 4}])
    assert {line.line: round(line.usd_month, 2) for line in found.plan.costs} == {
        "on-demand rent": 29_200,
        "networking": 7_500,
        "storage": 2_400,
    }
    assert found.plan.usd_month == pytest.approx(39_100)
    assert found.fits
    (nodes,) = found.usage
    # 1,232 tok/s over the week of 16 x 350 tok/s, in 45 hours of the week; the rest is idle and costs 123/168 of it
    assert nodes.busy_share == pytest.approx(0.22)
    assert nodes.busiest_share == pytest.approx(0.22 * WEEK_H / OFFICE_H)
    assert nodes.idle_hours_week == WEEK_H - OFFICE_H
    assert nodes.idle_usd_month == pytest.approx(29_200 * (WEEK_H - OFFICE_H) / WEEK_H)


def test_the_articles_fleet_after_costs_what_the_article_says(tmp_path):
    # 8 x 2.40 x 730 = 14,016; 4 x 0.32 x 730 = 934.40; storage 1,200: the article rounds to 16,151
    found = evaluated(
        tmp_path,
        "article-after",
        [
            {"provider": "spheron", "gpu": "h100-sxm", "gpus": 4, "count": 2},
            {"provider": "spheron", "gpu": "l40s", "gpus": 1, "count": 4, "term": "spot"},
        ],
    )
    assert found.plan.usd_month == pytest.approx(14_016 + 934.40 + 1_200)
    assert found.fits
    assert [round(use.busy_share, 3) for use in found.usage] == [0.244, 1.0]


def test_three_nodes_of_four_leave_unserved_what_they_cannot_carry(tmp_path):
    # asked 4,600 tok/s / 512 = 8.983 requests/s in office hours; 12 GPUs carry 12 x 0.68359375 = 8.203
    found = evaluated(tmp_path, "article-before", [{**NODE, "count": 3}])
    (left,) = found.unserved
    asked, carried = 2.40625 * WEEK_H / OFFICE_H, 12 * 0.68359375
    assert (left.asked_req_s, left.served_req_s) == pytest.approx((asked, carried), rel=1e-5)
    assert left.share == pytest.approx(1 - carried / asked, rel=1e-4)
    assert left.requests_month == pytest.approx((asked - carried) * 3600 * OFFICE_H * MONTH_H / WEEK_H, rel=1e-4)
    assert left.when == "mon-fri 09-18"
    assert left.why == "all machines it may run on are full: 3 x 4x-h100-sxm"
    assert found.plan.usd_month == pytest.approx(39_100 - 7_300)
    # what is left is costed: the price of a token is that of a token served
    (chat,) = found.plan.workloads
    assert chat.requests_month == pytest.approx(carried * 3600 * OFFICE_H * MONTH_H / WEEK_H, rel=1e-4)


def test_machines_that_run_in_some_hours_are_paid_and_used_in_those_only(tmp_path):
    hours = 5 * 4
    found = evaluated(tmp_path, FLAT, [{**L40S, "count": 2}, {**L40S, "count": 1, "when": "mon-fri 09-13"}])
    assert found.plan.usd_month == pytest.approx(2 * MONTH_H + hours * MONTH_H / WEEK_H)
    (left,) = found.unserved
    assert left.hours_week == WEEK_H - hours
    assert week_hours(left.when) == frozenset(range(WEEK_H)) - week_hours("mon-fri 09-13")
    assert left.share == pytest.approx((WEEK_H - hours) / WEEK_H / 3, rel=1e-4)


def test_a_machine_that_nothing_may_run_on_is_on_the_bill_and_said_to_be_idle(tmp_path):
    found = evaluated(tmp_path, FLAT, [{**L40S, "count": 3, "term": "spot"}])
    (left,) = found.unserved
    assert left.share == pytest.approx(1)
    assert "chat may not run on spot or marketplace machines" in left.why
    assert found.plan.usd_month == pytest.approx(3 * 0.4 * MONTH_H)
    assert (found.usage[0].busy_share, found.usage[0].idle_when) == (0, "all week")


def test_a_gpu_without_a_rate_serves_nothing_and_the_reason_names_it(tmp_path):
    found = evaluated(tmp_path, FLAT, [{"provider": "here", "gpu": "a100-pcie-80gb", "gpus": 1, "count": 9}])
    (left,) = found.unserved
    assert left.why.startswith("no deployment that chat accepts runs on a100-pcie-80gb")


def test_work_that_may_wait_gives_way_first(tmp_path):
    # One GPU does 1 request/s.  Chat takes 0.5 in every hour; of 0.75 that may wait, 0.5 fit: a third is left undone.
    waiting = FLAT.replace("mean_req_s: 3", "mean_req_s: 0.5").replace(
        "procurement:",
        "  batch:\n    models: [llama-3.1-8b]\n    deferrable: {}\n"
        "    traffic: {mean_req_s: 0.75, input_tok: 500, output_tok: 50}\nprocurement:",
    )
    found = evaluated(tmp_path, waiting, [{**L40S, "count": 1}])
    (left,) = found.unserved
    assert (left.workload, left.asked_req_s) == ("batch", None)
    assert left.share == pytest.approx(1 / 3, rel=1e-3)
    assert found.usage[0].busy_share == pytest.approx(1, rel=1e-4)


def test_a_fleet_that_cannot_lose_a_machine_is_told_so_and_still_costed(tmp_path):
    promised = FLAT.replace("traffic: {mean_req_s: 3", "slo: {ttft_ms: 1000}\n    traffic: {mean_req_s: 3")
    three, four = (evaluated(tmp_path, promised, [{**L40S, "count": n}]) for n in (3, 4))
    assert not three.unserved
    (sentence,) = three.broken
    assert "chat does not go on in every hour if a machine fails" in sentence
    # with one of three held back, two of three requests could be served
    assert "33 %" in sentence
    assert four.fits


def test_a_promise_that_no_more_is_lost_by_keeping_is_not_called_broken(tmp_path):
    # Without a rate nothing is served either way: what is broken is not the promise.
    promised = FLAT.replace("traffic: {mean_req_s: 3", "slo: {ttft_ms: 1000}\n    traffic: {mean_req_s: 3")
    found = evaluated(tmp_path, promised, [{"provider": "here", "gpu": "a100-pcie-80gb", "gpus": 1, "count": 9}])
    assert found.broken == ()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("  quotas: [{max_machines: 2}]", "the quota on anything is 2 machines, 3 run in"),
        ("  where: {providers: [there]}", "procurement.where does not allow it"),
        ("  terms: [spot]", "only the terms spot may be taken"),
    ],
)
def test_a_rule_on_buying_that_the_fleet_breaks_is_told_and_the_fleet_costed(tmp_path, rule, words):
    problem = FLAT.replace("procurement:", f"procurement:\n{rule}").replace(
        "provider: here, gpu: a100-pcie-80gb", "provider: there, gpu: a100-pcie-80gb"
    )
    problem = problem.replace("    traffic", "    interruptible: true\n    traffic")
    found = evaluated(tmp_path, problem, [{**L40S, "count": 3}])
    assert found.plan.usd_month == pytest.approx(3 * MONTH_H)
    assert any(words in sentence for sentence in found.broken)
    assert not found.unserved


def test_a_budget_is_a_rule_and_one_that_is_kept_is_not_told(tmp_path):
    for budget, broken in ((2_000, True), (3_000, False)):
        found = evaluated(tmp_path, FLAT + f"budget: {{usd_month: {budget}}}\n", [{**L40S, "count": 3}])
        assert bool(found.broken) == broken


def test_a_price_of_the_fleets_own_wins(tmp_path):
    found = evaluated(tmp_path, FLAT, [{**L40S, "count": 3, "usd_h": 0.5, "term": "1y", "upfront_share": 1}])
    lines = {line.line: line.usd_month for line in found.plan.costs}
    assert lines["commitments"] == pytest.approx(3 * 0.5 * MONTH_H)
    # all upfront: 13/24 of the term's price is out on the mean, at 8 % a year
    assert lines["cost of capital"] == pytest.approx(3 * 0.5 * MONTH_H * 12 * 0.08 / 12 * 13 / 24)


def test_interest_is_at_the_problems_own_rate(tmp_path):
    dear = FLAT.replace("procurement:", "procurement:\n  cost_of_capital_year: 0.2")
    found = evaluated(tmp_path, dear, [{**L40S, "count": 3, "usd_h": 0.5, "term": "1y", "upfront_share": 1}])
    lines = {line.line: line.usd_month for line in found.plan.costs}
    assert lines["cost of capital"] == pytest.approx(3 * 0.5 * MONTH_H * 12 * 0.2 / 12 * 13 / 24)


def test_only_the_deployments_that_the_fleet_names_run(tmp_path):
    machines = [{"provider": "lambda", "gpu": "h100-sxm", "gpus": 8, "count": 2}]
    found = evaluated(
        tmp_path,
        "enterprise70b",
        machines,
        deployments=[{"model": "llama-3.3-70b", "precision": "fp8", "engine": "vllm", "tp": 4}],
    )
    assert {(d.precision, d.engine, d.tp) for d in found.plan.deployments} == {("fp8", "vllm", 4)}
    assert not found.plan.apis
    assert {each.workload for each in found.unserved} >= {"chat"}


def test_what_machines_do_not_serve_is_bought_where_the_fleet_file_says_so(tmp_path):
    machines = [{"provider": "verda", "machine": "1B200.30V", "region": "FIN-03", "count": 10}]
    found = evaluated(tmp_path, "enterprise70b", machines, apis=True)
    assert {api.workload for api in found.plan.apis} <= {"chat"}
    assert all(each.workload != "chat" for each in found.unserved)


def fleet_of(plan: Plan) -> list[dict[str, object]]:
    """The machines of a plan as lines of a fleet file, a line for each level of its schedule."""
    lines: list[dict[str, object]] = []
    for p in plan.purchases:
        line = {"provider": p.provider, "machine": p.machine, "gpu": p.gpu, "gpus": p.gpus, "term": p.term}
        line |= {"region": p.region} if p.term == "bought" else {"usd_h": p.usd_h, "region": p.region}
        if p.billing == "always":
            lines.append(line | {"count": p.count})
            continue
        for level in range(1, p.count + 1):
            hours = sorted(h for b in plan.blocks if p.machines_by_block.get(b.label, 0) >= level for h in b.hours)
            lines.append(line | {"count": 1, "when": week_label(hours)})
    return lines


@pytest.mark.parametrize(
    "name",
    ["article-after", "article-after-hourly", "article-office-hours", "starter8b", "spot", "multimodel", "buy-or-rent"],
)
def test_the_best_plan_given_as_a_fleet_costs_no_more_and_serves_everything(tmp_path, name):
    plan = planner.solve(planner.load(name), today=TODAY, price_spares=False)
    found = evaluated(tmp_path, name, fleet_of(plan), apis=True)
    assert found.fits
    # the plan is within its gap of the best; operating its machines again may find some of that
    assert plan.bound_usd_month * (1 - 1e-6) <= found.plan.usd_month <= plan.usd_month * (1 + 1e-6)


@settings(max_examples=12, deadline=None)
@given(always=st.integers(1, 4), by_day=st.integers(0, 2))
def test_what_is_left_is_what_is_asked_less_what_the_machines_that_run_can_carry(tmp_path_factory, always, by_day):
    folder = tmp_path_factory.mktemp("law")
    lines = [{**L40S, "count": always}] + ([{**L40S, "count": by_day, "when": "mon-fri 09-18"}] if by_day else [])
    found = evaluated(folder, FLAT, lines)
    left = max(0, 3 - always) * (WEEK_H - OFFICE_H) + max(0, 3 - always - by_day) * OFFICE_H
    hours = MONTH_H / WEEK_H * 3600
    assert sum(each.requests_month for each in found.unserved) == pytest.approx(left * hours, rel=1e-4, abs=20)


@settings(max_examples=12, deadline=None)
@given(
    asked=st.lists(st.floats(0.2, 3), min_size=2, max_size=3),
    output_tok=st.lists(st.sampled_from([20, 50, 200]), min_size=3, max_size=3, unique=True),
    gpus=st.integers(1, 4),
)
def test_no_other_way_to_run_the_fleet_serves_more_tokens(tmp_path_factory, asked, output_tok, gpus):
    # By brute force over shares of the GPUs' time: a GPU does 1 request/s, of whichever workload.
    folder = tmp_path_factory.mktemp("brute")
    models = ("llama-3.1-8b", "llama-3.1-70b", "qwen3-8b")[: len(asked)]
    problem = yaml.safe_load(FLAT)
    problem["workloads"] = {
        model.replace(".", ""): {
            "models": [model],
            "traffic": {"mean_req_s": d, "burst_factor": 1, "input_tok": 500, "output_tok": tok},
        }
        for model, d, tok in zip(models, asked, output_tok, strict=False)
    }
    problem["performance"]["capacity"] = [
        {"gpu": "l40s", "input_tok": 500, "output_tok": tok, "req_s": 1} for tok in output_tok
    ]
    found = evaluated(folder, yaml.safe_dump(problem), [{**L40S, "count": gpus}])
    tokens = [500 + tok for tok in output_tok[: len(asked)]]
    steps = 40
    best = max(
        sum(t * min(d, gpus * part / steps) for t, d, part in zip(tokens, asked, parts, strict=True))
        for parts in product(range(steps + 1), repeat=len(asked))
        if sum(parts) <= steps
    )
    by_class = {each.request_class: each.asked_req_s - each.served_req_s for each in found.unserved}
    served = sum(
        t * (d - by_class.get(model.replace(".", ""), 0.0)) for t, d, model in zip(tokens, asked, models, strict=True)
    )
    # the grid of shares misses the best by less than one step of each
    assert best * (1 - 1e-4) <= served <= best + sum(tokens) * gpus / steps


def test_a_machine_that_is_away_gives_its_group_no_room_in_that_block():
    inputs = FleetInputs(
        month_h=730,
        block_h={"day": 365, "night": 365},
        block_week_h={"day": 84, "night": 84},
        group_gpus={"g": 1},
        offers={"o": Offer(group="g", provider="p", usd_h=1, billing="always", existing=2, away=frozenset({"night"}))},
        deployment_gpus={"c": 1},
        deployment_groups={"c": ("g",)},
        queue_slope={"c": 1},
        queue_loss={"c": 0},
        class_workload={"k": "k"},
        demand_req_s={("k", "day"): 3, ("k", "night"): 3},
        rate_req_s={("c", "k"): 1},
        admitted=frozenset({("k", "g")}),
    )
    model = assemble(inputs)
    for block, room in (("day", 2), ("night", 0)):
        replicas = model.variables.replicas["c", "g", block]
        row = model.rows["within_machine_gpus", ("g", block, "1")]
        replicas.varValue = room
        assert row.valid()
        replicas.varValue = room + 1
        assert not row.valid()


@given(st.frozensets(st.integers(0, 167), min_size=1))
def test_hours_written_as_a_plan_writes_them_are_read_back(hours):
    assert week_hours(week_label(hours)) == hours


BAD = [
    ("machines: []", "machines", "is empty; at least one is needed"),
    ("machines: [{provider: here, count: 1}]", "machines[0]", "neither which `machine` nor which `gpu`"),
    ("machines: [{provider: here, gpu: l40s, gpus: 1, count: 0}]", "machines[0].count", "more than 0"),
    ("machines: [{provider: her, gpu: l40s, gpus: 1, count: 1}]", "machines[0].provider", "Did you mean here?"),
    ("machines: [{provider: here, gpu: l40s, gpus: 8, count: 1}]", "machines[0].gpus", "Known: 1."),
    ("machines: [{provider: here, gpu: l40s, gpus: 1, count: 1, term: 1y}]", "machines[0].term", "on-demand, spot"),
    (
        "machines: [{provider: here, gpu: l40s, gpus: 1, count: 1, usd_h: 1, term: 1y, when: mon 09-12}]",
        "machines[0].when",
        "paid in every hour",
    ),
    (
        "machines: [{provider: here, gpu: l40s, gpus: 1, count: 1, when: weekdays}]",
        "machines[0].when",
        "Write days and hours as a plan does",
    ),
    ("machines: [{provider: here, gpu: l41s, gpus: 1, count: 1, usd_h: 1}]", "machines[0].gpu", "Did you mean l40s?"),
    (
        "machines: [{provider: here, gpu: l40s, gpus: 1, count: 1, usd_h: 1, term: bought}]",
        "machines[0].usd_h",
        "follows from `procurement.purchases`",
    ),
    ("machine: [{provider: here}]", "machine", "Did you mean machines?"),
    (
        "machines: [{provider: here, gpu: l40s, gpus: 1, count: 1}]\ndeployments: [{model: llama-3.1-8b}]",
        "deployments[0]",
        "capacity table",
    ),
]


@pytest.mark.parametrize(("text", "where", "what"), BAD, ids=lambda each: each[:40])
def test_a_mistake_in_a_fleet_file_is_told_with_line_and_remedy(tmp_path, text, where, what):
    problem, fleet = tmp_path / "own.yaml", tmp_path / "fleet.yaml"
    problem.write_text(FLAT, encoding="utf-8")
    fleet.write_text(text + "\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["evaluate", str(problem), "--fleet", str(fleet)])
    assert result.exit_code == 2
    assert any(
        f"fleet.yaml:1  {where}" in line or f"fleet.yaml:2  {where}" in line for line in result.stderr.split("\n")
    )
    assert what in result.stderr


def test_mistakes_of_a_fleet_file_are_told_all_at_once(tmp_path):
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(
        "machines:\n  - {provider: x, count: 0, gpu: a, gpus: 1}\n  - {provider: x, count: 1}\n", encoding="utf-8"
    )
    with pytest.raises(ProblemError) as error:
        verbs.load_fleet(fleet)
    assert len(error.value.complaints) == 2


def test_two_prices_for_one_machine_ask_for_the_region(tmp_path):
    with pytest.raises(ProblemError, match="sold at more than one price"):
        evaluated(tmp_path, "enterprise70b", [{"provider": "aws", "machine": "p5.48xlarge", "count": 1}])


def test_the_command_says_by_its_exit_code_whether_the_fleet_will_do(tmp_path):
    problem, fleet, out = tmp_path / "own.yaml", tmp_path / "fleet.yaml", tmp_path / "found.json"
    problem.write_text(FLAT, encoding="utf-8")
    for count, code in ((3, 0), (2, 1)):
        fleet.write_text(yaml.safe_dump({"machines": [{**L40S, "count": count}]}), encoding="utf-8")
        result = CliRunner().invoke(app, ["evaluate", str(problem), "--fleet", str(fleet), "-o", str(out)])
        assert result.exit_code == code
        assert max(map(len, result.stdout.splitlines())) <= 80
        found = Evaluation.model_validate_json(out.read_text(encoding="utf-8"))
        assert found.fits == (code == 0)
        # one L40S a request: three of them are the best plan
        assert found.best is not None
        assert found.best.usd_month == pytest.approx(3 * MONTH_H)
    shown = json.loads(
        CliRunner().invoke(app, ["evaluate", str(problem), "--fleet", str(fleet), "--json", "--no-against-best"]).stdout
    )
    assert (shown["best"], len(shown["unserved"])) == (None, 1)


def test_where_no_plan_keeps_the_rules_the_best_plan_is_said_to_be_none_and_why(tmp_path):
    problem, fleet = tmp_path / "own.yaml", tmp_path / "fleet.yaml"
    problem.write_text(FLAT + "budget: {usd_month: 1000}\n", encoding="utf-8")
    fleet.write_text(yaml.safe_dump({"machines": [{**L40S, "count": 3}]}), encoding="utf-8")
    result = CliRunner().invoke(app, ["evaluate", str(problem), "--fleet", str(fleet)])
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "breaks 1 rule" in text
    assert "The problem's own best plan: none (the budget of 1,000 USD a month" in text


def test_too_little_time_to_know_what_is_served_ends_with_3(tmp_path, monkeypatch):
    monkeypatch.setattr("planner.analysis.shortfall.Operation.answers", lambda *_: {"b": NO_TIME})
    problem, fleet = tmp_path / "own.yaml", tmp_path / "fleet.yaml"
    problem.write_text(FLAT, encoding="utf-8")
    fleet.write_text(yaml.safe_dump({"machines": [{**L40S, "count": 3}]}), encoding="utf-8")
    result = CliRunner().invoke(app, ["evaluate", str(problem), "--fleet", str(fleet)])
    assert (result.exit_code, result.stdout) == (3, "")
