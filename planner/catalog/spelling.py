"""Names as people write them: any case, blanks or underscores for hyphens, aliases for canonical names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from planner.catalog.rows import Gpu, ModelCard

Named = TypeVar("Named", bound=Gpu | ModelCard)


def plain(name: str) -> str:
    """Lower case, with blanks and underscores as hyphens."""
    return "-".join(name.lower().replace("_", " ").split())


def spelled(known: Iterable[Named]) -> dict[str, Named]:
    """Rows by every plain spelling of theirs."""
    found = {plain(spelling): row for row in known for spelling in (row.name, *row.aliases.split("|"))}
    found.pop("", None)
    return found
