"""What is simulated: every promise of the gate, in worlds and on ways that could break it."""

from itertools import product

from tests.simulations.figures import IS_FULL, ONE_LOOK, TIMES, Setup
from tests.simulations.worlds import World

from stopship.model.suite import Escalate, Estimand

SIZES = (50, 200, 800)
ROUNDS = (1, 2, 3, 5)
PATHS = (  # the ways to a verdict from one output a case
    Escalate(rounds=ROUNDS),
    Escalate(discordant=4),
    Escalate(rounds=ROUNDS, discordant=4),
    Escalate(confirm=3),
    Escalate(rounds=ROUNDS, discordant=4, confirm=3),
)
COHORT_PATHS = (
    Escalate(cohorts=5),
    Escalate(cohorts=5, confirm=3),
    Escalate(rounds=ROUNDS, discordant=4, cohorts=5, confirm=3),
)

TRAFFIC = tuple(
    Setup(world=World(name=name, n=n), repeats=repeats)
    for name, n, repeats in product(("agent", "judge", "churn", "reliable"), SIZES, (1, 3, 5))
)
SUITE = tuple(
    Setup(world=World(name=name, n=n), repeats=repeats, estimand=Estimand.SUITE)
    for name, n, repeats in product(("agent", "judge", "reliable"), SIZES, (2, 3, 5))
)
CLUSTERS = tuple(
    Setup(world=World(name=name, n=200, clusters=clusters), repeats=repeats)
    for name, clusters, repeats in product(("agent", "judge", "churn"), (8, 20), (1, 3))
)
COHORTS = tuple(
    Setup(world=World(name=name, n=n, cohorts=20), repeats=repeats)
    for name, n, repeats in product(("agent", "judge", "churn"), (200, 800), (1, 3))
)
UNCHANGED = (*TRAFFIC, *SUITE, *CLUSTERS, *COHORTS)

UNCHANGED_BY_PATH = (
    *(
        Setup(world=World(name=name, n=200), escalate=path)
        for name, path in product(("agent", "judge", "churn", "reliable"), PATHS)
    ),
    *(
        Setup(world=World(name=name, n=n, cohorts=20), escalate=path)
        for name, n, path in product(("agent", "judge"), (200, 800), COHORT_PATHS)
    ),
    *(
        Setup(world=World(name=name, n=200), escalate=path, repeats=2, estimand=Estimand.SUITE)
        for name, path in product(
            ("agent", "reliable"),
            (Escalate(rounds=(2, 3, 5)), Escalate(rounds=(2, 3, 5), discordant=4, confirm=3)),
        )
    ),
)

_DROPS = tuple(
    World(name=name, n=n, drop=0.05, shape=shape)
    for name, shape, n in (
        ("agent", "spread", 200),
        ("agent", "broken", 200),
        ("agent", "spread", 800),
        ("judge", "spread", 60),
        ("judge", "broken", 200),
        ("churn", "spread", 200),
        ("reliable", "spread", 60),
        ("reliable", "spread", 200),
        ("reliable", "broken", 200),
        ("settled", "broken", 60),
        ("settled", "broken", 200),
    )
)
AT_MARGIN = (
    *(Setup(world=world, repeats=repeats) for world, repeats in product(_DROPS, (1, 3, 5))),
    *(Setup(world=world, escalate=path) for world, path in product(_DROPS, PATHS)),
    *(
        Setup(
            world=World(name=name, n=200, drop=0.05, shape=shape, exact=True),
            repeats=2,
            estimand=Estimand.SUITE,
            escalate=path,
        )
        for name, shape, path in product(
            ("agent", "reliable", "judge"),
            ("spread", "broken"),
            (ONE_LOOK, Escalate(rounds=(2, 3, 5), discordant=4)),
        )
    ),
    *(
        Setup(world=World(name="agent", n=800, drop=0.05, cohorts=20), escalate=path)
        for path in (ONE_LOOK, *COHORT_PATHS)
    ),
    *(
        Setup(world=World(name="agent", n=n, drop=0.1, clusters=clusters), margin=0.1)
        for n, clusters in ((200, 20), (800, 80))
    ),
)

_TOGETHER = (
    *(
        World(name=name, n=n, drop=0.05, shape=shape, pairs=1)
        for name, shape, n in (
            ("settled", "broken", 200),
            ("settled", "broken", 80),
            ("agent", "spread", 200),
            ("reliable", "broken", 200),
        )
    ),
    *(World(name=name, n=200, drop=0.05, shape="broken", pairs=100) for name in ("settled", "reliable")),
    *(World(name=name, n=320, drop=0.05, shape="broken", clusters=80) for name in ("settled", "reliable")),
)
AT_MARGIN = (
    *AT_MARGIN,
    *(Setup(world=world, repeats=repeats) for world, repeats in product(_TOGETHER, (1, 3))),
)
UNEQUAL = tuple(  # arms: more outputs are kept of the baseline than are drawn of the candidate
    Setup(world=World(name=name, n=n), kept=kept)
    for name, n, kept in product(("agent", "reliable", "rare"), (25, 50, 200), (3, 5))
)
UNEQUAL_AT_MARGIN = tuple(
    Setup(world=World(name=name, n=n, drop=0.05, shape=shape), kept=kept)
    for (name, shape), n, kept in product(
        (("agent", "spread"), ("reliable", "spread"), ("reliable", "broken"), ("rare", "broken")),
        (25, 50, 200),
        (3, 5),
    )
)
FURTHER = (
    *(Setup(world=World(name="agent", n=200), repeats=repeats) for repeats in (1, 3)),
    *(Setup(world=World(name=name, n=n)) for name, n in (("reliable", 200), ("agent", 400))),
    *(Setup(world=World(name="agent", n=60), repeats=repeats, margin=0.1) for repeats in (1, 3)),
    Setup(world=World(name="judge", n=60), repeats=3),
    Setup(world=World(name="agent", n=320, clusters=80)),
)

POWER = (
    *(Setup(world=World(name="agent", n=n), repeats=repeats) for n, repeats in product(SIZES, (1, 3, 5))),
    *(Setup(world=World(name="judge", n=n), repeats=repeats) for n, repeats in product(SIZES, (1, 3, 5))),
    *(
        Setup(world=World(name="reliable", n=n), repeats=repeats)
        for n, repeats in product((200, 800), (1, 3))
    ),
    *(
        Setup(world=World(name=name, n=n, exact=True), repeats=3, estimand=Estimand.SUITE)
        for name, n in product(("agent", "judge"), (50, 200))
    ),
)

SHIPPING = (
    *(
        Setup(world=World(name="coins", n=n, flips=flips), margin=margin)
        for n, margin, flips in product((300, 2000), (0.02, 0.05), (0.02, 0.05, 0.10))
    ),
    *(
        Setup(world=World(name="coins", n=500, flips=flips, cohorts=10), margin=0.05)
        for flips in (0.02, 0.05, 0.10)
    ),
)

BROKEN_COHORTS = tuple(
    Setup(world=World(name=name, n=n, cohorts=20, hit=0.4), escalate=path)
    for name, n, path in product(("agent", "judge"), (200, 800), COHORT_PATHS)
)

CHAINED = tuple(World(name=name, n=200) for name in ("agent", "judge", "reliable"))
PEEKS = (ROUNDS, tuple(range(1, 11)))
NIGHTS = 30


def chains() -> int:
    """How many chains of each kind."""
    return 200 if IS_FULL else 15 * TIMES


def peeks() -> int:
    """How many builds are looked at again and again."""
    return 2000 if IS_FULL else 150 * TIMES
