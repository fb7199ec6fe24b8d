"""How fast a deployment serves a request class: measured if we can, modeled if we must.

Sources are asked in the order of `SOURCES`; the first that knows answers, and the operating point says
which it was and how wrong it may be.  Demand, prices and the number of replicas are not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from planner.catalog.rows import Benchmark, ModelCard
from planner.performance.measured import Correct, Correction, MeasuredRows
from planner.performance.memory import max_concurrency
from planner.performance.roofline import Curve, Roofline, refuse_precision
from planner.performance.tails import TPOT_FACTORS, factor, late_ms
from planner.performance.types import Deployment, Objective, OperatingPoint, Refusal, Request

SOURCES = ("measured", "modeled")
"""Who is asked, in this order: measured rows near enough, then the roofline alone."""

BAND_SHARE = {"measured": 0.16, "modeled": 0.40}
"""Half width of the 80 % band of the rate, by source.

On serving rows left out: measured, 80 % of TPOTs within 10 % where the sweep goes on, within 17 % at the edge of reach;
modeled, of configurations never seen, 80 % within 28 %, and within 45 % in nine of ten.
"""

MAX_CONCURRENCY = 1024
"""Requests in flight that an engine is asked to hold; few rows were measured above 512."""

Words = tuple[Literal["too slow per token", "too slow to first token", "too slow end to end"], str]

TOO_SLOW: tuple[Words, Words, Words] = (
    ("too slow per token", "per token"),
    ("too slow to first token", "to the first token"),
    ("too slow end to end", "end to end"),
)


class Performance:
    """Estimates for all deployments of a problem; what repeats is computed once.

    `memory_share` is the share of GPU memory that the engine may use.  Rows of `benchmarks` whose
    model has no card are not used.
    """

    def __init__(
        self, cards: Mapping[str, ModelCard], benchmarks: Sequence[Benchmark], memory_share: float
    ) -> None:
        self._memory_share = memory_share
        self._rows = MeasuredRows(cards, benchmarks)
        self._rooflines: dict[tuple[object, ...], Roofline] = {}
        self._replicas: dict[tuple[object, ...], tuple[Deployment, _Replica | Refusal]] = {}

    def curve(self, deployment: Deployment, request: Request) -> list[OperatingPoint] | Refusal:
        """Operating points at 1, 2, 4 ... requests in flight and at the most that fit; no objective asked."""
        replica = self._replica(deployment, request)
        if isinstance(replica, Refusal):
            return replica
        ladder = [2**k for k in range(replica.most.bit_length()) if 2**k < replica.most]
        return [replica.point(n) for n in (*ladder, replica.most)]

    def operating_point(
        self, deployment: Deployment, request: Request, objective: Objective
    ) -> OperatingPoint | Refusal:
        """The largest concurrency that fits in memory and meets the objective with every slot busy.

        TPOT, TTFT (a slot being free) and the whole request must hold at the objective's percentile:
        mean x the factors of `planner.performance.tails`.  What TTFT and end-to-end leave over is room for waiting
        (`tails.waiting_room_s`).  Latency grows with concurrency; where neighboring rows disagree so that it
        does not, a concurrency that meets the objective is returned, perhaps not the largest.
        Refused with the first objective that a single request misses, if one does.
        """
        replica = self._replica(deployment, request)
        if isinstance(replica, Refusal):
            return replica
        if (refusal := replica.refuse(objective)) is not None:
            return refusal
        good, bad = 1, replica.most + 1
        if replica.meets(replica.most, objective):
            good = replica.most
        while bad - good > 1 and good < replica.most:
            middle = (good + bad) // 2
            if replica.meets(middle, objective):
                good = middle
            else:
                bad = middle
        return replica.point(good)

    # Keys hold identities, not values: hashing a catalog row costs more than the roofline.  Every
    # entry keeps its deployment, so that no identity is given to another row meanwhile.

    def _roofline(self, deployment: Deployment) -> Roofline:
        d = deployment
        key = (id(d.model), id(d.gpu), d.precision, d.kv_precision, d.tp, d.pp)
        found = self._rooflines.get(key)
        if found is None:
            found = self._rooflines[key] = Roofline(d)
        return found

    def _replica(self, deployment: Deployment, request: Request) -> _Replica | Refusal:
        d = deployment
        key = (id(d.model), id(d.gpu), d.precision, d.kv_precision, d.engine, d.tp, d.pp, request)
        found = self._replicas.get(key)
        if found is None:
            found = self._replicas[key] = (d, self._new_replica(d, request))
        return found[1]

    def _new_replica(self, deployment: Deployment, request: Request) -> _Replica | Refusal:
        refusal = refuse_precision(deployment.gpu, deployment.precision)
        refusal = refusal or _refuse_length(deployment.model, request)
        if refusal is not None:
            return refusal
        most = max_concurrency(deployment, request, self._memory_share)
        if isinstance(most, Refusal):
            return most
        curve = self._roofline(deployment).curve(request)
        correct = self._rows.near(deployment, request, self._roofline)
        return _Replica(deployment, request, min(most, MAX_CONCURRENCY), curve, correct)


def _refuse_length(model: ModelCard, request: Request) -> Refusal | None:
    tokens = request.input_tok + request.output_tok
    if tokens <= model.context_tok:
        return None
    nearest = f"{model.name} takes {model.context_tok} tokens, a mean request has {tokens:.0f}"
    return Refusal(reason="longer than the context", nearest=nearest, shortfall=tokens / model.context_tok)


class _Replica:
    """One deployment with one request class in all its slots."""

    __slots__ = ("_correct", "_curve", "_deployment", "_request", "most")

    def __init__(
        self, deployment: Deployment, request: Request, most: int, curve: Curve, correct: Correct | None
    ) -> None:
        self._deployment, self._request, self._curve, self._correct = deployment, request, curve, correct
        self.most = most

    def latencies_ms(self, concurrency: int) -> tuple[float, float, float, Correction | None]:
        """TPOT, TTFT and the whole request [ms], and the correction that was applied."""
        tpot_ms, ttft_ms = self._curve.latencies_ms(concurrency)
        correction = None
        if self._correct is not None:
            correction = self._correct(concurrency)
            tpot_ms *= correction.tpot
            ttft_ms *= correction.ttft
        decode_tok = max(0.0, self._request.output_tok - 1)
        return tpot_ms, ttft_ms, ttft_ms + decode_tok * tpot_ms, correction

    def point(self, concurrency: int) -> OperatingPoint:
        tpot_ms, ttft_ms, service_ms, correction = self.latencies_ms(concurrency)
        source: Literal["measured", "modeled"] = "modeled"
        reason = "roofline with constants fitted on measured serving rows; no row near"
        if correction is not None:
            row = correction.nearest
            seen = (
                f"{row.model} on {row.gpus} x {row.gpu} at {row.concurrency} in flight, "
                f"{row.input_tok:.0f} in / {row.output_tok:.0f} out ({row.observed_on})"
            )
            reason = f"roofline x {correction.tpot:.2f} beyond the nearest row: {seen}"
            if correction.within_reach:
                source, reason = "measured", f"roofline x {correction.tpot:.2f} as measured near {seen}"
        band = BAND_SHARE[source]
        return OperatingPoint(
            concurrency=concurrency,
            tpot_ms=tpot_ms,
            ttft_ms=ttft_ms,
            service_s=service_ms / 1e3,
            req_s=concurrency / service_ms * 1e3,
            source=source,
            low_share=1 - band,
            high_share=1 + band,
            reason=reason,
        )

    def meets(self, concurrency: int, objective: Objective) -> bool:
        return all(needed <= limit for needed, limit, _ in self._held_to(concurrency, objective))

    def refuse(self, objective: Objective) -> Refusal | None:
        """The refusal where one request alone is too slow, named after the first objective missed."""
        for needed, limit, (reason, what) in self._held_to(1, objective):
            if needed > limit:
                d = self._deployment
                nearest = (
                    f"{d.gpus} x {d.gpu.name}: {needed:.0f} ms {what} for one request alone, {limit:g} asked"
                )
                return Refusal(reason=reason, nearest=nearest, shortfall=needed / limit)
        return None

    def _held_to(self, concurrency: int, objective: Objective) -> tuple[tuple[float, float, Words], ...]:
        tpot_ms, ttft_ms, service_ms, _ = self.latencies_ms(concurrency)
        share = objective.percentile_share
        late_ttft_ms, late_e2e_ms = late_ms(ttft_ms, service_ms, share)
        return (
            (tpot_ms * factor(TPOT_FACTORS, share), objective.tpot_ms, TOO_SLOW[0]),
            (late_ttft_ms, objective.ttft_ms, TOO_SLOW[1]),
            (late_e2e_ms, objective.e2e_ms, TOO_SLOW[2]),
        )
