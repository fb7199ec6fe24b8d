"""An explanation on a terminal: the answer first, each section with what to ask next."""

from __future__ import annotations

from rich.console import Console

from planner.explanation import Explanation
from planner.outputs.figures import count, percent, usd, usd_fine
from planner.outputs.page import Line, Page


def show_explanation(found: Explanation, console: Console) -> None:
    """Print all of it; the first screen says what drives the bill and what each workload costs."""
    page = Page(console, cents=found.usd_month < 1000)
    page.say(f"{found.problem}: {usd(found.usd_month, page.cents)} a month, explained", "bold", indent=0)
    for section in (show_workloads, show_idle, show_evidence):
        section(found, page)


def show_workloads(found: Explanation, page: Page) -> None:
    """What each workload costs on the mean, at the margin and with the next step."""
    lines = [
        Line(w.name, (usd(w.usd_month, page.cents), percent(w.bill_share), usd_fine(w.usd_1000_requests)))
        for w in found.workloads
    ]
    page.table("What each workload costs", ("USD/month", "share", "$/1000 requests"), lines)


def show_idle(found: Explanation, page: Page) -> None:
    """How idle each machine is and when."""
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
    """What is measured and what is modeled."""
    lines = [
        Line(
            e.deployment,
            (e.source, f"{(e.low_share - 1) * 100:+.0f} to {(e.high_share - 1) * 100:+.0f} %", usd(e.usd_month)),
        )
        for e in found.evidence
    ]
    page.table("What stands behind the rates", ("", "80 % band", "USD/month"), lines)
