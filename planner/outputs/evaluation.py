"""A fleet against a problem on a terminal: what it costs, what it leaves unserved and why, where it is idle."""

from __future__ import annotations

from rich.console import Console

from planner.evaluation import Best, Evaluation, Unserved
from planner.outputs.figures import TERM_WORDS, count, percent, plain, things, usd, usd_fine
from planner.outputs.headline import in_other_money
from planner.outputs.page import Line, Page
from planner.outputs.serving import show_apis, show_deployments
from planner.outputs.terminal import show_bill, show_schedule, show_workloads
from planner.outputs.trust import show_audit, show_evidence, show_notes


def show_evaluation(found: Evaluation, console: Console) -> None:
    """Print the whole evaluation, the answer first."""
    plan = found.plan
    page = Page(console, cents=(plan.usd_month or 0) < 1000)
    show_answer(found, page)
    show_switching(found, page)
    show_usage(found, page)
    show_unserved(found, page)
    if found.broken:
        page.title("Rules of the problem that it breaks")
        for sentence in found.broken:
            page.say(f"- {sentence}", hang=2)
    for section in (show_schedule, show_deployments, show_apis, show_workloads, show_bill, show_evidence, show_notes):
        section(plan, page)
    show_audit(plan, page)


def show_answer(found: Evaluation, page: Page) -> None:
    """What it costs, whether it serves everything, and what the best plan would cost beside it."""
    usd_month = found.plan.usd_month or 0.0
    fits = "serves everything" if not found.unserved else "does not serve everything"
    rules = "" if not found.broken else f", breaks {things(len(found.broken), 'rule')}"
    page.say(
        f"{found.fleet} for {found.problem}: {usd(usd_month, page.cents)} a month, {fits}{rules}",
        style="bold" if found.fits else "bold yellow",
        indent=0,
    )
    if plain(found.plan.title):
        page.say(found.plan.title, style="dim")
    if found.plan.converted is not None:
        page.say(in_other_money(found.plan.converted))
    if found.best is not None:
        page.say(beside(found, found.best, usd_month, page.cents))


def beside(found: Evaluation, best: Best, usd_month: float, cents: bool) -> str:
    """The problem's own best plan beside the fleet."""
    if best.usd_month is None:
        why = "; ".join(best.why) or "none was found in time"
        return f"The problem's own best plan: none ({why})."
    saved = usd_month - best.usd_month
    if abs(saved) <= 0.005 * usd_month:
        beside = "about the same"
    else:
        beside = f"{percent(abs(saved) / usd_month)} {'less' if saved > 0 else 'more'}"
    proved = "" if best.status == "optimal" else " as far as found in the time given"
    all_served = ", and serves everything" if found.unserved else ""
    return (
        f"The cheapest plan for this problem{proved} costs {usd(best.usd_month, cents)} a month, {beside}{all_served}."
    )


def show_switching(found: Evaluation, page: Page) -> None:
    """What going to the cheapest plan costs, when that is paid back, and whether staying is cheaper."""
    switch = found.switching
    if switch is None:
        return
    lines = [
        Line(
            f"{step.verdict} {step.what}"
            if step.verdict == "set up"
            else f"{step.verdict} {step.count:,} x {step.what}",
            (usd(step.usd, page.cents),),
        )
        for step in switch.steps
    ]
    page.table(
        "Switching to the cheapest plan, once", ("USD",), [*lines, Line("total", (usd(switch.usd, page.cents),))]
    )
    if switch.paid_back_months is None:
        page.say("It saves nothing a month, so it is never paid back.")
    else:
        saved, months = usd(switch.saved_usd_month, page.cents), switch.paid_back_months
        page.say(f"It saves {saved} a month and has paid for itself after {months:,.1f} months.")
    stay, then = usd(switch.stay_usd, page.cents), usd(switch.switch_usd, page.cents)
    less = usd(abs(switch.stay_usd - switch.switch_usd), page.cents)
    better = "switching" if switch.switch_usd < switch.stay_usd else "staying"
    page.say(
        f"Over {things(switch.months, 'month')} staying costs {stay}, switching {then}: {better} is cheaper by {less}."
    )
    if found.unserved:
        page.say("What the fleet leaves unserved is not counted as a cost of staying.")


def show_usage(found: Evaluation, page: Page) -> None:
    """Each line of machines: what it costs, how busy it is, and when it is idle."""
    lines = []
    for purchase, use in zip(found.plan.purchases, found.usage, strict=True):
        under = [
            f"{use.provider} {use.region or '(region not stated)'}, {TERM_WORDS[purchase.term]}, "
            f"{usd_fine(purchase.usd_h)}/h each, seen {purchase.observed_on}"
        ]
        if use.idle_hours_week:
            when = "" if use.idle_hours_week == 168 else f": {use.idle_when}"
            under.append(
                f"idle (less than 5 % busy) {things(use.idle_hours_week, 'hour')} a week{when}; these cost "
                f"{usd(use.idle_usd_month, page.cents)} a month"
            )
        figures = (
            usd(use.usd_month, page.cents),
            count(use.hours_month),
            percent(use.busy_share),
            percent(use.busiest_share),
        )
        lines.append(Line(f"{use.count:,} x {use.machine} ({use.gpus} x {use.gpu})", figures, under))
    page.table("The fleet", ("USD/month", "hours/month", "busy", "at most"), lines)


def show_unserved(found: Evaluation, page: Page) -> None:
    """What is left unserved, in which hours, and why."""
    if not found.unserved:
        return
    lines = [
        Line(
            each.request_class,
            (count(each.requests_month), percent(each.share), rates(each)),
            [f"{each.when}: {each.why}"],
        )
        for each in found.unserved
    ]
    page.table("What it cannot serve", ("requests/month", "share", "req/s at worst"), lines)
    if len({each.request_class for each in found.unserved}) > 1 or len(found.plan.workloads) > 1:
        page.say("Which work is left is a choice: as many tokens as can be are served, what may wait last.", "dim")


def rates(each: Unserved) -> str:
    """Requests/s missing of those asked for, in the worst hour."""
    if each.asked_req_s is None or each.served_req_s is None:
        return "may wait"
    return f"{each.asked_req_s - each.served_req_s:.3g} of {each.asked_req_s:.3g}"
