"""One CSV file into rows of one class, and every mistake in it with its line.

This module knows the form of a file (UTF-8, header, one class per row, no row twice); whether the names
in it exist elsewhere is the business of `planner.catalog.load` and `planner.catalog.check`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from planner.errors import Complaint

Keep = Callable[[dict[str, str]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A catalog file: where it is, what a row is, and which fields make a row the same fact as another."""

    path: str
    row: type[BaseModel]
    key: tuple[str, ...]


def read_table(folder: Path, table: Table, keep: Keep | None = None) -> tuple[list[Any], list[str], list[Complaint]]:
    """Rows of the file or files of `table`, where each stands ("gpus.csv:3"), and all complaints.

    `keep` sees the raw row and decides whether it is validated and returned at all.
    """
    paths = sorted(folder.glob(table.path))
    if not paths:
        missing = Complaint(str(folder / table.path), "there is no such file; a catalog folder needs it.")
        return [], [], [missing]
    rows: list[Any] = []
    places: list[str] = []
    complaints: list[Complaint] = []
    first: dict[tuple[str, ...], str] = {}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        raw, lines, trouble = _raw_rows(path, name, table)
        complaints += trouble
        here = [f"{name}:{line}" for line in lines]
        if keep is not None:
            kept = [i for i, row in enumerate(raw) if keep(row)]
            raw, here = [raw[i] for i in kept], [here[i] for i in kept]
        complaints += _repeated(raw, here, table.key, first)
        try:
            rows += _list_of(table.row).validate_python(raw)
            places += here
        except ValidationError as error:
            complaints += [_complaint(e, raw, here) for e in error.errors()]
    return rows, places, complaints


@cache
def _list_of(row: type[BaseModel]) -> TypeAdapter[Any]:
    return TypeAdapter(list[row])  # type: ignore[valid-type]


def _raw_rows(path: Path, name: str, table: Table) -> tuple[list[dict[str, str]], list[int], list[Complaint]]:
    """Rows as written, without their empty cells, and the line each begins on."""
    fields = table.row.model_fields
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            wrong = _header_complaints(name, header, list(fields), _required(table.row))
            if wrong:
                return [], [], wrong
            raw, lines, line = [], [], 2
            complaints = []
            for cells in reader:
                if len(cells) == len(header):
                    raw.append({field: cell for field, cell in zip(header, cells, strict=True) if cell})
                    lines.append(line)
                elif cells:
                    counts = f"{len(cells)} cells where the header has {len(header)}"
                    what = f"{counts}.  Cells that hold a comma need quotes."
                    complaints.append(Complaint(f"{name}:{line}", what))
                line = reader.line_num + 1
            return raw, lines, complaints
    except UnicodeDecodeError as error:
        what = f"byte {error.start} is not UTF-8 ({error.reason}).  Save the file as UTF-8."
        return [], [], [Complaint(name, what)]
    except csv.Error as error:
        return [], [], [Complaint(name, f"not a CSV file that can be read: {error}.")]
    except OSError as error:
        return [], [], [Complaint(name, f"could not be read: {error.strerror}.")]


def _required(row: type[BaseModel]) -> list[str]:
    return [name for name, field in row.model_fields.items() if field.is_required()]


def _header_complaints(name: str, header: list[str], fields: list[str], required: list[str]) -> list[Complaint]:
    complaints = [
        Complaint(f"{name}:1", f"the column {field} is missing.") for field in required if field not in header
    ]
    for column in header:
        if column not in fields:
            what = f'no column "{column}" is known here.{did_you_mean(column, fields)}'
            complaints.append(Complaint(f"{name}:1", what))
    complaints += [
        Complaint(f"{name}:1", f"the column {column} stands there twice.")
        for column in dict.fromkeys(header)
        if header.count(column) > 1
    ]
    return complaints


def _repeated(
    raw: list[dict[str, str]], here: list[str], key: tuple[str, ...], first: dict[tuple[str, ...], str]
) -> list[Complaint]:
    complaints = []
    for row, place in zip(raw, here, strict=True):
        fact = tuple(row.get(field, "") for field in key)
        if fact in first:
            named = ", ".join(part for part in fact if part)
            what = f"says again what {first[fact]} says ({named}).  Keep one of the two."
            complaints.append(Complaint(place, what))
        else:
            first[fact] = place
    return complaints


def _complaint(error: Any, raw: list[dict[str, str]], here: list[str]) -> Complaint:
    index, *path = error["loc"]
    field = str(path[0]) if path else ""
    value = raw[index].get(field)
    expected = error.get("ctx", {}).get("expected", "")
    message = error["msg"][0].lower() + error["msg"][1:]
    if value is None:
        what = "the cell is empty, and a value is needed."
    elif error["type"] == "literal_error":
        choices = [choice.strip("'") for choice in expected.replace(" or ", ", ").split(", ")]
        what = f'"{value}" is not one of {", ".join(choices)}.{did_you_mean(value, choices)}'
    else:
        what = f'"{value}": {message}.'
    return Complaint(f"{here[index]} {field}", what)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """ "  Did you mean a or b?" for names close to `name`, else nothing."""
    lower = {k.lower(): k for k in known}
    close = get_close_matches(name.lower(), list(lower), n=3, cutoff=0.6)
    return f"  Did you mean {' or '.join(lower[c] for c in close)}?" if close else ""
