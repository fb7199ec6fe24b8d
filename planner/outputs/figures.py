"""How figures and the user's own words are written for people.

The only place of thousands separators, "%" and "$".  Nothing here rounds a figure that is computed with.
"""

from __future__ import annotations

import math
import unicodedata

from planner.catalog.rows import Term

TERM_WORDS: dict[Term, str] = {
    "on-demand": "on demand",
    "spot": "spot",
    "1m": "1-month commitment",
    "3m": "3-month commitment",
    "6m": "6-month commitment",
    "1y": "1-year commitment",
    "3y": "3-year commitment",
    "bought": "bought",
    "serverless": "serverless",
}


def plain(text: str) -> str:
    """Text on one line, without what moves a cursor, changes colors or turns writing around.

    >>> plain("a\\x1b[31mb\\nc")
    'a[31mb c'
    """
    spaced = "".join(" " if mark.isspace() else mark for mark in text)
    return "".join(mark for mark in spaced if unicodedata.category(mark)[0] != "C").strip()


def usd(amount: float, cents: bool = False) -> str:
    """An amount in whole dollars or in cents.

    >>> usd(52310.4), usd(0.3), usd(0.3, cents=True), usd(-7.2)
    ('$52,310', '<$1', '$0.30', '-$7')
    """
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if cents:
        return f"{sign}${size:,.2f}" if size >= 0.005 or size == 0 else "<$0.01"
    return f"{sign}${size:,.0f}" if size >= 0.5 or size == 0 else "<$1"


def usd_at_most(amount: float, cents: bool = False) -> str:
    """An upper limit: rounded up, so that it stays one.

    >>> usd_at_most(212.1), usd_at_most(3.001, cents=True)
    ('$213', '$3.01')
    """
    steps = 100 if cents else 1
    return usd(math.ceil(round(amount * steps, 6)) / steps, cents)


def usd_fine(price: float | None) -> str:
    """A price of one unit: two decimals, or two digits that count where it is smaller.

    >>> usd_fine(2.5), usd_fine(0.0724), usd_fine(None)
    ('$2.50', '$0.072', '-')
    """
    if price is None:
        return "-"
    if 0 < price < 0.1:
        return f"${price:.{1 - math.floor(math.log10(price))}f}"
    return f"${price:,.2f}"


def percent(share: float) -> str:
    """A share in percent; one decimal below 10 % and just below 100 %, where it is looked at.

    >>> percent(0.861), percent(0.0071), percent(0.0002), percent(0), percent(0.9996)
    ('86 %', '0.7 %', '<0.1 %', '0 %', '99.9 %')
    """
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0 < share < 0.0995:
        return f"{share * 100:.1f} %"
    if 0.995 <= share < 1:
        return f"{math.floor(share * 1000) / 10:.1f} %"
    return f"{share * 100:,.0f} %"


def percent_at_most(share: float) -> str:
    """An upper limit in percent: rounded up to two decimals.

    >>> percent_at_most(0.00291), percent_at_most(0.01)
    ('0.3 %', '1 %')
    """
    return f"{math.ceil(round(share * 1e4, 6)) / 100:g} %"


def count(number: float) -> str:
    """A number of things.

    >>> count(12345.6), count(0.2)
    ('12,346', '<1')
    """
    return f"{number:,.0f}" if number == 0 or abs(number) >= 0.5 else "<1"


def number(value: float) -> str:
    """A number as it was given.

    >>> number(2.0), number(1.25), number(12345678), number(0.00002)
    ('2', '1.25', '12,345,678', '2e-05')
    """
    if value and abs(value) < 1e-4:
        return f"{value:.3g}"
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def things(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> things(1, "machine"), things(3, "machine"), things(2, "API", "APIs")
    ('1 machine', '3 machines', '2 APIs')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def seconds(time_s: float) -> str:
    """How long something took.

    >>> seconds(61.3), seconds(2.24), seconds(0.0412)
    ('61 s', '2.2 s', '0.041 s')
    """
    return f"{time_s:,.0f} s" if time_s >= 10 else f"{time_s:.2g} s"
