"""`plan sweep`: which plan wins at other prices and loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.answering import INTERRUPTED, answer_console, progress_console, warn, writable
from planner.cli.solving import Gap, ProblemName, Solver, TimeLimit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.analysis.sweep import Solved
    from planner.outputs.sweep import SweepPoint


def sweep(
    problem: ProblemName,
    over: Annotated[
        list[str],
        typer.Option(
            metavar="KEY=VALUES",
            help="What to multiply by which factors: KEY=FROM..TO/N or KEY=a,b,c.  Several make a grid.  Keys: "
            "price.GPU, price.PROVIDER, price.TERM, price.api, price.api.PROVIDER, traffic, traffic.WORKLOAD.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the points as CSV, also if interrupted."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the points as JSON instead of a chart.")] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Points solved side by side.", show_default="one per core")
    ] = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
    solver: Solver = None,
) -> None:
    """Solve a problem at other prices or loads, and show where the answer changes.

    Factors multiply what the problem and the catalog say; 1 is as it is.

    [dim]Examples:[/dim]

        plan sweep enterprise70b --over price.h100-sxm=0.6..1.4/9

        plan sweep problem.yaml --over price.api=0.5,1,2 --over traffic=1..4/4 -o points.csv --gap 0.02
    """
    from planner import verbs

    read = verbs.load(problem)
    writable(output, "-o", read.path)
    to_come = verbs.sweep(
        read, over, gap=gap, time_limit_s=time_limit, solver=solver, jobs=-1 if jobs is None else jobs
    )
    found: list[Solved] = []
    interrupted = False
    try:
        _collect(to_come, _points(over), found)
    except KeyboardInterrupt:
        interrupted = True
        if jobs != 1:
            _stop_processes()
    points = sorted((each.point for each in found), key=lambda point: tuple(point.values.values()))
    for each in found:
        if each.trouble:
            at = ", ".join(f"{key}={value:g}" for key, value in each.point.values.items())
            warn(f"{at}: {each.trouble}")
    _show(points, json)
    if output is not None and points:
        from planner.outputs.sweep import write_sweep

        write_sweep(points, output)
    if interrupted:
        kept = f"; {output} holds them" if output is not None and points else ""
        warn(f"Interrupted: {len(points)} of {_points(over)} points were solved{kept}.")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(_exit_code(found))


def _points(over: list[str]) -> int:
    from math import prod

    from planner.analysis.sweep import parse_axis

    return prod(len(parse_axis(text).factors) for text in over)


def _collect(to_come: Iterator[Solved], total: int, found: list[Solved]) -> None:
    """Fill `found` as points are done, with a bar on a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = progress_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("solving points", total=total)
        for each in to_come:
            found.append(each)
            bar.advance(task)


def _stop_processes() -> None:
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=False, kill_workers=True)


def _show(points: list[SweepPoint], json: bool) -> None:
    if json:
        from dataclasses import asdict
        from json import dumps

        typer.echo(dumps([asdict(point) for point in points], indent=1))
    elif points:
        from planner.outputs.sweep import show_sweep

        show_sweep(points, answer_console())


def _exit_code(found: list[Solved]) -> int:
    """0: every point has its answer; 1: none has a plan; 3: a limit stopped some; 4: some failed by our fault."""
    if any(each.trouble for each in found):
        return 4
    statuses = {each.point.status for each in found}
    if statuses & {"feasible", "stopped"}:
        return 3
    return 0 if "optimal" in statuses else 1
