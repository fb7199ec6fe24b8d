"""What was left out before solving: counted by reason, with what came nearest."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(slots=True)
class Drops:
    """How many candidates were dropped for which reason, and which came nearest."""

    count: dict[str, int] = field(default_factory=dict)
    nearest: dict[str, tuple[float, str]] = field(default_factory=dict)

    def add(self, reason: str, nearest: str = "", shortfall: float = math.inf) -> None:
        """Count one; keep the nearest by its shortfall."""
        self.count[reason] = self.count.get(reason, 0) + 1
        if nearest and shortfall < self.nearest.get(reason, (math.inf, ""))[0]:
            self.nearest[reason] = (shortfall, nearest)
