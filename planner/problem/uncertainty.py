"""What nobody knows for sure, as a section of the problem file: how prices, loads and rates may come out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from planner.problem.scenarios import Scenario
from planner.problem.section import Name, Section

if TYPE_CHECKING:
    from planner.problem.places import Finding, KeyPath

Factor = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Two = Annotated[list[Factor], Field(min_length=2, max_length=2)]
Three = Annotated[list[Factor], Field(min_length=3, max_length=3)]
KINDS = ("normal", "lognormal", "uniform", "triangular", "band")


class Uncertain(Section):
    """How a factor on something is distributed; 1: as the problem and the catalog say.  Give exactly one."""

    normal: Two | None = Field(default=None, description="mean, standard deviation; never below 0.01")
    lognormal: Two | None = Field(default=None, description="median, standard deviation of the logarithm")
    uniform: Two | None = Field(default=None, description="least, most")
    triangular: Three | None = Field(default=None, description="least, likeliest, most")
    band: Literal[True] | None = Field(
        default=None, description="of `efficiency` alone: the 80 % band of the rates that the base plan rests on"
    )


class Correlation(Section):
    """That two parameters come out high together."""

    between: Annotated[list[Name], Field(min_length=2, max_length=2)] = Field(description="two of the parameters")
    correlation: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] = Field(
        description="of the normal numbers behind both; -1: one is low where the other is high"
    )


class Uncertainty(Section):
    """How prices, loads and rates may come out.

    Keys are those of a sweep (`price.h100-sxm`, `price.api`, `traffic.chat` ...), `interruptions` of spot and
    `efficiency` of replicas.  Give parameters, or scenarios.
    """

    parameters: dict[Name, Uncertain] = Field(default={}, description="by what is uncertain")
    correlations: list[Correlation] = Field(default=[], description="what is not named here is independent")
    scenarios: list[Scenario] = Field(default=[], description="instead: cases that are all that may happen")


def uncertainty(asked: Uncertainty) -> Iterator[Finding]:
    """What in the section contradicts itself."""
    from planner.problem.places import Finding
    from planner.problem.wording import did_you_mean

    at: KeyPath = ("uncertainty",)
    if bool(asked.parameters) == bool(asked.scenarios):
        what = "both parameters and scenarios" if asked.parameters else "neither parameters nor scenarios"
        yield Finding(at, f"{what} say what may happen.  Give one of the two.")
    for key, each in asked.parameters.items():
        here: KeyPath = (*at, "parameters", key)
        given = [kind for kind in KINDS if getattr(each, kind) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given) or 'no distribution'}.  Give exactly one of: {', '.join(KINDS)}."
            yield Finding(here, what)
        if each.band and key != "efficiency":
            yield Finding((*here, "band"), "only rates have a band of their own: `efficiency`.  Give a distribution.")
        for kind in ("uniform", "triangular"):
            ends = getattr(each, kind)
            if ends and (sorted(ends) != ends or ends[0] == ends[-1]):
                said = ", ".join(f"{end:g}" for end in ends)
                yield Finding((*here, kind), f"[{said}] does not rise.  Write the least first, the most last.")
        for kind in ("normal", "lognormal"):
            if (pair := getattr(each, kind)) and not pair[0]:
                yield Finding((*here, kind), "0 in the middle: a factor multiplies, 1 is as it is.")
    names: list[str] = [scenario.name for scenario in asked.scenarios]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Finding((*at, "scenarios", index, "name"), f'"{name}" is named twice.  Give each its own name.')
    unknown = False
    for index, pair in enumerate(asked.correlations):
        here = (*at, "correlations", index, "between")
        for key in pair.between:
            if key not in asked.parameters:
                unknown = True
                possible = ", ".join(asked.parameters)
                meant = did_you_mean(key, asked.parameters)
                yield Finding(here, f'"{key}" is none of the parameters.  Possible: {possible}.{meant}')
        if pair.between[0] == pair.between[1]:
            unknown = True
            yield Finding(here, "a parameter with itself.  Name two.")
    if asked.correlations and not unknown:
        import numpy as np

        from planner.uncertainty import correlation_matrix

        least = float(np.linalg.eigvalsh(correlation_matrix(list(asked.parameters), asked.correlations)).min())
        if least < -1e-9:
            what = "no numbers are correlated like that: what goes with two things goes with both to a degree."
            yield Finding((*at, "correlations"), f"{what}  Bring them nearer to 0.")
