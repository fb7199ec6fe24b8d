"""Solve a problem again and again at other prices and loads: which plan wins where.

What is swept is a factor on what the problem and the catalog say (1: as they are), applied before anything
is reduced, so that every point is a problem like any other.  Points are solved side by side in processes.
Nothing here solves: the verb is handed in.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeVar

from planner.catalog.load import Catalog
from planner.catalog.names import resolve_gpu, resolve_model
from planner.catalog.rows import TERM_MONTHS, ApiPrice, Gpu, ModelCard, PriceOffer
from planner.errors import Complaint, InputError, NoCandidate
from planner.market import committed_at_a_discount, offers_of
from planner.outputs.sweep import SweepPoint
from planner.plan import Plan
from planner.problem.apis import ApiQuote
from planner.problem.places import ProblemFile, printable
from planner.problem.procurement import ExistingSpend, Quote, SpendQuote
from planner.problem.schema import Problem
from planner.problem.wording import did_you_mean
from planner.variants import accepted_models

MOST_POINTS = 10_000
Solve = Callable[[ProblemFile, Catalog], Plan]
TokenPrice = TypeVar("TokenPrice", ApiPrice, ApiQuote)
NOTHING = 1e-9
Promise = TypeVar("Promise", SpendQuote, ExistingSpend)


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that is swept, and the factors it takes."""

    key: str  # price.h100-sxm, price.lambda, price.spot, price.api, traffic, traffic.chat ...
    factors: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Solved:
    """A point, and what went wrong there if that was our fault."""

    point: SweepPoint
    trouble: str = ""


def parse_axis(text: str) -> Axis:
    """KEY=FROM..TO/N or KEY=a,b,c.  Raises InputError for anything else.

    >>> parse_axis("price.spot=0.5..1.5/5")
    Axis(key='price.spot', factors=(0.5, 0.75, 1.0, 1.25, 1.5))
    >>> parse_axis("traffic=1,2").factors
    (1.0, 2.0)
    """
    key, equals, values = text.partition("=")
    example = "Write KEY=FROM..TO/N, as price.h100-sxm=0.6..1.4/9, or KEY=a,b,c, as traffic=1,2,4."
    if not (equals and key.strip() and values.strip()):
        raise _wrong(text, f"says not what to sweep over which factors.  {example}")
    try:
        if ".." in values:
            ends, slash, points = values.partition("/")
            first, last = (float(end) for end in ends.split(".."))
            count = int(points) if slash else 0
            if not 2 <= count <= MOST_POINTS:
                raise _wrong(text, f"{points or 'no'} points; from one end to the other takes 2 to {MOST_POINTS:,}.")
            factors = tuple(round(first + (last - first) * i / (count - 1), 12) for i in range(count))
        else:
            factors = tuple(float(value) for value in values.split(","))
    except ValueError:
        raise _wrong(text, f'"{printable(values)}" is no row of numbers.  {example}') from None
    if any(not 0 < factor <= 1e6 for factor in factors):
        raise _wrong(text, "a factor multiplies a price or a load (1: as it is); it must be more than 0, at most 1e6.")
    if len(set(factors)) < len(factors):
        raise _wrong(text, "the same factor stands there twice.  Keep it once.")
    return Axis(key.strip(), factors)


