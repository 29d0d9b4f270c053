"""What a lock may write: nothing beyond the folder, nothing twice, nothing that another system misreads."""

import pytest

from stopship.model.stack import Kind, Pin, PinnedFile, content_of, stack_of
from stopship.steps.restoring import plan, unsafe_name


def pin(axis: str, *paths: str, kind: Kind = Kind.PATHS, is_text: bool = True, digest: str = "a") -> Pin:
    files = tuple(PinnedFile(path=one, size=1, digest=digest * 64, is_text=is_text) for one in paths)
    return Pin(axis=axis, version="1", kind=kind, content=content_of(kind, files), files=files)


@pytest.mark.parametrize(
    ("path", "because"),
    [
        ("../x", "leads out of the folder"),
        ("/etc/passwd", "leads out of the folder"),
        ("a\0b", "leads out of the folder"),
        ("a/./b", "leads out of the folder"),
        ("\ud800", "is no name that a file can have"),
        ("a\\b", "holds characters that Windows refuses"),
        ("C:x", "holds characters that Windows refuses"),
        ("a\nb", "holds characters that Windows refuses"),
        ("aux", "means something else to Windows"),
        ("a/NUL.txt", "means something else to Windows"),
        ("com1.tar.gz", "means something else to Windows"),
        ("a./b", "means something else to Windows"),
        ("a ", "means something else to Windows"),
        (".git/hooks/post-checkout", "would be part of version control"),
        ("a/.GIT/config", "would be part of version control"),
        ("x" * 256, "is too long"),
    ],
)
def test_hostile_names(path: str, because: str) -> None:
    assert unsafe_name(path) == because
    (refused,) = plan(stack_of([pin("p", path)]), "stack.toml").refused
    assert refused.because == f"{path!r} {because}"


@pytest.mark.parametrize("path", ["a", "a/b.py", ".env", "日本/x", "caf\udce9", "auxiliary", "com", "..a"])
def test_honest_names(path: str) -> None:
    assert unsafe_name(path) == ""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "A"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("App/x", "app/y"),
        ("ä", "a\u0308"),
        ("straße", "STRASSE"),
        ("Stack.TOML", "b"),
        ("stack.toml/x", "b"),
    ],
)
def test_names_that_cannot_stand_beside_each_other(first: str, second: str) -> None:
    found = plan(stack_of([pin("p", first, second)]), "stack.toml")
    assert found.pins == ()
    assert found.refused[0].because.endswith("cannot both be written")


def test_two_pins_may_share_a_file_but_not_a_name() -> None:
    one, same, other = pin("a", "x"), pin("b", "x"), pin("c", "x", digest="b")
    found = plan(stack_of([one, same, other]), "stack.toml")
    assert found.pins == (one, same)
    assert [refused.pin for refused in found.refused] == [other]


def test_data_and_served_pins_say_why_they_stay_out() -> None:
    served = Pin(axis="e", version="1", kind=Kind.OBSERVE, content="a" * 64, served="x")
    stack = stack_of(
        [pin("a", "x", kind=Kind.PATH), pin("b", "y", kind=Kind.FOLDER), pin("c", "z", is_text=False), served]
    )
    assert [one.because for one in plan(stack, "stack.toml").refused] == [
        "it is data, of which a lock keeps only the digest",
        "it is data, of which a lock keeps only the digest",
        "'z' is binary or too large, so only its digest is kept",
        "it is served elsewhere",
    ]
