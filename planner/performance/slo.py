"""Latency objectives as people write them: `TTFT<=450ms,TPOT<=40ms`, `p99 ttft < 2 s; itl <= 40 ms`, `e2e<=10s`.

What is not understood is refused whole, with a sentence: half an objective would be another one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from planner.performance.types import Objective

EXAMPLES = "write limits as TTFT<=450ms,TPOT<=40ms or e2e<=10s, p99 before them where that is meant"

QUANTITIES = {
    "ttft_ms": r"ttft|time to first token|first token",
    "tpot_ms": r"tpot|itl|tbt|inter token|time per (?:output )?token|time between tokens",
    "e2e_ms": r"e2el?|end to end|request latency|latency",
}
UNITS_MS = {"ms": 1.0, "msec": 1.0, "millisecond": 1.0, "s": 1e3, "sec": 1e3, "second": 1e3, "min": 6e4, "minute": 6e4}
UNIT = r"ms|msecs?|milliseconds?|s|secs?|seconds?|min|minutes?"
NUMBER = r"\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
NAME = "|".join(f"(?P<{field}>{words})" for field, words in QUANTITIES.items())
LIMIT = re.compile(
    rf"(?<![a-z0-9])(?:{NAME})(?: latency)?(?: (?P<before>ms|s))?\s*(?:<=|=<|≤|<|=|:|at most|under|below)?\s*"
    rf"(?P<value>{NUMBER})\s*(?P<unit>{UNIT})?(?![a-z0-9])"
)
PERCENTILE = re.compile(
    r"(?<![a-z0-9.])(?:p(?P<p>\d{1,2}(?:\.\d+)?)(?:th)?|(?P<th>\d{1,2}(?:\.\d+)?)(?:th percentile|\s?%(?:ile)?)"
    r"|(?P<half>mean|average|avg|median))(?![a-z0-9])"
)
NO_OBJECTIVE = re.compile(r"(?:(?:none|no(?: slo| objective| limits?)?|offline|n/?a|-)\s*(?:\(.*\))?)?")
BETWEEN = re.compile(r"(?:[\s,;&+|@()\[\]:]|and|at)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Latency limits [ms] as they were written; None where there is none."""

    ttft_ms: float | None = None
    tpot_ms: float | None = None
    e2e_ms: float | None = None
    percentile_share: float

    @property
    def objective(self) -> Objective:
        """The same with infinity where there is no limit."""
        limits = (math.inf if limit is None else limit for limit in (self.ttft_ms, self.tpot_ms, self.e2e_ms))
        ttft, tpot, e2e = limits
        return Objective(ttft_ms=ttft, tpot_ms=tpot, e2e_ms=e2e, percentile_share=self.percentile_share)


def parse_slo(text: str, percentile_share: float = 0.99) -> Asked:
    """The limits of an objective; `percentile_share` holds where the text names no percentile.

    Empty, "none" and "none (offline)" ask for nothing.  ITL is TPOT.  Raises ValueError with a sentence.

    >>> parse_slo("ttft < 0.45 s; tpot<=40 ms", 0.95)
    Asked(ttft_ms=450.0, tpot_ms=40.0, e2e_ms=None, percentile_share=0.95)
    >>> parse_slo("e2e(p90)<=10s")
    Asked(ttft_ms=None, tpot_ms=None, e2e_ms=10000.0, percentile_share=0.9)
    >>> parse_slo("none (offline)").objective.ttft_ms
    inf
    """
    said = re.sub(r"(?<=[a-z0-9])-(?=[a-z])|_|\s+", " ", text.strip().lower())
    if NO_OBJECTIVE.fullmatch(said):
        return Asked(percentile_share=percentile_share)
    if re.search(r">|≥|at least", said):
        raise ValueError(f'slo "{text}" asks for more than a latency; a limit is an upper one: {EXAMPLES}')
    shares = {_share(found) for found in PERCENTILE.finditer(said)}
    if len(shares) > 1:
        raise ValueError(f'slo "{text}" names several percentiles; one holds for all its limits')
    rest = re.sub(r"\(\s*\)|\[\s*\]", " ", PERCENTILE.sub(" ", said))
    rest = re.sub(r"\s+", " ", rest)
    limits: dict[str, float] = {}
    for found in LIMIT.finditer(rest):
        field = next(field for field in QUANTITIES if found[field])
        if field in limits:
            raise ValueError(f'slo "{text}" limits {_spoken(field)} twice; keep one of the two')
        limits[field] = _ms(found, text)
    left = LIMIT.sub(" ", rest)
    if not limits or not BETWEEN.fullmatch(left):
        odd = "" if not limits else f' at "{left.strip(" ,;&+|@:")}"'
        raise ValueError(f'slo "{text}" is not understood{odd}; {EXAMPLES}')
    return Asked(**limits, percentile_share=shares.pop() if shares else percentile_share)


def parse_percentile(text: str) -> float:
    """The share that a percentile stands for; mean and median count as p50.

    >>> parse_percentile("p95"), parse_percentile("99.9 %"), parse_percentile("mean")
    (0.95, 0.999, 0.5)
    """
    found = PERCENTILE.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f'percentile "{text}" is not understood; write p50, p90, p95 or p99')
    return _share(found)


def _share(found: re.Match[str]) -> float:
    share = 0.5 if found["half"] else round(float(found["p"] or found["th"]) / 100, 6)
    if not share:
        raise ValueError("no request is faster than p0; write p50, p90, p95 or p99")
    return share


def _ms(found: re.Match[str], text: str) -> float:
    unit = found["unit"] or found["before"]
    if unit is None:
        raise ValueError(f'slo "{text}" has a limit without a unit, "{found[0].strip()}"; write ms or s after it')
    value = float(found["value"].replace(",", "")) * UNITS_MS[unit if unit in UNITS_MS else unit.removesuffix("s")]
    if not value:
        raise ValueError(f'slo "{text}" has a limit of 0, which nothing keeps')
    return round(value, 6)


def _spoken(field: str) -> str:
    return field.removesuffix("_ms").upper()
