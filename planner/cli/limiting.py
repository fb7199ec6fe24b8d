"""`plan frontier`: what a limit costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.answering import answer_console, watched, writable
from planner.cli.solving import Gap, ProblemName, TimeLimit
from planner.files import write_whole


def frontier(
    problem: ProblemName,
    of: Annotated[
        str,
        typer.Option(
            metavar="LIMIT",
            help="The limit to turn: slo.WORKLOAD.ttft_ms (tpot_ms, e2e_ms), spot_share, provider_share, kept_share, "
            "mean_quality.WORKLOAD.",
            show_default=False,
        ),
    ],
    points: Annotated[int, typer.Option(min=2, max=1000, help="Solve at most so often.")] = 20,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the answer as JSON.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON instead of tables.")] = False,
    gap: Gap = None,
    time_limit: TimeLimit = None,
) -> None:
    """Turn a limit from its loosest to the tightest that can be kept, and show what it costs on the way.

    Exit code 0: solved; 1: no plan even at the loosest; 2: wrong input; 3: the time limit left some unproved.

    [dim]Examples:[/dim]

        plan frontier enterprise70b --of slo.chat.tpot_ms

        plan frontier problem.yaml --of spot_share --points 30 -o frontier.json
    """
    from json import dumps

    from planner import outlook, verbs
    from planner.outputs.frontier import frontier_object, show_frontier

    read = verbs.load(problem)
    writable(output, "-o", read.path)
    found = watched(
        lambda report: outlook.frontier(read, of, points=points, gap=gap, time_limit_s=time_limit, progress=report)
    )
    text = dumps(frontier_object(found), indent=1)
    if output is not None:
        write_whole(output, text + "\n")
    if json:
        typer.echo(text)
    else:
        show_frontier(found, answer_console())
    raise typer.Exit(3 if any(not each.settled(found.gap) for each in found.points) else 0)
