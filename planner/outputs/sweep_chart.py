"""A sweep as a picture: cost and mix along one thing that moves, or a map of the mixes that win over two.

Bars reach half way to their neighbors, cells of a map are of one size: nothing is drawn between points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.errors import Complaint, InputError
from planner.outputs.figures import number, plain, usd
from planner.outputs.sweep import SMALL_SHARE, SweepPoint, mix_letters, winning_mix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PARTS = 12
"""Parts of a mix with a color of their own; the others are drawn as one."""
MOST_MIXES = 20
OTHER = "other"
NO_PLAN: dict[str, Any] = {"facecolor": "#eeeeee", "edgecolor": "#999999", "hatch": "///", "linewidth": 0}
MOST_TICKS = 12
LETTERS_FIT = 16
"""Cells in a row, at most, in which letters can be read."""


def draw_sweep(
    points: Sequence[SweepPoint], keys: Sequence[Sequence[str]], words: Mapping[str, str], title: str, path: Path
) -> None:
    """Write the picture; `keys`: for each dimension, what moves together; `words`: what is said of a key.

    Raises InputError where it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.5 if len(keys) == 1 else 5.5), dpi=120, layout="constrained")
    figure.suptitle(plain(title), fontsize=13, x=0.01, ha="left")
    labels = [" with ".join(words.get(key, key) for key in together) for together in keys]
    if len(keys) == 1:
        _draw_curve(figure, sorted(points, key=lambda point: point.values[keys[0][0]]), keys[0][0], labels[0])
    else:
        _draw_map(figure, points, keys[0][0], keys[1][0], labels)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        figure.savefig(part)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError([Complaint(str(path), f"cannot be written: {error.strerror or error}.")]) from error


def edges_of(values: Sequence[float]) -> list[float]:
    """Half way between neighbors, and as far beyond both ends.

    >>> edges_of([1, 2, 4])
    [0.5, 1.5, 3.0, 5.0]
    """
    middles = [(left + right) / 2 for left, right in pairwise(values)]
    if not middles:
        return [values[0] * 0.95 - 0.05, values[0] * 1.05 + 0.05]
    return [2 * values[0] - middles[0], *middles, 2 * values[-1] - middles[-1]]


def parts_of(points: Sequence[SweepPoint]) -> list[str]:
    """What is drawn with a color of its own, the dearest first: what is 5 % of the cost anywhere, if colors last."""
    most: dict[str, float] = {}
    for point in points:
        total = sum(point.mix.values())
        for label, cost in point.mix.items():
            if total and cost >= SMALL_SHARE * total:
                most[label] = max(most.get(label, 0.0), cost)
    return sorted(most, key=lambda label: (-most[label], label))[:MOST_PARTS]


def _draw_curve(figure: Figure, points: Sequence[SweepPoint], key: str, label: str) -> None:
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    values = [point.values[key] for point in points]
    edges = edges_of(values)
    planned = [point for point in points if point.usd_month is not None]
    at = [point.values[key] for point in planned]
    above.plot(at, [point.usd_month or 0 for point in planned], marker="o", markersize=3, label="cheapest plan found")
    proved = [point for point in planned if point.bound_usd_month is not None]
    if any((point.gap or 0) > 1e-4 for point in proved):
        above.fill_between(
            [point.values[key] for point in proved],
            [point.bound_usd_month or 0 for point in proved],
            [point.usd_month or 0 for point in proved],
            alpha=0.25,
            label="down to what is proved",
        )
        above.legend(loc="best", frameon=False, fontsize=8)
    above.set_title("Cost of the best plan [USD/month]", fontsize=10, loc="left")
    below.set_title("What it is spent on [USD/month]", fontsize=10, loc="left")
    parts = parts_of(planned)
    widths = [right - left for left, right in pairwise(edges)]
    floor = [0.0] * len(points)
    for part, color in zip([*parts, OTHER], [*_colors(len(parts)), "#bbbbbb"], strict=True):
        heights = [
            point.mix.get(part, 0.0)
            if part != OTHER
            else sum(cost for each, cost in point.mix.items() if each not in parts)
            for point in points
        ]
        if any(heights):
            below.bar(edges[:-1], heights, widths, floor, align="edge", color=color, label=plain(part), linewidth=0)
            floor = [low + height for low, height in zip(floor, heights, strict=True)]
    for axes in (above, below):
        for point, left, width in zip(points, edges[:-1], widths, strict=True):
            if point.usd_month is None:
                axes.axvspan(left, left + width, **NO_PLAN)
        _dollars(axes)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    below.set_xlim(edges[0], edges[-1])
    below.set_xlabel(plain(label))
    if len(planned) < len(points):
        below.bar([edges[0]], [0], **NO_PLAN, label="no plan")
    handles, names = below.get_legend_handles_labels()
    figure.legend(handles[::-1], names[::-1], loc="outside right center", frameon=False, fontsize=8)


