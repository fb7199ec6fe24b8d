"""Where an estimate comes from: rows of the configuration, rows that resemble it, or the roofline alone.

Ratios of measured to modeled latency for the rows of a problem, by quantity.  Which rows count is decided in
`planner.performance.observations`, how they are averaged in `planner.performance.measured`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from planner.catalog.rows import Benchmark, Gpu, ModelCard
from planner.performance.constants import Constants, Labels
from planner.performance.measured import REACH_DOUBLINGS, Corrected, MeasuredRatios
from planner.performance.observations import Observation, observe
from planner.performance.points import Floats, points_of, roofs, speed_of
from planner.performance.types import Source

OTHER_VENDORS = "modeled, other vendors"

MEMORY_SHARE = 0.9
"""Share of memory that measured engines used; rows do not say (vLLM and SGLang default to about this)."""


@dataclass(frozen=True, kw_only=True)
class Ratios:
    """Measured / modeled of every quantity for which there are rows."""

    observations: tuple[Observation, ...]
    by_quantity: dict[str, tuple[MeasuredRatios, tuple[int, ...]]]  # and which observation each of its rows is
    known: frozenset[tuple[str, str, str, str]]

    def tells(self, architecture: str, gpu: str, precision: str, engine: str) -> bool:
        """Whether serving rows speak for this configuration."""
        return (architecture, gpu, precision, engine) in self.known

    def correct(self, quantity: str, labels: Sequence[Labels], position: Floats) -> Corrected | None:
        """Factors on the roofline; None where no row of this quantity is known at all."""
        found = self.by_quantity.get(quantity)
        return found[0].correct(labels, position) if found else None

    def row(self, quantity: str, index: int) -> Benchmark:
        """The benchmark row behind an index of `Corrected.nearest`."""
        _, which = self.by_quantity[quantity]
        return self.observations[which[index]].row


def ratios_of(
    cards: Mapping[str, ModelCard],
    gpus: Mapping[str, Gpu],
    benchmarks: Sequence[Benchmark],
    own: Sequence[Benchmark],
    constants: Constants,
    quantities: tuple[str, ...] = ("tpot", "ttft"),
) -> Ratios:
    """Ratios of all rows that count, published and the user's own."""
    seen = [*observe(benchmarks, cards, gpus), *observe(own, cards, gpus, own=True)]
    known = frozenset(
        (label.architecture, label.gpu, label.precision, label.engine)
        for label in (o.point.labels for o in seen if o.tpot_ms)
    )
    by_quantity = {}
    for quantity in quantities:
        which = tuple(i for i, o in enumerate(seen) if _value(o, quantity))
        if which:
            by_quantity[quantity] = (_ratios([seen[i] for i in which], quantity, constants), which)
    return Ratios(observations=tuple(seen), by_quantity=by_quantity, known=known)


def _value(o: Observation, quantity: str) -> float | None:
    return {"tpot": o.tpot_ms, "ttft": o.ttft_ms, "throughput": o.token_ms}[quantity]


def _ratios(seen: list[Observation], quantity: str, constants: Constants) -> MeasuredRatios:
    points = points_of([o.point for o in seen], MEMORY_SHARE)
    found = roofs(points, constants.physics, speed_of(points, constants))
    modeled = {"tpot": found.tpot_ms, "ttft": found.ttft_ms, "throughput": found.token_ms}[quantity]
    measured = np.array([_value(o, quantity) for o in seen], dtype=float)
    return MeasuredRatios(
        quantity,
        points.labels,
        points.position,
        np.log(measured / modeled),
        [o.observed_on for o in seen],
        [o.own for o in seen],
        constants.variances,
    )


def source_of(distance: float, related: bool) -> Source:
    """What an estimate may be called by its nearest row of the same configuration [doublings]."""
    if distance <= REACH_DOUBLINGS:
        return "measured"
    return "corrected" if related else "modeled"


def width_of(constants: Constants, quantity: str, source: Source, vendor: str) -> float:
    """Half width of the 80 % band in standard deviations; wider where a vendor's GPUs have hardly been measured."""
    if source == "modeled" and vendor != "nvidia":
        return constants.bands.get((quantity, OTHER_VENDORS), constants.bands[quantity, source])
    return constants.bands[quantity, source]
