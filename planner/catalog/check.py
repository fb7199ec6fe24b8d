"""Whether the catalog files agree with each other and with common sense, and how old they are.

`load_catalog` refuses what cannot be read; this module finds what reads well and is still wrong: a model
that no file knows, a week that is not 168 hours, a commitment dearer than paying by the hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from planner.catalog.load import TABLES, unknown_names
from planner.catalog.read import read_table
from planner.catalog.rows import Benchmark, CatalogRow, Gpu, ModelCard
from planner.errors import Complaint

H100_FLOOR_USD_H = 0.50
"""No provider has sold an H100 by the hour for less; a lower figure is a slip of units."""

BYTES_PER_WEIGHT = {"bf16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5, "fp4": 0.5, "mxfp4": 0.5}
"""Bytes that one weight takes, scales not counted."""

Placed = list[tuple[Any, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAge:
    """How old the rows of one catalog file are, in days before `today`."""

    file: str
    rows: int
    oldest: date
    newest: date
    oldest_days: int
    newest_days: int


def check_catalog(folder: Path, today: date) -> list[Complaint]:
    """Every complaint about a catalog folder: each file alone, then all of them together."""
    tables, complaints = _read(folder)
    for check in CHECKS:
        complaints += check(tables, today)
    return complaints


def catalog_ages(folder: Path, today: date) -> list[FileAge]:
    """The age of each file that has at least one good row; dates of "year" rows are their earliest."""
    by_file: dict[str, list[date]] = {}
    for rows in _read(folder)[0].values():
        for row, place in rows:
            if isinstance(row, CatalogRow):
                by_file.setdefault(place.rsplit(":", 1)[0], []).append(row.observed_on)
    return [
        FileAge(
            file=file,
            rows=len(days),
            oldest=min(days),
            newest=max(days),
            oldest_days=(today - min(days)).days,
            newest_days=(today - max(days)).days,
        )
        for file, days in sorted(by_file.items())
    ]


def _read(folder: Path) -> tuple[dict[str, Placed], list[Complaint]]:
    """Rows by table; none where the table has a mistake, so that one slip is not told a hundred times."""
    tables: dict[str, Placed] = {}
    complaints: list[Complaint] = []
    for name, table in TABLES.items():
        rows, places, trouble = read_table(folder, table)
        tables[name] = [] if trouble else list(zip(rows, places, strict=True))
        complaints += trouble
    return tables, complaints


def names_exist(tables: dict[str, Placed], today: date) -> Iterator[Complaint]:
    """GPUs, models, vendors and shapes that a row names are in the file that lists them."""
    gpus = {gpu.name: gpu for gpu, _ in tables["gpus"]}
    models = {model.name for model, _ in tables["models"]}
    shapes = {shape.shape for shape, _ in tables["shapes"]}
    providers = {offer.provider for offer, _ in tables["offers"]}
    wanted = [
        *((name, "gpu", gpus, "gpus.csv") for name in ("mig", "offers", "commitments", "spot_risk", "benchmarks")),
        ("benchmarks", "model", models, "models.csv"),
        ("engines", "vendor", {gpu.vendor for gpu in gpus.values()}, "gpus.csv"),
        ("shape_hours", "shape", shapes, "shapes.csv"),
        *((name, "provider", providers, "prices/*.csv") for name in ("commitments", "spot_risk", "egress", "machines")),
        ("machines", "machine", {offer.machine for offer, _ in tables["offers"]}, "prices/*.csv"),
    ]
    for name, field, known, file in wanted:
        if known:
            yield from unknown_names(*_columns(tables[name]), field, known, file)


def _columns(rows: Placed) -> tuple[list[Any], list[str]]:
    return [row for row, _ in rows], [place for _, place in rows]


def aliases_are_unambiguous(tables: dict[str, Placed], today: date) -> Iterator[Complaint]:
    """No spelling means two GPUs, or two models."""
    for name in ("gpus", "models"):
        owner: dict[str, str] = {}
        for row, place in tables[name]:
            for spelling in {s.lower() for s in (row.name, *row.aliases.split("|")) if s}:
                if owner.setdefault(spelling, row.name) != row.name:
                    what = f'"{spelling}" already means {owner[spelling]}.  Keep it on one of the two.'
                    yield Complaint(f"{place} aliases", what)


def weeks_are_whole(tables: dict[str, Placed], today: date) -> Iterator[Complaint]:
    """Each shape has each of the 168 hours once, and a mean of 1."""
    hours: dict[str, list[float]] = {shape.shape: [] for shape, _ in tables["shapes"]}
    for row, _ in tables["shape_hours"]:
        hours.setdefault(row.shape, []).append(row.relative)
    for shape, relative in hours.items():
        if len(relative) != 168:
            yield Complaint(f"shape_hours.csv {shape}", f"{len(relative)} hours; a week has 168.")
        elif abs(mean := sum(relative) / 168) > 1 + 1e-4 or abs(mean) < 1 - 1e-4:
            yield Complaint(f"shape_hours.csv {shape}", f"the mean is {mean:.4f} and must be 1.  Divide by it.")


def histograms_are_whole(tables: dict[str, Placed], today: date) -> Iterator[Complaint]:
    """The shares of a length histogram sum to 1, and each mean lies inside its cell."""
    total: dict[str, float] = {}
    for cell, place in tables["lengths"]:
        total[cell.lengths] = total.get(cell.lengths, 0) + cell.share
        for side in ("input", "output"):
            low, mean, high = (
                getattr(cell, f"{side}_from_tok"),
                getattr(cell, f"mean_{side}_tok"),
                getattr(cell, f"{side}_to_tok"),
            )
            if not low <= mean <= high:
                yield Complaint(f"{place} mean_{side}_tok", f"{mean:g} is not between {low} and {high}.")
    for name, share in total.items():
        if abs(share - 1) > 1e-4:
            yield Complaint(f"lengths.csv {name}", f"the shares sum to {share:.5f} and must sum to 1.")


def dates_have_been(tables: dict[str, Placed], today: date) -> Iterator[Complaint]:
    """Nothing was observed after `today`."""
    for rows in tables.values():
        for row, place in rows:
            if isinstance(row, CatalogRow) and row.observed_on > today:
                yield Complaint(f"{place} observed_on", f"{row.observed_on} is after today, {today}.")


def prices_are_sane(tables: dict[str, Placed], today: date) -> Iterator[Complaint]:
    """No H100 under 0.50 USD/h on demand; spot and commitments not dearer than on demand; 3y not than 1y."""
    by_machine: dict[tuple[str, str, str], dict[str, tuple[float, str]]] = {}
    for offer, place in tables["offers"]:
        if offer.term == "bought":
            what = "no price of an hour is one of a machine bought.  Name it under procurement.purchases of a problem."
            yield Complaint(f"{place} term", what)
        each = offer.usd_h / offer.gpus
        if offer.gpu.startswith("h100") and offer.term == "on-demand" and each < H100_FLOOR_USD_H:
            what = f"{each:.2f} USD per H100-hour is below {H100_FLOOR_USD_H:.2f}.  Is it cents, or a share?"
            yield Complaint(f"{place} usd_h", what)
        terms = by_machine.setdefault((offer.provider, offer.region, offer.machine), {})
        terms[offer.term] = (offer.usd_h, place)
    for terms in by_machine.values():
        for less, more in (("spot", "on-demand"), ("1y", "on-demand"), ("3y", "on-demand"), ("3y", "1y")):
            if less in terms and more in terms and terms[less][0] > terms[more][0]:
                what = f"{terms[less][0]:g} USD/h for {less} is more than {terms[more][0]:g} for {more}."
                yield Complaint(f"{terms[less][1]} usd_h", what)


def tiers_follow_each_other(tables: dict[str, Placed], today: date) -> Iterator[Complaint]:
    """A provider's egress tiers begin at 0, leave no gap and end open."""
    end: dict[str, float | None] = {}
    for tier, place in tables["egress"]:
        expected = end.get(tier.provider, 0.0)
        if tier.from_gb != expected:
            yield Complaint(f"{place} from_gb", f"{tier.from_gb:g}: the tier before ends at {expected}.")
        end[tier.provider] = tier.to_gb
    for provider, last in end.items():
        if last is not None:
            yield Complaint(f"egress.csv {provider}", f"the last tier ends at {last:g} GB; leave to_gb empty.")


