"""`replay`, `gate`, `accept`, `show`, `diff`, `repro`, `push`, `pull` as a person at a desk meets them."""

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.running import Command
from tests.gating.making import TODAY, Made, forget_code, key, make

from stopship.gating.gate import Asked, gate
from stopship.gating.nextsteps import next_steps
from stopship.gating.replay import planned
from stopship.gating.stacking import answering
from stopship.model.run import Outcome
from stopship.store.journal import Journal

WRONG = [key(i) for i in range(20, 45)]
HOSTILE = "\x1b[2J\n::error::owned\u202e"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """An accepted suite, below the folder that we stand in."""
    monkeypatch.chdir(tmp_path)
    return make(tmp_path / "suites" / "small")


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """A suite without a baseline."""
    monkeypatch.chdir(tmp_path)
    return make(tmp_path / "suites" / "small", is_accepted=False)


def run_of(stopship: Command, *words: str) -> str:
    """The id of a replay."""
    forget_code()
    assert stopship("replay", "suites/small", *words) == 0
    return next(line.split()[1] for line in stopship.out.splitlines() if line.startswith("  id"))


def printed(stopship: Command) -> list[list[str]]:
    """The commands that the last call printed."""
    lines = [line.strip().removeprefix("Next:").strip() for line in stopship.out.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("stopship ")]


def test_on_the_first_day_the_command_works_as_printed(stopship: Command, fresh: Made) -> None:
    assert stopship("gate", "suites/small") == 22
    assert "no baseline" in stopship.out
    commands = printed(stopship)
    assert [one[0] for one in commands] == ["accept"]  # the run is there: nothing has to be replayed
    assert [stopship(*one) for one in commands] == [0]
    assert stopship("gate", "suites/small") == 0


def test_they_work_for_another_stack_and_for_blind_rules_too(stopship: Command, fresh: Made) -> None:
    fresh.stack("next", wrong=["c30"])
    fresh.edit("suite.toml", '"20pt"', '"1pt"')
    forget_code()
    assert stopship("gate", "suites/small", "--stack", "suites/small/next.toml", "--allow-blind") == 22
    assert [stopship(*one) for one in printed(stopship)] == [0]


def test_a_first_run_that_was_lost_is_not_offered_as_a_baseline(stopship: Command, fresh: Made) -> None:
    fresh.stack("down", lost=[key(n) for n in range(60)])
    forget_code()
    assert stopship("gate", "suites/small", "--stack", "suites/small/down.toml") == 22
    assert "Next:" not in stopship.out  # accepting it would be refused


def test_a_new_suite_ships(stopship: Command, fresh: Made) -> None:
    assert stopship("gate", "suites/small", "--new-suite") == 0


def test_a_stop_prints_a_command_that_reproduces_it(stopship: Command, made: Made) -> None:
    made.stack("bad", wrong=WRONG)
    assert stopship("gate", "suites/small", "--stack", "suites/small/bad.toml") == 20
    (command,) = printed(stopship)
    assert command[0] == "repro"
    assert stopship(*command) == 0
    assert "reproduced" in stopship.out


def test_a_stop_without_a_baseline_shows_the_case(stopship: Command, fresh: Made) -> None:
    fresh.stack("stack", wrong=["c01"])
    assert stopship("gate", "suites/small") == 20
    (command,) = printed(stopship)
    assert stopship(*command) == 0
    assert "case c01" in stopship.out


def test_a_key_that_looks_like_an_option_can_be_reproduced(stopship: Command, fresh: Made) -> None:
    for file in ("cases.jsonl", "labels.jsonl"):
        fresh.write_rows(
            file, [{**one, "key": one["key"].replace("c20", "--c20")} for one in fresh.rows(file)]
        )
    fresh.accept(fresh.replay())
    fresh.stack("bad", wrong=["--c20", *WRONG])
    assert stopship("gate", "suites/small", "--stack", "suites/small/bad.toml") == 20
    assert [stopship(*one) for one in printed(stopship)] == [0]


def test_the_outlook_is_told_on_standard_error(stopship: Command, made: Made) -> None:
    run_of(stopship)
    assert stopship.err.startswith("small: 60 cases; a build that changed nothing: P(SHIP) 1")