def _draw_map(figure: Figure, points: Sequence[SweepPoint], down: str, across: str, labels: Sequence[str]) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    rows = sorted({point.values[down] for point in points})
    columns = sorted({point.values[across] for point in points})
    ordered = sorted(points, key=lambda point: (point.values[down], point.values[across]))
    letters = mix_letters(ordered)
    shade = {mix: min(index, MOST_MIXES - 1) for index, mix in enumerate(letters)}
    shades = _colors(min(len(letters), MOST_MIXES))
    nothing = float("nan")
    mixes = [[nothing] * len(columns) for _ in rows]
    costs = [[nothing] * len(columns) for _ in rows]
    for point in ordered:
        row, column = rows.index(point.values[down]), columns.index(point.values[across])
        if point.usd_month is not None:
            mixes[row][column], costs[row][column] = shade[winning_mix(point)], point.usd_month
    x, y = ([place - 0.5 for place in range(len(ticks) + 1)] for ticks in (columns, rows))
    for point in ordered:
        row, column = rows.index(point.values[down]), columns.index(point.values[across])
        for axes in (left, right) if point.usd_month is None else ():
            axes.fill_between(x[column : column + 2], y[row], y[row + 1], **NO_PLAN)
        if point.usd_month is not None and max(len(rows), len(columns)) <= LETTERS_FIT:
            ink = _ink(shades[shade[winning_mix(point)]])
            left.text(column, row, letters[winning_mix(point)], ha="center", va="center", fontsize=8, color=ink)
    if letters:
        left.pcolormesh(x, y, mixes, cmap=ListedColormap(shades), vmin=-0.5, vmax=len(shades) - 0.5)
        shown = right.pcolormesh(x, y, costs, cmap="viridis")
        figure.colorbar(shown, ax=right, format=lambda value, _: usd(value))
    left.set_title("The mix that wins", fontsize=10, loc="left")
    right.set_title("Cost of the best plan [USD/month]", fontsize=10, loc="left")
    left.set_ylabel(plain(labels[0]))
    for axes in (left, right):
        axes.set_xlabel(plain(labels[1]))
        for side, ticks in ((axes.xaxis, columns), (axes.yaxis, rows)):
            shown_ticks = range(0, len(ticks), 1 + (len(ticks) - 1) // MOST_TICKS)
            side.set_ticks(list(shown_ticks), [number(ticks[place]) for place in shown_ticks])
    handles = [
        Patch(facecolor=shades[shade[mix]], label=f"{letter}  {' + '.join(map(plain, mix))}")
        for mix, letter in letters.items()
        if shade[mix] < MOST_MIXES - 1 or len(letters) <= MOST_MIXES
    ]
    if len(letters) > MOST_MIXES:
        handles.append(Patch(facecolor=shades[-1], label=f"{len(letters) - MOST_MIXES + 1} other mixes"))
    if any(point.usd_month is None for point in points):
        handles.append(Patch(**NO_PLAN, label="no plan"))
    figure.legend(handles=handles, loc="outside lower left", frameon=False, fontsize=8, ncols=1)


def _colors(how_many: int) -> list[Any]:
    """Colors to tell apart: strong ones first, then their light twins."""
    from matplotlib import colormaps

    twins = [colormaps["tab20"](index) for index in range(20)]
    return [*twins[::2], *twins[1::2]][:how_many]


def _ink(color: Sequence[float]) -> str:
    """White on dark colors, black on light ones."""
    red, green, blue = color[:3]
    return "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.55 else "black"


def _dollars(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: usd(value, cents=0 < value < 10))
