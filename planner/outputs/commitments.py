"""What is committed to, as a section of the terminal page: above which use it pays, and what its term may bring."""

from __future__ import annotations

from planner.committed import Commitment
from planner.outputs.figures import percent, things, usd, usd_fine
from planner.outputs.page import Line, Page
from planner.plan import Plan


def show_commitments(plan: Plan, page: Page) -> None:
    """Every commitment with its use and its break-even, and the sums over its term."""
    if not plan.commitments:
        return
    lines = [
        Line(
            _what(each),
            (
                percent(each.used_share),
                "-" if each.break_even_share is None else percent(each.break_even_share),
            ),
            [sentence for sentence in (_idle(each, plan), _against(each), *_term(each, plan)) if sentence],
        )
        for each in plan.commitments
    ]
    page.table("What is committed to", ("used", "pays above"), lines)


def _what(each: Commitment) -> str:
    if each.machines is None:
        return each.name
    return f"{each.machines:,} x {each.name}"


def _idle(each: Commitment, plan: Plan) -> str:
    """What of it nobody needs."""
    idle = 1 - each.used_share
    if idle < 0.0005:
        return ""
    if each.machines is None:
        return f"{percent(idle)} of what is promised pays for nothing: {usd(_a_month(each, plan) * idle)} a month."
    hours = each.machines * plan.month_hours * idle
    words = f"Not needed in {percent(idle)} of its machine-hours ({hours:,.0f} a month)"
    return f"{words}; they are paid for all the same." if each.existing else f"{words}."


def _a_month(each: Commitment, plan: Plan) -> float:
    return each.usd_h * plan.month_hours


def _against(each: Commitment) -> str:
    """What it is measured against."""
    if each.existing:
        return f"Already paid for, until {each.ends_on}." if each.ends_on else "Already paid for."
    if each.on_demand_usd_h is None:
        return "Not sold on demand here: nothing to measure it against."
    size = each.machines or 1
    mine, other = usd_fine(each.usd_h / size), usd_fine(each.on_demand_usd_h / size)
    if each.machines is None:
        return f"{mine}/h all in; what it would pay for if all were used costs {other}/h on demand."
    return f"{mine}/h each all in, against {other}/h on demand ({each.on_demand_name})."


def _term(each: Commitment, plan: Plan) -> list[str]:
    """Its term in sums, with growth and decline as stated."""
    if each.term_usd is None or each.on_demand_term_usd is None:
        return []
    sums = f"{usd(each.term_usd)}; the hours used, on demand: {usd(each.on_demand_term_usd)}"
    sentences = [f"Over {things(each.months, 'month')}, with {_outlook(each)}: {sums}."]
    if each.cheaper_until_month == 0:
        sentences.append("By itself on demand would be the cheaper one from the first month on.")
    elif each.cheaper_until_month is not None and each.cheaper_until_month < each.months:
        sentences.append(f"After month {each.cheaper_until_month} on demand would be the cheaper one.")
    return sentences


def _outlook(each: Commitment) -> str:
    growth, decline = each.growth_month_share, each.price_decline_month_share
    if not growth and not decline:
        return "demand and prices as they are"
    demand = f"demand {'growing' if growth > 0 else 'falling'} {percent(abs(growth))} a month" if growth else ""
    prices = f"on-demand prices {'falling' if decline > 0 else 'rising'} {percent(abs(decline))} a month"
    return " and ".join(part for part in (demand, prices if decline else "") if part)
