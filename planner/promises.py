"""Promises of spend no larger than the machines of a plan are worth: a plan within its gap need not waste any.

Nothing is proved here, and nothing gets dearer: each promise is only lowered to where it costs least.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from planner.inputs import FleetInputs, Offer
from planner.mixing import Found
from planner.solution import BlockRun


def lower_promises(inputs: FleetInputs, found: Found) -> Found:
    """The same machines and work with every new promise of spend at its cheapest size, at most what it was."""
    for s, promise in inputs.offers.items():
        if not promise.covers or promise.existing is not None or not found.always.get(s):
            continue
        low = max((m.machines for m in inputs.minimum_orders.values() if s in m.offers), default=1)
        high = found.always[s]
        # A step more saves no more than the step before it: the first that no longer pays ends it.
        while low < high:
            middle = (low + high) // 2
            one, next_one = (resized(inputs, found, s, promise, n).usd_month for n in (middle, middle + 1))
            low, high = (low, middle) if one <= next_one else (middle + 1, high)
        smaller = [resized(inputs, found, s, promise, n) for n in (0, low)]
        found = min([found, *smaller], key=lambda each: each.usd_month)
    return found


def resized(inputs: FleetInputs, found: Found, s: str, promise: Offer, steps: int) -> Found:
    """The plan with so many steps of one promise, which pay in every hour for what saves most."""
    runs = []
    saved = (found.always[s] - steps) * (promise.usd_h * inputs.month_h + promise.capital_usd_month)
    for run in found.runs:
        covered = {label: x for label, x in run.covered.items() if label[0] != s}
        covered |= {(s, o): x for o, x in pays_for(inputs, run, promise, steps * promise.usd_h, covered).items()}
        hours = inputs.block_h[run.block]
        before, after = (
            sum(inputs.offers[o].usd_h * hours * x for (_, o), x in each.items()) for each in (run.covered, covered)
        )
        runs.append(replace(run, covered=covered, usd_month=run.usd_month + before - after))
        saved += (after - before) * run.week_h / inputs.block_week_h[run.block]
    always = {**found.always, s: steps} if steps else {o: n for o, n in found.always.items() if o != s}
    if not steps and promise.provider not in providers(inputs, replace(found, always=always)):
        saved += inputs.provider_usd_month
    return replace(found, always=always, runs=tuple(runs), usd_month=found.usd_month - saved)


def providers(inputs: FleetInputs, found: Found) -> set[str]:
    """Providers that are paid anything."""
    offers = {*found.always, *(o for run in found.runs for o in run.hourly)}
    have = {o for o, offer in inputs.offers.items() if offer.existing is not None}
    return {inputs.offers[o].provider for o in offers | have}


def pays_for(
    inputs: FleetInputs, run: BlockRun, promise: Offer, usd_h: float, others: Mapping[tuple[str, str], float]
) -> dict[str, float]:
    """Machines of a run that so many USD an hour pay for: first where a USD saves most rent, then the next."""
    out = {}
    for o in sorted(promise.covers, key=lambda o: (-inputs.offers[o].usd_h / promise.covers[o], o)):
        free = run.hourly.get(o, 0) - sum(x for (_, oo), x in others.items() if oo == o)
        machines = min(free, usd_h / promise.covers[o])
        if machines > 1e-9:
            out[o] = machines
            usd_h -= machines * promise.covers[o]
    return out
