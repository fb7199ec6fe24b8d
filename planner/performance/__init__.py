"""How fast a deployment serves a request class: measured if we can, modeled if we must.

Sources are asked in the order of `SOURCES`; the first that knows answers, and the operating point says
which it was and how wrong it may be.  Demand, prices and the number of replicas are not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from planner.catalog.rows import Benchmark, Gpu, ModelCard
from planner.performance.measured import Correct, Correction, MeasuredRows
from planner.performance.memory import max_concurrency
from planner.performance.roofline import Curve, Roofline, refuse_precision
from planner.performance.tails import Limits
from planner.performance.types import Deployment, Objective, OperatingPoint, Refusal, Request

SOURCES = ("measured", "modeled")
"""Who is asked, in this order: measured rows near enough, then the roofline alone."""

BAND_SHARE = {"measured": 0.16, "modeled": 0.40}
"""Half width of the 80 % band of the rate, by source.

Of 1,489 serving rows answered by the rows near them, all at their own point left out, 80 % of rates
were within 10 % and 90 % within 16 %: the wider is taken, for a problem's requests are no benchmark's.
Of 1,513 by a roofline fitted without their configuration, 80 % of TPOTs were within 31 %, 90 % within 42 %.
"""

SLOWER_THAN_MODELED = {"amd": 1.39}
"""How much slower GPUs of a vendor are than their data sheet and constants fitted on NVIDIA say, where no row is near.

Eight max-load rows of MI300X in FP8 (vLLM on ROCm, 2025): modeled / measured 1.33 to 1.62, median 1.39.
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

    def __init__(self, cards: Mapping[str, ModelCard], benchmarks: Sequence[Benchmark], memory_share: float) -> None:
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
        mean x the factors of `planner.performance.tails`.  What TTFT and end-to-end leave over is room
        for waiting (`tails.waiting_room_s`).  Latency grows with concurrency; where neighboring rows
        disagree so that it does not, the answer meets the objective but may not be the largest that does.
        Refused by the objective that a single request misses by most, if it misses one.
        """
        replica = self._replica(deployment, request)
        if isinstance(replica, Refusal):
            return replica
        limits = Limits(objective)
        good, good_use = 1, replica.used(1, limits)
        if good_use > 1:
            return replica.refusal(limits)
        bad, bad_use = replica.most, replica.used(replica.most, limits)
        if bad_use <= 1:
            return replica.point(bad)
        # Latency is nearly straight in the concurrency: the chord hits at once or halves are cut off in turn.
        by_chord = True
        while bad - good > 1:
            ahead = (bad - good) * (1 - good_use) / (bad_use - good_use) if by_chord else (bad - good) / 2
            middle = good + min(max(1, int(ahead)), bad - good - 1)
            use = replica.used(middle, limits)
            if use <= 1:
                good, good_use = middle, use
            else:
                bad, bad_use = middle, use
            by_chord = not by_chord
        return replica.point(good)

    def tells_engine(self, model: ModelCard, gpu: Gpu, precision: str, engine: str) -> bool:
        """Whether an estimate for this engine differs from the modeled one, which knows no engine."""
        return self._rows.know(model.architecture, gpu.name, precision, engine)

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

    __slots__ = ("_correct", "_curve", "_deployment", "_read_ms", "_request", "most")

    def __init__(
        self, deployment: Deployment, request: Request, most: int, curve: Curve, correct: Correct | None
    ) -> None:
        self._deployment, self._request, self._curve, self._correct = deployment, request, curve, correct
        self.most = most
        slower = SLOWER_THAN_MODELED.get(deployment.gpu.vendor, 1.0) if correct is None else 1.0
        self._read_ms = curve.prefill_ms * slower

    def latencies_ms(self, concurrency: int) -> tuple[float, float, float, Correction | None]:
        """TPOT, TTFT and the whole request [ms], and the correction that was applied."""
        tpot_ms, ttft_ms = self._curve.latencies_ms(concurrency)
        slower = SLOWER_THAN_MODELED.get(self._deployment.gpu.vendor, 1.0)
        correction = None
        if self._correct is None:
            tpot_ms *= slower
            ttft_ms *= slower
        else:
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
            # However many wait, prompts are read one after the other: short answers are bound by that alone.
            req_s=min(concurrency / service_ms, 1 / self._read_ms) * 1e3,
            source=source,
            low_share=1 - band,
            high_share=1 + band,
            reason=reason,
        )

    def used(self, concurrency: int, limits: Limits) -> float:
        """The largest of latency / limit over all objectives, at their percentile; above 1 one is missed."""
        return max(self._shares(concurrency, limits))

    def refusal(self, limits: Limits) -> Refusal:
        """Why one request alone is too slow, by the objective that it misses by most."""
        shares = self._shares(1, limits)
        worst = shares.index(max(shares))
        reason, what = TOO_SLOW[worst]
        limit = limits.ms[worst]
        d = self._deployment
        alone = f"{shares[worst] * limit:.0f} ms {what} for one request alone"
        nearest = f"{d.gpus} x {d.gpu.name}: {alone}, {limit:g} asked"
        return Refusal(reason=reason, nearest=nearest, shortfall=shares[worst])

    def _shares(self, concurrency: int, limits: Limits) -> tuple[float, float, float]:
        tpot_ms, ttft_ms, service_ms, _ = self.latencies_ms(concurrency)
        tpot_limit, ttft_limit, e2e_limit = limits.ms
        late_ttft_ms = ttft_ms * limits.ttft_factor
        late_e2e_ms = late_ttft_ms + (service_ms - ttft_ms) * limits.tpot_factor
        return tpot_ms * limits.tpot_factor / tpot_limit, late_ttft_ms / ttft_limit, late_e2e_ms / e2e_limit
