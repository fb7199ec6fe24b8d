"""Run single blocks exactly: given what is procured, what does each block cost at best?

With procurement held, blocks have nothing in common but the deferred work, which a credit per
request stands for.  So each is a small program of its own, solved exactly, side by side; the
same answers serve as plans (how the block is run) and as proofs (no way is cheaper).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from planner.formulation import assemble
from planner.formulation.mix import Way
from planner.inputs import FleetInputs, Proved, Steps
from planner.pacing import paces
from planner.processes import leave_interrupts
from planner.runs import read_run
from planner.solution import BlockRun, Ended
from planner.solver import Settings, solve_model

Rewards = Mapping[tuple[str, str], float]
"""USD per request of deferred work, by (window, class)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Prices that stand for what couples the blocks, while each is run alone."""

    usd_request: Rewards
    factor: Mapping[str, float] = field(default_factory=dict)  # what a USD paid to a provider counts as; absent: 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAnswer:
    """How a block is best run; `bound_usd_month` counts the credit, `run.usd_month` does not.  No run: it cannot be."""

    run: BlockRun | None
    way: Way | None
    bound_usd_month: float
    implied: bool = False  # follows from what is known about fewer machines; proves nothing new


FEW_BLOCKS = 8
"""Fewer blocks than this are not worth the start of processes."""

NO_TIME = BlockAnswer(run=None, way=None, bound_usd_month=-math.inf)


class Operation:
    """Answers about blocks, remembered.  `workers` programs are solved side by side, in processes perhaps `awake`."""

    def __init__(
        self, inputs: FleetInputs, settings: Settings, left_s: Callable[[], float], awake: bool = False
    ) -> None:
        self.inputs = inputs
        self.settings = settings
        self.left_s = left_s
        self.window_of = inputs.window_of()
        self.alone = {b: inputs.one_block(b) for b in inputs.block_h}
        self.known: dict[tuple[object, ...], list[tuple[dict[Steps, int], BlockAnswer]]] = {}
        self.pace = paces(inputs)
        self.workers = settings.workers if len(inputs.block_h) >= FEW_BLOCKS else 1
        self.waking: Iterable[None] = wake(self.workers) if self.workers > 1 and not awake else ()
        self.promises = {s for s, offer in inputs.offers.items() if offer.covers}
        self.price_h = {
            (o, b): rent_instead(inputs, o, b)
            for o in {o for o, _ in inputs.steps()} - self.promises
            for b in inputs.block_h
        }
        self.signed = any(inputs.offers[s].existing for s in self.promises)
        self.costs_usd: dict[str, float] = {}  # by block: the least that a way to run it costs, credit aside

    def owed(self, k: str, b: str) -> float:
        """Work of the window that (k, b) belongs to [requests/month]."""
        return self.inputs.windows[self.window_of[k, b]].requests_month[k]

    def one_program(
        self, block: str, steps: Mapping[Steps, int], credit: Rewards, hourly: frozenset[str] | None, proof: bool
    ) -> FleetInputs:
        """The program of one block, renting these offers by the hour (None: all).

        `proof` leaves out what could make more machines cost more: one may be left unused, and a quota counts those
        used.  It lets one hour do all the work of its window; otherwise work is paced (`pace`).
        """
        alone = self.alone[block]
        offers = {}
        for o, offer in alone.offers.items():
            if offer.existing is None and offer.billing == "hourly":
                if block not in offer.away and (hourly is None or o in hourly):
                    offers[o] = offer
                continue
            if offer.existing is None:
                there = steps.get((o, None if offer.billing == "always" else block), 0)
                if proof and there and any(o in quota.weight for quota in alone.quotas.values()):
                    offer = replace(offer, billing="hourly", usd_h=0.0, max_machines=there)
                else:
                    offer = replace(offer, existing=there)
            offers[o] = offer
        quotas = {
            q: replace(quota, weight={o: x for o, x in quota.weight.items() if o in offers})
            for q, quota in alone.quotas.items()
        }
        reward = {(k, block): credit[w, k] for (k, b), w in self.window_of.items() if b == block}
        # One hour of the block may do all the work of the window, and these are hours all run alike.
        most = {label: self.owed(*label) * alone.block_week_h[block] for label in reward}
        if not proof:
            most = {label: min(requests, self.pace[label]) for label, requests in most.items()}
        empty = {o for o, offer in offers.items() if offer.existing == 0}
        return replace(
            alone,
            offers={o: offer for o, offer in offers.items() if o not in empty},
            quotas={
                q: replace(quota, weight={o: x for o, x in quota.weight.items() if o not in empty})
                for q, quota in quotas.items()
            },
            reward_usd_request=reward,
            reward_max_requests=most,
        )

    def answers(
        self,
        steps: Mapping[Steps, int],
        credit: Rewards,
        *,
        hourly: frozenset[str] | None = None,
        proof: bool = False,
        blocks: Collection[str] | None = None,
    ) -> dict[str, BlockAnswer]:
        """The best way to run each of these blocks (None: all), in the order of the blocks."""

        out: dict[str, BlockAnswer] = {}
        open_: dict[str, FleetInputs] = {}
        remember: dict[str, list[tuple[dict[Steps, int], BlockAnswer]]] = {}
        held_in = {b: {step: n for step, n in steps.items() if n and step[1] in (None, b)} for b in self.alone}
        asked = [b for b in self.alone if blocks is None or b in blocks]
        for block in asked:
            mine = held_in[block]
            program = self.one_program(block, steps, credit, hourly, proof=proof)
            rewards = tuple(program.reward_usd_request.values()), tuple(program.reward_max_requests.values())
            known = remember[block] = self.known.setdefault((block, hourly, proof, *rewards), [])
            answer = next((found for held, found in known if held == mine), None)
            if answer is None:
                answer = next(
                    (a for held, found in known if (a := self.implied(block, mine, held, found, proof))), None
                )
                if answer is not None:
                    known.append((mine, answer))
            if answer is None:
                open_[block] = program
            else:
                out[block] = answer
        for block, answer in zip(open_, self.solve_blocks(open_), strict=True):
            out[block] = answer
            if answer.run is not None:
                self.costs_usd[block] = min(answer.run.usd_month, self.costs_usd.get(block, math.inf))
            if answer != NO_TIME:
                remember[block].append((held_in[block], answer))
        return {b: out[b] for b in asked}

    def solve_blocks(self, programs: Mapping[str, FleetInputs]) -> list[BlockAnswer]:
        """Solve blocks side by side, in processes: HiGHS keeps Python's lock while it runs, so threads gain nothing."""
        deadline = time.time() + self.left_s()
        # Credit may leave next to nothing of what a block costs, and a share of that would be proved for no use.
        how = {
            block: replace(
                self.settings,
                gap=self.settings.gap / 5,
                gap_usd=self.settings.gap / 5 * self.costs_usd.get(block, 0.0),
            )
            for block in programs
        }
        if self.workers == 1 or len(programs) == 1:
            return [solve_before(program, block, how[block], deadline) for block, program in programs.items()]
        from joblib import Parallel, delayed

        self.waking = list(self.waking)
        jobs = (delayed(solve_before)(program, block, how[block], deadline) for block, program in programs.items())
        return list(Parallel(n_jobs=self.workers)(jobs))

    def implied(
        self,
        block: str,
        steps: Mapping[Steps, int],
        held: Mapping[Steps, int],
        found: BlockAnswer,
        proof: bool,
    ) -> BlockAnswer | None:
        """The answer at more machines, where it follows from the answer at fewer.

        A machine more saves at most its rent for these hours; where the answer at fewer rents that many of the same
        machine at that very price, it saves just that.
        """
        if found.run is None or found.way is None or any(steps.get(step, 0) < n for step, n in held.items()):
            return None
        if self.signed or any(n for (o, _), n in steps.items() if o in self.promises):
            return None  # a machine no longer rented may have been covered: it saves less than its rent
        if not proof and any(o in quota.weight for quota in self.inputs.quotas.values() for o, _ in steps):
            return None
        run, spare = found.run, dict(found.run.hourly)
        saved, rent_usd = 0.0, 0.0
        for step in sorted(steps, key=str):
            rent = self.price_h.get((step[0], block), math.inf)
            n = steps[step] - held.get(step, 0)
            for o in sorted(spare):
                offer = self.inputs.offers.get(o)
                if offer and offer.group == self.inputs.offers[step[0]].group and offer.usd_h == rent:
                    less = min(n, spare[o])
                    n -= less
                    spare[o] -= less
                    saved += less * self.inputs.rent_usd(o, block)
                    rent_usd += less * rent * self.inputs.block_h[block]
            if n:
                return None
        run = replace(run, hourly={o: n for o, n in spare.items() if n}, usd_month=run.usd_month - rent_usd)
        way = replace(found.way, usd_month=found.way.usd_month - saved, hourly=run.hourly if found.way.hourly else {})
        return BlockAnswer(run=run, way=way, bound_usd_month=found.bound_usd_month - saved, implied=True)

    def most_saved_usd(self, o: str, b: str) -> float:
        """The most that one step more of an offer can save in a block [USD/month]."""
        offer, offers = self.inputs.offers[o], self.inputs.offers
        if offer.covers:
            saved = (offers[each].usd_h / rate for each, rate in offer.covers.items() if b not in offers[each].away)
            return offer.usd_h * max(saved, default=0.0) * self.inputs.block_h[b]
        return self.price_h[o, b] * self.inputs.paid_h(offer.group, b)

    def proofs(self, steps: Mapping[Steps, int], credit: Rewards, answers: Mapping[str, BlockAnswer]) -> list[Proved]:
        """What these answers prove about every other procurement (see formulation.proofs)."""
        facts = []
        for b, answer in answers.items():
            if answer.bound_usd_month == -math.inf or answer.implied:
                continue
            reward = {(k, b): credit[w, k] for (k, bb), w in self.window_of.items() if bb == b}
            floor = -sum(usd * self.owed(*label) * self.inputs.block_week_h[b] for label, usd in reward.items())
            gains = {}
            for o, block in self.inputs.steps():
                if block in (None, b):
                    rent = self.most_saved_usd(o, b)
                    gains[o, block] = 1.0 if answer.run is None else min(rent, answer.bound_usd_month - floor)
            if answer.run is None:  # machines are wanting, not money
                gains = {step: gain for step, gain in gains.items() if step[0] not in self.promises}
            held = {step: steps.get(step, 0) for step in gains}
            slack = 1e-7 * max(1.0, abs(answer.bound_usd_month)) if math.isfinite(answer.bound_usd_month) else 0.0
            facts.append(
                Proved(
                    block=b,
                    usd_month=answer.bound_usd_month - slack,
                    steps=held,
                    gain_usd_month=gains,
                    reward_usd_request=reward,
                )
            )
        return facts


