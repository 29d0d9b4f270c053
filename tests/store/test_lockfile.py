"""A lock comes back as it was written; any edit of it is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stopship.errors import EvidenceError, UsageError
from stopship.model.canonical import digest
from stopship.model.stack import Kind, Pin, PinnedFile, Stack, content_of, is_inside, is_name, stack_of
from stopship.store.lockfile import lock_path, read_lock, rendered, stack_name

DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
LETTERS = st.characters(
    exclude_categories=["C", "Zl", "Zp"]
)  # few others are allowed: they would be drawn in vain
NAMES = st.text(LETTERS, min_size=1, max_size=6).filter(is_name)
PATHS = st.text(LETTERS, min_size=1, max_size=6).filter(is_inside)
FILES = st.builds(
    lambda path, size, digest, is_text: PinnedFile(path=path, size=size, digest=digest, is_text=is_text),
    PATHS, st.integers(0, 2**53 - 1), DIGESTS, st.booleans(),
)  # fmt: skip


@st.composite
def pins(draw: st.DrawFn) -> Pin:
    kind = draw(st.sampled_from(Kind))
    least, most = {
        Kind.FILE: (1, 1), Kind.PATH: (1, 1), Kind.FOLDER: (1, 4), Kind.PATHS: (1, 4)
    }.get(kind, (0, 0))  # fmt: skip
    files = draw(st.lists(FILES, min_size=least, max_size=most, unique_by=lambda one: one.path))
    files.sort(key=lambda one: one.path)
    served = draw(st.text(min_size=1, max_size=9)) if kind is Kind.OBSERVE else ""
    at = tuple(one.path for one in files[:1])
    content = draw(DIGESTS) if kind is Kind.VALUE else content_of(kind, files, served=served)
    return Pin(
        axis=draw(NAMES),
        version=draw(NAMES),
        kind=kind,
        content=content,
        at=at,
        files=tuple(files),
        served=served,
    )


STACKS = st.lists(pins(), min_size=1, max_size=4, unique_by=lambda one: one.axis).map(stack_of)


@given(STACKS)
def test_a_lock_comes_back_whole(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> None:
    path = tmp_path_factory.mktemp("lock") / "stack.lock.json"
    data = rendered(stack)
    path.write_bytes(data)
    assert read_lock(path) == stack
    assert rendered(read_lock(path)) == data
    assert json.loads(data)["format"] == 1


A = PinnedFile(path="app/a.py", size=3, digest="a" * 64, is_text=True)
B = PinnedFile(path="app/b.py", size=4, digest="b" * 64, is_text=False)
STACK = stack_of(
    [
        Pin(
            axis="code",
            version="",
            kind=Kind.PATHS,
            content=content_of(Kind.PATHS, [A, B]),
            at=("app",),
            files=(A, B),
        ),
        Pin(axis="prompt", version="v1", kind=Kind.FILE, content=A.digest, at=(A.path,), files=(A,)),
        Pin(
            axis="index",
            version="i1",
            kind=Kind.OBSERVE,
            content=content_of(Kind.OBSERVE, [], served="x"),
            served="x",
        ),
        Pin(axis="model", version="m1", kind=Kind.VERSION, content=content_of(Kind.VERSION, [])),
        Pin(axis="tools", version="t1", kind=Kind.VALUE, content="c" * 64),
    ]
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(leaf for key, one in pairs for leaf in leaves(one, (*path, key)))]


EDITS = leaves(json.loads(rendered(STACK)))[1:]


def refused(path: Path, document: object) -> str:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    with pytest.raises(EvidenceError) as caught:
        read_lock(path)
    return str(caught.value)


@pytest.mark.parametrize("place", EDITS, ids=lambda one: ".".join(map(str, one)))
def test_an_edit_of_any_field_is_refused(tmp_path: Path, place: tuple[Any, ...]) -> None:
    edit: Any
    for edit in (None, "edited", 7, [], {}, "REMOVE"):
        document = json.loads(rendered(STACK))
        within = document
        for key in place[:-1]:
            within = within[key]
        if edit == within[place[-1]]:
            continue
        if edit == "REMOVE":
            del within[place[-1]]
        else:
            within[place[-1]] = edit
        refused(tmp_path / "l", document)


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with a seal that fits, as a forger would make it."""
    document["seal"] = digest({key: one for key, one in document.items() if key != "seal"})
    return document


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "", "a\0b", "."])
def test_a_forged_path_is_refused_though_every_digest_fits(tmp_path: Path, path: str) -> None:
    forged = PinnedFile(path=path, size=3, digest="a" * 64, is_text=True)
    pin = Pin(axis="p", version="1", kind=Kind.FILE, content="a" * 64, at=(path,), files=(forged,))
    (tmp_path / "l").write_bytes(rendered(stack_of([pin])))
    with pytest.raises(EvidenceError, match="is no path inside the stack's folder"):
        read_lock(tmp_path / "l")


