"""Read a trace: a CSV with one request per row, its time and its input and output tokens.

    timestamp,input_tok,output_tok                      ours
    TIMESTAMP,ContextTokens,GeneratedTokens             Azure LLM inference traces 2023, 2024 (times in UTC)
    Timestamp,Request tokens,Response tokens,...        BurstGPT (seconds from the start)

Other columns are left alone.  Times are ISO 8601 or epoch seconds; with an offset they are turned into
UTC, without one they are the clock of the week as written.  Seconds below 10^9 count from a Monday 00:00.
A row that cannot be read is a complaint, never left out.  The file is read in pieces: memory stays small.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from planner.errors import Complaint, ProblemError
from planner.problem.places import printable
from planner.traffic.arrivals import Arrivals
from planner.traffic.lengths import Cell
from planner.traffic.types import HOURS

if TYPE_CHECKING:
    import pandas as pd

SYNONYMS = {
    "timestamp": "timestamp time datetime date ts arrivaltime arrivaltimestamp arrivedat requesttime "
    "starttime createdat",
    "input_tok": "inputtok inputtokens inputlength inputlen contexttokens prompttok prompttokens "
    "promptlength "
    "promptlen requesttokens numprompttokens",
    "output_tok": "outputtok outputtokens outputlength outputlen generatedtokens generationtokens "
    "completiontokens "
    "responsetokens numoutputtokens numgeneratedtokens",
}
"""Accepted column names, compared in lower case without blanks and signs."""

CHUNK_ROWS = 200_000
SHOWN_ROWS = 10
MOST_TOKENS = 10_000_000
LONGEST_DAYS = 366
FEWEST_MINUTES = 10  # a 99th percentile of fewer says nothing
MONDAY_S = 4 * 86_400  # 1970-01-05 00:00 was a Monday


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a trace says about the traffic."""

    mean_req_s: float  # requests after the first / time between first and last; whole-week mean
    week: tuple[float, ...] | None  # relative load of the 168 hours; None if it covers less than a week
    burst_factor: float | None  # p99 minute over the mean of its hour; None below FEWEST_MINUTES
    burst_note: str
    arrival_variability: float  # within the minute; at least 1, which is Poisson
    arrival_note: str
    cells: tuple[Cell, ...]  # lengths by powers of two
    lengths_note: str


def read_trace(path: Path) -> Trace:
    """Rate, week, bursts and lengths of a trace; raises ProblemError with the lines that cannot be read."""
    tally = _Tally(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader([file.readline(100_000)]), [])
            columns = _columns(path, header)
            for piece in _pieces(path, file, header):
                tally.add(piece, columns)
    except UnicodeDecodeError:
        raise ProblemError([Complaint(str(path), "is not UTF-8 text.  Save the trace as a UTF-8 CSV.")]) from None
    except OSError as error:
        raise ProblemError([Complaint(str(path), f"cannot be read: {error.strerror}.")]) from None
    return tally.trace()


def _columns(path: Path, header: Sequence[str]) -> dict[str, str]:
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(header)}
    columns, complaints = {}, []
    for column, synonyms in SYNONYMS.items():
        found = [plain[each] for each in synonyms.split() if each in plain]
        if found:
            columns[column] = found[0]
        else:
            seen = ", ".join(printable(name[:30]) for name in header[:8]) or "nothing"
            what = f"no column for it; the header holds: {seen}.  Name the columns {','.join(SYNONYMS)}."
            complaints.append(Complaint(f"{path}:1  {column}", what))
    if complaints:
        raise ProblemError(complaints)
    return columns


def _pieces(path: Path, file: TextIO, header: list[str]) -> Iterator[pd.DataFrame]:
    import pandas as pd

    names = [name if header.index(name) == i else f"{name}#{i}" for i, name in enumerate(header)]
    try:
        yield from pd.read_csv(
            file,
            header=None,
            names=[*names, "#spill"],
            index_col=False,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            chunksize=CHUNK_ROWS,
        )
    except pd.errors.EmptyDataError:
        return
    except pd.errors.ParserError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{path}:{int(line[1]) + 1}" if line else str(path)
        what = "more fields than the header names, or a quote that is not closed.  Correct or remove the line."
        raise ProblemError([Complaint(where, what)]) from None


