"""Why something is not in a plan, on a terminal and as plain values."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Console

from planner.outputs.figures import TERM_WORDS, count, percent, things, usd, usd_fine
from planner.outputs.page import Line, Page

if TYPE_CHECKING:
    from planner.analysis.entry import Entry
    from planner.analysis.whynot import WhyNot
    from planner.plan import Plan


def show_whynot(found: WhyNot, console: Console) -> None:
    """Print the answer: what it costs to use it, the price at which it enters, and what excludes it."""
    base = found.base
    page = Page(console, cents=(base.usd_month or 0) < 1000)
    where = "is in" if found.in_plan else "is not in"
    cost = usd(base.usd_month or 0, page.cents)
    page.say(f"{found.thing.name} {where} the best plan of {base.problem}, {cost} a month", "bold", indent=0)
    if not found.for_sale:
        page.say("Nothing that passes every rule of the problem has it: no price brings it in.")
    show_used(found, page)
    if found.entry is not None:
        show_entry(found, found.entry, page)
    elif found.for_sale:
        page.title("Its price")
        page.say("It has no price of its own.  Ask about the machines that it needs.")
    if found.rules:
        lines = [
            Line(rule.reason, (things(rule.count, rule.of) if rule.count else "all",), near(rule.nearest))
            for rule in found.rules
        ]
        page.table("What excludes some of it" if found.for_sale else "What excludes it", ("",), lines)
    if found.outdone:
        page.title("At the prices of today")
        few = found.outdone < found.for_sale
        those = f"{count(found.outdone)} of {count(found.for_sale)} offers" if few else "All offers"
        page.say(f"{those} that pass every rule are left out: others do the same for no more money.")


def near(nearest: str) -> tuple[str, ...]:
    """What came nearest, as a line below."""
    return (f"nearest: {nearest}",) if nearest else ()


def show_used(found: WhyNot, page: Page) -> None:
    """Print the cheapest plan known that uses it."""
    if found.used is None:
        if found.for_sale and not found.in_plan:
            page.say("No plan was found that uses it.")
        return
    base = found.base.usd_month or 0.0
    extra = found.used.usd_month - base
    page.title("What a plan with it costs")
    cost = f"{found.used.how}: {usd(found.used.usd_month, page.cents)}"
    if extra < 0:
        page.say(f"{cost}.  That is less than the plan above, which is only proved within its gap (--gap).")
    else:
        more = f"{usd(extra, page.cents)} a month more ({percent(extra / base) if base else '-'})"
        if found.used.bound_usd_month is not None:
            least = max(0.0, found.used.bound_usd_month - base)
            if extra - least > 0.5:
                more += f"; {usd(least, page.cents)} at least, as far as is proved"
        page.say(f"{cost}, {more}.")
    page.say(f"It buys {what_is_bought(found.used.plan)}.")


def what_is_bought(plan: Plan) -> str:
    """Machines and APIs of a plan in a sentence."""
    machines: Counter[str] = Counter()
    for each in plan.purchases:
        if not each.existing:
            machines[f"{each.machine} of {each.provider}, {TERM_WORDS[each.term]}"] += each.count
    parts = [f"{n} x {what}" for what, n in machines.items()]
    parts += [f"tokens from {name}" for name in sorted({api.provider for api in plan.apis})]
    return "; ".join(parts) or "nothing"


def show_entry(found: WhyNot, entry: Entry, page: Page) -> None:
    """Print the price at which it enters the best mix or leaves it."""
    page.title("The price at which it leaves" if found.in_plan else "The price at which it enters")
    if math.isinf(entry.at):
        page.say("It stays at any price: without it there is no plan.")
        return
    if not entry.at:
        page.say("None: even at a thousandth of its price the best plan does without it.")
        return
    change = abs(1 - entry.at)
    if found.in_plan:
        more = entry.usd_month_without - (found.base.usd_month or 0.0)
        page.say(f"Without it the best plan costs {usd(more, page.cents)} a month more.")
        page.say(f"{percent(change)} more than now: up to there some of it is bought.")
    elif entry.at >= 1:
        page.say("As things are: a plan with it costs no more than the best one, as far as is proved.")
    else:
        page.say(f"{percent(change)} less than now.")
    rows = asked_of(found, entry)
    if rows:
        heads = ("now", "leaves" if found.in_plan else "enters")
        page.table("", heads, [Line(what, (usd_fine(now), usd_fine(then))) for what, now, then in rows])
    page.say(how_sure(entry), "dim")


def asked_of(found: WhyNot, entry: Entry) -> list[tuple[str, float, float]]:
    """What is bought of it at that price: what is asked now, and what is asked there [USD/h, USD/Mtok]."""
    lever, plan = found.thing.lever, found.entry_plan
    if lever is None or plan is None or entry.found_at is None:
        return []
    out: dict[str, tuple[float, float]] = {}
    for each in plan.purchases:
        if lever.kind == "rent" and not each.existing and each.term != "bought" and lever.reaches(each):
            now = each.usd_h / entry.found_at
            out[f"{each.provider} {each.machine}, {TERM_WORDS[each.term]}, an hour"] = (now, now * entry.at)
    for api in plan.apis:
        if lever.kind == "tokens" and lever.reaches(api):
            for way, price in (("in", api.input_usd_mtok), ("out", api.output_usd_mtok)):
                now = price / entry.found_at
                out[f"{api.provider} {api.model}, Mtok {way}"] = (now, now * entry.at)
    return [(what, *prices) for what, prices in out.items()]


def how_sure(entry: Entry) -> str:
    """What is proved of that price."""
    if entry.beyond is None:
        return "A rule of the problem counts these prices: found by halving, proved only below."
    if entry.beyond - entry.sure <= 1e-4 * max(1.0, entry.at):
        return f"Exact: at {number_of(entry.at)} times today's prices both cost the same."
    if not entry.sure and math.isinf(entry.beyond):
        return "Nothing is proved of it: the time given was too short."
    above = f"above {number_of(entry.beyond)} in none that spends {usd(entry.threshold_usd_month)} a month on it."
    return f"At less than {number_of(entry.sure)} times today's prices it is surely in the best plan, {above}"


def number_of(factor: float) -> str:
    """A factor in three figures.

    >>> number_of(0.14615), number_of(12.3456)
    ('0.146', '12.3')
    """
    return f"{factor:.3g}"


def entry_object(entry: Entry | None) -> dict[str, Any] | None:
    """A price of entry as plain values; what is infinite is left out as null."""
    if entry is None:
        return None

    def finite(value: float | None) -> float | None:
        return None if value is None or math.isinf(value) else value

    return {
        "factor": finite(entry.at),
        "at_any_price": math.isinf(entry.at),
        "surely_below": finite(entry.sure),
        "in_none_above": finite(entry.beyond),
        "that_spends_usd_month": entry.threshold_usd_month,
        "usd_month_without": finite(entry.usd_month_without),
        "solves": entry.solves,
    }


def whynot_object(found: WhyNot) -> dict[str, Any]:
    """The same as plain values for JSON."""
    used = found.used
    prices = asked_of(found, found.entry) if found.entry is not None and not math.isinf(found.entry.at) else []
    return {
        "problem": found.base.problem,
        "what": found.thing.name,
        "kind": found.thing.kind,
        "in_plan": found.in_plan,
        "usd_month": found.base.usd_month,
        "bound_usd_month": found.base.bound_usd_month,
        "with_it": None
        if used is None
        else {
            "how": used.how,
            "usd_month": used.usd_month,
            "bound_usd_month": used.bound_usd_month,
            "buys": what_is_bought(used.plan),
        },
        "entry": entry_object(found.entry),
        "prices": [{"what": what, "now_usd": now, "then_usd": then} for what, now, then in prices],
        "offers_that_pass": found.for_sale,
        "outdone": found.outdone,
        "excluded": [
            {"reason": rule.reason, "count": rule.count, "of": rule.of, "nearest": rule.nearest} for rule in found.rules
        ],
    }