def test_a_blind_rule_is_refused_with_the_number_it_needs(stopship: Command, made: Made) -> None:
    made.edit("suite.toml", '"20pt"', '"1pt"')
    assert stopship("gate", "suites/small") == 2
    assert "can never decide" in stopship.err
    assert "--allow-blind" in stopship.err


def test_a_report_is_never_written_over_a_file_of_the_suite(stopship: Command, made: Made) -> None:
    names = (
        "suite.toml",
        "cases.jsonl",
        "labels.jsonl",
        "stack.toml",
        "stack.lock.json",
        "scorers.py",
        "baseline.json",
    )
    for name in (*names, "app/answer.py"):
        path = made.folder / name
        before = path.read_bytes()
        assert stopship("gate", "suites/small", "--json", str(path)) == 2
        assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["cases.jsonl", "labels.jsonl", "stack.lock.json", "baseline.json"])
def test_damage_writes_a_void_record_over_a_green_one(stopship: Command, made: Made, name: str) -> None:
    assert stopship("gate", "suites/small", "--json", "v.json") == 0
    assert json.loads(Path("v.json").read_text("utf-8"))["verdict"] == "SHIP"
    (made.folder / name).write_bytes(b"{")
    assert stopship("gate", "suites/small", "--json", "v.json", "--junit", "v.xml") == 22
    assert json.loads(Path("v.json").read_text("utf-8"))["verdict"] == "VOID"
    assert Path("v.xml").exists()


def test_a_wrong_command_leaves_no_green_record(stopship: Command, made: Made) -> None:
    assert stopship("gate", "suites/small", "--json", "v.json") == 0
    made.edit("suite.toml", "[decide]", "[dezide]")
    assert stopship("gate", "suites/small", "--json", "v.json") == 2
    assert not Path("v.json").exists()


def test_drift_names_pin_file_and_both_digests(stopship: Command, made: Made) -> None:
    (made.folder / "stack.json").write_text('{"wrong": []}', "utf-8")
    assert stopship("gate", "suites/small") == 22
    assert "drifted from its lock in prompt" in stopship.out
    assert "stack.json" in stopship.out


def test_shards_are_judged_together(stopship: Command, made: Made) -> None:
    runs = [run_of(stopship, "--shard", f"{i}/3") for i in (1, 2, 3)]
    words = [word for one in runs for word in ("--candidate", one[:12])]
    assert stopship("gate", "suites/small", *words) == 0
    assert "3 shards judged as one run" in stopship.out
    assert stopship("gate", "suites/small", *words[:4]) == 22
    assert "not replayed" in stopship.said
    assert stopship("gate", "suites/small", *words, *words[:2]) == 22
    assert "name each shard once" in stopship.said


def test_a_candidate_of_another_stack_never_ships_as_the_suites_own(stopship: Command, made: Made) -> None:
    made.stack("other", extra={"citations": []})
    run = run_of(stopship, "--stack", "suites/small/other.toml")
    assert stopship("gate", "suites/small", "--candidate", run) == 22
    assert "answered with another stack than suites/small/stack.toml" in stopship.said
    assert "name its stack file with --stack" in stopship.said
    assert stopship("gate", "suites/small", "--candidate", run, "--stack", "suites/small/other.toml") == 0


def test_a_candidate_ships_only_while_its_stack_is_what_lies_there(stopship: Command, made: Made) -> None:
    run = run_of(stopship)
    assert stopship("gate", "suites/small", "--candidate", run) == 0
    made.edit("app/answer.py", "import json", "import  json")
    assert stopship("gate", "suites/small", "--candidate", run) == 22
    assert "has drifted from its lock in code" in stopship.said


def test_an_experiment_is_void_and_a_bad_one_stops(stopship: Command, made: Made) -> None:
    made.stack("bad", wrong=WRONG)
    fine = run_of(stopship, "--pin", "model=m2")
    bad = run_of(stopship, "--pin", "prompt=suites/small/bad.json")
    assert stopship("gate", "suites/small", "--candidate", fine) == 22
    assert stopship("gate", "suites/small", "--candidate", bad) == 20


