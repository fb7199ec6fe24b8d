"""What pydantic found, in the words of the problem file.

Each finding names the value, what is possible and how to fix it.  Pydantic's own sentences
are never shown; an error type without words of its own gets the description of its key.
"""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from planner.problem.places import Finding, KeyPath, printable
from planner.problem.schema import Problem, Section


def did_you_mean(word: str, possible: Collection[str]) -> str:
    """The nearest possible word, best one that begins so, as a question with two spaces before it, or nothing.

    >>> did_you_mean("lama-3.1-8b", ["llama-3.1-8b", "qwen3-8b"])
    '  Did you mean llama-3.1-8b?'
    >>> did_you_mean("price.h100", ["price.gh200", "price.h100-sxm"])
    '  Did you mean price.h100-sxm?'
    """
    by_lower = {name.lower(): name for name in sorted(possible, reverse=True)}
    begun = [name for name in by_lower if name.startswith(word.lower())]
    near = [found for names in (begun, by_lower) for found in difflib.get_close_matches(word.lower(), names, n=1)]
    return f"  Did you mean {by_lower[near[0]]}?" if near else ""


def some_of(names: Collection[str], at_most: int = 12) -> str:
    """Names in a sentence, cut where they become too many."""
    listed = sorted(names)
    more = f" ... ({len(listed)} in all)" if len(listed) > at_most else ""
    return ", ".join(listed[:at_most]) + more


def shown(value: Any) -> str:
    """A value of the file inside a sentence; long ones cut."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a group of keys"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.12g}"
    text = printable(str(value)[:200])
    text = text if len(text) <= 60 else text[:57] + "..."
    return f'"{text}"' if isinstance(value, str) else text


def findings_of(errors: Sequence[Mapping[str, Any]], values: Any, whole: type[Section] = Problem) -> list[Finding]:
    """Pydantic's errors about `values`, written for `whole`, as findings, one per place."""
    found: dict[KeyPath, Finding] = {}
    unions: dict[KeyPath, Any] = {}
    for error in errors:
        place, here, meant = _place(error, values)
        if not meant:
            unions.setdefault(place, here)
        elif place not in found:
            found[place] = Finding(place, _sentence(error, place, whole))
    for place, here in unions.items():
        if not any(other[: len(place)] == place for other in found):
            found[place] = Finding(place, _none_of(here, place, whole))
    return list(found.values())


def _place(error: Mapping[str, Any], values: Any) -> tuple[KeyPath, Any, bool]:
    """The key an error is about, its value, and whether the error is about the half of a union that "
    "was meant.

    Pydantic puts the name of each half of a union into its path ("AcceptableModel",
    "constrained-str"); what is neither a key nor a position of the values is such a name.
    """
    place: list[str | int] = []
    here = values
    for index, step in enumerate(error["loc"]):
        last = index == len(error["loc"]) - 1
        is_item = isinstance(here, list) and isinstance(step, int) and step < len(here)
        if is_item or (isinstance(here, dict) and step in here):
            place.append(step)
            here = here[step]
        elif last and error["type"] == "missing":
            place.append(step)
        elif step != "[key]" and not _is_meant(str(step), here):
            return tuple(place), here, False
    return tuple(place), here, True


def _is_meant(half: str, value: Any) -> bool:
    """Whether a person who wrote `value` meant this half: a list, a word or a group of keys."""
    if half.startswith("list["):
        return isinstance(value, list)
    if "str" in half or half.startswith("literal["):
        return isinstance(value, str)
    return isinstance(value, dict)


def _none_of(value: Any, place: KeyPath, whole: type[Section]) -> str:
    """What is said of a value that is none of the kinds a key takes."""
    annotation, description = annotation_at(place, whole)
    kinds = []
    if choices := _choices_of(annotation):
        kinds.append("one of " + ", ".join(str(choice) for choice in choices if choice))
    if not choices and any(arm is str for arm in halves(annotation)):
        kinds.append("a name")
    if any(get_origin(arm) is list for arm in halves(annotation)):
        kinds.append("a list")
    if keys := _keys_of(annotation):
        kinds.append(f"a group of keys ({', '.join(keys)})")
    meaning = f"  ({description})" if description else ""
    return f"{shown(value)} stands where {' or '.join(kinds)} belongs." + meaning


