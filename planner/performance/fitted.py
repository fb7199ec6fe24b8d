"""What a fit leaves behind: the rows of catalogs/performance.csv, and every prediction of a row that was left out.

Nothing is fitted or predicted here.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from functools import partial
from typing import get_args

import numpy as np

from planner.catalog.rows import FittedConstant
from planner.performance.constants import BANDS, GROUPS, MAIN_ENGINES, Constants
from planner.performance.crossvalidate import Errors
from planner.performance.fit import Data
from planner.performance.roofline import Physics
from planner.performance.types import Source


def table(constants: Constants, data: Data, errors: dict[str, dict[str, Errors]], on: date) -> list[FittedConstant]:
    """Everything as rows of catalogs/performance.csv."""
    row = partial(FittedConstant, source="planner.performance.fit on catalogs/benchmarks.csv", observed_on=on)
    rows = [
        row(kind="physics", name=f.name, value=_short(getattr(constants.physics, f.name)), rows=len(data.group),
            unit=unit_of(f.name))
        for f in fields(Physics)
    ]  # fmt: skip
    members: dict[tuple[str, str], int] = {}
    for labels, count in Counter(data.points.labels).items():
        for group in GROUPS:
            if key := group.key(labels):
                for channel in group.channels:
                    members[channel, key] = members.get((channel, key), 0) + count
    for (channel, key), value in sorted(constants.factors.items()):
        rows.append(row(kind="speed", name=channel, applies_to=key, value=_short(value),
                        unit="e to an exponent" if channel == "heads" else "factor on time",
                        rows=members.get((channel, key))))  # fmt: skip
    for (quantity, part), value in constants.variances.items():
        rows.append(row(kind="variance", name=quantity, applies_to=part, value=value,
                        unit="variance of a logarithm"))  # fmt: skip
    for (quantity, name), value in constants.bands.items():
        rows.append(row(kind="band", name=quantity, applies_to=name, value=_short(value),
                        unit="standard deviations"))  # fmt: skip
    for left_out, of_quantity in errors.items():
        for quantity, e in of_quantity.items():
            rows += [row(kind="error", name=f"{quantity} {name}", applies_to=where, value=_short(value),
                         unit="share", rows=n)
                     for where, name, value, n in _summaries(data, e, left_out)]  # fmt: skip
    return rows


def unit_of(physics: str) -> str:
    """The unit of a constant of `Physics`, by its name."""
    plain = {"seats": "requests", "own_prompt": "multiple of its prefill", "routing_spread": "exponent"}
    plain |= {"same_prompt_spread": "exponent"}
    return plain.get(physics) or ("ms" if physics.endswith("_ms") else "share")


def told(widths: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """Widths of bands; that of a normal distribution where too few rows were left out to tell."""
    normal = BANDS["tpot", "modeled"]
    return {key: width if np.isfinite(width) else normal for key, width in widths.items()}


def width_elsewhere(data: Data, errors: Errors, constants: Constants) -> float:
    """The width of a TPOT band on GPUs of other vendors: no latency was measured there, only throughput."""
    labels = [data.points.labels[i] for i in errors.index]
    other = np.array([label.vendor != "nvidia" and label.engine in MAIN_ENGINES for label in labels])
    if not other.any():
        return float("nan")
    deviation = np.sqrt(sum(v for (quantity, _), v in constants.variances.items() if quantity == "tpot"))
    return float(np.quantile(np.abs(errors.off[other]), 0.8) / deviation)


def _summaries(data: Data, e: Errors, left_out: str) -> Iterator[tuple[str, str, float, int]]:
    """Median and p90 over all rows, and by GPU and precision, engine, and source."""
    labels = [data.points.labels[i] for i in e.index]
    cuts: dict[str, list[str]] = {
        "": [""] * len(labels),
        "source": list(e.source),
        "engine": [label.engine for label in labels],
        "gpu": [f"{label.gpu} {label.precision}" for label in labels],
    }
    for cut, values in cuts.items():
        for value in sorted(set(values)):
            at = np.array([v == value for v in values])
            if at.sum() >= 8:
                share = e.share(at)
                where = left_out + (f"; {cut} {value}" if cut else "")
                yield where, "median", float(np.median(share)), int(at.sum())
                yield where, "p90", float(np.quantile(share, 0.9)), int(at.sum())


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def left_out(data: Data, errors: dict[str, dict[str, Errors]]) -> str:
    """Every prediction of a row that was left out, as CSV: for figures and for those who want to look."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = (
        "left_out quantity model gpu gpus precision engine load concurrency measured predicted roofline source inside"
    )
    writer.writerow(head.split())
    for how, of_quantity in errors.items():
        for quantity, e in of_quantity.items():
            width = {source: e.width(source) for source in get_args(Source)}
            for k, i in enumerate(e.index):
                o = data.observations[i]
                rate = 1e3 / o.token_ms if o.token_ms else None
                row, measured = o.row, {"tpot": o.tpot_ms, "ttft": o.ttft_ms, "throughput": rate}[quantity] or 0.0
                inside = abs(e.off[k]) <= e.deviation[k] * width[str(e.source[k])]
                values = (measured, measured * np.exp(e.off[k]), measured * np.exp(e.roofline_off[k]))
                what = (row.model, row.gpu, row.gpus, row.precision, row.engine, row.load, row.concurrency)
                writer.writerow((how, quantity, *what, *(f"{v:.5g}" for v in values), e.source[k], int(inside)))
    return out.getvalue()
