"""How fast a deployment serves a request class: measured if we can, modeled if we must.

The roofline says how fast; rows of the same configuration, and of the same model on other GPUs, correct it; every
answer says which of these it rests on and how wrong it may be.  Demand, prices and replicas are not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from planner.catalog.rows import Benchmark, Gpu, ModelCard
from planner.performance.constants import Constants, shipped_constants
from planner.performance.memory import max_concurrency
from planner.performance.replica import Replica
from planner.performance.sources import Ratios, ratios_of
from planner.performance.tails import Limits
from planner.performance.types import Deployment, Objective, OperatingPoint, Refusal, Request, Source
from planner.performance.work import refuse_precision

SOURCES: tuple[Source, ...] = get_args(Source)
"""What an estimate may rest on, the surest first."""

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

    `memory_share` is the share of GPU memory that the engine may use; `own` are the user's own rows, which win
    over published ones.  Rows whose model or GPU has no card are not used.
    """

    def __init__(
        self,
        cards: Mapping[str, ModelCard],
        gpus: Mapping[str, Gpu],
        benchmarks: Sequence[Benchmark],
        memory_share: float,
        *,
        own: Sequence[Benchmark] = (),
        constants: Constants | None = None,
    ) -> None:
        self._memory_share = memory_share
        self._constants = constants or shipped_constants()
        self._ratios: Ratios = ratios_of(cards, gpus, benchmarks, own, self._constants)
        self._replicas: dict[tuple[object, ...], tuple[Deployment, Replica | Refusal]] = {}
        self._points: dict[tuple[int, Objective], OperatingPoint | Refusal] = {}

    def curve(self, deployment: Deployment, request: Request) -> list[OperatingPoint] | Refusal:
        """Operating points at 1, 2, 4 ... requests in flight and at the most that fit; no objective asked."""
        replica = self.replica(deployment, request)
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
        for waiting (`tails.waiting_room_s`).  Found by a ladder of numbers and then between two of its rungs; where
        rows make latency fall with concurrency, the first number that misses an objective ends the search.
        Refused by the objective that a single request misses by most, if it misses one.
        """
        replica = self.replica(deployment, request)
        if isinstance(replica, Refusal):
            return replica
        # Replicas are kept as long as this is, so that no identity is given to another meanwhile.
        found = self._points.get((id(replica), objective))
        if found is None:
            found = self._points[id(replica), objective] = self._search(deployment, replica, objective)
        return found

    def _search(self, deployment: Deployment, replica: Replica, objective: Objective) -> OperatingPoint | Refusal:
        limits = Limits(objective)
        good, bad = 0, replica.most + 1
        rungs = replica.ladder
        while bad - good > 1:
            if good:
                rungs = np.unique(np.linspace(good + 1, bad - 1, min(12, bad - good - 1)).astype(int))
            over = np.flatnonzero(replica.used(rungs, limits) > 1)
            if len(over):
                bad = int(rungs[over[0]])
                good = max(good, int(rungs[over[0] - 1])) if over[0] else good
            else:
                good = int(rungs[-1])
            if not good:
                return self._too_slow(deployment, replica, limits)
        return replica.point(good)

    @property
    def asked(self) -> int:
        """How many deployments, request classes and objectives it was asked about so far; it remembers all of them."""
        return len(self._replicas) + len(self._points)

    def tells_engine(self, model: ModelCard, gpu: Gpu, precision: str, engine: str) -> bool:
        """Whether measured rows say how this engine differs here from the one that stands for all."""
        return self._ratios.tells(model.architecture, gpu.name, precision, engine)

    def replica(self, deployment: Deployment, request: Request) -> Replica | Refusal:
        """The latency curve of one deployment with one request class, or why it cannot serve it."""
        d = deployment
        # Keys hold identities, not values: hashing a catalog row costs more than the roofline.  Every
        # entry keeps its deployment, so that no identity is given to another row meanwhile.
        shape = (d.precision, d.kv_precision, d.engine, d.tp, d.pp, d.dp, d.ep, d.split, d.features, d.part)
        key = (id(d.model), id(d.gpu), *shape, request)
        found = self._replicas.get(key)
        if found is None:
            found = self._replicas[key] = (d, self._new_replica(d, request))
        return found[1]

    def _new_replica(self, deployment: Deployment, request: Request) -> Replica | Refusal:
        refusal = refuse_precision(deployment.gpu, deployment.precision)
        refusal = refusal or _refuse_length(deployment.model, request)
        if refusal is not None:
            return refusal
        most = max_concurrency(deployment, request, self._memory_share)
        if isinstance(most, Refusal):
            return most
        return Replica(deployment, request, min(most, MAX_CONCURRENCY), self._constants, self._ratios)

    def _too_slow(self, d: Deployment, replica: Replica, limits: Limits) -> Refusal:
        """Why one request alone is too slow, by the objective that it misses by most."""
        shares = replica.shares(np.array([1]), limits)[:, 0]
        worst = int(shares.argmax())
        reason, what = TOO_SLOW[worst]
        limit = limits.ms[worst]
        alone = f"{shares[worst] * limit:.0f} ms {what} for one request alone"
        nearest = f"{d.where}: {alone}, {limit:g} asked"
        return Refusal(reason=reason, nearest=nearest, shortfall=float(shares[worst]))


def _refuse_length(model: ModelCard, request: Request) -> Refusal | None:
    tokens = request.input_tok + request.output_tok
    if tokens <= model.context_tok:
        return None
    nearest = f"{model.name} takes {model.context_tok} tokens, a mean request has {tokens:.0f}"
    return Refusal(reason="longer than the context", nearest=nearest, shortfall=tokens / model.context_tok)
