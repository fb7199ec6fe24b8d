"""One plan for many scenarios: what to sign now, what is rented in each, and what planning for all of them is worth.

What to sign is decided by `planner.hedging`; here its answer is told in the words of the problem file, and audited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import inf, isfinite

from planner.analysis.scenarios import Way, all_ways, checked_factors, mean_of
from planner.audit import audit
from planner.audit.robust import AUDITED, wrong_about_scenarios
from planner.catalog.load import Catalog
from planner.errors import AuditFailed, Complaint, InputError, ProblemError
from planner.finish import finish
from planner.hedging import Criterion, Hedge, Outcome, alone, cheapest_known, least_usd
from planner.market import Lot
from planner.numbers import paid_anyway
from planner.plan import Plan
from planner.problem.places import Finding, ProblemFile
from planner.problem.procurement import SpendQuote
from planner.problem.schema import Problem
from planner.reduce import Reduced
from planner.remarks import budget_words, in_the_way
from planner.robust_plan import RobustPlan, ScenarioPlan, Signed, Worth
from planner.scenarios import FirstStage, first_stage, held
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings, tells_bound
from planner.spending import SpendPlan
from planner.state import Progress, silent
from planner.tidy import tidy

MEAN = ""
"""Stands for the mean scenario among the names of the others."""


def robust(
    problem_file: ProblemFile,
    catalog: Catalog,
    criterion: Criterion,
    settings: Settings,
    today: date,
    progress: Progress = silent,
) -> RobustPlan:
    """What to sign now so that the cost over all scenarios is least by the criterion, and how good that is proved.

    The limit of time holds for each of its searches.  Raises `InputError` for scenarios that cannot be, `NoCandidate`
    where one can be served by nothing, `AuditFailed` where the answer breaks its problem.
    """
    asked = problem_file.problem
    factors = checked_factors(problem_file, catalog)
    refuse(problem_file, criterion, settings)
    total = sum(each.weight for each in asked.scenarios)
    weight = {each.name: each.weight / total for each in asked.scenarios}
    progress("reading prices and rates", None, None)
    ways = all_ways(problem_file, catalog, {**factors, MEAN: mean_of(factors, weight)}, today)
    inputs = {s: ways[s].reduced.inputs for s in weight}
    own = alone(inputs, settings, progress)
    none = RobustPlan(
        problem=asked.name,
        title=asked.title,
        criterion=criterion.measure,
        tail=criterion.tail if criterion.measure == "cvar" else None,
        status="infeasible",
        usd_month=None,
        bound_usd_month=None,
        gap=None,
        gap_asked=settings.gap,
        solves=len(own),
    )
    if why := tuple(each for s, found in own.items() for each in impossible(s, ways[s], found)):
        return none.model_copy(update={"in_the_way": why})
    references = dict.fromkeys(own, 0.0)
    if criterion.measure == "regret":
        references = {s: inf if found.usd_month is None else found.usd_month for s, found in own.items()}
    least = {s: least_usd(found) for s, found in own.items()}
    hedge = Hedge(inputs, weight, criterion, settings, references, least, progress)
    mean = search(ways[MEAN].reduced.inputs, settings, progress)
    naive = None
    if mean.usd_month is not None:
        naive = hedge.try_signing({o: mean.always.get(o, 0) for o in first_stage(ways[MEAN].reduced.inputs)})
    hedge.seek()
    none = none.model_copy(update={"solves": len(own) + 1 + len(hedge.bounds) + len(hedge.tried) * len(weight)})
    if criterion.measure == "regret":
        hedge.reference_usd = cheapest_known(own, hedge.tried)
    best = hedge.best()
    if best is None and hedge.in_the_way is not None:
        one = ways[next(iter(weight))]
        said = in_the_way(one.problem, one.reduced, replace(mean, in_the_way=hedge.in_the_way), None)
        return none.model_copy(update={"in_the_way": said})
    if best is None or not all(map(isfinite, references.values())):
        return none.model_copy(update={"status": "stopped"})
    return Telling(asked, factors, ways, weight, hedge, own, best, naive, today).answer(none)


def refuse(problem_file: ProblemFile, criterion: Criterion, settings: Settings) -> None:
    """Raise for what no criterion or solver can do."""
    if problem_file.problem.budget is not None and criterion.measure == "regret":
        what = "a budget is on what is made small, and a regret is no money spent.  Leave it out, or take `worst`."
        raise ProblemError(problem_file.complaints([Finding(("budget",), what)]))
    if problem_file.problem.spread.max_provider_spend_share < 1:
        what = "a share of spend is one of every month that may come, and these are planned as one.  Leave it out."
        raise ProblemError(problem_file.complaints([Finding(("spread", "max_provider_spend_share"), what)]))
    if not tells_bound(settings.solver):
        what = f"{settings.solver} tells no bounds, and what planning for scenarios is worth is proved by bounds."
        raise InputError([Complaint("--solver", what + "  Take highs.")])


def impossible(s: str, way: Way, found: Solution) -> list[str]:
    """What stands in the way of a scenario that nothing serves even by itself."""
    if found.ended is not Ended.INFEASIBLE:
        return []
    said = in_the_way(way.problem, way.reduced, found, None) or ("nothing that may be bought serves it",)
    return [f"in {s}: {each}" for each in said]


@dataclass(frozen=True, slots=True)
class Telling:
    """The answer of a hedge, put into words."""

    asked: Problem
    factors: Mapping[str, dict[str, float]]
    ways: Mapping[str, Way]
    weight: Mapping[str, float]
    hedge: Hedge
    own: Mapping[str, Solution]
    best: Outcome
    naive: Outcome | None  # what the mean scenario's plan signs
    today: date

    def answer(self, none: RobustPlan) -> RobustPlan:
        """The finished plan, audited."""
        plans = {s: self.plan_of(s) for s in self.weight}
        constant = {
            s: paid_anyway(way.problem, way.reduced.lots.values(), way.reduced.spends.values())
            for s, way in self.ways.items()
        }
        usd = {s: plan.usd_month or 0.0 for s, plan in plans.items()}
        known = cheapest_known(self.own, self.hedge.tried)
        alone_usd = {s: min(known[s] + constant[s], usd[s]) for s in usd}
        alone_bound = {s: min(least_usd(self.own[s]) + constant[s], alone_usd[s]) for s in usd}
        references = alone_usd if self.hedge.criterion.measure == "regret" else dict.fromkeys(usd, 0.0)
        # Every scenario pays the same for what is there already, so the bound moves by that.
        self.hedge.reference_usd = {s: references[s] - constant[s] for s in usd}
        value, bound = self.measure(usd, references), self.hedge.bound()
        bound = min(bound, value)
        naive = self.naive if self.naive and all(map(isfinite, self.naive.usd.values())) else None
        mean_usd = {s: naive.usd[s] + constant[s] for s in usd} if naive else {}
        mean_bound = {s: min(naive.bound_usd[s] + constant[s], mean_usd[s]) for s in usd} if naive else {}
        if naive is self.best:
            mean_usd = usd
            mean_bound = {s: min(mean_bound[s], usd[s]) for s in usd}
        planning = None
        if naive:
            planning = worth(self.measure(mean_usd, references), self.measure(mean_bound, references), value, bound)
        dearest = max(usd.values())
        scale = dearest if self.hedge.criterion.measure == "regret" else value
        gap = (value - bound) / scale if scale > 0 else 0.0
        one = self.ways[next(iter(self.weight))].reduced
        mean = self.ways[MEAN].reduced
        found = none.model_copy(
            update={
                "status": "optimal" if gap <= none.gap_asked + 1e-9 else "feasible",
                "usd_month": value,
                "bound_usd_month": bound if isfinite(bound) else None,
                "gap": gap if isfinite(gap) else None,
                "expected_usd_month": sum(w * usd[s] for s, w in self.weight.items()),
                "signed": in_words(self.asked, one, self.best.signed),
                "scenarios": tuple(
                    ScenarioPlan(
                        name=s,
                        weight=self.weight[s],
                        factors=self.factors[s],
                        usd_month=usd[s],
                        alone_usd_month=alone_usd[s],
                        alone_bound_usd_month=alone_bound[s],
                        mean_plan_usd_month=mean_usd.get(s),
                        mean_plan_bound_usd_month=mean_bound.get(s),
                        plan=plan,
                    )
                    for s, plan in plans.items()
                ),
                "knowing": worth(
                    value, bound, self.measure(alone_usd, references), self.measure(alone_bound, references)
                ),
                "planning": planning,
                "mean_signed": in_words(self.asked, mean, self.naive.signed) if self.naive else (),
            }
        )
        budget = self.asked.budget
        if budget is not None and value > budget.usd_month * (1 + 1e-9):
            proved = bound > budget.usd_month
            said = (budget_words(self.asked, value),) if proved else ()
            return none.model_copy(update={"status": "infeasible" if proved else "stopped", "in_the_way": said})
        if wrong := wrong_about_scenarios(found, self.asked):
            raise AuditFailed("The plan breaks its own arithmetic:\n" + "\n".join(f"  {each}" for each in wrong))
        return found.model_copy(update={"audit": AUDITED})

    def measure(self, usd: Mapping[str, float], references: Mapping[str, float]) -> float:
        """What is made small, of these costs [USD/month]."""
        return self.hedge.criterion.value(self.weight, {s: usd[s] - references[s] for s in usd})

    def plan_of(self, s: str) -> Plan:
        """A scenario's plan with what is signed now, audited like any other."""
        way = self.ways[s]
        problem, reduced = way.problem.model_copy(update={"name": f"{self.asked.name}, {s}"}), way.reduced
        solution = tidy(held(reduced.inputs, self.best.signed), self.best.runs[s], self.hedge.settings)
        plan = finish(problem, reduced, solution, self.today, self.hedge.settings.gap, self.hedge.settings.solver)
        checked = audit(plan, problem, reduced.load, way.catalog, reduced.performance)
        if checked.breaches:
            raise AuditFailed(f"The plan for {s} breaks it:\n" + "\n".join(f"  {each}" for each in checked.breaches))
        return plan.model_copy(update={"audit": checked.checks})


