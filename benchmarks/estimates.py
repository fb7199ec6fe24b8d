"""Time 10,000 estimates in one process, and what the performance model adds to reading the catalogs.

python benchmarks/estimates.py --runs 5
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from planner.catalog.load import load_catalog
from planner.catalog.rows import Benchmark
from planner.performance.constants import constants_of
from planner.performance.table import predict_rows

ESTIMATES = 10_000


def text(row: Benchmark) -> dict[str, str]:
    """A row as a table would hold it."""
    return {name: "" if value is None else str(value) for name, value in row.model_dump().items()}


def timed(work: Callable[[], object], runs: int) -> str:
    """Median and range of the seconds that `work` takes."""
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


parser = argparse.ArgumentParser()
parser.add_argument("--runs", type=int, default=5)
runs = parser.parse_args().runs

catalog = load_catalog()
pick = np.random.default_rng(1).integers(0, len(catalog.benchmarks), ESTIMATES)
rows = [text(catalog.benchmarks[i]) for i in pick]
# Other concurrencies and lengths than the rows have, so that nothing is looked up.
for row in rows:
    row["input_tok"] = str(float(row["input_tok"]) * 1.3)
print(f"{ESTIMATES:,} estimates of a table: {timed(lambda: predict_rows(rows, catalog), runs)}")
print(f"reading all catalogs but the benchmarks: {timed(load_catalog, runs)}")
print(f"of which constants of the model: {timed(lambda: constants_of(catalog.performance), runs)}")
