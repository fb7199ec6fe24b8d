"""Where in a problem file something stands, so that a complaint can name file, line and key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from planner.errors import Complaint
from planner.problem.schema import Problem

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of the file, e.g. ("workloads", "chat", "models", 0)."""


class Finding(NamedTuple):
    """A mistake before it is placed: which key, and what is wrong with the remedy."""

    at: KeyPath
    what: str


def printable(text: str) -> str:
    r"""Text of a file as it may be shown: nothing in it moves the cursor or breaks the line.

    >>> printable("two\nlines")
    'two\\nlines'
    """
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def dotted(path: KeyPath) -> str:
    """The path as a person writes it.

    >>> dotted(("workloads", "chat", "models", 0))
    'workloads.chat.models[0]'
    """
    text = ""
    for step in path:
        step = step if isinstance(step, int) else printable(step)
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def line_at(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """Line of a key, or of the nearest key above it that has one; None where nothing is known."""
    for end in range(len(path), -1, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def complain(file: Path | None, lines: Mapping[KeyPath, int], findings: Iterable[Finding]) -> list[Complaint]:
    """Findings as complaints in the order of the file."""
    placed = []
    for at, what in findings:
        line = line_at(lines, at)
        spot = "" if file is None else f"{file}:{line}" if line else f"{file}"
        placed.append((line or 0, Complaint("  ".join(filter(None, (spot, dotted(at)))), what)))
    return [complaint for _, complaint in sorted(placed, key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemFile:
    """A problem and where each of its keys was written; without a path for one made in Python."""

    problem: Problem
    path: Path | None = None
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def line_of(self, path: KeyPath) -> int | None:
        """Line of a key in the file (1 is the first), or of the nearest key above it."""
        return line_at(self.lines, path)

    def complaints(self, findings: Iterable[Finding]) -> list[Complaint]:
        """Findings about this problem, placed and in the order of the file."""
        return complain(self.path, self.lines, findings)

    @property
    def folder(self) -> Path:
        """Where the files that the problem names are looked for."""
        return self.path.parent if self.path else Path()