def worth(dear: float, dear_bound: float, cheap: float, cheap_bound: float) -> Worth:
    """What the cheaper of two ways saves, and between which values their bounds leave it [USD/month].

    The dearer costs `dear` or less, and at least its bound; the cheaper likewise.
    """
    return Worth(
        usd_month=max(0.0, dear - cheap), at_least=max(0.0, dear_bound - cheap), at_most=max(0.0, dear - cheap_bound)
    )


def in_words(asked: Problem, reduced: Reduced, signed: FirstStage) -> tuple[Signed, ...]:
    """What is signed, the dearest first."""
    out = [
        machines(reduced.lots[o], n, asked.month_hours)
        if o in reduced.lots
        else promise(reduced.spends[o], n, asked.month_hours)
        for o, n in signed.items()
    ]
    return tuple(sorted(out, key=lambda each: (-each.usd_month, each.provider, each.what, each.term)))


def machines(lot: Lot, count: int, month_h: float) -> Signed:
    """Machines that are signed for or bought."""
    row = lot.row
    return Signed(
        provider=row.provider,
        region=row.region,
        what=row.machine,
        gpu=row.gpu,
        gpus=row.gpus,
        term=row.term,
        count=count,
        usd_h=row.usd_h,
        usd_month=count * row.usd_h * month_h,
        upfront_usd=count * lot.upfront_usd,
    )


def promise(plan: SpendPlan, count: int, month_h: float) -> Signed:
    """A spend commitment that is promised."""
    return Signed(
        provider=plan.quote.provider,
        region="",
        what="spend commitment",
        term=plan.quote.term if isinstance(plan.quote, SpendQuote) else "",
        count=count,
        usd_h=plan.step_usd_h,
        usd_month=count * plan.step_usd_h * month_h,
        upfront_usd=count * plan.upfront_usd,
    )