def test_accept_finds_the_suite_and_says_what_it_did(stopship: Command, made: Made) -> None:
    made.stack("next", wrong=["c30"])
    run = run_of(stopship, "--stack", "suites/small/next.toml")
    assert stopship("accept", run[:6], "--because", "shorter answers") == 0
    assert f"run {run[:12]} is the baseline" in stopship.out
    assert "judged SHIP against the baseline before it; the pointer is" in stopship.out
    assert stopship("accept", "baseline", "--because", "x") == 0
    assert "it was the baseline already, and is again; the pointer is" in stopship.out


def test_accept_says_how_many_outputs_of_the_new_baseline_failed(stopship: Command, fresh: Made) -> None:
    fresh.stack("stack", **{"raise": ["c31", "c32"]})
    run = run_of(stopship)
    assert stopship("accept", run, "--because", "two are known to fail") == 0
    assert "2 of 60 outputs failed, c31 first: ValueError: no answer for c31" in stopship.said
    fresh.stack("stack")
    run = run_of(stopship)
    assert stopship("accept", run, "--because", "mended") == 0
    assert "failed" not in stopship.out


def test_a_run_in_a_folder_of_its_own_can_be_accepted(stopship: Command, made: Made, tmp_path: Path) -> None:
    made.stack("next", wrong=["c30"])
    run = run_of(stopship, "--stack", "suites/small/next.toml")
    shutil.move(made.folder / ".stopship" / "runs" / run, tmp_path / "download")
    assert stopship("accept", "download", "--suite", "suites/small", "--because", "x") == 0
    assert stopship("gate", "suites/small", "--stack", "suites/small/next.toml") == 0


@pytest.mark.parametrize("name", ["next", "suites/small/next.toml"])
def test_a_stack_that_is_named_for_a_run_is_told_from_one(stopship: Command, made: Made, name: str) -> None:
    made.stack("next", wrong=["c30"])
    assert stopship("gate", "suites/small", "--baseline", name) == 2
    assert "suites/small/next.toml is a stack file" in stopship.err
    assert "stopship replay suites/small --stack suites/small/next.toml" in stopship.err
    assert stopship("show", name, "--suite", "suites/small") == 2
    assert "is a stack file" in stopship.err


def test_suites_are_told_apart_by_what_they_hold(stopship: Command, made: Made, tmp_path: Path) -> None:
    other = make(tmp_path / "suites" / "other", replay="", draws=10_000)
    other.edit("suite.toml", '"small"', '"second"')
    (tmp_path / "suites" / "third").mkdir()
    (tmp_path / "suites" / "third" / "suite.toml").write_text("broken", "utf-8")
    run = run_of(stopship)
    assert stopship("show", run[:8]) == 0
    assert "suite small" in stopship.out
    assert stopship("show", "baseline") == 2
    assert "2 of the 3 suites here" in stopship.err
    assert "name one with --suite: suites/other, suites/small" in stopship.err
    assert "could not be looked into: " in stopship.err
    assert stopship("show", "baseline", "--suite", "suites/small") == 0


def test_show_diff_and_a_case_neutralise_what_targets_say(stopship: Command, made: Made) -> None:
    made.stack("bad", extra={"output": HOSTILE, "refusal": HOSTILE, "citations": [HOSTILE]})
    run = run_of(stopship, "--stack", "suites/small/bad.toml")
    for words in (
        ("show", run, "--case", "c30"),
        ("diff", "baseline", run),
        ("repro", "c30", "--good", "baseline", "--bad", run),
        ("gate", "suites/small", "--candidate", run),
    ):
        stopship(*words)
        assert stopship.code in (0, 20)
        assert "\x1b" not in stopship.out
        assert "\u202e" not in stopship.out
        assert not any(line.lstrip().startswith("::error") for line in stopship.out.splitlines())


def test_show_tells_failures_and_scores(stopship: Command, made: Made) -> None:
    made.stack("bad", **{"raise": ["c30"]})
    run = run_of(stopship, "--stack", "suites/small/bad.toml")
    assert stopship("show", run) == 0
    assert "1 failed" in stopship.out
    assert stopship("show", run, "--case", "c30") == 0
    assert "ValueError: no answer for c30 (answer.py line" in stopship.out
    assert stopship("show", run, "--case", "c3") == 2
    assert "the run has no case 'c3'" in stopship.err


