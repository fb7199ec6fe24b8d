"""Read a problem file and tell everything that is wrong with it at once.

`read_problem` checks the file against itself, `load_problem` against a catalog too.  Reading
can run no code, opens no file but the one given, and is bounded in size (`planner.problem.document`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from planner.errors import Complaint, ProblemError
from planner.problem.contradictions import across_sections, within_sections
from planner.problem.document import read_document
from planner.problem.places import Finding, KeyPath, ProblemFile, complain
from planner.problem.references import canonicalize, reference_findings
from planner.problem.schema import Problem
from planner.problem.wording import findings_of

if TYPE_CHECKING:
    from planner.catalog.load import Catalog

MOST_COMPLAINTS = 50

_STAND_INS = {"models": ["-"], "traffic": {"peak_req_s": 1, "input_tok": 1, "output_tok": 1}}
"""What a workload gets for a mistaken required key, so that its other keys can still be judged."""


def read_problem(path: Path) -> ProblemFile:
    """The problem in a YAML file; raises ProblemError with every mistake that needs no catalog."""
    return _read(path, None)


def load_problem(path: Path, catalog: Catalog) -> ProblemFile:
    """The problem in a file with the catalog's spellings; raises ProblemError with every mistake."""
    read = _read(path, catalog)
    return ProblemFile(problem=canonicalize(read.problem, catalog), path=read.path, lines=read.lines)


def _read(path: Path, catalog: Catalog | None) -> ProblemFile:
    document = read_document(path)
    findings = list(document.findings)
    try:
        problem = _validated(document.values)
        findings += within_sections(problem) + across_sections(problem)
        if catalog is not None:
            findings += reference_findings(problem, catalog, path.parent)
    except ValidationError as error:
        findings += findings_of(error.errors(include_url=False), document.values)
        findings += _mistakes_in_the_rest(document.values, catalog, path.parent)
    if findings:
        complaints = complain(path, document.lines, dict.fromkeys(findings))
        if len(complaints) > MOST_COMPLAINTS:
            more = f"{len(complaints) - MOST_COMPLAINTS} more mistakes are not shown.  Fix these first."
            complaints = [*complaints[:MOST_COMPLAINTS], Complaint(str(path), more)]
        raise ProblemError(complaints)
    return ProblemFile(problem=problem, path=path, lines=document.lines)


def _validated(values: Any) -> Problem:
    # By way of JSON, strictly: text is never taken for a number nor a number for a date,
    # and what stands twice by an alias becomes two values.
    return Problem.model_validate_json(json.dumps(values), strict=True)


def _mistakes_in_the_rest(values: Any, catalog: Catalog | None, folder: Path) -> list[Finding]:
    """Contradictions and unknown names in what is left once the mistaken keys are taken out."""
    rest = json.loads(json.dumps(values))
    rest.setdefault("name", "unnamed")
    removed: list[KeyPath] = []
    for _ in range(5):
        try:
            problem = _validated(rest)
            break
        except ValidationError as error:
            keys = [_removable(one, rest) for one in error.errors(include_url=False)]
        for key in keys:
            _remove(rest, key)
        removed += keys
    else:
        return []
    found = within_sections(problem)
    if catalog is not None:
        found += reference_findings(problem, catalog, folder)
    return [each for each in found if not any(_may_follow_from(key, each.at, rest) for key in removed)]


def _removable(error: Any, values: Any) -> KeyPath:
    """The key to take out: the mistaken one, or the section around one that is missing or in a list."""
    key: list[str | int] = []
    here = values
    for step in error["loc"]:
        if not (isinstance(here, dict) and step in here):
            if len(key) == 2 and key[0] == "workloads" and step in _STAND_INS:
                key.append(step)
            break
        key.append(step)
        here = here[step]
    return tuple(key)


def _remove(values: Any, key: KeyPath) -> None:
    for step in key[:-1]:
        values = values.get(step, {})
    if key:
        values.pop(key[-1], None)
    if len(key) == 3 and key[0] == "workloads" and key[2] in _STAND_INS:
        values[key[2]] = _STAND_INS[str(key[2])]


def _may_follow_from(removed: KeyPath, at: KeyPath, rest: Any) -> bool:
    """Whether a finding may be there only because a mistaken key was taken out of its section."""
    section = removed[:-1]
    if section[: len(at)] == at or at[: len(removed)] == removed:
        return True
    if removed[:1] == ("procurement",):
        return at[:1] == removed[:1] or "where" in at
    here = rest
    for step in at:
        if isinstance(here, dict) and step not in here:
            return at[: len(section)] == section
        here = here[step]
    return False
