"""A Monte Carlo run on a terminal and as plain values: how the cost may come out, and what it is worth to know."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console

from planner.outputs.figures import percent, things, usd
from planner.outputs.page import Line, Page

if TYPE_CHECKING:
    from planner.analysis.montecarlo import MonteCarlo
    from planner.uncertainty import Summary

RARE_SHARE = 0.01
"""What fewer of the cases buy is not listed."""


def show_montecarlo(found: MonteCarlo, console: Console) -> None:
    """Print the distributions, what is bought how often, and the values of knowing and of waiting."""
    base_usd = found.base.usd_month or 0.0
    page = Page(console, cents=base_usd < 1000)
    cases = things(len(found.casts), "draw" if found.drawn else "scenario")
    page.say(f"{found.base.problem}: {usd(base_usd, page.cents)} a month as things are; {cases}", "bold", indent=0)
    lines = [
        Line(name, figures(of, page))
        for name, of in (
            ("best plan of each case", found.best),
            ("procurement of today's plan kept", found.kept),
            ("nothing signed", found.waiting if found.holding else None),
        )
        if of is not None
    ]
    page.table("USD a month", ("p10", "p50", "p90", "mean", "+-"), lines)
    if found.drawn:
        page.say("+-: standard error of the mean.")
    show_shares(found, page)
    show_values(found, page)
    bought = {what: share for what, share in found.bought.items() if share >= RARE_SHARE}
    page.table("In the best plan of", ("cases",), [Line(what, (percent(share),)) for what, share in bought.items()])


def show_shares(found: MonteCarlo, page: Page) -> None:
    """Print in how many cases something is missing or over the budget."""
    if found.served_share < 1:
        page.say(f"In {percent(1 - found.served_share)} of the cases there is no plan; they are left out.")
    if found.kept_share < 1:
        missing = percent(1 - found.kept_share)
        page.say(
            f"In {missing} of the others today's procurement cannot be kept: it does not serve all, or breaks a "
            "limit.  They are left out of all sums."
        )
    if found.over_budget_share is not None:
        page.say(f"Kept, it costs more than the budget in {percent(found.over_budget_share)} of the cases.")


def show_values(found: MonteCarlo, page: Page) -> None:
    """Print what it is worth to know, how much of that is proved, and what waiting costs."""
    page.title("What it is worth to know")
    if found.information is None or found.kept is None:
        page.say("Nothing can be said: today's procurement can be kept in no case.")
        return
    worth, error = found.information.mean, found.information.error
    known = f"{usd(worth, page.cents)} a month"
    known += f" (+- {usd(error, page.cents)})" if found.drawn else ""
    least = usd(found.information_least or 0.0, page.cents)
    most = "no proved limit" if found.information_most is None else usd(found.information_most, page.cents)
    page.say(f"To know the case before signing: {known}; proved between {least} and {most} for these cases.", hang=2)
    if not found.holding:
        page.say("Today's plan signs for nothing, so it can wait for free.", hang=2)
    elif found.waiting is None or found.kept_with_waiting is None:
        page.say("Without signing for anything no case can be served.", hang=2)
    else:
        price = found.waiting.mean - found.kept_with_waiting.mean
        if price <= 0:
            page.say(f"To sign for nothing saves {usd(-price, page.cents)} a month: wait.", hang=2)
        else:
            page.say(
                f"To wait with nothing signed costs {usd(price, page.cents)} in each month of it, and saves "
                f"{usd(worth, page.cents)} in each month after: {verdict(price, worth)}",
                hang=2,
            )


def verdict(price: float, worth: float) -> str:
    """When a month of waiting is paid back."""
    if worth <= 0:
        return "waiting is never paid back."
    return f"a month of waiting is paid back in {price / worth:.1f} months, if all is known by then."


def figures(of: Summary, page: Page) -> tuple[str, ...]:
    """A distribution as figures of a line."""
    error = usd(of.error, page.cents) if of.error else ""
    return (*(usd(value, page.cents) for value in (of.p10, of.p50, of.p90, of.mean)), error)


def montecarlo_object(found: MonteCarlo) -> dict[str, Any]:
    """The same as plain values for JSON, with every case."""
    summaries = ("best", "kept", "waiting", "information")
    return {
        "problem": found.base.problem,
        "usd_month": found.base.usd_month,
        "drawn": found.drawn,
        **{name: asdict(of) if (of := getattr(found, name)) is not None else None for name in summaries},
        "information_least_usd_month": found.information_least,
        "information_most_usd_month": found.information_most,
        "served_share": found.served_share,
        "kept_share": found.kept_share,
        "over_budget_share": found.over_budget_share,
        "bought_share": found.bought,
        "cases": [each.to_plain() for each in found.casts],
    }
