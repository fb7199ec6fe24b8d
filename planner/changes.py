"""Against today's fleet: what of the machines already paid for a plan keeps, what may go, and what is added.

A machine may go if the plan needs it in no hour.  One that is used only because it is there counts as kept.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from planner.deployed import DeploymentPlan, whole_gpus
from planner.plan import Change, Purchase

MONTH_DAYS = 30
"""A commitment that ends sooner does not cover the month that the plan is for."""


def changes_of(
    purchases: Sequence[Purchase], deployments: Sequence[DeploymentPlan], promised: Iterable[str], today: date
) -> tuple[Change, ...]:
    """Machines kept, returned and added; empty where nothing is there today.  `promised`: classes that survive a loss.

    Of interchangeable machines those go first whose commitment ends first.
    """
    if not any(p.existing for p in purchases):
        return ()
    spare = not_needed(purchases, deployments, frozenset(promised))
    out = []
    for p in sorted(purchases, key=lambda p: (not p.existing, p.ends_on or date.max, p.provider, p.machine)):
        going = min(p.count, spare.get(p.group, 0)) if p.existing else 0
        spare[p.group] = spare.get(p.group, 0) - going
        soon = p.ends_on is not None and p.ends_on < today + timedelta(days=MONTH_DAYS)
        parts = (("keep", p.count - going), ("return", going)) if p.existing else (("add", p.count),)
        out += [
            Change(
                verdict=verdict,  # type: ignore[arg-type]
                provider=p.provider,
                region=p.region,
                machine=p.machine,
                gpu=p.gpu,
                gpus=p.gpus,
                term=p.term,
                count=count,
                ends_on=p.ends_on,
                ends_within_month=soon,
                usd_month=p.usd_month * count / p.count,
            )
            for verdict, count in parts
            if count
        ]
    return tuple(out)


def not_needed(
    purchases: Sequence[Purchase], deployments: Sequence[DeploymentPlan], promised: frozenset[str]
) -> dict[str, int]:
    """Machines of each group that stay empty in every block, one kept back where the loss of any must be survived."""
    there: dict[tuple[str, str], int] = defaultdict(int)
    gpus: dict[str, int] = {}
    for p in purchases:
        gpus[p.group] = p.gpus
        for block, n in p.machines_by_block.items():
            there[p.group, block] += n
    kept_back: set[tuple[str, str]] = set()
    for d in deployments:
        kept_back |= {(d.group, s.block) for s in d.served if s.req_s > 0 and s.request_class in promised}
    spare: dict[str, int] = {}
    for (g, block), n in there.items():
        sizes = whole_gpus((d for d in deployments if d.group == g), block)
        needed = machines_needed(sizes, gpus[g]) + ((g, block) in kept_back)
        spare[g] = min(spare.get(g, n), max(0, n - needed))
    return spare


def machines_needed(replicas: Mapping[int, int], gpus: int) -> int:
    """Machines of so many GPUs that hold these replicas, given by size; sizes are powers of two.

    >>> machines_needed({4: 3, 2: 1}, 8), machines_needed({}, 8)
    (2, 0)
    """
    most = 0
    for s in (min(size, gpus) for size in replicas):
        taken = sum(
            n * -(-size // gpus) * (gpus // s) if size > gpus else n * (size // s) for size, n in replicas.items()
        )
        most = max(most, math.ceil(taken / (gpus // s)))
    return most
