"""How long a serverless worker that scales to zero is billed, how often it starts, and how many requests wait for that.

Requests arrive at a worker as a Poisson stream of rate L, each is in progress for s seconds, and all at once if need
be.  With no request left the worker runs on for i seconds, billed, and is gone.  The next request starts it again and
waits c seconds with all that arrive meanwhile.  Each request so holds the worker for t = s + i seconds: without cold
starts the worker is an M/G/infinity queue, on for the share 1 - exp(-L t) of the time, whatever the law of s (Takacs,
Introduction to the Theory of Queues, 1962, chapter 3).  With them a cycle is

    off 1/L,  starting c,  and then, as if one request came at its end, (exp(L t) - 1)/L

of the mean; the last exact where all answers take equally long (the longest of those that waited together decides).
Nothing here knows prices, problems or plans.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Of one worker, on the mean of an hour."""

    billed_share: float  # of its time
    starts_h: float  # cold starts an hour
    cold_share: float  # of its requests: they wait for a cold start


def scaled_to_zero(req_s: float, service_s: float, idle_s: float, cold_start_s: float, *, start_is_billed: bool) -> Use:
    """What a worker is used by so many requests a second; a cycle ends each time it is gone.

    >>> use = scaled_to_zero(0.01, 10, 60, 0, start_is_billed=True)  # 1 - exp(-0.7)
    >>> round(use.billed_share, 4), round(use.starts_h, 2), round(use.cold_share, 4)
    (0.5034, 17.88, 0.4966)
    >>> use = scaled_to_zero(0.01, 10, 60, 50, start_is_billed=True)  # a cycle is 100 s off, 50 s starting, 101.4 s on
    >>> round(use.billed_share, 4), round(use.starts_h, 2), round(use.cold_share, 4)
    (0.6022, 14.32, 0.5967)
    """
    gone = math.exp(-req_s * (service_s + idle_s))  # chance that no request follows in time
    starting = req_s * cold_start_s * gone
    whole = 1 + starting  # mean cycle, times req_s and gone
    billed = 1 - gone + (starting if start_is_billed else 0.0)
    return Use(
        billed_share=billed / whole,
        starts_h=3600 * req_s * gone / whole,
        cold_share=(gone + starting) / whole,
    )


def kept_warm(cold_start_s: float, *, start_is_billed: bool) -> Use:
    """A worker kept on through an hour: billed for all of it, and for one start, which may have been before."""
    return Use(billed_share=1 + (cold_start_s / 3600 if start_is_billed else 0.0), starts_h=0.0, cold_share=0.0)
