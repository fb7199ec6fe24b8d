"""How fast and how well the flagship example is solved, everything side by side in one run.

    python benchmarks/enterprise.py [--runs 5] [--direct-s 30] [--long-s 0]

Prints a table in Markdown: medians and spreads of the time outside the solver against the bare imports, the first
audited plan, the proved gap, and the same formulation given whole to HiGHS.  Needs nothing but the package itself.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

IMPORTS = "import pandas, pulp, highspy, pydantic, typer"
PROBLEM = "enterprise70b"


def timed(command: list[str]) -> float:
    """Wall time of a command that must succeed or stop at a limit [s]."""
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{command} failed: {done.stderr}")
    return time.perf_counter() - started


def spread(values: list[float], unit: str = " s") -> str:
    """Median and range, as a person writes them."""
    return f"{statistics.median(values):.2f}{unit} ({min(values):.2f} to {max(values):.2f})"


def run_command(runs: int) -> dict[str, list[float]]:
    """`plan solve` and the bare imports, one after the other."""
    out: dict[str, list[float]] = {"imports": [], "total": [], "outside": [], "first": [], "gap": []}
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.json"
        for _ in range(runs):
            out["imports"].append(timed([sys.executable, "-c", IMPORTS]))
            total = timed([sys.executable, "-m", "planner.cli", "solve", PROBLEM, "-o", str(plan)])
            answer = json.loads(plan.read_text())
            out["total"].append(total)
            out["outside"].append(total - answer["solve_s"])
            out["first"].append(total - answer["solve_s"] + answer["first_plan_s"])
            out["gap"].append(100 * answer["gap"])
    return out


def whole_program(seconds: float) -> tuple[float | None, float | None]:
    """The same formulation, whole, given to HiGHS for some seconds: best cost and bound."""
    import planner
    from planner.catalog.load import load_catalog
    from planner.formulation import assemble
    from planner.reduce import reduce_problem
    from planner.solver import Settings, solve_model

    problem = planner.load(PROBLEM)
    inputs = reduce_problem(problem.problem, problem.folder, load_catalog()).inputs
    answer = solve_model(assemble(inputs), Settings(gap=1e-4, time_limit_s=seconds))
    return answer.objective, answer.bound


def long_search(seconds: float) -> tuple[float | None, float | None]:
    """The search itself for a long time at a gap of zero."""
    import planner
    from planner.catalog.load import load_catalog
    from planner.reduce import reduce_problem
    from planner.search import search
    from planner.solver import Settings

    problem = planner.load(PROBLEM)
    inputs = reduce_problem(problem.problem, problem.folder, load_catalog()).inputs
    settings = Settings(gap=1e-4, time_limit_s=seconds, workers=2)
    solution = search(inputs, replace(settings))
    return solution.usd_month, solution.bound_usd_month


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--direct-s", type=float, default=30)
    parser.add_argument("--long-s", type=float, default=0)
    asked = parser.parse_args()
    times = run_command(asked.runs)
    ratio = statistics.median(times["outside"]) / statistics.median(times["imports"])
    rows = [
        (f"`{IMPORTS}`", spread(times["imports"])),
        ("`plan solve`, all of it", spread(times["total"])),
        ("  of which outside the search", f"{spread(times['outside'])}, {ratio:.1f} x the imports"),
        ("  first plan, from the command line on", spread(times["first"])),
        ("  proved gap", spread(times["gap"], " %")),
    ]
    for name, solve, seconds in (
        ("the same formulation whole, HiGHS", whole_program, asked.direct_s),
        ("the search, gap 0.01 %", long_search, asked.long_s),
    ):
        if seconds:
            cost, bound = solve(seconds)
            gap = "no plan"
            if cost is not None and bound is not None:
                gap = f"{cost:,.0f} USD, {100 * (cost - bound) / cost:.2f} %"
            rows.append((f"{name}, {seconds:.0f} s", f"{gap}, bound {bound or 0:,.0f}"))
    print("| what | figure |\n|---|---|")
    for name, figure in rows:
        print(f"| {name} | {figure} |")


if __name__ == "__main__":
    main()
