"""The problem file for machines and for readers: a JSON Schema and a reference page.

Both are generated from `planner.problem.schema` and kept in the repository, so that editors and
readers need not run anything; tests check that they are current.  After a change of the schema:

    python -c "from planner.problem.json_schema import write; write()"
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from planner.problem.schema import Problem

SCHEMA_FILE = Path(__file__).with_name("problem.schema.json")
PAGE_FILE = Path(__file__).parents[2] / "docs" / "problem-file.md"

LIMIT_WORDS = {
    "exclusiveMinimum": "more than",
    "minimum": "at least",
    "exclusiveMaximum": "less than",
    "maximum": "at most",
}
UNBOUNDED = 1e12
"""Limits this high only keep overflow out; they are not shown."""

INTRODUCTION = """\
# The problem file

Generated from `planner/problem/schema.py`; do not edit.  `plan init` writes a first problem file.

A problem file is YAML: a group of keys.  Only `name` and `workloads` are required.  Unknown keys are
refused. Units stand in the names: `_ms` milliseconds, `_tok` tokens, `_req_s` requests per second,
`_usd_h` USD per hour, `_usd_mtok` USD per million tokens, `_share` a number from 0 to 1.  Numbers may be
written `4000`, `4_000` or `4e3`. Words are text unless they are `true`, `false` or `null`: `NO` is
Norway.  Anchors and aliases may be used; tags and merge keys (`<<`) are refused.  At most 1 MB.

Editors check a problem as you write if its first line names the schema that comes with the package:

    # yaml-language-server: $schema=../planner/problem/problem.schema.json

A `trace` is a CSV of at most 200 MB with a header and a row per request:
`timestamp,input_tok,output_tok`, or the Azure names `TIMESTAMP,ContextTokens,GeneratedTokens`.  It is
looked for beside the problem file; absolute paths and `../` are followed as written, addresses are
refused.  Times are ISO 8601 or seconds.  A trace that covers a week says when requests arrive; a shorter
one gives lengths, mean rate and burst factor, and a `shape` or `hours` says when.
"""


def schema_text() -> str:
    """The JSON Schema of a problem file, as shipped."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**head, **Problem.model_json_schema()}, indent=1) + "\n"


def page_text() -> str:
    """The reference page docs/problem-file.md: one table for each section, in reading order."""
    schema = Problem.model_json_schema()
    sections = {"Problem": schema, **schema["$defs"]}
    order = ["Problem"]
    for name in order:
        found = _refs(sections[name])
        order += [each for each in dict.fromkeys(found) if each not in order]
    parts = [INTRODUCTION]
    for name in order:
        section = sections[name]
        parts.append(f"## {name}\n\n{section.get('description', '')}\n")
        parts.append("| key | value | default | meaning |\n|---|---|---|---|")
        required = section.get("required", [])
        for key, field in section["properties"].items():
            default = "required" if key in required else _default(field)
            meaning = field.get("description", "")
            parts.append(f"| `{key}` | {_value(field)} | {default} | {_cell(meaning)} |")
        parts[-1] += "\n"
    return "\n".join(parts)


def write() -> None:
    """Write both files anew."""
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    PAGE_FILE.parent.mkdir(exist_ok=True)
    PAGE_FILE.write_text(page_text(), encoding="utf-8")


def _refs(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        own = [node["$ref"].rsplit("/", 1)[1]] if isinstance(node.get("$ref"), str) else []
        return own + [name for key, value in node.items() if key != "$defs" for name in _refs(value)]
    return [name for each in node for name in _refs(each)] if isinstance(node, list) else []


def _value(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(_value(each) for each in field["anyOf"] if each.get("type") != "null")
    if "const" in field:
        return f"`{field['const']}`" if field["const"] else "empty"
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if field.get("type") == "array":
        return f"list of {_value(field['items'])}"
    if field.get("type") == "object":
        (value,) = field.get("patternProperties", {"": field.get("additionalProperties")}).values()
        return f"names, each with {_value(value)}"
    words = {"number": "number", "integer": "whole number", "string": "text", "boolean": "true or false"}
    kind = "date" if field.get("format") == "date" else words[field["type"]]
    limits = [
        f"{word} {field[key]:g}" for key, word in LIMIT_WORDS.items() if abs(field.get(key, UNBOUNDED)) < UNBOUNDED
    ]
    return " ".join([kind, *([", ".join(limits)] if limits else [])])


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    if default in (None, "", [], {}) or isinstance(default, dict):
        return ""
    return f"`{json.dumps(default)}`".replace('"', "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
