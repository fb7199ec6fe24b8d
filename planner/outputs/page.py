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

        What is too wide for the first column stands above its figures.
        """
        widths = [
            GAP + max(len(head), *(cell_len(line.figures[column]) for line in lines))
            for column, head in enumerate(heads)
        ]
        self.console.print()
        self._row(title, "bold", heads, widths, "dim")
        for line in lines:
            self._row(f"  {plain(line.first)}", line.style, line.figures, widths, line.style)
            for under in line.under:
                self.say(under, indent=6)

    def _row(self, name: str, name_style: str, figures: Sequence[str], widths: Sequence[int], style: str) -> None:
        room = max(0, self.width - sum(widths))
        if cell_len(name) > room:
            self.say(name, name_style, indent=len(name) - len(name.lstrip()), hang=2)
            name = ""
        line = Text(name, name_style)
        line.pad_right(room - line.cell_len)
        for figure, width in zip(figures, widths, strict=True):
            line.append(" " * (width - cell_len(figure)) + figure, style)
        self.console.print(line, soft_wrap=True)

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
