"""What is said of a suite when it is loaded."""

import pytest

from stopship.report.runs import outlook_line

FLIPS = ((0.02, 1.0), (0.05, 0.97), (0.1, 0.84))
DETERMINISTIC = "its target is deterministic"


@pytest.mark.parametrize(
    ("p_ship", "because", "assumes", "told"),
    [
        (((0.0, 1.0),), DETERMINISTIC, (), "P(SHIP) 1, as its target is deterministic"),
        (
            ((0.0, 1.0),),
            DETERMINISTIC,
            ("if its limits are kept",),
            "P(SHIP) 1 if its limits are kept, as its target is deterministic",
        ),
        (
            ((0.0, 0.0),),
            "cites can never be proven on these cases",
            (),
            "P(SHIP) 0, as cites can never be proven on these cases",
        ),
        (
            FLIPS,
            "",
            ("if its limits are kept", "without rules in percent"),
            (
                "P(SHIP) 1 where 2 % of cases flip, 0.97 where 5 % of cases flip, 0.84 where 10 % of cases "
                "flip; if its limits are kept, without rules in percent"
            ),
        ),
        (
            (),
            "",
            ("without rules in percent",),
            "P(SHIP) cannot be told of limits before there is a baseline, nor of rules in percent",
        ),
    ],
)
def test_the_chance_of_an_identical_build_is_told_with_its_reason(
    p_ship: tuple[tuple[float, float], ...], because: str, assumes: tuple[str, ...], told: str
) -> None:
    line = outlook_line("desk", 110, 100, p_ship, because=because, assumes=assumes)
    assert line == f"desk: 110 cases in 100 clusters; a build that changed nothing: {told}"
