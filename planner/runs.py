"""Read how a block is run off the solved values of its program."""

from __future__ import annotations

import math
from collections.abc import Mapping

from planner.formulation.capacity import serving
from planner.formulation.variables import Variables
from planner.inputs import FleetInputs
from planner.solution import BlockRun


def read_run(program: FleetInputs, v: Variables, block: str) -> BlockRun:
    """The solved values of one block, cleaned: no dust, no idle replica, cost recomputed from the values."""
    hourly = {o: round(x.varValue or 0) for (o, b), x in v.hourly.items() if b == block and round(x.varValue or 0)}
    served: dict[tuple[str, str, str], float] = {}
    load: dict[tuple[str, str], float] = {}
    for (k, c, g, b), y in v.served.items():
        if b == block and (y.varValue or 0) > 1e-9 and round(v.replicas[c, g, b].varValue or 0):
            served[k, c, g] = y.varValue
            load[c, g] = load.get((c, g), 0.0) + y.varValue / program.rate_in(c, k, g)
    api = {(k, a): x.varValue for (k, a, b), x in v.api.items() if b == block and (x.varValue or 0) > 1e-9}
    ready = ready_in(program, v, block, api)
    standing_by: dict[tuple[str, str], float] = {}
    for (k, c, g), w in ready.items():
        standing_by[c, g] = standing_by.get((c, g), 0.0) + w / program.rate_in(c, k, g)
    load = {place: max(load.get(place, 0.0), standing_by.get(place, 0.0)) for place in {**load, **standing_by}}
    replicas = {
        (c, g): max(1, math.ceil((work + program.queue_loss[c]) / program.queue_slope[c] - 1e-6))
        for (c, g), work in load.items()
    }
    let_run(program, v, block, replicas)
    # A machine on which nothing stands may cost nothing, where a spend commitment has room: it is let go all the same,
    # unless it is paid for so that another provider gets no more than its share.
    stands = {g for _, g in replicas}
    offers, shared = program.offers, program.provider_max_spend_share is not None
    hourly = {o: n for o, n in hourly.items() if shared or offers[o].billing != "hourly" or offers[o].group in stands}
    hours = program.block_h[block]
    covered = {
        (s, o): min(x.varValue, hourly[o])
        for (s, o, b), x in v.covered.items()
        if b == block and (x.varValue or 0) > 1e-9 and o in hourly
    }
    usd = sum(program.billed_usd(o, block) * n for o, n in hourly.items())
    usd -= sum(offers[o].usd_h * hours * x for (_, o), x in covered.items())
    usd += sum(program.api_usd_h[k, a] * hours * x for (k, a), x in api.items())
    usd += sum(program.egress_usd_h.get((k, g), 0.0) * hours * y for (k, _, g), y in served.items())
    return BlockRun(
        block=block,
        week_h=program.block_week_h[block],
        hourly=hourly,
        replicas=replicas,
        served=served,
        api=api,
        ready=ready,
        covered=covered,
        usd_month=usd,
        hours=program.block_hours.get(block, ()) if program.start_h else (),
    )


def let_run(program: FleetInputs, v: Variables, block: str, replicas: dict[tuple[str, str], int]) -> None:
    """Leave idle replicas that are to run whether asked for or not, and no others."""
    for w, least in program.min_replicas.items():
        places = sorted(serving(program, w))
        for place in places:
            missing = least - sum(replicas.get(p, 0) for p in places)
            there = v.replicas.get((*place, block))
            idle = round(there.varValue or 0) - replicas.get(place, 0) if there is not None else 0
            if missing > 0 and idle > 0:
                replicas[place] = replicas.get(place, 0) + min(missing, idle)


def ready_in(
    program: FleetInputs, v: Variables, block: str, api: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str, str], float]:
    """What replicas stand ready for in a block, no more of any class than the worst loss asks for [requests/s]."""
    ready = {
        (k, c, g): w.varValue
        for (k, c, g, b), w in v.ready.items()
        if b == block and (w.varValue or 0) > 1e-9 and round(v.replicas[c, g, b].varValue or 0)
    }
    enough: dict[str, float] = {}
    for lost in program.losses.values():
        for k, share in lost.kept_share.items():
            missed = sum(x for (kk, a), x in api.items() if kk == k and a in program.nobody)
            goes_on = sum(x for (kk, a), x in api.items() if kk == k and a not in lost.apis | program.nobody)
            asked = share * (program.demand_req_s.get((k, block), 0.0) - missed) - goes_on
            there = sum(w for (kk, _, g), w in ready.items() if kk == k and g not in lost.groups)
            enough[k] = max(enough.get(k, 0.0), asked / there if there and asked > 0 else 0.0)
    return {(k, c, g): w * min(1.0, enough[k]) for (k, c, g), w in ready.items() if enough[k] > 0}
