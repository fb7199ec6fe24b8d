"""APIs that sell tokens, as sections of the problem file."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from planner.problem.section import Money, Name, Positive, Section


class ApiQuote(Section):
    """A token price of one's own."""

    model: Name
    provider: Name
    input_usd_mtok: Money
    output_usd_mtok: Money
    observed_on: date
    source: Annotated[Name, Field(min_length=3)]


class Apis(Section):
    """APIs that sell tokens, as an outside option."""

    allow: bool = True
    providers: list[Name] = Field(default=[])
    exclude_providers: list[Name] = Field(default=[])
    quotes: list[ApiQuote] = Field(default=[])
    max_req_s: Positive | None = Field(default=None, description="rate limit of one API for one workload [requests/s]")
