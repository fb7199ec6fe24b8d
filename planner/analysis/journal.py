"""What a sweep has solved, kept on disk point by point, so that one that is stopped can go on.

A journal is a file of lines of JSON: first what is solved, told by fingerprints, then a point with its plan on each.
A line is written at once and reaches the disk before the next point is counted; half a line at the end is what a sweep
was killed over, and is cut off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import IO, Any

from planner.analysis.sweep import Solved, Sweep, Values, named_files
from planner.errors import Complaint, InputError
from planner.outputs.sweep import SweepPoint

FORM = 1
WORDS = {
    "problem": "the problem has changed",
    "catalog": "the catalog has changed",
    "axes": "it went over other keys or values",
    "settings": "it was solved with another gap, time limit or solver",
    "planner": "it was solved by another version of the planner",
}


@dataclass(slots=True)
class Journal:
    """An open journal and the points it holds, without their plans."""

    path: Path
    file: IO[bytes]
    done: dict[Values, Solved] = field(default_factory=dict)

    def keep(self, solved: Solved) -> None:
        """Write a point down and see it reach the disk; one at which the planner failed is left to be tried again."""
        if solved.trouble or solved.values in self.done:
            return
        line = json.dumps(asdict(solved.point), allow_nan=False)
        self.file.write(f'{line[:-1]}, "plan": {solved.plan or "null"}}}\n'.encode())
        self.file.flush()
        os.fsync(self.file.fileno())
        self.done[solved.values] = Solved(solved.point)

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()


def journal_of(output: Path) -> Path:
    """The journal beside a sweep's output."""
    return output.with_name(f"{output.name}.journal")


def day_of(path: Path) -> date | None:
    """The day for which the sweep of a journal is solved; None: there is none to go on with."""
    head = _head(path)
    return date.fromisoformat(head["today"]) if head else None


def open_journal(path: Path, sweep: Sweep, settings: dict[str, Any], resume: bool) -> Journal:
    """The journal of a sweep, begun or gone on with.

    Raises InputError where one is there that is not finished and not to go on, or is of another sweep.
    """
    head = {
        "sweep_journal": FORM,
        "problem": sweep.problem_file.problem.name,
        "points": len(sweep.grid()),
        "today": sweep.today.isoformat(),
        "of": fingerprints(sweep, settings),
    }
    before = _head(path)
    try:
        if before is not None and resume:
            _same(path, before, head)
            done = {each.values: each for each in _points(path)}
            os.truncate(path, sum(len(line) for line in _lines(path)))
            return Journal(path, path.open("ab"), done)
        if before is not None and (held := sum(1 for _ in _lines(path)) - 1) < before["points"]:
            what = f"holds {held:,} of the {before['points']:,} points of a sweep that was stopped."
            raise InputError([Complaint(str(path), f"{what}  Add --resume to go on, or delete it to begin anew.")])
        file = path.open("wb")
        file.write(json.dumps(head).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
        return Journal(path, file)
    except OSError as error:
        raise InputError([Complaint(str(path), f"cannot be written: {error.strerror or error}.")]) from error


def plans_in(path: Path) -> Iterator[tuple[Values, str]]:
    """Each point of a journal with its plan as JSON; empty where there is none."""
    for line in islice(_lines(path), 1, None):
        row = json.loads(line)
        yield tuple(row["values"].items()), json.dumps(row["plan"]) if row["plan"] else ""


def fingerprints(sweep: Sweep, settings: dict[str, Any]) -> dict[str, str]:
    """What a sweep depends on, part by part."""
    from importlib.metadata import version

    problem, folder = sweep.problem_file.problem, sweep.problem_file.folder
    catalog = sweep.catalog
    files = [path for path in sorted(catalog.folder.rglob("*")) if path.is_file()]
    rows = [getattr(catalog, each.name) for each in fields(catalog) if each.name not in ("folder", "kept")]
    return {
        "problem": _hash(
            problem.model_copy(update={"sweep": []}).model_dump_json().encode(),
            *((folder / name).read_bytes() for name in named_files(problem)),
        ),
        "catalog": _hash(repr(rows).encode(), *(path.read_bytes() for path in files)),
        "axes": _hash(repr([[(axis.key, axis.values) for axis in each] for each in sweep.dimensions]).encode()),
        "settings": _hash(json.dumps(settings, sort_keys=True).encode()),
        "planner": version("fleet-planner"),
    }


def _hash(*parts: bytes) -> str:
    found = sha256()
    for part in parts:
        found.update(sha256(part).digest())
    return found.hexdigest()


def _same(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [why for part, why in WORDS.items() if before["of"].get(part) != now["of"][part]]
    if changed:
        what = f"is of another sweep: {' and '.join(changed)}.  Delete it to begin anew, or name another output."
        raise InputError([Complaint(str(path), what)])


def _head(path: Path) -> dict[str, Any] | None:
    """The first line of a journal; None where nothing whole was written."""
    if not path.exists():
        return None
    first = next(_lines(path), None)
    if first is None and path.stat().st_size < 10_000:
        return None
    try:
        head = json.loads(first or b"")
        if head["sweep_journal"] == FORM:
            return dict(head)
    except (ValueError, KeyError, TypeError):
        pass
    raise InputError([Complaint(str(path), "is no journal of a sweep.  Delete it, or name another output.")])


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def _points(path: Path) -> Iterator[Solved]:
    names = {each.name for each in fields(SweepPoint)}
    for place, line in enumerate(_lines(path)):
        if place:
            try:
                row = json.loads(line)
                yield Solved(SweepPoint(**{name: row[name] for name in names}))
            except (ValueError, KeyError, TypeError):
                what = f"line {place + 1} holds no point.  Delete the file to begin anew."
                raise InputError([Complaint(str(path), what)]) from None
