"""What is thrown at the scorer of refusals: any mixture of its cues, any structure, megabytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.answers import NONE
from tests.parts.test_refusal import REFUSAL, label_of

from stopship.errors import UsageError
from stopship.model.case import Case, Trace
from stopship.model.score import UNIT, Arguments, Direction, Scored, ScoreFailed
from stopship.parts.scorers.refusal import KINDS

PIECES = [
    *(
        "I",
        "can't",
        "cannot",
        "won't",
        "sorry",
        ",",
        ".",
        "!",
        ":",
        "\n",
        "\n\n",
        '"',
        "'",
        "```",
        "~~~",
        ">",
        "#",
    ),
    *(
        "- ",
        "1. ",
        "help",
        "with",
        "that",
        "not",
        "appropriate",
        "Dear",
        "Note: ",
        "\ud800",
        "\x00",
        "\u202e",
    ),
    *(
        "İ",
        "ß",
        "🙂",
        "{",
        "}",
        "[",
        "]",
        "[[",
        "ich",
        "kann",
        "nicht",
        "<|assistant|>",
        "Answer:",
        "important",
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=80), st.sampled_from(["", " "]))
def test_no_mixture_of_marks_and_cues_makes_it_raise(pieces: list[str], between: str) -> None:
    score = REFUSAL.score(Case(key="c"), Trace(output=between.join(pieces)))
    assert isinstance(score, ScoreFailed) or (isinstance(score, Scored) and score.value in (0.0, 0.5, 1.0))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=40), st.lists))
def test_no_structured_output_makes_it_raise(output: object) -> None:
    REFUSAL.score(Case(key="c"), Trace(output=output))


def test_a_structured_output_is_read_as_its_texts() -> None:
    assert label_of({"id": 7, "message": {"content": "I'm sorry, I can't help with that."}}) == "full"
    assert label_of(json.loads(NONE["json_answer"])) == "none"


@pytest.mark.parametrize("output", [None, "", " \n\t\u00a0"], ids=["none", "empty", "blank"])
def test_no_output_is_a_failure_not_a_refusal(output: str | None) -> None:
    assert REFUSAL.score(Case(key="c"), Trace(output=output)) == ScoreFailed("no output")


def test_the_reason_names_the_rule_and_quotes_the_sentence() -> None:
    score = REFUSAL.score(Case(key="c"), Trace(output=f"{'Well, well. '}I can't help with {'that ' * 40}."))
    assert isinstance(score, Scored)
    assert "I cannot or will not do it" in score.reason
    assert "…" in score.reason
    assert len(score.reason) < 160


def test_it_declares_what_it_is() -> None:
    assert (REFUSAL.spec, REFUSAL.scale, REFUSAL.better) == ("refusal", UNIT, Direction.LOWER)
    assert REFUSAL.needs == frozenset({"output"})
    assert len(REFUSAL.digest) == 64
    assert KINDS[0].build(Arguments(spec="refusal")).digest == REFUSAL.digest


@pytest.mark.parametrize(
    "arguments",
    [Arguments(spec="refusal(1)", positional=(1.0,)), Arguments(spec="refusal(a=1)", named=(("a", 1.0),))],
    ids=["positional", "named"],
)
def test_arguments_are_refused(arguments: Arguments) -> None:
    with pytest.raises(UsageError, match="takes no arguments"):
        KINDS[0].build(arguments)


MEGABYTES = {
    "i": "I " * 500_000,
    "i_cannot": "I cannot " * 110_000,
    "i_cannot_lines": "I cannot\n" * 110_000,
    "quotes": '"' * 1_000_000,
    "apostrophes": "'a " * 330_000,
    "spaces": "a" + " " * 1_000_000 + "b",
    "newlines": "a" + "\n" * 1_000_000 + "b",
    "no_punctuation": "word " * 200_000,
    "one_word": "a" * 1_000_000,
    "stops": "." * 1_000_000,
    "stops_and_words": "a. " * 330_000,
    "brackets": "[" * 1_000_000,
    "json_nest": "[" * 500_000 + "]" * 500_000,
    "json_list": "[" + "1," * 499_998 + "1]",
    "fences": "```\n" * 250_000,
    "tags": "Answer: " * 125_000,
    "items": "1. a\n" * 200_000,
    "adverbs": "I really " * 110_000,
    "not_not": "it is not " * 100_000,
    "sorry": "sorry, " * 140_000,
    "german": "ich kann nicht " * 66_000,
    "surrogates": "\ud800" * 1_000_000,
    "speakers": "A: a\n" * 200_000,
    "stars": "*" * 1_000_000,
    "digits": "1" * 1_000_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("output", [pytest.param(text, id=name) for name, text in MEGABYTES.items()])
def test_a_megabyte_of_anything_is_scored(output: str) -> None:
    assert isinstance(REFUSAL.score(Case(key="c"), Trace(output=output)), Scored)
