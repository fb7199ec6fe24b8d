"""How the cost may come out: many cases drawn or stated, each solved anew, and today's procurement kept in each.

    best      the case's own best plan: what one would do who had known
    kept      what the base plan signs for is held, the rest is decided anew (`planner.analysis.held`)
    waiting   nothing is signed: all by the hour, spot and APIs

    value of perfect information   E[kept] - E[best]      never negative: what is kept is allowed in the case too
    price of waiting               E[waiting] - E[kept]

(H. Raiffa and R. Schlaifer, Applied Statistical Decision Theory, 1961; J. Birge and F. Louveaux, Introduction to
Stochastic Programming, 2011, chapter 4.)  Kept is today's plan, not the one that is best for all cases together: what
that one would save is in the value told here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from planner.analysis.held import Case, Holding, side_by_side
from planner.plan import Plan, Status
from planner.uncertainty import Summary, summary

ALMOST_ALL = 1e-9
"""A budget may be over by this share before it counts: rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A plan in a case, in short [USD/month]."""

    status: Status
    usd_month: float | None = None  # None: no plan
    bound_usd_month: float | None = None
    buys: tuple[str, ...] = ()  # "GPU h100-sxm", "provider aws", "term 1y", "API" ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A way in which things may come out."""

    place: int
    name: str
    weight: float
    factors: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """How one case came out."""

    asked: Asked
    solved: Outcome
    kept: Outcome
    waiting: Outcome
    trouble: str = ""

    @property
    def best(self) -> Outcome:
        """The cheapest of the three: all of them are allowed in the case."""
        found = [each for each in (self.solved, self.kept, self.waiting) if each.usd_month is not None]
        return min(found, key=lambda each: each.usd_month or 0.0, default=self.solved)

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON; `cast_from` reads them back equal."""
        return asdict(self)


def cast_from(plain: dict[str, Any]) -> Cast:
    """What `to_plain` wrote."""
    arms = {}
    for name in ("solved", "kept", "waiting"):
        arm = dict(plain[name])
        arms[name] = Outcome(**{**arm, "buys": tuple(arm["buys"])})
    return Cast(asked=Asked(**plain["asked"]), trouble=plain["trouble"], **arms)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonteCarlo:
    """How the cost may come out, over the cases in which both the best plan and the kept one are there."""

    base: Plan
    holding: Holding
    drawn: bool  # False: scenarios, all that may happen
    casts: tuple[Cast, ...]
    best: Summary | None
    kept: Summary | None
    waiting: Summary | None  # over the cases in which nothing need be signed
    kept_with_waiting: Summary | None  # kept, over the same cases
    information: Summary | None  # kept - best, case by case
    information_least: float | None  # proved: by the bound of what is kept
    information_most: float | None  # proved: by the bound of the best; None: not known
    bought: dict[str, float]  # what -> share of the cases whose best plan buys it
    served_share: float  # of the cases: there is a plan
    kept_share: float  # of these: what is kept serves all
    over_budget_share: float | None  # of the kept ones: dearer than the budget; None: there is none


def buys(plan: Plan) -> tuple[str, ...]:
    """What a plan buys: GPUs, providers and terms of what is decided, and APIs."""
    mine = [each for each in plan.purchases if not each.existing]
    found = {f"GPU {each.gpu}" for each in mine}
    found |= {f"provider {each.provider}" for each in mine}
    found |= {f"term {each.term}" for each in mine}
    found |= {f"spend commitment {each.term}" for each in plan.spends if not each.existing}
    found |= {f"API {each.provider}" for each in plan.apis}
    return tuple(sorted(found))


def outcome(status: Status, plan: Plan | None) -> Outcome:
    """A plan in short."""
    if plan is None:
        return Outcome(status=status)
    return Outcome(status=status, usd_month=plan.usd_month, bound_usd_month=plan.bound_usd_month, buys=buys(plan))


def solve_case(holding: Holding, case: Case, asked: Asked) -> Cast:
    """One case solved three times; what nothing is signed for is the same twice if nothing is held."""
    trouble = ""
    solved = kept = waiting = Outcome(status="stopped")
    try:
        solved = outcome(*case.best(asked.factors))
        kept = kept_outcome(case.keeping(holding, asked.factors))
        waiting = kept_outcome(case.keeping(Holding(), asked.factors)) if holding else kept
    except Exception as error:  # one case's fault must not cost the others
        trouble = f"{type(error).__name__}: {error}"
    return Cast(asked=asked, solved=solved, kept=kept, waiting=waiting, trouble=trouble)


def kept_outcome(plan: Plan | None) -> Outcome:
    """A plan that keeps something, in short."""
    return outcome("infeasible" if plan is None else plan.status, plan)


def run(
    case: Case,
    holding: Holding,
    asked: Sequence[Asked],
    known: Sequence[Cast],
    jobs: int,
    done: Callable[[Cast], None],
) -> list[Cast]:
    """Every case in its order; those that are known are not solved again, `done` is told of each that is new."""
    found = {each.asked.place: each for each in known}
    left = [one for one in asked if one.place not in found]
    for each in side_by_side(partial(solve_case, holding), case, left, jobs) if left else ():
        found[each.asked.place] = each
        done(each)
    return [found[one.place] for one in asked]


def tell(case: Case, base: Plan, holding: Holding, casts: Sequence[Cast], drawn: bool) -> MonteCarlo:
    """What the cases come to."""
    total = sum(each.asked.weight for each in casts)
    there = [each for each in casts if each.best.usd_month is not None]
    both = [each for each in there if each.kept.usd_month is not None]
    free = [each for each in both if each.waiting.usd_month is not None]
    bought: dict[str, float] = defaultdict(float)
    for each in there:
        for what in each.best.buys:
            bought[what] += each.asked.weight
    weight_there = sum(each.asked.weight for each in there)
    weight_both = sum(each.asked.weight for each in both)

    def over(cases: Sequence[Cast], value: Callable[[Cast], float]) -> Summary | None:
        if not cases:
            return None
        return summary([value(each) for each in cases], [each.asked.weight for each in cases], drawn)

    def mean(value: Callable[[Cast], float]) -> float:
        return sum(each.asked.weight * value(each) for each in both) / weight_both

    bounded = all(each.solved.bound_usd_month is not None for each in both)
    budget = case.file.problem.budget
    limit = budget.usd_month * (1 + ALMOST_ALL) if budget is not None else float("inf")
    over_budget = sum(each.asked.weight for each in both if usd(each.kept) > limit)
    return MonteCarlo(
        base=base,
        holding=holding,
        drawn=drawn,
        casts=tuple(casts),
        best=over(both, lambda each: usd(each.best)),
        kept=over(both, lambda each: usd(each.kept)),
        waiting=over(free, lambda each: usd(each.waiting)),
        kept_with_waiting=over(free, lambda each: usd(each.kept)),
        information=over(both, lambda each: usd(each.kept) - usd(each.best)),
        information_least=mean(lambda each: max(0.0, bound(each.kept) - usd(each.best))) if both else None,
        information_most=mean(lambda each: usd(each.kept) - bound(each.solved)) if both and bounded else None,
        bought={what: weight / weight_there for what, weight in sorted(bought.items(), key=lambda b: (-b[1], b[0]))},
        served_share=weight_there / total,
        kept_share=weight_both / weight_there if there else 0.0,
        over_budget_share=over_budget / weight_both if budget is not None and both else None,
    )


def usd(of: Outcome) -> float:
    """The cost of an outcome that has one [USD/month]."""
    return of.usd_month or 0.0


def bound(of: Outcome) -> float:
    """What is proved of it [USD/month]; 0 where nothing is."""
    return min(of.bound_usd_month or 0.0, usd(of) if of.usd_month is not None else float("inf"))
