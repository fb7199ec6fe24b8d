"""`plan alternatives`: other plans that cost little more than the best one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.answering import answer_console, writable
from planner.cli.solving import Gap, ProblemName, TimeLimit
from planner.cli.sweeping import watched_processes
from planner.cli.swinging import Jobs
from planner.errors import Complaint, InputError

if TYPE_CHECKING:
    from planner.analysis.alternatives import Alternatives


def as_share(text: str) -> float:
    """A tolerance as it is typed: 5% or 0.05.  Raises `typer.BadParameter` for what is neither."""
    number = text.strip()
    try:
        share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        raise typer.BadParameter(f"{text} is no number; give 5% or 0.05.") from None
    if not 0 <= share <= 1:
        hint = f"  Did you mean {share:g}%?" if 1 < share <= 100 else ""
        raise typer.BadParameter(f"{text} is not possible; a tolerance is between 0% and 100%.{hint}")
    return share


def alternatives(
    problem: ProblemName,
    within: Annotated[
        float, typer.Option(metavar="SHARE", parser=as_share, help="How much more a plan may cost.")
    ] = "5%",  # type: ignore[assignment]
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Write the best plan and every other as JSON in FOLDER."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON instead of tables.")] = False,
    jobs: Jobs = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
) -> None:
    """Show plans that cost little more than the best one and are simpler, freer or roomier.

    Fewest providers, GPU types, deployments and machines, shortest terms, no commitments, least upfront cash, no spot,
    one GPU vendor, no APIs, only APIs, most headroom: each as far as the tolerance goes, and what costs more.

    Exit code 0: solved; 1: the problem has no plan; 2: wrong input; 3: the time limit left some unproved.

    [dim]Examples:[/dim]

        plan alternatives enterprise70b

        plan alternatives problem.yaml --within 2% -o others/
    """
    from json import dumps

    from planner import explaining, verbs
    from planner.outputs.alternatives import alternatives_object, show_alternatives

    read = verbs.load(problem)
    folder_for(output)
    found = watched_processes(
        lambda report: explaining.alternatives(
            read,
            within_share=within,
            gap=gap,
            time_limit_s=time_limit,
            jobs=-1 if jobs is None else jobs,
            progress=report,
        )
    )
    if output is not None:
        write_plans(found, output)
    if json:
        typer.echo(dumps(alternatives_object(found), indent=1))
    else:
        show_alternatives(found, answer_console())
    raise typer.Exit(0 if found.proved else 3)


def folder_for(output: Path | None) -> None:
    """Raise `InputError` before any work if there can be no such folder."""
    if output is None or output.is_dir():
        return
    if output.exists():
        raise InputError([Complaint(f"-o {output}", "is a file.  Name a folder: each plan is a file in it.")])
    writable(output, "-o")


def write_plans(found: Alternatives, folder: Path) -> None:
    """The best plan and every other, each in a file of its own."""
    from planner.outputs.alternatives import names

    folder.mkdir(exist_ok=True)
    found.best.write(folder / "best.json")
    for name, each in zip(names(found), found.found, strict=True):
        each.plan.write(folder / f"{name}.json")
