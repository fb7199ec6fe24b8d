"""Which blocks are proved next."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from planner.apart import MOST, Tried, furthest_apart
from planner.operation import FEW_BLOCKS, Credit


def model(usd: dict[str, float], deferred: dict[tuple[str, str], float] | None = None) -> Any:
    """A solved program of procurement: by block what is proved of it, and work done there."""

    def value(x: float) -> Any:
        return SimpleNamespace(varValue=x)

    return SimpleNamespace(
        variables=SimpleNamespace(
            block_usd={b: value(x) for b, x in usd.items()},
            deferred={label: value(x) for label, x in (deferred or {}).items()},
            block_paid={},
        )
    )


NONE = Credit(usd_request={})
MANY = {f"b{i:02}": 1.0 for i in range(30)}


def test_blocks_that_make_up_most_of_the_distance_come_first():
    # b07 and b08 are 1000 above what is proved of them, the others 1: with eight at least, those two and six more
    known = Tried(NONE, MANY | {"b07": 1000.0, "b08": 1001.0})
    chosen = furthest_apart(known, model(dict.fromkeys(MANY, 0.0)))
    assert chosen[:2] == ["b08", "b07"] and len(chosen) == FEW_BLOCKS
    # all alike: so many that most of the distance is proved
    assert len(furthest_apart(Tried(NONE, MANY), model(dict.fromkeys(MANY, 0.0)))) == math.ceil(MOST * len(MANY))


def test_what_is_proved_is_not_proved_again():
    known = Tried(NONE, MANY, proved=set(MANY) - {"b03"})
    assert furthest_apart(known, model(dict.fromkeys(MANY, 0.0))) == ["b03"]
    assert furthest_apart(Tried(NONE, MANY, proved=set(MANY)), model(MANY)) == []


def test_what_cannot_be_run_with_few_offers_is_asked_about_first():
    known = Tried(NONE, MANY | {"b29": math.inf})
    assert furthest_apart(known, model(MANY))[0] == "b29"


def test_credit_for_work_done_is_part_of_both_sides():
    # running b00 costs 5 less the credit; proved are 25 less 2 x 10 of credit: nothing apart.  b01 is 3 above.
    known = Tried(Credit(usd_request={("night", "mail"): 2.0}), {"b00": 5.0, "b01": 3.0})
    assert furthest_apart(known, model({"b00": 25.0, "b01": 0.0}, {("mail", "b00"): 10.0}))[0] == "b01"
