"""Which blocks to prove next: those whose running costs furthest above what is proved of them.

A proof of a block asks about every offer and takes long; running it with few offers does not.  Where the two are close,
or the block is small, a proof could not raise the bound by much: it is mostly never asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from planner.formulation import FleetModel
from planner.operation import FEW_BLOCKS, Credit

MOST = 0.6
"""So much of the whole distance is proved before procurement is asked again."""


@dataclass(slots=True)
class Tried:
    """What is known with some machines procured: what running each block costs, and which blocks are proved."""

    credit: Credit
    usd_month: Mapping[str, float]  # by block, less the credit; not finite: it cannot be run with these offers
    proved: set[str] = field(default_factory=set)


def furthest_apart(known: Tried, model: FleetModel) -> list[str]:
    """Blocks not yet proved with these machines that make up most of what running them costs above what is proved.

    `model` is the solved program in which blocks stand by what is proved of them.
    """
    v = model.variables
    credited = dict.fromkeys(known.usd_month, 0.0)
    for (_, k), usd in known.credit.usd_request.items():
        for b in credited:
            if (k, b) in v.deferred:
                credited[b] += usd * (v.deferred[k, b].varValue or 0.0)
    for (p, b), paid in v.block_paid.items():
        credited[b] -= (known.credit.factor.get(p, 1.0) - 1) * (paid.varValue or 0.0)
    apart = {
        b: usd - ((v.block_usd[b].varValue or 0.0) - credited[b])
        for b, usd in known.usd_month.items()
        if b not in known.proved
    }
    whole = sum(usd for usd in apart.values() if 0 < usd < math.inf)
    out: list[str] = []
    taken = 0.0
    for b in sorted(apart, key=lambda b: (-apart[b], b)):
        if len(out) >= FEW_BLOCKS and taken >= MOST * whole:
            break
        out.append(b)
        taken += apart[b] if math.isfinite(apart[b]) else 0.0
    return out
