"""`plan evaluate`: what a given fleet costs and how well it serves a problem."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.answering import answer_console, watched, writable
from planner.cli.solving import EXIT_CODES, Gap, ProblemName, Solver, TimeLimit
from planner.files import write_whole


def files_here(*endings: str) -> Callable[[str], list[str]]:
    """Tab completion: folders and files with one of these endings."""

    def complete(incomplete: str) -> list[str]:
        typed = Path(incomplete)
        folder = typed if incomplete.endswith("/") else typed.parent
        try:
            near = sorted(folder.iterdir())
        except OSError:
            return []
        found = [f"{p}/" if p.is_dir() else str(p) for p in near if p.is_dir() or p.suffix in endings]
        return [name for name in found if name.startswith(incomplete)]

    return complete


def evaluate(
    problem: ProblemName,
    fleet: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="The fleet: machines with counts and terms, and what runs on them (docs/evaluate.md).",
            autocompletion=files_here(".yaml", ".yml"),
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the evaluation as JSON, whole or not at all."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the evaluation as JSON instead of tables.")] = False,
    against_best: Annotated[
        bool | None,
        typer.Option(
            "--against-best/--no-against-best",
            help="Also solve for the problem's own best plan, to its time limit.",
            show_default="for 10 s",
        ),
    ] = None,
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
    """Cost and check a fleet that you have or consider, with the rules and the bill of `plan solve`.

    Says how busy it is and when it is idle, what it cannot serve and why, and which rules of the problem it breaks.

    Exit code 0: it serves everything and breaks no rule; 1: it does not;

    2: the input is wrong; 3: stopped at the time limit.

    [dim]Examples:[/dim]

        plan evaluate problem.yaml --fleet today.yaml

        plan evaluate problem.yaml --fleet today.yaml -o before.json --against-best
    """
    from planner import verbs

    read = verbs.load(problem)
    given = verbs.load_fleet(fleet)
    writable(output, "-o", read.path)
    writable(output, "-o", given.path)
    limit = time_limit or read.problem.solver.time_limit_s
    within = {None: min(verbs.QUICKLY_S, limit), True: limit, False: None}[against_best]
    day = today.date() if today else date.today()
    found = watched(
        lambda report: verbs.evaluate(
            read,
            given,
            gap=gap,
            time_limit_s=time_limit,
            solver=solver,
            today=day,
            best_within_s=within,
            progress=report,
        )
    )
    if output is not None:
        write_whole(output, found.to_json() + "\n")
    if json:
        typer.echo(found.to_json())
    else:
        from planner.outputs.evaluation import show_evaluation

        show_evaluation(found, answer_console())
    raise typer.Exit(EXIT_CODES[found.plan.status] if found.fits else 1)
