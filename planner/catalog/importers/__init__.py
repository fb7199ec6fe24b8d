"""Which benchmark tools' result files can be read, and what they say as rows of benchmarks.csv.

A file is recognized by what it holds, never by its name.  To add a tool, write a module with `WRITES`, `recognizes`
and `results`, and add it to `IMPORTERS`.  Nothing here guesses a unit; of the planner, this package imports nothing
but `planner.catalog.rows` and `planner.errors`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from planner.catalog.importers import aiperf, guidellm, sglang_bench, vllm_bench
from planner.catalog.importers.documents import Document, documents
from planner.catalog.importers.rows import Given, Result, to_benchmark
from planner.catalog.rows import Benchmark
from planner.errors import Complaint, InputError


class Importer(Protocol):
    """What each module of `IMPORTERS` has."""

    WRITES: str

    def recognizes(self, document: Document, /) -> bool:
        """Whether a document is one that this tool writes."""

    def results(self, document: Document, /) -> Iterator[Result | Complaint]:
        """The runs in a document, and what is wrong with those that cannot be used."""


IMPORTERS: tuple[Importer, ...] = (vllm_bench, guidellm, aiperf, sglang_bench)
"""Asked in this order."""

NAMED = 5
"""So many runs are named where all have the same mistake."""


def read_results(path: Path) -> list[Result]:
    """Every run in a result file.  Raises InputError with everything that is wrong with it."""
    found, complaints = documents(path)
    results: list[Result] = []
    unknown: list[Document] = []
    for document in found:
        importer = next((each for each in IMPORTERS if each.recognizes(document)), None)
        if importer is None:
            unknown.append(document)
            continue
        for each in importer.results(document):
            if isinstance(each, Result):
                results.append(each)
            else:
                complaints.append(each)
    if unknown and len(unknown) == len(found):
        complaints.append(Complaint(str(path), f"is no result file known here.  {_known()}"))
    else:
        complaints += [Complaint(each.where, f"is no result known here.  {_known()}") for each in unknown]
    if complaints:
        raise InputError(complaints)
    return results


def rows_of(files: Iterable[Path], given: Given) -> list[Benchmark]:
    """The runs of several files as rows, in the order of the files; a file named twice is read once.

    Raises InputError with everything that is wrong with any of them; what is wrong with many alike is said once.
    """
    rows: list[Benchmark] = []
    complaints: list[Complaint] = []
    for path in {path.resolve(): path for path in files}.values():
        try:
            results = read_results(path)
        except InputError as error:
            complaints += error.complaints
            continue
        for result in results:
            try:
                rows.append(to_benchmark(result, given))
            except InputError as error:
                complaints += error.complaints
    if complaints:
        raise InputError(_together(complaints))
    return rows


def _known() -> str:
    return f"Read are {'; '.join(each.WRITES for each in IMPORTERS)}."


def _together(complaints: list[Complaint]) -> list[Complaint]:
    """Complaints that say the same of several runs as one."""
    places: dict[str, list[str]] = {}
    for each in complaints:
        places.setdefault(each.what, []).append(each.where)
    shown = {what: ", ".join(where[:NAMED]) for what, where in places.items()}
    more = {what: f" and {len(where) - NAMED} more" for what, where in places.items() if len(where) > NAMED}
    return [Complaint(shown[what] + more.get(what, ""), what) for what in places]
