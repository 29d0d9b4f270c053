"""Whatever the text, what is shown cannot act."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.report.records import HOSTILE

from stopship.report.neutral import (
    annotation,
    annotation_property,
    markdown,
    markdown_prose,
    plain,
    without_surrogates,
    xml,
)

_PIECES = st.sampled_from(
    [*HOSTILE, ":", "#", "::", "##", "…", "\\", "|", "`", "\u0301", "\ufe0f", "e", " ", "\t"]
)
ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=())),  # lone surrogates included
    st.lists(_PIECES).map("".join),
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢字 🛑", "plain é 漢字 🛑"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x1b[31mred\x9b0m\x00\x7f", r"\x1b[31mred\x9b0m\x00\x7f"),
        ("a\u202eb\u2066c\u200bd\u2028e\ufefff", r"a\u202eb\u2066c\u200bd\u2028e\ufefff"),
        ("\ud800 \ufffe \U000e0041", r"\ud800 \ufffe \U000e0041"),
        ("::error::x", ": :error: :x"),
        (":::", ": : :"),
        ("##[error]", "# #[error]"),
        ("# #: :", "# #: :"),
        ("no\u00a0break\u3000wide", "no break wide"),
        ("\u0338 = and =\u0338", r"\u0338 = and =\u0338"),
        ("e\u0301 and नमस्ते", "e\u0301 and नमस्ते"),
        ("❤\ufe0f but a\ufe0f", "❤\ufe0f but a\\ufe0f"),
        ("\u3164\u2800\U000e0100", r"\u3164\u2800\U000e0100"),
    ],
)
def test_what_could_act_is_written_as_an_escape(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_marks_do_not_pile_up_on_a_letter() -> None:
    assert plain("e" + "\u0301" * 6) == "e" + "\u0301" * 4 + r"\u0301\u0301"


@given(ANY_TEXT)
@example("::::##")
@example(": : :# # #")
def test_plain_text_is_one_harmless_line(text: str) -> None:
    shown = plain(text)
    assert "::" not in shown
    assert "##" not in shown
    assert all(one.isprintable() for one in shown)
    assert not any(unicodedata.category(one)[0] == "C" for one in shown)
    assert shown.encode("utf-8").decode() == shown
    assert plain(shown) == shown, "neutral text is left as it is"


@given(ANY_TEXT, st.integers(1, 60), st.booleans())
def test_text_is_cut_as_shown_and_never_inside_an_escape(text: str, limit: int, keep_end: bool) -> None:
    cut = plain(text, limit, keep_end=keep_end)
    assert len(cut) <= max(limit, 1)
    assert "::" not in cut
    assert "##" not in cut
    if cut != plain(text):
        head, _, tail = cut.rpartition("…") if keep_end else (cut.removesuffix("…"), "", "")
        assert "…" in cut
        assert plain(text).startswith(head) or "…" in text
        assert plain(text).endswith(tail.lstrip()) or "…" in text or tail[:1] in ":#"


def test_names_that_differ_at_their_end_stay_apart() -> None:
    east, west = (
        plain(f"customer_segment=enterprise-europe-{one}", 24, keep_end=True) for one in ("east", "west")
    )
    assert east != west


@given(ANY_TEXT)
def test_inline_code_has_no_character_of_markup(text: str) -> None:
    inside = markdown(text).removeprefix("<code>").removesuffix("</code>").replace("<span>&#64;</span>", "")
    for char in '<>|`*_[]()!\\@$~^{}":.\n':
        assert char not in inside, char


@given(ANY_TEXT)
def test_prose_has_no_character_of_markup_but_our_own_code(text: str) -> None:
    inside = markdown_prose(text).replace("<code>", "").replace("</code>", "")
    for char in '<>|`*_[]()!\\@$~^{}":\n':
        assert char not in inside, char


@given(ANY_TEXT)
def test_workflow_commands_carry_data_only(text: str) -> None:
    assert "::" not in annotation(text)
    assert not {":", ",", "\n", "\r"} & set(annotation_property(text))
    assert annotation(text).replace("%25", "").count("%") == 0


@given(ANY_TEXT)
def test_xml_has_no_forbidden_character(text: str) -> None:
    for one in xml(text):
        code = ord(one)
        assert 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF


def test_lone_surrogates_are_escaped_and_nothing_else() -> None:
    assert without_surrogates("a\ud800\x00🛑") == "a\\ud800\x00🛑"
