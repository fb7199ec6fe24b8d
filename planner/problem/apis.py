"""APIs that sell tokens, as sections of the problem file."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from planner.catalog.rows import Continent
from planner.problem.section import Money, Name, Positive, Section


class ApiQuote(Section):
    """A token price of one's own."""

    model: Name
    private: Name | None = Field(
        default=None, description="these private weights, hosted; named as in a workload's models"
    )
    provider: Name
    input_usd_mtok: Money
    output_usd_mtok: Money
    cached_input_usd_mtok: Money | None = Field(
        default=None, description="of prompt tokens found in the cache: the workload's features.prefix_hit_share"
    )
    batch_input_usd_mtok: Money | None = Field(default=None, description="of work that may wait")
    batch_output_usd_mtok: Money | None = Field(default=None, description="of work that may wait")
    observed_on: date
    source: Annotated[Name, Field(min_length=3)]

    @property
    def sold_as(self) -> str:
        """The name under which a workload looks for it."""
        return sold_name(self.model, self.private)


def sold_name(model: str, private: str | None) -> str:
    """The name under which an API sells a model: a public one's own, private weights beside what they are based on.

    >>> sold_name("llama-3.1-8b", None), sold_name("llama-3.1-8b", "claims-v3")
    ('llama-3.1-8b', 'llama-3.1-8b (claims-v3)')
    """
    return f"{model} ({private})" if private else model


class ApiPlace(Section):
    """Where a provider's API keeps what it is sent, as you know it from its contract."""

    region: str = ""
    country: str = Field(default="", description="ISO two letters")
    continent: Continent | Literal[""] = ""


class Apis(Section):
    """APIs that sell tokens, as an outside option."""

    allow: bool = True
    providers: list[Name] = Field(default=[])
    exclude_providers: list[Name] = Field(default=[])
    cleared_for: dict[Name, list[Name]] = Field(
        default={}, description="by provider, the data classes that its API may receive"
    )
    places: dict[Name, ApiPlace] = Field(
        default={}, description="by provider, where its API stands; not listed: satisfies no rule about places"
    )
    quotes: list[ApiQuote] = Field(default=[])
    max_req_s: Positive | None = Field(default=None, description="rate limit of one API for one workload [requests/s]")
