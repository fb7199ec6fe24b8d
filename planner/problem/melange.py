"""Turn a Melange configuration into a problem file with the same GPUs, rates and prices.

Melange (github.com/tyler-griggs/melange-release, config/example.json) reads JSON:

    {"gpu_info": {"A10G": {"cost": 1.01, "tputs": [[2, 1], [5, 2]]}},      cost in USD/h, tputs in requests/s
     "workload_distribution": [[0.25, 0.125], [0.375, 0.25]],              rows: input size; columns: output size
     "total_request_rate": 1.0,                                            requests/s
     "slice_factor": 1}

Its README also writes `gpu_info` as a list with a `name` in each entry and the rate as `overall_rate`.
`ineligible_cells`, GPU -> [[row, column], ...], takes cells away that a throughput is given for.  The format
does not say where its buckets end; the upper edges its README and paper use stand for them, as labels only.
Melange assigns each of `slice_factor` slices of a bucket to one GPU type; here a bucket may be split in any
proportion, so a plan costs at most as much.  Other keys are left alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from planner.errors import Complaint, ProblemError
from planner.problem.wording import did_you_mean, shown

EDGES_TOK = (25, 100, 250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000)
"""Upper edges of buckets in Melange's README and paper; beyond them each is twice the one before."""

LIMIT_BYTES = 10_000_000
MOST_BUCKETS = 1000
SHARES_OFF = 0.005

Cell = tuple[int, int]
Matrix = list[list[float]]


