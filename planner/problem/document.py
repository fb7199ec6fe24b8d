"""Read a YAML file as plain values, with the line of every key.

A problem file is data and may come from anyone: no tag is obeyed, nothing is built but dicts,
lists, text, numbers, booleans and None, and size, depth and the growth by aliases are bounded.

Scalars follow YAML 1.2 rather than PyYAML's 1.1, so that `NO` is Norway and `1e6` is a number;
`4_000` is a number too.  Dates stay text.  `<<` merge keys are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from planner.errors import Complaint, ProblemError
from planner.problem.places import Finding, KeyPath, complain

LIMIT_BYTES = 1_000_000
LIMIT_DEPTH = 20
LIMIT_VALUES = 100_000

_NUMBER = re.compile(r"[-+]?(\d[\d_]*(\.[\d_]*)?|\.\d[\d_]*)([eE][-+]?\d+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Kind(NamedTuple):
    """What sort of file is read, in the words of complaints about it."""

    noun: str
    begins: str  # the keys it cannot be without
    remedy: str


PROBLEM = Kind("problem", "`name:` and `workloads:`", "`plan init` writes a first problem file.")


@dataclass(frozen=True, slots=True)
class Document:
    """The top mapping of a file and the line of each key and list item (1 is the first)."""

    values: dict[str, Any]
    lines: dict[KeyPath, int]
    findings: tuple[Finding, ...]  # mistakes that did not stop the reading: duplicate keys, tags


def read_document(path: Path, kind: Kind = PROBLEM) -> Document:
    """The values of a YAML file; raises ProblemError where it cannot be read as one mapping."""
    text = _text_of(path, kind)
    try:
        return _Composer(path, yaml.parse(text, Loader=_LOADER), kind).document()
    except yaml.YAMLError as error:
        raise ProblemError([_syntax_complaint(path, text, error, kind)]) from None


def plain_value(text: str) -> Any:
    """What an unquoted scalar means.

    >>> [plain_value(text) for text in ("4_000", "1e6", "NO", "true", "2026-11-20", "20-06")]
    [4000, 1000000.0, 'NO', True, '2026-11-20', '20-06']
    """
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= 40 and _NUMBER.fullmatch(text):
        digits = text.replace("_", "")
        return float(digits) if set(digits) & set(".eE") else int(digits)
    return text


def _text_of(path: Path, kind: Kind) -> str:
    def refuse(what: str) -> ProblemError:
        return ProblemError([Complaint(str(path), what)])

    try:
        if path.is_dir():
            inside = path / f"{kind.noun}.yaml"
            raise refuse(f"is a folder; give the {kind.noun} file inside it, e.g. {inside}")
        if not path.exists():
            raise refuse(f"no such file.  {kind.remedy}")
        if not path.is_file():
            raise refuse(f"is not a file; a {kind.noun} is read from a plain text file.")
        size = path.stat().st_size
        if size > LIMIT_BYTES:
            raise refuse(
                f"is {size / 1e6:,.1f} MB; a {kind.noun} file has at most {LIMIT_BYTES / 1e6:.0f} MB.  "
                "Put requests into a CSV and name it with `trace:`."
            )
        with path.open("rb") as file:
            content = file.read(LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise refuse(f"cannot be read: {reason}.  Check the path and its permissions.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        what = f"byte {content[error.start]:#04x} is not UTF-8 text.  Save the file as UTF-8."
        raise ProblemError([Complaint(f"{path}:{line}", what)]) from None
    if not text.strip():
        raise refuse(f"is empty; a {kind.noun} needs at least {kind.begins}.  {kind.remedy}")
    return text


def too_deep(noun: str) -> str:
    """What is said of a file whose brackets or indents go deeper than any key does."""
    return f"nested more than {LIMIT_DEPTH} deep; no key of a {noun} stands that deep."


def _syntax_complaint(path: Path, text: str, error: yaml.YAMLError, kind: Kind) -> Complaint:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        position = getattr(error, "position", 0)
        line = text[: position if isinstance(position, int) else 0].count("\n") + 1
        what = f"holds a control character; a {kind.noun} is plain text.  Save the file as UTF-8 text."
        return Complaint(f"{path}:{line}", what)
    written = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return Complaint(
            f"{path}:{mark.line + 1}", "a tab indents this line; YAML indents with spaces.  Replace the tab."
        )
    seen = getattr(error, "problem", None) or "broken syntax"
    if "nesting depth" in seen:  # since PyYAML 6.0.4 its own limit may come before ours
        return Complaint(f"{path}:{mark.line + 1}", too_deep(kind.noun))
    context = getattr(error, "context", None)
    what = f"cannot be read as YAML: {seen}{f' ({context})' if context else ''}.  "
    what += "Look for a missing colon, quote or bracket here or on the line above."
    return Complaint(f"{path}:{mark.line + 1}", what)


class _Composer:
    """Builds plain values from parser events; recursion is bounded by LIMIT_DEPTH."""

    def __init__(self, path: Path, events: Iterator[Any], kind: Kind) -> None:
        self.path = path
        self.noun = kind.noun
        self.begins = kind.begins
        self.events = events
        self.lines: dict[KeyPath, int] = {}
        self.findings: list[Finding] = []
        self.values = 0
        self.anchors: dict[str, tuple[Any, int]] = {}

    def document(self) -> Document:
        first: Any = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self.lines:
                    raise self.refuse(
                        event, f"a second document begins here; a {self.noun} file holds one.  Remove the `---`."
                    )
                first = self.value(next(self.events), ())
        if not isinstance(first, dict):
            found = "a list" if isinstance(first, list) else "empty" if first is None else "a single value"
            what = f"the file is {found}; a {self.noun} is a group of keys and begins with {self.begins}."
            raise ProblemError([Complaint(f"{self.path}:{self.lines.get((), 1)}", what)])
        if "bound_usd_month" in first:
            what = f"is a plan that was written with -o, no {self.noun}.  Give the file that it was made from."
            raise ProblemError([Complaint(str(self.path), what)])
        return Document(first, self.lines, tuple(self.findings))

    def refuse(self, event: Any, what: str, at: KeyPath = ()) -> ProblemError:
        return ProblemError(complain(self.path, {at: event.start_mark.line + 1}, [Finding(at, what)]))

    def value(self, event: Any, at: KeyPath) -> Any:
        self.lines.setdefault(at, event.start_mark.line + 1)
        if len(at) > LIMIT_DEPTH:
            raise self.refuse(event, too_deep(self.noun), at[:4])
        before = self.values
        self.count(event, at, 1)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, at)
        if event.tag is not None:
            self.findings.append(
                Finding(at, f"the tag {event.tag} is not obeyed; a {self.noun} file is plain data.  Remove it.")
            )
        value: Any
        if isinstance(event, yaml.MappingStartEvent):
            value = self.mapping(at)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self.sequence(at)
        else:
            value = plain_value(event.value) if event.implicit[0] else event.value
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.values - before)
        return value

    def count(self, event: Any, at: KeyPath, values: int) -> None:
        self.values += values
        if self.values > LIMIT_VALUES:
            what = (
                f"more than {LIMIT_VALUES:,} values, aliases (*name) written out; write less, or put "
                "requests into a trace."
            )
            raise self.refuse(event, what, at)

    def alias(self, event: Any, at: KeyPath) -> Any:
        if event.anchor not in self.anchors:
            raise self.refuse(
                event,
                f"*{event.anchor} stands for nothing finished above it; define &{event.anchor} first.",
                at,
            )
        value, size = self.anchors[event.anchor]
        self.count(event, at, size)
        return value

    def sequence(self, at: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.value(event, (*at, len(items))))
        return items

    def mapping(self, at: KeyPath) -> dict[str, Any]:
        items: dict[str, Any] = {}
        event: Any
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                raise self.refuse(event, "a key must be a single word or text, e.g. `chat:`.", at)
            key = event.value
            if key in items:
                what = f"`{key}` is written twice, first on line {self.lines[*at, key]}.  Keep one, or rename one."
                self.findings.append(Finding((*at, key), what))
                self.lines[*at, key] = line
            if key == "<<":
                self.findings.append(Finding((*at, key), "merge keys (<<) are not read.  Write the keys out."))
            self.lines[*at, key] = line
            items[key] = self.value(next(self.events), (*at, key))
        return items
