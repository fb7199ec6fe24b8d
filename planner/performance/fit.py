"""Fit the constants of the performance model to the measured rows, and say how wrong it is on rows it has not seen.

    python -m planner.performance.fit [FOLDER]

reads FOLDER/benchmarks.csv (the shipped catalogs by default) and writes FOLDER/performance.csv anew: constants,
factors, widths of bands and cross-validated errors.  Needs scipy.  Takes some five minutes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, get_args

import numpy as np
import typer
from numpy.typing import NDArray

from planner.catalog.rows import FittedConstant
from planner.performance.constants import GROUPS, PRIORS, VARIANCES, Constants
from planner.performance.measured import Corrected, MeasuredRatios
from planner.performance.observations import Observation
from planner.performance.points import Floats, Points, points_of, roofs, speed_of
from planner.performance.roofline import Physics
from planner.performance.sources import MEMORY_SHARE, OTHER_VENDORS
from planner.performance.types import Source

SCATTER = {"tpot": 0.2, "ttft": 0.48, "throughput": 0.2}
"""Standard deviation of the logarithm of measured / roofline that the fit expects of a row."""

WITHIN = 0.6
"""Share of a configuration's error that all its rows have in common: n rows count as n / (1 + (n - 1) WITHIN)."""

PRIOR_WEIGHT = 3.0
"""How much dearer than a row's scatter it is to leave a prior; from 1 to 4 configurations left out came out better."""

LIMITS = {"weights_read_share": (0.5, 0.97)}
"""A share of the data sheet is below 1; weights were never read at less than half the bandwidth."""

NO_PRIOR_BELOW_1 = tuple(name for name in PRIORS if name.endswith("_share") and not name.startswith("packed"))


@dataclass(frozen=True, kw_only=True)
class Data:
    """Observations as arrays; logarithms of milliseconds, NaN where a row does not say."""

    points: Points
    observations: tuple[Observation, ...]
    log_time: Floats  # TPOT of serving rows, time per output token of others
    log_ttft: Floats
    serving: NDArray[np.bool_]
    configuration: NDArray[np.intp]  # model, GPU, precision, engine and kind of load
    group: NDArray[np.intp]  # what is left out together: model as the source names it, GPU, precision, engine

    def take(self, index: NDArray[np.intp]) -> Data:
        """Some of the observations."""
        return Data(
            points=self.points.take(index),
            observations=tuple(self.observations[i] for i in index),
            **{f.name: getattr(self, f.name)[index] for f in fields(Data) if f.name not in ("points", "observations")},
        )


def data_of(observations: Sequence[Observation]) -> Data:
    """Arrays of observations."""
    points = points_of([o.point for o in observations], MEMORY_SHARE)
    serving = np.array([o.token_ms is None for o in observations])
    time = [o.token_ms if o.tpot_ms is None else o.tpot_ms for o in observations]
    keys = [(*o.point.labels[:1], o.point.labels.architecture, o.point.labels.gpu, o.point.labels.how, o.point.load)
            for o in observations]  # fmt: skip
    groups = [(o.row.model, o.row.gpu, o.row.precision, o.row.engine) for o in observations]
    return Data(
        points=points,
        observations=tuple(observations),
        log_time=np.log(np.array(time, dtype=float)),
        log_ttft=np.log(np.array([o.ttft_ms or np.nan for o in observations], dtype=float)),
        serving=serving,
        configuration=_numbered(keys),
        group=_numbered(groups),
    )


def _numbered(keys: Sequence[tuple[object, ...]]) -> NDArray[np.intp]:
    known: dict[tuple[object, ...], int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.intp)


def predict(data: Data, constants: Constants) -> tuple[Floats, Floats]:
    """Logarithms of time and TTFT by the roofline alone."""
    found = roofs(data.points, constants.physics, speed_of(data.points, constants))
    return np.log(np.where(data.serving, found.tpot_ms, found.token_ms)), np.log(found.ttft_ms)


def fit(data: Data, start: Constants | None = None, rounds: int = 30) -> Constants:
    """Constants that explain the rows best, robustly, and paying for every step away from their priors."""
    from scipy.optimize import least_squares

    names = [f.name for f in fields(Physics)]
    slots = sorted({(c, key) for g in GROUPS for c in g.channels for labels in set(data.points.labels)
                    if (key := g.key(labels))})  # fmt: skip
    spread_of: dict[str, dict[str, float]] = {c: {} for g in GROUPS for c in g.channels}
    for g in GROUPS:
        for c in g.channels:
            spread_of[c].update({key: g.spread for labels in set(data.points.labels) if (key := g.key(labels))})
    center = np.concatenate([np.log([PRIORS[n][0] for n in names]), np.zeros(len(slots))])
    spread = np.array([PRIORS[n][1] for n in names] + [spread_of[c][key] for c, key in slots])
    low, high = center - 4 * spread, center + 4 * spread
    for i, name in enumerate(names):
        if name in NO_PRIOR_BELOW_1:
            high[i] = min(high[i], np.log(0.97))
        if name in LIMITS:
            low[i] = np.log(LIMITS[name][0])
    begin = center if start is None else _values(start, names, slots)
    counts = np.bincount(data.configuration)[data.configuration]
    weight = np.sqrt(1 / (1 + (counts - 1) * WITHIN))
    scale = np.where(data.serving, SCATTER["tpot"], SCATTER["throughput"])
    said = ~np.isnan(data.log_ttft)

    def residuals(values: Floats) -> Floats:
        time, ttft = predict(data, _constants(values, names, slots))
        off = _robust((time - data.log_time) / scale) * weight
        late = _robust((ttft[said] - data.log_ttft[said]) / SCATTER["ttft"]) * weight[said]
        return np.concatenate([off, late, (values - center) / spread * PRIOR_WEIGHT])

    inside = np.clip(begin, low + 1e-6, high - 1e-6)
    found = least_squares(residuals, inside, bounds=(low, high), max_nfev=rounds, x_scale=spread)
    return _centered(_constants(found.x, names, slots), data)


