"""`stopship noise`: the accepted stack against itself, and what the suite's rules make of that."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stopship.cli.replay import Progress
from stopship.cli.reporting import columns
from stopship.cli.suites import desk, stack_option
from stopship.errors import UsageError
from stopship.store.shown import quoted

if TYPE_CHECKING:
    from stopship.gating.noising import Plant


@click.command(
    short_help="Measure the noise of the accepted stack.",
    epilog="""\b
Examples:
  stopship noise suites/support
  stopship noise suites/support --repeats 3
  stopship noise suites/support --plant 10pt --cohort lang=de --rule cites
""",
)
@click.argument("suite", type=click.Path(path_type=Path))
@stack_option
@click.option(
    "--repeats",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Draw N fresh outputs a case for both arms.  [default: one fresh draw beside the accepted run]",
)
@click.option(
    "--rounds",
    type=click.IntRange(20, 100_000),
    default=200,
    show_default=True,
    metavar="B",
    help="Resamples that are judged.",
)
@click.option("--plant", metavar="Npt", help="Make so many points of the cases fail, and say what stops.")
@click.option("--cohort", metavar="NAME", help="Plant in this cohort.  [default: all]")
@click.option("--rule", metavar="RULE", help="Plant against this rule.  [default: the first in points]")
def noise(
    suite: Path,
    stack_file: Path | None,
    repeats: int | None,
    rounds: int,
    plant: str | None,
    cohort: str | None,
    rule: str | None,
) -> int:
    """Compare the accepted run of SUITE with fresh outputs of its own stack.

    Says how much every rule's score changes by chance, and how often the rules would stop a build that
    changed nothing: the measured outputs change arms at random, and every resample is judged. Writes
    `noise.json` beside the suite.
    """
    from stopship.gating.noising import Measuring, measured_noise
    from stopship.gating.opened import NOISE
    from stopship.report.noise import noise_lines
    from stopship.store.noisefile import write_noise

    wanted = _plant(plant, cohort, rule)
    at = desk(suite)
    bar = Progress()
    asked = Measuring(
        today=datetime.now(tz=UTC).date(),
        answering=at.answering(stack_file) if stack_file else None,
        repeats=repeats,
        rounds=rounds,
        plant=wanted,
        tell=bar.tell,
        provenance={"started": int(time.time())},
    )
    found = measured_noise(at.opened, at.place, asked)
    bar.end()
    path = at.opened.folder / NOISE
    if not found.still:
        write_noise(path, found.floor)
    for line in noise_lines(found, columns=columns(), written="" if found.still else str(path)):
        click.echo(line)
    return 0


def _plant(plant: str | None, cohort: str | None, rule: str | None) -> "Plant | None":
    from stopship.gating.noising import Plant

    if plant is None:
        if cohort is not None or rule is not None:
            raise UsageError("--cohort and --rule say where to plant", do="add --plant 10pt")
        return None
    text = plant.removesuffix("pt")
    try:
        points = float(text) if plant.endswith("pt") else 0.0
    except ValueError:
        points = 0.0
    if not 0 < points <= 100:
        raise UsageError(f"--plant {quoted(plant)} is no number of points", do="write it as 10pt")
    return Plant(share=points / 100, scope=cohort or "all", rule=rule or "")
