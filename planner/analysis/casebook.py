"""What is finished of long work, line by line in a file beside its output, so that it goes on where it was stopped.

The first line says what the work is; lines of other work are never taken for one's own.  A line that was cut off as it
was written is not there.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from planner.errors import Complaint, InputError


def fingerprint(*parts: object) -> str:
    """A short name of everything that an answer depends on."""
    return hashlib.sha256("\n".join(repr(part) for part in parts).encode()).hexdigest()[:32]


class Casebook:
    """Finished parts of the work that `work` names, in a file; `first` is kept with them."""

    def __init__(self, path: Path, work: str) -> None:
        self.path, self._work = path, work
        self.first: Any = None
        self.lines: list[Any] = []
        try:
            written = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
        except (OSError, UnicodeDecodeError) as error:
            raise self._refuse(f"cannot be read: {error}.") from None
        whole = written[:-1]
        if not whole:
            return
        try:
            head = json.loads(whole[0])
            self.lines = [json.loads(line) for line in whole[1:]]
        except ValueError:
            raise self._refuse("is no list of such cases.") from None
        if not isinstance(head, dict) or head.get("work") != work:
            raise self._refuse("is of another problem, other prices, another seed or another gap.")
        self.first = head["first"]

    def begin(self, first: Any) -> None:
        """Begin anew; what was cut off is gone."""
        self.first = first
        try:
            self.path.write_text(json.dumps({"work": self._work, "first": first}) + "\n", encoding="utf-8")
        except OSError as error:
            raise self._refuse(f"cannot be written: {error.strerror or error}.") from None

    def add(self, line: Any) -> None:
        """Add a finished part; it is on the disk when this returns."""
        with self.path.open("rb+") as file:
            whole = file.read().rfind(b"\n") + 1
            file.seek(whole)
            file.truncate()
            file.write((json.dumps(line) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())

    def _refuse(self, what: str) -> InputError:
        remedy = "  Remove it to begin anew, or name another output."
        return InputError([Complaint(str(self.path), what + remedy)])
