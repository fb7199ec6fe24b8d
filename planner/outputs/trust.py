"""Why a plan may be believed: rates, price ages, what was left out, notes, the audit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from planner.deployed import ClassRate
from planner.outputs.figures import percent, plain, seconds, things
from planner.outputs.page import Page
from planner.outputs.serving import band, served_rates
from planner.plan import Plan, Tie

OLD_DAYS = 30
DROPPED_LINES = 10
KINDS = {"deployment": ("deployment", "deployments"), "offer": ("offer", "offers"), "api": ("API", "APIs")}


def show_evidence(plan: Plan, page: Page) -> None:
    """What is measured, what is modeled, and how old the prices are."""
    page.title("How sure this is")
    for sentence in _rates(plan):
        page.say(sentence)
    for sentence in (*_interruptions(plan), *ties_in_words(plan.ties)):
        page.say(sentence)
    seen = plan.prices_observed
    if seen.oldest is None or seen.oldest_days is None:
        page.say("Prices: none was needed.")
        return
    days = seen.oldest.isoformat() if seen.oldest == seen.newest else f"{seen.oldest} to {seen.newest}"
    source = f" ({plain(seen.oldest_source)})" if plain(seen.oldest_source) else ""
    old = f"the oldest is {things(seen.oldest_days, 'day')} old on {seen.today}{source}."
    if seen.oldest_days > OLD_DAYS:
        page.say(f"Warning: prices were seen {days}; {old}  Ask for current ones before you sign.", "yellow")
    else:
        page.say(f"Prices were seen {days}; {old}")


def _rates(plan: Plan) -> list[str]:
    """A sentence for each source of rates: its share of the replica-hours, its band, what is relied on."""
    rates: dict[str, list[ClassRate]] = defaultdict(list)
    hours: dict[str, float] = defaultdict(float)
    month_h = {block.label: block.month_h for block in plan.blocks}
    for deployment in plan.deployments:
        served = served_rates(deployment)
        if not served:
            continue
        # A deployment with any modeled rate counts as modeled: the weaker evidence names the hours.
        weakest = min((rate.source for rate in served), key=("modeled", "corrected", "measured", "given").index)
        hours[weakest] += sum(n * month_h.get(block, 0) for block, n in deployment.replicas_by_block.items())
        for rate in served:
            rates[rate.source].append(rate)
    total = sum(hours.values())
    words = {
        "measured": "Measured rates",
        "corrected": "Rates corrected by rows of other GPUs or loads",
        "modeled": "Modeled rates",
        "given": "Rates of your own table",
    }
    sentences = []
    for source in words:
        if source not in rates:
            continue
        share = percent(hours[source] / total) if total else "0 %"
        sentence = f"{words[source]}: {share} of replica-hours"
        if source != "given":
            sentence += f", 80 % band {band(rates[source])}, planned with {_relied(rates[source])} of each"
        sentences.append(sentence + ".")
    return sentences


def _interruptions(plan: Plan) -> list[str]:
    """What is expected of spot machines: how often they are taken back, what that costs, and who says so."""
    spot = [each for each in plan.purchases if each.interruptions_month is not None]
    hours = sum(each.hours_month for each in spot)
    if not hours:
        return []
    times = sum(each.interruptions_month or 0.0 for each in spot)
    lost = sum(each.hours_month * (1 - each.serving_share) for each in spot) / hours
    counted = "under 1 interruption" if 0 < times < 0.5 else things(round(times), "interruption")
    sources = sorted({each.interruptions_source for each in spot})
    return [
        f"Spot machines: {counted} a month expected in {hours:,.0f} machine-hours; {percent(lost)} of their time is "
        f"lost to them and planned for ({'; '.join(sources)})."
    ]


def ties_in_words(ties: Iterable[Tie]) -> list[str]:
    """A sentence for each deployment that others tie with."""
    by_chosen: dict[tuple[str, str], list[str]] = defaultdict(list)
    for tie in ties:
        apart = (tie.usd_ratio - 1) * 100
        words = f"{abs(apart):.0f} % {'dearer' if apart > 0 else 'cheaper'}" if abs(apart) >= 0.5 else "as cheap"
        by_chosen[tie.deployment, tie.request_class].append(f"{tie.other}, {words}")
    return [
        f"A tie for {request_class}: {chosen} costs as much per request, within the bands, as {'; '.join(others)}."
        for (chosen, request_class), others in by_chosen.items()
    ]


def _relied(rates: list[ClassRate]) -> str:
    shares = [rate.req_s / rate.estimate_req_s for rate in rates]
    low, high = percent(min(shares)), percent(max(shares))
    return low if low == high else f"{low} to {high}"


def show_dropped(plan: Plan, page: Page) -> None:
    """Candidates left out before solving, by reason, and how near the nearest came."""
    if not plan.dropped:
        return
    ordered = sorted(plan.dropped, key=lambda dropped: -dropped.count)
    page.title("Left out before solving")
    for dropped in ordered[:DROPPED_LINES]:
        nearest = f"; nearest: {dropped.nearest}" if plain(dropped.nearest) else ""
        page.say(f"{things(dropped.count, *KINDS[dropped.kind])}: {dropped.reason}{nearest}", hang=2)
    rest = ordered[DROPPED_LINES:]
    if rest:
        page.say(f"and {sum(dropped.count for dropped in rest):,} for {things(len(rest), 'other reason')}")


def show_notes(plan: Plan, page: Page) -> None:
    """What the plan takes for granted."""
    merged = [
        f"{workload.name}: {workload.merging_note}" for workload in plan.workloads if plain(workload.merging_note)
    ]
    if plan.notes or merged:
        page.title("Notes")
        for note in (*plan.notes, *merged):
            page.say(f"- {note}", hang=2)


def show_audit(plan: Plan, page: Page) -> None:
    """Who solved it and what the audit checked."""
    if plan.usd_month is None:
        return
    first = "" if plan.first_plan_s is None else f" (first plan after {seconds(plan.first_plan_s)})"
    page.console.print()
    page.say(f"Solved by {plan.solver} in {seconds(plan.solve_s)}{first}.", indent=0)
    if plan.audit:
        page.say(
            f"Audited with separate arithmetic: {len(plan.audit)} checks passed, listed in the plan's JSON.",
            indent=0,
        )
    else:
        page.say("Warning: not audited.", style="yellow", indent=0)
