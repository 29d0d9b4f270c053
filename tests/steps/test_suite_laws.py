"""The laws of the gate where a suite adds to it: repeats, lost outputs, must-pass, and nothing at all."""

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import tries
from tests.steps import arms
from tests.steps.arms import LOST, NO_ANSWER, arm, gate, must, repeated, rule, selecting

from stopship.model.columns import Columns
from stopship.model.rule import Mode
from stopship.model.verdict import Record, Verdict
from stopship.report import jsonrecord
from stopship.steps.arm import Arm, score_arm
from stopship.steps.judge import judge
from stopship.steps.pair import pair
from stopship.steps.repeats import merged

LAW = settings(max_examples=tries(100), deadline=None)
COLUMNS = Columns(key="id", cohorts=("lang",), modes=(("lang=en", "prove"),))
sizes, seeds = st.integers(20, 160), st.integers(0, 2**32)
Samples = list[list[arms.Output]]


def drawn(n: int, seed: int, repeats: int) -> tuple[Samples, Samples, arms.Cells]:
    """Two arms of repeats that differ in few to many cases, and a cohort each."""
    draw = random.Random(seed)  # noqa: S311  # not a secret
    churn = draw.choice([0.0, 0.02, 0.1, 0.3])
    solid = [draw.random() < 0.9 for _ in range(n)]

    def arm_of() -> Samples:
        return [[float(one != (draw.random() < churn)) for one in solid] for _ in range(repeats)]

    return arm_of(), arm_of(), {"lang": ["en", *(draw.choice(["de", "en", "en"]) for _ in range(n - 1))]}


def record_of(before: Samples, after: Samples, cells: arms.Cells) -> Record:
    made = [repeated(one, COLUMNS, cells=cells) for one in (before, after)]
    return gate(made[0], made[1], [rule(), rule(id="share of it", margin=0.10)], COLUMNS)


def means(samples: Samples) -> list[float]:
    return [sum(float(one) for one in case) / len(case) for case in zip(*samples, strict=True)]


@LAW
@given(sizes, seeds, st.integers(2, 3), st.sampled_from([0.0, NO_ANSWER]))
def test_worse_outputs_of_a_case_that_is_not_better_never_help(
    n: int, seed: int, repeats: int, worse: arms.Output
) -> None:
    before, after, cells = drawn(n, seed, repeats)
    first = record_of(before, after, cells).verdict
    draw = random.Random(seed + 1)  # noqa: S311  # not a secret
    pairs = enumerate(zip(means(before), means(after), strict=True))
    open_to = [i for i, (old, new) in pairs if new <= old and new > 0]
    for i in draw.sample(open_to, min(len(open_to), draw.choice([1, 2, 5]))):
        sample = draw.choice([one for one in after if one[i] == 1.0])
        sample[i] = worse
    if first is not Verdict.SHIP:
        assert record_of(before, after, cells).verdict is not Verdict.SHIP


@LAW
@given(sizes, seeds, st.integers(1, 3), st.data())
def test_losing_outputs_of_cases_that_did_not_change_never_helps(
    n: int, seed: int, repeats: int, data: st.DataObject
) -> None:
    before, after, cells = drawn(n, seed, repeats)
    first = record_of(before, after, cells).verdict
    pairs = enumerate(zip(zip(*before, strict=True), zip(*after, strict=True), strict=True))
    same = [i for i, (old, new) in pairs if set(old) == set(new) == {1.0}]
    for i in data.draw(st.sets(st.sampled_from(same), max_size=5)) if same else ():
        for sample in after:
            sample[i] = LOST
    if first is not Verdict.SHIP:
        assert record_of(before, after, cells).verdict is not Verdict.SHIP


@LAW
@given(sizes, seeds, st.data())
def test_losing_the_output_of_a_case_that_must_pass_never_ships(
    n: int, seed: int, data: st.DataObject
) -> None:
    before, _, _ = drawn(n, seed, 1)
    after: list[arms.Output] = [1.0] * n
    after[data.draw(st.integers(0, n - 1))] = LOST
    assert gate(arm(before[0]), arm(after), [rule(), must()]).verdict is Verdict.VOID


@LAW
@given(sizes, seeds, st.data())
def test_failing_a_case_that_must_pass_never_ships(n: int, seed: int, data: st.DataObject) -> None:
    before, _, _ = drawn(n, seed, 1)
    closed = must(must_pass=arms.INCIDENTS)
    columns, cells = selecting([closed]), arms.tagged(data.draw(st.integers(1, n)), n)
    after: list[arms.Output] = [1.0] * n
    failures: list[arms.Output] = [0.0, NO_ANSWER, arms.UNREADABLE, arms.RAISED]
    failing = data.draw(st.integers(0, list(cells["tag"]).count("incident") - 1))
    after[failing] = data.draw(st.sampled_from(failures))
    made = arm(before[0], columns, cells=cells), arm(after, columns, cells=cells)
    record = gate(made[0], made[1], [rule(), closed], columns, allow=True)
    assert record.verdict in (Verdict.STOP, Verdict.VOID)
    assert record.exit_code in (20, 22)


@LAW
@given(sizes, seeds, st.integers(1, 3))
def test_the_order_of_samples_and_of_cases_changes_no_byte(n: int, seed: int, repeats: int) -> None:
    before, after, cells = drawn(n, seed, repeats)
    draw = random.Random(seed)  # noqa: S311  # not a secret
    for outputs in after:
        outputs[draw.randrange(n)] = draw.choice([NO_ANSWER, LOST, arms.UNREADABLE])
    first = jsonrecord.render(record_of(before, after, cells))

    def turned(samples: Samples) -> Arm:
        made = [arm(one, COLUMNS, cells=cells, order=draw.sample(range(n), n)) for one in samples]
        return merged(draw.sample(made, len(made)))

    rules = [rule(), rule(id="share of it", margin=0.10)]
    assert jsonrecord.render(gate(turned(before), turned(after), rules, COLUMNS)) == first


@LAW
@given(sizes, seeds)
def test_a_suite_with_nothing_new_gives_the_findings_of_two_files(n: int, seed: int) -> None:
    before, after, cells = drawn(n, seed, 1)
    plain = replace(COLUMNS, modes=())
    tables = replace(plain, output="output")

    def file(outputs: list[arms.Output]) -> Arm:
        scorer = replace(arms.BIT, score=lambda case, _trace: arms.scored_cell(case.row["output"]))
        rows = [
            (f"row {i}", {"id": f"c{i:04d}", "lang": cells["lang"][i], "output": str(one)}, b"")
            for i, one in enumerate(outputs)
        ]
        return score_arm("file", rows, tables, [scorer])

    suite = gate(arm(before[0], plain, cells=cells), arm(after[0], plain, cells=cells), [rule()], plain)
    compared = judge(pair(file(before[0]), file(after[0]), tables), [rule()])
    assert [replace(one, worst=(), ways=()) for one in suite.findings] == list(compared)


@LAW
@given(sizes, seeds)
def test_a_cohort_that_must_be_proven_is_never_easier_than_a_guarded_one(n: int, seed: int) -> None:
    before, after, cells = drawn(n, seed, 1)
    verdicts = {}
    for mode in Mode:
        columns = replace(COLUMNS, modes=(("lang=en", mode.value), ("lang=de", Mode.GUARD.value)))
        made = [arm(one[0], columns, cells=cells) for one in (before, after)]
        verdicts[mode] = gate(made[0], made[1], [rule()], columns).verdict
    if verdicts[Mode.PROVE] is Verdict.SHIP:
        assert verdicts[Mode.GUARD] is Verdict.SHIP
