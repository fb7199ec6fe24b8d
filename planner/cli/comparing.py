"""`plan compare` and `plan rfq`: what is done with plans that are there already."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.answering import answer_console, watched, writable
from planner.cli.evaluating import files_here
from planner.cli.solving import Gap, TimeLimit
from planner.errors import Complaint, InputError
from planner.files import write_whole

PlanFile = Annotated[
    Path,
    typer.Argument(
        help="JSON of `plan solve -o` or `plan evaluate -o`.",
        autocompletion=files_here(".json"),
        show_default=False,
    ),
]


def compare(
    before: PlanFile,
    after: PlanFile,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the comparison as JSON, whole or not at all."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON instead of tables.")] = False,
) -> None:
    """Put two plans beside each other: both bills, machines kept, added and returned, and what each change saves.

    The steps add up exactly to the difference of the two bills.  Exit code 0; 2: a file is no plan.

    [dim]Example:[/dim]

        plan compare before.json after.json
    """
    from planner import verbs
    from planner.plan_file import read_plan

    first, said = read_plan(before)
    second, also = read_plan(after)
    for source in (before, after):
        writable(output, "-o", source)
    found = verbs.compare(first, second, notes=(*said, *also))
    if output is not None:
        write_whole(output, found.to_json() + "\n")
    if json:
        typer.echo(found.to_json())
    else:
        from planner.outputs.comparison import show_comparison

        show_comparison(found, answer_console())


def rfq(
    plan: PlanFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write it here: .csv for a table, .md for a sheet.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the lines as JSON instead of the sheet.")] = False,
    start: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="The day from which machines are wanted.",
            show_default="the first of next month",
        ),
    ] = None,
    problem: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The plan's problem: also say up to which price to accept a quote, a solve for each line.",
            show_default=False,
        ),
    ] = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
) -> None:
    """Turn a plan into a request for quotes, a sheet for each provider, ready to be filled in.

    What is already paid for and spot, which is bought at the market, are not asked for.

    Exit code 0; 1: the plan has nothing to ask for; 2: the file is no plan.

    [dim]Examples:[/dim]

        plan rfq plan.json -o rfq.md

        plan rfq plan.json -o rfq.csv --start 2027-01-01

        plan rfq plan.json --problem enterprise70b -o rfq.md
    """
    from planner import outlook, verbs
    from planner.outputs.rfq import as_csv, as_json, as_markdown, quote_lines
    from planner.plan_file import read_plan

    if output is not None and output.suffix not in (".csv", ".md"):
        raise InputError([Complaint(f"-o {output}", "ends in neither .csv nor .md.  Name the file with one of them.")])
    writable(output, "-o", plan)
    read, _ = read_plan(plan)
    accepted = None
    if problem is not None:
        asked = verbs.load(problem)
        accepted = watched(
            lambda report: outlook.walk_away(asked, read, gap=gap, time_limit_s=time_limit, progress=report)
        )
    lines = quote_lines(read, start.date() if start else None, accepted)
    if output is not None:
        write_whole(output, as_csv(lines) if output.suffix == ".csv" else as_markdown(read, lines))
    if json:
        typer.echo(as_json(lines))
    elif output is None:
        typer.echo(as_markdown(read, lines), nl=False)
    raise typer.Exit(0 if lines else 1)
