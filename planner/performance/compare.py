"""How far estimates are from a user's own measurements, before these are known and after.

After means: each row is predicted from the others, never from itself; rows are left out by fifths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.catalog.load import Catalog
from planner.catalog.rows import Benchmark
from planner.performance.table import Estimated, predict_rows

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """Median |predicted / measured - 1| of one quantity over `rows` rows; `after_share` None: one row alone."""

    quantity: str
    rows: int
    before_share: float
    after_share: float | None


def compare(rows: Sequence[Benchmark], catalog: Catalog) -> list[Comparison]:
    """Errors of TPOT, TTFT and output tokens/s, without the rows and with the others of them."""
    raw = [{name: "" if value is None else str(value) for name, value in row.model_dump().items()} for row in rows]
    before = predict_rows(raw, catalog)
    fold = np.arange(len(rows)) % min(FOLDS, max(1, len(rows)))
    after: list[Estimated | None] = [None] * len(rows)
    if len(rows) > 1:
        for k in range(int(fold.max()) + 1):
            left = np.flatnonzero(fold == k)
            others = [row for row, its in zip(rows, fold, strict=True) if its != k]
            for i, found in zip(left, predict_rows([raw[i] for i in left], catalog, others), strict=True):
                after[i] = found
    out = []
    for quantity in ("tpot_ms", "ttft_ms", "output_tok_s"):
        pairs = [
            (measured, was, now)
            for row, was, now in zip(rows, before, after, strict=True)
            if (measured := getattr(row, quantity)) and quantity in was.values
        ]
        if not pairs:
            continue
        errors = [abs(was.values[quantity][0] / measured - 1) for measured, was, _ in pairs]
        found_again = [(measured, now) for measured, _, now in pairs if now and quantity in now.values]
        later = [abs(now.values[quantity][0] / measured - 1) for measured, now in found_again]
        out.append(
            Comparison(quantity, len(pairs), float(np.median(errors)), float(np.median(later)) if later else None)
        )
    return out
