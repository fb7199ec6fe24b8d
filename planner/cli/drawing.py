"""`plan montecarlo`: how the cost may come out, and what it is worth to know."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.answering import answer_console, warn, writable
from planner.cli.solving import Gap, ProblemName, TimeLimit
from planner.cli.sweeping import watched_processes
from planner.cli.swinging import Jobs
from planner.files import write_whole


def montecarlo(
    problem: ProblemName,
    draws: Annotated[int, typer.Option(min=2, max=100_000, help="Cases drawn; scenarios are all solved.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same cases.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the answer as JSON; finished cases stand in FILE.cases.jsonl."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON instead of tables.")] = False,
    jobs: Jobs = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
) -> None:
    """Draw prices, loads and rates as the problem's `uncertainty:` says: what it costs then, and what knowing is worth.

    With -o, stopped work goes on where it was, and more draws go on from fewer.

    Exit code 0: every case is solved; 1: the problem has no plan; 2: wrong input; 3: a time limit left cases unproved;

    4: the planner failed at some.

    [dim]Examples:[/dim]

        plan montecarlo problem.yaml --draws 200 --seed 1 -o cases.json
    """
    from json import dumps

    from planner import outlook, verbs
    from planner.outputs.montecarlo import montecarlo_object, show_montecarlo

    read = verbs.load(problem)
    writable(output, "-o", read.path)
    found = watched_processes(
        lambda report: outlook.montecarlo(
            read,
            draws=draws,
            seed=seed,
            journal=output.with_name(f"{output.name}.cases.jsonl") if output is not None else None,
            gap=gap,
            time_limit_s=time_limit,
            jobs=-1 if jobs is None else jobs,
            progress=report,
        )
    )
    text = dumps(montecarlo_object(found), indent=1)
    if output is not None:
        write_whole(output, text + "\n")
    if json:
        typer.echo(text)
    else:
        show_montecarlo(found, answer_console())
    for cast in found.casts:
        if cast.trouble:
            warn(f"{cast.asked.name}: {cast.trouble}")
    if any(cast.trouble for cast in found.casts):
        raise typer.Exit(4)
    statuses = {arm.status for cast in found.casts for arm in (cast.solved, cast.kept, cast.waiting)}
    raise typer.Exit(3 if statuses & {"feasible", "stopped"} else 0)