def test_forged_axes_kinds_and_counts_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "l"
    for axis in ("", "a\nb", "\x1b[31m"):
        pin = Pin(axis=axis, version="1", kind=Kind.VERSION, content=content_of(Kind.VERSION, []))
        path.write_bytes(rendered(stack_of([pin])))
        with pytest.raises(EvidenceError, match="cannot name an axis"):
            read_lock(path)
    pin = Pin(axis="a", version="1", kind=Kind.VERSION, content=content_of(Kind.VERSION, []), files=(A,))
    path.write_bytes(rendered(stack_of([pin])))
    with pytest.raises(EvidenceError, match="do not fit its kind"):
        read_lock(path)
    pin = Pin(
        axis="a", version="", kind=Kind.PATHS, content=content_of(Kind.PATHS, [A]), at=("app",), files=(A, A)
    )
    path.write_bytes(rendered(stack_of([pin])))
    with pytest.raises(EvidenceError, match="stands twice"):
        read_lock(path)


def test_what_is_refused_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = rendered(STACK).decode()
    again = "\n  take it from version control, or lock again: stopship pins lock STACK"
    path = Path("stack.lock.json")
    assert refused(path, "[]") == f"stack.lock.json: damaged or edited: holds no JSON object{again}"
    assert refused(path, whole[:-30]).startswith("stack.lock.json:line ")
    assert refused(path, "<<<<<<< HEAD\n" + whole).startswith(
        "stack.lock.json:line 1: broken JSON at character 1"
    )
    assert refused(path, whole + "x") == f"stack.lock.json: more text after the JSON ends{again}"
    assert refused(path, whole.replace('"format": 1', '"format": 2')) == (
        "stack.lock.json: format 2; this stopship reads format 1\n"
        "  use the stopship that wrote it, or lock again: stopship pins lock STACK"
    )
    assert refused(path, whole.replace('"format": 1', '"format": true')).startswith(
        "stack.lock.json: no format number; this stopship reads format 1"
    )
    edited = whole.replace('"size": 3', '"size": 5')
    seals = [one["seal"][:12] for one in (json.loads(whole), sealed(json.loads(edited)))]
    assert refused(path, edited) == (
        f"stack.lock.json: damaged or edited: seal: is '{seals[0]}…', "
        f"but its content gives '{seals[1]}'{again}"
    )
    assert refused(path, whole.replace('"version": "v1"', '"version": "v2"')).startswith(
        "stack.lock.json: damaged or edited: pins.prompt.digest: is '"
    )
    assert refused(path, whole.replace('"served": "x"', '"served": "y"')).startswith(
        "stack.lock.json: damaged or edited: pins.index.content: is '"
    )
    assert refused(path, sealed(json.loads(whole) | {"sael": 1})) == (
        "stack.lock.json: damaged or edited: sael: unknown key; did you mean 'seal'?  "
        f"there are: format, pins, seal, stack_id{again}"
    )
    assert "stands twice in one object" in refused(path, whole.replace('"seal":', '"format":'))
    path.write_bytes(b"\xff")
    with pytest.raises(EvidenceError, match="byte 1 is not UTF-8"):
        read_lock(path)


def test_which_lock_belongs_to_which_stack_file() -> None:
    assert lock_path(Path("a/stack.toml")) == Path("a/stack.lock.json")
    assert lock_path(Path("night.v2.toml")) == Path("night.v2.lock.json")
    assert stack_name(Path("a/night.lock.json")) == "night.toml"
    with pytest.raises(UsageError, match="is neither a stack file nor a lock"):
        stack_name(Path("stack.json"))
