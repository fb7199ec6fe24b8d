"""Prices for a negotiator, on a terminal and as plain values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.console import Console

from planner.outputs.figures import TERM_WORDS, percent, things, usd, usd_fine
from planner.outputs.page import Line, Page
from planner.outputs.whynot import entry_object

if TYPE_CHECKING:
    from planner.analysis.targets import Target, Targets


def show_targets(found: Targets, console: Console) -> None:
    """Print what is bought with the price up to which it stays, then what is not with the price that wins."""
    base = found.base
    page = Page(console, cents=(base.usd_month or 0) < 1000)
    page.say(f"{base.problem}: {usd(base.usd_month or 0, page.cents)} a month as things are", "bold", indent=0)
    chosen = [each for each in found.targets if each.chosen]
    near = [each for each in found.targets if not each.chosen and each.entry.at]
    far = [each for each in found.targets if not each.chosen and not each.entry.at]
    if chosen:
        page.table("Bought: may rise to", ("now", "up to", "change"), [line_of(each) for each in chosen])
    if near:
        page.table("Not bought: the price that wins", ("now", "wins at", "change"), [line_of(each) for each in near])
    if far:
        page.title("Not bought even at half the price")
        page.say("; ".join(f"{words(each)}, {who(each)} {usd_fine(now_of(each))}" for each in far) + ".")
    page.console.print()
    page.say(
        f"Prices of a machine an hour, of APIs in per Mtok.  {things(found.solves, 'solve')} beside the plan's own.  "
        f"{proof(found)}",
        "dim",
        indent=0,
    )


def proof(found: Targets) -> str:
    """How exact these prices are."""
    spans = [
        (each.entry.beyond - each.entry.sure) / each.entry.at
        for each in found.targets
        if each.entry.at and not math.isinf(each.entry.at) and each.entry.beyond is not None
    ]
    if not spans:
        return ""
    if max(spans) <= 1e-3:
        return "Exact."
    return "Each is known within what its proof leaves open: --json has both ends."


def words(target: Target) -> str:
    """What is sold, on which term."""
    line = target.line
    return f"{line.what} from an API" if line.term is None else f"{line.what}, {TERM_WORDS[line.term]}"


def who(target: Target) -> str:
    """Who sells it: the cheapest first."""
    line = target.line
    if line.tokens is not None:
        return line.tokens.provider
    sellers = list(dict.fromkeys(each.provider for each in line.sellers))
    return f"{sellers[0]} and {len(sellers) - 1} more" if len(sellers) > 1 else sellers[0]


def now_of(target: Target) -> float:
    """What the first seller asks [USD/h of a machine, USD/Mtok in]."""
    line = target.line
    return line.tokens.input_usd_mtok if line.tokens is not None else line.sellers[0].usd_h


def line_of(target: Target) -> Line:
    """A line of the table."""
    now, at = now_of(target), target.entry.at
    name = f"{words(target)}, {who(target)}"
    if math.isinf(at):
        return Line(name, (usd_fine(now), "any price", ""))
    change = f"{'+' if at >= 1 else '-'}{percent(abs(at - 1))}"
    return Line(name, (usd_fine(now), usd_fine(now * at), change))


def targets_object(found: Targets) -> dict[str, Any]:
    """The same as plain values for JSON."""
    return {
        "problem": found.base.problem,
        "usd_month": found.base.usd_month,
        "bound_usd_month": found.base.bound_usd_month,
        "solves": found.solves,
        "targets": [
            {
                "what": each.line.what,
                "term": each.line.term,
                "price": each.line.key,
                "chosen": each.chosen,
                "usd_h": None if each.line.tokens is not None else now_of(each),
                "input_usd_mtok": each.line.tokens.input_usd_mtok if each.line.tokens is not None else None,
                "output_usd_mtok": each.line.tokens.output_usd_mtok if each.line.tokens is not None else None,
                "wins_at_usd_h": wins_at(each),
                "sellers": [seller._asdict() for seller in each.line.sellers],
                "entry": entry_object(each.entry),
            }
            for each in found.targets
        ],
    }


def wins_at(target: Target) -> float | None:
    """The price of a machine that wins, or is still paid [USD/h]; None: none is known, or an API."""
    at = target.entry.at
    return None if target.line.tokens is not None or not at or math.isinf(at) else now_of(target) * at