def _sentence(error: Mapping[str, Any], place: KeyPath, whole: type[Section]) -> str:
    kind, value, limits = error["type"], error["input"], error.get("ctx", {})
    annotation, description = annotation_at(place, whole)
    meaning = f"  ({description})" if description else ""
    if kind == "extra_forbidden":
        keys = _keys_of(annotation_at(place[:-1], whole)[0])
        if str(place[-1]).isdecimal():
            return f"a comma splits this number in two.  Write thousands without it: 12000 or 12_{place[-1]}."
        return f"no such key.{did_you_mean(str(place[-1]), keys)}  Possible here: {', '.join(keys)}."
    if kind == "missing":
        return f"is missing{f': {description}' if description else ''}.  Add `{place[-1]}:` here."
    if error["loc"] and error["loc"][-1] == "[key]":
        return f"{shown(value)} cannot be a name; use 1 to 120 printable characters."
    if kind in ("int_type", "int_from_float") and isinstance(value, float) and math.isfinite(value):
        return f"{shown(value)} is not a whole number.  Write {math.floor(value)} or {math.ceil(value)}." + meaning
    if kind in ("float_type", "int_type"):
        return _number_wanted(value) + meaning
    if kind == "finite_number":
        return f"{shown(value)} is not an amount.  Write a finite number, or leave the key out." + meaning
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return _out_of_range(value, limits, place) + meaning
    if kind == "literal_error":
        choices = [str(choice) for choice in _choices_of(annotation)]
        return (
            f"{shown(value)} is not possible.{did_you_mean(str(value), choices)}  Possible: "
            f"{', '.join(choices)}." + meaning
        )
    if kind == "string_type":
        return _text_wanted(value) + meaning
    if kind in ("string_too_short", "string_too_long", "string_pattern_mismatch"):
        return f"{shown(value)} cannot be a name; use 1 to 120 printable characters." + meaning
    if kind == "bool_type":
        return f"{shown(value)} is neither true nor false.  Write true or false." + meaning
    if kind == "list_type":
        example = f"[{value}]" if isinstance(value, str | int | float) else "[a, b]"
        return f"{shown(value)} stands where a list belongs.  Write {example}, or leave the key out." + meaning
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        keys = _keys_of(annotation)
        possible = f"  Possible here: {', '.join(keys)}." if keys else "  Write a name, a colon and its "
        "keys below it."
        return f"{shown(value)} stands where a group of keys belongs.{possible}" + meaning
    if kind == "too_short":
        return "is empty; at least one is needed." + meaning
    if kind == "too_long":
        return f"holds too many entries; at most {limits.get('max_length')} are read." + meaning
    if kind.startswith("date"):
        return f"{shown(value)} is not a date.  Write year-month-day, as 2026-11-20." + meaning
    return f"{shown(value)} does not fit here." + (meaning or "  See docs/problem-file.md.")


def _number_wanted(value: Any) -> str:
    if isinstance(value, str):
        bare = value.replace(",", "").replace("_", "").strip()
        try:
            number = float(bare)
        except ValueError:
            return f"{shown(value)} is text, and a number is needed here."
        if math.isfinite(number):
            return f"{shown(value)} is text.  Write the number without quotes or commas: {bare}."
    if value is None:
        return "nothing is written after the colon.  Write a number, or leave the key out."
    return f"{shown(value)} is not a number."


def _out_of_range(value: Any, limits: Mapping[str, Any], place: KeyPath) -> str:
    if limits.get("le") == 1 and 1 < value <= 100:
        return f"{shown(value)} looks like percent; a share is between 0 and 1.  Did you mean {value / 100:.4g}?"
    words = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
    limit = " and ".join(f"{words[key]} {shown(limits[key])}" for key in words if key in limits)
    remedy = "  Leave the key out for no limit." if place[-1:] == ("usd_month",) or "slo" in place else ""
    if "traffic" in place and value == 0:
        remedy = "  Remove a workload that has no traffic."
    if isinstance(value, int | float) and value < 0:
        remedy = f"  Did you mean {shown(-value)}?"
    return f"{shown(value)} is not possible; it must be {limit}.{remedy}"


def _text_wanted(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return f'{shown(value)} is read as a number or a truth value.  For a name, put it in quotes: "{shown(value)}".'
    return f"{shown(value)} stands where a name belongs."


def annotation_at(path: KeyPath, whole: type[Section] = Problem) -> tuple[Any, str]:
    """The type that the schema gives to a key and its description; (None, "") for an unknown key."""
    here: Any = whole
    description = ""
    for step in path:
        arms = halves(here)
        here, description = None, ""
        for arm in arms:
            if isinstance(arm, type) and issubclass(arm, Section) and step in arm.model_fields:
                field = arm.model_fields[str(step)]
                here, description = field.annotation, field.description or ""
            elif get_origin(arm) is list and isinstance(step, int):
                here = get_args(arm)[0]
            elif get_origin(arm) is dict:
                here = get_args(arm)[1]
    return here, description


def halves(annotation: Any) -> list[Any]:
    """A type without Annotated and None, each half of a union on its own."""
    if get_origin(annotation) is Annotated:
        return halves(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [arm for half in get_args(annotation) for arm in halves(half)]
    return [] if annotation is type(None) else [annotation]


def _keys_of(annotation: Any) -> list[str]:
    return [
        name
        for arm in halves(annotation)
        if isinstance(arm, type) and issubclass(arm, Section)
        for name in arm.model_fields
    ]


def _choices_of(annotation: Any) -> list[Any]:
    return [choice for arm in halves(annotation) if get_origin(arm) is Literal for choice in get_args(arm)]
