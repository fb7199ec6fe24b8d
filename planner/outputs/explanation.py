"""An explanation on a terminal: the answer first, each section with what to ask next."""

from __future__ import annotations

from collections import defaultdict

from rich.console import Console

from planner.explanation import Explanation, Limit, NextStep, Uncertain, WorkloadCost
from planner.outputs.figures import count, number, percent, things, usd, usd_fine
from planner.outputs.page import Line, Page
from planner.outputs.trust import ties_in_words

NAMED = 3
"""So many of a kind are named; the rest are counted."""


def show_explanation(found: Explanation, console: Console) -> None:
    """Print all of it; the first screen says what drives the bill, what each workload costs and what limits it."""
    page = Page(console, cents=found.usd_month < 1000)
    page.say(f"{found.problem}: {usd(found.usd_month, page.cents)} a month, explained", "bold", indent=0)
    if found.uncertain:
        page.say(f"Least certain: {least_certain(found.uncertain[0], page)}")
    for section in (show_drivers, show_workloads, show_limits, show_idle, show_evidence, show_doubt):
        section(found, page)
    page.console.print()
    for note in found.notes:
        page.say(note, "yellow", indent=0)
    unproved = f"  The time limit ended {things(found.unproved, 'of them', 'of them')}." if found.unproved else ""
    if found.solves:
        page.say(f"{things(found.solves, 'solve')} beside the plan's own.{unproved}", "dim", indent=0)


def least_certain(each: Uncertain, page: Page) -> str:
    """The number that moves the bill most, in a sentence."""
    ends = f"from {number(round(each.low, 2))} to {number(round(each.high, 2))} times what is planned with"
    return f"{each.key}, {ends}, moves the bill by {signed(each.usd_month, page)} ({each.how})."


def signed(amount: float, page: Page) -> str:
    """An amount that is added or saved."""
    least = 0.005 if page.cents else 0.5
    return ("+" if amount >= least else "") + usd(amount if abs(amount) >= least else 0.0, page.cents)


def show_drivers(found: Explanation, page: Page) -> None:
    """From the fleet one would buy without planning down to the plan."""
    drivers = found.drivers
    if drivers is None:
        if found.solves:
            page.title("What drives the bill")
            page.say("No fleet of one GPU type on demand keeps every rule: there is none to begin with.")
        return
    lines = [Line(drivers.baseline, (usd(drivers.usd_month, page.cents),))]
    lines += [Line(step.what, (signed(step.usd_month, page),)) for step in drivers.steps]
    lines.append(Line("the plan", (usd(found.usd_month, page.cents),), style="bold"))
    page.table("What drives the bill", ("USD/month",), lines)
    if drivers.unused:
        page.say(f"The plan does without {' and '.join(drivers.unused)}.")


def show_workloads(found: Explanation, page: Page) -> None:
    """What each workload costs on the mean, at the margin and with the next step."""
    lines = [
        Line(
            w.name,
            (
                usd(w.usd_month, page.cents),
                percent(w.bill_share),
                usd_fine(w.usd_1000_requests),
                at_the_margin(w),
                "-" if w.next_step is None or w.next_step.usd_month is None else signed(w.next_step.usd_month, page),
            ),
            under_a_workload(w, page),
        )
        for w in found.workloads
    ]
    heads = ("USD/month", "share", "$/1000 req", "one more", "10 % more")
    page.table("What each workload costs", heads, lines)


def at_the_margin(w: WorkloadCost) -> str:
    """What 1,000 requests more cost on the fleet as it stands."""
    if w.room_share is not None and w.room_share <= 0:
        return "no room"
    return usd_fine(w.marginal_usd_1000_requests)


def under_a_workload(w: WorkloadCost, page: Page) -> list[str]:
    """How much more fits, and what is bought for the next step."""
    out = []
    step = w.next_step
    if step is not None:
        what = "; ".join(step.changes[:NAMED]) or "the same machines at the busiest hour"
        more = len(step.changes) - NAMED
        out.append(
            f"10 % more{within(step, page)}: {what}" + (f" and {things(more, 'other change')}" if more > 0 else "")
        )
    return out


