"""One plan for many scenarios on a terminal: what to sign now, what each scenario costs, what planning is worth."""

from __future__ import annotations

from rich.console import Console

from planner.outputs.figures import TERM_WORDS, number, percent, percent_at_most, plain, things, usd, usd_fine
from planner.outputs.page import Line, Page
from planner.plan import Plan
from planner.robust_plan import RobustPlan, ScenarioPlan, Signed, Worth

NARROW = 0.005
"""An interval narrower than this share is told as one figure."""


def show_robust(found: RobustPlan, console: Console) -> None:
    """Print the plan, the answer first."""
    page = Page(console, cents=found.usd_month is not None and found.usd_month < 1000)
    page.say(f"{found.problem}: {_answer(found, page.cents)}", "bold", indent=0)
    if plain(found.title):
        page.say(found.title, "dim")
    if found.usd_month is not None:
        page.say(_standing(found, page.cents), "green" if found.status == "optimal" else "yellow")
    if found.in_the_way:
        page.title("In the way")
        for sentence in found.in_the_way:
            page.say(f"- {sentence}", hang=2)
    if not found.scenarios:
        return
    _show_signed(found, page)
    _show_scenarios(found, page)
    _show_worths(found, page)
    said = sorted({note for each in found.scenarios for note in each.plan.notes})
    if said:
        page.title("Notes")
        for note in said:
            page.say(f"- {note}", hang=2)
    checks = len(found.audit) + sum(len(each.plan.audit) for each in found.scenarios)
    page.console.print()
    page.say(
        f"Audit: {things(checks, 'check')} passed; each scenario's plan was audited like any other.  "
        f"Found with {things(found.solves, 'search', 'searches')}.",
        "dim",
    )


def _answer(found: RobustPlan, cents: bool) -> str:
    if found.status == "infeasible":
        return "no plan serves every scenario"
    if found.usd_month is None:
        return "no plan was found in time"
    amount = usd(found.usd_month, cents)
    scenarios = things(len(found.scenarios), "scenario")
    return {
        "expected": f"{amount} a month expected over {scenarios}",
        "worst": f"{amount} a month in the dearest of {scenarios}",
        "cvar": f"{amount} a month on the mean of the dearest {percent(found.tail or 0)} of {scenarios}",
        "regret": f"at most {amount} a month more than each of {scenarios} costs at best",
    }[found.criterion]


def _standing(found: RobustPlan, cents: bool) -> str:
    expected = (
        "" if found.criterion == "expected" else f"  Expected: {usd(found.expected_usd_month or 0, cents)} a month."
    )
    if found.gap is None or found.bound_usd_month is None:
        return f"How good it is was not proved in time.{expected}"
    of = " of what the dearest scenario costs" if found.criterion == "regret" else ""
    if found.status == "optimal":
        return f"Proved: no plan does better by more than {percent_at_most(found.gap)}{of}.{expected}"
    low = usd(found.bound_usd_month, cents)
    return (
        f"Not proved within {percent(found.gap_asked)}: no plan goes below {low}, {percent_at_most(found.gap)}{of} "
        f"less.{expected}"
    )


def _show_signed(found: RobustPlan, page: Page) -> None:
    if not found.signed:
        page.title("To sign now")
        page.say("Nothing: all is rented once it is known which scenario comes.")
        return
    lines = [
        Line(_what(each), (usd(each.usd_month, page.cents), usd(each.upfront_usd)), [_where(each)])
        for each in found.signed
    ]
    page.table("To sign now", ("USD/month", "at once"), lines)


def _what(each: Signed) -> str:
    if not each.gpus:
        return f"{usd_fine(each.count * each.usd_h)}/h of spend promised to {each.provider}"
    return f"{each.count:,} x {each.what} ({each.gpus} x {each.gpu})"


def _where(each: Signed) -> str:
    term = TERM_WORDS.get(each.term, each.term)  # type: ignore[call-overload]
    if not each.gpus:
        return f"{term}, paid every hour, in steps of {usd_fine(each.usd_h)}/h"
    return f"{each.provider} {each.region or '(region not stated)'}, {term}, {usd_fine(each.usd_h)}/h each"


def _show_scenarios(found: RobustPlan, page: Page) -> None:
    lines = []
    for each in found.scenarios:
        mean = "no plan" if each.mean_plan_usd_month is None else usd(each.mean_plan_usd_month, page.cents)
        figures = (
            percent(each.weight),
            usd(each.usd_month, page.cents),
            usd(each.alone_usd_month, page.cents),
            mean,
        )
        lines.append(Line(each.name, figures, [_factors(each), *_rented(each.plan, page.cents)]))
    page.table("What may come", ("weight", "USD/month", "had one known", "mean's plan"), lines)
    page.say(
        "Had one known: the cheapest plan for that scenario alone.  Mean's plan: with what the plan for the mean "
        f"scenario signs ({', '.join(_what(each) for each in found.mean_signed) or 'nothing'}).",
        "dim",
    )


def _factors(each: ScenarioPlan) -> str:
    said = [f"{key} x {number(factor)}" for key, factor in each.factors.items()]
    return ", ".join(said) or "as the problem stands"


def _rented(plan: Plan, cents: bool) -> list[str]:
    """What is rented and bought once the scenario has come."""
    later = [p for p in plan.purchases if p.billing == "hourly" and not p.existing]
    said = [
        f"{p.count:,} x {p.machine} of {p.provider}, {TERM_WORDS[p.term]}: {usd(p.usd_month, cents)}" for p in later
    ]
    api_usd = sum(a.usd_month for a in plan.apis)
    said += [f"APIs: {usd(api_usd, cents)}"] if plan.apis else []
    return [f"then {each}" for each in said] or ["then nothing more"]


def _show_worths(found: RobustPlan, page: Page) -> None:
    page.title("What it is worth")
    what = {
        "expected": "the expected cost",
        "worst": "the worst cost",
        "cvar": "the mean of the dearest",
        "regret": "the regret",
    }[found.criterion]
    if found.planning is not None:
        page.say(_worth(f"Planning for all scenarios instead of their mean takes off {what}", found.planning, page))
    elif found.mean_signed or found.scenarios[0].mean_plan_usd_month is None:
        page.say("With what the plan for the mean scenario signs, some scenario cannot be served.")
    if found.knowing is not None:
        page.say(_worth(f"Knowing which scenario comes before signing would take off {what}", found.knowing, page))


def _worth(what: str, worth: Worth, page: Page) -> str:
    low, high = usd(worth.at_least, page.cents), usd(worth.at_most, page.cents)
    if not worth.sure:
        return f"{what} {usd(worth.usd_month, page.cents)} a month, if anything: {high} at most by what is proved."
    between = "" if worth.at_most - worth.at_least <= NARROW * worth.at_most else f", {low} to {high} by what is proved"
    return f"{what} {usd(worth.usd_month, page.cents)} a month{between}."
