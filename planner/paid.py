"""What each provider is paid for machines, promises of spend and tokens, where one may only have its share of it.

What is signed already counts, and what stands idle.  Starts, data sent out, interest and fixed costs do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from planner.inputs import FleetInputs, Steps
from planner.solution import BlockRun

ROUNDING = 1e-7
"""So much more than its share [USD for each USD of the month] a provider may be paid: sums are rounded."""


def paid_ahead(inputs: FleetInputs, steps: Mapping[Steps, int]) -> dict[str, float]:
    """For what is there and what procurement decides, whatever the hours do, by provider [USD/month]."""
    paid: dict[str, float] = defaultdict(float)
    for offer in inputs.offers.values():
        paid[offer.provider] += (offer.existing or 0) * offer.usd_h * inputs.month_h
    for (o, b), n in steps.items():
        hours = inputs.month_h if b is None else inputs.block_h[b]
        paid[inputs.offers[o].provider] += n * inputs.offers[o].usd_h * hours
    return dict(paid)


def paid_in(inputs: FleetInputs, run: BlockRun) -> dict[str, float]:
    """By the hour and for tokens, if all hours of its block were run so, by provider [USD/month]."""
    hours = inputs.block_h[run.block]
    paid: dict[str, float] = defaultdict(float)
    for o, n in run.hourly.items():
        paid[inputs.offers[o].provider] += n * inputs.billed_usd(o, run.block)
    for (_, o), x in run.covered.items():
        paid[inputs.offers[o].provider] -= x * inputs.offers[o].usd_h * hours
    for (k, a), req_s in run.api.items():
        paid[inputs.provider_of[a]] += req_s * inputs.api_usd_h[k, a] * hours
    return paid


def paid_in_a_month(
    inputs: FleetInputs,
    always: Mapping[str, int],
    runs: Iterable[BlockRun],
    deferred_api: Mapping[tuple[str, str], float],
) -> dict[str, float]:
    """For all that a plan buys, by provider [USD/month]."""
    decided: dict[Steps, int] = {(o, None): n for o, n in always.items() if inputs.offers[o].existing is None}
    paid = defaultdict(float, paid_ahead(inputs, decided))
    for run in runs:
        for p, usd in paid_in(inputs, run).items():
            paid[p] += usd * run.week_h / inputs.block_week_h[run.block]
    for (w, k), requests in deferred_api.items():
        window = inputs.windows[w]
        paid[window.api_provider[k]] += requests * window.api_usd_request[k]
    return dict(paid)


def within_share(inputs: FleetInputs, paid: Mapping[str, float]) -> bool:
    """Whether no provider is paid more than its share."""
    share, total = inputs.provider_max_spend_share, sum(paid.values())
    return share is None or all(usd <= share * total + ROUNDING * max(1.0, total) for usd in paid.values())
