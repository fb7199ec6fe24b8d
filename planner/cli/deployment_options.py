"""What the options of `plan estimate` say of one deployment, or everything that is wrong with them at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.cli.answering import writable
from planner.errors import Complaint, InputError

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.rows import Benchmark, Gpu, ModelCard
    from planner.performance.parts import GpuPart
    from planner.performance.types import Deployment, Objective, Request

ENGINE, MEMORY_SHARE, PERCENTILE = "vllm", 0.9, "p95"
MOST_REPLICAS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the options of one deployment come to."""

    deployment: Deployment
    request: Request
    memory_share: float
    objective: Objective | None
    replicas: int
    own: list[Benchmark]


def understood(options: dict[str, Any], output: Path | None, benchmarks: Path | None, catalog: Catalog) -> Asked:
    """The options as a deployment and a request.  Raises `InputError` with everything that is wrong with them."""
    from planner.catalog.names import resolve_gpu, resolve_model
    from planner.performance.observations import default_kv_precision
    from planner.performance.types import Deployment, Request

    complaints: list[Complaint] = []
    for name in ("MODEL", "--gpu", "--precision", "--input", "--output"):
        if options[name] is None:
            hint = "  (or --rows FILE, for a table of them)" if name == "MODEL" else ""
            complaints.append(Complaint(name, f"is missing.{hint}"))
    asked_model, asked_gpu = options["MODEL"], options["--gpu"]
    model: ModelCard | None = None
    gpu: Gpu | None = None
    if asked_model is not None:
        found = resolve_model(catalog, asked_model)
        model = None if isinstance(found, list) else found
        if isinstance(found, list):
            complaints.append(_unknown(f"MODEL {asked_model}", found, "models"))
    if asked_gpu is not None:
        seen = resolve_gpu(catalog, asked_gpu)
        gpu = None if isinstance(seen, list) else seen
        if isinstance(seen, list):
            complaints.append(_unknown(f"--gpu {asked_gpu}", seen, "gpus"))
    engine = options["--engine"] or ENGINE
    complaints += _wrong_words(options, engine, gpu, catalog)
    complaints += _wrong_numbers(options, model)
    part = _part(options, gpu, catalog, complaints)
    objective = _objective(options, complaints)
    complaints += unwritable(output, benchmarks)
    own = own_rows_of(benchmarks, catalog, complaints)
    if complaints or model is None or gpu is None:
        raise InputError(complaints)
    return Asked(
        deployment=Deployment(
            model=model,
            precision=options["--precision"],
            kv_precision=options["--kv-precision"] or default_kv_precision(gpu, options["--precision"], engine),
            engine=engine,
            gpu=gpu,
            tp=options["--tp"] or 1,
            pp=options["--pp"] or 1,
            part=part,
        ),
        request=Request(input_tok=options["--input"], output_tok=options["--output"]),
        memory_share=options["--memory-share"] or MEMORY_SHARE,
        objective=objective,
        replicas=options["--replicas"] or 1,
        own=own,
    )


def _unknown(option: str, close: list[str], table: str) -> Complaint:
    meant = f"Did you mean {' or '.join(close)}?  " if close else ""
    return Complaint(option, f"is not known.  {meant}`plan catalog list {table}` lists all.")


def _wrong_words(options: dict[str, Any], engine: str, gpu: Gpu | None, catalog: Catalog) -> list[Complaint]:
    """Precisions and engines that there are not, or not on this GPU."""
    from typing import get_args

    from planner.catalog.read import did_you_mean
    from planner.catalog.rows import KvPrecision, Precision
    from planner.performance.work import refuse_precision

    choices = {
        "--precision": get_args(Precision),
        "--kv-precision": get_args(KvPrecision),
        "--engine": tuple(dict.fromkeys(row.engine for row in catalog.engines)),
    }
    complaints = [
        Complaint(
            f"{name} {options[name]}",
            f"is not possible.  Possible: {', '.join(possible)}.{did_you_mean(options[name], possible)}",
        )
        for name, possible in choices.items()
        if options[name] is not None and options[name] not in possible
    ]
    precision, kv_precision = options["--precision"], options["--kv-precision"]
    if gpu is None:
        return complaints
    known = precision in choices["--precision"]
    refusal = refuse_precision(gpu, precision) if known else None
    if refusal is not None:
        complaints.append(Complaint(f"--precision {precision}", f"{refusal.nearest}."))
    row = next((row for row in catalog.engines if (row.engine, row.vendor) == (engine, gpu.vendor)), None)
    if row is None:
        able = [row.engine for row in catalog.engines if row.vendor == gpu.vendor]
        if engine in choices["--engine"]:
            what = f"does not run on {gpu.name}.  Possible: {', '.join(able) or 'no engine that is known'}."
            complaints.append(Complaint(f"--engine {engine}", what))
        return complaints
    for name, value, served in (
        ("--precision", precision if known and refusal is None else None, row.precisions),
        ("--kv-precision", kv_precision if kv_precision in choices["--kv-precision"] else None, row.kv_precisions),
    ):
        if value is not None and value not in served.split("|"):
            what = f"{engine} does not serve it on {gpu.vendor} GPUs; it serves {', '.join(served.split('|'))}."
            complaints.append(Complaint(f"{name} {value}", what))
    return complaints


