"""`stopship init` makes a suite that ships as it is, whole or not at all; every command it shows works."""

import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.families import first_fast

from stopship.errors import UsageError
from stopship.gating import beginning
from stopship.gating.beginning import BECAUSE, TEMPLATE_NAME, begin
from stopship.gating.gate import Asked, gate
from stopship.gating.opened import OpenSuite, open_suite
from stopship.gating.workplace import Workplace, workplace
from stopship.model.run import Outcome, Run
from stopship.model.verdict import Verdict
from stopship.pinning.lock import verify_stack
from stopship.steps.outlook import CaseTable, outlook
from stopship.store.pointer import read_pointer
from stopship.store.temporary import folder_in

TODAY = date(2030, 1, 31)
TEMPLATE = Path(beginning.__file__).parents[1] / "template"
FENCE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def made(folder: Path) -> Path:
    begin(folder, today=TODAY)
    return folder


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "STOPSHIP_STORE")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def commands(text: str) -> list[tuple[str, int]]:
    """What a reader types, and how its comment says that it ends."""
    lines = [one.removeprefix("$ ") for one in text.splitlines()]
    return [(one, int(found[1]) if (found := re.search(r"# .*exit (\d+)", one)) else 0) for one in lines]


@pytest.fixture
def stopship(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in ("CI", "GITHUB_ACTIONS", "STOPSHIP_STORE"):
        monkeypatch.delenv(name, raising=False)
    return Command(capsys, monkeypatch)


def test_what_is_made_ships_as_it_is(tmp_path: Path, stopship: Command) -> None:
    assert stopship("init", str(tmp_path / "suites" / "desk")) == 0
    assert len(stopship.out.splitlines()) <= 10
    assert stopship("gate", str(tmp_path / "suites" / "desk")) == 0
    assert stopship.out.startswith("SHIP  desk")


def test_the_bad_stack_stops_and_names_german(tmp_path: Path, stopship: Command) -> None:
    suite = made(tmp_path / "desk")
    assert stopship("gate", str(suite), "--stack", str(suite / "stacks" / "bad-prompt.toml")) == 20
    assert "right-article in lang=de:" in stopship.out
    assert "lang=en:" not in stopship.out


@pytest.mark.slow
def test_every_command_that_init_shows_does_what_it_says(tmp_path: Path) -> None:
    said = shell("stopship init 'suites/my desk'", tmp_path)
    shown = [one.strip() for one in said.stdout.splitlines() if one.startswith("  ")]
    assert len(shown) == 4
    for command, code in commands("\n".join(shown)):
        done = shell(command, tmp_path)
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.slow
def test_every_command_of_its_readme_runs_as_printed(tmp_path: Path) -> None:
    suite = made(tmp_path / "desk")
    first, second = FENCE.findall((suite / "README.md").read_text(encoding="utf-8"))
    for command, code in commands(first):
        done = shell(command, suite)
        assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
    article = suite / "articles" / "fees.en.md"
    article.write_bytes(article.read_bytes().replace(b"8 euros", b"8.50 euros"))
    assert shell("stopship gate .", suite).returncode == 22
    (suite / "stack.toml").write_text((suite / "stack.toml").read_text().replace("05-04", "06-01"))
    lock, judge, accept = commands(second)
    assert shell(lock[0], suite).returncode == 0
    judged = shell(judge[0], suite)
    assert judged.returncode == 0, judged.stdout
    run = re.search(r"candidate ([0-9a-f]{8})", judged.stdout)
    assert run is not None
    assert shell(accept[0].replace("RUN", run[1]), suite).returncode == 0
    assert shell("stopship gate .", suite).returncode == 0


def test_everything_it_holds_is_locked_and_accepted(tmp_path: Path) -> None:
    suite = made(tmp_path / "desk")
    for stack in ("stack.toml", "stacks/bad-prompt.toml"):
        assert verify_stack(suite / stack)[1] == ()
    pointer = read_pointer(suite / "baseline.json")
    assert pointer.baseline is not None
    assert (pointer.baseline.because, pointer.baseline.accepted) == (BECAUSE, "2030-01-31")
    assert (suite / "runs" / pointer.baseline.run).is_dir()
    assert {"pins/** -text", "runs/** -text"} <= set((suite / ".gitattributes").read_text().splitlines())
    assert {".stopship/", ".stopship-*.tmp"} <= set((suite / ".gitignore").read_text().splitlines())
    assert not (suite / ".stopship").exists()


def test_an_attempt_that_was_killed_is_no_hindrance(tmp_path: Path) -> None:
    hidden, held = folder_in(tmp_path)
    (hidden / "suite").mkdir()
    os.close(held)
    made(tmp_path)
    assert not hidden.exists()


def test_an_attempt_that_is_at_work_is_not_disturbed(tmp_path: Path) -> None:
    hidden, held = folder_in(tmp_path)
    with pytest.raises(UsageError, match="not empty"):
        made(tmp_path)
    assert hidden.exists()
    os.close(held)


def test_a_part_of_a_suite_is_told_from_other_files(tmp_path: Path) -> None:
    """Killed while the files were put in their place, the suite file is not there yet: it comes last."""
    whole = made(tmp_path / "whole")
    part = tmp_path / "part"
    part.mkdir()
    (whole / ".gitattributes").rename(part / ".gitattributes")
    with pytest.raises(UsageError, match="broken off here") as caught:
        made(part)
    assert "empty the folder" in str(caught.value)


def test_it_copies_the_template_and_changes_the_name_alone(tmp_path: Path) -> None:
    suite = made(tmp_path / "desk")
    copied = [one for one in TEMPLATE.rglob("*") if one.is_file() and "__pycache__" not in one.parts]
    for one in copied:
        there = (suite / one.relative_to(TEMPLATE)).read_bytes()
        assert there.replace(b'suite  = "desk"\n', TEMPLATE_NAME.encode()) == one.read_bytes()
    assert not list(suite.rglob("__pycache__"))
    assert not list(suite.rglob("*.pyc"))


@pytest.mark.parametrize(
    "name", first_fast(["'quoted' \"twice\"", "a b", "früh-1", "-x", "#=[x]", "con\u00f8.toml"])
)
def test_the_suite_is_called_as_its_folder(tmp_path: Path, name: str) -> None:
    suite = made(tmp_path / name)
    assert tomllib.loads((suite / "suite.toml").read_text(encoding="utf-8"))["suite"] == name


@pytest.mark.parametrize("given", first_fast(["../here/desk", "desk/", "./desk/.", "more/levels/desk"]))
def test_a_path_may_be_written_in_many_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert begin(Path(given), today=TODAY).name == "desk"


@pytest.mark.parametrize("given", first_fast([".", "../empty"]))
def test_an_empty_folder_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert begin(Path(given), today=TODAY).name == "empty"
    assert Path("suite.toml").is_file()
    assert not list(Path().glob(".stopship*"))


def _taken(folder: Path) -> None:
    folder.mkdir()
    (folder / "mine").write_text("mine")


def _link(folder: Path) -> None:
    folder.symlink_to(folder.parent / "nowhere")


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (_taken, "not empty"),
        (lambda folder: folder.write_text("mine"), "no folder"),
        (_link, "no folder"),
    ],
    ids=["folder-in-use", "file", "dangling-link"],
)
def test_what_is_in_the_way_stays(
    tmp_path: Path, stopship: Command, prepare: Callable[[Path], object], says: str
) -> None:
    prepare(tmp_path / "desk")
    before = sorted(str(one) for one in tmp_path.rglob("*"))
    assert stopship("init", str(tmp_path / "desk")) == 2
    assert says in stopship.err
    assert "name a folder" in stopship.err
    assert sorted(str(one) for one in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["a\\b", "line\nbreak", "\x1b[31m", "\udc80", "n" * 201, " "], ids=ascii)
