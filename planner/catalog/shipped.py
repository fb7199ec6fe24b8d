"""Where the catalogs and example problems that come with the package are.

In an installed wheel they lie inside the package, in a checkout beside it.  Nothing here reads a file.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal


def shipped_folder(kind: Literal["catalogs", "problems"]) -> Path:
    """planner/_shipped/<kind> in an installed wheel, <kind> at the root of a checkout."""
    package = Path(str(files("planner")))
    installed = package / "_shipped" / kind
    return installed if installed.is_dir() else package.parent / kind