class _Tally:
    """Sums over the pieces of one file."""

    def __init__(self, path: Path) -> None:
        import numpy as np

        self.path = path
        self.minutes: Counter[int] = Counter()
        self.arrivals = Arrivals()
        self.count = np.zeros(64 * 64)
        self.input_tok = np.zeros(64 * 64)
        self.output_tok = np.zeros(64 * 64)
        self.raised = 0  # token counts of 0 taken as 1
        self.bad: list[Complaint] = []
        self.bad_rows = 0
        self.numeric: bool | None = None
        self.first = (math.inf, 0)  # time [s], line
        self.last = (-math.inf, 0)

    def add(self, piece: pd.DataFrame, columns: dict[str, str]) -> None:
        import numpy as np
        import pandas as pd

        text = {key: piece[column] for key, column in columns.items()}
        if self.numeric is None:
            first_row = text["timestamp"].replace("", None).dropna().head(1)
            self.numeric = bool(pd.to_numeric(first_row, errors="coerce").notna().all())
        if self.numeric:
            time = pd.to_numeric(text["timestamp"], errors="coerce").astype(float)
            time = time.where(time.between(0, 1e11))
            time = time.where(time >= 1e9, time + MONDAY_S)
        else:
            parsed = pd.to_datetime(text["timestamp"], format="ISO8601", errors="coerce", utc=True)
            time = (parsed - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        tokens = {key: pd.to_numeric(text[key], errors="coerce") for key in ("input_tok", "output_tok")}
        fits = {
            "timestamp": time.notna(),
            **{key: each.between(0, MOST_TOKENS) for key, each in tokens.items()},
        }
        spill = piece["#spill"].fillna("") != ""
        good = ~spill
        for ok in fits.values():
            good &= ok
        if not good.all():
            blank = piece.fillna("").eq(np.array("")).all(axis=1)
            self._complain(text, fits, spill, good | blank)
        if not good.any():
            return
        seconds = time[good].to_numpy()
        lines = time.index[good].to_numpy() + 2
        first, last = int(seconds.argmin()), int(seconds.argmax())
        self.first = min(self.first, (float(seconds[first]), int(lines[first])))
        self.last = max(self.last, (float(seconds[last]), int(lines[last])))
        self._check_span()
        minute, of_minute = np.unique((seconds // 60).astype(np.int64), return_counts=True)
        self.minutes.update(dict(zip(minute.tolist(), of_minute.tolist(), strict=True)))
        self.arrivals.add(seconds)
        sizes = [tokens[key][good].to_numpy(dtype=float) for key in ("input_tok", "output_tok")]
        self.raised += int(((sizes[0] < 1) | (sizes[1] < 1)).sum())
        inputs, outputs = (np.maximum(size, 1.0) for size in sizes)
        cell = (np.log2(inputs).astype(int) * 64) + np.log2(outputs).astype(int)
        self.count += np.bincount(cell, minlength=64 * 64)
        self.input_tok += np.bincount(cell, inputs, minlength=64 * 64)
        self.output_tok += np.bincount(cell, outputs, minlength=64 * 64)

    def _complain(self, text: dict[str, Any], fits: dict[str, Any], spill: Any, good: Any) -> None:
        self.bad_rows += int((~good).sum())
        possible = {
            "timestamp": "a time as 2026-11-20T09:00:00Z, or as the first row has it: "
            + ("seconds (not milliseconds)" if self.numeric else "ISO 8601"),
            "input_tok": "a number of tokens, 0 to 10 million",
            "output_tok": "a number of tokens, 0 to 10 million",
        }
        for row in good.index[~good][: SHOWN_ROWS - len(self.bad)]:
            wrong = [key for key in fits if not fits[key][row]]
            if spill[row] and not wrong:
                what = "more fields than the header names.  Correct or remove the line."
                self.bad.append(Complaint(f"{self.path}:{row + 2}", what))
                continue
            what = ";  ".join(f'"{_cut(text[key][row])}" is not {possible[key]}' for key in wrong)
            self.bad.append(
                Complaint(f"{self.path}:{row + 2}  {', '.join(wrong)}", f"{what}.  Correct or remove the line.")
            )

    def _check_span(self) -> None:
        days = (self.last[0] - self.first[0]) / 86_400
        if days > LONGEST_DAYS:
            what = (
                f"lines {self.first[1]} and {self.last[1]} are {days:,.0f} days apart; a trace covers "
                "at most a year.  "
                "Correct the time that is wrong, or give one representative week."
            )
            raise ProblemError([*self.bad, Complaint(f"{self.path}:{self.last[1]}  timestamp", what)])

    def trace(self) -> Trace:
        """What the rows come to, once all are read."""
        if self.bad_rows:
            shown = f"the first {len(self.bad)} are above" if self.bad_rows > len(self.bad) else "all are above"
            rows = "row" if self.bad_rows == 1 else "rows"
            what = f"{self.bad_rows:,} {rows} cannot be read; {shown}.  None is left out: correct the file."
            raise ProblemError([*self.bad, Complaint(str(self.path), what)])
        requests, seconds = int(self.count.sum()), self.last[0] - self.first[0]
        if requests < 2 or seconds < 60:
            what = f"{requests} requests within {max(seconds, 0):.0f} s; a rate needs more than a minute of requests."
            raise ProblemError(
                [Complaint(str(self.path), what + "  Give a longer trace, or `mean_req_s` and lengths.")]
            )
        week, week_req_s = self._week()
        burst_factor, measured = self._burst()
        variability, arrival_note = self.arrivals.variability()
        covered = f"{seconds / 86_400:.1f} days" if seconds > 172_800 else f"{seconds / 3600:.1f} h"
        of = f"{requests:,} requests in {covered} of {self.path.name}"
        when = "" if week else "; less than a week: its hours are not used"
        zeros = f"; {self.raised:,} requests without input or output tokens count as 1 token" if self.raised else ""
        return Trace(
            mean_req_s=week_req_s if week else (requests - 1) / seconds,
            week=week,
            burst_factor=burst_factor,
            burst_note=f"{measured}, {of}{when}",
            arrival_variability=variability,
            arrival_note=arrival_note,
            cells=tuple(
                Cell(float(n) / requests, float(i / n), float(o / n))
                for n, i, o in zip(self.count, self.input_tok, self.output_tok, strict=True)
                if n
            ),
            lengths_note=f"lengths by powers of two from {of}{zeros}",
        )

    def _week(self) -> tuple[tuple[float, ...] | None, float]:
        """Relative hours and mean requests/s, if at least half of each hour of the week was seen.

        An hour seen twice counts with the mean of both: requests / seconds seen, whole minutes at the ends.
        """
        requests, seen_s = [0.0] * HOURS, [0.0] * HOURS
        for minute, count in self.minutes.items():
            requests[_hour_of_week(minute // 60)] += count
        begin, end = self.first[0] // 60 * 60, (self.last[0] // 60 + 1) * 60
        for hour in range(int(begin // 3600), math.ceil(end / 3600)):
            seen_s[_hour_of_week(hour)] += min(end, (hour + 1) * 3600) - max(begin, hour * 3600)
        if min(seen_s) < 1800:
            return None, 0.0
        rates = [count / seen for count, seen in zip(requests, seen_s, strict=True)]
        mean = sum(rates) / HOURS
        return tuple(rate / mean for rate in rates), mean

    def _burst(self) -> tuple[float | None, str]:
        import numpy as np

        begin, end = math.ceil(self.first[0] / 60), int(self.last[0] // 60)
        if end - begin < FEWEST_MINUTES:
            return None, "the trace is too short to measure bursts"
        counts = np.array([self.minutes[minute] for minute in range(begin, end)], dtype=float)
        hours = np.arange(begin, end) // 60 - begin // 60
        whole = np.bincount(hours)
        mean = np.bincount(hours, counts) / np.maximum(whole, 1)
        enough = (whole[hours] >= FEWEST_MINUTES) & (mean[hours] > 0)
        if enough.sum() < FEWEST_MINUTES:
            enough, mean[:] = np.ones_like(enough), counts.mean() or 1.0
        factor = float(np.percentile(counts[enough] / mean[hours][enough], 99))
        return min(max(factor, 1.0), 100.0), "measured: p99 minute / mean minute of its hour"


def _cut(field: object) -> str:
    return printable(field.strip()[:40]) if isinstance(field, str) else ""


def _hour_of_week(hour: int) -> int:
    """0 for Monday 00:00; `hour` counts from 1970-01-01 00:00, a Thursday."""
    return (hour - MONDAY_S // 3600) % HOURS
