"""Two plans beside each other on a terminal: the bills, the machines, and what each change saves."""

from __future__ import annotations

from rich.console import Console

from planner.comparison import Comparison, Machines
from planner.outputs.figures import TERM_WORDS, count, percent, usd, usd_fine
from planner.outputs.page import Line, Page

HOW = (
    "Each step is the change with all steps above it made already and none below: in another order single steps "
    "come out differently, their sum never does.  Prices between the two plans are the plans' own, else the "
    "catalog's.  Changes named together cannot be told apart by these two plans."
)


def show_comparison(found: Comparison, console: Console) -> None:
    """Print the whole comparison, the answer first."""
    page = Page(console, cents=max(found.usd_month_before, found.usd_month_after) < 1000)
    before, after = found.usd_month_before, found.usd_month_after
    page.say(f"{found.before}: {usd(before, page.cents)} a month", style="bold", indent=0)
    saved = before - after
    share = f", {percent(abs(saved) / before)} {'less' if saved > 0 else 'more'}" if before and saved else ""
    page.say(f"{found.after}: {usd(after, page.cents)} a month{share}", style="bold", indent=0)
    for note in found.notes:
        page.say(note, style="yellow")
    show_steps(found, page)
    show_machines(found, page)
    lines = [
        Line(each.name, (usd(each.before, page.cents), usd(each.after, page.cents), signed(each.difference, page)))
        for each in found.bill
    ]
    total = (usd(before, page.cents), usd(after, page.cents), signed(-saved, page))
    page.table("The bills", ("before", "after", "difference"), [*lines, Line("total", total, style="bold")])
    show_workloads(found, page)


def signed(amount: float, page: Page) -> str:
    """A difference with its sign."""
    return usd(amount, page.cents) if amount <= 0 else f"+{usd(amount, page.cents)}"


def show_steps(found: Comparison, page: Page) -> None:
    """The waterfall, with the bill after each step."""
    running = found.usd_month_before
    lines = [Line("before", ("", usd(running, page.cents)), style="bold")]
    for step in found.steps:
        running += step.usd_month
        under = step.detail.split("; ") if step.detail else []
        lines.append(Line(step.what, (signed(step.usd_month, page), usd(running, page.cents)), under))
    lines.append(Line("after", ("", usd(found.usd_month_after, page.cents)), style="bold"))
    page.table("What each change does to the bill", ("USD/month", "then"), lines)
    page.say(HOW, style="dim")


def show_machines(found: Comparison, page: Page) -> None:
    """What is kept, added and returned."""
    lines = [
        Line(
            f"{each.machine} ({each.gpus} x {each.gpu})",
            (
                f"{each.count_before:,}",
                f"{each.count_after:,}",
                count(each.hours_month_before),
                count(each.hours_month_after),
                each.change,
            ),
            [f"{each.provider} {each.region or '(region not stated)'}, {term(each)}{prices(each)}"],
        )
        for each in found.machines
    ]
    if lines:
        page.table("Machines", ("before", "after", "h/month", "then", ""), lines)


def term(each: Machines) -> str:
    """The term in words."""
    return "existing commitment" if each.existing else TERM_WORDS[each.term]  # type: ignore[index]


def prices(each: Machines) -> str:
    """The price of a machine-hour, and both where it changed."""
    known = [p for p in (each.usd_h_before, each.usd_h_after) if p is not None]
    told = [usd_fine(p) for p in known]
    return f", {' then '.join(dict.fromkeys(told))}/h" if told else ""


def show_workloads(found: Comparison, page: Page) -> None:
    """What each workload costs in both plans."""
    lines = [
        Line(
            each.name,
            (
                usd(each.usd_month_before, page.cents),
                usd(each.usd_month_after, page.cents),
                usd_fine(each.usd_mtok_output_before),
                usd_fine(each.usd_mtok_output_after),
            ),
        )
        for each in found.workloads
    ]
    page.table("Workloads, a month", ("before", "after", "$/Mtok out", "then"), lines)
