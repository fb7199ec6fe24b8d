"""One measured run as a row of benchmarks.csv: what the file says, and what only its user can say.

A result file knows lengths, latencies and throughput.  It does not know the GPU, the parallelism or the precision;
those are `Given`, and nothing here guesses them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from planner.catalog.rows import Benchmark, CatalogRow, KvPrecision, Precision
from planner.errors import Complaint, InputError

Load = Literal["closed-loop", "open-loop", "burst", ""]
"""A limit on requests in flight, a request rate, neither; "" where the file does not say."""

MOST_FAILED_SHARE = 0.01
"""A run in which more requests failed measured something else than serving."""

COLUMNS = (
    *(name for name in Benchmark.model_fields if name not in CatalogRow.model_fields),
    *CatalogRow.model_fields,
)
"""The header of benchmarks.csv."""

POINT = (
    *("model", "gpu", "gpus", "tp", "pp", "dp", "ep", "precision", "kv_precision", "engine"),
    *("input_tok", "output_tok", "concurrency", "load"),
)
"""Fields that make two rows the same operating point."""

RUN = ("source", "input_tok", "output_tok", "concurrency", "load", "ttft_ms", "tpot_ms", "output_tok_s")
"""Fields that make two rows the same run of the same file, read with other options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a benchmark tool wrote about one run; latencies are means over requests unless named otherwise."""

    tool: str
    where: str  # "runs.jsonl:3", "benchmarks.json[benchmark 2]"
    engine: str = ""  # as the planner names it; "" where the file does not say
    engine_version: str = ""
    model: str = ""  # as written
    input_tok: float  # means, as really sent and received
    output_tok: float
    load: Load
    concurrency: int | None = None  # the most allowed in flight; the mean measured where nothing limited it
    request_rate_req_s: float | None = None
    ttft_ms: float
    ttft_p50_ms: float | None = None
    ttft_p95_ms: float | None = None
    ttft_p99_ms: float | None = None
    tpot_ms: float  # per request, without its first token
    tpot_p50_ms: float | None = None
    tpot_p95_ms: float | None = None
    tpot_p99_ms: float | None = None
    output_tok_s: float
    total_tok_s: float | None = None
    completed: int
    failed: int | None = None  # None: the tool does not count them
    observed_on: date
    dated: bool  # False: the day is that of the file, not one written in it
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the user says about the server that was measured; names are canonical."""

    gpu: str
    precision: Precision
    tp: int = 1
    kv_precision: KvPrecision | None = None
    engine: str = ""  # "": as the file says
    model: str = ""  # "": as the file says
    concurrency: int | None = None  # for files that do not say it
    names: Callable[[str], str | list[str]] = str  # canonical name of a model as written, or the close ones


def to_benchmark(result: Result, given: Given) -> Benchmark:
    """A run as a row.  Raises InputError with everything that is missing or speaks against using it."""
    complaints = list(_refusals(result, given))
    model = _model(result, given, complaints)
    if complaints:
        raise InputError(complaints)
    return Benchmark(
        model=model,
        gpu=given.gpu,
        gpus=given.tp,
        tp=given.tp,
        precision=given.precision,
        kv_precision=given.kv_precision,
        engine=given.engine or result.engine,
        engine_version=result.engine_version,
        input_tok=_short(result.input_tok),
        output_tok=_short(result.output_tok),
        concurrency=result.concurrency or given.concurrency,
        load=result.load or "closed-loop",
        ttft_ms=_short(result.ttft_ms),
        tpot_ms=_short(result.tpot_ms),
        output_tok_s=_short(result.output_tok_s),
        total_tok_s=None if result.total_tok_s is None else _short(result.total_tok_s),
        note="; ".join(_notes(result)),
        source=f"{result.tool}: {result.where}",
        observed_on=result.observed_on,
    )


def merged(old: Sequence[Benchmark], new: Sequence[Benchmark]) -> tuple[list[Benchmark], int]:
    """Old rows that no new one replaces, then the new ones; and how many were replaced.

    A new row replaces rows of the same operating point, and the same run read with other options.
    """
    points = {_fact(row, POINT) for row in new}
    runs = {_fact(row, RUN) for row in new}
    kept = [row for row in old if _fact(row, POINT) not in points and _fact(row, RUN) not in runs]
    return [*kept, *new], len(old) - len(kept)


def csv_text(rows: Iterable[Benchmark]) -> str:
    """Rows as a CSV file with the header of benchmarks.csv."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(getattr(row, column)) for column in COLUMNS] for row in rows)
    return out.getvalue()


def _refusals(result: Result, given: Given) -> Iterator[Complaint]:
    failed = result.failed or 0
    share = failed / (failed + result.completed)
    if share > MOST_FAILED_SHARE:
        counted = f"{failed:,} of {failed + result.completed:,} requests failed ({100 * share:.3g} %)"
        most = f"at most {100 * MOST_FAILED_SHARE:g} % may"
        yield Complaint(result.where, f"{counted}; {most}.  Find out why, and run again.")
    if result.concurrency is None and given.concurrency is None and result.load in ("closed-loop", ""):
        what = "does not say how many requests were in flight.  Give the JSON of the same run, or add --concurrency N."
        yield Complaint(result.where, what)
    if result.load == "closed-loop" and result.concurrency and given.concurrency not in (None, result.concurrency):
        what = f"ran with {result.concurrency} requests in flight; --concurrency says {given.concurrency}."
        yield Complaint(result.where, f"{what}  Leave --concurrency out.")
    if result.load == "open-loop" and given.concurrency is not None:
        yield Complaint(result.where, "was driven by a request rate, not by --concurrency.  Leave --concurrency out.")
    if not (given.engine or result.engine):
        yield Complaint(result.where, "does not say which engine served.  Add --engine vllm, sglang or trtllm.")


def _model(result: Result, given: Given, complaints: list[Complaint]) -> str:
    found = given.names(result.model) if result.model else []
    if isinstance(found, str):
        if given.model and given.model != found:
            what = f'measured "{result.model}", which is {found}; --model says {given.model}.'
            complaints.append(Complaint(result.where, f"{what}  Leave --model out, or this file."))
        return found
    if not given.model:
        close = f"  Did you mean --model {' or '.join(found)}?" if found else ""
        named = f'names the model "{result.model}", which no card has.' if result.model else "names no model."
        complaints.append(
            Complaint(result.where, f"{named}  Add --model; `plan catalog list models` lists all.{close}")
        )
    return given.model


def _notes(result: Result) -> Iterator[str]:
    if result.note:
        yield result.note
    if result.request_rate_req_s is not None:
        yield f"{result.request_rate_req_s:g} requests/s asked for"
    for name in ("ttft", "tpot"):
        at = {p: getattr(result, f"{name}_{p}_ms") for p in ("p50", "p95", "p99")}
        stated = [f"{p} {value:.4g}" for p, value in at.items() if value is not None]
        if stated:
            yield f"{name.upper()} {', '.join(stated)} ms"
    if result.failed is None:
        yield "failed requests not reported"
    if not result.dated:
        yield "dated by its file"


def _short(value: float) -> float:
    """Six digits that count: more are noise of the clock."""
    return float(f"{value:.6g}")


def _fact(row: Benchmark, fields: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in fields)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)
