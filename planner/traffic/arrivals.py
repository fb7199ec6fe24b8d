"""How unevenly requests arrive within a minute: what a queue feels beyond its mean rate.

Hours are in the week and minutes in the burst factor; counting them here too would count them twice.  Left over is
the index of dispersion within the minute: variance / mean of requests in 12 s, around the mean of their own minute.
1 is Poisson.  It was chosen over the squared coefficient of variation of the gaps by what a simulated replica needs
(slots for 95 % of requests to wait at most 0.5 s, lengths shuffled), beside the slots that `performance.queueing`
foresees:

    trace, minutes leveled          simulated   Poisson   gaps (whole)   12 s
    Azure 2023 conversation             30        30        1.05:  30    1.4: 31
    Azure 2023 code                     11         5         52:   17     31: 13
    Azure 2023 code, answers x 4        30        11         52:   30     31: 25
    Mooncake conversation               33        30         9.3:  41    2.1: 32

Gaps see what lasts milliseconds (or the 3 s to which Mooncake's times are rounded) as much as what lasts as long as a
request; 12 s is of the order of a request, divides a minute, and holds whole steps of times rounded to 1, 2, 3 or 4 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW_S = 12
DAY_S = 86_400

POISSON_NOTE = "Poisson assumed"

FEWEST_MINUTES = 10
"""The estimate is off by a share of about sqrt(1 / (2 x minutes)): 22 % at 10, 9 % at 60."""

FEWEST_MARKS = 15
"""Seconds of the minute on which times must be seen: rounded to more than 4 s, they say nothing about 12 s."""

MOST = 100.0


class Arrivals:
    """Counts of requests in windows of 12 s, gathered piece by piece and in any order."""

    def __init__(self) -> None:
        import numpy as np

        self._days: dict[int, NDArray[np.int64]] = {}
        self._marks = np.zeros(60, dtype=bool)
        self._first, self._last = np.inf, -np.inf

    def add(self, seconds: NDArray[np.floating[Any]]) -> None:
        """Count requests at these times."""
        import numpy as np

        window, day = (seconds % DAY_S // WINDOW_S).astype(int), (seconds // DAY_S).astype(int)
        for each in np.unique(day).tolist():
            counts = self._days.setdefault(each, np.zeros(DAY_S // WINDOW_S, dtype=np.int64))
            counts += np.bincount(window[day == each], minlength=len(counts))
        self._marks[(seconds % 60).astype(int)] = True
        self._first, self._last = min(self._first, seconds.min()), max(self._last, seconds.max())

    def variability(self) -> tuple[float, str]:
        """Index of dispersion within the minute, 1 to 100, and how it was found.

        Minutes cut short by the first or last request are left out; each other counts with its requests.
        Below 1 (steadier than Poisson) 1 is returned: such arrivals are made, not met.
        """
        import numpy as np

        spread = mean = 0.0
        seen = 0
        for day, windows in self._days.items():
            counts = windows.reshape(-1, 60 // WINDOW_S)
            start = day * DAY_S + 60 * np.arange(len(counts))
            whole = counts[(start >= self._first) & (start + 60 <= self._last)]
            spread += float(whole.var(axis=1, ddof=1).sum())
            mean += float(whole.mean(axis=1).sum())
            seen += int(whole.any(axis=1).sum())
        if seen < FEWEST_MINUTES:
            return 1.0, f"{POISSON_NOTE}: the trace is too short to measure it"
        if self._marks.sum() < FEWEST_MARKS:
            return 1.0, f"{POISSON_NOTE}: the trace rounds its times to more than 4 s"
        return min(max(spread / mean, 1.0), MOST), f"measured: variance / mean of requests in {WINDOW_S} s of a minute"
