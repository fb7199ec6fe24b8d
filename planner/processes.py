"""What a process does that was started to solve programs side by side with others."""

from __future__ import annotations

import multiprocessing
import signal
import threading


def leave_interrupts() -> None:
    """Leave Ctrl-C to the process that started this one: it reaches every process of a terminal, and one is to answer.

    Does nothing in the first process, and in threads (as of Dask's workers), which hear no signal.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if multiprocessing.parent_process() is not None and in_main_thread:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
