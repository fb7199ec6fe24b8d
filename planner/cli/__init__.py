"""The command `plan`: parse, call a verb, print.

The answer goes to stdout, progress and warnings to stderr.  Exit codes: 0 a plan, 1 no plan, 2 the input is wrong,
3 stopped at a limit, 4 our fault, 130 interrupted.  Modules import what a command needs inside the command.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from planner.cli.alternatives import alternatives
from planner.cli.answering import INTERRUPTED, Answering, hush_cleaning, keep_stdout_clean, still_solving
from planner.cli.breaking_even import breakeven
from planner.cli.breaking_points import breakpoints
from planner.cli.calibrating import calibrate
from planner.cli.catalogs import catalog_app
from planner.cli.comparing import compare, rfq
from planner.cli.drawing import montecarlo
from planner.cli.estimating import estimate
from planner.cli.evaluating import evaluate
from planner.cli.explaining import explain
from planner.cli.limiting import frontier
from planner.cli.problems import import_app, init, validate
from planner.cli.reasons import targets
from planner.cli.robust import robust
from planner.cli.solving import solve
from planner.cli.sweeping import sweep
from planner.cli.swinging import tornado

app = typer.Typer(
    name="plan",
    cls=Answering,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Decide which GPUs to buy, rent and reserve to serve language models, at the least proven monthly cost.",
    epilog="Begin with [bold]plan init[/bold], then [bold]plan solve problem.yaml[/bold]; or try the example: "
    "[bold]plan solve enterprise70b[/bold].",
)
app.command()(solve)
app.command()(validate)
app.command()(init)
app.command()(explain)
app.command()(sweep)
app.command()(breakpoints)
app.command()(breakeven)
app.command()(robust)
app.command()(tornado)
app.command()(montecarlo)
app.command()(frontier)
app.command()(targets)
app.command()(alternatives)
app.command()(evaluate)
app.command()(compare)
app.command()(rfq)
app.command()(calibrate)
app.command()(estimate)
app.add_typer(catalog_app, name="catalog")
app.add_typer(import_app, name="import")


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version as installed

        typer.echo(f"fleet-planner {installed('fleet-planner')}")
        raise typer.Exit


@app.callback()
def every_command(
    debug: Annotated[
        bool, typer.Option("--debug", envvar="PLAN_DEBUG", help="Show tracebacks of the planner's own faults.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    # A name that this terminal cannot show is no reason to withhold the answer.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")


def main() -> None:
    """The console script."""
    keep_stdout_clean()
    hush_cleaning()
    try:
        app()
    except SystemExit as ended:
        if ended.code != INTERRUPTED or not still_solving():
            raise
        # The solver's threads would hold up the exit until its time limit.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)
