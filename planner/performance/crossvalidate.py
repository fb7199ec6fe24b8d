"""How wrong the performance model is on rows it has not seen.

Two ways of leaving out: whole groups of (model, GPU, precision, engine), refitting the constants without them, and
single rows, where other rows of the same configuration stay.  The widths of the bands come from the same errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from planner.performance.constants import Constants
from planner.performance.fit import Data, corrected, fit, predict
from planner.performance.points import Floats
from planner.performance.sources import source_of

FOLDS = 24
SEED = 3
QUANTITIES = ("tpot", "ttft", "throughput")


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Of one quantity, for every row that has it: log(predicted / measured) and what the model said of itself."""

    index: NDArray[np.intp]
    off: Floats
    roofline_off: Floats  # without measured rows
    deviation: Floats
    source: NDArray[np.str_]

    def share(self, only: NDArray[np.bool_] | None = None) -> Floats:
        """|predicted / measured - 1|."""
        off = self.off if only is None else self.off[only]
        return np.asarray(np.abs(np.exp(off) - 1))

    def width(self, source: str) -> float:
        """The number of standard deviations within which 80 % of the rows of a source lie."""
        at = self.source == source
        return float(np.quantile(np.abs(self.off[at]) / self.deviation[at], 0.8)) if at.sum() >= 20 else float("nan")


def cross_validate(data: Data, constants: Constants, unseen: bool, workers: int = -1) -> dict[str, Errors]:
    """Errors of every quantity; `unseen` leaves out whole groups and fits again, else single rows are left out."""
    groups = data.group if unseen else np.arange(len(data.group))
    fold = np.random.default_rng(SEED).permutation(groups.max() + 1)[groups] % FOLDS

    def one(k: int) -> dict[str, Errors]:
        train, left = data.take(np.flatnonzero(fold != k)), np.flatnonzero(fold == k)
        test = data.take(left)
        mine = fit(train, constants, rounds=12) if unseen else constants
        return {quantity: _errors(train, test, mine, quantity, left) for quantity in QUANTITIES}

    parts = Parallel(n_jobs=workers)(delayed(one)(k) for k in range(FOLDS))
    return {
        quantity: Errors(
            **{
                name: np.concatenate([getattr(part[quantity], name) for part in parts])
                for name in Errors.__dataclass_fields__
            }
        )
        for quantity in QUANTITIES
    }


def _errors(train: Data, test: Data, constants: Constants, quantity: str, left: NDArray[np.intp]) -> Errors:
    index, off, found = corrected(train, test, constants, quantity)
    time, ttft = predict(test, constants)
    roofline = (ttft - test.log_ttft if quantity == "ttft" else time - test.log_time)[index]
    source = [source_of(float(d), bool(r)) for d, r in zip(found.distance, found.related, strict=True)]
    # The model speaks of time per token, and a relative error of a rate is another than that of a time.
    sign = -1 if quantity == "throughput" else 1
    return Errors(
        index=left[index],
        off=sign * off,
        roofline_off=sign * roofline,
        deviation=found.deviation,
        source=np.array(source, dtype=str),
    )


def ordered_right(data: Data, errors: Errors, low: float = 0.10, high: float = 0.25) -> tuple[float, int]:
    """Share of pairs of GPU types, apart by `low` to `high` in output tokens/s per GPU, whose order is predicted.

    Pairs have the same model, precision, engine, lengths, concurrency and number of GPUs; also how many there are.
    """
    rates: dict[tuple[object, ...], dict[str, tuple[float, float]]] = {}
    for i, off in zip(errors.index, errors.off, strict=True):
        o = data.observations[i]
        r, label = o.row, o.point.labels
        if not (o.tpot_ms and o.ttft_ms and r.concurrency):
            continue
        kind = (label.architecture, label.precision, label.engine)
        same = (*kind, r.gpus, r.ep, r.dp, r.input_tok, r.output_tok, r.concurrency)
        rate = r.concurrency / (o.ttft_ms + r.output_tok * o.tpot_ms)
        rates.setdefault(same, {}).setdefault(label.gpu, (rate, rate * float(np.exp(-off))))
    right = total = 0
    for of_gpu in rates.values():
        each = list(of_gpu.values())
        for a in range(len(each)):
            for b in range(a):
                (m, p), (n, q) = each[a], each[b]
                if 1 + low <= max(m / n, n / m) <= 1 + high:
                    total += 1
                    right += (m > n) == (p > q)
    return (right / total if total else float("nan")), total
