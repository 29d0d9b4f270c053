"""How a reproduction reads: surely, perhaps, not at all."""

import pytest

from stopship.report.runs import ShownSide, ShownTally, repro_lines


def _side(name: str, *, is_recorded: bool) -> ShownSide:
    return ShownSide(name=name, stack="5c" * 32, times=7, distinct=1, is_recorded=is_recorded)


@pytest.mark.parametrize(
    ("reproduced", "perhaps", "is_recorded", "told"),
    [
        (True, None, False, "c1: reproduced"),
        (False, None, False, "c1: not reproduced"),
        (False, 0.43, False, "c1: perhaps: by chance p .43; ask more often with --times"),
        (False, 0.5, True, "c1: perhaps: by chance p .50; recorded outputs cannot be asked more often"),
    ],
)
def test_the_first_line_says_how_sure_it_is(
    reproduced: bool, perhaps: float | None, is_recorded: bool, told: str
) -> None:
    sides = (_side("baseline", is_recorded=is_recorded), _side("next", is_recorded=is_recorded))
    assert repro_lines("c1", sides, [], reproduced=reproduced, perhaps=perhaps)[0] == told


def test_chance_is_told_only_of_what_somebody_failed() -> None:
    tallies = [
        ShownTally(rule="right", good="0 of 7", bad="7 of 7", chance=None, is_failed=True, why=""),
        ShownTally(rule="brief", good="1 of 7", bad="2 of 7", chance=0.5, is_failed=True, why=""),
        ShownTally(rule="kind", good="0 of 7", bad="0 of 7", chance=None, is_failed=False, why=""),
    ]
    sides = (_side("baseline", is_recorded=False), _side("next", is_recorded=False))
    lines = repro_lines("c1", sides, tallies, reproduced=True)
    assert [line.split()[-1] for line in lines[-3:]] == ["no", ".50", "-"]


def test_what_both_sides_fail_every_time_is_no_difference_that_chance_could_make() -> None:
    tallies = [
        ShownTally(
            rule="right",
            good="1 of 1",
            bad="1 of 1",
            chance=None,
            is_failed=True,
            is_alike=True,
            why="says no",
        )
    ]
    sides = (_side("baseline", is_recorded=False), _side("next", is_recorded=False))
    (line,) = repro_lines("c1", sides, tallies, reproduced=False)[-1:]
    assert " ".join(line.split()) == "right 1 of 1 1 of 1 - fails on both sides: says no"
