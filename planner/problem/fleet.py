"""The fleet file: machines that somebody has or considers, and what they are set up to run.

`plan evaluate` costs and checks them against a problem.  Read like a problem file: every mistake at once,
with its line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from planner.catalog.rows import TERM_MONTHS, Continent, KvPrecision, Precision, Term, Tier
from planner.errors import ProblemError
from planner.problem.document import Kind, read_document
from planner.problem.places import Finding, KeyPath, complain
from planner.problem.section import Money, Name, Positive, Section, Share
from planner.problem.wording import findings_of
from planner.problem.workload import EngineName
from planner.traffic.blocks import week_hours

FLEET = Kind("fleet", "`machines:`", "docs/evaluate.md shows one.")


class FleetMachines(Section):
    """Machines of one kind on one term."""

    provider: Name
    region: str = Field(default="", description="the provider's own name of it; needed where prices differ by region")
    country: str = ""
    continent: Continent | Literal[""] = ""
    tier: Tier | None = Field(default=None, description="left out: that of the price found, or datacenter")
    machine: Name | None = Field(default=None, description="the provider's name of the machine; or gpu and gpus")
    gpu: Name | None = Field(default=None, description="GPU type, if `machine` is left out or not in the catalog")
    gpus: Annotated[int, Field(gt=0, le=1024)] | None = Field(default=None, description="GPUs in one machine")
    count: Annotated[int, Field(gt=0, le=100_000)] = Field(description="machines")
    term: Term = "on-demand"
    when: Name | None = Field(
        default=None, description='hours in which they run, as a plan writes them: "mon-fri 09-18"; left out: always'
    )
    usd_h: Positive | None = Field(
        default=None, description="price of one machine [USD/h]; left out: looked up in the problem and the catalog"
    )
    upfront_share: Share | None = Field(
        default=None, description="of the term; left out: that of the price found, or 0"
    )
    observed_on: date | None = Field(default=None, description="the day `usd_h` was seen; left out: today")


class FleetDeployment(Section):
    """A way to run a model that the fleet is set up for; what is left out may be anything the problem accepts."""

    model: Name
    precision: Precision | None = Field(default=None, description="of the weights")
    kv_precision: KvPrecision | None = None
    engine: EngineName | None = None
    gpu: Name | None = None
    tp: Annotated[int, Field(gt=0, le=64)] | None = Field(default=None, description="GPUs of one replica")


class SwitchingCosts(Section):
    """What it costs, once, to go to another fleet, and over how long that is judged."""

    add_usd_machine: Money = Field(default=0, description="setting up a machine of a kind of which more are wanted")
    return_usd_machine: Money = Field(
        default=0, description="giving one back; what a commitment still owes is yours to put in"
    )
    new_deployment_usd: Money = Field(default=0, description="a way to run a model that is not set up today")
    months: Annotated[int, Field(ge=1, le=120)] = Field(default=12, description="over which the two are compared")


class Fleet(Section):
    """A fleet file."""

    name: Name = "fleet"
    machines: Annotated[list[FleetMachines], Field(min_length=1)]
    deployments: list[FleetDeployment] = Field(default=[], description="empty: whatever the problem accepts")
    apis: bool = Field(
        default=False, description="true: what the machines do not serve is bought from the APIs the problem allows"
    )
    switching: SwitchingCosts | None = Field(
        default=None, description="what going to the cheapest plan costs once; left out: not told"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFile:
    """A fleet and where each of its keys was written; without a path for one made in Python."""

    fleet: Fleet
    path: Path | None = None
    lines: Mapping[KeyPath, int]

    def refuse(self, findings: list[Finding]) -> None:
        """Raise `ProblemError` if anything was found."""
        if findings:
            raise ProblemError(complain(self.path, self.lines, dict.fromkeys(findings)))


def read_fleet(path: Path) -> FleetFile:
    """The fleet in a YAML file; raises ProblemError with every mistake that needs no catalog and no problem."""
    document = read_document(path, FLEET)
    findings = list(document.findings)
    try:
        fleet = Fleet.model_validate_json(json.dumps(document.values), strict=True)
        findings += contradictions(dict(enumerate(fleet.machines)))
    except ValidationError as error:
        findings += findings_of(error.errors(include_url=False), document.values, Fleet)
        findings += contradictions(readable(document.values.get("machines")))
    FleetFile(fleet=NOTHING, path=path, lines=document.lines).refuse(findings)
    return FleetFile(fleet=fleet, path=path, lines=document.lines)


NOTHING = Fleet.model_construct(name="", machines=[], deployments=[], apis=False)


def readable(lines: Any) -> dict[int, FleetMachines]:
    """Of lines that may hold mistakes, those that can be read, by their position."""
    found = {}
    for index, line in enumerate(lines if isinstance(lines, list) else ()):
        with suppress(ValidationError):
            found[index] = FleetMachines.model_validate_json(json.dumps(line), strict=True)
    return found


def contradictions(machines: Mapping[int, FleetMachines]) -> Iterator[Finding]:
    """What in lines of machines contradicts itself."""
    for index, row in machines.items():
        at: KeyPath = ("machines", index)
        if row.machine is None and (row.gpu is None or row.gpus is None):
            yield Finding(at, "says neither which `machine` nor which `gpu` and how many `gpus`.  Add one of the two.")
        if row.when is not None:
            if row.term in TERM_MONTHS:
                what = f"a commitment of {row.term} is paid in every hour, not only {row.when}.  Leave `when` out."
                yield Finding((*at, "when"), what)
            try:
                week_hours(row.when)
            except ValueError as error:
                yield Finding((*at, "when"), str(error))
        if row.term == "bought" and (row.usd_h is not None or row.when is not None):
            what = (
                "what a machine that is bought costs follows from `procurement.purchases` of the problem, every hour."
            )
            key = "when" if row.usd_h is None else "usd_h"
            yield Finding((*at, key), what + f"  Leave `{key}` out, or give another `term`.")
        if row.upfront_share and row.term not in TERM_MONTHS:
            what = f"{row.upfront_share:g} of the term upfront, but {row.term} has no term.  Leave it out."
            yield Finding((*at, "upfront_share"), what)
        if row.observed_on is not None and row.usd_h is None:
            what = "is the day a price was seen, but no price is given.  Add `usd_h:`, or leave it out."
            yield Finding((*at, "observed_on"), what)


def said_machine(row: FleetMachines) -> str:
    """A line of a fleet file as a person says it."""
    what: Any = row.machine or f"{row.gpus} x {row.gpu}"
    return f"{what} of {row.provider}{f' in {row.region}' if row.region else ''}, {row.term}"
