"""`plan estimate`: how fast one deployment serves one kind of request, or every row of a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.answering import answer_console, warn, watched
from planner.cli.deployment_options import (
    ENGINE,
    MEMORY_SHARE,
    PERCENTILE,
    Asked,
    own_rows_of,
    understood,
    unwritable,
)
from planner.errors import Complaint, InputError, NoCandidate
from planner.files import write_whole

if TYPE_CHECKING:
    from planner.catalog.load import Catalog


def models_here(incomplete: str) -> list[str]:
    """Tab completion: models of the catalog."""
    from planner.catalog.load import load_catalog

    return [name for name in load_catalog().models if name.startswith(incomplete.lower())]


def gpus_here(incomplete: str) -> list[str]:
    """Tab completion: GPUs of the catalog."""
    from planner.catalog.load import load_catalog

    return [name for name in load_catalog().gpus if name.startswith(incomplete.lower())]


def _option(text: str, default: str = "", metavar: str | None = None) -> Any:
    return typer.Option(help=text, metavar=metavar, show_default=default or False)


def estimate(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="A model.", autocompletion=models_here, show_default=False),
    ] = None,
    gpu: Annotated[
        str | None, typer.Option(help="The GPU that serves.", autocompletion=gpus_here, show_default=False)
    ] = None,
    precision: Annotated[
        str | None, _option("Precision of the weights: bf16, fp8, int8, int4, fp4 or mxfp4.", metavar="PRECISION")
    ] = None,
    input_tok: Annotated[
        float | None,
        typer.Option("--input", metavar="TOKENS", help="Mean length of prompts.", show_default=False),
    ] = None,
    output_tok: Annotated[
        float | None,
        typer.Option("--output", metavar="TOKENS", help="Mean length of answers.", show_default=False),
    ] = None,
    tp: Annotated[int | None, _option("GPUs that each layer is split over.", "1")] = None,
    pp: Annotated[int | None, _option("Pipeline stages.", "1")] = None,
    part: Annotated[
        str | None, _option("A part of a GPU: a MIG profile (1g.10gb), or 1/2, 1/3, 1/4 by turns.", metavar="PART")
    ] = None,
    engine: Annotated[str | None, _option("vllm, sglang or trtllm.", ENGINE)] = None,
    kv_precision: Annotated[
        str | None, _option("Precision of the KV cache: bf16, fp8 or int8.", "the engine's", metavar="PRECISION")
    ] = None,
    memory_share: Annotated[
        float | None, _option("Share of GPU memory that the engine may use.", f"{MEMORY_SHARE}", metavar="SHARE")
    ] = None,
    slo: Annotated[str | None, _option("Latency limits: 'TTFT<=450ms,TPOT<=40ms', 'e2e<=10s'.")] = None,
    percentile: Annotated[str | None, _option("At which --slo must hold, if it does not say.", PERCENTILE)] = None,
    replicas: Annotated[int | None, _option("Replicas that share one queue, for --slo.", "1")] = None,
    rows: Annotated[
        Path | None, _option("A table of deployments instead of MODEL; every row is predicted.", metavar="FILE")
    ] = None,
    benchmarks: Annotated[
        Path | None, _option("Your own measured rows, as `plan calibrate` writes them; they win.", metavar="FILE")
    ] = None,
    ask_aiconfigurator: Annotated[
        bool,
        typer.Option("--aiconfigurator", help="Ask NVIDIA's aiconfigurator too, where it is installed, and show both."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", metavar="FILE", help="Write the curve, or the predicted rows, as CSV.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Estimate latencies, throughput and memory of a deployment.

    Every figure says whether it is measured, corrected by measured rows or modeled, and how wrong it may be.

    Exit code 0: estimated; 1: it does not fit or cannot keep the objective; 2: an option or a file is wrong.

    [dim]Examples:[/dim]

        plan estimate llama-3.3-70b --gpu h100-sxm --tp 4 --precision fp8 --input 2000 --output 300

        plan estimate qwen3-8b --gpu l40s --precision bf16 --input 500 --output 200 --slo "TTFT<=450ms,TPOT<=40ms"

        plan estimate --rows rows.csv -o predicted.csv
    """
    of_one: dict[str, Any] = {
        "MODEL": model,
        "--gpu": gpu,
        "--precision": precision,
        "--input": input_tok,
        "--output": output_tok,
        "--tp": tp,
        "--pp": pp,
        "--part": part,
        "--engine": engine,
        "--kv-precision": kv_precision,
        "--memory-share": memory_share,
        "--slo": slo,
        "--percentile": percentile,
        "--replicas": replicas,
    }
    if rows is not None:
        beside = [name for name, value in of_one.items() if value is not None]
        beside += ["--aiconfigurator"] if ask_aiconfigurator else []
        _estimate_rows(rows, output, benchmarks, beside, json)
    else:
        _estimate_one(of_one, output, benchmarks, json, ask_aiconfigurator)


def _estimate_rows(rows: Path, output: Path | None, benchmarks: Path | None, beside: list[str], json: bool) -> None:
    """Every row of a table."""
    from planner.catalog.load import load_catalog

    catalog = load_catalog()
    complaints = [Complaint(name, "does not go with --rows, where each row says it.  Leave it out.") for name in beside]
    if not rows.is_file():
        what = "is a folder.  Name a file in it." if rows.is_dir() else "there is no such file."
        complaints.append(Complaint(f"--rows {rows}", what))
    if output is None:
        complaints.append(Complaint("-o", "is missing: name the file that the predicted rows go to."))
    complaints += unwritable(output, rows, benchmarks)
    own = own_rows_of(benchmarks, catalog, complaints)
    if complaints or output is None:
        raise InputError(complaints)
    from planner.performance.table import predict_file

    to = output

    def predict(report: Any) -> Any:
        report(f"predicting {rows.name}", None, None)
        return predict_file(rows, to, catalog, own)

    summary = watched(predict)
    if json:
        from dataclasses import asdict
        from json import dumps

        typer.echo(dumps(asdict(summary), indent=1))
    else:
        _show_summary(summary, output)
    if summary.rows and not summary.predicted:
        raise typer.Exit(1)


