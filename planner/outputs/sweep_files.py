"""A sweep in files: CSV for a spreadsheet, Parquet with the plan of every point.

A line per point: what was swept, the outcome, USD a month and machines of each part of any mix.  Written whole or not
at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from planner.errors import Complaint, InputError
from planner.outputs.sweep import SweepPoint
from planner.outputs.tables import write_csv

OUTCOME = ("status", "usd_month", "bound_usd_month", "gap")
CHARTS = (".png", ".svg", ".pdf")
AT_ONCE = 200
"""Points written to a Parquet file at once, with their plans."""
Values = tuple[tuple[str, float], ...]


def check_format(path: Path | None, option: str) -> None:
    """Raises InputError, before anything is solved, for a chart of no known kind or where a library is missing."""
    if path is None:
        return
    needs, extra = "", ""
    if option == "--chart":
        if path.suffix not in CHARTS:
            raise InputError([Complaint(f"{option} {path}", f"is no picture.  Possible: {', '.join(CHARTS)}.")])
        needs, extra = "matplotlib", "charts"
    elif path.suffix == ".parquet":
        needs, extra = "pyarrow", "parquet"
    if needs and find_spec(needs) is None:
        what = f"needs {needs}.  Install it with: pip install 'fleet-planner[{extra}]'"
        raise InputError([Complaint(f"{option} {path}", what)])


def write_sweep(points: Sequence[SweepPoint], path: Path, plans: Callable[[], Iterable[tuple[Values, str]]]) -> None:
    """One line per point; Parquet if the name says so, which also holds the `plans` as JSON.

    Raises InputError where it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    columns = columns_of(points)
    try:
        if path.suffix == ".parquet":
            write_parquet(part, columns, points, plans)
        else:
            write_csv(part, list(columns), [row_of(point) for point in points])
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        what = f"the sweep cannot be written here: {error.strerror or error}."
        remedy = "Close programs that have it open, or name another file."
        raise InputError([Complaint(str(path), f"{what}  {remedy}")]) from error


def columns_of(points: Sequence[SweepPoint]) -> dict[str, type]:
    """Columns in their order, and what they hold."""
    names = list(dict.fromkeys(name for point in points for name in point.values))
    labels = sorted({label for point in points for label in point.mix})
    bought = sorted({label for point in points for label in point.machines})
    return {
        **dict.fromkeys(names, float),
        "status": str,
        **dict.fromkeys(OUTCOME[1:], float),
        **{f"usd_month: {label}": float for label in labels},
        **{f"machines: {label}": int for label in bought},
    }


def row_of(point: SweepPoint) -> dict[str, Any]:
    """A point as a row; what it does not buy is left empty."""
    return {
        **point.values,
        **{column: getattr(point, column) for column in OUTCOME},
        **{f"usd_month: {label}": usd for label, usd in point.mix.items()},
        **{f"machines: {label}": machines for label, machines in point.machines.items()},
    }


def write_parquet(
    path: Path,
    columns: Mapping[str, type],
    points: Sequence[SweepPoint],
    plans: Callable[[], Iterable[tuple[Values, str]]],
) -> None:
    """The rows, and each point's plan as `plan solve --json` gives it, some at a time: plans are long."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {float: pa.float64(), int: pa.int64(), str: pa.string()}
    schema = pa.schema([*((name, kinds[kind]) for name, kind in columns.items()), ("plan", pa.string())])
    by_values = {tuple(point.values.items()): point for point in points}

    def rows() -> Iterator[dict[str, Any]]:
        left = dict(by_values)
        for values, plan in plans():
            if (point := left.pop(values, None)) is not None:
                yield {**dict.fromkeys(columns), **row_of(point), "plan": plan or None}
        for point in left.values():
            yield {**dict.fromkeys(columns), **row_of(point), "plan": None}

    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        todo = rows()
        while some := list(islice(todo, AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(some, schema=schema))
