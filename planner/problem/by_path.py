"""Every number of a problem file by its dotted key, and the problem with some of them changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from planner.problem.contradictions import across_sections, within_sections
from planner.problem.places import Finding, KeyPath, dotted
from planner.problem.schema import Problem
from planner.problem.section import Section
from planner.problem.wording import findings_of, halves


def numbers_of(problem: Problem) -> dict[str, KeyPath]:
    """Every number that stands in the problem or may be added to its sections: key -> where it stands.

    `slo.W.` and `traffic.W.` are short for `workloads.W.slo.` and `workloads.W.traffic.`.
    """
    paths = [path for path in _numbers(problem, None, ()) if path[0] not in ("sweep", "uncertainty", "scenarios")]
    long = {dotted(path): path for path in paths}
    short = {
        dotted((path[2], path[1], *path[3:])): path
        for path in paths
        if path[0] == "workloads" and path[2] in ("slo", "traffic")
    }
    return short | long


def _numbers(value: Any, annotation: Any, at: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, Section):
        for name, field in type(value).model_fields.items():
            yield from _numbers(getattr(value, name), field.annotation, (*at, name))
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _numbers(each, None, (*at, name))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _numbers(each, None, (*at, place))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield at
    elif value is None:
        for arm in halves(annotation):
            if arm in (int, float):
                yield at
            elif isinstance(arm, type) and issubclass(arm, Section):
                for name, field in arm.model_fields.items():
                    if field.is_required() or field.default is None:
                        yield from _numbers(None, field.annotation, (*at, name))


def number_at(problem: Problem, path: KeyPath) -> float | None:
    """The number that stands there; None: none does."""
    here: Any = problem
    for step in path:
        here = getattr(here, str(step), None) if isinstance(here, Section) else here[step]
        if here is None:
            return None
    return float(here)


def with_numbers(problem: Problem, values: Mapping[KeyPath, float]) -> Problem:
    """The problem with these numbers.  Raises pydantic's `ValidationError` for one that the schema refuses."""
    return Problem.model_validate(_changed(problem, values))


def refused(problem: Problem, values: Mapping[KeyPath, float]) -> list[Finding]:
    """What is wrong with the problem with these numbers."""
    data = _changed(problem, values)
    try:
        changed = Problem.model_validate(data)
    except ValidationError as error:
        return findings_of(error.errors(include_url=False), data)
    return [*within_sections(changed), *across_sections(changed)]


def _changed(problem: Problem, values: Mapping[KeyPath, float]) -> dict[str, Any]:
    data = problem.model_dump(exclude_unset=True)
    for path, value in values.items():
        here: Any = data
        for step, _ in pairwise(path):
            if isinstance(here, dict) and here.get(step) is None:
                here[step] = {}
            here = here[step]
        here[path[-1]] = int(value) if float(value).is_integer() else value
    return data
