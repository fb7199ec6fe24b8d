"""`plan breakpoints`: at which prices the best plan changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.answering import answer_console, finite, watched, writable
from planner.cli.solving import Gap, ProblemName, TimeLimit
from planner.files import write_whole


def breakpoints(
    problem: ProblemName,
    over: Annotated[
        list[str],
        typer.Option(
            metavar="PRICE",
            help="The price to move: price.GPU, price.PROVIDER, price.TERM, price.api or price.api.PROVIDER.  "
            "Several are moved one after the other.",
            show_default=False,
        ),
    ],
    low: Annotated[float, typer.Option("--from", help="The smallest factor; 1: as it is.", callback=finite)] = 0.5,
    high: Annotated[float, typer.Option("--to", help="The largest.", callback=finite)] = 1.5,
    together: Annotated[bool, typer.Option("--together", help="Move all of them at once, by one factor.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the answer as JSON.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON instead of tables.")] = False,
    gap: Gap = None,
    time_limit: TimeLimit = None,
) -> None:
    """Find every price at which the best plan changes, and what changes there, with few solves and no grid.

    Exact at a gap of zero; else each change lies in an interval that is proved.

    Exit code 0: found; 1: there is no plan at any of these prices; 2: wrong input; 3: not all is proved.

    [dim]Examples:[/dim]

        plan breakpoints enterprise70b --over price.b200-sxm --from 0.4 --to 1.6

        plan breakpoints problem.yaml --over price.h100-sxm --over price.b200-sxm --together --gap 0.02 -o flips.json
    """
    from json import dumps

    from planner import outlook, verbs
    from planner.outputs.breakpoints import breakpoints_object, show_breakpoints

    read = verbs.load(problem)
    writable(output, "-o", read.path)
    found = watched(
        lambda report: outlook.breakpoints(
            read, over, low=low, high=high, together=together, gap=gap, time_limit_s=time_limit, progress=report
        )
    )
    text = dumps([breakpoints_object(each) for each in found], indent=1)
    if output is not None:
        write_whole(output, text + "\n")
    if json:
        typer.echo(text)
    else:
        for each in found:
            show_breakpoints(each, answer_console())
    raise typer.Exit(0 if all(each.proved() for each in found) else 3)
