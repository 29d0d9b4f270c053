"""The suite as another git revision has it: what judges a change must not come from the change.

Decides which files come from there: the suite's folder, its cases, labels and scorers. Never writes to git.
"""

import os
import shutil
import subprocess
from atexit import register
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from stopship.errors import EvidenceError, UsageError
from stopship.gating.opened import scorer_files
from stopship.gating.workplace import Workplace
from stopship.model.suite import Suite
from stopship.store.shown import quoted, shown
from stopship.store.suitefile import read_suite
from stopship.store.temporary import folder_in

_LINK = "120000"  # the mode of a symbolic link in a tree
_FETCH = "name a branch, tag or commit that is here; a shallow clone needs: git fetch origin BRANCH"


def suite_at(place: Workplace, suite: Suite, ref: str) -> tuple[Path, str]:
    """The suite file as the revision has it, laid out anew in the working folder, and the commit.

    Raises UsageError outside a git repository or for an unknown revision, EvidenceError where the revision
    has no such suite.
    """
    inside_git = "the suite is in no git repository"
    top = _git(suite.folder, ["rev-parse", "--show-toplevel"], inside_git, "run where the repository is")
    root = Path(top.decode().rstrip("\n"))
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
    commit = _git(suite.folder, asked, f"there is no revision {quoted(ref)}", _FETCH).decode().strip()
    inside = suite.path.resolve().relative_to(root.resolve())
    _check_there(root, commit, inside, ref, suite)
    folder = _fresh(place)
    target = folder / inside
    _lay_out(root, commit, [inside.parent], folder, ref)
    there = read_suite(target)
    scorers = [Path(one).parent.as_posix() for one in scorer_files([one.score for one in there.rules])]
    beside = [_inside(inside.parent / one) for one in (*there.cases, there.labels, *scorers) if one]
    further = [one for one in dict.fromkeys(beside) if not one.is_relative_to(inside.parent)]
    _lay_out(root, commit, further, folder, ref)
    return target, commit


def _fresh(place: Workplace) -> Path:
    """A folder of this process alone, gone with it: nothing that a change may have put there is read."""
    around = place.made() / "ref"
    around.mkdir(exist_ok=True)
    folder, _ = folder_in(around)  # held until the process ends
    register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _check_there(root: Path, commit: str, inside: Path, ref: str, suite: Suite) -> None:
    words = ["ls-tree", "--name-only", "-z", commit, "--", inside.as_posix()]
    if not _git(root, words, f"the revision {quoted(ref)} cannot be read", _FETCH):
        raise EvidenceError(
            f"the revision {quoted(ref)} has no such suite",
            where=shown(suite.path),
            do="a suite that is new is judged with --new-suite (in pytest: --stopship-new-suite) alone",
        )


def _lay_out(root: Path, commit: str, paths: list[Path], folder: Path, ref: str) -> None:
    """Write the files of the revision below these paths, links inside the repository followed.

    Read object by object: an archive would leave out what `.gitattributes` says, which a change may edit.
    """
    waiting, done = list(paths), set[Path]()
    while waiting:
        path = waiting.pop()
        if path in done:
            continue
        done.add(path)
        listed = _listed(root, commit, path)
        if not listed and path in paths:
            name = quoted(path.as_posix())
            raise UsageError(f"the revision {quoted(ref)} lacks {name}", where="--baseline-ref", do=_FETCH)
        blobs = _blobs(root, [one for _, _, one in listed])
        for (mode, file, _), data in zip(listed, blobs, strict=True):
            waiting += _written(folder, file, data, is_link=mode == _LINK)


def _listed(root: Path, commit: str, path: Path) -> list[tuple[str, Path, str]]:
    """The files at or below a path of the revision: mode, name and object of each."""
    words = ["ls-tree", "-r", "-z", "--full-tree", commit, "--", path.as_posix()]
    found = []
    for line in _git(root, words, "the revision cannot be read", _FETCH).split(b"\0")[:-1]:
        head, _, name = line.partition(b"\t")
        mode, kind, blob = head.decode("ascii").split(" ")
        if kind == "blob":  # a submodule is another repository's
            found.append((mode, Path(os.fsdecode(name)), blob))
    return found


def _blobs(root: Path, names: list[str]) -> Iterator[bytes]:
    """The bytes of these objects, in their order."""
    asked = "".join(f"{one}\n" for one in names).encode("ascii")
    told = BytesIO(_git(root, ["cat-file", "--batch"], "the revision cannot be read", _FETCH, asked))
    for _ in names:
        size = int(told.readline().split(b" ")[2])
        yield told.read(size)
        told.read(1)


def _written(folder: Path, name: Path, data: bytes, *, is_link: bool) -> list[Path]:
    """Put a file in its place; say where a link leads, and leave out one that leads out of the repository."""
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if not is_link:
        place.write_bytes(data)
        return []
    leads_to = Path(os.fsdecode(data))
    target = Path(os.path.normpath(name.parent / leads_to))
    if leads_to.is_absolute() or target.parts[:1] == ("..",):
        return []
    place.symlink_to(leads_to)
    return [target]


def _inside(path: Path) -> Path:
    """The path without `..`, relative to the repository."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part == "..":
            raise UsageError(
                f"{quoted(str(path))} lies outside the repository", do="keep cases and labels in it"
            )
        elif part != ".":
            parts.append(part)
    return Path(*parts)


def _git(folder: Path, words: list[str], what: str, do: str, told: bytes | None = None) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603  # fixed words; the revision stands behind --end-of-options
            ["git", "--literal-pathspecs", "-C", str(folder), *words],  # noqa: S607  # the git of the person's own path
            capture_output=True,
            check=False,
            input=told or b"",
        )
    except FileNotFoundError as err:
        raise UsageError("git is not installed", do="--baseline-ref reads from a git repository") from err
    if done.returncode:
        said = shown(done.stderr.decode("utf-8", "replace").strip().split("\n")[0])
        raise UsageError(f"{what}{': ' + said if said else ''}", where="--baseline-ref", do=do)
    return done.stdout