def _centered(constants: Constants, data: Data) -> Constants:
    """As many rows of each kind of load above their prediction as below (the fit weighs configurations)."""
    time, _ = predict(data, constants)
    factors = dict(constants.factors)
    loads = np.array([labels.load for labels in data.points.labels])
    for load in np.unique(loads):
        off = float(np.median((time - data.log_time)[loads == load]))
        for channel, key in factors:
            if channel == "load" and key.split("|")[0] == f"load={load}":
                factors[channel, key] *= float(np.exp(-off))
    return replace(constants, factors=factors)


def _robust(r: Floats) -> Floats:
    return np.asarray(np.sign(r) * np.sqrt(2 * (np.sqrt(1 + r * r) - 1)))


def _constants(values: Floats, names: list[str], slots: list[tuple[str, str]]) -> Constants:
    factors = np.exp(values)
    return Constants(
        physics=Physics(**dict(zip(names, map(float, factors), strict=False))),
        factors=dict(zip(slots, map(float, factors[len(names) :]), strict=True)),
        variances=VARIANCES,
        bands={},
    )


def _values(constants: Constants, names: list[str], slots: list[tuple[str, str]]) -> Floats:
    physics = [getattr(constants.physics, name) for name in names]
    return np.log(np.array(physics + [constants.factors.get(slot, 1.0) for slot in slots]))


def ratios(data: Data, constants: Constants, quantity: str) -> MeasuredRatios:
    """Measured / roofline of one quantity, ready to correct points."""
    index = np.flatnonzero(data.serving if quantity != "throughput" else ~data.serving)
    part = data.take(index)
    time, ttft = predict(part, constants)
    log_ratio = part.log_ttft - ttft if quantity == "ttft" else part.log_time - time
    return MeasuredRatios(
        quantity,
        part.points.labels,
        part.points.position,
        log_ratio,
        [o.observed_on for o in part.observations],
        [o.own for o in part.observations],
        constants.variances,
    )


def corrected(
    train: Data, test: Data, constants: Constants, quantity: str
) -> tuple[NDArray[np.intp], Floats, Corrected]:
    """Of one quantity: which of the test rows have it, log(predicted / measured), and the correction made."""
    index = np.flatnonzero(test.serving if quantity != "throughput" else ~test.serving)
    part = test.take(index)
    time, ttft = predict(part, constants)
    found = ratios(train, constants, quantity).correct(part.points.labels, part.points.position)
    off = ttft - part.log_ttft if quantity == "ttft" else time - part.log_time
    return index, off + found.log_factor, found


def main(
    folder: Annotated[Path | None, typer.Argument(help="A catalog folder; the shipped one by default.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Also write every left-out prediction to this CSV.", show_default=False)
    ] = None,
) -> None:
    """Fit the constants to FOLDER/benchmarks.csv and write FOLDER/performance.csv, errors included."""
    from planner.catalog.load import load_catalog
    from planner.catalog.shipped import shipped_folder
    from planner.files import write_whole
    from planner.performance.crossvalidate import cross_validate, ordered_right
    from planner.performance.fitted import left_out, table, told, width_elsewhere
    from planner.performance.observations import observe

    folder = folder or shipped_folder("catalogs")
    catalog = load_catalog(folder)
    data = data_of(observe(catalog.benchmarks, catalog.models, catalog.gpus))
    typer.echo(f"{len(data.group)} rows of {folder / 'benchmarks.csv'}: fitting", err=True)
    constants = fit(data)
    typer.echo("leaving out whole configurations", err=True)
    unseen = cross_validate(data, constants, unseen=True)
    typer.echo("leaving out single rows", err=True)
    partly = cross_validate(data, constants, unseen=False)
    bands = {(q, s): (partly if s == "measured" else unseen)[q].width(s) for q in unseen for s in get_args(Source)}
    bands["tpot", OTHER_VENDORS] = width_elsewhere(data, unseen["throughput"], constants)
    constants = replace(constants, bands=told(bands))
    newest = max(o.observed_on for o in data.observations)
    rows = table(constants, data, {"configuration unseen": unseen, "row left out": partly}, newest)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(FittedConstant.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    write_whole(folder / "performance.csv", out.getvalue())
    if predictions is not None:
        write_whole(predictions, left_out(data, {"unseen": unseen, "row": partly}))
    for name, errors in (("unseen", unseen), ("row left out", partly)):
        for quantity, e in errors.items():
            share = e.share()
            typical, worse = np.median(share), np.quantile(share, 0.9)
            typer.echo(f"{name}: {quantity} median {typical:.1%}, p90 {worse:.1%}, {len(share)} rows")
    for name, errors in (("unseen", unseen), ("row left out", partly)):
        right, pairs = ordered_right(data, errors["tpot"])
        typer.echo(f"{name}: {right:.1%} of {pairs} pairs of GPUs that are 10 to 25 % apart are ordered right")


if __name__ == "__main__":
    typer.run(main)
