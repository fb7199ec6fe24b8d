"""`plan tornado`: which price, load or rate moves the cost most."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.answering import answer_console, writable
from planner.cli.solving import Gap, ProblemName, TimeLimit
from planner.cli.sweeping import watched_processes
from planner.files import write_whole

Jobs = Annotated[int | None, typer.Option(min=1, help="Problems solved side by side.", show_default="one per core")]


def tornado(
    problem: ProblemName,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the answer as JSON.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON instead of tables.")] = False,
    jobs: Jobs = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
) -> None:
    """Move every price, load and rate to both ends of its range, one at a time: what sways the cost, and the regret.

    Ranges are those of `uncertainty:` in the problem; else of the catalog's prices, and 20 % either way.

    Exit code 0: solved; 1: the problem has no plan; 2: wrong input; 3: the time limit left some ends unproved.

    [dim]Examples:[/dim]

        plan tornado enterprise70b

        plan tornado problem.yaml --gap 0.002 -o tornado.json
    """
    from json import dumps

    from planner import outlook, verbs
    from planner.outputs.tornado import show_tornado, tornado_object

    read = verbs.load(problem)
    writable(output, "-o", read.path)
    found = watched_processes(
        lambda report: outlook.tornado(
            read, gap=gap, time_limit_s=time_limit, jobs=-1 if jobs is None else jobs, progress=report
        )
    )
    text = dumps(tornado_object(found), indent=1)
    if output is not None:
        write_whole(output, text + "\n")
    if json:
        typer.echo(text)
    else:
        show_tornado(found, answer_console())
    open_ends = {end.status for swing in found.swings for end in swing.ends} & {"feasible", "stopped"}
    raise typer.Exit(3 if open_ends else 0)
