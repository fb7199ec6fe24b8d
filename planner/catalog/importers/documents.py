"""A result file as what it holds: one JSON object, one JSON object a line, or a table of cells.

Knows the form of files and how a number is taken out of one; nothing here knows a benchmark.  Every mistake
becomes a complaint that says where, so that all of them are told at once.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from planner.errors import Complaint, InputError

LIMIT_BYTES = 500_000_000

Table = tuple[tuple[str, ...], ...]
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A JSON value or a table, where it stands ("runs.jsonl:3"), and the day its file was last written."""

    where: str
    written_on: date
    json: Any = None
    table: Table = ()

    @property
    def group(self) -> dict[str, Any]:
        """The JSON object; empty for a table and for any other JSON value."""
        return self.json if isinstance(self.json, dict) else {}


@dataclass(slots=True)
class Run:
    """One run of a file: takes its numbers and keeps what is wrong with them."""

    where: str
    remedy: str
    complaints: list[Complaint] = field(default_factory=list)

    def complain(self, key: str, what: str) -> None:
        """Keep a complaint about one key of the run."""
        self.complaints.append(Complaint(f"{self.where}  {key}" if key else self.where, what))

    def above_0(self, value: Any, key: str) -> float:
        """A finite number above 0; anything else is a complaint, and NaN takes its place."""
        if value is None:
            self.complain(key, f"is missing.  {self.remedy}")
        elif not _is_number(value):
            self.complain(key, f"{said(value)} is not a number.  {self.remedy}")
        elif not 0 < value < math.inf:
            self.complain(key, f"{said(value)} is not possible; it must be more than 0.  {self.remedy}")
        else:
            return float(value)
        return math.nan

    def above_0_or_none(self, value: Any, key: str) -> float | None:
        """A finite number above 0, or None where the file does not say."""
        return None if value is None else self.above_0(value, key)

    def whole(self, value: Any, key: str, least: int = 0) -> int:
        """A whole number, `least` or more; anything else is a complaint, and `least` takes its place."""
        if value is None:
            self.complain(key, f"is missing.  {self.remedy}")
        elif not _is_number(value) or not (math.isfinite(value) and value >= least and value == int(value)):
            self.complain(key, f"{said(value)} is not possible; it must be a whole number, {least} or more.")
        else:
            return int(value)
        return least

    def completed(self, value: Any, key: str) -> int:
        """How many requests were answered; none is a complaint, and 1 takes its place."""
        if value == 0:
            self.complain(key, "0: no request was answered, so nothing was measured.  Look at the errors of the run.")
            return 1
        return self.whole(value, key, least=1)

    def answer(self, result: Read) -> Sequence[Read | Complaint]:
        """The result, or everything that is wrong with it."""
        return self.complaints or [result]


def documents(path: Path) -> tuple[list[Document], list[Complaint]]:
    """What a file holds, and the lines that cannot be read.  Raises InputError if nothing of it can be read."""
    text, written_on = _text(path)
    begin = text.lstrip()[:1]
    if not begin:
        raise _mistake(path, "is empty.  Give the file that the benchmark wrote when it ended.")
    if begin in "{[":
        return _json_documents(path, text, written_on)
    return [_table(path, text, written_on)], []


def dig(values: Any, *keys: str) -> Any:
    """What stands under these keys, one inside the other; None where one of them is missing."""
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def text_of(value: Any) -> str:
    """A text as written; "" for anything else."""
    return value.strip() if isinstance(value, str) else ""


def cell_number(cell: str) -> float | None:
    """The number in a cell of a table, None where there is none.

    >>> cell_number("1,542.42"), cell_number("N/A"), cell_number("")
    (1542.42, None, None)
    """
    try:
        return float(cell.replace(",", ""))
    except ValueError:
        return None


def said(value: Any) -> str:
    """A value of the file inside a sentence, cut where it is long."""
    text = "".join(mark if mark.isprintable() else "?" for mark in json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= 60 else text[:57] + "..."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _loads(text: str) -> Any:
    # Whole numbers that no float holds would overflow later; as floats they are infinite, and refused.
    return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 19 else float(digits))


def _mistake(path: Path, what: str, line: int | None = None) -> InputError:
    return InputError([Complaint(f"{path}:{line}" if line else str(path), what)])


def _text(path: Path) -> tuple[str, date]:
    try:
        if path.is_dir():
            raise _mistake(path, f"is a folder.  Name files in it, as {path / '*.json'}.")
        if not path.is_file():
            raise _mistake(path, "no such file.  Give the file that the benchmark wrote.")
        status = path.stat()
        if status.st_size > LIMIT_BYTES:
            size = f"{status.st_size / 1e6:,.0f} MB; at most {LIMIT_BYTES / 1e6:.0f} MB are read."
            raise _mistake(path, f"{size}  Benchmark without storing single requests, see docs/calibrate.md.")
        return path.read_text(encoding="utf-8-sig"), date.fromtimestamp(status.st_mtime)
    except UnicodeDecodeError:
        raise _mistake(path, "is not UTF-8 text.  Give the JSON or CSV that the benchmark wrote.") from None
    except OSError as error:
        raise _mistake(path, f"cannot be read: {error.strerror or error}.") from None


def _json_documents(path: Path, text: str, written_on: date) -> tuple[list[Document], list[Complaint]]:
    try:
        return [Document(where=str(path), written_on=written_on, json=_loads(text))], []
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise InputError([_not_json(path, text, error)]) from None
    except RecursionError:
        raise _mistake(path, "is nested too deep.  Give the file as the benchmark wrote it.") from None
    found, complaints = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(Document(where=f"{path}:{number}", written_on=written_on, json=_loads(line)))
        except json.JSONDecodeError as error:
            complaints.append(_not_json(path, line, error, number))
        except RecursionError:
            complaints.append(Complaint(f"{path}:{number}", "is nested too deep."))
    return found, complaints


def _not_json(path: Path, text: str, error: json.JSONDecodeError, line: int | None = None) -> Complaint:
    where = f"{path}:{line or error.lineno}"
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return Complaint(
            where, "ends in the middle: the run or a copy was cut short.  Copy the file again, or run again."
        )
    return Complaint(where, f"not JSON that can be read: {error.msg}.  Give the file as the benchmark wrote it.")


def _table(path: Path, text: str, written_on: date) -> Document:
    if not text.endswith(("\n", "\r")):
        raise _mistake(path, "the last line has no end: the run or a copy was cut short.  Copy it again, or run again.")
    try:
        rows = tuple(tuple(row) for row in csv.reader(text.splitlines(keepends=True), strict=True))
    except csv.Error as error:
        raise _mistake(path, f"neither JSON nor a CSV file that can be read: {error}.") from None
    return Document(where=str(path), written_on=written_on, table=rows)