def test_a_name_that_cannot_name_a_suite_makes_nothing(tmp_path: Path, stopship: Command, name: str) -> None:
    assert stopship("init", str(tmp_path) + "/" + name) == 2
    assert "cannot name a suite" in stopship.err
    assert "\x1b" not in stopship.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", ["a\0b", "a\0b/desk"], ids=ascii)
def test_a_nul_character_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(UsageError, match="is not a path"):
        begin(tmp_path / given, today=TODAY)


@pytest.mark.parametrize("is_empty_there", first_fast([True, False]), ids=["empty-folder", "new-folder"])
@pytest.mark.parametrize("step", first_fast(["_copy", "_first_baseline", "_reveal"]))
def test_a_failure_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, is_empty_there: bool
) -> None:
    folder = tmp_path / "new" / "desk"
    if is_empty_there:
        folder.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    real = getattr(beginning, step)

    def broken(*args: object) -> None:
        real(*args)
        raise OSError(28, "No space left on device")

    def full(source: Path, target: Path) -> None:
        if source.name == "suite.toml":
            raise OSError(28, "No space left on device")
        source.rename(target)

    if step == "_reveal" and is_empty_there:
        monkeypatch.setattr(beginning, "_move", full)
    elif step == "_reveal":
        monkeypatch.setattr(beginning, step, lambda *_args: full(Path("suite.toml"), folder))
    else:
        monkeypatch.setattr(beginning, step, broken)
    with pytest.raises(UsageError, match="No space left"):
        begin(folder, today=TODAY)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.name == "nt", reason="folders are made read-only otherwise there")
