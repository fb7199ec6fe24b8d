"""`plan calibrate`: one's own benchmark results as rows that the planner relies on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.answering import answer_console, warn, watched, writable
from planner.errors import Complaint, InputError
from planner.files import write_whole

if TYPE_CHECKING:
    from planner.catalog.importers.rows import Given
    from planner.catalog.load import Catalog
    from planner.catalog.rows import Benchmark
    from planner.performance.compare import Comparison


def calibrate(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES...",
            help="Results of vllm bench serve, GuideLLM, AIPerf, genai-perf or SGLang; patterns as 'runs/*.json' too.",
            show_default=False,
        ),
    ],
    gpu: Annotated[str, typer.Option(help="The GPU that served.", show_default=False)],
    precision: Annotated[
        str, typer.Option(help="Precision of the weights: bf16, fp8, int8, int4, fp4 or mxfp4.", show_default=False)
    ],
    tp: Annotated[int, typer.Option(min=1, max=1024, help="GPUs that the model was split over.")] = 1,
    model: Annotated[
        str | None, typer.Option(help="The model, where the files name none or one unknown.", show_default=False)
    ] = None,
    kv_precision: Annotated[
        str | None, typer.Option(help="Precision of the KV cache: bf16, fp8 or int8.", show_default=False)
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="vllm, sglang or trtllm, where the files do not say; most do not.", show_default=False),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Requests kept in flight, for files that do not say.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write rows here; rows of other runs in it are kept."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print rows as JSON instead of a table.")] = False,
) -> None:
    """Turn results of your own benchmarks into measured rows.

    Files say lengths, load, latencies and throughput; options say what was measured.

    Exit code 2: something in a file or an option is wrong, and nothing is written.

    [dim]Examples:[/dim]

        plan calibrate runs/*.json --gpu h100-sxm --precision fp8 --engine vllm -o my.csv

        plan calibrate runs.jsonl --gpu l40s --tp 2 --precision bf16 --model qwen3-8b --json
    """
    from planner.catalog.importers import rows_of
    from planner.catalog.importers.rows import csv_text
    from planner.catalog.load import load_catalog

    catalog = load_catalog()
    paths, complaints = _paths(files)
    complaints += _unwritable(output, paths)
    options = {"gpu": gpu, "precision": precision, "kv_precision": kv_precision, "engine": engine, "model": model}
    given, wrong = _given(catalog, options, tp, concurrency)
    # Files are read even where an option is wrong, so that every mistake is told at once.
    try:
        rows = rows_of(paths, given)
    except InputError as error:
        rows, complaints = [], [*complaints, *error.complaints]
    complaints = [*wrong, *complaints]
    complaints += [] if complaints else _impossible(rows, catalog)
    if complaints:
        raise InputError(complaints)
    merged = _merged_with(output, rows) if output is not None else None
    from planner.performance.compare import compare

    compared = watched(lambda _report: compare(rows, catalog))
    if merged is not None and output is not None:
        write_whole(output, csv_text(merged.rows))
    if json:
        from dataclasses import asdict
        from json import dumps

        found = {"rows": [row.model_dump(mode="json") for row in rows], "estimates": [asdict(c) for c in compared]}
        typer.echo(dumps(found, indent=1))
    else:
        show_rows(rows)
        show_comparison(compared)
    if merged is not None:
        tell = warn if json else typer.echo
        tell(f"Wrote {output}: {merged.said}.\nIn a problem:  performance: {{benchmarks: {output}}}")


def show_rows(rows: Sequence[Benchmark]) -> None:
    """The measured points as a table, and which of them a plan will not use."""
    from planner.outputs.figures import number
    from planner.outputs.page import Line, Page

    page = Page(answer_console())
    heads = ("in flight", "in/out", "TTFT ms", "TPOT ms", "tok/s")
    lines = [
        Line(
            row.source.split(": ", 1)[1],
            (
                "-" if row.concurrency is None else f"{row.concurrency:,}",
                f"{row.input_tok:,.0f}/{row.output_tok:,.0f}",
                _ms(row.ttft_ms),
                _ms(row.tpot_ms),
                number(round(row.output_tok_s or 0)),
            ),
        )
        for row in rows
    ]
    page.table(f"{rows[0].model} on {rows[0].tp} x {rows[0].gpu}" if _alike(rows) else "Runs", heads, lines)
    driven = sum(row.load != "closed-loop" for row in rows)
    if driven:
        page.say(f"{driven} of {len(rows)} had no fixed number in flight: kept, but rates are read off the others.")
    if any(row.note.startswith("SPEC-DECODE") for row in rows):
        page.say("Runs with speculative decoding are kept, but no rates are read off them.")


def show_comparison(compared: Sequence[Comparison]) -> None:
    """How far estimates were from these runs, and how far they are once the others of them are known."""
    from planner.outputs.figures import percent
    from planner.outputs.page import Line, Page

    words = {"tpot_ms": "time per output token", "ttft_ms": "time to first token", "output_tok_s": "output tokens/s"}
    lines = [
        Line(
            words[c.quantity],
            (f"{c.rows:,}", percent(c.before_share), "-" if c.after_share is None else percent(c.after_share)),
            [],
        )
        for c in compared
    ]
    page = Page(answer_console())
    if lines:
        page.table("Estimates of these runs, median error", ("runs", "before", "after"), lines)
        page.say("After: each run estimated from the others of them, not from itself.")
    else:
        page.say("No estimate could be compared with these runs.")


def _ms(value: float | None) -> str:
    """A latency: three digits that count, or whole milliseconds.

    >>> _ms(5.1366), _ms(44.26), _ms(12345.6)
    ('5.14', '44.3', '12,346')
    """
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _alike(rows: Sequence[Benchmark]) -> bool:
    return len({(row.model, row.gpu, row.tp) for row in rows}) == 1


@dataclass(frozen=True, slots=True)
class Merged:
    """What a file holds afterwards, and what became of its rows."""

    rows: list[Benchmark]
    said: str


def _merged_with(output: Path, rows: list[Benchmark]) -> Merged:
    """New rows with those of a file that is there already."""
    from glob import escape

    from planner.catalog.importers.rows import merged
    from planner.catalog.load import TABLES
    from planner.catalog.read import Table, read_table
    from planner.outputs.figures import things

    new = things(len(rows), "new row")
    if not output.exists() or not output.stat().st_size:
        return Merged(rows, new)
    table = Table(path=escape(output.name), row=TABLES["benchmarks"].row, key=TABLES["benchmarks"].key)
    old, _, complaints = read_table(output.parent, table)
    if complaints:
        what = "is there and is no file of measured rows, or has mistakes.  It stays as it is; name another, or mend:"
        raise InputError([Complaint(f"-o {output}", what), *complaints])
    together, replaced = merged(old, rows)
    kept = len(together) - len(rows)
    return Merged(together, f"{new}; of the old, {replaced} replaced by them, {kept} kept as they were")


def _paths(files: Sequence[str]) -> tuple[list[Path], list[Complaint]]:
    """Files by name or pattern, in order; a pattern that matches nothing is a complaint."""
    paths: list[Path] = []
    complaints = []
    for path in map(Path, files):
        if path.exists() or not set("*?[") & set(str(path)):
            paths.append(path)
            continue
        every = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
        found = sorted(each for each in every if each.is_file() and not each.name.startswith("."))
        paths += found
        if not found:
            complaints.append(Complaint(str(path), "no file matches this pattern."))
    return paths, complaints


def _unwritable(output: Path | None, paths: Sequence[Path]) -> Sequence[Complaint]:
    try:
        writable(output, "-o")
        for path in paths:
            if path.exists():
                writable(output, "-o", path)
    except InputError as error:
        return error.complaints
    return ()


def _given(
    catalog: Catalog, options: dict[str, Any], tp: int, concurrency: int | None
) -> tuple[Given, list[Complaint]]:
    """Options as canonical names, and what is wrong with them."""
    from typing import get_args

    from planner.catalog.importers.rows import Given
    from planner.catalog.names import resolve_gpu, resolve_model
    from planner.catalog.rows import KvPrecision, Precision

    complaints: list[Complaint] = []
    engines = sorted({engine.engine for engine in catalog.engines})
    choices = {"precision": get_args(Precision), "kv_precision": get_args(KvPrecision), "engine": engines}
    for name, possible in choices.items():
        asked = options[name]
        if asked is not None and asked not in possible:
            option = f"--{name.replace('_', '-')} {asked}"
            complaints.append(Complaint(option, f"is not possible.  Possible: {', '.join(possible)}."))

    def canonical(option: str, found: Any, table: str) -> str:
        if not isinstance(found, list):
            return str(found.name)
        close = f"Did you mean {' or '.join(found)}?  " if found else ""
        complaints.append(Complaint(option, f"is not known.  {close}`plan catalog list {table}` lists all."))
        return ""

    gpu = canonical(f"--gpu {options['gpu']}", resolve_gpu(catalog, options["gpu"]), "gpus")
    model = options["model"] or ""
    if model:
        model = canonical(f"--model {model}", resolve_model(catalog, model), "models")
    given = Given(
        gpu=gpu,
        tp=tp,
        precision=options["precision"] if options["precision"] in choices["precision"] else "bf16",
        kv_precision=options["kv_precision"] if options["kv_precision"] in choices["kv_precision"] else None,
        engine=options["engine"] or "",
        model=model,
        concurrency=concurrency,
        names=_names(catalog),
    )
    if options["model"] and not model:
        # One mistake is not told twice: no file's own name is held against a --model that is unknown.
        given = replace(given, model=options["model"], names=lambda _: [])
    return given, complaints


def _names(catalog: Catalog) -> Callable[[str], str | list[str]]:
    """The canonical name of a model as a tool wrote it: a name, an alias, an id, or a folder called by one."""
    from planner.catalog.names import resolve_model

    by_id = {model.hf_id.lower(): model.name for model in catalog.models.values()}

    def names(written: str) -> str | list[str]:
        name = Path(written).name if written.startswith(("/", "./", "~")) else written
        found = resolve_model(catalog, name)
        return by_id.get(name.lower(), found) if isinstance(found, list) else found.name

    return names


def _impossible(rows: list[Benchmark], catalog: Catalog) -> list[Complaint]:
    """Runs that are faster than the memory named: a wrong --gpu, --tp or --precision, or shortened answers."""
    from datetime import date

    from planner.catalog.check import measurements_are_possible

    placed = [(row, row.source.split(": ", 1)[1]) for row in rows if not row.note.startswith("SPEC-DECODE")]
    tables: Any = {
        "benchmarks": placed,
        "gpus": [(gpu, "") for gpu in catalog.gpus.values()],
        "models": [(model, "") for model in catalog.models.values()],
    }
    hint = "  Are --gpu, --tp and --precision those of the run, and its tokenizer the model's own?"
    return [Complaint(each.where, each.what + hint) for each in measurements_are_possible(tables, date.today())]
