"""Spend commitments as this problem sees them: which offers each pays for, at what rates, in which steps.

So many USD an hour are promised for the term and paid in every hour, used or not.  They pay for on-demand machines at
the plan's rates; what runs beyond them is paid on demand.  One already signed is not decided: it is paid anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from planner.candidates import Drops
from planner.catalog.rows import TERM_MONTHS
from planner.market import Lot, allowed_terms
from planner.problem.matching import allows
from planner.problem.procurement import ExistingSpend, SpendQuote
from planner.problem.schema import Problem

MONTH_H = 730
"""Hours that a month of a term counts, whatever the problem's month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendPlan:
    """One spend commitment: on offer, bought in whole steps, or already signed and a single step."""

    name: str
    quote: SpendQuote | ExistingSpend
    step_usd_h: float
    covers: Mapping[str, float]  # offer -> USD/h per machine, at the plan's rate

    @property
    def existing(self) -> bool:
        """Whether it is already signed."""
        return isinstance(self.quote, ExistingSpend)

    @property
    def months(self) -> int:
        """Length of the term [months]; 0: already signed."""
        return TERM_MONTHS[self.quote.term] if isinstance(self.quote, SpendQuote) else 0

    @property
    def upfront_usd(self) -> float:
        """Paid at once for one step [USD]."""
        share = self.quote.upfront_share if isinstance(self.quote, SpendQuote) else 0.0
        return share * self.step_usd_h * MONTH_H * self.months

    def capital_usd_month(self, yearly: float) -> float:
        """Interest on that for one step, written off evenly over the term [USD/month]."""
        return self.upfront_usd * yearly / 12 * (self.months + 1) / (2 * self.months) if self.months else 0.0

    @property
    def least_usd_h(self) -> float:
        """The smallest promise that may be made [USD/h]."""
        return self.quote.min_usd_h if isinstance(self.quote, SpendQuote) else 0.0

    @property
    def min_steps(self) -> int:
        """Steps that reach the smallest promise."""
        return max(1, round_up(self.least_usd_h / self.step_usd_h))

    @property
    def max_steps(self) -> int | None:
        """Steps within the largest promise; None: no limit."""
        most = self.quote.max_usd_h if isinstance(self.quote, SpendQuote) else self.quote.usd_h
        return None if most is None else int(most / self.step_usd_h + 1e-9)


def round_up(steps: float) -> int:
    """The next whole number, rounding errors aside.

    >>> round_up(3.0000000001), round_up(3.1)
    (3, 4)
    """
    return -int(-(steps - 1e-9) // 1)


def every_promise(problem: Problem) -> list[SpendQuote | ExistingSpend]:
    """Spend commitments already signed, then those on offer, each in the order of the file."""
    return [*problem.procurement.existing_spend, *problem.procurement.spend_quotes]


def may_be_made(problem: Problem, quote: SpendQuote | ExistingSpend) -> bool:
    """Whether a spend commitment is made already, or on a term that this problem may sign."""
    return isinstance(quote, ExistingSpend) or quote.term in allowed_terms(problem)


def plan_rates(problem: Problem, lot: Lot) -> dict[int, float]:
    """USD/h of one machine of an offer under each spend commitment that covers it, by its place in `every_promise`.

    On-demand machines that follow the hours are covered, spot and commitments are not.
    """
    if lot.row.term != "on-demand" or lot.billing != "hourly" or lot.existing is not None:
        return {}
    rates = {}
    for index, quote in enumerate(every_promise(problem)):
        if quote.provider != lot.row.provider or not may_be_made(problem, quote):
            continue
        share = next((c.discount_share for c in quote.covers if allows(c.where, lot.row, lot.vendor)), None)
        if share is not None:
            rates[index] = lot.row.usd_h * (1 - share)
    return rates


def spend_plans(problem: Problem, lots: Iterable[Lot], drops: Drops) -> list[SpendPlan]:
    """Spend commitments signed, and those that pay for any of these offers; others are dropped, the reason counted."""
    covers: dict[int, dict[str, float]] = {}
    for lot in lots:
        for index, usd_h in plan_rates(problem, lot).items():
            covers.setdefault(index, {})[lot.name] = usd_h
    out = []
    for index, signed in enumerate(problem.procurement.existing_spend):
        name = f"{signed.provider}/spend commitment signed {index + 1}"
        out.append(SpendPlan(name=name, quote=signed, step_usd_h=signed.usd_h, covers=covers.get(index, {})))
    for index, quote in enumerate(problem.procurement.spend_quotes, len(out)):
        if not may_be_made(problem, quote):
            drops.add("term not allowed", quote.term, 1)
        elif index not in covers:
            drops.add("a spend commitment that covers nothing left here")
        else:
            step = quote.step_usd_h or min(covers[index].values())
            number = index + 1 - len(problem.procurement.existing_spend)
            name = f"{quote.provider}/spend commitment {number}/{quote.term}"
            plan = SpendPlan(name=name, quote=quote, step_usd_h=step, covers=covers[index])
            if plan.max_steps is not None and plan.max_steps < plan.min_steps:
                drops.add("a spend commitment too small for one step of it")
                continue
            out.append(plan)
    return out
