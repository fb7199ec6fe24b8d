"""Unit economics: what a token costs at a price and a rate, and what an hour costs whether used or not.

Prices and rates go in, nothing is looked up.  A cost per token assumes that every second is used;
`usd_month` is what is paid when it is not.
"""

from __future__ import annotations

import math

HOUR_S = 3600
DAY_S = 24 * HOUR_S
MTOK = 1e6


def usd_mtok(usd_h: float, tok_s: float, utilization_share: float = 1.0) -> float:
    """Cost of a million tokens [USD/Mtok] of something that costs usd_h and makes tok_s while it works.

    `utilization_share` is the share of paid time in which it works; ZeroDivisionError if it never does.

    >>> round(usd_mtok(19.20, 2800), 2)      # 19.20 / (2800 x 3600 / 1e6)
    1.9
    """
    return usd_h / (tok_s * utilization_share * HOUR_S / MTOK)


def implied_tok_s(usd_h: float, usd_mtok: float) -> float:
    """The rate [tok/s] at which usd_h comes to usd_mtok, used all the time."""
    return usd_h / usd_mtok * MTOK / HOUR_S


def mean_tok_s(tok_day: float) -> float:
    """Tokens a day as a mean rate [tok/s]."""
    return tok_day / DAY_S


def whole_machines(tok_s: float, machine_tok_s: float) -> int:
    """Machines that carry a rate: the next whole number."""
    return math.ceil(tok_s / machine_tok_s)


def usd_tokens(tok: float, usd_mtok: float) -> float:
    """What so many tokens cost at a price per million [USD]."""
    return tok / MTOK * usd_mtok


def usd_month(usd_h: float, machines: int = 1, month_hours: float = 730) -> float:
    """What machines cost that run all month, busy or idle [USD/month]."""
    return usd_h * machines * month_hours


def usd_egress(gb: float, usd_gb: float) -> float:
    """What it costs to send so many GB (10^9 bytes) out at one price [USD]."""
    return gb * usd_gb
