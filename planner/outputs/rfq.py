"""A plan as a request for quotes: what is asked of each provider, at which price the plan counts with it.

The target is the plan's own price: at it the plan is what it says.  How far a quote may lie above before another plan
is cheaper is told where it was asked for (`analysis.walkaway`), and not claimed elsewhere.
"""

from __future__ import annotations

import csv
import io
import json
import textwrap
from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date

from planner.catalog.rows import TERM_MONTHS
from planner.committed import SpendPurchase
from planner.outputs.figures import TERM_WORDS, number, percent_at_most, plain, usd, usd_fine
from planner.outputs.schedule import schedule_lines
from planner.outputs.tables import safe_cell
from planner.plan import Plan, Purchase

COLUMNS = (
    "provider", "machine", "gpu", "gpus", "region", "country", "machines", "term", "start", "end", "machine_hours_week",
    "when", "minimum_rental_h", "target_usd_h", "target_upfront_usd", "target_usd_month",
    "accept_to_usd_h", "too_dear_above_usd_h", "price_source",
    "price_observed_on", "quoted_usd_h", "quoted_upfront_usd", "available_from", "quote_valid_until", "contact",
    "remarks",
)  # fmt: skip
TO_FILL_IN = COLUMNS[-6:]

Row = dict[str, object]
Accepted = Mapping[tuple[str, str, str, str], tuple[float | None, float | None]]
"""(provider, region, machine, term) -> prices [USD/h]: accepted for sure, too dear for sure."""


def quote_lines(plan: Plan, start: date | None = None, accepted: Accepted | None = None) -> list[Row]:
    """A line for each purchase that a provider can be asked for: not for what is there, nor for spot or serverless."""
    begin = start or first_of_next_month(plan.prices_observed.today)
    asked = [p for p in plan.purchases if not p.existing and p.term not in ("spot", "serverless")]
    asked.sort(key=lambda p: (p.provider, -p.usd_month))
    lines = [quote_line(plan, p, begin, accepted or {}) for p in asked]
    return lines + [spend_line(spend, begin) for spend in plan.spends if not spend.existing]


def quote_line(plan: Plan, p: Purchase, begin: date, accepted: Accepted) -> Row:
    """What is asked for, and empty cells for the answer."""
    sure, too_dear = accepted.get((p.provider, p.region, p.machine, p.term), (None, None))
    months = TERM_MONTHS.get(p.term, 0)
    always = p.billing == "always"
    when = "all week" if always else "; ".join(schedule_lines(p.machines_by_block, plan.blocks))
    return {
        "provider": p.provider,
        "machine": p.machine,
        "gpu": p.gpu,
        "gpus": p.gpus,
        "region": p.region,
        "country": p.country,
        "machines": p.count,
        "term": p.term,
        "start": begin.isoformat(),
        "end": later(begin, months).isoformat() if months else "",
        "machine_hours_week": round(p.hours_month * 168 / plan.month_hours, 1),
        "when": when,
        "minimum_rental_h": p.minimum_rental_h,
        # What a machine of one's own costs an hour holds power and hands, which its vendor does not sell.
        "target_usd_h": "" if p.term == "bought" else p.usd_h,
        "target_upfront_usd": round(p.upfront_usd, 2),
        "target_usd_month": "" if p.term == "bought" else round(p.usd_h * p.hours_month, 2),
        "accept_to_usd_h": "" if sure is None else round(sure, 4),
        "too_dear_above_usd_h": "" if too_dear is None else round(too_dear, 4),
        "price_source": p.source,
        "price_observed_on": p.observed_on.isoformat(),
        **dict.fromkeys(TO_FILL_IN, ""),
    }


def spend_line(spend: SpendPurchase, begin: date) -> Row:
    """What is asked for of a promise of spend: the rates at which it pays for machines stand under `when`."""
    rates = "; ".join(
        f"{each.machine} {each.region} at {usd_fine(each.usd_h)}/h instead of {usd_fine(each.on_demand_usd_h)}/h"
        for each in spend.covers
    )
    return {
        **dict.fromkeys(COLUMNS, ""),
        "provider": spend.provider,
        "machine": "spend commitment on machines on demand",
        "term": spend.term,
        "start": begin.isoformat(),
        "end": later(begin, TERM_MONTHS[spend.term]).isoformat(),
        "machine_hours_week": 168.0,
        "when": rates or "all week",
        "target_usd_h": spend.usd_h,
        "target_upfront_usd": round(spend.upfront_usd, 2),
        "target_usd_month": round(spend.usd_month, 2),
        "price_source": spend.source,
        "price_observed_on": spend.observed_on.isoformat(),
    }


