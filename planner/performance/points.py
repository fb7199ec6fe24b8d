"""Many operating points beside each other: deployments, requests and loads as arrays, and the roofline over them.

One point is a deployment with a request class, a number in flight and a kind of load.  Fitting, estimating a table and
comparing with measurements all go through here; no measured row corrects anything yet (`planner.performance.measured`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.performance import memory
from planner.performance.constants import Constants, Labels, labels_of
from planner.performance.roofline import CHANNELS, Physics, Speed, static_ms, tpot_ms, ttft_ms
from planner.performance.types import Deployment, Request
from planner.performance.work import Work, stack, work

Floats = NDArray[np.float64]

WAIT_SHARE = 0.9
"""Of a whole answer, what a request waits where others hold the memory: some of them end sooner."""

HELD_SHARE = 0.6
"""Share of the answers that is in the cache of a full replica, on average and with some to spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One operating point; `in_flight` None: the engine takes what it can (full load)."""

    deployment: Deployment
    request: Request
    in_flight: float | None
    load: str = "serving"  # serving, static or max
    early: bool = False  # measured before October 2024

    @property
    def labels(self) -> Labels:
        """Labels for factors and groups."""
        return labels_of(self.deployment, self.load, self.early)


@dataclass(frozen=True, kw_only=True)
class Roofs:
    """What the roofline says of points: arrays in their order, milliseconds."""

    tpot_ms: Floats
    ttft_ms: Floats
    token_ms: Floats  # time per output token of the whole replica: 1000 / throughput
    in_flight: Floats  # really running at once: what memory and the engine allow
    wait_ms: Floats  # of TTFT, for memory: a turn of those that run


@dataclass(frozen=True, kw_only=True)
class Points:
    """Points as arrays.  `fit`: requests that memory holds."""

    labels: tuple[Labels, ...]
    work: Work
    input_tok: Floats
    output_tok: Floats
    asked: Floats  # requests in flight asked for; NaN: as many as the engine takes
    fit: Floats
    copies: Floats
    static: NDArray[np.bool_]
    full: NDArray[np.bool_]

    def take(self, index: NDArray[np.intp]) -> Points:
        """Some of the points, in the order of `index`."""
        parts = {name: getattr(self.work, name)[index] for name in Work.__dataclass_fields__}
        return Points(
            labels=tuple(self.labels[i] for i in index),
            work=Work(**parts),
            **{
                name: getattr(self, name)[index]
                for name in ("input_tok", "output_tok", "asked", "fit", "copies", "static", "full")
            },
        )

    @property
    def position(self) -> Floats:
        """Where points lie among measured rows, as `position_of` says; full load counts as 256 in flight."""
        return position_of(
            self.work, np.where(np.isnan(self.asked), 256.0, self.asked), self.input_tok, self.output_tok
        )


def position_of(w: Work, in_flight: Floats, input_tok: Any, output_tok: Any) -> Floats:
    """Logarithms to base 2, one row for each number in flight, of that, input, output, GPUs, expert and data parallel,
    parameters that a token needs [10^8] and query heads to a head of the cache."""
    active = (w.attention_b + w.dense_b + w.head_b + w.routed_b) * w.gpus * 10
    gpus, experts = w.gpus * w.stages * w.chained, 1 + 3 * w.expert_parallel
    parts = (in_flight, input_tok, output_tok, gpus, experts, w.copies, active, w.heads_per_group)
    whole = np.broadcast_arrays(*(np.asarray(part, dtype=float) for part in parts))
    return np.asarray(np.log2(np.maximum(np.stack(whole, axis=1), 1.0)))


def points_of(points: Sequence[Point], memory_share: float) -> Points:
    """Arrays of points.  Raises ValueError if a GPU lacks a precision."""
    works: dict[tuple[object, ...], Work] = {}
    rooms: dict[tuple[object, ...], float] = {}
    each, fits = [], []
    for p in points:
        d = p.deployment
        key = (id(d.model), id(d.gpu), d.precision, d.kv_precision, d.engine, d.tp, d.pp, d.dp, d.ep, d.split)
        if key not in works:
            works[key] = work(d)
            rooms[key] = memory.kv_room_gib(d, memory_share)
        each.append(works[key])
        # Requests that start together grow together; those of a server are at every stage of their answers.
        held_share = 1.0 if p.load == "static" else HELD_SHARE
        held = Request(input_tok=p.request.input_tok, output_tok=p.request.output_tok * held_share)
        fits.append(max(1.0, np.floor(rooms[key] / memory.request_gib(d, held))))
    return Points(
        labels=tuple(p.labels for p in points),
        work=stack(each),
        input_tok=np.array([max(1.0, p.request.input_tok) for p in points]),
        output_tok=np.array([max(1.0, p.request.output_tok) for p in points]),
        asked=np.array([np.nan if p.in_flight is None else p.in_flight for p in points], dtype=float),
        fit=np.array(fits),
        copies=np.array([float(p.deployment.dp) for p in points]),
        static=np.array([p.load == "static" for p in points]),
        full=np.array([p.load == "max" for p in points]),
    )


def speed_of(points: Points, constants: Constants) -> Speed:
    """The factors of every point, as arrays."""
    each = {labels: constants.speed(labels) for labels in set(points.labels)}
    return Speed(**{c: np.array([getattr(each[labels], c) for labels in points.labels]) for c in CHANNELS})


def roofs(points: Points, physics: Physics, speed: Speed) -> Roofs:
    """The roofline at every point.

    Where more are in flight than memory holds, the others wait: each time one's turn comes a whole answer later.
    """
    w, i, o = points.work, points.input_tok, points.output_tok
    seats = np.minimum(points.fit, physics.seats * points.copies)
    asked = np.where(np.isnan(points.asked), seats, points.asked)
    running = np.minimum(asked, points.fit)
    tpot = tpot_ms(w, physics, speed, i, o, running)
    ttft = ttft_ms(w, physics, speed, i, running, tpot)
    turns = np.maximum(asked / running - 1, 0.0)
    wait = turns * tpot * o * WAIT_SHARE * speed.first_token
    ttft = ttft + wait
    batch = static_ms(w, physics, speed, i, o, running) * np.maximum(asked / running, 1.0)
    serving = (ttft + np.maximum(o - 1, 0.0) * tpot) / (o * asked)
    token = np.where(points.static, batch / (o * asked), np.where(points.full, tpot / running, serving))
    return Roofs(tpot_ms=tpot, ttft_ms=ttft, token_ms=token, in_flight=running, wait_ms=wait)
