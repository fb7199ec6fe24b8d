"""Solve a problem again and again at other prices, loads and limits: which plan wins where.

What is swept is changed before anything is reduced, so that every point is a problem like any other
(`planner.analysis.scaled`).  Points are solved side by side by the workers of an engine.
Nothing here solves: the verb is handed in.
"""

from __future__ import annotations

import pickle
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from planner.analysis.axes import Axis, Dimension, axes_of, grid_of, parse_over
from planner.analysis.engines import Engine
from planner.analysis.levers import check_dimensions
from planner.analysis.scaled import lever_of, scaled
from planner.catalog.load import TABLES, Catalog
from planner.errors import Complaint, InputError, NoCandidate
from planner.outputs.sweep import SweepPoint
from planner.plan import Plan
from planner.problem.by_path import numbers_of
from planner.problem.places import ProblemFile
from planner.problem.schema import Problem
from planner.processes import leave_interrupts

Solve = Callable[[ProblemFile, Catalog], Plan]
Values = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What is to be solved: a problem at every point of a grid, all in the same way."""

    problem_file: ProblemFile
    catalog: Catalog
    dimensions: tuple[Dimension, ...]  # checked: planner.analysis.levers
    solve: Solve
    today: date

    def grid(self) -> list[dict[str, float]]:
        """Every point, in order."""
        return grid_of(self.dimensions)

    def words(self) -> dict[str, str]:
        """What is said of each key: whether its values are factors."""
        problem = self.problem_file.problem
        keys = [axis.key for dimension in self.dimensions for axis in dimension]
        levers = {key: lever_of(key, numbers_of(problem), problem.workloads) for key in keys}
        are_factors = {key for key, lever in levers.items() if lever and lever.kind != "number" and not lever.amount}
        return {key: f"{key} (factor)" if key in are_factors else key for key in keys}


def sweep_of(
    problem_file: ProblemFile, catalog: Catalog, over: Sequence[str | Axis], solve: Solve, today: date
) -> Sweep:
    """A sweep over these axes; without any, over those of the problem file.

    Raises InputError for keys and values that cannot be, and where there is nothing to sweep.
    """
    dimensions = [(each,) if isinstance(each, Axis) else parse_over(each) for each in over] or axes_of(problem_file)
    if not dimensions:
        what = "says nothing to sweep over.  Add --over, as --over price.spot=0.5..1.5/5, or `sweep:` in the file."
        raise InputError([Complaint(str(problem_file.path or problem_file.problem.name), what)])
    checked = check_dimensions(problem_file.problem, catalog, dimensions)
    return Sweep(problem_file=problem_file, catalog=catalog, dimensions=checked, solve=solve, today=today)


@dataclass(frozen=True, slots=True)
class Solved:
    """A point and its plan as JSON, or what went wrong there if that was our fault."""

    point: SweepPoint
    trouble: str = ""
    plan: str = ""

    @property
    def values(self) -> Values:
        """The point, as something that can be looked up."""
        return tuple(self.point.values.items())


@dataclass(frozen=True)
class Packed:
    """What every worker needs, packed once; a worker unpacks it once."""

    token: str
    data: bytes = field(compare=False, repr=False)


def solve_points(
    sweep: Sweep, engine: Engine | None = None, jobs: int = -1, done: Collection[Values] = ()
) -> Iterator[Solved]:
    """Every point that is not done, as each is solved; `jobs` at a time (-1: as many as the engine has workers for).

    A point without a plan is a point with its status.
    """
    engine = engine or Engine()
    left = [values for values in sweep.grid() if tuple(values.items()) not in done]
    if left:
        yield from engine.each(solve_point, pack(sweep, with_files=engine.is_elsewhere), left, jobs)


def pack(sweep: Sweep, with_files: bool) -> Packed:
    """A sweep for workers; `with_files` also what it reads while it solves, for machines that have no such files."""
    files = read_files(sweep) if with_files else {}
    catalog = replace(sweep.catalog, kept={})
    data = pickle.dumps((sweep.problem_file, catalog, sweep.solve, files))
    return Packed(sha256(data).hexdigest(), zlib.compress(data, 1))


def read_files(sweep: Sweep) -> dict[str, bytes]:
    """What is read again at every solve, by its name: measured rows, traces, the user's own rows."""
    folder, table = sweep.catalog.folder, TABLES["benchmarks"]
    out = {f"catalog/{path.relative_to(folder)}": path.read_bytes() for path in sorted(folder.glob(table.path))}
    for name in named_files(sweep.problem_file.problem):
        out[f"problem/{name}"] = (sweep.problem_file.folder / name).read_bytes()
    return out


