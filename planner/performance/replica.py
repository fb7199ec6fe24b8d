"""One deployment with one request class in all its slots: latency against the number in flight, and its band."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planner.catalog.rows import Benchmark
from planner.performance.constants import Constants, labels_of
from planner.performance.features import PLAIN
from planner.performance.points import Floats, position_of
from planner.performance.sources import Ratios, source_of, width_of
from planner.performance.steps import Steps
from planner.performance.tails import Limits, late_ttft_ms
from planner.performance.types import Deployment, OperatingPoint, Request, Source

Integers = NDArray[np.intp]


class Replica:
    """The curve of one replica.  The roofline is asked at every number, rows at 1, 2, 4 ... and between them
    the logarithm of their correction is straight.  Rows speak of plain engines; what features change is the
    roofline's own ratio, with them over without."""

    def __init__(
        self, deployment: Deployment, request: Request, most: int, constants: Constants, ratios: Ratios
    ) -> None:
        self.deployment, self.request, self.most = deployment, request, most
        self._constants, self._ratios = constants, ratios
        self._labels = labels_of(deployment)
        speed, turns = constants.speed(self._labels), 1 / deployment.part.time_share if deployment.part else 1.0
        # While others have their turn nothing of this engine's goes on: small kernels and sampling take longer too.
        self._speed = replace(speed, overhead=speed.overhead * turns, request=speed.request * turns)
        self._steps = Steps(deployment, request, constants.physics, self._speed)
        self._featured = deployment.features != PLAIN or request.prefix_hit_share + request.offload_hit_share > 0
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
        return float(self._steps.prompt_ms()) * math.exp(float(self._ttft[0][0]))

    @cached_property
    def prompt_ms(self) -> float:
        """What one's own prompt adds to TTFT: the part that varies as prompts do."""
        first_token = float(self._constants.speed(self._labels).first_token)
        return self.prefill_ms * self._constants.physics.own_prompt * first_token

    def _correction(self, quantity: str) -> tuple[Floats, Floats, Floats, Integers, NDArray[np.bool_]]:
        steps, w, n = self._steps, self._steps.work, len(self._knots)
        position = position_of(w, 2.0**self._knots, steps.input, steps.output)
        found = self._ratios.correct(quantity, [self._labels] * n, position)
        if found is None:
            return self._unmeasured(quantity, np.zeros(n))
        if self.deployment.part is not None:
            return self._unmeasured(quantity, found.log_factor)
        return found.log_factor, found.deviation, found.distance, found.nearest, found.related

    def _unmeasured(
        self, quantity: str, log_factor: Floats
    ) -> tuple[Floats, Floats, Floats, Integers, NDArray[np.bool_]]:
        """A correction that no row is near to, with the band of a configuration that nobody has measured."""
        n = len(log_factor)
        variance = sum(v for (q, _), v in self._constants.variances.items() if q == quantity)
        no_row = np.full(n, -1, dtype=np.intp)
        return log_factor, np.full(n, math.sqrt(variance)), np.full(n, np.inf), no_row, np.zeros(n, dtype=bool)

    def latencies_ms(self, in_flight: Integers | Floats) -> tuple[Floats, Floats, Floats]:
        """TPOT, TTFT (a slot being free) and the whole request at each number in flight, means."""
        n = np.asarray(in_flight, dtype=float)
        at = np.log2(n)
        tpot, ttft = self._steps.latencies_ms(n)
        tpot = tpot * np.exp(np.interp(at, self._knots, self._tpot[0]))
        ttft = ttft * np.exp(np.interp(at, self._knots, self._ttft[0]))
        return tpot, ttft, ttft + (self._steps.held_tok(n) - 1) * tpot

    def steady_ttft_ms(self, in_flight: Integers | Floats) -> Floats:
        """Mean TTFT of a request that comes alone, not in a wave: no prompt ahead but those that queue by chance.

        What benchmarks with a fixed number in flight measure holds their first wave, all of whose prompts come at once.
        """
        n = np.asarray(in_flight, dtype=float)
        alone = self._steps.ttft_ms(np.ones_like(n), self._steps.step_ms(n))
        return np.asarray(alone * math.exp(float(self._ttft[0][0])))

    def shares(self, in_flight: Integers, limits: Limits) -> Floats:
        """Latency / limit at the objective's percentile: one row each for TPOT, TTFT and end to end."""
        tpot, ttft, service = self.latencies_ms(in_flight)
        late_ttft = late_ttft_ms(ttft, self.prompt_ms, self.request.input_scv, limits.percentile_share)
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
        found = source_of(float(distance[knot]), bool(related[knot]))
        return "corrected" if self._featured and found == "measured" else found, int(nearest[knot])

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
            req_s=min(in_flight / service, self.deployment.pp / self.prefill_ms) * 1e3,
            source=source,
            low_share=1 / (1 + wrong),
            high_share=1 + wrong,
            reason=(self._words_for_part(factor) or words_for(source, factor, row))
            + self._words_for_features(in_flight),
            tpot_band_share=tpot_band,
            ttft_band_share=ttft_band,
            prompt_ms=self.prompt_ms,
            input_scv=self.request.input_scv,
        )

    def _words_for_part(self, factor: float) -> str:
        """What an estimate for a part of a GPU rests on; nothing for whole ones."""
        if self.deployment.part is None:
            return ""
        near = f" x {factor:.2f} as measured of this model, engine and precision on whole GPUs" if factor != 1 else ""
        return f"roofline of {self.deployment.where}{near}; nobody measured it on such a part"

    def _words_for_features(self, in_flight: int) -> str:
        """What features change beside, by arithmetic alone."""
        if not self._featured:
            return ""
        d, r, n = self.deployment, self.request, np.array([float(in_flight)])
        without = replace(r, prefix_hit_share=0.0, offload_hit_share=0.0)
        plain = Steps(replace(d, features=PLAIN), without, self._constants.physics, self._speed)
        names = [d.features.label] if d.features.label else []
        names += [f"prefix hits {r.prefix_hit_share:g}"] if r.prefix_hit_share else []
        names += [f"offload hits {r.offload_hit_share:g}"] if r.offload_hit_share else []
        pairs = zip(self._steps.latencies_ms(n), plain.latencies_ms(n), strict=True)
        tpot, ttft = (float((new / old)[0]) for new, old in pairs)
        return f"; TPOT x {tpot:.2f} and TTFT x {ttft:.2f} by arithmetic, not measured: {', '.join(names)}"


def words_for(source: Source, factor: float, row: Benchmark | None) -> str:
    """Where an estimate comes from, in a sentence."""
    if row is None:
        if source == "modeled":
            return "roofline with constants fitted on measured rows; no serving row of this model, engine and precision"
        return f"roofline x {factor:.2f} as measured of this model, engine and precision on other GPUs"
    seen = (
        f"{row.model} on {row.gpus} x {row.gpu} at {row.concurrency} in flight, "
        f"{row.input_tok:.0f} in / {row.output_tok:.0f} out ({row.observed_on})"
    )
    near = "as measured near" if source == "measured" else "beyond the nearest row:"
    return f"roofline x {factor:.2f} {near} {seen}"