def within(step: NextStep, page: Page) -> str:
    """Between which amounts the next step is proved to lie."""
    if step.usd_month is None:
        return " cannot be served" if step.status == "infeasible" else " has no plan yet"
    if step.least_usd_month is None or step.most_usd_month is None:
        return ""
    return f", {signed(step.least_usd_month, page)} to {signed(step.most_usd_month, page)} by what is proved"


def show_limits(found: Explanation, page: Page) -> None:
    """The limits that bind with what one unit more is worth; what is left under the others."""
    binding = [limit for limit in found.limits if limit.binds]
    lines = [
        Line(
            limit.limit or limit.says,
            (limit.one_more if limit.limit else limit.unit, saved(limit, page)),
            [limit.says] if limit.limit else [limit.one_more],
        )
        for limit in binding
    ]
    if lines:
        page.table("Which limits bind", ("one unit more", "saves"), lines)
    elif found.limits:
        page.title("Which limits bind")
        page.say("None.")
    rest = [f"{limit.limit or limit.says}{left(limit)}" for limit in found.limits if not limit.binds]
    if rest:
        page.say(f"Not binding: {'; '.join(rest)}.")


def saved(limit: Limit, page: Page) -> str:
    """What one unit more saves, and how that is known."""
    if limit.usd_month is None:
        return "-"
    return usd(limit.usd_month, page.cents) + (" (dual)" if limit.how == "dual" else "")


def left(limit: Limit) -> str:
    """What is left under a limit."""
    if not limit.room:
        return ""
    return f" ({count(limit.room) if limit.room >= 100 else number(round(limit.room, 2))} left)"


def show_idle(found: Explanation, page: Page) -> None:
    """How idle each machine is and when."""
    if not found.idle:
        return
    lines = [
        Line(
            f"{i.count:,} x {i.what}",
            (percent(i.busy_share), percent(i.busy_peak_share), count(i.idle_hours_month), usd(i.idle_usd_month)),
            [f"least busy {i.least_busy}: {percent(i.least_busy_share)}"],
        )
        for i in found.idle
    ]
    page.table("How idle machines are", ("busy", "at peak", "idle h/month", "idle USD"), lines)


def show_evidence(found: Explanation, page: Page) -> None:
    """What is measured and what is modeled, and the bill at the ends of the bands."""
    if not found.evidence:
        return
    lines = [
        Line(
            e.deployment,
            (
                e.source,
                "-" if e.source == "given" else f"{(e.low_share - 1) * 100:+.0f} to {(e.high_share - 1) * 100:+.0f} %",
                percent(e.work_share),
            ),
            [e.reason] if e.reason else [],
        )
        for e in found.evidence
    ]
    page.table("What stands behind the rates", ("", "80 % band", "of the work"), lines)
    for end in found.ends:
        cost = "no plan" if end.usd_month is None else f"{usd(end.usd_month, page.cents)} a month"
        moved = "; ".join(end.changes) or "the same machines"
        page.say(f"All rates at the {end.rates} of their bands: {cost}, {moved}.", hang=2)


def show_doubt(found: Explanation, page: Page) -> None:
    """What is least certain, and what might as well have been chosen."""
    if found.uncertain:
        lines = [
            Line(
                u.key,
                (f"x {u.low:.3g} to {u.high:.3g}", signed(u.usd_month, page)),
                [f"{u.how}; {u.why}"],
            )
            for u in found.uncertain[: 2 * NAMED]
        ]
        page.table("What is least certain", ("range", "moves the bill by"), lines)
    alike: dict[str, list[str]] = defaultdict(list)
    for each in found.alike:
        apart = (each.usd_ratio - 1) * 100
        words = f"{abs(apart):.0f} % {'dearer' if apart > 0 else 'cheaper'}" if abs(apart) >= 0.5 else "the same price"
        alike[each.chosen].append(f"{each.other} ({words})")
    if alike or found.ties:
        page.title("What might as well have been chosen")
    for chosen, others in alike.items():
        rest = f" and {things(len(others) - NAMED, 'more')}" if len(others) > NAMED else ""
        page.say(f"{chosen}: {', '.join(others[:NAMED])}{rest}.", hang=2)
    for sentence in ties_in_words(found.ties):
        page.say(sentence, hang=2)
