"""`plan targets` and `plan explain --why-not`: what a plan does not buy, and at what price it would."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.answering import answer_console, writable
from planner.cli.solving import Gap, ProblemName, TimeLimit
from planner.cli.sweeping import watched_processes
from planner.cli.swinging import Jobs
from planner.files import write_whole

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.problem.places import ProblemFile

Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the answer as JSON.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON instead of tables.")]


def answer_why_not(
    read: ProblemFile,
    plan: Plan | None,
    what: str,
    output: Path | None,
    json: bool,
    jobs: int,
    gap: float | None,
    time_limit: float | None,
    today: date,
) -> bool:
    """`plan explain --why-not`: solve, print and write; whether the plan that it is about is proved."""
    from json import dumps

    from planner import reasons
    from planner.outputs.whynot import show_whynot, whynot_object

    found = watched_processes(
        lambda report: reasons.why_not(
            read,
            what,
            plan=plan,
            gap=gap,
            time_limit_s=time_limit,
            jobs=jobs,
            today=today,
            place="--why-not",
            progress=report,
        )
    )
    text = dumps(whynot_object(found), indent=1)
    if output is not None:
        write_whole(output, text + "\n")
    if json:
        typer.echo(text)
    else:
        show_whynot(found, answer_console())
    return found.base.status == "optimal"


def targets(
    problem: ProblemName,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only offers of this GPU, provider, term, machine or API; may be given several times.",
            show_default=False,
        ),
    ] = None,
    output: Output = None,
    json: AsJson = False,
    jobs: Jobs = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
) -> None:
    """For whoever negotiates: the price that would win each seller business, and how far a chosen one may rise.

    Exit code 0: solved; 1: the problem has no plan; 2: wrong input; 3: the time limit left the plan unproved.

    [dim]Examples:[/dim]

        plan targets enterprise70b --only h200-sxm

        plan targets problem.yaml --gap 0.002 -o targets.json
    """
    from json import dumps

    from planner import reasons, verbs
    from planner.outputs.targets import show_targets, targets_object

    read = verbs.load(problem)
    writable(output, "-o", read.path)
    found = watched_processes(
        lambda report: reasons.targets(
            read,
            only=only or (),
            gap=gap,
            time_limit_s=time_limit,
            jobs=-1 if jobs is None else jobs,
            progress=report,
        )
    )
    text = dumps(targets_object(found), indent=1)
    if output is not None:
        write_whole(output, text + "\n")
    if json:
        typer.echo(text)
    else:
        show_targets(found, answer_console())
    raise typer.Exit(0 if found.base.status == "optimal" else 3)
