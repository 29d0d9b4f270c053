"""Clusters of cases: what shares a cluster or an input belongs together, however long the chain."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stopship.steps.pair import clusters_of
from stopship.steps.scored import Arm

CASES = st.lists(
    st.tuples(st.sampled_from(["", "a", "b", "c", "d"]), st.sampled_from([b"", b"a", b"b", b"x"])),
    max_size=12,
)


@given(CASES)
def test_clusters_are_the_connected_cases_numbered_as_they_come(cases: list[tuple[str, bytes]]) -> None:
    arm = Arm(name="a", keys=[str(i) for i in range(len(cases))])
    arm.clusters, arm.asked = [one for one, _ in cases], [one for _, one in cases]
    together = [
        {j for j, other in enumerate(cases) if i == j or any(x and x == y for x, y in zip(one, other))}
        for i, one in enumerate(cases)
    ]
    for _ in cases:
        together = [set().union(*(together[j] for j in one)) for one in together]
    names: dict[int, int] = {}
    expected = [names.setdefault(min(one), len(names)) for one in together]
    found = clusters_of(arm, np.arange(len(cases)))
    assert (list(range(len(cases))) if found is None else found.tolist()) == expected


@given(st.integers(0, 6))
def test_without_clusters_and_inputs_every_case_stands_alone(n: int) -> None:
    assert clusters_of(Arm(name="a", keys=[str(i) for i in range(n)]), np.arange(n)) is None
