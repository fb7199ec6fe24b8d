"""Which keys may be swept in a problem, and whether their values can be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from planner.analysis.axes import Axis, Dimension, check_shape, grid_of
from planner.analysis.scaled import TOKEN_PRICES, USD_GPU_H, Lever, lever_of
from planner.catalog.load import Catalog
from planner.catalog.names import resolve_gpu, resolve_model
from planner.catalog.rows import TERM_MONTHS, ApiPrice, CommitmentDiscount, Gpu, ModelCard
from planner.errors import Complaint, InputError
from planner.market import offers_of
from planner.problem.apis import ApiQuote
from planner.problem.by_path import number_at, numbers_of, refused
from planner.problem.places import KeyPath, dotted
from planner.problem.procurement import SpendQuote
from planner.problem.schema import Problem
from planner.problem.wording import did_you_mean, some_of
from planner.serverless import offer_of_serverless
from planner.variants import accepted_models

MOST_FACTOR = 1e6


class Choices:
    """What a problem and a catalog let a sweep move."""

    def __init__(self, problem: Problem, catalog: Catalog) -> None:
        self.problem, self.catalog = problem, catalog
        self.numbers = numbers_of(problem)
        self.offers = [offer for offer, _ in offers_of(problem, catalog)]
        self.offers += [offer_of_serverless(quote) for quote in problem.procurement.serverless]
        accepted = {each.model for workload in problem.workloads.values() for each in accepted_models(workload)}
        accepted |= {card.family for name in accepted if isinstance(card := resolve_model(catalog, name), ModelCard)}
        prices: list[ApiPrice | ApiQuote] = [*catalog.api_prices, *problem.apis.quotes]
        self.tokens = [row for row in prices if row.model in accepted and problem.apis.allow]
        sold = {offer.provider for offer in self.offers}
        self.discounts: list[CommitmentDiscount | SpendQuote] = [
            *(row for row in catalog.commitments if row.provider in sold and not problem.procurement.only_quotes),
            *problem.procurement.spend_quotes,
        ]
        self.possible: dict[str, set[str]] = {
            "GPU": {offer.gpu for offer in self.offers},
            "provider": {offer.provider for offer in self.offers},
            "term": {offer.term for offer in self.offers} | {q.term for q in problem.procurement.spend_quotes},
            "API": {row.provider for row in self.tokens},
            "workload": set(problem.workloads),
        }

    def respelled(self, key: str) -> str:
        """The key with the catalog's spelling of its GPUs."""
        head, dot, rest = key.partition(".")
        if head != "price" or not dot or self.lever(key):
            return key
        names, amount = (
            (rest.removesuffix(f".{USD_GPU_H}"), f".{USD_GPU_H}") if rest.endswith(USD_GPU_H) else (rest, "")
        )
        found = [resolve_gpu(self.catalog, name) for name in names.split("/")]
        spelled = [
            gpu.name if isinstance(gpu, Gpu) else name for gpu, name in zip(found, names.split("/"), strict=True)
        ]
        return f"{head}.{'/'.join(spelled)}{amount}"

    def lever(self, key: str) -> Lever | None:
        """What a key moves; None: nothing here."""
        lever = lever_of(key, self.numbers, self.problem.workloads)
        rows: Mapping[str, Sequence[Any]] = {
            "rent": [*self.offers, *self.problem.procurement.spend_quotes],
            "tokens": self.tokens,
            "discount": self.discounts,
        }
        if lever and lever.kind in rows and not any(lever.reaches(row) for row in rows[lever.kind]):
            return None
        return lever

    def is_price(self, lever: Lever) -> bool:
        """Whether it multiplies the prices of a GPU, a provider, a term or an API."""
        whole = self.possible["GPU"] | self.possible["provider"] | self.possible["term"]
        names = whole if lever.kind == "rent" else self.possible["API"]
        return (
            lever.kind in ("rent", "tokens") and not lever.amount and names >= set(lever.names) and len(lever.names) < 2
        )

    def keys(self, prices_only: bool) -> list[str]:
        """Keys to choose from where one is misspelled."""
        keys = [f"price.{name}" for kind in ("GPU", "provider", "term") for name in self.possible[kind]]
        keys += ["price.api", *(f"price.api.{name}" for name in self.possible["API"])] if self.possible["API"] else []
        if not prices_only:
            keys += ["traffic", *(f"traffic.{name}" for name in self.possible["workload"])]
            keys += ["discount", *self.numbers]
        return keys

    def unknown(self, key: str, prices_only: bool, first: bool) -> str:
        """What is said of a key that names nothing; of the first one with all that is possible."""
        possible = self.possible
        what = f"nothing of that name is swept here.{did_you_mean(key, self.keys(prices_only))}"
        if not first:
            return what
        lines = [f"{what}  Possible:"]
        if not prices_only:
            lines.append(f"  traffic, or traffic. with a workload: {', '.join(possible['workload'])}")
        lines += [
            f"  price. with a term: {', '.join(sorted(possible['term'], key=lambda term: TERM_MONTHS.get(term, 0)))}",
            f"  price. with a GPU: {', '.join(sorted(possible['GPU']))}",
            f"  price. with a provider: {', '.join(sorted(possible['provider']))}",
        ]
        if possible["API"]:
            lines.append(f"  price.api, or price.api. with an API provider: {', '.join(sorted(possible['API']))}")
        if not prices_only:
            if self.discounts:
                names = {row.provider for row in self.discounts} | {row.term for row in self.discounts}
                lines.append(f"  discount, or discount. with a term or provider: {some_of(names)}")
            lines.append(
                "  price. with several of these and / between, or a machine or region: price.aws/p5.48xlarge/1y"
            )
            lines.append("  any number of the problem file by its path, as budget.usd_month or slo.chat.ttft_ms")
        return "\n  ".join(lines)