def first_of_next_month(today: date) -> date:
    """The first day of the month after `today`.

    >>> first_of_next_month(date(2026, 12, 24))
    datetime.date(2027, 1, 1)
    """
    return later(today.replace(day=1), 1)


def later(day: date, months: int) -> date:
    """The same day so many months later; the last of the month where it has no such day.

    >>> later(date(2026, 11, 30), 3)
    datetime.date(2027, 2, 28)
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def as_csv(lines: Sequence[Row]) -> str:
    """The lines as a table for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([safe_cell(line[column]) for column in COLUMNS] for line in lines)
    return text.getvalue()


def as_json(lines: Sequence[Row]) -> str:
    """The lines for programs."""
    return json.dumps(lines, indent=1)


def as_markdown(plan: Plan, lines: Sequence[Row]) -> str:
    """A sheet for each provider, one below the other."""
    head = [f"# Request for quotes: {plain(plan.title) or plain(plan.problem)}", ""]
    if not lines:
        return "\n".join([*head, "The plan rents nothing that a provider could be asked for.", ""])
    head += [
        *textwrap.wrap(
            "For the buyer, not to be sent: each provider's part below is complete in itself. Target prices are those "
            f"the plan counts with, in USD, per machine and not per GPU.{standing(plan, lines)} Spot and machines "
            "already paid for are not asked for.",
            80,
        ),
        "",
    ]
    providers = dict.fromkeys(str(line["provider"]) for line in lines)
    parts = [sheet(provider, [line for line in lines if line["provider"] == provider]) for provider in providers]
    return "\n".join(head) + "\n" + "\n".join(parts)


def standing(plan: Plan, lines: Sequence[Row]) -> str:
    """What the target means for the plan as a whole."""
    if any(line["accept_to_usd_h"] != "" for line in lines):
        how_far = (
            "Up to the price to accept, the plan costs no more than any plan without that line; above the other, one "
            "without it is cheaper. Take both out before a sheet is sent."
        )
    else:
        how_far = (
            "How far a quote may lie above its target before another plan is cheaper is not told here: solve again "
            "with the quotes."
        )
    if plan.gap is None or plan.usd_month is None:
        return ""
    proved = f"within {percent_at_most(plan.gap)} of the best" if plan.gap > 1e-9 else "proved to be the best"
    return f" At these prices the plan costs {usd(plan.usd_month)} a month, {proved}. {how_far}"


def targets(line: Row, each: str) -> list[tuple[str, str]]:
    """The price that the plan counts with: of an hour, or of a machine that is bought."""
    upfront = float(str(line["target_upfront_usd"]))
    if line["term"] == "bought":
        price = upfront / int(str(line["machines"]))
        return [("target price", f"{usd(price)} a machine, bought"), ("target, all machines", usd(upfront))]
    return [
        ("target price", f"{usd_fine(float(str(line['target_usd_h'])))}/h{each}"),
        ("target, a month", usd(float(str(line["target_usd_month"])))),
        ("upfront at target", usd(upfront)),
        *limits(line, each),
    ]


def limits(line: Row, each: str) -> list[tuple[str, str]]:
    """Up to which price to accept, and above which not; none where it was not asked for."""
    rows = (("accept up to", "accept_to_usd_h"), ("too dear above", "too_dear_above_usd_h"))
    return [(name, f"{usd_fine(float(str(line[key])))}/h{each}") for name, key in rows if line[key] != ""]


def sheet(provider: str, lines: Sequence[Row]) -> str:
    """What is asked of one provider."""
    out = [f"## {plain(provider)}", "", "Please quote the lines below.  Asked by (company, name, mail):", ""]
    for index, line in enumerate(lines, 1):
        term = TERM_WORDS[line["term"]]  # type: ignore[index]
        until = f" to {line['end']}" if line["end"] else ""
        region = f"{line['region']} {line['country']}".strip() or "any (not stated)"
        hours = f"{number(float(str(line['machine_hours_week'])))} machine-hours a week: {line['when']}"
        what = f"{line['machines']} x {line['machine']} ({line['gpus']} x {line['gpu']})"
        each = " a machine"
        if not line["gpu"]:
            what, each, hours = str(line["machine"]), " promised", f"every hour: {line['when']}"
        rows = [
            ("machines", what),
            ("region", region),
            ("term", f"{term}, from {line['start']}{until}"),
            ("hours", hours),
            *targets(line, each),
            ("target taken from", f"{line['price_source']}, seen {line['price_observed_on']}"),
            *((name.replace("_", " "), "") for name in TO_FILL_IN),
        ]
        out += [f"### Line {index}", "", "| | |", "|---|---|"]
        out += [f"| {name} | {plain(value).replace('|', '/')} |" for name, value in rows]
        out.append("")
    return "\n".join(out)