def interruptions_are_ranges(tables: dict[str, Placed], today: date) -> Iterator[Complaint]:
    """The low end of an interruption band is not above its high end."""
    for risk, place in tables["spot_risk"]:
        if risk.interruption_low_share > risk.interruption_high_share:
            low, high = risk.interruption_low_share, risk.interruption_high_share
            yield Complaint(f"{place} interruption_low_share", f"{low:g} is above the high end, {high:g}.")


def parts_make_no_more_than_a_gpu(tables: dict[str, Placed], today: date) -> Iterator[Complaint]:
    """All parts of a GPU together have no more of anything than the GPU."""
    gpus: dict[str, Gpu] = {gpu.name: gpu for gpu, _ in tables["gpus"]}
    for row, place in tables["mig"]:
        whole = {"compute_share": 1.0, "bandwidth_share": 1.0}
        whole |= {"memory_gib": gpus[row.gpu].memory_gib} if row.gpu in gpus else {}
        for field, most in whole.items():
            if row.parts * getattr(row, field) > most * (1 + 1e-3):
                what = f"{row.parts} parts of {getattr(row, field):g} are more than the whole GPU, {most:g}."
                yield Complaint(f"{place} {field}", what)


def measurements_are_possible(tables: dict[str, Placed], today: date) -> Iterator[Complaint]:
    """A row measures something, fits its GPUs, and is no faster than reading the weights once a token."""
    gpus: dict[str, Gpu] = {gpu.name: gpu for gpu, _ in tables["gpus"]}
    models: dict[str, ModelCard] = {model.name: model for model, _ in tables["models"]}
    for row, place in tables["benchmarks"]:
        if not any((row.ttft_ms, row.tpot_ms, row.output_tok_s, row.total_tok_s)):
            yield Complaint(place, "measures nothing: no ttft_ms, tpot_ms, output_tok_s or total_tok_s.")
        if row.tp * row.pp * row.dp > row.gpus:
            yield Complaint(f"{place} gpus", f"{row.gpus} is less than tp x pp x dp.")
        if row.gpu in gpus and row.model in models and row.tpot_ms is not None:
            floor_ms = _weights_read_ms(row, models[row.model], gpus[row.gpu])
            if row.tpot_ms < 0.9 * floor_ms:
                what = f"{row.tpot_ms:g} ms; reading the weights once takes {floor_ms:.2f} ms on these GPUs."
                yield Complaint(f"{place} tpot_ms", what)


def _weights_read_ms(row: Benchmark, model: ModelCard, gpu: Gpu) -> float:
    """Time to read the active weights once from memory, embedding table left out [ms]."""
    gigabytes = (model.params_active_b - model.params_embedding_b) * BYTES_PER_WEIGHT[row.precision]
    return 1000 * gigabytes / (row.gpus * gpu.hbm_gb_s)


CHECKS: tuple[Callable[[dict[str, Placed], date], Iterator[Complaint]], ...] = (
    names_exist,
    aliases_are_unambiguous,
    weeks_are_whole,
    histograms_are_whole,
    dates_have_been,
    prices_are_sane,
    tiers_follow_each_other,
    interruptions_are_ranges,
    parts_make_no_more_than_a_gpu,
    measurements_are_possible,
)
"""Every check across files, in the order of the complaints."""
