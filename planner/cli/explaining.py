"""`plan explain`: why a plan is as it is."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.answering import answer_console, warn, watched, writable
from planner.cli.reasons import answer_why_not
from planner.cli.solving import Gap, TimeLimit, problems_here
from planner.cli.sweeping import watched_processes
from planner.cli.swinging import Jobs
from planner.errors import Complaint, InputError, NoCandidate
from planner.files import write_whole

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.problem.places import ProblemFile

NO_PLAN_S = 120.0
"""Ways out of a problem with no plan are looked for so long."""


def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="PROBLEM|PLAN.JSON",
            help="A problem file, a shipped example by name, or JSON of `plan solve -o`.",
            autocompletion=problems_here,
            show_default=False,
        ),
    ],
    problem: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The problem of a plan; left out: the file beside it, or the example, of the plan's name.",
            show_default=False,
        ),
    ] = None,
    why_not: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="Say instead why the plan does not use this GPU, provider, term, API or machine (several with / "
            "between), or this precision, engine, model or deployment; and at what price it would.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the answer as JSON.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON instead of tables.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only what needs no solving again.")] = False,
    jobs: Jobs = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
    today: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="DATE", help="Count the age of prices from here.", show_default="today"
        ),
    ] = None,
) -> None:
    """Say what drives the bill, what each workload costs, which limits bind, what is idle, and how sure all that is.

    Exit code 0: explained; 1: no plan, with what would have to give way; 2: wrong input; 3: something is left unproved.

    [dim]Examples:[/dim]

        plan explain enterprise70b

        plan explain enterprise70b --why-not h200-sxm

        plan solve problem.yaml -o plan.json && plan explain plan.json --problem problem.yaml
    """
    from planner import explaining
    from planner.outputs.explanation import show_explanation

    read, plan = problem_and_plan(what, problem)
    writable(output, "-o", read.path if plan is None else Path(what))
    day = today.date() if today else date.today()
    side_by_side = -1 if jobs is None else jobs
    if why_not is not None:
        proved = answer_why_not(read, plan, why_not, output, json, side_by_side, gap, time_limit, day)
        raise typer.Exit(0 if proved else 3)
    try:
        found = watched_processes(
            lambda report: explaining.explain(
                read,
                plan,
                gap=gap,
                time_limit_s=time_limit,
                jobs=side_by_side,
                quick=quick,
                today=day,
                progress=report,
            )
        )
    except NoCandidate as error:
        if plan is not None or quick:
            raise
        warn(str(error))
        explain_no_plan(read, day, output, json)
        raise typer.Exit(1) from None
    if output is not None:
        write_whole(output, found.to_json() + "\n")
    if json:
        typer.echo(found.to_json())
    else:
        show_explanation(found, answer_console())
    raise typer.Exit(3 if found.unproved else 0)


def explain_no_plan(read: ProblemFile, day: date, output: Path | None, json: bool) -> None:
    """How little would have to give way for a plan, looked for as long as a user waits."""
    from json import dumps

    from planner import outlook
    from planner.outputs.waysout import show_ways_out, ways_out_object

    found = watched(lambda report: outlook.ways_out(read, limit_s=NO_PLAN_S, today=day, progress=report))
    text = dumps(ways_out_object(found), indent=1)
    if output is not None:
        write_whole(output, text + "\n")
    if json:
        typer.echo(text)
    else:
        show_ways_out(found, answer_console())


def problem_and_plan(what: str, problem: str | None) -> tuple[ProblemFile, Plan | None]:
    """What is to be explained.  Raises `InputError` where a plan's problem is not found."""
    from planner import verbs
    from planner.plan_file import read_plan

    if not what.endswith(".json"):
        return verbs.load(problem or what), None
    plan, _ = read_plan(what)
    beside = Path(what).with_name(f"{plan.problem}.yaml")
    try:
        return verbs.load(problem or (beside if beside.exists() else plan.problem)), plan
    except InputError:
        if problem is not None:
            raise
        said = f"is a plan for {plan.problem}, of which no problem file is here.  Name it with --problem."
        raise InputError([Complaint(what, said)]) from None