class _Repeated(ValueError):
    """A JSON object says a key twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Melange:
    """A configuration that holds together."""

    usd_h: dict[str, float]  # by GPU
    req_s: dict[str, dict[Cell, float]]  # by GPU: what it serves of each bucket it may serve
    share: dict[Cell, float]  # buckets with requests
    total_req_s: float


def melange_problem(path: Path, today: date) -> str:
    """The text of a problem file; prices count as seen on `today`, because the format dates none.

    Raises ProblemError with every mistake found.
    """
    return problem_text(read_melange(path), path, today)


def read_melange(path: Path) -> Melange:
    """A configuration, checked.  Raises ProblemError with every mistake found."""
    values = _json(path)
    complaints = [Complaint(f"{path}  {where}" if where else str(path), what) for where, what in _mistakes(values)]
    if complaints:
        raise ProblemError(complaints)
    gpus = _by_name(values["gpu_info"])
    shares: Matrix = values["workload_distribution"]
    barred = {gpu: {tuple(cell) for cell in cells} for gpu, cells in values.get("ineligible_cells", {}).items()}
    cells = [(i, j) for i, row in enumerate(shares) for j in range(len(row))]
    return Melange(
        usd_h={name: float(gpu["cost"]) for name, gpu in gpus.items()},
        req_s={
            name: {
                (i, j): float(gpu["tputs"][i][j])
                for i, j in cells
                if gpu["tputs"][i][j] > 0 and (i, j) not in barred.get(name, ())
            }
            for name, gpu in gpus.items()
        },
        share={(i, j): float(shares[i][j]) for i, j in cells if shares[i][j] > 0},
        total_req_s=float(values[_rate_key(values)]),
    )


def edge_tok(index: int) -> int:
    """The label of a row or column of buckets [tokens].

    >>> edge_tok(0), edge_tok(9), edge_tok(11)
    (25, 32000, 128000)
    """
    last = len(EDGES_TOK) - 1
    return EDGES_TOK[index] if index <= last else EDGES_TOK[last] * 2 ** (index - last)


def problem_text(melange: Melange, path: Path, today: date) -> str:
    """The problem file of a configuration."""
    said = json.dumps(f"{path.name}, cost", ensure_ascii=False)
    lengths = [
        f"        - {{input_tok: {edge_tok(i)}, output_tok: {edge_tok(j)}, share: {share!r}}}"
        for (i, j), share in melange.share.items()
    ]
    capacity = [
        f"    - {{gpu: {_quoted(gpu)}, input_tok: {edge_tok(i)}, output_tok: {edge_tok(j)}, req_s: {req_s!r}}}"
        for gpu, cells in melange.req_s.items()
        for (i, j), req_s in cells.items()
    ]
    quotes = [
        f"    - {{provider: melange, gpu: {_quoted(gpu)}, gpus: 1, usd_h: {usd_h!r}, term: on-demand,"
        f" observed_on: {today}, source: {said}}}"
        for gpu, usd_h in melange.usd_h.items()
    ]
    return "\n".join(
        [
            "# Made by `plan import melange`.  Token counts are labels of its buckets (upper edges); rates and prices",
            "# are the configuration's own, and nothing is estimated.",
            f"name: {_quoted(path.stem or 'melange')}",
            "month_hours: 730",
            "workloads:",
            "  requests:",
            "    models: [melange]",
            "    traffic:",
            f"      peak_req_s: {math.fsum(melange.share.values()) * melange.total_req_s!r}",
            "      burst_factor: 1",
            f"      classes: {len(melange.share)}",
            "      lengths:",
            *lengths,
            "performance:",
            "  capacity:",
            *capacity,
            "procurement:",
            "  terms: [on-demand]",
            "  only_quotes: true",
            "  quotes:",
            *quotes,
            "apis: {allow: false}",
            "solver: {gap: 0}",
            "",
        ]
    )


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _json(path: Path) -> Any:
    try:
        if not path.is_file():
            raise ProblemError([Complaint(str(path), "no such file.  Give a Melange configuration, JSON.")])
        if path.stat().st_size > LIMIT_BYTES:
            what = f"{path.stat().st_size / 1e6:,.1f} MB; at most {LIMIT_BYTES / 1e6:.0f} MB are read."
            raise ProblemError([Complaint(str(path), what)])
        return json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ProblemError([Complaint(f"{path}:{error.lineno}", f"not JSON that can be read: {error.msg}.")]) from None
    except _Repeated as error:
        raise ProblemError([Complaint(str(path), str(error))]) from None
    except UnicodeDecodeError:
        raise ProblemError([Complaint(str(path), "is not UTF-8 text.  Save the file as UTF-8.")]) from None
    except (RecursionError, ValueError):
        raise ProblemError([Complaint(str(path), "is nested too deep, or holds a number too long.")]) from None
    except OSError as error:
        raise ProblemError([Complaint(str(path), f"cannot be read: {error.strerror or error}.")]) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Repeated(f"{shown(key)} stands twice in one group.  Keep it once.")
        found[key] = value
    return found


def _by_name(gpu_info: Any) -> dict[str, Any]:
    return {gpu["name"]: gpu for gpu in gpu_info} if isinstance(gpu_info, list) else gpu_info


def _rate_key(values: dict[str, Any]) -> str:
    return "overall_rate" if "total_request_rate" not in values and "overall_rate" in values else "total_request_rate"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _mistakes(values: Any) -> Iterator[tuple[str, str]]:
    """Each mistake as (key, sentence)."""
    if not isinstance(values, dict):
        yield "", "holds no group of keys.  It needs gpu_info, workload_distribution and total_request_rate."
        return
    for key in ("gpu_info", "workload_distribution", _rate_key(values)):
        if key not in values:
            near = did_you_mean(key, [other for other in values if other != key]).replace("Did you mean", "Is it")
            yield key, f"is missing.{near}"
    rate = values.get(_rate_key(values), 1.0)
    if not _is_number(rate) or not 0 < rate <= 1e12:
        yield _rate_key(values), f"{shown(rate)} is not possible; requests/s must be more than 0."
    shape: Cell | None = None
    if "workload_distribution" in values:
        wrong = list(_matrix_mistakes(values["workload_distribution"], "workload_distribution", None))
        wrong = wrong or list(_share_mistakes(values["workload_distribution"]))
        yield from wrong
        if not wrong:
            shape = (len(values["workload_distribution"]), len(values["workload_distribution"][0]))
    if "gpu_info" in values:
        yield from _gpu_mistakes(values["gpu_info"], shape)
    if "ineligible_cells" in values:
        yield from _ineligible_mistakes(values["ineligible_cells"], values.get("gpu_info"), shape)


def _matrix_mistakes(matrix: Any, at: str, shape: Cell | None) -> Iterator[tuple[str, str]]:
    if not (isinstance(matrix, list) and matrix and all(isinstance(row, list) and row for row in matrix)):
        yield at, "is not a matrix.  Write a list of rows (input sizes) of numbers (output sizes)."
        return
    columns = len(matrix[0]) if shape is None else shape[1]
    uneven = [f"row {i} has {len(row)}" for i, row in enumerate(matrix) if len(row) != columns]
    if shape is not None and len(matrix) != shape[0]:
        yield at, f"has {len(matrix)} rows; workload_distribution has {shape[0]}.  Both need the same buckets."
    if uneven:
        expected = "row 0" if shape is None else "workload_distribution"
        yield at, f"{', '.join(uneven[:5])} columns; {expected} has {columns}.  Every row needs as many."
    if len(matrix) * columns > MOST_BUCKETS:
        yield at, f"{len(matrix) * columns:,} buckets; at most {MOST_BUCKETS:,} are read.  Merge some."
    bad = [(i, j, v) for i, row in enumerate(matrix) for j, v in enumerate(row) if not _is_number(v) or v < 0]
    for i, j, value in bad[:5]:
        yield f"{at}[{i}][{j}]", f"{shown(value)} is not possible; write a finite number, 0 or more."
    if len(bad) > 5:
        yield at, f"{len(bad) - 5} more cells like these."


def _share_mistakes(shares: Matrix) -> Iterator[tuple[str, str]]:
    total = math.fsum(share for row in shares for share in row)
    if total <= 0:
        yield "workload_distribution", "all shares are 0: nothing arrives."
    elif abs(total - 1) > SHARES_OFF:
        percent = "  They look like percent: divide them by 100." if abs(total - 100) < 0.5 else ""
        yield "workload_distribution", f"the shares add up to {total:.6g} and must add up to 1.{percent}"


def _gpu_mistakes(gpu_info: Any, shape: Cell | None) -> Iterator[tuple[str, str]]:
    if isinstance(gpu_info, list):
        names = [gpu.get("name") if isinstance(gpu, dict) else None for gpu in gpu_info]
        if not all(isinstance(name, str) for name in names):
            yield "gpu_info", "each entry of a list needs a name, a cost and tputs."
            return
        if len(set(names)) < len(names):
            yield "gpu_info", "a name stands there twice.  Keep it once."
        gpu_info = _by_name(gpu_info)
    if not isinstance(gpu_info, dict) or not gpu_info:
        yield "gpu_info", "names no GPU.  Write a name, and cost and tputs below it."
        return
    for name, gpu in gpu_info.items():
        at = f"gpu_info.{shown(name)[1:-1]}"
        if not (0 < len(name) <= 120 and name.isprintable()):
            yield at, f"{shown(name)} cannot be a name; use 1 to 120 printable characters."
        if not isinstance(gpu, dict):
            yield at, f"{shown(gpu)} stands where cost and tputs belong."
            continue
        for key in ("cost", "tputs"):
            if key not in gpu:
                yield f"{at}.{key}", "is missing."
        cost = gpu.get("cost", 1.0)
        if not _is_number(cost) or not 0 < cost <= 1e12:
            yield f"{at}.cost", f"{shown(cost)} is not possible; USD/h must be more than 0."
        if "tputs" in gpu:
            yield from _matrix_mistakes(gpu["tputs"], f"{at}.tputs", shape)


def _ineligible_mistakes(ineligible: Any, gpu_info: Any, shape: Cell | None) -> Iterator[tuple[str, str]]:
    if not isinstance(ineligible, dict):
        yield "ineligible_cells", "is not a group of GPUs.  Write each GPU with a list of [row, column]."
        return
    try:
        known = list(_by_name(gpu_info or {}))
    except (TypeError, KeyError):
        known = []
    for gpu, cells in ineligible.items():
        at = f"ineligible_cells.{shown(gpu)[1:-1]}"
        if known and gpu not in known:
            yield at, f"no such GPU in gpu_info.{did_you_mean(gpu, known)}"
        if not isinstance(cells, list):
            yield at, f"{shown(cells)} stands where a list of [row, column] belongs."
            continue
        for cell in cells:
            whole = isinstance(cell, list) and len(cell) == 2 and all(type(index) is int for index in cell)
            if not whole or (shape and not (0 <= cell[0] < shape[0] and 0 <= cell[1] < shape[1])):
                limits = f" within {shape[0]} rows and {shape[1]} columns, counted from 0" if shape else ""
                yield at, f"{json.dumps(cell)[:60]} is no [row, column]{limits}."
                break
