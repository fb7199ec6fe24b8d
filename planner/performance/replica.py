"""One deployment with one request class in all its slots: latency against the number in flight, and its band."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planner.catalog.rows import Benchmark
from planner.performance.constants import Constants, labels_of
from planner.performance.points import Floats
from planner.performance.roofline import prefill_ms, tpot_ms, ttft_ms
from planner.performance.sources import Ratios, source_of, width_of
from planner.performance.tails import Limits
from planner.performance.types import Deployment, OperatingPoint, Request, Source
from planner.performance.work import work

Integers = NDArray[np.intp]


class Replica:
    """The curve of one replica.  The roofline is asked at every number, rows at 1, 2, 4 ... and between them
    the logarithm of their correction is straight."""

    def __init__(
        self, deployment: Deployment, request: Request, most: int, constants: Constants, ratios: Ratios
    ) -> None:
        self.deployment, self.request, self.most = deployment, request, most
        self._constants, self._ratios = constants, ratios
        self._labels = labels_of(deployment)
        self._work = work(deployment)
        self._speed = constants.speed(self._labels)
        self._input = max(1.0, request.input_tok)
        self._output = max(1.0, request.output_tok)
        self._knots = np.arange(math.ceil(math.log2(most)) + 1, dtype=float)
        self._tpot = self._correction("tpot")
        self._ttft = self._correction("ttft")

    @cached_property
    def ladder(self) -> Integers:
        """Numbers in flight, a quarter of an octave apart, up to the most that fit."""
        rungs = np.unique(np.round(2.0 ** np.arange(0, math.log2(self.most) + 0.25, 0.25)).astype(int))
        return np.unique(np.append(rungs[rungs < self.most], self.most))

    @cached_property
    def prefill_ms(self) -> float:
        """Reading one prompt, nothing else running."""
        alone = float(prefill_ms(self._work, self._constants.physics, self._speed, self._input))
        return alone * math.exp(float(self._ttft[0][0]))

    def _correction(self, quantity: str) -> tuple[Floats, Floats, Floats, Integers, NDArray[np.bool_]]:
        w, n = self._work, len(self._knots)
        beside = np.log2(
            [self._input, self._output, max(1.0, w.gpus * w.stages), 1 + 3 * w.expert_parallel, float(w.copies)]
        )
        position = np.column_stack([self._knots, np.tile(np.maximum(beside, 0.0), (n, 1))])
        found = self._ratios.correct(quantity, [self._labels] * n, position)
        if found is None:
            variance = sum(v for (q, _), v in self._constants.variances.items() if q == quantity)
            no_row = np.full(n, -1, dtype=np.intp)
            return np.zeros(n), np.full(n, math.sqrt(variance)), np.full(n, np.inf), no_row, np.zeros(n, dtype=bool)
        return found.log_factor, found.deviation, found.distance, found.nearest, found.related

    def latencies_ms(self, in_flight: Integers | Floats) -> tuple[Floats, Floats, Floats]:
        """TPOT, TTFT (a slot being free) and the whole request at each number in flight, means."""
        w, p, s = self._work, self._constants.physics, self._speed
        n = np.asarray(in_flight, dtype=float)
        raw = tpot_ms(w, p, s, self._input, self._output, n)
        at = np.log2(n)
        tpot = raw * np.exp(np.interp(at, self._knots, self._tpot[0]))
        ttft = ttft_ms(w, p, s, self._input, n, raw) * np.exp(np.interp(at, self._knots, self._ttft[0]))
        return tpot, ttft, ttft + max(0.0, self.request.output_tok - 1) * tpot

    def steady_ttft_ms(self, in_flight: Integers | Floats) -> Floats:
        """Mean TTFT of a request that comes alone, not in a wave: no prompt ahead but those that queue by chance.

        What benchmarks with a fixed number in flight measure holds their first wave, all of whose prompts come at once.
        """
        w, p, s = self._work, self._constants.physics, self._speed
        n = np.asarray(in_flight, dtype=float)
        alone = ttft_ms(w, p, s, self._input, np.ones_like(n), tpot_ms(w, p, s, self._input, self._output, n))
        return np.asarray(alone * math.exp(float(self._ttft[0][0])))

    def shares(self, in_flight: Integers, limits: Limits) -> Floats:
        """Latency / limit at the objective's percentile: one row each for TPOT, TTFT and end to end."""
        tpot, ttft, service = self.latencies_ms(in_flight)
        late_ttft = ttft * limits.ttft_factor
        late_e2e = late_ttft + (service - ttft) * limits.tpot_factor
        tpot_limit, ttft_limit, e2e_limit = limits.ms
        return np.stack([tpot * limits.tpot_factor / tpot_limit, late_ttft / ttft_limit, late_e2e / e2e_limit])

    def used(self, in_flight: Integers, limits: Limits) -> Floats:
        """The largest of latency / limit over all objectives; above 1 one is missed."""
        return np.asarray(self.shares(in_flight, limits).max(axis=0))

    def source(self, in_flight: float) -> tuple[Source, int]:
        """What the TPOT at this number rests on, and the row nearest to it (-1 without one)."""
        knot = min(len(self._knots) - 1, round(math.log2(in_flight)))
        _, _, distance, nearest, related = self._tpot
        return source_of(float(distance[knot]), bool(related[knot])), int(nearest[knot])

    def band_share(self, quantity: str, in_flight: float, source: Source) -> float:
        """Half width of the 80 % band of a latency: it lies within a factor 1 + share to either side."""
        found = self._tpot if quantity == "tpot" else self._ttft
        deviation = float(np.interp(math.log2(in_flight), self._knots, found[1]))
        return math.exp(deviation * width_of(self._constants, quantity, source, self._labels.vendor)) - 1

    def point(self, in_flight: int) -> OperatingPoint:
        """The operating point at one number in flight."""
        tpot, ttft, service = (float(x[0]) for x in self.latencies_ms(np.array([in_flight])))
        source, nearest = self.source(in_flight)
        tpot_band, ttft_band = (self.band_share(q, in_flight, source) for q in ("tpot", "ttft"))
        # TTFT and TPOT err apart; what dominates the request dominates its band.
        wrong = (ttft * ttft_band + (service - ttft) * tpot_band) / service
        factor = math.exp(float(np.interp(math.log2(in_flight), self._knots, self._tpot[0])))
        row = self._ratios.row("tpot", nearest) if nearest >= 0 else None
        return OperatingPoint(
            concurrency=in_flight,
            tpot_ms=tpot,
            ttft_ms=ttft,
            service_s=service / 1e3,
            # However many wait, prompts are read one after the other: short answers are bound by that alone.
            req_s=min(in_flight / service, 1 / self.prefill_ms) * 1e3,
            source=source,
            low_share=1 / (1 + wrong),
            high_share=1 + wrong,
            reason=words_for(source, factor, row),
            tpot_band_share=tpot_band,
            ttft_band_share=ttft_band,
        )


def words_for(source: Source, factor: float, row: Benchmark | None) -> str:
    """Where an estimate comes from, in a sentence."""
    if row is None:
        if source == "modeled":
            return "roofline with constants fitted on measured rows; no row of this model, engine and precision"
        return f"roofline x {factor:.2f} as measured of this model, engine and precision on other GPUs"
    seen = (
        f"{row.model} on {row.gpus} x {row.gpu} at {row.concurrency} in flight, "
        f"{row.input_tok:.0f} in / {row.output_tok:.0f} out ({row.observed_on})"
    )
    near = "as measured near" if source == "measured" else "beyond the nearest row:"
    return f"roofline x {factor:.2f} {near} {seen}"
