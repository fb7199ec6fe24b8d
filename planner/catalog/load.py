"""The catalogs as values: what is sold, what it costs, how fast it was measured, and who says so.

`load_catalog` reads every file but the benchmarks, which are thousands of rows and mostly about other
models: `benchmarks_for` reads those that a problem needs.  Nothing here knows a problem or a solver.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from planner.catalog import rows
from planner.catalog.read import Table, did_you_mean, read_table
from planner.catalog.shipped import shipped_folder
from planner.catalog.spelling import spelled
from planner.errors import CatalogError, Complaint

TABLES: dict[str, Table] = {
    "gpus": Table(path="gpus.csv", row=rows.Gpu, key=("name",)),
    "mig": Table(path="mig.csv", row=rows.MigProfile, key=("gpu", "parts")),
    "models": Table(path="models.csv", row=rows.ModelCard, key=("name",)),
    "engines": Table(path="engines.csv", row=rows.Engine, key=("engine", "vendor")),
    "offers": Table(
        path="prices/*.csv",
        row=rows.PriceOffer,
        key=("provider", "region", "machine", "term", "minimum_rental_h"),
    ),
    "machines": Table(path="machines.csv", row=rows.Machine, key=("provider", "machine")),
    "commitments": Table(
        path="commitments.csv",
        row=rows.CommitmentDiscount,
        key=("provider", "region", "machine", "gpu", "term", "instrument"),
    ),
    "spot_risk": Table(path="spot_risk.csv", row=rows.SpotRisk, key=("provider", "region", "machine")),
    "api_prices": Table(path="api_prices.csv", row=rows.ApiPrice, key=("provider", "api_model_id")),
    "egress": Table(path="egress.csv", row=rows.EgressTier, key=("provider", "from_gb")),
    "shapes": Table(path="shapes.csv", row=rows.TrafficShape, key=("shape",)),
    "shape_hours": Table(path="shape_hours.csv", row=rows.ShapeHour, key=("shape", "hour")),
    "lengths": Table(path="lengths.csv", row=rows.LengthCell, key=("lengths", "input_from_tok", "output_from_tok")),
    "performance": Table(path="performance.csv", row=rows.FittedConstant, key=("kind", "name", "applies_to")),
    "benchmarks": Table(path="benchmarks.csv", row=rows.Benchmark, key=tuple(rows.Benchmark.model_fields)),
}
"""Every file of a catalog folder, by the field of `Catalog` that holds it."""


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """All catalog files of one folder."""

    folder: Path
    gpus: dict[str, rows.Gpu]
    models: dict[str, rows.ModelCard]
    engines: tuple[rows.Engine, ...]
    offers: tuple[rows.PriceOffer, ...]
    commitments: tuple[rows.CommitmentDiscount, ...]
    spot_risk: tuple[rows.SpotRisk, ...]
    api_prices: tuple[rows.ApiPrice, ...]
    egress: tuple[rows.EgressTier, ...]
    shapes: dict[str, rows.TrafficShape]
    shape_hours: dict[str, tuple[float, ...]]  # 168 relative loads, Monday 00:00 first
    lengths: dict[str, tuple[rows.LengthCell, ...]]
    performance: tuple[rows.FittedConstant, ...]
    mig: tuple[rows.MigProfile, ...] = ()
    machines: tuple[rows.Machine, ...] = ()
    kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What is worked out of the catalog once and used again; copies at other prices share it."""

    @cached_property
    def vcpus(self) -> dict[tuple[str, str], int]:
        """vCPUs of a machine, by provider and machine; absent where nobody says."""
        return {(row.provider, row.machine): row.vcpus for row in self.machines}

    @cached_property
    def spelled_gpus(self) -> dict[str, rows.Gpu]:
        """GPUs by every spelling; look names up with `planner.catalog.names`."""
        return spelled(self.gpus.values())

    @cached_property
    def spelled_models(self) -> dict[str, rows.ModelCard]:
        """Models by every spelling."""
        return spelled(self.models.values())

    @cached_property
    def benchmarks(self) -> tuple[rows.Benchmark, ...]:
        """Every measured row; reads the file.  CatalogError if a row is wrong."""
        found, _, complaints = read_table(self.folder, TABLES["benchmarks"])
        if complaints:
            raise CatalogError(complaints)
        return tuple(found)


