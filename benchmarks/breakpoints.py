"""Breakpoints of a price beside a grid of it: solves, time, and whether they see the same changes.

python benchmarks/breakpoints.py --points 200 --runs 3
"""

import argparse
import statistics
import time
from itertools import pairwise

import planner
from planner.outlook import breakpoints

parser = argparse.ArgumentParser()
parser.add_argument("--problem", default="enterprise70b")
parser.add_argument("--over", default="price.b200-sxm")
parser.add_argument("--low", type=float, default=0.4)
parser.add_argument("--high", type=float, default=1.6)
parser.add_argument("--points", type=int, default=200)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--gap", type=float, default=None)
asked = parser.parse_args()

problem = planner.load(asked.problem)
seconds: dict[str, list[float]] = {"breakpoints": [], "grid": []}
for _ in range(asked.runs):
    begin = time.perf_counter()
    [found] = breakpoints(problem, [asked.over], low=asked.low, high=asked.high, gap=asked.gap)
    seconds["breakpoints"].append(time.perf_counter() - begin)
    begin = time.perf_counter()
    axis = f"{asked.over}={asked.low}..{asked.high}/{asked.points}"
    points = [each.point for each in planner.sweep(problem, [axis], gap=asked.gap)]
    seconds["grid"].append(time.perf_counter() - begin)
    points.sort(key=lambda point: point.values[asked.over])
    changes = [
        (left.values[asked.over], right.values[asked.over])
        for left, right in pairwise(points)
        if set(left.mix) != set(right.mix)
    ]
    seen = [any(flip.low <= right and left <= flip.high for flip in found.flips) for left, right in changes]
    bar = 2 * len(found.flips) + 3
    print(f"{len(found.flips)} flips, {found.solves} solves (bar: {bar}), proved within {found.gap_proved:.2%}")
    print(f"grid of {asked.points}: {len(changes)} changes of mix, {sum(seen)} of them inside an interval of a flip")
    worst = 0.0
    for point in points:
        factor = point.values[asked.over]
        stretch = next(each for each in found.stretches if each.low <= factor <= each.high)
        if point.usd_month is not None and stretch.lines:
            worst = max(worst, min(line.at(factor) for line in stretch.lines) / point.usd_month - 1)
    print(f"what is told costs at most {worst:.2%} more than the grid's plan at any point")
for name, each in seconds.items():
    print(f"{name}: median {statistics.median(each):.1f} s ({min(each):.1f} to {max(each):.1f})")
print(f"ratio {statistics.median(seconds['grid']) / statistics.median(seconds['breakpoints']):.1f}")
