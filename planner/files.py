"""Files of the user's are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from planner.errors import Complaint, InputError


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all.  Raises `InputError` where that cannot be done."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError([Complaint(str(path), f"cannot be written: {error.strerror or error}.")]) from error
