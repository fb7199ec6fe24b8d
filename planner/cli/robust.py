"""`plan robust`: one plan for many scenarios."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.answering import a_share, answer_console, watched, writable
from planner.cli.solving import EXIT_CODES, Gap, ProblemName, Solver, TimeLimit
from planner.errors import Complaint, InputError
from planner.files import write_whole


class MadeSmall(StrEnum):
    """What is made small."""

    expected = "expected"
    worst = "worst"
    cvar = "cvar"
    regret = "regret"


def robust(
    problem: ProblemName,
    criterion: Annotated[
        MadeSmall,
        typer.Option(
            help="What is made small: the expected cost, the worst, the mean of the dearest scenarios (cvar), or the "
            "most that any costs beyond its own best plan (regret)."
        ),
    ] = MadeSmall.expected,
    tail: Annotated[
        float | None,
        typer.Option(
            help="With cvar: the share of the scenarios that counts as the dearest.",
            callback=a_share,
            show_default="0.1",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the plan as JSON, whole or not at all.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON instead of tables.")] = False,
    gap: Gap = None,
    time_limit: TimeLimit = None,
    solver: Solver = None,
    today: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="DATE", help="Count the age of prices from here.", show_default="today"
        ),
    ] = None,
) -> None:
    """Decide what to sign now for all `scenarios:` of a problem; what is rented then is decided in each.

    Says what each scenario costs, alone and with this signed, and what planning for all of them is worth.

    The time limit holds for each of its searches, of which there are some three for each scenario.

    Exit code 0: proved within the gap; 1: no plan; 2: the input is wrong; 3: not all is proved.

    [dim]Examples:[/dim]

        plan robust robust

        plan robust problem.yaml --criterion cvar --tail 0.2 -o robust.json
    """
    from planner import verbs

    if tail is not None and criterion is not MadeSmall.cvar:
        what = f"is the share of dearest scenarios for --criterion cvar; with {criterion.value} it says nothing."
        raise InputError([Complaint("--tail", what)])
    if tail == 0:
        raise InputError([Complaint("--tail", "0 of the scenarios have no mean.  Take --criterion worst.")])
    read = verbs.load(problem)
    writable(output, "-o", read.path)
    day = today.date() if today else date.today()
    found = watched(
        lambda report: verbs.robust(
            read,
            criterion=criterion.value,
            tail=tail or 0.1,
            gap=gap,
            time_limit_s=time_limit,
            solver=solver,
            today=day,
            progress=report,
        )
    )
    if output is not None:
        write_whole(output, found.to_json() + "\n")
    if json:
        typer.echo(found.to_json())
    else:
        from planner.outputs.robust import show_robust

        show_robust(found, answer_console())
    raise typer.Exit(EXIT_CODES[found.status])
