"""`plan validate`, `plan init` and `plan import`: problem files before they are solved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.answering import answer_console, watched, writable
from planner.cli.solving import ProblemName
from planner.errors import Complaint, InputError
from planner.files import write_whole

import_app = typer.Typer(no_args_is_help=True, help="Turn the inputs of other planners into problem files.")


def validate(problem: ProblemName) -> None:
    """Say what a problem file asks for, or everything that is wrong with it.

    Exit code 0: it can be solved; 2: it has mistakes, all told at once.

    [dim]Example:[/dim]

        plan validate problem.yaml
    """
    from planner import verbs
    from planner.outputs.figures import count
    from planner.outputs.page import Line, Page

    read = verbs.load(problem)
    load = watched(lambda _report: verbs.validate(read))
    page = Page(answer_console())
    page.say(f"{read.problem.name}: {_counted(len(read.problem.workloads), 'workload')}", style="bold", indent=0)
    peak = {
        (workload, b.label): sum(
            load.mean_req_s.get((k.label, b.label), 0.0) for k in load.classes if k.workload == workload
        )
        for workload in read.problem.workloads
        for b in load.blocks
    }
    lines = []
    for name, workload in read.problem.workloads.items():
        windows = [w for w in load.windows if w.workload == name]
        hourly = max(rate for (workload_name, _), rate in peak.items() if workload_name == name)
        waiting = sum(sum(w.requests_month.values()) for w in windows)
        models = ", ".join(each if isinstance(each, str) else each.model for each in workload.models)
        under = [f"{models}; {_counted(sum(k.workload == name for k in load.classes), 'request class')}"]
        if windows:
            under.append(f"may wait: {count(waiting)} requests a month in {_counted(len(windows), 'window')}")
        else:
            under.append(f"burst factor {load.burst_factor[name]:g}: {load.burst_note[name]}")
        if load.merging_note[name]:
            under.append(load.merging_note[name])
        figures = ("-", "-") if windows else (f"{hourly:.4g}", f"{hourly * load.burst_factor[name]:.4g}")
        lines.append(Line(name, figures, under))
    page.table("Workloads", ("peak hour req/s", "planned for req/s"), lines)
    page.title("Hours")
    page.say(f"{_counted(len(load.blocks), 'load block')} of the week, hours merged only where nothing is lost.")


def _counted(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it; what is there stays.")] = Path("problem.yaml"),
) -> None:
    """Write a commented problem file to start from.

    [dim]Examples:[/dim]

        plan init

        plan init assistants/chat.yaml
    """
    from planner.problem.starter import starter_text

    taken = InputError([Complaint(str(file), "is there already and stays as it is.  Name another file.")])
    if file.exists():
        raise taken
    writable(file, "FILE")
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(starter_text(file.stem or "problem"))
    except FileExistsError:
        raise taken from None
    except OSError as error:
        raise InputError([Complaint(str(file), f"cannot be written: {error.strerror or error}.")]) from error
    typer.echo(f"Wrote {file}.  Edit it, then: plan solve {file}")


@import_app.command("melange")
def import_melange(
    file: Annotated[Path, typer.Argument(help="JSON with gpu_info, workload_distribution and total_request_rate.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here instead of to stdout.")
    ] = None,
) -> None:
    """Turn a Melange configuration into a problem file.

    Same GPUs, rates and prices; requests of one bucket may be split over GPUs in any proportion.

    [dim]Example:[/dim]

        plan import melange config.json -o problem.yaml && plan solve problem.yaml
    """
    from datetime import date

    from planner.problem.melange import melange_problem

    text = melange_problem(file, date.today())
    writable(output, "-o", file)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_whole(output, text)
        typer.echo(f"Wrote {output}.  Next: plan solve {output}")


@import_app.callback()
def imports() -> None:
    """Keeps `melange` a command of its own while it is the only one."""
