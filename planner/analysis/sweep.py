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
from tempfile import mkdtemp

from planner.analysis.axes import Dimension, grid_of
from planner.analysis.engines import Engine
from planner.analysis.scaled import scaled
from planner.catalog.load import TABLES, Catalog
from planner.errors import InputError, NoCandidate
from planner.outputs.sweep import SweepPoint
from planner.plan import Plan
from planner.problem.places import ProblemFile
from planner.problem.schema import Problem

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
    in_children: bool = False


def solve_points(
    sweep: Sweep, engine: Engine | None = None, jobs: int = -1, done: Collection[Values] = ()
) -> Iterator[Solved]:
    """Every point that is not done, as each is solved; `jobs` at a time (-1: as many as the engine has workers for).

    A point without a plan is a point with its status.
    """
    from joblib import Parallel, delayed

    engine = engine or Engine()
    left = [values for values in sweep.grid() if tuple(values.items()) not in done]
    if not left:
        return
    jobs = engine.workers(jobs, len(left))
    packed = pack(sweep, with_files=engine.is_elsewhere, in_children=not engine.is_elsewhere and jobs != 1)
    with engine.running([packed]):
        work = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
        yield from work(delayed(solve_point)(packed, values) for values in left)


def pack(sweep: Sweep, with_files: bool, in_children: bool = False) -> Packed:
    """A sweep for workers; `with_files` also what it reads while it solves, for machines that have no such files."""
    files = read_files(sweep) if with_files else {}
    catalog = replace(sweep.catalog, kept={})
    data = pickle.dumps((sweep.problem_file, catalog, sweep.solve, files))
    return Packed(sha256(data).hexdigest(), zlib.compress(data, 1), in_children)


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
def unpack(packed: Packed) -> tuple[ProblemFile, Catalog, Solve]:
    """The problem, the catalog and how to solve, in a worker; files that came along are laid down there."""
    problem_file, catalog, solve, files = pickle.loads(zlib.decompress(packed.data))
    if files:
        root = Path(mkdtemp(prefix="sweep."))
        problem, renamed = problem_file.problem, {}
        for place, (name, content) in enumerate(files.items()):
            kind, _, rest = name.partition("/")
            plain = rest if Path(rest).name == rest or kind == "catalog" else f"{place}-{Path(rest).name}"
            path = root / kind / plain
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            renamed[rest] = plain
        catalog = replace(catalog, folder=root / "catalog")
        problem_file = replace(
            problem_file, problem=reading(problem, renamed), path=root / "problem" / f"{problem.name[:40]}.yaml"
        )
    return problem_file, catalog, solve


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
    if packed.in_children:
        import signal

        # Ctrl-C reaches every process of a terminal; only the first one is to answer it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    problem_file, catalog, solve = unpack(packed)
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