def check_axes(problem: Problem, catalog: Catalog, axes: Sequence[Axis], loads: bool = True) -> tuple[Axis, ...]:
    """The axes with the catalog's spelling of GPUs; without `loads`, of prices alone.

    Raises InputError with every key that names nothing the problem could buy or serve.
    """
    seen = [offer for offer, _ in offers_of(problem, catalog)]
    accepted = {each.model for workload in problem.workloads.values() for each in accepted_models(workload)}
    accepted |= {card.family for name in accepted if isinstance(card := resolve_model(catalog, name), ModelCard)}
    prices: list[ApiPrice | ApiQuote] = [*catalog.api_prices, *problem.apis.quotes]
    possible: dict[str, set[str]] = {
        "GPU": {offer.gpu for offer in seen},
        "provider": {offer.provider for offer in seen},
        "term": {offer.term for offer in seen} | {quote.term for quote in problem.procurement.spend_quotes},
        "API": {row.provider for row in prices if row.model in accepted and problem.apis.allow},
        "workload": set(problem.workloads),
    }
    keys = ["traffic", *(f"traffic.{name}" for name in possible["workload"])] if loads else []
    keys += [f"price.{name}" for kind in ("GPU", "provider", "term") for name in possible[kind]]
    keys += ["price.api", *(f"price.api.{name}" for name in possible["API"])] if possible["API"] else []
    complaints: list[Complaint] = []
    found: list[Axis] = []
    for axis in axes:
        key = axis.key
        if key not in keys and key.startswith("price."):
            gpu = resolve_gpu(catalog, key.removeprefix("price."))
            key = f"price.{gpu.name}" if isinstance(gpu, Gpu) else key
        if key not in keys:
            complaints.append(Complaint(f"--over {printable(axis.key)}", _unknown(key, keys, possible)))
        elif key in {each.key for each in found}:
            complaints.append(Complaint(f"--over {key}", "is swept twice.  Give all its factors at once."))
        found.append(Axis(key, axis.factors))
    points = math.prod(len(axis.factors) for axis in axes)
    if points > MOST_POINTS:
        complaints.append(Complaint("--over", f"{points:,} points; at most {MOST_POINTS:,} are solved.  Take fewer."))
    if complaints:
        raise InputError(complaints)
    return tuple(found)


def sweep(
    problem_file: ProblemFile, catalog: Catalog, axes: Sequence[Axis], solve: Solve, jobs: int = -1
) -> Iterator[Solved]:
    """Every point of the grid in the order in which they are done; `jobs` at a time (-1: one per core).

    A point without a plan is a point with its status.  Raises InputError for keys that name nothing, at once.
    """
    axes = check_axes(problem_file.problem, catalog, axes)
    grid = [
        dict(zip((axis.key for axis in axes), factors, strict=True))
        for factors in product(*(axis.factors for axis in axes))
    ]
    return _solve_all(problem_file, catalog, grid, solve, jobs)


def _solve_all(
    problem_file: ProblemFile, catalog: Catalog, grid: list[dict[str, float]], solve: Solve, jobs: int
) -> Iterator[Solved]:
    from joblib import Parallel, cpu_count, delayed

    jobs = min(len(grid), cpu_count() if jobs < 1 else jobs)
    work = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
    yield from work(delayed(_solve_point)(problem_file, catalog, factors, solve, jobs > 1) for factors in grid)


def _solve_point(
    problem_file: ProblemFile, catalog: Catalog, factors: Mapping[str, float], solve: Solve, in_child: bool
) -> Solved:
    if in_child:
        import signal

        # Ctrl-C reaches every process of a terminal; only the first one is to answer it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    problem, priced = scaled(problem_file.problem, catalog, factors)
    try:
        plan = solve(replace(problem_file, problem=problem), priced)
    except NoCandidate:
        return Solved(_without_plan(factors, "infeasible"))
    except InputError:
        raise
    except Exception as error:  # one point's fault must not cost the others
        return Solved(_without_plan(factors, "stopped"), trouble=f"{type(error).__name__}: {error}")
    return Solved(
        SweepPoint(
            values=dict(factors),
            status=plan.status,
            usd_month=plan.usd_month,
            bound_usd_month=plan.bound_usd_month,
            gap=plan.gap,
            mix=mix_of(plan),
        )
    )


def _without_plan(factors: Mapping[str, float], status: str) -> SweepPoint:
    return SweepPoint(
        values=dict(factors),
        status=status,  # type: ignore[arg-type]
        usd_month=None,
        bound_usd_month=None,
        gap=None,
        mix={},
    )


def mix_of(plan: Plan) -> dict[str, float]:
    """What is bought, as "provider machine term" or "provider API" -> USD per month."""
    mix: dict[str, float] = defaultdict(float)
    for spend in plan.spends:
        mix[f"{spend.provider} spend commitment {'existing' if spend.existing else spend.term}"] += spend.usd_month
    for purchase in plan.purchases:
        term = "existing" if purchase.existing else purchase.term
        mix[f"{purchase.provider} {purchase.machine} {term}"] += purchase.usd_month
    for api in plan.apis:
        mix[f"{api.provider} API"] += api.usd_month
    return dict(mix)


