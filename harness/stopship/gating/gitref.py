"""The suite as another git revision has it: what judges a change must not come from the change.

Decides which files are taken from there: the suite's folder, its cases and its labels. Never writes to git.
"""

import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from stopship.errors import EvidenceError, UsageError
from stopship.gating.workplace import Workplace
from stopship.model.suite import Suite
from stopship.store.shown import quoted, shown
from stopship.store.suitefile import read_suite

_FETCH = "name a branch, tag or commit that is here; a shallow clone needs: git fetch origin BRANCH"


def suite_at(place: Workplace, suite: Suite, ref: str) -> tuple[Path, str]:
    """The suite file as the revision has it, laid out in the working folder, and the commit.

    Raises UsageError outside a git repository or for an unknown revision, EvidenceError where the revision
    has no such suite.
    """
    root = Path(
        _git(suite.folder, ["rev-parse", "--show-toplevel"], "this is no git repository").decode().strip()
    )
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
    commit = _git(suite.folder, asked, f"there is no revision {quoted(ref)}").decode().strip()
    folder = place.made() / "ref" / commit
    inside = suite.path.resolve().relative_to(root.resolve())
    target = folder / inside
    if not target.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        _lay_out(root, commit, [inside.parent], folder, ref)
        if not target.is_file():
            raise EvidenceError(
                f"the revision {quoted(ref)} has no such suite",
                where=shown(suite.path),
                do="a change that adds a suite is judged without --baseline-ref, with --new-suite",
            )
        there = read_suite(target)
        beside = [_inside(inside.parent / one) for one in (*there.cases, there.labels) if one]
        _lay_out(root, commit, [one for one in beside if not one.is_relative_to(inside.parent)], folder, ref)
    return target, commit


def _lay_out(root: Path, commit: str, paths: list[Path], folder: Path, ref: str) -> None:
    if not paths:
        return
    names = [one.as_posix() for one in paths]
    data = _git(
        root,
        ["archive", "--format=tar", commit, "--", *names],
        f"the revision {quoted(ref)} lacks {', '.join(names)}",
    )
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=BytesIO(data)) as archive:
        archive.extractall(folder, filter="data")


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


def _git(folder: Path, words: list[str], what: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603  # fixed words; the revision stands behind --end-of-options
            ["git", "-C", str(folder), *words],  # noqa: S607  # the git of the person's own path
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as err:
        raise UsageError("git is not installed", do="--baseline-ref reads from a git repository") from err
    if done.returncode:
        said = shown(done.stderr.decode("utf-8", "replace").strip().split("\n")[0])
        raise UsageError(f"{what}{': ' + said if said else ''}", where="--baseline-ref", do=_FETCH)
    return done.stdout
