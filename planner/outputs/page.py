"""The page that terminal output is written on: its width, its tables and its sentences.

All text reaches rich as `Text`, never as a string that may hold markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from planner.outputs.figures import plain

WIDEST = 100
GAP = 2
UNBROKEN = "\ue000"
"""A space at which no line ends; private use, which `plain` takes out of the words of others."""


class Line(NamedTuple):
    """A line of a table: what it is about, its figures, and more about it on lines of its own."""

    first: str
    figures: tuple[str, ...] = ()
    under: Sequence[str] = ()
    style: str = ""


class Page:
    """Prints onto one console, at most 100 columns wide.

    `cents` says that amounts are small enough to show them.
    """

    def __init__(self, console: Console, cents: bool = False) -> None:
        self.console = console
        self.cents = cents
        self.width = min(console.width, WIDEST)

    def table(self, title: str, heads: Sequence[str], lines: Sequence[Line]) -> None:
        """A wide first column under the title, then figures aligned on the right.

        Without a title it goes on where the last section ended, its first column no wider than needed.
        What is too wide for the first column stands above its figures.
        """
        widths = [
            GAP + max([len(head), *(cell_len(line.figures[column]) for line in lines)])
            for column, head in enumerate(heads)
        ]
        room = max(0, self.width - sum(widths))
        if title:
            self.console.print()
        else:
            room = min(room, max((cell_len(plain(line.first)) + GAP for line in lines), default=0))
        self._row(Text(title, "bold"), room, heads, widths, "dim")
        for line in lines:
            self._row(Text(f"  {plain(line.first)}", line.style), room, line.figures, widths, line.style)
            for under in line.under:
                self.say(under, indent=6)

    def _row(self, name: Text, room: int, figures: Sequence[str], widths: Sequence[int], style: str) -> None:
        if name.cell_len > room:
            self.say(name.plain, str(name.style), indent=len(name.plain) - len(name.plain.lstrip()), hang=2)
            name = Text()
        name.pad_right(room - name.cell_len)
        for figure, width in zip(figures, widths, strict=True):
            name.append(" " * (width - cell_len(figure)) + figure, style)
        name.rstrip()
        self.console.print(name, soft_wrap=True)

    def title(self, title: str) -> None:
        """The title of a section, after an empty line."""
        self.console.print()
        self.say(title, "bold", indent=0)

    def say(self, sentence: str, style: str = "", indent: int = 2, hang: int = 0) -> None:
        """A sentence, wrapped; lines after its first are indented by `hang` more."""
        text = Text(plain(sentence).replace(" %", f"{UNBROKEN}%"))
        for position, line in enumerate(text.wrap(self.console, max(1, self.width - indent - hang))):
            space = " " * (indent + (hang if position else 0))
            words = line.plain.rstrip().replace(UNBROKEN, " ")
            self.console.print(Text.assemble(space, (words, style)), soft_wrap=True)
