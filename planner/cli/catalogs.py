"""`plan catalog`: what the planner knows about GPUs, models, prices, weeks and measurements."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.errors import CatalogError, Complaint, InputError

if TYPE_CHECKING:
    from pydantic import BaseModel

catalog_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Look into the catalogs: GPUs, models, prices, weeks, measurements.",
)


class TableName(StrEnum):
    """Tables as a person names them."""

    gpus = "gpus"
    mig = "mig"
    models = "models"
    engines = "engines"
    offers = "offers"
    machines = "machines"
    apis = "apis"
    shapes = "shapes"
    lengths = "lengths"
    commitments = "commitments"
    egress = "egress"
    benchmarks = "benchmarks"


FIELDS = {"apis": "api_prices"}
"""Where the field of `Catalog` has another name."""

COLUMNS = {
    "gpus": ("name", "vendor", "architecture", "memory_gib", "hbm_gb_s", "bf16_tflops", "fp8_tflops", "link"),
    "mig": ("gpu", "profile", "parts", "compute_share", "bandwidth_share", "memory_gib", "evidence"),
    "models": ("name", "family", "params_total_b", "params_active_b", "context_tok", "native_precision"),
    "engines": ("engine", "vendor", "precisions", "kv_precisions"),
    "offers": ("provider", "region", "machine", "gpu", "gpus", "term", "usd_h", "tier", "observed_on"),
    "machines": ("provider", "machine", "vcpus", "observed_on"),
    "apis": ("model", "provider", "input_usd_mtok", "output_usd_mtok", "observed_on", "api_model_id"),
    "shapes": ("shape", "timezone", "burst_factor", "title"),
    "lengths": ("lengths", "input_from_tok", "input_to_tok", "output_from_tok", "output_to_tok", "share"),
    "commitments": ("provider", "region", "machine", "gpu", "term", "discount_share", "instrument", "observed_on"),
    "egress": ("provider", "from_gb", "to_gb", "usd_gb", "observed_on"),
    "benchmarks": (
        "model",
        "gpu",
        "tp",
        "precision",
        "engine",
        "input_tok",
        "output_tok",
        "concurrency",
        "output_tok_s",
    ),
}
"""What `list` shows of a row; `show` shows all."""

NAMES = {
    "gpus": ("name",),
    "mig": ("gpu", "profile"),
    "models": ("name", "family", "hf_id"),
    "engines": ("engine", "vendor"),
    "offers": ("provider", "machine", "gpu"),
    "machines": ("provider", "machine"),
    "apis": ("model", "provider", "api_model_id"),
    "shapes": ("shape",),
    "lengths": ("lengths",),
    "commitments": ("provider", "machine", "gpu"),
    "egress": ("provider",),
    "benchmarks": ("model", "gpu"),
}
"""By which of its fields `show` finds a row."""

Only = typer.Option(show_default=False, help="Only rows of this one.")
AsJson = Annotated[bool, typer.Option("--json", help="Print rows as JSON, with every field.")]


@catalog_app.command("list")
def list_rows(
    table: Annotated[
        TableName | None, typer.Argument(help="Which table; left out: all tables with their ages.", show_default=False)
    ] = None,
    gpu: Annotated[str | None, Only] = None,
    provider: Annotated[str | None, Only] = None,
    term: Annotated[str | None, Only] = None,
    json: AsJson = False,
) -> None:
    """List the rows of a table.

    [dim]Examples:[/dim]

        plan catalog list

        plan catalog list models

        plan catalog list offers --gpu h100-sxm --term on-demand
    """
    if table is None:
        _list_tables(json)
        return
    rows = _rows(table)
    for key, wanted in (("gpu", gpu), ("provider", provider), ("term", term)):
        if wanted is None:
            continue
        if not hasattr(rows[0], key):
            what = f"rows of {table.value} have no {key}.  Leave it out."
            raise InputError([Complaint(f"--{key} {wanted}", what)])
        known = {str(getattr(row, key)) for row in rows}
        rows = [row for row in rows if getattr(row, key) == _known(wanted, known, f"--{key}", table)]
    _print(rows, COLUMNS[table.value], json)


@catalog_app.command("show")
def show_rows(
    table: Annotated[TableName, typer.Argument(help="Which table.", show_default=False)],
    name: Annotated[str, typer.Argument(help="A name in it, or an alias.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Show every field of what has a name: what it is, who says so, and when it was seen.

    [dim]Examples:[/dim]

        plan catalog show gpus h100-sxm

        plan catalog show apis deepseek-v3.1
    """
    fields = NAMES[table.value]
    rows = _rows(table)
    wanted = _canonical(name, table).lower()
    found = [row for row in rows if wanted in {str(getattr(row, field)).lower() for field in fields}]
    if not found:
        _known(name, {str(getattr(row, field)) for row in rows for field in fields}, f"{table.value} {name}", table)
    if json:
        _print(found, (), json)
        return
    for place, row in enumerate(found):
        if place:
            typer.echo()
        for field, value in row:
            if value not in (None, ""):
                typer.echo(f"{field:<24} {_cell(value)}")