def _show_summary(summary: Any, output: Path) -> None:
    from planner.outputs.page import Line, Page

    page = Page(answer_console())
    page.say(f"{output}: {summary.predicted:,} of {summary.rows:,} rows are predicted", "bold", indent=0)

    def counted(counts: dict[str, int]) -> list[Line]:
        return [Line(f"{n:>7,}  {what}".strip()) for what, n in sorted(counts.items(), key=lambda each: -each[1])]

    if summary.by_source:
        page.table("Predicted", (), counted(summary.by_source))
    if summary.reasons:
        page.table("Not predicted", (), counted(summary.reasons))


def _estimate_one(
    options: dict[str, Any], output: Path | None, benchmarks: Path | None, json: bool, ask_aiconfigurator: bool
) -> None:
    """One deployment."""
    from planner.catalog.load import benchmarks_for, load_catalog
    from planner.cli.second_opinion import plain, second_opinion, show_second_opinion
    from planner.outputs.estimate import curve_csv, estimate_object, refusal_object, show_estimate
    from planner.performance import Performance
    from planner.performance import estimate as estimating
    from planner.performance.constants import constants_of
    from planner.performance.types import Refusal

    catalog = load_catalog()
    asked = understood(options, output, benchmarks, catalog)
    performance = Performance(
        catalog.models,
        catalog.gpus,
        benchmarks_for(catalog, models=[asked.deployment.model]),
        asked.memory_share,
        own=asked.own,
        constants=constants_of(catalog.performance),
    )
    found = estimating.estimate(
        performance, asked.deployment, asked.request, asked.memory_share, asked.objective, asked.replicas
    )
    from json import dumps

    if isinstance(found, Refusal):
        if json:
            typer.echo(dumps({"refused": refusal_object(found)}, indent=1))
        raise NoCandidate(f"{found.reason}\n  {found.nearest}{_what_fits(asked)}")
    if output is not None:
        write_whole(output, curve_csv(found))
    assumed = _assumptions(asked, options, catalog)
    others = second_opinion(found) if ask_aiconfigurator else {}
    if json:
        whole = estimate_object(found, asked.memory_share, assumed)
        if ask_aiconfigurator:
            whole["aiconfigurator"] = [{"in_flight": n, **plain(answer)} for n, answer in others.items()]
        typer.echo(dumps(whole, indent=1))
        if isinstance(found.at_objective, Refusal):
            warn(f"{found.at_objective.reason}\n  {found.at_objective.nearest}")
    else:
        show_estimate(found, assumed, answer_console())
        if ask_aiconfigurator:
            show_second_opinion(others, found)
    if not found.kept:
        raise typer.Exit(1)


def _assumptions(asked: Asked, options: dict[str, Any], catalog: Catalog) -> list[str]:
    """What was not said and is taken to be so."""
    from planner.outputs.figures import percent
    from planner.performance.constants import constants_of
    from planner.performance.tails import Limits, prompt_over_mean

    d = asked.deployment
    said = "as asked" if options["--kv-precision"] else f"what {d.engine} does by default here"
    engine = "" if options["--engine"] else " (--engine to change)"
    out = [
        f"{d.engine}{engine}, tp {d.tp}{f', pp {d.pp}' if d.pp > 1 else ''}; it may use "
        f"{percent(asked.memory_share)} of the memory.",
        f"KV cache in {d.kv_precision}, {said}; room for the whole length of every request.",
        f"Requests of {asked.request.input_tok:,g} tokens in and {asked.request.output_tok:,g} out on average; "
        "no prefix cache hits, no speculative decoding.",
    ]
    if d.part is not None and d.part.way == "memory":
        out.append(f"The other engines on the GPU are busy too: it has {percent(d.part.time_share)} of the time.")
    if asked.objective is not None:
        limits = Limits(asked.objective)
        longer = prompt_over_mean(asked.request.input_scv, limits.percentile_share)
        out += [
            f"Every slot busy: late requests take the mean TTFT x {limits.ttft_factor:.3g}, or what a prompt of "
            f"{longer:.3g} x the mean takes, whichever is more, and TPOT x {limits.tpot_factor:.3g}.",
            "With queueing: Poisson arrivals, and lengths of prompts and answers that vary as exponential ones do.",
        ]
    if not constants_of(catalog.performance).knows_hardware(d.gpu, d.engine):
        out.append(f"No row of {d.engine} on {d.gpu.vendor} GPUs stands behind this: NVIDIA's efficiency is taken.")
    return out


def _what_fits(asked: Asked) -> str:
    """The smallest tensor parallelism at which memory would do, as a hint."""
    from dataclasses import replace

    from planner.performance.memory import max_concurrency

    d = asked.deployment
    if d.part is not None or d.model.context_tok < asked.request.input_tok + asked.request.output_tok:
        return ""
    for tp in (2, 4, 8, 16):
        larger = replace(d, tp=tp)
        if tp > d.tp and not d.model.heads % tp:
            most = max_concurrency(larger, asked.request, asked.memory_share)
            if isinstance(most, int):
                return f".  It would fit with --tp {tp}."
    return ""
