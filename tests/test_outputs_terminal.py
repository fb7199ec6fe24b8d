"""What a person sees of a plan: it fits, it is true, and nothing in a name can change how it looks."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta

import plans
import pytest
from rich.cells import cell_len
from rich.console import Console

from planner.outputs.headline import show_headline
from planner.outputs.page import Page
from planner.outputs.schedule import levels, schedule_lines
from planner.outputs.terminal import show_plan
from planner.plan import Plan


def shown(plan: Plan, width: int = 80, **console: bool) -> str:
    file = io.StringIO()
    show_plan(plan, Console(file=file, width=width, **console))
    return file.getvalue()


def one_line(text: str) -> str:
    return " ".join(text.split())


def headline(plan: Plan) -> str:
    file = io.StringIO()
    show_headline(plan, Page(Console(file=file, width=80), cents=(plan.usd_month or 0) < 1000))
    return one_line(file.getvalue())


@pytest.mark.parametrize("name", plans.ALL)
@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(name, width):
    assert max(cell_len(line) for line in shown(plans.ALL[name](), width).splitlines()) <= min(width, 100)


def test_wide_names_stay_inside_the_terminal():
    long = plans.enterprise().workloads[0].model_copy(update={"name": "客户服务与支持" * 8})
    text = shown(plans.enterprise().model_copy(update={"workloads": (long,)}))
    assert "客户服务与支持" in text
    assert max(map(cell_len, text.splitlines())) <= 80


def test_a_pipe_gets_no_escapes_and_no_trailing_spaces():
    text = shown(plans.enterprise())
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_no_color_leaves_colors_out(monkeypatch):
    colored = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    assert colored.search(shown(plans.enterprise(), force_terminal=True, color_system="standard"))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colored.search(shown(plans.enterprise(), force_terminal=True, color_system="standard"))


def test_a_plan_for_three_workloads_is_about_a_page():
    assert len(shown(plans.enterprise()).splitlines()) <= 76


@pytest.mark.parametrize("name", ["enterprise", "api_only", "at_limit"])
def test_every_number_of_the_headline_is_in_the_json(name):
    plan = plans.ALL[name]().model_copy(update={"title": ""})
    told = json.loads(plan.to_json())
    total, decided, bound = (told[key] for key in ("usd_month", "usd_month_decided", "bound_usd_month"))
    known = [total, total - decided, total - bound, told["gap"] * 100, told["gap_asked"] * 100, told["solve_s"]]
    known += [told["gap"], 300]  # --gap and --time-limit: 5 x 60 s
    text = headline(plan).replace(told["problem"], "")
    numbers = [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]
    assert numbers
    for number in numbers:
        assert any(number == pytest.approx(value, rel=0.01, abs=0.01) for value in known), number


def test_the_proof_is_rounded_up_and_never_down():
    # 131.02 below the bound: "at most $131" would claim more than was proved
    assert "could save at most $132 a month" in headline(plans.enterprise())


def test_a_plan_that_cannot_be_bettered_says_so():
    assert headline(plans.api_only()).endswith("Proved to be the best possible: nothing could be saved.")


def test_a_plan_stopped_early_says_what_could_be_saved_and_what_to_do():
    text = headline(plans.at_limit())
    assert "Stopped after 60 s, short of the 0.5 % asked for" in text
    # 11,270.40 of the 490,880 decided here is 2.296 %; 60.2 s x 5 is 300 s to the minute
    assert "at most 2.3 % of what is decided here ($11,271 a month)" in text
    assert "--time-limit 300" in text
    accepted = float(re.search(r"--gap ([\d.]+)\.", text)[1])
    assert plans.at_limit().gap <= accepted <= 1.1 * plans.at_limit().gap


def test_without_a_bound_nothing_is_called_proved():
    text = headline(plans.no_bound())
    assert "bound unknown (cbc gave none)" in text
    assert "roved" not in text


def test_an_impossible_problem_shows_what_is_in_the_way():
    text = shown(plans.infeasible())
    assert text.startswith("eu-sovereign: no plan meets every requirement\n")
    assert "- raise the budget from $90,000 to $96,400 a month" in text


def test_a_limit_before_any_plan_gives_the_bound_and_the_remedy():
    text = shown(plans.out_of_time())
    assert text.startswith("world: no plan found in 60 s\n")
    assert "at least $812,000 a month" in text
    assert "--time-limit 300" in text


def test_names_that_look_like_markup_are_printed_as_they_are():
    text = shown(plans.at_limit(), force_terminal=True, no_color=True)
    assert "[bold]platform[/bold]" in text
    assert "[red]agents[/red]" in text


def test_control_characters_of_a_title_do_not_reach_the_terminal():
    text = shown(plans.at_limit())
    assert "Everything[31m that runs gnihtyreve" in text
    assert not set("\x1b\x07\u202e") & set(text)


def test_machines_already_paid_for_are_marked():
    text = one_line(shown(plans.at_limit()))
    assert "nebius (region not stated), EXISTING commitment, already paid for" in text
    assert "existing commitments (already paid for, not decided here) $17,374" in text


def test_prices_older_than_30_days_are_warned_of():
    today = plans.TODAY
    for days, warned in ((30, False), (31, True)):
        seen = plans.observed(today - timedelta(days=days), "a price list")
        text = one_line(shown(plans.enterprise().model_copy(update={"prices_observed": seen})))
        assert f"the oldest is {days} days old on {today} (a price list)" in text
        assert ("Warning: prices" in text) is warned


def test_a_plan_without_an_audit_is_not_called_audited():
    assert "Warning: not audited." in shown(plans.at_limit())
    assert "Warning" not in shown(plans.enterprise())


def test_what_is_measured_and_what_is_modeled_is_weighed_by_replica_hours():
    # measured: 4, 2 and 1 replicas in 45, 25 and 98 h of the week = 328; modeled: 2 x 45 + 2 x 25 + 98
    # for documents and 4 x 98 at night = 630; 328 / 958 = 34 %
    text = one_line(shown(plans.enterprise()))
    assert "Measured rates: 34 % of replica-hours, 80 % band -10 to +10 %, planned with 90 % of each." in text
    assert "Modeled rates: 66 % of replica-hours, 80 % band -30 to +40 %, planned with 75 % of each." in text


def test_the_bill_adds_up_to_the_headline():
    plan = plans.enterprise()
    text = one_line(shown(plan))
    assert f"total ${sum(cost.usd_month for cost in plan.costs):,.0f} 100 %" in text
    assert headline(plan).startswith(f"enterprise70b: ${plan.usd_month:,.0f} a month")


def test_small_amounts_keep_their_cents():
    # 9,000 requests x (900 x 0.072 + 300 x 0.28) / 1e6 = 1.3392
    assert headline(plans.api_only()).startswith("helpdesk: $1.34 a month")


def test_a_schedule_reads_as_a_person_would_write_it():
    machines = {plans.DAY: 3, plans.EDGE: 1}
    assert schedule_lines(machines, plans.BLOCKS) == ["mon-fri 09-18: 3 machines", "mon-fri 07-09, 18-21: 1 machine"]


def test_what_always_runs_is_the_rest_of_the_week():
    lines = schedule_lines({plans.DAY: 3, plans.EDGE: 2, plans.NIGHT: 2}, plans.BLOCKS)
    assert lines == ["mon-fri 09-18: 3 machines", "all other hours: 2 machines"]
    assert schedule_lines(dict.fromkeys((plans.DAY, plans.EDGE, plans.NIGHT), 2), plans.BLOCKS) == [
        "all week: 2 machines"
    ]


def test_a_schedule_bills_the_hours_of_the_purchase():
    for purchase in plans.enterprise().purchases[1:]:
        found = levels(purchase.machines_by_block, plans.BLOCKS)
        assert sum(level.machines * level.month_h for level in found) == pytest.approx(purchase.hours_month)


def test_a_schedule_of_many_levels_is_cut_in_the_middle():
    blocks = [plans.block([hour]) for hour in range(12)]
    machines = {one.label: 12 - place for place, one in enumerate(blocks)}
    assert schedule_lines(machines, blocks, at_most=8) == [
        "mon 00-01: 12 machines",
        "between these: 10 more levels (in the schedule table)",
        "mon 11-12: 1 machine",
    ]


def test_an_autoscaler_is_told_how_many_may_wait():
    from planner.deployed import Queue
    from planner.outputs.serving import scale_up

    one = plans.enterprise().deployments[0]
    # 20 slots of 2 s each: 10 a second; who finds 6 waiting for a replica of one GPU waits 0.6 s, of 0.65 allowed
    queue = Queue(slots=20, service_s=2.0, wait_s=0.65, percentile_share=0.95)
    single = one.model_copy(update={"tp": 1, "pp": 1, "queue": queue})
    assert scale_up(single) == ["autoscaler: add a replica before 6 requests wait for each GPU"]
    assert "before 1 request waits for each" in scale_up(single.model_copy(update={"tp": 4}))[0]
    assert scale_up(single.model_copy(update={"tp": 8})) == ["autoscaler: add a replica before anything waits"]
    unlimited = queue.model_copy(update={"wait_s": None})
    assert scale_up(single.model_copy(update={"queue": unlimited})) == []