def rent_instead(inputs: FleetInputs, o: str, block: str) -> float:
    """The least for which a machine like that of an offer can be had by the hour in a block, however many [USD/h].

    Only offers count that take up no quota beyond what the machine itself does.
    """
    group = inputs.offers[o].group

    def takes_no_more(other: str) -> bool:
        return all(q.weight.get(other, 0.0) <= q.weight.get(o, 0.0) for q in inputs.quotas.values())

    return min(
        (
            offer.usd_h
            for other, offer in inputs.offers.items()
            if offer.group == group and offer.billing == "hourly" and offer.existing is None
            if offer.max_machines is None and block not in offer.away and takes_no_more(other)
        ),
        default=math.inf,
    )


def wake(workers: int) -> Iterable[None]:
    """Begin to start the processes, so that they are ready when the first blocks are."""
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
    return iter(parallel(delayed(ready)() for _ in range(workers)))


def ready() -> None:
    """Makes a worker import this module."""


def solve_before(program: FleetInputs, block: str, settings: Settings, deadline: float) -> BlockAnswer:
    """One block alone if there is time left before the deadline [s since the epoch]."""
    leave_interrupts()
    left = deadline - time.time()
    return solve_block(program, block, settings, left) if left > 0 else NO_TIME


def solve_block(program: FleetInputs, block: str, settings: Settings, time_limit_s: float) -> BlockAnswer:
    """One block alone."""
    model = assemble(program)
    answer = solve_model(model, replace(settings, time_limit_s=time_limit_s))
    if answer.ended in (Ended.INFEASIBLE, Ended.STOPPED):
        impossible = answer.ended is Ended.INFEASIBLE
        return BlockAnswer(run=None, way=None, bound_usd_month=math.inf if impossible else -math.inf)
    run = read_run(program, model.variables, block)
    seconds = 3600 * program.block_h[block]
    done: dict[str, float] = {}
    for (k, _, _), y in run.served.items():
        if (k, block) in program.reward_usd_request:
            done[k] = done.get(k, 0.0) + y * seconds
    bound = answer.bound if answer.bound is not None else -math.inf
    usd = run.usd_month + sum(n * program.starts_least_usd(o, block) for o, n in run.hourly.items())
    way = Way(usd_month=usd, requests_month=done, hourly=run.hourly if program.start_h else {})
    return BlockAnswer(run=run, way=way, bound_usd_month=bound)