def test_an_id_that_means_two_runs_is_refused(stopship: Command, made: Made) -> None:
    runs = made.folder / ".stopship" / "runs"
    for tail in "ab":
        (runs / ("abcd" + tail * 60)).mkdir()
    assert stopship("show", "abcd") == 2
    assert "'abcd' means 2 runs" in stopship.err
    assert stopship("show", "abc") == 2
    assert "too short" in stopship.err


@pytest.mark.parametrize("kind", ["folder", "file", "memory"])
def test_runs_go_to_another_store_and_come_back(
    stopship: Command, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    where = {
        "folder": str(tmp_path / "far"),
        "file": (tmp_path / "far").as_uri(),
        "memory": f"memory://{tmp_path}",
    }[kind]
    run = run_of(stopship)
    monkeypatch.setenv("STOPSHIP_STORE", where)
    assert stopship("gate", "suites/small") == 22
    assert "is not in the store" in stopship.out
    assert stopship("push", run[:8]) == 0
    shutil.rmtree(made.folder / ".stopship")
    assert stopship("gate", "suites/small") == 0
    shutil.rmtree(made.folder / ".stopship")
    assert stopship("show", run[:8]) == 0
    assert stopship("pull", run[:8]) == 0
    assert (made.folder / ".stopship" / "runs" / run).is_dir()
    monkeypatch.setenv("STOPSHIP_STORE", "memory://nothing-here-at-all")
    assert stopship("show", run[:8]) == 0  # at hand: no store is asked


def test_a_run_of_another_suite_is_not_pushed(stopship: Command, made: Made, tmp_path: Path) -> None:
    other = make(tmp_path / "elsewhere")
    other.edit("suite.toml", '"small"', '"second"')
    run = other.replay()
    assert stopship("push", f"elsewhere/.stopship/runs/{run.id}", "--suite", "suites/small") == 2
    assert "a run of the suite 'second', not of 'small'" in stopship.err


def test_a_baseline_that_was_not_fetched_is_never_written_over(stopship: Command, made: Made) -> None:
    run = next((made.folder / "store" / "runs").iterdir())
    shutil.rmtree(run)
    made.stack("bad", wrong=WRONG)
    shutil.rmtree(made.folder / ".stopship")
    assert stopship("gate", "suites/small", "--stack", "suites/small/bad.toml") == 22
    assert "Next:" not in stopship.out  # the run is nowhere here
    said = stopship.said
    assert f"get the run from who accepted it: `stopship push {run.name[:12]}` there" in said
    assert "makes it again where the target is deterministic" in said
    assert "begin anew: remove baseline.json, replay, accept" in said
    assert stopship("gate", "suites/small") == 22
    assert printed(stopship) == [["push", run.name[:12], "--suite", "suites/small"]]
    assert stopship(*printed(stopship)[0]) == 0
    assert stopship("gate", "suites/small") == 0


def test_a_scorer_that_raises_is_void_and_nothing_false_is_said_of_its_pairs(
    stopship: Command, made: Made
) -> None:
    made.edit("scorers.py", "return trace", "raise KeyError('wanted')\n    return trace")
    forget_code()
    assert stopship("gate", "suites/small") == 22
    assert "without an output" not in stopship.out
    assert "left out" not in stopship.out


def test_a_pointer_that_another_revision_lacks_is_not_written_over(made: Made, tmp_path: Path) -> None:
    elsewhere = replace(made.place, pointer_folder=tmp_path)
    run = made.replay()
    record = gate(made.open(), elsewhere, run, Asked(today=TODAY))
    assert record.reasons == ("no baseline",)
    assert next_steps(elsewhere, record, made.folder) == []


def test_a_gate_goes_on_with_a_replay_that_was_broken_off(stopship: Command, made: Made) -> None:
    made.stack("bad", wrong=["c30"])
    plan = planned(made.open(), made.place, answering(made.folder / "bad.toml"))
    plan.place.made()
    with Journal(plan.journal_folder, plan.identity) as journal:
        journal.add(Outcome(key="c30", trace={"output": "q30"}))  # a recorded draw is a recorded draw
    assert stopship("replay", "suites/small", "--stack", "suites/small/bad.toml") == 2
    assert "broken off with 1 of 60 outputs" in stopship.err
    assert stopship("gate", "suites/small", "--stack", "suites/small/bad.toml") == 0
    assert " right         all       60      0       0" in stopship.out
