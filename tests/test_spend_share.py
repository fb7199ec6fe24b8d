"""At most a share of the month's spend with one provider, from paper to the problem file.

The story of `fleets.chat_fleet`: 4 requests/s for 100 hours, 1 for 300; a replica serves 1 and stands on one GPU.
"""

from __future__ import annotations

import random
from dataclasses import replace

from brute_force import BruteForce
from fleets import chat_fleet, random_fleet, rented

from planner.inputs import FleetInputs
from planner.search import search
from planner.solution import Ended, Solution
from planner.solver import Settings


def shared_out(seed: int) -> FleetInputs:
    """A random fleet of a few hours and machines, of which no provider may be paid more than its share."""
    inputs, rng = random_fleet(seed), random.Random(seed)
    blocks = sorted(inputs.block_h)[: rng.choice([1, 2]) if seed % 5 != 3 else 4]
    week_h = {b: rng.randint(1, 2) if seed % 5 != 3 else 1 for b in blocks}
    block_h = {b: 4.0 * n for b, n in week_h.items()}
    apis = sorted({a for _, a in inputs.api_usd_h})
    owner = {a: f"p{n % 2}" for n, a in enumerate(apis)}
    offers = {
        o: replace(
            offer,
            provider=f"p{n % 3 if seed % 2 else n % 2}",
            max_machines=None if offer.existing is not None else 1 if offer.billing == "always" else rng.choice([1, 2]),
        )
        for n, (o, offer) in enumerate(inputs.offers.items())
    }
    windows = {
        v: replace(w, blocks=tuple(b for b in w.blocks if b in blocks), api_provider={"k0": rng.choice(["p0", "p1"])})
        for v, w in inputs.windows.items()
        if set(w.blocks) & set(blocks)
    }
    return replace(
        inputs,
        month_h=sum(block_h.values()),
        block_h=block_h,
        block_week_h=week_h,
        offers=offers,
        demand_req_s={(k, b): d for (k, b), d in inputs.demand_req_s.items() if b in blocks},
        windows=windows,
        provider_of=owner,
        provider_max_spend_share=rng.choice([0.5, 0.6, 0.7, 0.8]),
    )
