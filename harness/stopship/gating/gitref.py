"""The suite as another git revision has it: what judges a change must not come from the change.

Decides which files come from there: the suite's folder, its cases, labels and scorers. Never writes to git.
"""

import shutil
import subprocess
import tarfile
from atexit import register
from io import BytesIO
from pathlib import Path
from tempfile import mkdtemp

from stopship.errors import EvidenceError, UsageError
from stopship.gating.opened import scorer_files
from stopship.gating.workplace import Workplace
from stopship.model.suite import Suite
from stopship.store.shown import quoted, shown
from stopship.store.suitefile import read_suite

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
    folder = Path(mkdtemp(dir=around))
    register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _check_there(root: Path, commit: str, inside: Path, ref: str, suite: Suite) -> None:
    words = ["ls-tree", "--name-only", "-z", commit, "--", inside.as_posix()]
    if not _git(root, words, f"the revision {quoted(ref)} cannot be read", _FETCH):
        raise EvidenceError(
            f"the revision {quoted(ref)} has no such suite",
            where=shown(suite.path),
            do="a change that adds a suite is judged without --baseline-ref, with --new-suite",
        )


def _lay_out(root: Path, commit: str, paths: list[Path], folder: Path, ref: str) -> None:
    if not paths:
        return
    names = [one.as_posix() for one in paths]
    data = _git(
        root,
        ["archive", "--format=tar", commit, "--", *names],
        f"the revision {quoted(ref)} lacks one of {', '.join(map(quoted, names))}",
        _FETCH,
    )
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


def _git(folder: Path, words: list[str], what: str, do: str) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603  # fixed words; the revision stands behind --end-of-options
            ["git", "--literal-pathspecs", "-C", str(folder), *words],  # noqa: S607  # the git of the person's own path
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as err:
        raise UsageError("git is not installed", do="--baseline-ref reads from a git repository") from err
    if done.returncode:
        said = shown(done.stderr.decode("utf-8", "replace").strip().split("\n")[0])
        raise UsageError(f"{what}{': ' + said if said else ''}", where="--baseline-ref", do=do)
    return done.stdout