def load_catalog(folder: Path | None = None) -> Catalog:
    """Read a catalog folder (the shipped one by default), all but the benchmarks.

    Raises CatalogError with every mistake of every file: form, values, rows said twice, GPUs not in gpus.csv.
    """
    folder = shipped_folder("catalogs") if folder is None else folder
    read: dict[str, list[Any]] = {}
    places: dict[str, list[str]] = {}
    complaints: list[Complaint] = []
    for name, table in TABLES.items():
        if name != "benchmarks":
            read[name], places[name], trouble = read_table(folder, table)
            complaints += trouble
    gpus = {gpu.name: gpu for gpu in read["gpus"]}
    if gpus:
        for name in ("mig", "offers", "commitments", "spot_risk"):
            complaints += unknown_names(read[name], places[name], "gpu", gpus, "gpus.csv")
    if complaints:
        raise CatalogError(complaints)
    return Catalog(
        folder=folder,
        gpus=gpus,
        models={model.name: model for model in read["models"]},
        engines=tuple(read["engines"]),
        offers=tuple(read["offers"]),
        commitments=tuple(read["commitments"]),
        spot_risk=tuple(read["spot_risk"]),
        api_prices=tuple(read["api_prices"]),
        egress=tuple(read["egress"]),
        shapes={shape.shape: shape for shape in read["shapes"]},
        shape_hours=_hours(read["shape_hours"]),
        lengths=_grouped(read["lengths"]),
        performance=tuple(read["performance"]),
        mig=tuple(read["mig"]),
        machines=tuple(read["machines"]),
    )


def benchmarks_for(
    catalog: Catalog, *, models: Iterable[rows.ModelCard], gpus: Collection[str] | None = None
) -> tuple[rows.Benchmark, ...]:
    """Measured rows of these models and of every model that shares an architecture with one of them.

    `gpus` limits the GPU types (canonical names); only what is returned is validated.
    Raises CatalogError if one of those rows is wrong.
    """
    shapes = {model.architecture for model in models}
    wanted = {model.name for model in catalog.models.values() if model.architecture in shapes}

    def keep(row: dict[str, str]) -> bool:
        return row.get("model") in wanted and (gpus is None or row.get("gpu") in gpus)

    found, _, complaints = read_table(catalog.folder, TABLES["benchmarks"], keep)
    if complaints:
        raise CatalogError(complaints)
    return tuple(found)


def unknown_names(
    found: Iterable[Any], places: Iterable[str], field: str, known: Collection[str], file: str
) -> list[Complaint]:
    """A complaint for each row whose `field` is not one of `known`, which `file` lists."""
    return [
        Complaint(
            f"{place} {field}",
            f'"{getattr(row, field)}" is not in {file}.{did_you_mean(getattr(row, field), sorted(known))}',
        )
        for row, place in zip(found, places, strict=True)
        if getattr(row, field) not in known
    ]


def _hours(found: list[rows.ShapeHour]) -> dict[str, tuple[float, ...]]:
    hours: dict[str, dict[int, float]] = defaultdict(dict)
    for row in found:
        hours[row.shape][row.hour] = row.relative
    return {shape: tuple(by_hour[h] for h in sorted(by_hour)) for shape, by_hour in hours.items()}


def _grouped(found: list[rows.LengthCell]) -> dict[str, tuple[rows.LengthCell, ...]]:
    cells: dict[str, list[rows.LengthCell]] = defaultdict(list)
    for cell in found:
        cells[cell.lengths].append(cell)
    return {name: tuple(of_name) for name, of_name in cells.items()}
