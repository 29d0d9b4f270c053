"""`ci/gate.sh` passes on what the gate says, whatever the shell, and nothing it lacks ever turns green."""

import itertools
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.ci.scripts import GATE, RUN, Shell
from tests.families import first_fast

SHELLS = [one for one in ("sh", "dash", "bash", "busybox") if shutil.which(one)]
CODES = [0, 2, 20, 21, 22, 70, 1, 77, 127, 137]
WORST_FIRST = [20, 22, 21, 70, 2, 0]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.mark.parametrize("name", SHELLS)
def test_every_shell_at_hand_reads_it(name: str) -> None:
    words = [name, "sh"] if name == "busybox" else [name]
    subprocess.run([*words, "-n", str(GATE)], check=True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say() -> None:
    done = subprocess.run(["shellcheck", "-s", "sh", str(GATE)], capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.parametrize("name", first_fast(one for one in SHELLS if one != "busybox"))
@pytest.mark.parametrize("code", first_fast(CODES))
def test_the_exit_code_of_the_gate_is_passed_on(tmp_path: Path, name: str, code: int) -> None:
    shell = Shell(tmp_path, codes={"*": code}, shell=name)
    done = shell.run(shell.suite("desk"))
    assert done.returncode == code
    assert "verdict of desk" in done.stdout


def test_a_green_code_without_a_green_record_is_void(tmp_path: Path) -> None:
    shell = Shell(tmp_path, env={"SILENT": "1"})
    done = shell.run(shell.suite("desk"))
    assert done.returncode == 22
    assert "the gate ended without a verdict" in done.stderr


@pytest.mark.parametrize(("one", "two"), first_fast(itertools.product(WORST_FIRST, repeat=2)))
def test_of_two_suites_the_worse_counts_in_any_order(tmp_path: Path, one: int, two: int) -> None:
    shell = Shell(tmp_path, codes={"a": one, "b": two})
    done = shell.run(shell.suite("a"), shell.suite("b"))
    assert done.returncode == min(one, two, key=WORST_FIRST.index)
    kept = (tmp_path / "stopship-reports" / "exit-codes.tsv").read_text()
    assert kept == f"{one}\ta\n{two}\tb\n"


@pytest.mark.parametrize("code", [1, 77, 126, 127, 137])
def test_no_other_code_is_hidden_by_a_suite_that_ships(tmp_path: Path, code: int) -> None:
    shell = Shell(tmp_path, codes={"a": code})
    assert shell.run(shell.suite("a"), shell.suite("b")).returncode == code


def test_an_interrupted_gate_ends_the_script(tmp_path: Path) -> None:
    shell = Shell(tmp_path, codes={"a": 130, "b": 20})
    assert shell.run(shell.suite("a"), shell.suite("b")).returncode == 130
    assert len(shell.calls) == 1


def test_reports_are_kept_a_folder_a_suite(shell: Shell) -> None:
    shell.run(shell.suite("x/desk"), shell.suite("y/desk"), shell.suite("a b"))
    kept = shell.folder / "stopship-reports"
    assert sorted(one.name for one in kept.iterdir()) == ["a b", "desk", "desk-2", "exit-codes.tsv"]
    for name in ("a b", "desk", "desk-2"):
        assert {one.name for one in (kept / name).iterdir()} == {"verdict.json", "verdict.md", "junit.xml"}


@pytest.mark.parametrize("reports", ["my reports", "-r", "deep/er"])
def test_the_reports_folder_is_where_it_is_told(shell: Shell, reports: str) -> None:
    shell.env["STOPSHIP_REPORTS"] = reports
    assert shell.run(shell.suite("desk")).returncode == 0
    assert (shell.folder / reports / "desk" / "verdict.json").is_file()


def test_options_go_to_every_suite_word_by_word(shell: Shell) -> None:
    shell.run(shell.suite("a b"), shell.suite("c"), "--stack", "my stack.toml", "--expect", "$HOME *")
    assert [one[1] for one in shell.calls] == ["a b", "c"]
    assert all(one[-4:] == ["--stack", "my stack.toml", "--expect", "$HOME *"] for one in shell.calls)


@pytest.mark.parametrize("name", ["it's", 'a "b"', "$(touch gone)", "ünï", "a*b", "x;y"])
def test_a_suite_may_be_called_anything(shell: Shell, name: str) -> None:
    assert shell.run(shell.suite(name)).returncode == 0
    assert shell.calls[0][1] == name
    assert (shell.folder / "stopship-reports" / name / "verdict.md").is_file()
    assert not (shell.folder / "gone").exists()


def test_a_suite_file_is_filed_under_its_folder(shell: Shell) -> None:
    shell.suite("desk")
    assert shell.run("desk/suite.toml").returncode == 0
    assert (shell.folder / "stopship-reports" / "desk").is_dir()


@pytest.mark.parametrize(("ref", "words"), [("origin/main", ["--baseline-ref", "origin/main"]), ("", [])])
def test_the_target_branch_judges_where_it_is_named(shell: Shell, ref: str, words: list[str]) -> None:
    shell.env["STOPSHIP_BASELINE_REF"] = ref
    shell.run(shell.suite("desk"))
    assert shell.calls[0][8:] == words


def test_the_summary_of_a_job_is_added_to(shell: Shell) -> None:
    summary = shell.folder / "summary.md"
    summary.write_text("before\n")
    shell.env["GITHUB_STEP_SUMMARY"] = str(summary)
    shell.run(shell.suite("a"), shell.suite("b"))
    assert summary.read_text() == "before\n# markdown a\n\n# markdown b\n\n"


def test_a_summary_that_cannot_be_written_changes_no_verdict(tmp_path: Path) -> None:
    shell = Shell(tmp_path, codes={"*": 20}, env={"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "file")})
    assert shell.run(shell.suite("desk")).returncode == 20


@pytest.mark.parametrize("code", [2, 70, 127])
def test_a_gate_without_a_verdict_leaves_no_green_report_of_yesterday(tmp_path: Path, code: int) -> None:
    shell = Shell(tmp_path, codes={"*": code})
    suite = shell.suite("desk")
    kept = tmp_path / "stopship-reports" / "desk"
    kept.mkdir(parents=True)
    for name in ("verdict.json", "verdict.md", "junit.xml"):
        (kept / name).write_text("SHIP")
    if code == 127:
        (tmp_path / "bin" / "stopship").unlink()
    assert shell.run(suite).returncode == code
    assert not list(kept.iterdir())


def test_where_stopship_is_missing_it_says_what_to_do(shell: Shell) -> None:
    (shell.folder / "bin" / "stopship").unlink()
    done = shell.run(shell.suite("desk"))
    assert done.returncode == 127
    assert "python -m pip install stopship" in done.stderr


@pytest.mark.parametrize("words", [[], ["--stack", "x.toml"]], ids=["nothing", "options-alone"])
def test_without_a_suite_it_is_a_wrong_command(shell: Shell, words: list[str]) -> None:
    done = shell.run(*words)
    assert done.returncode == 2
    assert shell.calls == []


def test_reports_that_cannot_be_kept_are_a_wrong_command(shell: Shell) -> None:
    (shell.folder / "taken").write_text("")
    shell.env["STOPSHIP_REPORTS"] = "taken"
    assert shell.run(shell.suite("desk")).returncode == 2


def test_help_says_every_setting(shell: Shell) -> None:
    done = shell.run("--help")
    assert done.returncode == 0
    for word in ("STOPSHIP_REPORTS", "STOPSHIP_BASELINE_REF", "STOPSHIP_SHARD", "STOPSHIP_CANDIDATES", "127"):
        assert word in done.stdout


def test_a_shard_is_replayed_and_its_run_kept_where_artifacts_see_it(shell: Shell) -> None:
    shell.env["STOPSHIP_SHARD"] = "2/3"
    done = shell.run(shell.suite("my desk"), "--stack", "x.toml")
    assert done.returncode == 0
    assert shell.calls == [["replay", "my desk", "--shard", "2/3", "--stack", "x.toml"]]
    kept = shell.folder / "stopship-reports" / "my desk" / "shard-2-3"
    assert (kept / "run.json").read_text() == "sealed"
    assert RUN in done.stdout
    assert "may ship" not in done.stdout


def test_a_shard_of_which_nothing_was_told_is_kept_for_the_job_that_judges(tmp_path: Path) -> None:
    """Its run is sealed: without it the gate would miss a part, and never see how its cases fail."""
    shell = Shell(tmp_path, codes={"*": 22}, env={"STOPSHIP_SHARD": "1/2", "SEALS": "1"})
    assert shell.run(shell.suite("desk")).returncode == 0
    assert (tmp_path / "stopship-reports" / "desk" / "shard-1-2" / "run.json").read_text() == "sealed"


@pytest.mark.parametrize("code", [2, 22, 70])
def test_a_shard_that_failed_leaves_no_run(tmp_path: Path, code: int) -> None:
    shell = Shell(tmp_path, codes={"*": code}, env={"STOPSHIP_SHARD": "1/2"})
    suite = shell.suite("desk")
    stale = tmp_path / "stopship-reports" / "desk" / "shard-1-2"
    stale.mkdir(parents=True)
    assert shell.run(suite).returncode == code
    assert not stale.exists()


@pytest.mark.parametrize("shard", ["1", "1/2/3", "a/b", "../x", "1/", "/2", "1 /2"])
def test_what_is_no_shard_is_a_wrong_command(shell: Shell, shard: str) -> None:
    shell.env["STOPSHIP_SHARD"] = shard
    assert shell.run(shell.suite("desk")).returncode == 2
    assert shell.calls == []


def _runs(shell: Shell, *names: str) -> None:
    for name in names:
        (shell.folder / name).mkdir(parents=True)
        (shell.folder / name / "run.json").write_text("{}")


def _candidates(call: list[str]) -> set[str]:
    return {value for option, value in itertools.pairwise(call) if option == "--candidate"}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("a b", {"a", "b"}),
        ("shards/*", {"shards/1", "shards/2"}),
        ("with space/1\nwith space/2", {"with space/1", "with space/2"}),
        ("with space/*\n", {"with space/1", "with space/2"}),
        (" a  b ", {"a", "b"}),
    ],
    ids=["words", "pattern", "lines", "pattern-with-space", "blanks"],
)
def test_the_shards_are_judged_together(shell: Shell, told: str, found: set[str]) -> None:
    _runs(shell, "a", "b", "shards/1", "shards/2", "with space/1", "with space/2")
    shell.env["STOPSHIP_CANDIDATES"] = told
    done = shell.run(shell.suite("desk"), "--expect", "a b")
    assert done.returncode == 0, done.stderr
    assert _candidates(shell.calls[0]) == found
    assert shell.calls[0][-2:] == ["--expect", "a b"]


@pytest.mark.parametrize("told", ["a nowhere", "nowhere/*", "bin"])
def test_a_shard_that_is_missing_is_void(shell: Shell, told: str) -> None:
    _runs(shell, "a")
    shell.env["STOPSHIP_CANDIDATES"] = told
    done = shell.run(shell.suite("desk"))
    assert done.returncode == 22
    assert "missing" in done.stderr
    assert shell.calls == []


@pytest.mark.parametrize("extra", ["STOPSHIP_SHARD", "a second suite"])
def test_candidates_go_with_one_suite_and_no_shard(shell: Shell, extra: str) -> None:
    _runs(shell, "a")
    shell.env["STOPSHIP_CANDIDATES"] = "a"
    suites = [shell.suite("desk")]
    if extra == "STOPSHIP_SHARD":
        shell.env[extra] = "1/2"
    else:
        suites.append(shell.suite("other"))
    assert shell.run(*suites).returncode == 2
    assert shell.calls == []
