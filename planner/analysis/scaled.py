"""A problem and a catalog at other values: prices, discounts, loads, and any number of the problem file.

Decides nothing: what a key may be is checked in `planner.analysis.levers`.  Numbers of the problem file come first,
then prices that are given, then factors; several factors on one price multiply.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeVar

from planner.catalog.load import Catalog
from planner.catalog.rows import ApiPrice, PriceOffer
from planner.market import committed_at_a_discount
from planner.problem.apis import ApiQuote
from planner.problem.by_path import numbers_of, with_numbers
from planner.problem.places import KeyPath
from planner.problem.procurement import ExistingSpend, Quote, ServerlessQuote, SpendQuote
from planner.problem.schema import Problem

NOTHING = 1e-9
USD_GPU_H = "usd_gpu_h"
SHARE = "share"
TOKEN_PRICES = tuple(name for name in ApiQuote.model_fields if name.endswith("_usd_mtok"))
TokenPrice = TypeVar("TokenPrice", ApiPrice, ApiQuote)
Rented = TypeVar("Rented", PriceOffer, Quote)
Promise = TypeVar("Promise", SpendQuote, ExistingSpend)


@dataclass(frozen=True, slots=True)
class Lever:
    """What a key moves: everything that has all of these names (none: all there is), or one number of the file."""

    kind: Literal["load", "rent", "tokens", "discount", "number"]
    names: tuple[str, ...] = ()
    amount: str = ""  # which amount the values are; empty: they are factors
    path: KeyPath = ()

    def reaches(self, row: Any) -> bool:
        """Whether it moves this offer, token price, discount or spend commitment."""
        own = {getattr(row, name, None) for name in ("gpu", "provider", "term", "machine", "region", "model")}
        if isinstance(row, Quote | ServerlessQuote):
            own.add(f"{row.gpus}x-{row.gpu}" if row.machine is None else None)
        return own.issuperset(self.names)


def lever_of(key: str, numbers: Mapping[str, KeyPath], workloads: Iterable[str]) -> Lever | None:
    """What a key moves, whether or not anything has its names; None: it says nothing that can be swept."""
    head, dot, rest = key.partition(".")
    if head == "traffic" and (not dot or rest in workloads):
        return Lever("load", (rest,) if rest else ())
    if key in numbers:
        return Lever("number", path=numbers[key])
    if head == "price" and (rest == "api" or rest.startswith("api.")):
        names, amount = _amount(rest.removeprefix("api"), TOKEN_PRICES)
        return Lever("tokens", names, amount)
    if head == "price" and rest:
        names, amount = _amount(f".{rest}", (USD_GPU_H,))
        return Lever("rent", names, amount) if names else None
    if head == "discount":
        names, amount = _amount(f".{rest}" if rest else "", (SHARE,))
        return Lever("discount", names, amount)
    return None


def _amount(text: str, amounts: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """Names and amount of "", ".a/b" or ".a/b.amount"."""
    amount = next((each for each in amounts if text.endswith(f".{each}")), "")
    names = text.removesuffix(f".{amount}" if amount else "").removeprefix(".")
    return tuple(name for name in names.split("/") if name), amount


def named(names: Iterable[str], keys: Iterable[str]) -> list[str]:
    """The keys that name a price with these names: its GPU, provider and term, or "api" and "api.PROVIDER"."""
    wanted = {f"price.{name}" for name in names}
    return [key for key in keys if key in wanted]


def scaled(
    problem: Problem,
    catalog: Catalog,
    values: Mapping[str, float],
    together: bool = False,
    moves: Callable[[PriceOffer | Quote], bool] = lambda _: True,
) -> tuple[Problem, Catalog]:
    """Problem and catalog with everything that a key names at its value: a factor, an amount, a number of the file.

    Commitments that the catalog gives as a discount become prices first: a factor on on-demand prices leaves
    them alone.  Several factors on one price multiply; `together` they are one factor, and a price moves once however
    many keys name it.  Existing commitments are paid already and keep theirs, and so does what never `moves`.
    """
    numbers = numbers_of(problem)
    read = [(lever_of(key, numbers, problem.workloads), value) for key, value in values.items()]
    levers = [(lever, value) for lever, value in read if lever is not None]
    if in_file := {lever.path: value for lever, value in levers if lever.kind == "number"}:
        problem = with_numbers(problem, in_file)

    def dearer(kind: str, row: Any) -> float:
        found = [value for lever, value in levers if lever.kind == kind and not lever.amount and lever.reaches(row)]
        return math.prod(found[:1] if together else found)

    def given(kind: str, row: Any) -> dict[str, float]:
        return {
            lever.amount: value for lever, value in levers if lever.kind == kind and lever.amount and lever.reaches(row)
        }

    def rented(row: Rented) -> Rented:
        if not moves(row):
            return row
        usd_gpu_h = given("rent", row).get(USD_GPU_H)
        usd_h = row.usd_h if usd_gpu_h is None else usd_gpu_h * row.gpus
        return row.model_copy(update={"usd_h": usd_h * dearer("rent", row)})

    def by_the_second(quote: ServerlessQuote) -> ServerlessQuote:
        usd_gpu_h = given("rent", quote).get(USD_GPU_H, quote.usd_gpu_s * 3600) * dearer("rent", quote)
        factor = usd_gpu_h / 3600 / quote.usd_gpu_s
        warm = None if quote.warm_usd_gpu_s is None else quote.warm_usd_gpu_s * factor
        return quote.model_copy(update={"usd_gpu_s": quote.usd_gpu_s * factor, "warm_usd_gpu_s": warm})

    def sold(row: TokenPrice) -> TokenPrice:
        factor = dearer("tokens", row)
        said = {name: getattr(row, name) for name in TOKEN_PRICES} | given("tokens", row)
        return row.model_copy(update={name: usd * factor for name, usd in said.items() if usd is not None})

    def share(row: Any, own: float) -> float:
        return min(given("discount", row).get(SHARE, own) * dearer("discount", row), 1 - NOTHING)

    commitments = tuple(
        row.model_copy(update={"discount_share": share(row, row.discount_share)}) for row in catalog.commitments
    )
    offers = (*catalog.offers, *committed_at_a_discount(replace(catalog, commitments=commitments)))
    catalog = replace(
        catalog,
        offers=tuple(map(rented, offers)),
        commitments=(),
        api_prices=tuple(map(sold, catalog.api_prices)),
    )

    def moved(quote: SpendQuote | ExistingSpend, term: str) -> float:
        rents = [(set(lever.names), value) for lever, value in levers if lever.kind == "rent" and not lever.amount]
        return math.prod(value for names, value in rents if {term} <= names <= {term, quote.provider})

    buying = problem.procurement
    procurement = buying.model_copy(
        update={
            "quotes": [rented(quote) for quote in buying.quotes],
            "serverless": [by_the_second(quote) for quote in buying.serverless],
            "spend_quotes": [
                _promised(quote, moved(quote, quote.term) / moved(quote, "on-demand"), partial(share, quote))
                for quote in buying.spend_quotes
            ],
            "existing_spend": [_promised(each, 1 / moved(each, "on-demand"), float) for each in buying.existing_spend],
        }
    )
    apis = problem.apis.model_copy(update={"quotes": [sold(row) for row in problem.apis.quotes]})
    workloads = {}
    for name, workload in problem.workloads.items():
        factor = math.prod(value for lever, value in levers if lever.kind == "load" and lever.names in ((), (name,)))
        traffic = workload.traffic.model_copy(update={"scale": workload.traffic.scale * factor})
        workloads[name] = workload.model_copy(update={"traffic": traffic})
    return problem.model_copy(update={"procurement": procurement, "apis": apis, "workloads": workloads}), catalog


def _promised(quote: Promise, less: float, share: Any) -> Promise:
    """A spend commitment at other discounts, whose rates move with its own term and not with on-demand prices.

    `less` is what its own prices are multiplied by over what on-demand prices are.  Where these fall below its rates it
    takes nothing off them.
    """
    covers = [
        c.model_copy(update={"discount_share": max(NOTHING, 1 - (1 - share(c.discount_share)) * less)})
        for c in quote.covers
    ]
    return quote.model_copy(update={"covers": covers})