def check_axes(problem: Problem, catalog: Catalog, axes: Iterable[Axis], prices_only: bool = False) -> tuple[Axis, ...]:
    """The axes with the catalog's spelling of GPUs and with amounts in place of factors on numbers of the file.

    Raises InputError with every key that names nothing the problem could buy or serve, and every value that cannot be.
    """
    choices = Choices(problem, catalog)
    complaints: list[Complaint] = []
    found: list[Axis] = []
    for axis in axes:
        axis = replace(axis, key=choices.respelled(axis.key))
        lever = choices.lever(axis.key)
        if lever is None or (prices_only and not choices.is_price(lever)):
            complaints.append(Complaint(axis.place, choices.unknown(axis.key, prices_only, not complaints)))
            continue
        if lever.kind == "number" and axis.times:
            now = number_at(problem, lever.path)
            if now is None:
                what = "holds no number that could be multiplied.  Give values without x."
                complaints.append(Complaint(axis.place, what))
                continue
            axis = replace(axis, values=tuple(value * now for value in axis.values), times=False)
        if what := _impossible(lever, axis, choices.discounts):
            complaints.append(Complaint(axis.place, what))
        found.append(axis)
    if complaints:
        raise InputError(complaints)
    return tuple(found)


def check_dimensions(problem: Problem, catalog: Catalog, dimensions: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """The same for axes that go together or make a grid.  Raises InputError also where a point contradicts itself."""
    checked = iter(check_axes(problem, catalog, [axis for dimension in dimensions for axis in dimension]))
    found = tuple(tuple(next(checked) for _ in dimension) for dimension in dimensions)
    check_shape(found)
    numbers = numbers_of(problem)
    of_file = [tuple(axis for axis in dimension if axis.key in numbers) for dimension in found]
    by_path: dict[KeyPath, Axis] = {}
    for axis in (axis for dimension in of_file for axis in dimension):
        path = numbers[axis.key]
        if path in by_path:
            raise InputError([Complaint(axis.place, f"is the number that {by_path[path].key} sweeps.  Keep one.")])
        by_path[path] = axis
    complaints: dict[str, Complaint] = {}
    for point in grid_of([dimension for dimension in of_file if dimension]):
        for finding in refused(problem, {numbers[key]: value for key, value in point.items()}) if point else ():
            at = ", ".join(f"{key}={value:g}" for key, value in point.items())
            place = by_path[finding.at].place if finding.at in by_path else f"--over, {dotted(finding.at)}"
            complaints.setdefault(place, Complaint(place, f"At {at}: {finding.what}"))
    if complaints:
        raise InputError(list(complaints.values()))
    return found


def _shares(row: CommitmentDiscount | SpendQuote) -> list[float]:
    return [row.discount_share] if isinstance(row, CommitmentDiscount) else [each.discount_share for each in row.covers]


def _impossible(lever: Lever, axis: Axis, discounts: Collection[CommitmentDiscount | SpendQuote]) -> str:
    """What is wrong with the values of a key, if anything."""
    low, high = min(axis.values), max(axis.values)
    if lever.amount and axis.times:
        return f"names an amount ({lever.amount}), which takes values and no factors.  Leave out the x or the amount."
    if lever.kind == "discount":
        shares = [1.0] if lever.amount else [share for row in discounts if lever.reaches(row) for share in _shares(row)]
        if low <= 0 or high * max(shares) >= 1:
            worst = (
                f"{high:g} would take {high * max(shares):.0%} off a price" if low > 0 else f"{low:g} is no discount"
            )
            return f"{worst}.  A discount is more than 0 and less than the whole price."
        return ""
    if lever.kind == "number" or lever.amount in TOKEN_PRICES:
        return "a price is never less than nothing." if lever.amount and low < 0 else ""
    if not 0 < low <= high <= MOST_FACTOR:
        what = "a price" if lever.amount else "a factor multiplies a price or a load (1: as it is); it"
        return f"{what} must be more than 0, at most 1e6."
    return ""
