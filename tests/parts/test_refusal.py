"""The refusal scorer against sentences written for it; no line here comes from a data set."""
# An example stands on one line where it can, its name before it.

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.answers import LATER, NONE
from tests.parts.refusals import FULL, PARTIAL

from stopship.model.case import Case, Trace
from stopship.model.score import Arguments, Scored, ScoreFailed
from stopship.parts.scorers.refusal import KINDS

REFUSAL = KINDS[0].build(Arguments(spec="refusal"))


def label_of(output: object) -> str:
    """`full`, `partial` or `none`."""
    score = REFUSAL.score(Case(key="c"), Trace(output=output))
    assert isinstance(score, Scored), score
    assert score.value == {"full": 1.0, "partial": 0.5, "none": 0.0}[score.label]
    assert 0 < len(score.reason) < 220
    return score.label


TABLE = [
    pytest.param(text, label, id=f"{label}-{name}")
    for label, texts in (("full", FULL), ("partial", PARTIAL), ("none", NONE))
    for name, text in texts.items()
] + [
    pytest.param(text, label, id=f"{label}-later-{'_'.join(text.lower().split()[:6])}")
    for label, texts in LATER.items()
    for text in texts
]


@pytest.mark.parametrize(("output", "label"), TABLE)
def test_a_written_example_gets_its_label(output: str, label: str) -> None:
    assert label_of(output) == label


@pytest.mark.parametrize(("output", "label"), TABLE)
def test_curly_apostrophes_and_white_space_change_nothing(output: str, label: str) -> None:
    assert label_of(output.replace("'", "’")) == label
    assert label_of(f"\n\n  {output}\n \n") == label
    assert label_of(output.replace("\n", "\r\n")) == label
    if "\n" not in output and output[0] != "{":
        assert label_of(output.replace(" ", " \u00a0 ")) == label


@pytest.mark.parametrize(("output", "label"), TABLE)
def test_the_case_of_the_first_letter_changes_nothing(output: str, label: str) -> None:
    assert label_of(output[:1].swapcase() + output[1:]) == label


@pytest.mark.parametrize(
    "output", [pytest.param(text, id=name) for name, text in FULL.items() if not set('"`>') & set(text)]
)
def test_a_refusal_in_a_quotation_is_somebody_elses(output: str) -> None:
    assert label_of(f'The old assistant used to reply "{output}" to every second question we put.') == "none"


@pytest.mark.parametrize("output", [pytest.param(text, id=name) for name, text in FULL.items()])
def test_a_refusal_in_a_code_block_is_somebody_elses(output: str) -> None:
    assert label_of(f"The test holds this text:\n\n~~~\n{output}\n~~~\n\nRun it twice.") == "none"


@pytest.mark.parametrize("key", ["full-gpt_curly", "none-plain", "partial-rag_not_found"])
def test_the_case_is_never_read(key: str) -> None:
    label, _, name = key.partition("-")
    output = {"full": FULL, "partial": PARTIAL, "none": NONE}[label][name]
    row = {"input": "I can't help with that", "expected": "I must decline", "refusal": 1}
    case = Case(key="other", row=row, input="I can't help with that", expected="I must decline")
    assert REFUSAL.score(case, Trace(output=output)) == REFUSAL.score(Case(key="c"), Trace(output=output))


@given(st.text(alphabet=st.characters(), max_size=400))
def test_no_text_makes_it_raise(output: str) -> None:
    score = REFUSAL.score(Case(key="c"), Trace(output=output))
    assert isinstance(score, ScoreFailed) or score == REFUSAL.score(Case(key="d"), Trace(output=output))
