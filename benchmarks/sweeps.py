"""A sweep of 500 points: the same answers whoever solves them, and how much faster than as many `plan solve`.

    python benchmarks/sweeps.py [POINTS]

Solves starter8b at POINTS (500) prices and loads with one process, with two, and, where `distributed` is installed,
with two workers of a Dask scheduler that speak TCP; compares all plans; and runs some of the points as `plan solve`
of a file of their own, one after the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from planner.analysis.engines import Engine
from planner.analysis.sweep import Solved, solve_points, unpack
from planner.plan import Plan
from planner.verbs import find_problem, load, plan_sweep

ROOT = Path(__file__).parents[1]
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}
ALONE = 10
PORT = 28786


@contextmanager
def dask() -> Iterator[Engine]:
    """A scheduler and two workers, while this lasts."""
    command = [sys.executable, "-m", "dask"]
    words = [["scheduler", "--host", "127.0.0.1", "--port", str(PORT), "--no-dashboard"]]
    words += [["worker", f"tcp://127.0.0.1:{PORT}", "--nthreads", "1", "--no-dashboard"]] * 2
    quiet = subprocess.DEVNULL
    running = [subprocess.Popen([*command, *each], env=ENV, stdout=quiet, stderr=quiet) for each in words]
    try:
        time.sleep(8)
        yield Engine("dask", f"127.0.0.1:{PORT}")
    finally:
        for each in running[::-1]:
            each.terminate()
            each.wait()


def timed(name: str, work: Callable[[], Iterator[Solved]]) -> tuple[float, dict[object, object]]:
    """Seconds, and every plan without how long it took."""
    started = time.perf_counter()
    found = list(work())
    seconds = time.perf_counter() - started
    print(f"{name}: {len(found)} points in {seconds:.1f} s, {1000 * seconds / len(found):.0f} ms each", flush=True)
    plans = {}
    for each in found:
        plan = Plan.from_json(each.plan)
        plans[each.values] = (each.point, plan.model_copy(update={"solve_s": 0, "first_plan_s": None}))
    return seconds, plans


def main(points: int) -> None:
    """Run all of it."""
    columns = max(1, points // 20)
    over = ["price.on-demand=0.5..2/20", f"traffic=1..20/{columns}" if columns > 1 else "traffic=1"]
    whole = plan_sweep(load("starter8b"), over)
    one_s, expected = timed("one process", lambda: solve_points(whole, jobs=1))
    unpack.cache_clear()
    two_s, found = timed("two processes", lambda: solve_points(whole, jobs=2))
    print(f"  the same plans: {found == expected}; {one_s / two_s:.2f} times as fast as one")
    if find_spec("distributed"):
        with ExitStack() as stack:
            engine = stack.enter_context(dask())
            _, found = timed("Dask over TCP, two workers", lambda: solve_points(whole, engine))
        print(f"  the same plans: {found == expected}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alone.yaml"
        path.write_bytes(find_problem("starter8b").read_bytes())
        started = time.perf_counter()
        for _ in range(ALONE):
            command = [sys.executable, "-m", "planner.cli", "solve", str(path), "--json"]
            subprocess.run(command, env=ENV, stdout=subprocess.DEVNULL, check=True)
        alone_s = (time.perf_counter() - started) / ALONE
    each_s = len(expected) * alone_s
    print(f"plan solve: {1000 * alone_s:.0f} ms each, so {each_s:.0f} s for as many; ", end="")
    print(f"the sweep is {each_s / one_s:.1f} times as fast with one process, {each_s / two_s:.1f} with two")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