@catalog_app.command("check")
def check(
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Count ages from here.", show_default="today"),
    ] = None,
) -> None:
    """Check that the catalog files agree with each other and with common sense; exit code 2 if not."""
    from planner.catalog.check import catalog_ages, check_catalog
    from planner.catalog.shipped import shipped_folder

    folder = shipped_folder("catalogs")
    day = today.date() if today else date.today()
    complaints = check_catalog(folder, day)
    if complaints:
        raise CatalogError(complaints)
    ages = catalog_ages(folder, day)
    cells = [(age.file, f"{age.rows:,}", str(age.oldest_days), str(age.newest_days)) for age in ages]
    _align([("file", "rows", "oldest [days]", "newest [days]"), *cells])
    typer.echo(f"\n{sum(age.rows for age in ages):,} rows in {len(ages)} files agree.")


def _list_tables(json: bool) -> None:
    cells = []
    for table in TableName:
        rows = _rows(table)
        days = [row.observed_on for row in rows]
        cells.append((table.value, len(rows), str(min(days)), str(max(days))))
    if json:
        from json import dumps

        keys = ("table", "rows", "oldest", "newest")
        typer.echo(dumps([dict(zip(keys, cell, strict=True)) for cell in cells], indent=1))
        return
    _align([("table", "rows", "oldest", "newest"), *((name, f"{n:,}", a, b) for name, n, a, b in cells)])


def _rows(table: TableName) -> list[Any]:
    from planner.catalog.load import load_catalog

    held = getattr(load_catalog(), FIELDS.get(table.value, table.value))
    if not isinstance(held, dict):
        return list(held)
    return [row for value in held.values() for row in (value if isinstance(value, tuple) else (value,))]


def _canonical(name: str, table: TableName) -> str:
    """The catalog's own spelling of a GPU or a model, where the name is an alias."""
    from planner.catalog.load import load_catalog
    from planner.catalog.names import resolve_gpu, resolve_model

    if table not in (TableName.gpus, TableName.models):
        return name
    found = (resolve_gpu if table is TableName.gpus else resolve_model)(load_catalog(), name)
    return name if isinstance(found, list) else found.name


def _known(name: str, known: set[str], where: str, table: TableName) -> str:
    from planner.problem.wording import did_you_mean, some_of

    by_lower = {spelling.lower(): spelling for spelling in known}
    if name.lower() not in by_lower:
        what = f'no row of {table.value} has "{name}".{did_you_mean(name, known)}  There are: {some_of(known)}.'
        raise InputError([Complaint(f"{where}", what)])
    return by_lower[name.lower()]


def _print(rows: list[BaseModel], columns: tuple[str, ...], json: bool) -> None:
    if json:
        from json import dumps

        typer.echo(dumps([row.model_dump(mode="json") for row in rows], indent=1))
        return
    _align([columns, *(tuple(_cell(getattr(row, column)) for column in columns) for row in rows)])


def _cell(value: Any) -> str:
    from planner.outputs.figures import plain

    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else plain(str(value))


def _align(lines: list[tuple[str, ...]]) -> None:
    """Columns two blanks apart, figures on the right; never cut, so that other programs can read them."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    figures = [all(_is_figure(line[column]) for line in lines[1:]) for column in range(len(widths))]
    for line in lines:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, figures, strict=True)
        ]
        typer.echo("  ".join(cells).rstrip())


def _is_figure(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").replace("e+", "").isdecimal() or not cell
