"""How every command ends: errors as sentences on stderr with their exit code, long work with progress.

No command catches what is caught here.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import TyperGroup

from planner.errors import Complaint, InputError, PlannerError

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130
OUR_FAULT = 4
WORKER = "long work"
QUIET_S = 2.0
"""Work that is done sooner shows no progress."""

Result = TypeVar("Result")
Report = Callable[[str, float | None, float | None], None]
"""Called with what is being done, the best cost so far and the bound so far."""


class Answering(TyperGroup):
    """Turns what the planner raises into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            warn("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except PlannerError as error:
            if ctx.params.get("debug") and error.exit_code == OUR_FAULT:
                raise
            warn(str(error))
            if error.exit_code == OUR_FAULT:
                warn(ASK_FOR_REPORT)
            raise typer.Exit(error.exit_code) from None
        except Exception as error:
            # Exit, Abort and usage errors are the command line's own ways to end.
            if isinstance(error, typer.Exit | typer.Abort) or hasattr(error, "exit_code") or ctx.params.get("debug"):
                raise
            if isinstance(error, BrokenPipeError):
                raise
            if isinstance(error, OSError):
                warn(f"The system refused: {error}.")
                raise typer.Exit(OUR_FAULT) from None
            warn(f"The planner failed: {type(error).__name__}: {error}")
            warn(ASK_FOR_REPORT)
            raise typer.Exit(OUR_FAULT) from None


ASK_FOR_REPORT = (
    "  This is our mistake, not yours.  Please report it with the command and the problem file;\n"
    "  `plan --debug ...` shows where it happened."
)


def keep_stdout_clean() -> None:
    """Keep stdout for Python's answer; what libraries print below Python goes to stderr, in this and child processes.

    HiGHS 1.12 and later print a line of their own at times even when silent (ERGO-Code/HiGHS issue 2783), which would
    stand in the middle of --json.
    """
    try:
        sys.stdout.flush()
        kept = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):
        return  # without a stdout or a stderr there is nothing to keep apart
    encoding = sys.stdout.encoding
    sys.stdout = os.fdopen(kept, "w", buffering=1 if os.isatty(kept) else -1, encoding=encoding, errors="replace")


def hush_cleaning() -> None:
    """Let what tidies up after stopped workers do so in silence: it warns of each thing that Ctrl-C left to it.

    It is a Python process of its own (loky's resource tracker), so this goes by the environment.
    """
    asked = (os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, asked))


def answer_console() -> Console:
    """Where the answer is printed: stdout.  Colors only on a terminal, and never with NO_COLOR."""
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False)


def progress_console() -> Console:
    """Where progress is shown: stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def warn(text: str) -> None:
    """A message for a person, on stderr; control characters of names in it are made visible."""
    from planner.problem.places import printable

    typer.echo("\n".join(printable(line) for line in text.split("\n")), err=True)


def finite(value: float | None) -> float | None:
    """Option callback: a number above 0 that is neither infinite nor no number."""
    if value is not None and not 0 < value < float("inf"):
        raise typer.BadParameter(f"{value:g} is not possible; give a number above 0.")
    return value


def a_share(value: float | None) -> float | None:
    """Option callback: a share from 0 to 1."""
    if value is not None and not 0 <= value <= 1:
        hint = f"  Did you mean {value / 100:g}?" if 1 < value <= 100 else ""
        raise typer.BadParameter(f"{value:g} is not possible; a share is between 0 and 1.{hint}")
    return value


def writable(path: Path | None, option: str, source: Path | None = None) -> None:
    """Raise `InputError` before any work if a file cannot be written at `path`, or would replace its own source."""
    if path is None:
        return
    if source is not None and path.exists() and path.samefile(source):
        raise InputError([Complaint(f"{option} {path}", "is the file that is read.  Name another one.")])
    if path.is_dir():
        raise InputError([Complaint(f"{option} {path}", "is a folder.  Name a file in it.")])
    if not path.parent.is_dir():
        raise InputError([Complaint(f"{option} {path}", f"there is no folder {path.parent}.  Make it first.")])


def watched(work: Callable[[Report], Result]) -> Result:
    """Do long work in a thread, so that Ctrl-C is heard at once; after two seconds show how it stands."""
    latest: list[tuple[str, float | None, float | None]] = [("starting", None, None)]
    done: Future[Result] = Future()

    def report(doing: str, best: float | None, bound: float | None) -> None:
        latest[0] = (doing, best, bound)

    def run() -> None:
        try:
            done.set_result(work(report))
        except BaseException as error:
            done.set_exception(error)

    started = time.monotonic()
    threading.Thread(target=run, name=WORKER, daemon=True).start()
    _wait(done, QUIET_S)
    if not done.done():
        console = progress_console()
        if console.is_terminal:
            with console.status("") as status:
                while not done.done():
                    status.update(_standing(*latest[0], time.monotonic() - started))
                    _wait(done, 0.2)
    return done.result()


def still_solving() -> bool:
    """Whether work that was interrupted goes on in its thread."""
    return any(thread.name == WORKER for thread in threading.enumerate())


def _wait(done: Future[Any], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done.done() and time.monotonic() < until:
        time.sleep(0.02)


def _standing(doing: str, best: float | None, bound: float | None, seconds: float) -> str:
    from planner.outputs.figures import percent, usd

    parts = [doing]
    if best is not None:
        parts.append(f"best {usd(best)} a month")
    if bound is not None and bound > 0:
        parts.append(f"at least {usd(bound)}")
        if best:
            parts.append(f"gap {percent(max(0.0, (best - bound) / best))}")
    return ", ".join([*parts, f"{seconds:.0f} s"])