def named_files(problem: Problem) -> list[str]:
    """Files that a problem names: traces and measurements."""
    names = [w.traffic.trace for w in problem.workloads.values()] + [problem.performance.benchmarks]
    return sorted({name for name in names if name})


@lru_cache(maxsize=1)
def unpack(packed: Packed) -> tuple[ProblemFile, Catalog, Solve, TemporaryDirectory[str] | None]:
    """The problem, the catalog and how to solve, in a worker; and a folder of the files that came along, if any did."""
    problem_file, catalog, solve, files = pickle.loads(zlib.decompress(packed.data))
    folder = TemporaryDirectory(prefix="sweep.") if files else None
    if folder:
        root = Path(folder.name)
        problem, renamed = problem_file.problem, {}
        for place, (name, content) in enumerate(files.items()):
            kind, _, rest = name.partition("/")
            plain = rest if kind == "catalog" else f"{place}/{Path(rest).name}"
            path = root / kind / plain
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            renamed[rest] = plain
        catalog = replace(catalog, folder=root / "catalog")
        path = root / "problem" / "problem.yaml"
        problem_file = replace(problem_file, problem=reading(problem, renamed), path=path)
    return problem_file, catalog, solve, folder


def reading(problem: Problem, renamed: Mapping[str, str]) -> Problem:
    """The problem with its files under other names."""
    workloads = {
        name: workload.model_copy(
            update={"traffic": workload.traffic.model_copy(update={"trace": renamed[workload.traffic.trace]})}
        )
        if workload.traffic.trace
        else workload
        for name, workload in problem.workloads.items()
    }
    own = problem.performance.benchmarks
    performance = problem.performance.model_copy(update={"benchmarks": renamed[own]}) if own else problem.performance
    return problem.model_copy(update={"workloads": workloads, "performance": performance})


def solve_point(packed: Packed, values: Mapping[str, float]) -> Solved:
    """One point, in a worker."""
    leave_interrupts()
    problem_file, catalog, solve, _ = unpack(packed)
    problem, priced = scaled(problem_file.problem, catalog, values)
    try:
        plan = solve(replace(problem_file, problem=problem), priced)
    except NoCandidate:
        return Solved(point_of(values, None, "infeasible"))
    except InputError:
        raise
    except Exception as error:  # one point's fault must not cost the others
        return Solved(point_of(values, None, "stopped"), trouble=f"{type(error).__name__}: {error}")
    return Solved(point_of(values, plan, plan.status), plan=plan.model_dump_json())


def point_of(values: Mapping[str, float], plan: Plan | None, status: str) -> SweepPoint:
    """A point and its plan, in short."""
    return SweepPoint(
        values=dict(values),
        status=status,  # type: ignore[arg-type]
        usd_month=plan.usd_month if plan else None,
        bound_usd_month=plan.bound_usd_month if plan else None,
        gap=plan.gap if plan else None,
        mix=mix_of(plan) if plan else {},
        machines=machines_of(plan) if plan else {},
    )


def mix_of(plan: Plan) -> dict[str, float]:
    """What is bought, as "provider machine term" or "provider API" -> USD per month."""
    mix: dict[str, float] = defaultdict(float)
    for spend in plan.spends:
        mix[f"{spend.provider} spend commitment {'existing' if spend.existing else spend.term}"] += spend.usd_month
    for purchase in plan.purchases:
        term = "existing" if purchase.existing else purchase.term
        mix[f"{purchase.provider} {purchase.machine} {term}"] += purchase.usd_month
    for api in plan.apis:
        mix[f"{api.provider} API"] += api.usd_month
    return dict(mix)


def machines_of(plan: Plan) -> dict[str, int]:
    """Machines of each part of the mix, at the busiest hour of each offer."""
    machines: dict[str, int] = defaultdict(int)
    for purchase in plan.purchases:
        term = "existing" if purchase.existing else purchase.term
        machines[f"{purchase.provider} {purchase.machine} {term}"] += purchase.count
    return dict(machines)


def in_order(found: Sequence[Solved], sweep: Sweep) -> list[Solved]:
    """What is solved, in the order of the grid."""
    place = {tuple(values.items()): place for place, values in enumerate(sweep.grid())}
    return sorted(found, key=lambda each: place[each.values])
