"""How long requests are: two means or a joint histogram, reduced to a few request classes.

Merging never loses a token: a class carries the sum of its cells' shares and their
share-weighted mean lengths, so the input and the output tokens of all requests stay exact.
What is lost is how far requests are from the mean of their class; that is stated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from planner.catalog.load import Catalog
from planner.problem.workload import Traffic

UNKNOWN_SCV = 1.0
"""Of prompts of which only the mean is known: as exponential lengths."""

BUCKET_SCV = 1 / 3
"""Of prompts of a bucket written by hand: as if equally many of any length from none to twice the mean."""

OCTAVE_SCV = 1 / 27
"""Of prompts between a power of two and the next, equally many of any length."""


class Cell(NamedTuple):
    """Requests of one size."""

    share: float  # of all requests
    input_tok: float  # mean
    output_tok: float  # mean
    input_scv: float = OCTAVE_SCV  # variance / mean squared


def length_cells(traffic: Traffic, catalog: Catalog, traced: Sequence[Cell] | None) -> tuple[Cell, ...]:
    """The lengths that the traffic names, shares adding up to 1; `traced` are those of its trace."""
    if isinstance(traffic.lengths, str):
        rows = catalog.lengths[traffic.lengths]
        cells = [Cell(row.share, row.mean_input_tok, row.mean_output_tok) for row in rows if row.share > 0]
    elif traffic.lengths is not None:
        cells = [Cell(bucket.share, bucket.input_tok, bucket.output_tok, BUCKET_SCV) for bucket in traffic.lengths]
    elif traced is not None:
        cells = list(traced)
    elif traffic.input_tok is not None and traffic.output_tok is not None:
        return (Cell(1.0, traffic.input_tok, traffic.output_tok, UNKNOWN_SCV),)
    else:
        raise ValueError("traffic without lengths; planner.problem.contradictions refuses it")
    total = math.fsum(cell.share for cell in cells)
    return tuple(sorted(cell._replace(share=cell.share / total) for cell in cells))


def mean_lengths(cells: Sequence[Cell]) -> tuple[float, float]:
    """Mean input and output tokens of a request."""
    return (
        math.fsum(cell.share * cell.input_tok for cell in cells),
        math.fsum(cell.share * cell.output_tok for cell in cells),
    )


def merge_cells(cells: Sequence[Cell], classes: int) -> tuple[tuple[Cell, ...], str]:
    """At most `classes` cells of the same total tokens, shortest first, and what that lost.

    Ward's method (J. H. Ward, 1963, JASA 58): the two cells whose merging adds least to the
    share-weighted squared distance from the class means are merged, until few enough are left.
    Lengths are measured in mean requests, so that input and output count alike.  The note gives the
    root of that distance, the quantity minimized; it is empty where nothing was merged.
    """
    import numpy as np

    merged = [cell for cell in cells if cell.share > 0]
    if len(merged) <= classes:
        return tuple(sorted(merged, key=lambda cell: cell[1:])), ""
    mean_input, mean_output = mean_lengths(merged)
    unit = np.array([mean_input or 1.0, mean_output or 1.0])
    share = np.array([cell.share for cell in merged])
    total = np.array([[cell.input_tok, cell.output_tok] for cell in merged]) * share[:, None]
    owner = np.arange(len(merged))
    alive = np.ones(len(merged), dtype=bool)
    added = np.full((len(merged), len(merged)), np.inf)

    def measure(row: int) -> None:
        distance = (((total / share[:, None] - total[row] / share[row]) / unit) ** 2).sum(axis=1)
        cost = np.where(alive, distance * share * share[row] / (share + share[row]), np.inf)
        cost[row] = np.inf
        added[row, :], added[:, row] = cost, cost

    for row in range(len(merged)):
        measure(row)
    for _ in range(len(merged) - classes):
        keep, gone = divmod(int(np.argmin(added)), len(merged))
        share[keep] += share[gone]
        total[keep] += total[gone]
        owner[owner == gone] = keep
        alive[gone] = False
        added[gone, :] = added[:, gone] = np.inf
        measure(keep)
    centers = total / share[:, None]
    weights = np.array([cell.share for cell in merged])
    apart = np.array([[cell.input_tok, cell.output_tok] for cell in merged]) - centers[owner]
    error = np.sqrt((weights[:, None] * apart**2).sum(axis=0)) / unit
    within = np.array([cell.input_scv * cell.input_tok**2 for cell in merged]) + apart[:, 0] ** 2
    spread = np.bincount(owner, weights * within, len(merged)) / share / np.maximum(centers[:, 0], 1.0) ** 2
    result = [
        Cell(float(share[i]), float(centers[i, 0]), float(centers[i, 1]), float(spread[i]))
        for i in np.flatnonzero(alive)
    ]
    note = (
        f"{len(merged)} sizes of requests merged into {classes}; all tokens kept; requests lie "
        f"{error[0]:.0%} (input) and {error[1]:.0%} (output) of a mean request from the mean of their class"
    )
    return tuple(sorted(result, key=lambda cell: cell[1:])), note