def test_a_read_only_template_gives_files_that_can_be_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    shutil.copytree(TEMPLATE, package / "template")
    (package / "template" / "app" / "__pycache__").mkdir(exist_ok=True)
    (package / "template" / "app" / "__pycache__" / "answer.pyc").write_bytes(b"x")
    for one in sorted(package.rglob("*"), reverse=True):
        one.chmod(0o555 if one.is_dir() else 0o444)
    monkeypatch.setattr(beginning, "files", lambda _package: package)
    suite = made(tmp_path / "desk")
    assert all(one.stat().st_mode & 0o200 for one in suite.rglob("*"))
    assert not list(suite.rglob("*.pyc"))
    for kept in package.rglob("*"):
        kept.chmod(0o755)


def test_a_store_of_the_environment_gets_the_run(tmp_path: Path, stopship: Command) -> None:
    stopship.monkeypatch.setenv("STOPSHIP_STORE", str(tmp_path / "store"))
    assert stopship("init", str(tmp_path / "desk")) == 0
    assert stopship("gate", str(tmp_path / "desk")) == 0
    assert list((tmp_path / "store" / "runs").iterdir())


def test_an_identical_build_ships_surely_as_the_target_is_deterministic(tmp_path: Path) -> None:
    assert open_suite(made(tmp_path / "desk") / "suite.toml").outlook.p_ship == ((0.0, 1.0),)


def test_with_a_target_that_varies_an_identical_build_ships_nine_times_in_ten(tmp_path: Path) -> None:
    """At 5 % of flips, and said when the suite is loaded, with what it takes for granted."""
    suite = open_suite(made(tmp_path / "desk") / "suite.toml")
    table = CaseTable(
        keys=tuple(suite.cases), rows=tuple(suite.row(key) for key in suite.cases), columns=suite.columns
    )
    found = outlook(suite.rules, table, suite.suite.decide.alpha, deterministic=False)
    assert dict(found.p_ship)[0.05] >= 0.90
    assert found.assumes == ("if its limits are kept and its must-pass cases do not flip",)


def _flipped(opened: OpenSuite, run: Run, share: float, chance: random.Random) -> Run:
    """The run with a share of its answers turned from right to wrong or back; incidents stay closed."""

    def flip(one: Outcome) -> Outcome:
        row = opened.row(one.key)
        if row["tag"] == "incident" or chance.random() >= share:
            return one
        is_wrong = one.trace["refusal"] != "none"
        must_refuse, cited = row["refusal"] == "required", row["citations"]
        assert isinstance(cited, list)
        if is_wrong == must_refuse:  # it was right
            text, refusal = ("Yes.", "none") if must_refuse else ("I do not know.", "capability")
        else:
            text, refusal = (f"{row['fact']} " + " ".join(f"[{it}]" for it in cited), "none")
        return replace(one, trace={**one.trace, "output": text, "refusal": refusal})

    return replace(run, id=f"{chance.getrandbits(256):064x}", outcomes=tuple(map(flip, run.outcomes)))


@pytest.mark.slow
def test_builds_whose_answers_flip_by_chance_ship_nine_times_in_ten(tmp_path: Path) -> None:
    """Every rule, limit, guard and must-pass case, over 150 pairs of runs that differ in 5 % of their cases.

    Both runs of a pair are drawn, as those of one stack that varies are.
    """
    suite = made(tmp_path / "desk")
    file = suite / "suite.toml"
    file.write_text(re.sub(r"(?m)^deterministic.*\n", "", file.read_text(encoding="utf-8")), encoding="utf-8")
    opened = open_suite(file)
    place: Workplace = workplace(opened.suite)
    accepted = place.run("baseline")
    run = replace(accepted, head=replace(accepted.head, deterministic=False))
    chance = random.Random(7)  # noqa: S311  # a simulation

    def drawn() -> Run:
        return _flipped(opened, run, 0.0257, chance)  # 2 q (1 - q) = 5 % of the pairs differ

    verdicts = [
        gate(opened, place, drawn(), Asked(today=TODAY, baseline=drawn(), examples=0)).verdict
        for _ in range(150)
    ]
    assert verdicts.count(Verdict.SHIP) >= 135


def test_what_is_shown_can_be_pasted(tmp_path: Path, stopship: Command) -> None:
    odd = tmp_path / "it's $HOME; `x` & co"
    assert stopship("init", str(odd)) == 0
    for line in stopship.out.splitlines():
        if line.startswith("  "):
            assert str(odd) in shlex.split(line, comments=True)
