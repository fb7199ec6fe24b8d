"""When machines run: the blocks of a plan as the schedule that a person would write.

Blocks in which as many machines run are joined again; hours without any are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from planner.outputs.figures import things
from planner.plan import PlanBlock
from planner.traffic.blocks import week_label
from planner.traffic.types import HOURS


class Level(NamedTuple):
    """The hours in which equally many machines run."""

    machines: int
    hours: tuple[int, ...]  # of the week, 0 = Monday 00:00
    month_h: float
    when: str  # "mon-fri 09-18"


def levels(machines_by_block: Mapping[str, int], blocks: Sequence[PlanBlock]) -> list[Level]:
    """How many machines run when, the most first; hours in which none runs are left out."""
    alike: dict[int, list[PlanBlock]] = defaultdict(list)
    for block in blocks:
        alike[machines_by_block.get(block.label, 0)].append(block)
    found = []
    for machines in sorted(alike, reverse=True):
        hours = tuple(sorted(hour for block in alike[machines] for hour in block.hours))
        when = "all week" if len(hours) == HOURS else week_label(hours)
        found.append(Level(machines, hours, sum(block.month_h for block in alike[machines]), when))
    return [level for level in found if level.machines]


def schedule_lines(
    machines_by_block: Mapping[str, int], blocks: Sequence[PlanBlock], at_most: int = 1000, what: str = "machine"
) -> list[str]:
    """A line for each level: "mon-fri 09-18: 3 machines".

    Where some machine always runs, the lowest level reads "all other hours".  Of more than `at_most`
    levels the highest and the lowest are written and the others counted.
    """
    found = levels(machines_by_block, blocks)
    lines = [f"{level.when}: {things(level.machines, what)}" for level in found]
    if len(found) > 1 and sum(len(level.hours) for level in found) == HOURS:
        lines[-1] = f"all other hours: {things(found[-1].machines, what)}"
    if len(lines) > at_most:
        between = f"between these: {things(len(lines) - 2, 'more level')} (in the schedule table)"
        return [lines[0], between, lines[-1].replace("all other hours", found[-1].when)]
    return lines