def _wrong_numbers(options: dict[str, Any], model: ModelCard | None) -> list[Complaint]:
    complaints = []
    for name in ("--input", "--output"):
        value = options[name]
        if value is not None and not 0 < value < math.inf:
            complaints.append(Complaint(f"{name} {value:g}", "is not possible; a mean length is above 0 tokens."))
    most = {
        "--tp": (model.heads if model else math.inf, "attention heads"),
        "--pp": (model.layers if model else math.inf, "layers"),
        "--replicas": (MOST_REPLICAS, "replicas at most"),
    }
    for name, (limit, what) in most.items():
        value = options[name]
        if value is None:
            continue
        if value < 1:
            complaints.append(Complaint(f"{name} {value}", "is not possible; give a whole number from 1 on."))
        elif value > limit:
            of = f"{model.name} has " if model and name != "--replicas" else ""
            complaints.append(Complaint(f"{name} {value}", f"is too many: {of}{limit:,} {what}."))
        elif name == "--tp" and model and model.heads % value:
            able = [str(n) for n in range(1, min(64, model.heads) + 1) if not model.heads % n]
            heads = f"does not divide the {model.heads} attention heads of {model.name}."
            complaints.append(Complaint(f"--tp {value}", f"{heads}  Possible: {', '.join(able)}."))
    share = options["--memory-share"]
    if share is not None and not 0 < share <= 1:
        hint = f"  Did you mean {share / 100:g}?" if 1 < share <= 100 else ""
        what = f"is not possible; a share is above 0 and at most 1.{hint}"
        complaints.append(Complaint(f"--memory-share {share:g}", what))
    return complaints


def _part(options: dict[str, Any], gpu: Gpu | None, catalog: Catalog, complaints: list[Complaint]) -> GpuPart | None:
    """The part of a GPU that is asked for; what is wrong with it is added to the complaints."""
    from planner.problem.sharing import Sharing
    from planner.sharing import parts_of

    asked = options["--part"]
    if asked is None or gpu is None:
        return None
    parts = parts_of(Sharing(mig=True, memory=True), gpu, catalog.mig)
    known = {part.profile or f"1/{part.parts}": part for part in parts}
    if asked not in known:
        what = f"is no part of {gpu.name}.  Possible: {', '.join(known)}."
        complaints.append(Complaint(f"--part {asked}", what))
    complaints += [
        Complaint(f"{name} {options[name]}", "parts of GPUs do not work together.  Leave it out, or --part.")
        for name in ("--tp", "--pp")
        if (options[name] or 1) > 1
    ]
    return known.get(asked)


def _objective(options: dict[str, Any], complaints: list[Complaint]) -> Objective | None:
    """The objective asked for; what is wrong with it is added to the complaints."""
    from planner.performance.slo import parse_percentile, parse_slo

    slo, percentile = options["--slo"], options["--percentile"]
    if slo is None:
        complaints += [
            Complaint(f"{name} {options[name]}", "says something of --slo, which is not given.  Add it.")
            for name in ("--percentile", "--replicas")
            if options[name] is not None
        ]
    share = parse_percentile(PERCENTILE)
    clear = True
    if percentile is not None:
        try:
            share = parse_percentile(percentile)
        except ValueError as error:
            complaints.append(Complaint(f"--percentile {percentile}", f"{error}."))
            clear = False
    if slo is None:
        return None
    try:
        asked = parse_slo(slo, share)
    except ValueError as error:
        complaints.append(Complaint("--slo", f"{error}."))
        return None
    if percentile is not None and clear and asked.percentile_share != share:
        said = f"--slo says p{asked.percentile_share * 100:g}.  Keep one of the two."
        complaints.append(Complaint(f"--percentile {percentile}", said))
    return asked.objective


def unwritable(output: Path | None, *sources: Path | None) -> list[Complaint]:
    """Why the answer cannot be written; the first reason that holds."""
    try:
        writable(output, "-o")
        for source in sources:
            if source is not None and source.exists():
                writable(output, "-o", source)
    except InputError as error:
        return list(error.complaints)
    return []


def own_rows_of(benchmarks: Path | None, catalog: Catalog, complaints: list[Complaint]) -> list[Benchmark]:
    """The user's own rows; what is wrong with them is added to the complaints."""
    from planner.catalog.own import read_own_rows

    if benchmarks is None:
        return []
    try:
        return read_own_rows(benchmarks, catalog)
    except InputError as error:
        complaints += error.complaints
        return []
