r"""What measured rows say beside the roofline: measured / roofline, averaged over the rows that resemble a point.

The logarithm of the ratio is a sum of smooth functions of (concurrency, input, output, GPUs), one for each model on
one engine and precision whatever the GPU, one for each configuration (that on one GPU), plus the scatter of a row.
Given rows, the best linear average and its variance follow (kriging, that is a Gaussian process: C. Rasmussen and
C. Williams, Gaussian Processes for Machine Learning, 2006, ch. 2).  Near rows decide; far from all of them the
ratio returns to 1 and the variance to that of a configuration nobody has measured.

A row speaks only for its own engine and vendor, and serving latencies only for its own model and precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from planner.performance.constants import Labels
from planner.performance.points import Floats

LENGTHS: dict[str, Floats | None] = {
    "model": None,
    "model, smooth": np.array([4, 4, 4, 2.5, 4, 4, np.inf, np.inf]),
    "configuration": None,
    "configuration, smooth": np.array([4, 4, 4, 2.5, 4, 4, np.inf, np.inf]),
    "configuration, near": np.array([1.2, 1.5, 1.5, 1, 1.5, 1, np.inf, np.inf]),
    "hardware, smooth": np.array([2, 3, 3, 1.5, 4, 4, 0.7, 3]),
}
"""Over how many doublings of (concurrency, input, output, GPUs, expert and data parallel, parameters, heads to one of
the cache) each part changes; None: it does not."""

AGE_YEARS = 0.75
"""Engines change: the near part fades over so many years between a row and the newest of its kind."""

OUTLIER_VARIANCE = 0.06
"""A row that far (squared) from the median of its configuration counts half, and less beyond."""

OWN_ROW_SHARE = 0.1
"""Scatter of the user's own rows, as a share of a published row's: they are of the very system that is planned."""

REACH_DOUBLINGS = 2.0
"""Up to this distance from a row of the same configuration an estimate is called measured."""

DISTANCE_WEIGHTS = np.array([1, 1, 1, 2, 1, 1, 0, 0.0])
"""A doubling of GPUs counts as two doublings of concurrency, input or output."""


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """Factors on the roofline at each point: logarithms, their standard deviation, and the nearest row."""

    log_factor: Floats
    deviation: Floats
    distance: Floats  # doublings to the nearest row of the same configuration; infinite without one
    nearest: NDArray[np.intp]  # its index among the rows given; -1 without one
    related: NDArray[np.bool_]  # whether any row of the same model, engine and precision stands behind it


def groups_of(labels: Labels, quantity: str) -> dict[str, tuple[str, ...]]:
    """What a row must share with a point so that a part speaks for both."""
    live = "static" if labels.load == "static" else "live"
    model = (labels.architecture, labels.how, labels.engine, live, labels.vendor)
    return {
        "model": model,
        "model, smooth": model,
        "configuration": (*model, labels.gpu),
        "configuration, smooth": (*model, labels.gpu),
        "configuration, near": (*model, labels.gpu),
        "hardware, smooth": (labels.gpu, labels.era, labels.load, labels.engine),
    }


class MeasuredRatios:
    """Rows of one quantity (tpot, ttft or throughput), ready to correct any point."""

    def __init__(
        self,
        quantity: str,
        labels: Sequence[Labels],
        position: Floats,
        log_ratio: Floats,
        observed_on: Sequence[date],
        own: Sequence[bool],
        variances: dict[tuple[str, str], float],
    ) -> None:
        self._quantity, self._position, self._log_ratio = quantity, position, log_ratio
        self._variance = {part: variances[quantity, part] for part in LENGTHS}
        self._row_variance = variances[quantity, "row"]
        self._year = np.array([d.toordinal() / 365.25 for d in observed_on])
        self._codes: dict[str, dict[tuple[str, ...], int]] = {part: {} for part in LENGTHS}
        self._code = {part: self._coded(labels, part, grow=True) for part in LENGTHS}
        self._scatter = self._row_variance * self._doubt(np.array(own, dtype=bool))
        shared = "hardware, smooth" if self._variance["hardware, smooth"] else ""
        keys = [label.engine if shared else groups_of(label, quantity)["model"] for label in labels]
        members: dict[object, list[int]] = {}
        for i, key in enumerate(keys):
            members.setdefault(key, []).append(i)
        self._blocks = {key: np.array(each) for key, each in members.items()}
        self._shared = bool(shared)
        self._solved: dict[object, tuple[Floats, Floats]] = {}

    def correct(self, labels: Sequence[Labels], position: Floats) -> Corrected:
        """The correction of every point, and how sure it is."""
        n = len(labels)
        prior = sum(self._variance.values()) + self._row_variance
        out = Corrected(
            log_factor=np.zeros(n),
            deviation=np.full(n, np.sqrt(prior)),
            distance=np.full(n, np.inf),
            nearest=np.full(n, -1, dtype=np.intp),
            related=np.zeros(n, dtype=bool),
        )
        wanted: dict[object, list[int]] = {}
        for i, label in enumerate(labels):
            key = label.engine if self._shared else groups_of(label, self._quantity)["model"]
            if key in self._blocks:
                wanted.setdefault(key, []).append(i)
        code = {part: self._coded(labels, part, grow=False) for part in LENGTHS}
        for block, indices in wanted.items():
            at = np.array(indices)
            rows = self._blocks[block]
            for start in range(0, len(at), 2000):
                self._correct_block(block, rows, at[start : start + 2000], code, position, prior, out)
        return out

    def _correct_block(
        self,
        key: object,
        rows: NDArray[np.intp],
        at: NDArray[np.intp],
        code: dict[str, NDArray[np.intp]],
        position: Floats,
        prior: float,
        out: Corrected,
    ) -> None:
        inverse, weights = self._solve(key, rows)
        newest = np.full(len(at), self._year[rows].max())
        k = self._covariance({p: c[at] for p, c in code.items()}, position[at], newest, rows)
        out.log_factor[at] = k @ weights
        explained = np.einsum("ij,ij->i", k @ inverse, k)
        out.deviation[at] = np.sqrt(np.maximum(prior - explained, 0.25 * self._row_variance))
        same = code["configuration"][at][:, None] == self._code["configuration"][rows][None, :]
        out.related[at] = (code["model"][at][:, None] == self._code["model"][rows][None, :]).any(axis=1)
        apart = np.where(same, _distance(position[at], self._position[rows]), np.inf)
        nearest = apart.argmin(axis=1)
        out.distance[at] = apart[np.arange(len(at)), nearest]
        out.nearest[at] = np.where(np.isfinite(out.distance[at]), rows[nearest], -1)

    def _solve(self, key: object, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """The inverse covariance of a block of rows, and its product with their log ratios."""
        found = self._solved.get(key)
        if found is None:
            k = self._covariance(
                {p: c[rows] for p, c in self._code.items()}, self._position[rows], self._year[rows], rows
            )
            k[np.diag_indices_from(k)] += self._scatter[rows]
            inverse: Floats = np.linalg.inv(k).astype(np.float64, copy=False)
            found = self._solved[key] = (inverse, inverse @ self._log_ratio[rows])
        return found

    def _covariance(
        self, code: dict[str, NDArray[np.intp]], position: Floats, year: Floats, rows: NDArray[np.intp]
    ) -> Floats:
        total = np.zeros((len(position), len(rows)))
        shapes: dict[bytes, Floats] = {}
        for part, lengths in LENGTHS.items():
            variance = self._variance[part]
            if not variance:
                continue
            same = code[part][:, None] == self._code[part][rows][None, :]
            if lengths is None:
                total += variance * same
                continue
            shape = shapes.get(lengths.tobytes())
            if shape is None:
                shape = shapes[lengths.tobytes()] = _likeness(position / lengths, self._position[rows] / lengths)
            if part == "configuration, near":
                shape = shape * np.exp(-0.5 * ((year[:, None] - self._year[rows][None, :]) / AGE_YEARS) ** 2)
            total += variance * same * shape
        return total

    def _coded(self, labels: Sequence[Labels], part: str, grow: bool) -> NDArray[np.intp]:
        """Groups as numbers; -1 for a group that no row has."""
        codes = self._codes[part]
        of_label: dict[Labels, int] = {}
        for label in dict.fromkeys(labels):
            group = groups_of(label, self._quantity)[part]
            of_label[label] = codes.setdefault(group, len(codes)) if grow else codes.get(group, -1)
        return np.array([of_label[label] for label in labels], dtype=np.intp)

    def _doubt(self, own: NDArray[np.bool_]) -> Floats:
        """How much more each row may scatter than most: outliers count less, the user's own rows win.

        Published rows of a configuration of which there are own rows are all but silenced.
        """
        code = self._code["configuration"]
        doubt = np.ones(len(code))
        for group in np.unique(code):
            members = np.flatnonzero(code == group)
            off = (self._log_ratio[members] - np.median(self._log_ratio[members])) ** 2
            doubt[members] = np.maximum(1.0, off / OUTLIER_VARIANCE)
            if own[members].any():
                doubt[members] = np.where(own[members], OWN_ROW_SHARE, doubt[members] * 30)
        return doubt


def _likeness(a: Floats, b: Floats) -> Floats:
    """exp(-d^2 / 2) between all pairs of scaled positions."""
    square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    return np.asarray(np.exp(-0.5 * np.maximum(square, 0.0)))


def _distance(a: Floats, b: Floats) -> Floats:
    a, b = a * DISTANCE_WEIGHTS, b * DISTANCE_WEIGHTS
    square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))
