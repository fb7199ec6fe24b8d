"""The first lines of every answer: what it costs a month and how close to the best that is proved to be.

Limits are rounded up, so that what is said to be proved is.
"""

from __future__ import annotations

import math

from planner.outlays import Converted
from planner.outputs.figures import number, percent, percent_at_most, plain, seconds, usd, usd_at_most
from planner.outputs.page import Page
from planner.plan import Plan, Spares

MINUTE_S = 60


def show_headline(plan: Plan, page: Page) -> None:
    """The answer, its proof, and what to do where it falls short."""
    page.say(f"{plan.problem}: {_answer(plan, page.cents)}", style="bold", indent=0)
    if plain(plan.title):
        page.say(plan.title, style="dim")
    if plan.converted is not None:
        page.say(in_other_money(plan.converted))
    for sentence in _standing(plan, page.cents):
        page.say(sentence, style="green" if plan.status == "optimal" and plan.gap is not None else "yellow")
    if plan.spares is not None:
        page.say(_spares(plan, plan.spares, page.cents))
    if plan.in_the_way:
        page.title("In the way")
        for sentence in plan.in_the_way:
            page.say(f"- {sentence}", hang=2)


def in_other_money(total: Converted) -> str:
    """The total in another currency, and whose rate that is."""
    amount = f"{total.month:,.0f}" if total.month >= 1000 else f"{total.month:,.2f}"
    rate = f"{number(total.per_usd)} {total.code} per USD"
    return f"That is {amount} {total.code} a month at {rate} ({total.source}, {total.observed_on})."


def _answer(plan: Plan, cents: bool) -> str:
    if plan.status == "infeasible":
        return "no plan meets every requirement"
    if plan.usd_month is None:
        return f"no plan found in {seconds(plan.solve_s)}"
    answer = f"{usd(plan.usd_month, cents)} a month"
    committed = plan.usd_month - (plan.usd_month if plan.usd_month_decided is None else plan.usd_month_decided)
    if committed > 0.005:
        answer += f", {usd(committed, cents)} of it for existing commitments"
    return answer


def _spares(plan: Plan, spares: Spares, cents: bool) -> str:
    """What it costs that a machine may fail, between what is proved."""
    if plan.usd_month is None or plan.bound_usd_month is None or spares.bound_usd_month_without is None:
        proved = ""
    else:
        low = max(0.0, plan.bound_usd_month - spares.usd_month_without)
        high = max(0.0, plan.usd_month - spares.bound_usd_month_without)
        proved = f", {usd(low, cents)} to {usd(high, cents)} by what is proved" if high > 1.005 * low else ""
    extra = (plan.usd_month or 0.0) - spares.usd_month_without
    kept = "go on" if spares.kept_share >= 1 else f"keep {percent(spares.kept_share)} of their load"
    who = " and ".join(spares.workloads) if len(spares.workloads) < 3 else f"{len(spares.workloads)} workloads"
    any_of = [f"any one {what}" for what in spares.lost]
    may = ", ".join(any_of[:-1]) + f" or {any_of[-1]}" if len(any_of) > 1 else any_of[0]
    names = ", ".join(f"resilience.{what}" for what in spares.lost)
    if len(spares.workloads) == 1:
        kept = kept.replace("go on", "goes on").replace("keep ", "keeps ").replace("their", "its")
    return (
        f"{may[0].upper()}{may[1:]} may fail and {who} {kept}: that costs {usd(extra, cents)} a month{proved} "
        f"({names})."
    )


def _standing(plan: Plan, cents: bool) -> list[str]:
    """How near the best possible, in plain words."""
    if plan.status == "infeasible":
        return []
    longer = f"Run longer with --time-limit {_longer_s(plan)}"
    if plan.usd_month is None:
        at_least = (
            []
            if plan.bound_usd_month is None
            else [f"Any plan costs at least {usd(plan.bound_usd_month, cents)} a month."]
        )
        return [*at_least, f"{longer}."]
    if plan.bound_usd_month is None or plan.gap is None:
        why = "the limit came before the first proof" if plan.solver == "highs" else f"{plan.solver} gave none"
        unknown = f"How far from the best possible: bound unknown ({why})."
        return (
            [unknown]
            if plan.status == "optimal"
            else [unknown, f"{longer}." if plan.solver == "highs" else f"{longer}, or with highs."]
        )
    saved = max(0.0, plan.usd_month - plan.bound_usd_month)
    decided = " what is decided here" if plan.usd_month_decided != plan.usd_month else ""
    basis = f" on{decided}" if decided else ""
    if plan.status == "optimal":
        if saved < 0.005:
            return [f"Proved to be the best possible{basis}: nothing could be saved."]
        return [
            f"Proved within {percent_at_most(plan.gap)} of the best possible{basis}: "
            f"could save at most {usd_at_most(saved, cents)} a month."
        ]
    share = f"{percent_at_most(plan.gap)} of{decided or ' it'}"
    return [
        f"Stopped after {seconds(plan.solve_s)}, short of the {percent_at_most(plan.gap_asked)} asked for: "
        f"at most {share} ({usd_at_most(saved, cents)} a month) could still be saved.",
        f"{longer}, or accept with --gap {_rounded_up(plan.gap):g}.",
    ]


def _longer_s(plan: Plan) -> int:
    return max(1, math.ceil(5 * plan.solve_s / MINUTE_S - 0.2)) * MINUTE_S


def _rounded_up(share: float) -> float:
    """The next share of two digits, so that asking for it accepts this plan."""
    if share <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(share)) - 1)
    return round(math.ceil(round(share / step, 6)) * step, 12)
