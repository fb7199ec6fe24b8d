"""Packing replicas into machines is exact: against all ways of doing it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.audit.fleet import fits


def by_all_ways(sizes: list[int], free: tuple[int, ...]) -> bool:
    """Put the first replica on every machine that could take it, then the others."""
    if not sizes:
        return True
    return any(
        room >= sizes[0] and by_all_ways(sizes[1:], (*free[:i], room - sizes[0], *free[i + 1 :]))
        for i, room in enumerate(free)
    )


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(st.sampled_from([1, 2, 3, 4, 5, 8]), st.integers(0, 3), max_size=3),
    st.integers(1, 3),
    st.sampled_from([4, 6, 8]),
)
def test_replicas_fit_when_some_way_exists_and_only_then(replicas, machines, gpus):
    small = {size: n for size, n in replicas.items() if size <= gpus}
    sizes = [size for size, n in sorted(small.items(), reverse=True) for _ in range(n)]
    assert fits(small, machines, gpus) == by_all_ways(sizes, (gpus,) * machines)


def test_six_gpus_hold_one_replica_of_four_however_many_are_left():
    # 2 x 6 GPUs are 12, as many as 3 replicas of 4 ask for
    assert fits({4: 2}, machines=2, gpus=6)
    assert not fits({4: 3}, machines=2, gpus=6)


def test_largest_first_may_fail_where_another_way_fits():
    # largest first puts 4+4 and 3+3+3 on machines of 10 and has a 3 left; 4+3+3 twice fits
    assert fits({4: 2, 3: 4}, machines=2, gpus=10)


def test_a_replica_over_several_machines_takes_whole_ones():
    # 12 GPUs on machines of 8 take two; the 4 that are left on the second are not for others
    assert fits({12: 1, 8: 1}, machines=3, gpus=8)
    assert not fits({12: 1, 4: 1}, machines=2, gpus=8)


def test_hundreds_of_replicas_are_packed_at_once():
    assert fits({8: 300, 4: 200, 2: 100, 1: 400}, machines=475, gpus=8)
    # 300 + 100 + 25 + 50 machines exactly
    assert not fits({8: 300, 4: 200, 2: 100, 1: 401}, machines=475, gpus=8)
