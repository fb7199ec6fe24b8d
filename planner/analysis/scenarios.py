"""The scenarios of a problem as problems of their own, with what is signed now the same in all of them.

A scenario's factors reach what is rented once it has come.  What is signed now keeps today's price.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from planner.analysis.levers import Choices
from planner.analysis.scaled import NOTHING, Promise, scaled
from planner.catalog.load import Catalog
from planner.catalog.rows import TERM_MONTHS, PriceOffer
from planner.errors import NoCandidate, ProblemError
from planner.market import WEEK_H, offers_of
from planner.problem.matching import named
from planner.problem.places import Finding, ProblemFile
from planner.problem.procurement import Coverage, Quote, SpendQuote
from planner.problem.schema import Problem
from planner.reduce import Reduced, Shared, reduce_problem
from planner.scenarios import first_stage
from planner.tariffs import most_gb


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One scenario as a problem, with its catalog and its numbers."""

    problem: Problem
    catalog: Catalog
    reduced: Reduced


def checked_factors(problem_file: ProblemFile, catalog: Catalog) -> dict[str, dict[str, float]]:
    """The factors of each scenario with the catalog's spelling; raises for all that cannot be."""
    asked, found, out = problem_file.problem, list[Finding](), dict[str, dict[str, float]]()
    if not asked.scenarios:
        what = "no scenarios are given.  Add `scenarios:` with a name, a weight and factors each; docs/robust.md."
        raise ProblemError(problem_file.complaints([Finding((), what)]))
    choices = Choices(asked, catalog)
    for index, each in enumerate(asked.scenarios):
        mine: dict[str, float] = {}
        for key, factor in each.factors.items():
            name = choices.respelled(key)
            what = "" if name not in mine else f"names the same as another key of this scenario: {name}.  Keep one."
            if what := what or refusal(choices, name, first=not found):
                found.append(Finding(("scenarios", index, "factors", key), what))
            mine[name] = factor
        out[each.name] = mine
    if found:
        raise ProblemError(problem_file.complaints(found))
    return out


def refusal(choices: Choices, key: str, first: bool) -> str:
    """Why a key cannot be a factor of a scenario; empty if it can."""
    lever, buying = choices.lever(key), choices.problem.procurement
    if lever is None:
        return choices.unknown(key, prices_only=False, first=first)
    if lever.kind not in ("load", "rent", "tokens") or lever.amount:
        return "is no factor on a price or a load, and a scenario changes nothing else.  `plan sweep` varies it."
    plain = {"on-demand", "spot"} | choices.possible["GPU"] | choices.possible["provider"]
    if lever.kind == "rent" and not plain.issuperset(lever.names) and (buying.spend_quotes or buying.existing_spend):
        what = "names a machine or a region, and spend commitments keep their rates by provider and GPU alone."
        return what + "  Name one of these, or leave the spend commitments out."
    return ""


def mean_of(factors: Mapping[str, Mapping[str, float]], weight: Mapping[str, float]) -> dict[str, float]:
    """Every factor at its mean over the scenarios; where one does not name it, it is 1."""
    keys = {key for each in factors.values() for key in each}
    return {key: sum(weight[s] * each.get(key, 1.0) for s, each in factors.items()) for key in sorted(keys)}


def decided_later(row: PriceOffer | Quote) -> bool:
    """Whether an offer is rented once it is known which scenario comes."""
    return row.term not in TERM_MONTHS and row.minimum_rental_h < WEEK_H


