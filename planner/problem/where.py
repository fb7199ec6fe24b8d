"""Which offers are allowed: one section, used wherever a problem file names offers."""

from __future__ import annotations

from pydantic import Field

from planner.catalog.rows import Continent, Tier
from planner.problem.section import Name, Section


class Where(Section):
    """Which offers are allowed.  An empty list allows all; names may use * (eu-*, aws)."""

    providers: list[Name] = Field(default=[], description="allowed providers; globs such as aws or g*")
    exclude_providers: list[Name] = Field(default=[], description="providers never used")
    regions: list[Name] = Field(default=[], description="allowed regions by the provider's own name; globs: eu-*")
    countries: list[Name] = Field(default=[], description="allowed countries, ISO two letters")
    continents: list[Continent] = Field(default=[], description="allowed continents")
    vendors: list[Name] = Field(default=[], description="allowed GPU vendors: nvidia, amd, intel, google, aws")
    exclude_vendors: list[Name] = Field(default=[], description="GPU vendors never used")
    gpus: list[Name] = Field(default=[], description="allowed GPU types; globs: h*")
    exclude_gpus: list[Name] = Field(default=[], description="GPU types never used")
    tiers: list[Tier] = Field(default=[], description="allowed trust tiers")
