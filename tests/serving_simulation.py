"""Replicas that batch continuously, step by step: what the formulas of `performance` are held against.

Every step of a replica reads at most `chunk_tok` tokens of waiting prompts, in order of arrival, and writes
one token for each request that decodes; it takes step_ms + seq_ms x decoding + tok_ms x prompt tokens read.
A request goes to the replica with the fewest in flight; where all slots are taken it waits in one line for all.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Server:
    """What a replica is: slots, and how long a step takes."""

    slots: int
    step_ms: float = 12.0
    seq_ms: float = 0.25
    tok_ms: float = 0.03
    chunk_tok: int = 1024


@dataclass(frozen=True, kw_only=True)
class Requests:
    """When requests arrive [s] and how long they are; arrays of one length."""

    arrived_s: np.ndarray
    input_tok: np.ndarray
    output_tok: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What became of each request; `tpot_ms` is NaN for answers of one token."""

    ttft_ms: np.ndarray
    tpot_ms: np.ndarray
    e2e_ms: np.ndarray
    waited_ms: np.ndarray  # for a slot


def lengths(rng: np.random.Generator, mean: float, scv: float, n: int) -> np.ndarray:
    """Whole lengths of at least 1: all alike (scv 0), geometric (scv 1), else lognormal."""
    if scv == 0:
        return np.full(n, round(mean))
    if scv == 1:
        return rng.geometric(1 / mean, n)
    sigma2 = math.log1p(scv)
    return np.maximum(1, np.rint(rng.lognormal(math.log(mean) - sigma2 / 2, math.sqrt(sigma2), n))).astype(int)


def arrivals(rng: np.random.Generator, rate_req_s: float, scv: float, n: int) -> np.ndarray:
    """Times [s] with gamma gaps: Poisson at scv 1, burstier above."""
    return np.cumsum(rng.gamma(1 / scv, scv / rate_req_s, n))


def simulate(server: Server, requests: Requests, replicas: int = 1, skip_share: float = 0.1) -> Seen:
    """Run until the last request got its slot; the first `skip_share` and those not done are left out."""
    arrived = requests.arrived_s * 1e3
    runs = [_Replica(server) for _ in range(replicas)]
    first, done, begun = (np.full(len(arrived), math.nan) for _ in range(3))
    line: deque[int] = deque()
    events: list[tuple[float, int]] = []  # end of the steps under way, replica
    coming, last = 0, len(arrived)

    def start(i: int, now: float) -> None:
        until = arrived[coming] if coming < last else math.inf
        if (end := runs[i].start(now, until)) is not None:
            heapq.heappush(events, (end, i))

    def admit(request: int, i: int, now: float) -> None:
        begun[request] = now
        runs[i].admit(request, int(requests.input_tok[request]), int(requests.output_tok[request]))

    while coming < last or line:
        if coming < last and (not events or arrived[coming] < events[0][0]):
            request, now = coming, arrived[coming]
            coming += 1
            i = min(range(replicas), key=lambda i: runs[i].in_flight)
            if runs[i].in_flight >= server.slots:
                line.append(request)
                continue
            admit(request, i, now)
            if not runs[i].busy:
                start(i, now)
            continue
        now, i = heapq.heappop(events)
        for request in runs[i].end(now, first):
            done[request] = now
        while line and runs[i].in_flight < server.slots:
            admit(line.popleft(), i, now)
        start(i, now)

    kept = ~np.isnan(done)
    kept[: int(last * skip_share)] = False
    more = np.where(requests.output_tok > 1, requests.output_tok - 1, np.nan)
    return Seen(
        ttft_ms=(first - arrived)[kept],
        tpot_ms=((done - first) / more)[kept],
        e2e_ms=(done - arrived)[kept],
        waited_ms=(begun - arrived)[kept],
    )


class _Replica:
    """One replica between two steps; where no prompt is waiting it makes many equal steps at once."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.prompts: deque[list[int]] = deque()  # request, tokens still to read, tokens to write
        self.ends: list[tuple[int, int]] = []  # number of the step that writes the last token, request
        self.steps = 0
        self.busy = False
        self.read: list[list[int]] = []  # prompts that the step under way reads to their end
        self.ahead = 1

    @property
    def in_flight(self) -> int:
        return len(self.prompts) + len(self.read) + len(self.ends)

    def admit(self, request: int, input_tok: int, output_tok: int) -> None:
        self.prompts.append([request, input_tok, output_tok])

    def start(self, now: float, until: float) -> float | None:
        """Begin steps; the time [ms] they end, None if there is nothing to do."""
        server = self.server
        self.busy = bool(self.prompts or self.ends)
        if not self.busy:
            return None
        room = server.chunk_tok
        self.read = []
        while self.prompts and room:
            taken = min(room, self.prompts[0][1])
            room -= taken
            self.prompts[0][1] -= taken
            if not self.prompts[0][1]:
                self.read.append(self.prompts.popleft())
        read_tok = server.chunk_tok - room
        step_ms = server.step_ms + server.seq_ms * len(self.ends) + server.tok_ms * read_tok
        self.ahead = 1
        if not read_tok:
            to_end = self.ends[0][0] - self.steps
            to_arrival = math.ceil((until - now) / step_ms) if until < math.inf else to_end
            self.ahead = max(1, min(to_end, to_arrival))
        return now + self.ahead * step_ms

    def end(self, now: float, first: np.ndarray) -> list[int]:
        """Requests that the steps under way brought to their end."""
        self.steps += self.ahead
        out = []
        while self.ends and self.ends[0][0] <= self.steps:
            out.append(heapq.heappop(self.ends)[1])
        for request, _, output_tok in self.read:
            first[request] = now
            if output_tok == 1:
                out.append(request)
            else:
                heapq.heappush(self.ends, (self.steps + output_tok - 1, request))
        self.read = []
        return out
