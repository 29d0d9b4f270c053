"""Write docs/simulations.md: `STOPSHIP_SIMULATE=full python -m tests.simulations.tables`.

The page is made of the same grids as the tests. With no runs it comes out with zeros, which shows its form.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.simulations import grids, histories, limits, naive
from tests.simulations.figures import (
    IS_FULL,
    TIMES,
    Setup,
    chance_to_ship,
    error,
    further_outputs,
    path_of,
    power_at_mde,
    power_runs_of,
    runs_of,
    simulate,
)
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
swapped at random: real changes, mean zero. `settled` never varies; `rare` succeeds in .08. alpha is 5 %,
the margin 5 points where nothing else is said. `runs` counts builds; three standard errors of a share of .05
are .013 at 2 500 runs, .021 at 1 000, .046 at 200.
"""
Row = Sequence[str]


def page(*, blank: bool = False, told: Callable[[str], object] = lambda _: None) -> str:
    """The page in Markdown; `blank`: without a single run."""

    def many(setup: Setup) -> int:
        return 0 if blank else runs_of(setup)

    parts = [OPENING]
    for make in PARTS:
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
    found = [(one, power_at_mde(one, power_runs_of(one) if many(one) else 0)) for one in grids.POWER]
    rows = [
        [_where(one), str(one.repeats), f"{100 * r.mde:.1f} pt", _with_error(r.found, r.runs), str(r.runs)]
        for one, r in found
    ]
    return (
        "## The drop that a report says it would notice\n\n"
        "It is noticed in .80 of the builds, give or take .05. `±` is what chance adds to the "
        "share of so few builds, three standard errors.\n\n"
        + _table(["world", "R", "printed, on average", "found", "runs"], rows)
    )


def _unequal(many: Many) -> str:
    rows = []
    for one in grids.UNEQUAL:
        r = simulate(one, many(one))
        rows.append([_where(one), str(one.kept), _with_error(r.stops, r.runs), _share(r.ships), str(r.runs)])
    dropped = []
    for one in grids.UNEQUAL_AT_MARGIN:
        r = simulate(one, many(one))
        where = f"{_where(one)}, {one.world.shape}"
        dropped.append([where, str(one.kept), _with_error(r.ships, r.runs), _share(r.stops), str(r.runs)])
    return (
        "## More outputs in the baseline than in the candidate\n\n"
        "Equal numbers are what the error rates are promised for. With three or five outputs kept against "
        "one, unchanged builds are stopped in at most .085: where few outputs pass and cases are few.\n\n"
        + _table(["unchanged", "kept", "STOP", "SHIP", "runs"], rows)
        + "\nA drop by exactly the margin ships in at most .075:\n\n"
        + _table(["dropped", "kept", "SHIP", "STOP", "runs"], dropped)
    )


def _limits(many: Many) -> str:
    runs = 0 if not many(grids.UNCHANGED[0]) else 2500 if IS_FULL else 40 * TIMES
    rows = []
    for one in limits.HELD:
        r = limits.at_limit(one, runs)
        rows.append([str(one), _with_error(r.passes, r.runs), _with_error(r.stops, r.runs), str(r.runs)])
    return (
        "## A candidate that sits exactly at its limit, where cases belong together\n\n"
        "It is proven within it in at most .075 of the builds, and beyond it in at most .05.\n\n"
        + _table(["scores and their true mean", "proven within", "proven beyond", "runs"], rows)
    )


def _further(many: Many) -> str:
    runs = 0 if not many(grids.UNCHANGED[0]) else 1000 if IS_FULL else 40 * TIMES
    rows = []
    for one in grids.FURTHER:
        r = further_outputs(one, runs)
        rows.append([_where(one), str(one.repeats), _with_error(r.ships, r.runs), str(r.runs)])
    return (
        "## The outputs that a report asks for\n\n"
        "Of unchanged builds whose report asks for more outputs a case, the share that ships with so many, "
        "those that it has among them: .80 is promised.\n\n"
        + _table(["world", "R", "SHIP with as many", "asked"], rows)
    )


def _with_error(share: float, runs: int) -> str:
    return f"{_share(share)} ± {_share(error(share, runs) if runs else 0.0)}"


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
    parts += ["one pair"] if world.pairs == 1 else [f"{world.pairs} pairs"] if world.pairs else []
    parts += [f"{world.cohorts} cohorts"] if world.cohorts else []
    parts += [f"margin {100 * setup.margin:g} pt"] if setup.margin != 0.05 else []
    return ", ".join(parts)


def _share(value: float) -> str:
    return f"{value:.3f}"


def _table(heads: Row, rows: Iterable[Row]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(one)} |" for one in lines) + "\n"


PARTS = (
    *(_naive, _unchanged, _paths, _at_margin, _unequal, _limits, _power, _further, _shipping, _cohorts),
    _rows_of_gates,
)

if __name__ == "__main__":
    PAGE.write_text(page(told=lambda name: print(name, file=sys.stderr, flush=True)), encoding="utf-8")
