"""Is data that leaves providers paid for as their own tiers say, over all of a month?

Tiers are read from the catalog row by row: the GB of a month that lie between a row's ends cost its price.
"""

from __future__ import annotations

import math
from collections import defaultdict

from planner.audit.evidence import RELATIVE, Evidence, Finding, differs, usd_differs
from planner.catalog.rows import EgressTier


def egress_terms(e: Evidence, provider: str) -> str:
    """The price of data leaving a provider, if all that could ever leave meets only one; else whose prices they are."""
    most = sum(sum(e.asked_month(name).values()) for name in e.problem.workloads) * _gb_request(e)
    prices = {row.usd_gb for row in _tiers(e, provider) if row.from_gb < most * (1 - RELATIVE)}
    return f"of {provider}" if len(prices) > 1 else f"{sum(prices):g}"


def sent_gb(e: Evidence) -> dict[tuple[str, ...], float]:
    """GB of a month by the providers of the machines that send them."""
    gb: dict[tuple[str, ...], float] = defaultdict(float)
    for deployment, served in e.on_fleet():
        whose = tuple(sorted({each.provider for each in e.groups.get(deployment.group, [])}))
        gb[whose] += e.requests_month(served) * _gb_request(e)
    return dict(gb)


def sent_usd(e: Evidence) -> dict[tuple[str, ...], float]:
    """What they cost [USD/month]; of providers that stand for each other one price holds, whoever sends."""
    return {whose: _usd_month(_tiers(e, whose[0]), gb) if whose else 0.0 for whose, gb in sent_gb(e).items()}


def egress_by_provider(e: Evidence) -> Finding:
    """GB and dollars of each provider's egress follow from what its machines serve and from its tiers."""
    breaches: list[str] = []
    gb, usd = sent_gb(e), sent_usd(e)
    told = {each.providers: each for each in e.plan.sent}
    if len(told) < len(e.plan.sent):
        breaches.append("egress of the same providers is told twice: their tiers count it together")
    for whose in sorted(gb.keys() | told.keys()):
        who = " and ".join(whose) or "nobody"
        each = told.get(whose)
        if each is None:
            if usd_differs(0.0, usd[whose]):
                breaches.append(f"{who}: {gb[whose]:,.0f} GB leave for ${usd[whose]:,.2f} a month, none are told")
            continue
        if differs(each.gb_month, gb.get(whose, 0.0)):
            breaches.append(f"{who}: {each.gb_month:,.2f} GB leave in the plan, {gb.get(whose, 0.0):,.2f} recomputed")
        if usd_differs(each.usd_month, usd.get(whose, 0.0)):
            figures = f"${each.usd_month:,.2f} a month in the plan, ${usd.get(whose, 0.0):,.2f} by its tiers"
            breaches.append(f"egress of {who}: {figures}")
    return Finding(f"{sum(gb.values()):,.0f} GB leaving {len(gb)} providers are priced by their tiers", breaches)


def _gb_request(e: Evidence) -> float:
    return e.problem.overheads.egress_kb_request / 1e6


def _tiers(e: Evidence, provider: str) -> list[EgressTier]:
    return [row for row in e.catalog.egress if row.provider == provider]


def _usd_month(tiers: list[EgressTier], gb: float) -> float:
    ends = [math.inf if row.to_gb is None else row.to_gb for row in tiers]
    return sum(max(0.0, min(gb, end) - row.from_gb) * row.usd_gb for row, end in zip(tiers, ends, strict=True))
