"""`plan sweep`: which plan wins at other prices, loads and limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.answering import INTERRUPTED, answer_console, progress_console, warn, watched, writable
from planner.cli.solving import Gap, ProblemName, Solver, TimeLimit
from planner.errors import Complaint, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.analysis.journal import Journal
    from planner.analysis.sweep import Solved
    from planner.cli.answering import Report, Result
    from planner.outputs.sweep import SweepPoint


def sweep(
    problem: ProblemName,
    over: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUES",
            help="What to sweep over: KEY=FROM..TO/N or KEY=a,b,c.  Several make a grid; with ; between, keys go "
            "together.  Prices and loads take factors: price.GPU, price.PROVIDER, price.TERM, price.api, "
            "price.api.PROVIDER, discount.TERM, traffic, traffic.WORKLOAD.  Any number of the problem file takes "
            "values, or factors with x: slo.chat.ttft_ms=200,400 or 0.5x..2x/4.  Left out: the file's `sweep:`.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the points as CSV, or as Parquet with their plans if FILE ends in .parquet; "
            "FILE.journal keeps every point and its plan as soon as it is solved.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with FILE.journal of a sweep that stopped.")] = False,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the sweep: a .png, .svg or .pdf.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the points as JSON instead of a chart.")] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Points solved side by side.", show_default="one per core")
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="ENGINE", help="Where points are solved: local, dask://HOST:PORT or ray://HOST:PORT.")
    ] = "local",
    gap: Gap = None,
    time_limit: TimeLimit = None,
    solver: Solver = None,
) -> None:
    """Solve a problem at other prices, loads or limits, and show where the answer changes.

    Factors multiply what the problem and the catalog say; 1 is as it is.

    [dim]Examples:[/dim]

        plan sweep enterprise70b --over price.h100-sxm=0.6..1.4/9

        plan sweep problem.yaml --over price.api=0.5,1,2 --over traffic=1..4/4 -o points.csv --gap 0.02

        plan sweep problem.yaml --over slo.chat.ttft_ms=200..1000/5 --chart ttft.png
    """
    from planner import verbs
    from planner.analysis.engines import engine_of
    from planner.analysis.journal import day_of, journal_of, open_journal, plans_in
    from planner.analysis.sweep import in_order, solve_points
    from planner.outputs.sweep_files import check_format, write_sweep

    read = verbs.load(problem)
    for path, option in ((output, "-o"), (chart, "--chart")):
        writable(path, option, read.path)
        check_format(path, option)
    if resume and output is None:
        raise InputError([Complaint("--resume", "goes on with FILE.journal.  Add -o FILE, as the first time.")])
    where = engine_of(engine)
    beside = journal_of(output) if output else None
    ask = {"gap": gap, "time_limit_s": time_limit, "solver": solver}
    today = day_of(beside) if beside and resume else None
    asked = verbs.plan_sweep(read, over or (), today=today, **ask)  # type: ignore[arg-type]
    total = len(asked.grid())
    if chart is not None and len(asked.dimensions) > 2:
        what = (
            f"{len(asked.dimensions)} dimensions cannot be drawn; one or two can.  Leave --chart out, or sweep fewer."
        )
        raise InputError([Complaint(f"--chart {chart}", what)])
    journal = open_journal(beside, asked, ask, resume) if beside else None
    found: list[Solved] = list(journal.done.values()) if journal else []
    if found:
        warn(f"{len(found):,} of {total:,} points were solved before.")
    interrupted = False
    try:
        to_come = solve_points(asked, where, -1 if jobs is None else jobs, {each.values for each in found})
        _collect(to_come, total, found, journal)
    except KeyboardInterrupt:
        interrupted = True
        if jobs != 1 and not where.is_elsewhere:
            stop_processes()
    finally:
        if journal:
            journal.close()
    points = [each.point for each in in_order(found, asked)]
    for each in found:
        if each.trouble:
            at = ", ".join(f"{key}={value:g}" for key, value in each.point.values.items())
            warn(f"{at}: {each.trouble}")
    _show(points, len(asked.dimensions), json)
    if output is not None and beside is not None and points:
        write_sweep(points, output, lambda: plans_in(beside))
    if chart is not None and points:
        from planner.outputs.sweep_chart import draw_sweep

        keys = [[axis.key for axis in dimension] for dimension in asked.dimensions]
        draw_sweep(points, keys, asked.words(), read.problem.title or read.problem.name, chart)
    if interrupted:
        kept = f"; {output} holds them, --resume goes on" if output is not None and points else ""
        warn(f"Interrupted: {len(points)} of {total} points were solved{kept}.")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(_exit_code(found))


def _collect(to_come: Iterator[Solved], total: int, found: list[Solved], journal: Journal | None) -> None:
    """Fill `found` as points are done, with a bar on a terminal; plans are left to the journal."""
    from dataclasses import replace

    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = progress_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    left = (TextColumn("left:"), TimeRemainingColumn())
    with Progress(*columns, *left, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("solving points", total=total, completed=len(found))
        for each in to_come:
            if journal:
                journal.keep(each)
            found.append(replace(each, plan=""))
            bar.advance(task)


def watched_processes(work: Callable[[Report], Result]) -> Result:
    """Long work that is done by processes, which end with it where it is interrupted."""
    try:
        return watched(work)
    except KeyboardInterrupt:
        stop_processes()
        raise


def stop_processes() -> None:
    """End processes that solve side by side."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=False, kill_workers=True)


def _show(points: list[SweepPoint], dimensions: int, json: bool) -> None:
    if json:
        from dataclasses import asdict
        from json import dumps

        typer.echo(dumps([asdict(point) for point in points], indent=1))
    elif points:
        from planner.outputs.sweep import show_sweep

        show_sweep(points, answer_console(), dimensions)


def _exit_code(found: list[Solved]) -> int:
    """0: every point has its answer; 1: none has a plan; 3: a limit stopped some; 4: some failed by our fault."""
    if any(each.trouble for each in found):
        return 4
    statuses = {each.point.status for each in found}
    if statuses & {"feasible", "stopped"}:
        return 3
    return 0 if "optimal" in statuses else 1
