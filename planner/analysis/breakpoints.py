"""At which factors on a price the cheapest plan changes, with few solves and no grid.

A plan costs a + b t where a price is multiplied by t: b is what it spends on the priced thing at t = 1.  Where prices
stand in the objective alone, the same plans are allowed at every t, so the least cost V(t) is the lower envelope of
such lines: concave and piecewise linear.

    above  V <= E   the least of the lines found
    below  V >= C   what is proved at the factors solved at, joined by straight lines: V is concave

`sandwich` solves at both ends, then where two neighboring lines of E cross and E lies above C by more than the gap
asked for, until nowhere does (M. Eisner and D. Severance, Journal of the ACM 23, 1976; with bounds in place of exact
values as in G. Rote, Computing 48, 1992).  At a gap of zero no plan is missed: k lines take at most 2 k - 1 solves.

With a gap, where a change lies is known up to an interval.  Between lines of slopes b > b' take m = (b + b') / 2.
V - m t has its maximum where the best plans go from spending at least m to spending at most m; that is somewhere in

    { t : E(t) - m t >= max_u C(u) - m u }

Where a rule allows fewer plans the dearer things are (`march`), V is concave as long as the rule is held as it is at
one factor s, and W(t; s) <= V(t) for t >= s.  Where the plan of W no longer keeps the rule, the search starts again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

SAME = 1e-6
"""Costs and factors nearer to each other than this share are one: no solver tells them apart."""


@dataclass(frozen=True, slots=True)
class Bought:
    """What a plan buys of one offer or from one API."""

    machines: int | None  # at the busiest hour; None: not sold by the machine
    usd_month: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """What a plan costs at a factor t on the price: fixed + moved t [USD/month]."""

    fixed_usd_month: float
    moved_usd_month: float  # spent at factor 1 on what the factor is on
    buys: Mapping[str, Bought]  # by offer or API
    since: float = 0.0  # at smaller factors nothing says that the rules allow the plan
    until: float = math.inf  # at larger factors they do not

    @property
    def mix(self) -> frozenset[str]:
        """Which offers and APIs it buys from, however much."""
        return frozenset(self.buys)

    def at(self, factor: float) -> float:
        """The cost at a factor [USD/month]."""
        return self.fixed_usd_month + self.moved_usd_month * factor


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A solve at a factor: a plan, and what is proved there."""

    factor: float
    line: Line | None  # None: no plan
    bound_usd_month: float  # no plan costs less here; -inf: nothing is proved, inf: there is none


@dataclass(frozen=True, slots=True)
class Piece:
    """The factors at which a line is the least."""

    line: Line
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Factors at which one mix is told; without lines there is no plan."""

    low: float
    high: float
    lines: tuple[Line, ...]
    usd_month_low: float | None
    usd_month_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A change of mix at a factor, and the interval in which it lies."""

    at: float
    low: float
    high: float
    before: Line | None
    after: Line | None
    threshold_usd_month: float | None = None  # m, where the interval is proved; None: it comes of a rule or a bisection


@dataclass(frozen=True, slots=True)
class Section:
    """Factors in which a rule is held as it is at the first of them, and all solves that tell of it."""

    low: float
    high: float
    probes: tuple[Probe, ...]

    def lines(self) -> list[Line]:
        """The lines found that are allowed here, each the least somewhere by more than solvers leave open."""
        out: list[Line] = []
        for probe in self.probes:
            line, at = probe.line, probe.factor
            if line is None or line.until <= self.low:
                continue
            if not out or line.at(at) < min(other.at(at) for other in out) * (1 - SAME):
                out.append(line)
        return out

    def floor(self, factor: float) -> float:
        """C: what is proved at a factor [USD/month]; -inf where nothing is."""
        points = [(p.factor, p.bound_usd_month) for p in self.probes if math.isfinite(p.bound_usd_month)]
        best = max((usd for at, usd in points if at == factor), default=-math.inf)
        for left, left_usd in points:
            for right, right_usd in points:
                if left < factor < right:
                    share = (factor - left) / (right - left)
                    best = max(best, left_usd + share * (right_usd - left_usd))
        return best

    def excess(self, factor: float, lines: Sequence[Line]) -> float:
        """How far above what is proved the least of the lines lies at a factor, as a share of it; inf: nothing is.

        Between two of their kinks it is nowhere more than at both: E is linear there and C concave.
        """
        least = min(line.at(factor) for line in lines)
        proved = self.floor(factor)
        if proved == -math.inf:
            return math.inf
        return max(0.0, least - proved) / least if least > 0 else 0.0

    def corners(self, lines: Sequence[Line]) -> list[float]:
        """Both ends and the kinks between."""
        return [self.low, *(piece.low for piece in envelope(lines, self.low, self.high)[1:]), self.high]


def envelope(lines: Sequence[Line], low: float, high: float) -> list[Piece]:
    """E: the least of these lines at every factor from `low` to `high`."""
    least = min(line.at(low) for line in lines)
    level = [line for line in lines if line.at(low) <= least + 1e-12 * abs(least)]
    current = min(level, key=lambda line: line.moved_usd_month)
    pieces: list[Piece] = []
    at = low
    while True:
        crossings = [
            (max(at, (other.fixed_usd_month - current.fixed_usd_month) / less), other.moved_usd_month, place)
            for place, other in enumerate(lines)
            if (less := current.moved_usd_month - other.moved_usd_month) > 1e-12 * abs(current.moved_usd_month)
        ]
        crossing, _, place = min(crossings, default=(math.inf, 0.0, 0))
        if crossing >= high:
            return [*pieces, Piece(current, at, high)]
        if crossing > at:
            pieces.append(Piece(current, at, crossing))
            at = crossing
        current = lines[place]


