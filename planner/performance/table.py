"""Estimates for a whole table of benchmark rows, thousands at once.

`predict_file` adds columns to a table and keeps every row: those that cannot be estimated say why.  What the words
of a row mean is decided in `planner.performance.foreign`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from planner.catalog.load import Catalog
from planner.catalog.rows import Benchmark
from planner.errors import Complaint, InputError
from planner.performance.constants import Constants, constants_of
from planner.performance.foreign import Foreign, understand
from planner.performance.points import Floats, Point, points_of, roofs, speed_of
from planner.performance.rates import Rated, open_loop, rate_at
from planner.performance.sources import MEMORY_SHARE, Ratios, ratios_of, source_of, width_of
from planner.performance.types import Deployment, Source

LATENCIES = ("tpot_ms", "ttft_ms", "output_tok_s")
COLUMNS = tuple(f"{kind}_{what}" for what in LATENCIES for kind in ("predicted", "low", "high"))
ADDED = (*COLUMNS, "estimate_source", "estimate_reason")
"""Columns that are added, in this order, after those of the table."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a table's rows."""

    rows: int
    predicted: int
    by_source: dict[str, int]
    reasons: dict[str, int]


@dataclass(slots=True)
class Estimated:
    """What is added to a row; a value with its 80 % band, by quantity."""

    values: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    source: Source | str = ""
    reason: str = ""

    def cells(self) -> dict[str, str]:
        """The added columns as text; empty where nothing is predicted."""
        out = dict.fromkeys(ADDED, "")
        for what, (value, low, high) in self.values.items():
            for kind, number in (("predicted", value), ("low", low), ("high", high)):
                out[f"{kind}_{what}"] = f"{number:.6g}"
        return out | {"estimate_source": self.source, "estimate_reason": self.reason}


def predict_rows(rows: Sequence[Mapping[str, str]], catalog: Catalog, own: Sequence[Benchmark] = ()) -> list[Estimated]:
    """An estimate for every raw row, in their order."""
    constants = constants_of(catalog.performance)
    ratios = ratios_of(catalog.models, catalog.gpus, catalog.benchmarks, own, constants, ("tpot", "ttft", "throughput"))
    understood = [understand(row, catalog) for row in rows]
    out = [Estimated(reason=u) if isinstance(u, str) else Estimated() for u in understood]
    asked: list[tuple[int, Foreign, Point]] = []
    for i, u in enumerate(understood):
        if isinstance(u, str):
            continue
        if u.load in ("slo", "open-loop"):
            rated = rate_at(u, constants, ratios) if u.load == "slo" else open_loop(u, constants, ratios)
            _take(out[i], u, rated)
        else:
            asked += [
                (i, u, Point(deployment=d, request=u.request, in_flight=_each(u, d), load=u.load, early=u.early))
                for d in u.choices
            ]
    if asked:
        _predict_points(asked, out, constants, ratios)
    return out


def _each(u: Foreign, d: Deployment) -> float | None:
    """Requests in flight in each replica."""
    return None if u.in_flight is None else max(1.0, u.in_flight / u.replicas(d))


def _take(estimated: Estimated, u: Foreign, rated: Rated | str) -> None:
    if isinstance(rated, str):
        estimated.reason = rated
        return
    estimated.values, estimated.source = rated.values, rated.source
    estimated.reason = "; ".join((*rated.words, *u.assumed))


