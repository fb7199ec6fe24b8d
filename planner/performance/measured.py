"""What measured rows say about a deployment: how much slower or faster than its roofline it really is.

A row speaks only for its own architecture, GPU, weight precision and engine.  The roofline carries it
to other concurrencies, lengths and GPU counts; here is decided how far that is still called measured.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from planner.catalog.rows import Benchmark, ModelCard
from planner.performance.roofline import Roofline
from planner.performance.types import Deployment, Request

GPUS_WEIGHT = 2.0
"""A doubling of GPUs counts as two doublings of concurrency, input or output."""

REACH_DOUBLINGS = 2.0
"""Up to this distance from the nearest row an estimate is called measured.

At most 4 times its concurrency, input or output, or twice its GPUs.  Of 1,513 serving rows, each left out
with all others at its own point, 1,489 were within reach of another.  Median and p90 error: TPOT 3.6 % and
15 % (the roofline alone: 14 % and 39 %), TTFT 8 % and 42 %.  At 1.5 to 2 doublings TPOT is 9 % and 32 %.
"""

NEIGHBORS = 5
"""Rows averaged; 3 and 5 were equally good."""

SOFTENING = 0.05
"""Added to squared distances before they weigh rows: a row exactly there does not silence the others."""

Correct = Callable[[int], "Correction"]


@dataclass(frozen=True, slots=True)
class Correction:
    """Factors on the roofline at one concurrency, and the row nearest to it."""

    tpot: float
    ttft: float
    within_reach: bool
    nearest: Benchmark


@dataclass(frozen=True, slots=True)
class _Neighbor:
    log2_concurrency: float
    rest: float  # squared distance in lengths and GPUs
    log_tpot: float  # log of measured / roofline
    log_ttft: float
    row: Benchmark


class MeasuredRows:
    """Serving rows by what they speak for.

    Rows count that were measured at a fixed number of requests in flight, with both latencies, without
    pipeline stages or attention data parallelism; rows noted as suspect or with speculative decoding do
    not, and rows of models without a card cannot be placed.
    """

    def __init__(self, cards: Mapping[str, ModelCard], benchmarks: Sequence[Benchmark]) -> None:
        self._groups: dict[tuple[str, str, str, str], list[Benchmark]] = {}
        for row in benchmarks:
            if row.model in cards and _usable(row):
                key = (cards[row.model].architecture, row.gpu, row.precision, row.engine)
                self._groups.setdefault(key, []).append(row)

    def know(self, architecture: str, gpu: str, precision: str, engine: str) -> bool:
        """Whether any row speaks for this combination."""
        return (architecture, gpu, precision, engine) in self._groups

    def near(
        self, deployment: Deployment, request: Request, roofline: Callable[[Deployment], Roofline]
    ) -> Correct | None:
        """The correction of the roofline by concurrency; None if no row is near in lengths and GPUs.

        Further away in concurrency than the reach, the correction is kept but no longer called measured: 8
        times away it is as good as none (median 12 % against 13 %), and the curve has no step.
        A row that does not state its KV precision is taken to have the deployment's.
        """
        d = deployment
        if d.pp > 1:
            return None
        rows = self._groups.get((d.model.architecture, d.gpu.name, d.precision, d.engine), ())
        input_tok, output_tok = max(1.0, request.input_tok), max(1.0, request.output_tok)
        near = []
        for row in rows:
            rest = (
                math.log2(row.input_tok / input_tok) ** 2
                + math.log2(row.output_tok / output_tok) ** 2
                + (GPUS_WEIGHT * math.log2(row.tp / d.tp)) ** 2
            )
            if rest <= REACH_DOUBLINGS**2:
                near.append((rest, row))
        if not near:
            return None
        return _average([_neighbor(rest, row, d, roofline) for rest, row in near])


def _usable(row: Benchmark) -> bool:
    serving = row.load == "closed-loop" and row.concurrency and row.ttft_ms and row.tpot_ms
    plain = row.pp == 1 and row.dp == 1 and row.gpus == row.tp
    return bool(serving) and plain and not row.note.startswith(("SUSPECT", "SPEC-DECODE"))


def _neighbor(rest: float, row: Benchmark, d: Deployment, roofline: Callable[[Deployment], Roofline]) -> _Neighbor:
    assert row.concurrency and row.tpot_ms and row.ttft_ms
    its_own = replace(d, tp=row.tp, kv_precision=row.kv_precision or d.kv_precision)
    curve = roofline(its_own).curve(Request(input_tok=row.input_tok, output_tok=row.output_tok))
    tpot_ms, ttft_ms = curve.latencies_ms(row.concurrency)
    log_tpot, log_ttft = math.log(row.tpot_ms / tpot_ms), math.log(row.ttft_ms / ttft_ms)
    return _Neighbor(math.log2(row.concurrency), rest, log_tpot, log_ttft, row)


def _average(neighbors: list[_Neighbor]) -> Correct:
    def correct(concurrency: int) -> Correction:
        at = math.log2(concurrency)
        # The index breaks ties by the order of the catalog.
        close = heapq.nsmallest(
            NEIGHBORS, [((n.log2_concurrency - at) ** 2 + n.rest, i) for i, n in enumerate(neighbors)]
        )
        weight = tpot = ttft = 0.0
        for squared, i in close:
            w = 1 / (squared + SOFTENING)
            weight += w
            tpot += w * neighbors[i].log_tpot
            ttft += w * neighbors[i].log_ttft
        return Correction(
            math.exp(tpot / weight),
            math.exp(ttft / weight),
            close[0][0] <= REACH_DOUBLINGS**2,
            neighbors[close[0][1]].row,
        )

    return correct