def sandwich(
    ask: Callable[[float], Probe], low: float, high: float, gap: float, known: Sequence[Probe] = ()
) -> Section:
    """Solves from `low` to `high` that leave no plan unseen that would save more than `gap`, a share.

    `ask` solves at a factor; what is `known` of fewer rules bounds this too.  Without any plan at `low` it ends.
    """
    mine: list[Probe] = []
    while True:
        section = Section(low, high, (*known, *mine))
        lines = section.lines()
        if not lines:
            if mine:
                return section
            mine.append(ask(low))
            continue
        open_ = [
            (over, corner)
            for corner in section.corners(lines)
            if (over := section.excess(corner, lines)) > max(gap, SAME)
            and all(abs(corner - probe.factor) > SAME * corner for probe in mine)
        ]
        if not open_:
            return section
        mine.append(ask(max(open_)[1]))


def march(ask: Callable[[float, float], Probe], low: float, high: float, gap: float) -> list[Section]:
    """The same where a rule allows fewer plans the larger the factor: a section for each time that it bites.

    `ask(t, s)` solves at factor t with the rule held as it is at factor s.
    """
    sections: list[Section] = []
    start, known = low, tuple[Probe, ...]()
    while True:
        held = start
        section = sandwich(lambda factor: ask(factor, held), start, high, gap, known)  # noqa: B023
        known = section.probes
        if not section.lines():
            return [*sections, section]
        broken = [piece.line.until for piece in envelope(told_lines(section, gap), start, high) if breaks(piece)]
        end = max(min(broken, default=high), start * (1 + SAME))
        if end * (1 + SAME) >= high:
            return [*sections, section]
        sections.append(Section(start, end, known))
        start = end * (1 + SAME)


def breaks(piece: Piece) -> bool:
    """Whether a rule bites before another plan is cheaper."""
    return piece.line.until < piece.high * (1 - SAME)


def told_lines(section: Section, gap: float) -> list[Line]:
    """As few mixes as tell a plan proved within the gap at every factor: what saves less is left out."""
    found = section.lines()
    told = [piece.line for piece in envelope(found, section.low, section.high)]
    while True:
        choices = []
        for mix in {line.mix for line in told}:
            rest = [line for line in told if line.mix != mix]
            if not rest or any(map(breaks, envelope(rest, section.low, section.high))):
                continue
            rises = [
                (min(line.at(t) for line in rest) - min(line.at(t) for line in found), t) for t in section.corners(rest)
            ]
            if all(usd <= SAME * rest[0].at(t) or section.excess(t, rest) <= gap for usd, t in rises):
                choices.append((max(rises)[0], sorted(mix), rest))
        if not choices:
            return told
        told = min(choices, key=lambda choice: choice[:2])[2]


def tell(sections: Sequence[Section], gap: float) -> tuple[list[Stretch], list[Flip]]:
    """What wins where, and the flips between."""
    pieces: list[tuple[Section, Piece | None]] = []
    for section in sections:
        if lines := told_lines(section, gap) if section.lines() else []:
            pieces += [(section, piece) for piece in envelope(lines, section.low, section.high)]
        else:
            pieces.append((section, None))
    runs = [list(run) for _, run in groupby(pieces, key=lambda one: one[1].line.mix if one[1] else None)]
    stretches = [
        Stretch(
            low=run[0][1].low if run[0][1] else run[0][0].low,
            high=run[-1][1].high if run[-1][1] else run[-1][0].high,
            lines=tuple(dict.fromkeys(piece.line for _, piece in run if piece)),
            usd_month_low=run[0][1].line.at(run[0][1].low) if run[0][1] else None,
            usd_month_high=run[-1][1].line.at(run[-1][1].high) if run[-1][1] else None,
        )
        for run in runs
    ]
    return stretches, [flip_between(left[-1], right[0]) for left, right in pairwise(runs)]


def flip_between(left: tuple[Section, Piece | None], right: tuple[Section, Piece | None]) -> Flip:
    """The flip from a piece to the next one."""
    (section, before), (other, after) = left, right
    if before is None or after is None or section is not other:
        return Flip(
            at=other.low,
            low=section.high,
            high=other.low,
            before=before.line if before else None,
            after=after.line if after else None,
        )
    slope = (before.line.moved_usd_month + after.line.moved_usd_month) / 2
    first, last = where_slope_falls_below(slope, section)
    return Flip(
        at=after.low,
        low=min(after.low, first),
        high=max(after.low, last),
        before=before.line,
        after=after.line,
        threshold_usd_month=slope,
    )


def where_slope_falls_below(slope: float, section: Section) -> tuple[float, float]:
    """The factors between which the best plans go from spending at least `slope` to spending at most that: proved."""
    low, high = section.low, section.high
    within = [low, *(probe.factor for probe in section.probes if low < probe.factor < high), high]
    proved = max(section.floor(factor) - slope * factor for factor in within)
    if proved == -math.inf:
        return low, high
    for line in section.lines():  # E - m t >= proved where every line of E is
        rising = line.moved_usd_month - slope
        if rising > 0:
            low = max(low, (proved - line.fixed_usd_month) / rising)
        elif rising < 0:
            high = min(high, (proved - line.fixed_usd_month) / rising)
    return min(low, high), max(low, high)
