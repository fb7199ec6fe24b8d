"""`plan breakeven`: from which volume on machines of one's own beat APIs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.answering import answer_console, watched, writable
from planner.cli.solving import Gap, ProblemName, TimeLimit
from planner.files import write_whole


def breakeven(
    problem: ProblemName,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the answer as JSON, with the fleet."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON instead of text.")] = False,
    gap: Gap = None,
    time_limit: TimeLimit = None,
) -> None:
    """Find the monthly volume, and the prices, at which self-hosting begins to win against APIs.

    All traffic is scaled together; its shape, objectives and rules stay.  Exact up to the gap of each solve.

    Exit code 0: found, or proved that there is none; 1: no API sells it or no machine serves it; 2: wrong input.

    [dim]Examples:[/dim]

        plan breakeven article-low-volume

        plan breakeven problem.yaml --gap 0.02 -o breakeven.json
    """
    from json import dumps

    from planner import verbs
    from planner.outputs.breakeven import breakeven_object, show_breakeven

    read = verbs.load(problem)
    writable(output, "-o", read.path)
    found = watched(lambda report: verbs.breakeven(read, gap=gap, time_limit_s=time_limit, progress=report))
    text = dumps(breakeven_object(found), indent=1)
    if output is not None:
        write_whole(output, text + "\n")
    if json:
        typer.echo(text)
    else:
        show_breakeven(found, answer_console())