def moved(
    problem: Problem, catalog: Catalog, factors: Mapping[str, float], steps: Mapping[int, float]
) -> tuple[Problem, Catalog]:
    """The problem and catalog of a scenario: what is signed now keeps its price; the budget is on all scenarios.

    `steps`: in what each spend commitment on offer is promised, by its place in the file [USD/h].
    """
    buying, gpus = problem.procurement, {offer.gpu for offer, _ in offers_of(problem, catalog)}
    dearer, priced = scaled(problem, catalog, factors, moves=decided_later)
    quotes = [
        locked(quote, factors, gpus).model_copy(update={"step_usd_h": steps[index]} if index in steps else {})
        for index, quote in enumerate(buying.spend_quotes)
    ]
    signed = [locked(each, factors, gpus) for each in buying.existing_spend]
    procurement = dearer.procurement.model_copy(update={"spend_quotes": quotes, "existing_spend": signed})
    return dearer.model_copy(update={"procurement": procurement, "budget": None, "scenarios": []}), priced


def locked(quote: Promise, factors: Mapping[str, float], gpus: Collection[str]) -> Promise:
    """A spend commitment at the rates of the day on which it is signed, as discounts on the scenario's prices.

    Where these fall below its rates it takes nothing off them.
    """
    everywhere = {quote.provider, "on-demand"}
    rents = [(set(key.removeprefix("price.").split("/")), factor) for key, factor in factors.items()]
    several = sorted({name for names, _ in rents for name in names} & set(gpus))

    def at(covered: Coverage, names: set[str]) -> Coverage:
        dearer = math.prod(factor for those, factor in rents if those <= names)
        return covered.model_copy(update={"discount_share": max(NOTHING, 1 - (1 - covered.discount_share) / dearer)})

    covers = []
    for covered in quote.covers:
        for gpu in several:
            if not covered.where.gpus or named(gpu, covered.where.gpus):
                only = covered.model_copy(update={"where": covered.where.model_copy(update={"gpus": [gpu]})})
                covers.append(at(only, everywhere | {gpu}))
        covers.append(at(covered, everywhere))
    return quote.model_copy(update={"covers": covers})


def all_ways(
    problem_file: ProblemFile, catalog: Catalog, factors: Mapping[str, Mapping[str, float]], today: date
) -> dict[str, Way]:
    """Every scenario reduced, until all of them know the same offers that are signed now."""
    shared, steps = Shared(), dict[int, float]()
    while True:
        ways = {}
        for s, mine in factors.items():
            problem, priced = moved(problem_file.problem, catalog, mine, steps)
            try:
                reduced = reduce_problem(problem, problem_file.folder, priced, today, shared=shared)
            except NoCandidate as error:
                raise NoCandidate(f"In {s or 'the mean scenario'}: {error}") from None
            ways[s] = Way(problem=problem, catalog=priced, reduced=reduced)
        now = Shared(
            kept=shared.kept.union(*(signable(way.reduced) for way in ways.values())),
            egress_gb=max(most_gb(way.problem, way.reduced.load) for way in ways.values()),
        )
        promised = steps_of(ways.values())
        if (now, promised) == (shared, steps):
            break
        shared, steps = now, promised
    several = {o for way in ways.values() for o in first_stage(way.reduced.inputs)}
    for s, way in ways.items():
        if lacking := several - first_stage(way.reduced.inputs):
            what = f"{', '.join(sorted(lacking))} would pay for nothing in {s or 'the mean scenario'}, only in others."
            found = [Finding(("procurement", "spend_quotes"), what + "  Leave it out.")]
            raise ProblemError(problem_file.complaints(found))
    return ways


def signable(reduced: Reduced) -> frozenset[str]:
    """Machines that may be signed for."""
    return first_stage(reduced.inputs) & reduced.lots.keys()


def steps_of(ways: Iterable[Way]) -> dict[int, float]:
    """In what each spend commitment on offer is promised, by its place in the file [USD/h]."""
    steps: dict[int, float] = {}
    for way in ways:
        quotes = way.problem.procurement.spend_quotes
        for plan in way.reduced.spends.values():
            if isinstance(plan.quote, SpendQuote):
                index = quotes.index(plan.quote)
                steps[index] = min(plan.step_usd_h, steps.get(index, plan.step_usd_h))
    return steps
