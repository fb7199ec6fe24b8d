"""Whether an offer is one that a `Where` of the problem allows.

The one place that says what the lists of a `Where` mean: an empty list allows all, names may
use * and ?, letters count as written, and an offer that does not say where it is satisfies no
rule about where.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Protocol

from planner.problem.where import Where


class Located(Protocol):
    """What a `Where` looks at: a price offer, a quote or an existing commitment."""

    @property
    def provider(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def country(self) -> str: ...
    @property
    def continent(self) -> str: ...
    @property
    def tier(self) -> str: ...
    @property
    def gpu(self) -> str: ...


def named(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of these names or globs; an empty name never is.

    >>> named("eu-west-1", ["eu-*"]), named("", ["*"])
    (True, False)
    """
    return bool(name) and any(fnmatchcase(name, pattern) for pattern in patterns)


class Place(Protocol):
    """What a rule about places looks at."""

    @property
    def region(self) -> str: ...
    @property
    def country(self) -> str: ...
    @property
    def continent(self) -> str: ...


def stands_in(where: Where, place: Place) -> bool:
    """Whether a place satisfies a rule's regions, countries and continents."""
    wanted = (
        (place.region, where.regions),
        (place.country, where.countries),
        (place.continent, where.continents),
    )
    return all(not allowed or named(name, allowed) for name, allowed in wanted)


def allows(where: Where, offer: Located, vendor: str) -> bool:
    """Whether `where` allows an offer whose GPU is made by `vendor`."""
    wanted = (
        (offer.provider, where.providers),
        (offer.region, where.regions),
        (offer.country, where.countries),
        (offer.continent, where.continents),
        (offer.tier, where.tiers),
        (vendor, where.vendors),
        (offer.gpu, where.gpus),
    )
    unwanted = (
        (offer.provider, where.exclude_providers),
        (vendor, where.exclude_vendors),
        (offer.gpu, where.exclude_gpus),
    )
    return all(not allowed or named(name, allowed) for name, allowed in wanted) and not any(
        named(name, excluded) for name, excluded in unwanted
    )
