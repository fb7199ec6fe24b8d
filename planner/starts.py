"""When machines by the hour start: hours that may be run in several ways, in the order that starts least, and its cost.

Machines that are on in an hour and were not in the hour before are started; the week follows itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from planner.inputs import FleetInputs
from planner.solution import BlockRun


def starts_in(running: Sequence[int]) -> int:
    """Machines started in a week in which so many are on, hour by hour.

    >>> starts_in([0, 2, 2, 1, 3])
    4
    """
    return sum(max(0, now - before) for before, now in zip([*running[-1:], *running], running, strict=False))


def starts_usd(inputs: FleetInputs, runs: Sequence[BlockRun]) -> float:
    """What all starts of a plan come to [USD/month]; its runs have their hours (`in_order`)."""
    if not inputs.start_h:
        return 0.0
    usd = 0.0
    for week in inputs.weeks():
        on = {hour: run.hourly for run in runs if run.block in week.block_hours for hour in run.hours}
        hours = sorted(on)
        offers = sorted({o for hourly in on.values() for o in hourly})
        usd += sum(inputs.start_usd(o) * starts_in([on[hour].get(o, 0) for hour in hours]) for o in offers)
    return usd


def in_order(inputs: FleetInputs, runs: list[BlockRun]) -> list[BlockRun]:
    """The runs with the hours of the week in which each is run, so that little is started; where starts cost nothing,
    as they are.

    Within a block, or within one of its alike nights, runs follow each other from the least to the most machines or
    the other way round, whichever starts less beside what runs before and after: no other order of hours on end starts
    fewer machines of one kind.
    """
    if not inputs.start_h:
        return runs
    if len(weeks := inputs.weeks()) > 1:
        return [r for w in weeks for r in in_order(w, [run for run in runs if run.block in w.block_hours])]
    of_block: dict[str, list[BlockRun]] = defaultdict(list)
    for run in runs:
        of_block[run.block].append(run)
    for mine in of_block.values():
        mine.sort(key=lambda run: sum(n * inputs.offers[o].usd_h for o, n in run.hourly.items()))
    rising = dict.fromkeys(nights(inputs), True)
    on = {hour: run for place in rising for hour, run in laid(place, of_block[place[0]], True)}
    for _ in range(len(rising)):
        before = dict(rising)
        for place in rising:
            if len(of_block[place[0]]) > 1:
                ways = {up: {**on, **dict(laid(place, of_block[place[0]], up))} for up in (True, False)}
                rising[place] = started(inputs, ways[True], place) <= started(inputs, ways[False], place)
                on = ways[rising[place]]
        if rising == before:
            break
    hours: dict[int, list[int]] = defaultdict(list)
    for hour in sorted(on):
        hours[id(on[hour])].append(hour)
    return [replace(run, hours=tuple(hours[id(run)])) for run in runs]


Night = tuple[str, tuple[int, ...]]
"""A block and those of its hours that one of its alike nights holds, in the order in which they are run."""


def nights(inputs: FleetInputs) -> Iterator[Night]:
    """The hours of each block, night by night; a night over the end of the week begins in the evening."""
    for b, hours in inputs.block_hours.items():
        several = len(hours) // inputs.block_week_h[b]
        for i in range(several):
            mine = sorted(hours[i::several])
            week_h = 1 + max(hour for each in inputs.block_hours.values() for hour in each)
            gaps = [(now - before) % week_h for before, now in zip([*mine[-1:], *mine], mine, strict=False)]
            first = gaps.index(max(gaps))
            yield b, (*mine[first:], *mine[:first])


def laid(place: Night, runs: Sequence[BlockRun], rising: bool) -> Iterator[tuple[int, BlockRun]]:
    """(hour, run) of one night, its runs from the least to the most machines or the other way round."""
    each = [run for run in (runs if rising else reversed(runs)) for _ in range(run.week_h)]
    return zip(place[1], each, strict=True)


def started(inputs: FleetInputs, on: Mapping[int, BlockRun], place: Night) -> float:
    """What is started in the hours of a night and in those right after them [USD/h]."""
    hours = sorted(on)
    at = {hour: i for i, hour in enumerate(hours)}
    usd = 0.0
    for i in {j % len(hours) for hour in place[1] for j in (at[hour], at[hour] + 1)}:
        before, now = on[hours[i - 1]].hourly, on[hours[i]].hourly
        usd += sum(inputs.offers[o].usd_h * max(0, n - before.get(o, 0)) for o, n in now.items())
    return usd
