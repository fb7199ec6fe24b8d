"""`plan solve`: the cheapest plan of a problem, on the terminal and in files."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.answering import a_share, answer_console, finite, progress_console, warn, watched, writable
from planner.errors import Complaint, InputError, NoCandidate

if TYPE_CHECKING:
    from rich.console import Console

    from planner.plan import Plan
    from planner.problem.places import ProblemFile

QUICKLY_S = 5.0
"""Ways out of a problem with no plan are looked for so long."""
EXIT_CODES = {"optimal": 0, "infeasible": 1, "feasible": 3, "stopped": 3}
"""What each status of a plan comes to; "feasible" is a plan whose gap is not proved as asked."""


def problems_here(incomplete: str) -> list[str]:
    """Tab completion: the shipped examples and the YAML files at hand."""
    from planner.catalog.shipped import shipped_folder

    shipped = [path.stem for path in sorted(shipped_folder("problems").glob("*.yaml"))]
    typed = Path(incomplete)
    folder = typed if incomplete.endswith("/") else typed.parent
    try:
        near = sorted(folder.iterdir())
    except OSError:
        near = []
    paths = [f"{path}/" if path.is_dir() else str(path) for path in near if path.is_dir() or path.suffix == ".yaml"]
    return [name for name in (*shipped, *paths) if name.startswith(incomplete)]


ProblemName = Annotated[
    str,
    typer.Argument(
        metavar="PROBLEM",
        help="A problem file, or a shipped example by name.",
        autocompletion=problems_here,
        show_default=False,
    ),
]
Gap = Annotated[
    float | None,
    typer.Option(
        help="Stop when proved to be within this share of the best; default: the problem's.",
        callback=a_share,
        show_default=False,
    ),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", help="Stop after so long; default: the problem's.", callback=finite, show_default=False
    ),
]
Solver = Annotated[
    str | None, typer.Option(help="Any solver that PuLP finds; default: the problem's.", show_default=False)
]


def solve(
    problem: ProblemName,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the plan as JSON, whole or not at all.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON instead of tables.")] = False,
    csv: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write the plan as CSV tables.")] = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
    solver: Solver = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=256, help="Programs solved side by side.", show_default=False)
    ] = None,
    today: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="DATE", help="Count the age of prices from here.", show_default="today"
        ),
    ] = None,
    max_price_age: Annotated[
        int | None, typer.Option(min=0, metavar="DAYS", help="Refuse a plan that relies on older prices.")
    ] = None,
) -> None:
    """Find the cheapest plan for a problem and prove how good it is.

    Exit code 0: proved within the gap asked for; 1: no plan; 2: the input is wrong; 3: stopped at the time limit.

    [dim]Examples:[/dim]

        plan solve enterprise70b

        plan solve problem.yaml -o plan.json --gap 0.005 --time-limit 300

        plan solve problem.yaml --json | jq .usd_month
    """
    from planner import verbs

    read = verbs.load(problem)
    writable(output, "-o", read.path)
    day = today.date() if today else date.today()
    asked: dict[str, Any] = {"gap": gap, "time_limit_s": time_limit, "solver": solver, "threads": threads}
    try:
        plan = watched(lambda report: verbs.solve(read, **asked, today=day, progress=report))
    except NoCandidate as error:
        warn(str(error))
        plan, served = _no_plan(read, str(error), gap, solver, day), False
    else:
        served = True
        if max_price_age is not None:
            refuse_old_prices(plan, max_price_age, day)
    # Files first: whoever reads the answer through a pipe may stop reading.
    if output is not None:
        _write(plan, output)
    if csv is not None:
        from planner.outputs.tables import write_tables

        write_tables(plan, csv)
    if json:
        typer.echo(plan.to_json())
    elif served:
        from planner.outputs.terminal import show_plan

        show_plan(plan, answer_console())
    if plan.status == "infeasible" and not json:
        show_ways_out(read, day, answer_console() if served else progress_console())
    raise typer.Exit(EXIT_CODES[plan.status])


def show_ways_out(read: ProblemFile, day: date, console: Console) -> None:
    """How little would have to give way for a plan, as far as that is known within seconds."""
    from planner import outlook
    from planner.outputs.waysout import show_ways_out as show

    found = watched(lambda report: outlook.ways_out(read, limit_s=QUICKLY_S, today=day, progress=report))
    if found.single or found.together or not found.untold:
        show(found, console)
    else:
        said = f"How little would have to give way was not known within {QUICKLY_S:g} s."
        console.print(f"\n{said}  `plan explain` looks longer.", soft_wrap=True)


def refuse_old_prices(plan: Plan, most_days: int, today: date) -> None:
    """Raise `InputError` with every price of the plan that was seen more than so many days before `today`."""
    seen = {
        f"{bought.provider} {bought.machine} {bought.term}": (bought.observed_on, bought.source)
        for bought in plan.purchases
        if not bought.existing
    }
    seen |= {f"{api.provider} API {api.model}": (api.observed_on, api.source) for api in plan.apis}
    old = {what: since for what, since in seen.items() if (today - since[0]).days > most_days}
    if not old:
        return
    oldest = max((today - day).days for day, _ in old.values())
    complaints = [
        Complaint(
            f"{what} ({source})",
            f"was last seen {day}, {(today - day).days} days ago; --max-price-age is {most_days} days.",
        )
        for what, (day, source) in sorted(old.items(), key=lambda item: item[1][0])
    ]
    remedy = "Give a quote of your own under procurement.quotes, correct the row in catalogs/prices"
    complaints.append(Complaint("--max-price-age", f"{remedy}, or accept with --max-price-age {oldest}."))
    raise InputError(complaints)


def _no_plan(read: ProblemFile, why: str, gap: float | None, solver: str | None, today: date) -> Plan:
    """The plan of a problem that nothing can serve, for programs that read plans."""
    from planner.plan import Plan, PricesObserved

    problem = read.problem
    return Plan(
        problem=problem.name,
        title=problem.title,
        status="infeasible",
        usd_month=None,
        usd_month_decided=None,
        bound_usd_month=None,
        gap=None,
        gap_asked=problem.solver.gap if gap is None else gap,
        solver=solver or problem.solver.name,
        solve_s=0,
        month_hours=problem.month_hours,
        in_the_way=tuple(line.strip() for line in why.splitlines()),
        prices_observed=PricesObserved(today=today, oldest=None, newest=None, oldest_days=None),
    )


def _write(plan: Plan, path: Path) -> None:
    try:
        plan.write(path)
    except OSError as error:
        what = f"the plan cannot be written: {error.strerror or error}.  Name another file."
        raise InputError([Complaint(f"-o {path}", what)]) from error