def named(names: Iterable[str], keys: Iterable[str]) -> list[str]:
    """The keys that name a price with these names: its GPU, provider and term, or "api" and "api.PROVIDER"."""
    wanted = {f"price.{name}" for name in names}
    return [key for key in keys if key in wanted]


def scaled(
    problem: Problem, catalog: Catalog, factors: Mapping[str, float], together: bool = False
) -> tuple[Problem, Catalog]:
    """Problem and catalog with every price and load that a key names multiplied by its factor.

    Commitments that the catalog gives as a discount become prices first: a factor on on-demand prices leaves
    them alone.  Several factors on one price multiply; `together` they are one factor, and a price moves once however
    many keys name it.  Existing commitments are paid already and keep theirs.
    """

    def dearer(*names: str) -> float:
        found = [factors[key] for key in named(names, factors)]
        return math.prod(found[:1] if together else found)

    def rent(row: PriceOffer | Quote) -> float:
        return dearer(row.gpu, row.provider, row.term)

    def tokens(row: ApiPrice | ApiQuote) -> float:
        return dearer("api", f"api.{row.provider}")

    offers = (*catalog.offers, *committed_at_a_discount(catalog))
    catalog = replace(
        catalog,
        offers=tuple(row.model_copy(update={"usd_h": row.usd_h * rent(row)}) for row in offers),
        commitments=(),
        api_prices=tuple(_dearer(row, tokens(row)) for row in catalog.api_prices),
    )
    procurement = problem.procurement.model_copy(
        update={
            "quotes": [
                quote.model_copy(update={"usd_h": quote.usd_h * rent(quote)}) for quote in problem.procurement.quotes
            ],
            "spend_quotes": [
                _spend_scaled(quote, factors, factors.get(f"price.{quote.term}", 1.0))
                for quote in problem.procurement.spend_quotes
            ],
            "existing_spend": [_spend_scaled(each, factors, 1.0) for each in problem.procurement.existing_spend],
        }
    )
    apis = problem.apis.model_copy(update={"quotes": [_dearer(row, tokens(row)) for row in problem.apis.quotes]})
    workloads = {}
    for name, workload in problem.workloads.items():
        factor = factors.get("traffic", 1.0) * factors.get(f"traffic.{name}", 1.0)
        traffic = workload.traffic.model_copy(update={"scale": workload.traffic.scale * factor})
        workloads[name] = workload.model_copy(update={"traffic": traffic})
    return problem.model_copy(update={"procurement": procurement, "apis": apis, "workloads": workloads}), catalog


def _spend_scaled(quote: Promise, factors: Mapping[str, float], own: float) -> Promise:
    """A spend commitment whose rates move with its own term (`own`) and not with on-demand prices.

    Where these fall below its rates it takes nothing off them.
    """
    less = own / factors.get("price.on-demand", 1.0)
    covers = [
        c.model_copy(update={"discount_share": max(NOTHING, 1 - (1 - c.discount_share) * less)}) for c in quote.covers
    ]
    return quote.model_copy(update={"covers": covers})


def _dearer(row: TokenPrice, factor: float) -> TokenPrice:
    prices = [name for name in type(row).model_fields if name.endswith("_usd_mtok")]
    return row.model_copy(
        update={name: getattr(row, name) * factor for name in prices if getattr(row, name) is not None}
    )


def _wrong(text: str, what: str) -> InputError:
    return InputError([Complaint(f"--over {printable(text)}", what)])


def _unknown(key: str, keys: Sequence[str], possible: Mapping[str, set[str]]) -> str:
    terms = sorted(possible["term"], key=lambda term: TERM_MONTHS.get(term, 0))
    lines = [f"nothing of that name is swept here.{did_you_mean(key, keys)}  Possible:"]
    if "traffic" in keys:
        lines.append(f"  traffic, or traffic. with a workload: {', '.join(possible['workload'])}")
    lines += [
        f"  price. with a term: {', '.join(terms)}",
        f"  price. with a GPU: {', '.join(sorted(possible['GPU']))}",
        f"  price. with a provider: {', '.join(sorted(possible['provider']))}",
    ]
    if possible["API"]:
        lines.append(f"  price.api, or price.api. with an API provider: {', '.join(sorted(possible['API']))}")
    return "\n  ".join(lines)
