"""How often a spot machine is taken back, and what share of its time that leaves for serving.

An interruption costs the time until another machine serves and the work in flight that is done again.  Machines are
taken to be billed all the while, so what is lost is capacity.  Nothing here says what may run on spot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from planner.catalog.rows import PriceOffer, SpotRisk
from planner.problem.spot import Spot

MONTH_H = 730.0

ASSUMED_MONTH = MONTH_H / 24
"""Interruptions a month of a machine in a pool of which nothing is known: once a day, on the safe side.  Of the pools
that the catalog knows, the worst band (20 % of the machines in a month or more, closed at 40 %) comes to 0.5."""

Risks = Mapping[tuple[str, str, str], SpotRisk]
"""By provider, region and machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruptions:
    """Of one machine that runs all month."""

    month: float
    serving_share: float  # of its time
    source: str


def interruptions_of(row: PriceOffer, asked: Spot, risks: Risks) -> Interruptions:
    """What is expected of a spot pool: as the problem says, else the upper end of the catalog's band, else assumed.

    A band is a share h of machines taken back within a month; if each is taken back at a constant rate, that is
    -ln(1 - h) times a month.
    """
    known = risks.get((row.provider, row.region, row.machine))
    if asked.interruptions_month is not None:
        month, source = asked.interruptions_month, "given in the problem"
    elif known is not None:
        month = -math.log(1 - min(known.interruption_high_share, 0.99))
        source = f"{known.interruption_high_share:g} of the machines in a month, the band's upper end: {known.source}"
    else:
        month, source = ASSUMED_MONTH, "assumed: the catalog has no figure for this pool"
    month *= asked.interruptions_factor
    return Interruptions(month=month, serving_share=serving_share(month, asked), source=source)


def serving_share(month: float, asked: Spot) -> float:
    """Share of its time that a machine serves: after every MONTH_H / month hours of work one interruption is made up.

    >>> round(serving_share(MONTH_H / 24, Spot()), 4)     # 17 minutes after each 24 hours
    0.9883
    """
    lost_h = (asked.recovery_minutes + asked.lost_work_minutes) / 60
    return 1 / (1 + month / MONTH_H * lost_h)
