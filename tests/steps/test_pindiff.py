"""Differences of texts and of stacks: always true, whatever the texts."""

import difflib
from time import process_time

from hypothesis import given
from hypothesis import strategies as st

from stopship.model.stack import Kind, Pin, PinnedFile, content_of, stack_of
from stopship.steps.linediff import changes, counted, lines_of, unified
from stopship.steps.pindiff import compare, value_lines

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "\r", "", "x\r"]), max_size=14).map("\n".join)


@given(TEXTS)
def test_lines_are_the_text(text: str) -> None:
    assert "".join(lines_of(text)) == text


@given(TEXTS, TEXTS)
def test_replacing_the_changed_stretches_gives_the_new_text(old: str, new: str) -> None:
    first, second = lines_of(old), lines_of(new)
    made, at = [], 0
    for a, b, c, d in changes(first, second):
        made += first[at:a] + second[c:d]
        at = b
    assert made + first[at:] == second
    assert (changes(first, second) == []) == (old == new)


@given(TEXTS, TEXTS)
def test_a_unified_diff_holds_as_many_lines_as_are_counted(old: str, new: str) -> None:
    marks = [one[0] for one in unified(old, new)]
    assert (marks.count("+"), marks.count("-")) == counted(old, new)


def test_a_unified_diff_reads_as_everywhere() -> None:
    old = "".join(f"{i}\n" for i in range(30))
    new = old.replace("5\n", "five\n", 1).replace("20\n", "20\nmore\n")
    expected = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm=""))[2:]
    assert list(unified(old, new)) == expected
    assert list(unified("", "a")) == ["@@ -0,0 +1 @@", "+a", "\\ No newline at end of file"]
    assert list(unified("a\r\n", "a\n")) == ["@@ -1 +1 @@", "-a\r", "+a"]


def test_long_texts_cost_little() -> None:
    old = "".join(f"{i}\n" for i in range(60_000))
    new = "".join(f"{i}\n" for i in reversed(range(60_000)))
    start = process_time()
    assert counted(old, new) == (60_000, 60_000)
    assert process_time() - start < 20  # line by line it would be hours


def file(path: str, digest: str, *, is_text: bool = True) -> PinnedFile:
    return PinnedFile(path=path, size=1, digest=digest * 64, is_text=is_text)


def pin(kind: Kind, *files: PinnedFile, version: str = "1", content: str = "") -> Pin:
    return Pin(
        axis="p", version=version, kind=kind, content=content or content_of(kind, files), files=tuple(files)
    )


def test_files_are_new_gone_changed_or_the_same() -> None:
    old = pin(Kind.PATHS, file("a", "a"), file("b", "b"), file("c", "c"))
    new = pin(Kind.PATHS, file("a", "a"), file("b", "d"), file("e", "c"))
    texts = {"a": b"", "b": b"1\n", "c": b"2\n", "d": b"1\n3\n"}
    (found,) = compare(
        stack_of([old]),
        stack_of([new]),
        lambda _, one: texts[one.digest[0]] if one else None,
        lambda _, one: texts[one.digest[0]] if one else None,
    )
    told = [(one.path, one.old is None, one.new is None, one.added, one.removed) for one in found.files]
    assert told == [("b", False, False, 1, 0), ("c", False, True, 0, 1), ("e", True, False, 1, 0)]
    assert found.is_other_content
    assert found.is_same_version


def test_contents_that_are_not_at_hand_are_not_counted() -> None:
    old, new = pin(Kind.FILE, file("a", "a")), pin(Kind.FILE, file("other", "b"))
    (found,) = compare(stack_of([old]), stack_of([new]), lambda *_: None, lambda *_: b"x")
    assert [(one.path, one.is_counted) for one in found.files] == [("other", False)]


def test_values_are_compared_entry_by_entry() -> None:
    old, new = (pin(Kind.VALUE, content=one * 64) for one in "ab")
    (found,) = compare(
        stack_of([old]), stack_of([new]), lambda *_: b'{"a":1,"b":2}', lambda *_: b'{"a":1,"b":3}'
    )
    assert found.files[0].lines == ("@@ -1,4 +1,4 @@", " {", '  "a": 1,', '- "b": 2', '+ "b": 3', " }")
    assert value_lines(b"\xff{") == "\udcff{"
