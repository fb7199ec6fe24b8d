"""What would make a problem with no plan have one: each rule that alone could give way, and by how little.

A rule is loosened in the problem, which is then reduced and solved like any other, until the least of its values that
admits a plan is known and the next tighter one is proved to admit none.  A budget needs no such trials: it is what the
best plan without it costs.  Where no rule alone is enough, two are loosened together, or as many as it takes: all by
the same least share of what is asked of them, then each tightened as far as the others let it be.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations

from planner.analysis.allowing import allowances, precisions
from planner.analysis.loosened_buying import buying, quoted, spending, spreading, survived
from planner.analysis.loosened_workloads import objectives, of_workloads
from planner.analysis.loosening import Loosening
from planner.analysis.serving_less import OF_PEAK, serving_less
from planner.analysis.trials import Places, Progress, Trial, Trials
from planner.catalog.load import Catalog
from planner.numbers import paid_anyway
from planner.problem.places import ProblemFile
from planner.problem.schema import Problem
from planner.reduce import reduce_problem
from planner.search import search
from planner.solver import Settings
from planner.traffic.types import Load

FIRST_SHARE = 0.1
"""Of the time, for any one problem while others have not been tried yet."""
GALLOP = 64
"""Of more values than this, the tightest are tried first."""
SHARES = tuple(0.01 * 1.2**n for n in range(60))
"""By how much of what is asked several rules are loosened together, before they are left out altogether."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A rule that gives way: the least of its values that is known to be enough, and the one known not to be."""

    key: str
    family: str
    says: str
    unit: str
    now: float | None  # None: not allowed
    enough: float | None  # None: it is allowed, or left out altogether
    too_little: float | None  # no value between the two is known to be either; None: what stands in the file
    least: bool  # no value lies between them
    detail: str
    problem: Problem  # with this alone loosened


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysOut:
    """All that is known of how a problem could have a plan."""

    problem: str
    single: tuple[Way, ...]
    together: tuple[Way, ...]  # where there is no single one but to serve less
    tried: int  # rules
    solved: int  # problems
    untold: tuple[str, ...]  # rules of which the time did not suffice to know


def loosenings(problem: Problem, load: Load, catalog: Catalog) -> list[Loosening]:
    """Every rule of a problem that may give way, those first that most often stand in the way."""
    modeled = not problem.performance.capacity
    found = (
        *spending(problem),
        *buying(problem),
        *spreading(problem),
        *survived(problem),
        *of_workloads(problem),
        *quoted(problem),
        *serving_less(problem, load, catalog),
        *allowances(problem, {offer.gpu for offer in catalog.offers}),
        *(objectives(problem) if modeled else ()),
        *(precisions(problem) if modeled else ()),
    )
    return [each for each in found if each.values]


def ways_out(
    file: ProblemFile,
    load: Load,
    catalog: Catalog,
    settings: Settings,
    today: date,
    limit_s: float,
    progress: Progress = lambda _: None,
) -> WaysOut:
    """Every single way out of a problem with no plan, with its least amount, or else a smallest combination."""
    trials = Trials(file, catalog, settings, today, progress, time.monotonic() + limit_s)
    rules = untold = loosenings(file.problem, load, catalog)
    found: dict[tuple[str, str], list[Way]] = {}
    for share in (FIRST_SHARE, 1.0):
        trials.most_s, later = share * limit_s, []
        for rule in untold:
            trials.doing = rule.says
            widest = trials.ask(loosest([rule]))
            if widest.feasible is None:
                later.append(rule)
            if widest.feasible:
                found[rule.mark] = narrowed(trials, rule, widest)
        untold = later
    serving_all = [rule for rule in rules if rule.unit != OF_PEAK]
    told = [*serving_all, *(rule for rule in rules if rule.unit == OF_PEAK)]
    single = [way for rule in told for way in found.get(rule.mark, ())]
    together: tuple[Way, ...] = ()
    if all(each.unit == OF_PEAK for each in single) and not untold:
        together = combination(trials, serving_all) or (() if single else combination(trials, rules))
    return WaysOut(
        problem=file.problem.name,
        single=tuple(single),
        together=together,
        tried=len(rules),
        solved=trials.solved,
        untold=tuple(rule.says for rule in untold),
    )


def narrowed(trials: Trials, rule: Loosening, widest: Trial) -> list[Way]:
    """A rule that alone admits a plan, with its least amount; or less of it that does too."""
    if rule.family == "within_budget":
        return [spent(trials, rule)]
    found = []
    if rule.narrower is not None and widest.reduced is not None and widest.solution is not None:
        found = [each for each in rule.narrower(widest.reduced, widest.solution) if trials.ask([(each, 0)]).feasible]
    return [way(trials, each, *least(trials, each, [])) for each in found or [rule]]


