"""A user's own measurements: a file like catalogs/benchmarks.csv, checked against the catalog that is used.

What `plan calibrate` writes.  Nothing is predicted or corrected here.
"""

from __future__ import annotations

from glob import escape
from pathlib import Path

from planner.catalog.load import Catalog, unknown_names
from planner.catalog.read import Table, read_table
from planner.catalog.rows import Benchmark
from planner.errors import Complaint, InputError


def read_own_rows(path: Path, catalog: Catalog) -> list[Benchmark]:
    """The rows of a file of measurements.  Raises InputError with every mistake: form, values, names nobody knows."""
    if not path.is_file():
        what = "there is no such file.  `plan calibrate FILES... -o FILE` writes one from benchmark results."
        raise InputError([Complaint(str(path), what)])
    table = Table(path=escape(path.name), row=Benchmark, key=tuple(Benchmark.model_fields))
    rows, places, complaints = read_table(path.parent, table)
    complaints += unknown_names(rows, places, "gpu", catalog.gpus, "gpus.csv")
    complaints += unknown_names(rows, places, "model", catalog.models, "models.csv")
    if complaints:
        raise InputError(complaints)
    return list(rows)
