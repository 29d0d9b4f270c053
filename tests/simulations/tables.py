"""Write docs/simulations.md: `STOPSHIP_SIMULATE=full python -m tests.simulations.tables`.

The page is made of the same grids as the tests. With no runs it comes out with zeros, which shows its form.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.simulations import grids, histories, naive
from tests.simulations.figures import Setup, chance_to_ship, path_of, power_at_mde, runs_of, simulate
from tests.simulations.worlds import World

PAGE = Path(__file__).parents[2] / "docs" / "simulations.md"
OPENING = """# What the gate was seen to do

Every figure on this page is a share of simulated builds on which the gate itself was run: outputs, arms,
pairs, rules, verdict. The truth of each world is known. `runs` says how many builds stand behind a row; few
runs tell only coarse figures, and more of them come from

```sh
STOPSHIP_SIMULATE=full python -m tests.simulations.tables
```

The same worlds are tests, reduced in `python -m pytest -m slow` and in full by

```sh
STOPSHIP_SIMULATE=full python -m pytest -m slow tests/simulations
```

Worlds: `agent` passes or fails, success .42, and two runs of one build differ in 29 % of its cases.
`reliable` succeeds in .95 and differs in 8 %. `judge` gives scores from 0 to 1; two runs differ by .25
(standard deviation). In `churn` half of the cases of the agent were answered by another system, the arms
swapped at random: real changes, mean zero. `settled` never varies. alpha is 5 %, the margin 5 points where
nothing else is said. `runs` counts builds; three standard errors of a share of .05 are .013 at 2 500 runs,
.021 at 1 000, .046 at 200.
"""
Row = Sequence[str]


def page(*, blank: bool = False, told: Callable[[str], object] = lambda _: None) -> str:
    """The page in Markdown; `blank`: without a single run."""

    def many(setup: Setup) -> int:
        return 0 if blank else runs_of(setup)

    parts = [OPENING]
    for make in (_naive, _unchanged, _paths, _at_margin, _power, _shipping, _cohorts, _rows_of_gates):
        parts.append(make(many))
        told(make.__name__)
    return "\n".join(parts)


Many = Callable[[Setup], int]


def _naive(many: Many) -> str:
    same = [
        ("agent", 50, 1),
        ("agent", 200, 1),
        ("agent", 800, 1),
        ("judge", 200, 1),
        ("churn", 200, 1),
        ("churn", 200, 5),
    ]
    worse = [
        ("agent", 200, 1, 0.05),
        ("agent", 200, 5, 0.05),
        ("agent", 200, 1, 0.10),
        ("judge", 200, 1, 0.05),
    ]
    unchanged = [Setup(world=World(name=name, n=n), repeats=r) for name, n, r in same]
    dropped = [Setup(world=World(name=name, n=n, drop=drop), repeats=r) for name, n, r, drop in worse]
    parts = []
    for title, setups in (
        ("An unchanged build is blocked", unchanged),
        ("A build that got worse is blocked", dropped),
    ):
        found = [naive.blocked(one, many(one)) for one in setups]
        heads = [f"{one.world.name} n={one.world.n} R={one.repeats}{_dropped(one)}" for one in setups]
        rows = [[name, *(_share(one[name]) for one in found)] for name in found[0]]
        parts.append(f"## {title}\n\n{_table(['rule', *heads], rows)}")
    parts.append(
        "Fixed thresholds bound neither mistake. An unpaired test starves. Repeats pooled as cases stop good "
        "builds as soon as cases really differ. Blocking whatever is not proven blocks good builds while "
        "cases are few: the gate says UNDECIDED there, and says what would decide.\n"
    )
    return "\n".join(parts)


def _dropped(setup: Setup) -> str:
    return f" -{100 * setup.world.drop:g} pt" if setup.world.drop else ""


def _unchanged(many: Many) -> str:
    found = [(one, simulate(one, many(one))) for one in grids.UNCHANGED]
    rows = [
        [_where(one), str(one.repeats), _share(r.stops), _share(r.ships), str(r.runs)] for one, r in found
    ]
    return (
        "## An unchanged build, one look\n\n"
        "STOP is promised in at most .05 of them. What is neither is UNDECIDED.\n\n"
        + _table(["world", "R", "STOP", "SHIP", "runs"], rows)
    )


def _paths(many: Many) -> str:
    found = [(one, simulate(one, many(one))) for one in grids.UNCHANGED_BY_PATH]
    rows = [
        [
            _where(one),
            path_of(one.escalate),
            _share(r.stops),
            _share(r.ships),
            f"{r.outputs:.0f}",
            str(r.runs),
        ]
        for one, r in found
    ]
    return "## An unchanged build, on every way to a verdict\n\n" + _table(
        ["world", "way", "STOP", "SHIP", "outputs", "runs"], rows
    )


def _at_margin(many: Many) -> str:
    found = [(one, simulate(one, many(one))) for one in grids.AT_MARGIN]
    rows = [
        [
            f"{_where(one)}, {one.world.shape}",
            str(one.repeats),
            path_of(one.escalate),
            _share(r.ships),
            _share(r.stops),
            str(r.runs),
        ]
        for one, r in found
    ]
    return (
        "## A build that dropped by exactly the margin\n\n"
        "SHIP is promised in at most .075 of them, on every way. The drop "
        "is spread over all cases, or some cases fail for good (broken).\n\n"
        + _table(["world", "R", "way", "SHIP", "STOP", "runs"], rows)
    )


def _power(many: Many) -> str:
    found = [(one, power_at_mde(one, many(one))) for one in grids.POWER]
    rows = [
        [_where(one), str(one.repeats), f"{100 * r.mde:.1f} pt", _share(r.found), str(r.runs)]
        for one, r in found
    ]
    return (
        "## The drop that a report says it would notice\n\n"
        "It is noticed in .80 of the builds, give or take .05.\n\n"
        + _table(["world", "R", "printed, on average", "found", "runs"], rows)
    )


def _shipping(many: Many) -> str:
    found = [(one, chance_to_ship(one, many(one))) for one in grids.SHIPPING]
    rows = [
        [
            str(one.world.n),
            str(one.world.cohorts),
            f"{100 * one.margin:g} pt",
            f"{100 * one.world.flips:g} %",
            _share(r.printed),
            _share(r.shipped),
            str(r.runs),
        ]
        for one, r in found
    ]
    return "## P(SHIP) of an unchanged build\n\n" + _table(
        ["cases", "cohorts", "margin", "flips", "printed", "shipped", "runs"], rows
    )


def _cohorts(many: Many) -> str:
    found = [(one, simulate(one, many(one))) for one in grids.BROKEN_COHORTS]
    rows = [
        [
            _where(one),
            path_of(one.escalate),
            _share(r.stops),
            _share(r.ships),
            f"{r.outputs:.0f}",
            str(r.runs),
        ]
        for one, r in found
    ]
    return "## One of twenty cohorts lost forty points\n\n" + _table(
        ["world", "way", "STOP", "SHIP", "outputs", "runs"], rows
    )


def _rows_of_gates(many: Many) -> str:
    is_blank = not many(grids.UNCHANGED[0])
    chains, peeks = (0, 0) if is_blank else (grids.chains(), grids.peeks())
    rows = []
    for world in grids.CHAINED:
        found = [
            histories.chain(world, how, chains)
            for how in (histories.FRESH, histories.WINNER, histories.BEST, histories.BEST_OF_FIVE)
        ]
        rows.append(
            [world.name, *(f"{_share(one.stops)} ± {_share(one.error)}" for one in found), str(chains)]
        )
    looked = [
        (
            f"after {', '.join(map(str, outputs))} outputs",
            histories.peeking(World(name="agent", n=200), outputs, peeks),
        )
        for outputs in grids.PEEKS
    ]
    looked.append(
        (
            f"{grids.NIGHTS} nights of fresh outputs",
            histories.nights(World(name="agent", n=200), grids.NIGHTS, peeks),
        )
    )
    return (
        "## Forty builds in a row, none of which changed anything\n\n"
        "The share that is stopped, by what becomes the baseline "
        "when one ships; `±` is three standard errors. Stopship draws fresh outputs.\n\n"
        + _table(
            [
                "world",
                "fresh outputs",
                "the winner",
                "the winner if it looks better",
                "best of five",
                "chains",
            ],
            rows,
        )
        + "\n## Looking again and again at an unchanged build\n\n"
        "The share that is stopped at some look: each at the whole "
        "alpha, and as the gate spends it (rounds) or bets (nights).\n\n"
        + _table(
            ["looks", "each at alpha", "the gate", "runs"],
            [[name, _share(one.naive), _share(one.ours), str(one.runs)] for name, one in looked],
        )
    )


def _where(setup: Setup) -> str:
    world = setup.world
    parts = [f"{world.name} n={world.n}"]
    parts += ["these cases"] if setup.estimand.value == "suite" else []
    parts += [f"{world.clusters} conversations"] if world.clusters else []
    parts += [f"{world.cohorts} cohorts"] if world.cohorts else []
    parts += [f"margin {100 * setup.margin:g} pt"] if setup.margin != 0.05 else []
    return ", ".join(parts)


def _share(value: float) -> str:
    return f"{value:.3f}"


def _table(heads: Row, rows: Iterable[Row]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(one)} |" for one in lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(told=lambda name: print(name, file=sys.stderr, flush=True)), encoding="utf-8")