def least(trials: Trials, rule: Loosening, others: Places) -> tuple[int, int]:
    """Places among a rule's values: the last known to be too little (-1: as asked), the first known to be enough.

    The loosest value is known to be enough.
    """
    low, high, step = -1, len(rule.values) - 1, 1
    gallop = high > GALLOP and rule.used is None

    def content(trial: Trial, place: int) -> int:
        """The place that a plan found at one place would be content with."""
        if rule.used is None or trial.reduced is None or trial.solution is None:
            return place
        asked = math.ceil(rule.used(trial.reduced, trial.solution) - 1e-6)
        return max(low + 1, min(place, asked - int(rule.values[0])))

    high = content(trials.ask([*others, (rule, high)]), high)
    while high - low > 1:
        middle = min(low + step, high - 1) if gallop else (low + high) // 2
        trial = trials.ask([*others, (rule, middle)])
        if trial.feasible is None:
            break
        if trial.feasible:
            high, gallop = content(trial, middle), False
        else:
            low, step = middle, 2 * step
    return low, high


def way(trials: Trials, rule: Loosening, low: int, high: int, others: Places = ()) -> Way:
    """A rule with the places among its values that are known to be too little and enough."""
    value = rule.values[high]
    least = high - low == 1
    unknown = math.isinf(value) or (not least and high == len(rule.values) - 1)
    return Way(
        key=rule.key,
        family=rule.family,
        says=rule.says,
        unit=rule.unit,
        now=rule.now,
        enough=None if rule.now is None or unknown else float(value),
        too_little=float(rule.values[low]) if low >= 0 else None,
        least=least,
        detail="" if rule.detail is None else rule.detail(value),
        problem=trials.turned([*others, (rule, high)]),
    )


def spent(trials: Trials, rule: Loosening) -> Way:
    """The budget that is enough, in whole dollars: what the best plan without it costs; none costs less than proved."""
    problem = trials.file.problem
    reduced = reduce_problem(problem, trials.file.folder, trials.catalog, trials.today)
    limits = replace(trials.settings, gap=0.0, time_limit_s=max(0.1, trials.left_s() / 4))
    found = search(replace(reduced.inputs, budget_usd_month=None), limits)
    if found.usd_month is None:
        return way(trials, rule, -1, len(rule.values) - 1)
    paid = paid_anyway(problem, reduced.lots.values(), reduced.spends.values())
    first = int(rule.values[0])
    high = max(0, math.ceil(found.usd_month + paid - 1e-6) - first)
    bound = -math.inf if found.bound_usd_month is None else found.bound_usd_month + paid
    low = -1 if math.isinf(bound) else max(-1, min(high - 1, math.ceil(bound - 1e-6) - 1 - first))
    return way(trials, rule, low, high)


def combination(trials: Trials, rules: Sequence[Loosening]) -> tuple[Way, ...]:
    """A smallest set of rules that together admit a plan; of several pairs the one loosened by the least share.

    What is needed even beside all others is in every such set.
    """
    trials.doing = "several rules together"
    if not trials.ask(loosest(rules)).feasible:
        return ()
    needed = [rule for rule in rules if trials.ask(loosest(without(rules, rule))).feasible is False]
    several = list(rules)
    for rule in reversed([each for each in rules if each not in needed]):
        if trials.ask(loosest(without(several, rule))).feasible:
            several = without(several, rule)
    best = (len(several), least_share(trials, several), several)
    for pair in combinations(rules, 2):
        if all(rule in pair for rule in needed) and trials.ask(loosest(pair)).feasible:
            best = min(best, (2, least_share(trials, pair), list(pair)), key=lambda each: each[:2])
    _, share, several = best
    places = list(looser(several, share))
    lows: list[int] = []
    for i, (rule, place) in enumerate(places):
        others = [each for each in places if each[0] is not rule]
        low, high = least(trials, replace(rule, values=rule.values[: place + 1]), others)
        places[i] = rule, high
        lows.append(low)
    return tuple(
        way(trials, rule, low, high, [each for each in places if each[0] is not rule])
        for (rule, high), low in zip(places, lows, strict=True)
    )


def loosest(rules: Sequence[Loosening]) -> Places:
    """Rules at their loosest values."""
    return [(rule, len(rule.values) - 1) for rule in rules]


def without(rules: Sequence[Loosening], rule: Loosening) -> list[Loosening]:
    """All rules but one."""
    return [each for each in rules if each is not rule]


def looser(rules: Sequence[Loosening], share: int) -> Places:
    """Rules loosened by a share of `SHARES`; beyond them, as loose as can be.  What is not allowed is, from all on."""
    if share >= len(SHARES):
        return loosest(rules)
    allowing = SHARES[share] >= 1
    return [(rule, rule.looser_by(SHARES[share])) for rule in rules if allowing or rule.now is not None]


def least_share(trials: Trials, rules: Sequence[Loosening]) -> int:
    """The first of `SHARES` by which these rules, all loosened by it, admit a plan."""
    low, high = -1, len(SHARES)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if trials.ask(looser(rules, middle)).feasible else (middle, high)
    return high
