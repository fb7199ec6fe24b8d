"""`plan why-not` and `plan targets`: what a plan does not buy, and at what price it would."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.answering import answer_console, writable
from planner.cli.solving import Gap, ProblemName, TimeLimit
from planner.cli.sweeping import watched_processes
from planner.cli.swinging import Jobs
from planner.files import write_whole

Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the answer as JSON.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON instead of tables.")]


def why_not(
    problem: ProblemName,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A GPU, a provider, a term, an API, a machine, several of these with / between; or a precision, an "
            "engine, a model, a deployment.",
            show_default=False,
        ),
    ],
    output: Output = None,
    json: AsJson = False,
    jobs: Jobs = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
) -> None:
    """Say why the best plan does not use something: what it costs to use it, its price of entry, what excludes it.

    Exit code 0: answered; 1: the problem has no plan; 2: wrong input; 3: the time limit left the plan unproved.

    [dim]Examples:[/dim]

        plan why-not enterprise70b h200-sxm

        plan why-not problem.yaml aws/p5.48xlarge/1y --gap 0
    """
    from json import dumps

    from planner import reasons, verbs
    from planner.outputs.whynot import show_whynot, whynot_object

    read = verbs.load(problem)
    writable(output, "-o", read.path)
    found = watched_processes(
        lambda report: reasons.why_not(
            read, what, gap=gap, time_limit_s=time_limit, jobs=-1 if jobs is None else jobs, progress=report
        )
    )
    text = dumps(whynot_object(found), indent=1)
    if output is not None:
        write_whole(output, text + "\n")
    if json:
        typer.echo(text)
    else:
        show_whynot(found, answer_console())
    raise typer.Exit(0 if found.base.status == "optimal" else 3)


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