def _predict_points(
    asked: list[tuple[int, Foreign, Point]], out: list[Estimated], constants: Constants, ratios: Ratios
) -> None:
    points = points_of([p for _, _, p in asked], MEMORY_SHARE)
    found = roofs(points, constants.physics, speed_of(points, constants))
    serving = ~(points.static | points.full)
    center = {"tpot": found.tpot_ms.copy(), "ttft": found.ttft_ms.copy(), "throughput": found.token_ms.copy()}
    width: dict[str, Floats] = {}
    sources = np.full(len(asked), "modeled", dtype=object)
    nearest = np.full(len(asked), -1)
    for quantity in ("tpot", "ttft", "throughput"):
        at = np.flatnonzero(serving if quantity != "throughput" else ~serving)
        sd = np.zeros(len(asked))
        variance = sum(v for (q, _), v in constants.variances.items() if q == quantity)
        corrected = ratios.correct(quantity, [points.labels[i] for i in at], points.position[at]) if len(at) else None
        if corrected is not None:
            center[quantity][at] *= np.exp(corrected.log_factor)
            said = [source_of(d, r) for d, r in zip(corrected.distance, corrected.related, strict=True)]
            vendors = [points.labels[i].vendor for i in at]
            widths = np.array([width_of(constants, quantity, s, v) for s, v in zip(said, vendors, strict=True)])
            sd[at] = corrected.deviation * widths
            if quantity != "ttft":
                sources[at], nearest[at] = said, corrected.nearest
        elif len(at):
            sd[at] = np.sqrt(variance) * constants.bands[quantity, "modeled"]
        width[quantity] = sd
    tpot, ttft = center["tpot"], center["ttft"]
    output = points.output_tok
    asked_for = np.where(np.isnan(points.asked), found.in_flight, points.asked)
    service = ttft + np.maximum(output - 1, 0) * tpot
    # Those that wait for memory add nothing: as many end as run.
    wait = found.wait_ms * (ttft / np.maximum(found.ttft_ms, 1e-9))
    live = np.minimum(asked_for, found.in_flight) * output / np.maximum(service - wait, 1e-9) * 1e3
    over = serving & (asked_for > found.in_flight)
    rate = np.where(serving, live, 1e3 / center["throughput"])
    ttft_share = np.minimum(1.0, ttft / service)
    rate_width = np.where(serving, ttft_share * width["ttft"] + (1 - ttft_share) * width["tpot"], width["throughput"])
    best: dict[int, int] = {}
    total: dict[int, float] = {}
    for k, (i, u, p) in enumerate(asked):
        replicas = u.replicas(p.deployment)
        if rate[k] * replicas > total.get(i, 0.0):
            total[i], best[i] = float(rate[k] * replicas), k
    for i, k in best.items():
        _, u, p = asked[k]
        e = out[i]
        e.values["output_tok_s"] = _around(total[i], rate_width[k])
        if u.load == "serving":
            e.values["tpot_ms"] = _around(tpot[k], width["tpot"][k])
            e.values["ttft_ms"] = _around(ttft[k], width["ttft"][k])
        e.source = str(sources[k])
        near = ""
        if nearest[k] >= 0:
            row = ratios.row("tpot" if serving[k] else "throughput", int(nearest[k]))
            near = f"nearest row {row.model} on {row.gpus} x {row.gpu}, {row.observed_on}"
        full = f"memory holds {found.in_flight[k]:.0f}, the others wait" if over[k] else ""
        words = (near, full, f"tp {p.deployment.tp}" if len(u.choices) > 1 else "", *u.assumed)
        e.reason = "; ".join(w for w in words if w)


def _around(value: float, deviation: float) -> tuple[float, float, float]:
    return float(value), float(value * np.exp(-deviation)), float(value * np.exp(deviation))


def predict_file(rows: Path, output: Path, catalog: Catalog, own: Sequence[Benchmark] = ()) -> Summary:
    """Read a CSV table, add the estimates, write it whole to `output`.  Raises InputError for a file that is none."""
    from planner.files import write_whole

    try:
        with rows.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = list(reader.fieldnames or [])
            raw = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError([Complaint(str(rows), f"cannot be read as a CSV table: {error}.")]) from error
    needed = [name for name in ("model", "gpu") if name not in header]
    if needed or not raw:
        what = f"has no column {' and '.join(needed)}" if needed else "has no rows"
        columns = "model, gpu, gpus, tp, precision, engine, input_tok, output_tok, concurrency, load"
        raise InputError([Complaint(str(rows), f"{what}.  Columns as in catalogs/benchmarks.csv: {columns} ...")])
    estimates = predict_rows(raw, catalog, own)
    out = io.StringIO()
    writer = csv.DictWriter(
        out, [*header, *(c for c in ADDED if c not in header)], extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows({**row, **e.cells()} for row, e in zip(raw, estimates, strict=True))
    write_whole(output, out.getvalue())
    done = [e for e in estimates if e.values]
    return Summary(
        rows=len(raw),
        predicted=len(done),
        by_source=dict(Counter(str(e.source) for e in done)),
        reasons=dict(Counter(e.reason for e in estimates if not e.values).most_common()),
    )
