"""Machines by the hour are paid from their order on, not from their first request."""

from __future__ import annotations

from planner.formulation.family import Rows, family
from planner.formulation.variables import Variables
from planner.inputs import FleetInputs


@family(over=("offer", "block", "next"), unit="machines", says="{offer} machines on in {next} and not in {block} start")
def count_starts(inputs: FleetInputs, v: Variables) -> Rows:
    r"""Machines on that were not on the hour before are started.

    .. math::
        s_{obb'} \ge h_{ob'} - h_{ob} \qquad \forall o, b, b' : b' \text{ follows } b

    The dual is what one machine on less in the hour after, or more in the hour before, would save of `start_up`
    (USD per month).  Only in a whole program; blocks priced one by one pay by their rise (`planner.rises`).
    """
    for (o, b, after), machines in v.added.items():
        yield (o, b, after), machines >= v.hourly[o, after] - v.hourly[o, b]
