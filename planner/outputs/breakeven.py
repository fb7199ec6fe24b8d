"""A break-even on a terminal and as plain values: the volume, the prices, and why rules of thumb say otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console

from planner.outputs.figures import percent, things, usd, usd_fine
from planner.outputs.page import Line, Page
from planner.outputs.terminal import show_purchases

if TYPE_CHECKING:
    from planner.analysis.breakeven import Breakeven, Volume


def show_breakeven(found: Breakeven, console: Console) -> None:
    """Print where self-hosting begins to win."""
    page = Page(console)
    volume, name = found.volume, found.own.problem
    if volume.high is None:
        page.say(f"{name}: no volume was found at which a fleet of one's own wins", "bold", indent=0)
        page.say(f"Up to {_times(volume.low)} the problem's volume the APIs are cheaper: proved.")
    else:
        begins = f"a fleet of one's own wins from {_tokens(found, volume.high)} tokens a month"
        page.say(f"{name}: {begins}", "bold", indent=0)
        page.say(f"That is {_times(volume.high)} what the problem asks for.  {_proved(found, volume)}")
    page.say(
        f"The problem's {_tokens(found, 1)} tokens a month, in and out, cost {usd(found.api_usd_month)} at the APIs; "
        f"the cheapest fleet for them costs {usd(found.own.usd_month_decided or 0.0)}."
    )
    page.say(_prices(found))
    if volume.plan is not None:
        show_purchases(volume.plan, page)
    rows = [("as the problem stands", volume.high)]
    rows += [(f"... and without {each.without}", each.volume.high) for each in found.levers]
    lines = [
        Line(words, ("never", "never") if at is None else (_tokens(found, at), f"{at:,.3g}")) for words, at in rows
    ]
    page.table("A fleet wins from", ("tokens/month", "x the problem's"), lines)
    page.say(_rule_of_thumb(found))
    page.say(f"Found with {things(found.solves, 'fleet')} solved, each to the gap asked for.", "dim")


def breakeven_object(found: Breakeven) -> dict[str, Any]:
    """The break-even as plain values for JSON."""
    mtok = found.input_mtok_month + found.output_mtok_month

    def volume(v: Volume) -> dict[str, Any]:
        return {
            "from_mtok_month": None if v.high is None else v.high * mtok,
            "scale": v.high,
            "apis_win_below_scale": v.low,
        }

    return {
        "problem": found.own.problem,
        "mtok_month": mtok,
        "output_mtok_month": found.output_mtok_month,
        "api_usd_month": found.api_usd_month,
        "fleet_usd_month": found.own.usd_month_decided,
        "fleet_wins": volume(found.volume),
        "without": [{"what": each.without, **volume(each.volume)} for each in found.levers],
        "api_price_factor": found.api_factor,
        "machine_price_factor": found.machine_factor,
        "plan": None if found.volume.plan is None else found.volume.plan.model_dump(mode="json"),
    }


def _tokens(found: Breakeven, scale: float) -> str:
    mtok = scale * (found.input_mtok_month + found.output_mtok_month)
    return f"{mtok:,.0f} M" if mtok >= 10 else f"{mtok:.3g} M"


def _times(scale: float) -> str:
    return f"{scale:,.3g} times" if scale < 1000 else f"{scale:,.0f} times"


def _proved(found: Breakeven, volume: Volume) -> str:
    if volume.high is not None and volume.low >= volume.high * 0.998:
        return "Below it the APIs are cheaper at every volume: proved."
    below = f"Below {_tokens(found, volume.low)} the APIs are cheaper at every volume: proved"
    return f"{below}; between the two the gap of the solves leaves it open."


def _prices(found: Breakeven) -> str:
    same = f"For them, both cost the same if API tokens cost {found.api_factor:.3g} times what they do"
    if found.machine_factor is None:
        return f"{same}.  No fall of rents would do: what is paid beside them is more than the APIs ask."
    return f"{same}, or if rents were {found.machine_factor:.3g} times what they do."


def _rule_of_thumb(found: Breakeven) -> str:
    """What a price per token at full load says, and what it leaves out."""
    plan = found.volume.plan or found.own
    outputs = sum(each.output_mtok_month for each in plan.workloads)
    busy_usd = sum(each.usd_month * each.busy_share for each in plan.purchases)
    rent_usd = sum(each.usd_month for each in plan.purchases)
    if not outputs or not busy_usd:
        return "No machine is rented by time here, so there is no rule of thumb to compare with."
    full, asked = busy_usd / outputs, found.api_usd_month / found.output_mtok_month
    verdict = "at any volume" if full < asked else "at none"
    return (
        f"A rule of thumb divides the price of these machines by what they serve at full load: {usd_fine(full)} per M "
        f"output tokens, where the APIs ask {usd_fine(asked)}, and would let the fleet win {verdict}.  It leaves out "
        f"whole machines, which are {percent(busy_usd / rent_usd)} busy here, and what stands in the lines above."
    )
