"""Verdicts, their exit codes and their precedence, and that no order or number of workers changes them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.under_pytest.sessions import BAD, Desk, outcomes, verdicts
from tests.under_pytest.small import Small, accepted, write

pytest_plugins = ["pytester"]

STOPS = "suites/small/stacks/bad.toml"
NEW = Small(name="fresh", is_accepted=False)


def test_a_failing_test_beside_a_ship_gives_1_and_a_passing_one_0(desk: Desk) -> None:
    desk.suite()
    desk.write("test_own.py", "def test_own():\n    assert True\n")
    assert desk.pytest("-q").ret == 0
    desk.write("test_own.py", "def test_own():\n    assert False\n")
    code, document = desk.judged("-q", "-W", "error")
    assert code == 1
    assert verdicts(document) == {"small": "SHIP"}
    assert document["exit_code"] == 1


def test_the_first_of_stop_void_undecided_gives_the_exit_code(desk: Desk) -> None:
    desk.write("test_own.py", "def test_own():\n    assert False\n")
    desk.suite(Small(name="ok"))
    drifted = desk.suite(Small(name="drifted"))
    (drifted / "policy-good.txt").write_text("[]\n\n", encoding="utf-8")
    code, document = desk.judged("-q")
    assert (code, verdicts(document)["drifted"]) == (22, "VOID")
    assert verdicts(document)["ok"] == "SHIP"
    stops = desk.suite(Small(name="stops"))
    (stops / "stack.toml").write_text(
        (stops / "stacks" / "bad.toml").read_text("utf-8").replace("../", "").replace('".."', '"."'),
        encoding="utf-8",
    )
    from stopship.pinning.lock import lock_stack

    lock_stack(stops / "stack.toml")
    code, document = desk.judged("-q")
    assert (code, verdicts(document)["stops"]) == (20, "STOP")
    assert [one["suite"] for one in document["suites"]] == sorted(verdicts(document))


@pytest.mark.slow
def test_the_record_is_the_same_for_any_order_and_number_of_workers(desk_of_two: Desk) -> None:
    desk = desk_of_two
    how = Small(
        more_app="from stopship.errors import Unavailable\n"
        "if key in ('c50', 'c51') and wrong: raise Unavailable('down ' + key)\n"
        "if key == 'c52' and wrong: raise ValueError(key)",
        wrong=("c03", "c05", "c07", *(f"c{i}" for i in range(20, 40))),
        replay="limits = { errors = 0.05 }",
    )
    desk.suite(how)
    alone = Desk(desk.pytester, 0, True)
    file = desk.root / "verdict.json"
    desk.pytest("suites", "--stopship-stack", BAD, f"--stopship-json={file}", "-q")
    two = file.read_bytes()
    for _ in range(2):  # the second time from the sealed run
        desk.write("suites/small/.stopship/plans/x", "")
        code, _document = alone.judged("suites", "--stopship-stack", BAD, "-q")
        assert file.read_bytes() == two
        assert code == 20
        for one in (desk.root / "suites/small/.stopship/plans").iterdir():
            one.unlink()
        desk.write("conftest.py", "def pytest_collection_modifyitems(items):\n    items.reverse()\n")


@pytest.mark.slow
def test_undecided_holds_unless_the_suite_allows_it(desk: Desk) -> None:
    wrong = tuple(f"c{i:02}" for i in range(20, 23))
    desk.suite(Small(wrong=wrong, margin="10pt"))
    held = desk.pytest("suites", "--stopship-stack", BAD)
    assert held.ret == 21
    assert "UNDECIDED  small" in held.stdout.str()
    desk.suite(Small(name="allows", wrong=wrong, margin="10pt", decide='undecided = "allow"'))
    allowed = desk.pytest("suites/allows", "--stopship-stack", "suites/allows/stacks/bad.toml", "-v")
    assert allowed.ret == 0
    assert "allowed" in allowed.stdout.str()


def _drift(folder: Path) -> None:
    (folder / "policy-good.txt").write_text('["c01"]', encoding="utf-8")


def _unlock(folder: Path) -> None:
    (folder / "stack.lock.json").unlink()


def _tear(folder: Path) -> None:
    (folder / "cases.jsonl").write_text('{"key": "c00"}\n{"key": "c0', encoding="utf-8")


def _spoil(folder: Path) -> None:
    (folder / "baseline.json").write_text("{", encoding="utf-8")


def _empty(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder / "store", ignore_errors=True)
    shutil.rmtree(folder / "runs", ignore_errors=True)


DAMAGES = [
    pytest.param(_drift, "drifted from its lock", True, id="drifted"),
    pytest.param(_unlock, "lock", True, id="unlocked"),
    pytest.param(_tear, "cases.jsonl", True, id="torn cases"),
    pytest.param(_spoil, "baseline.json", False, id="spoilt pointer"),
    pytest.param(_empty, "is not in the store", False, id="no store"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("damage", "said", "is_skipped"), DAMAGES)
def test_damaged_evidence_is_void_with_its_reason(
    desk: Desk, damage: Callable[[Path], None], said: str, is_skipped: bool
) -> None:
    damage(desk.suite())
    code, document = desk.judged("suites")
    assert code == 22
    assert verdicts(document) == {"small": "VOID"}
    done = desk.pytest("suites")
    assert said in done.stdout.str()
    assert ("passed" not in outcomes(done)) == is_skipped


def test_drift_names_pin_file_and_digests(desk: Desk) -> None:
    _drift(desk.suite())
    done = desk.pytest("suites")
    assert done.ret == 22
    assert outcomes(done) == {"skipped": 60, "failed": 1}
    done.stdout.re_match_lines([r".*policy good.*policy-good.txt.*[0-9a-f]{8,}.*[0-9a-f]{8,}.*"])


def test_faults_of_a_suite_file_are_a_usage_error_shown_once(desk: Desk) -> None:
    folder = desk.suite()
    text = (folder / "suite.toml").read_text("utf-8")
    (folder / "suite.toml").write_text(
        text.replace("[[rule]]", "[[rule]]\nmargni = 1", 1) + 'colour = "red"\n', encoding="utf-8"
    )
    desk.suite(Small(name="fine"))
    done = desk.pytest("suites", "--stopship-json=out.json")
    assert done.ret == 4
    shown = done.stdout.str() + done.stderr.str()
    assert shown.count("margni") == 1
    assert shown.count("colour") == 1
    assert not (desk.root / "out.json").exists()


@pytest.mark.slow
def test_a_suite_without_a_baseline_ships_only_as_a_new_one(desk: Desk) -> None:
    folder = desk.root / "suites" / "fresh"
    write(folder, NEW)
    done = desk.pytest("suites")
    assert done.ret == 22
    assert "no baseline" in done.stdout.str()
    new = desk.pytest("suites", "--stopship-new-suite")
    assert new.ret == 0, new.stdout.str()
    accepted(folder)
    assert desk.pytest("suites").ret == 0
    assert desk.pytest("suites", "--stopship-new-suite").ret == 0


@pytest.mark.slow
def test_a_revision_can_judge_and_a_missing_one_is_a_usage_error(desk: Desk) -> None:
    folder = desk.suite()
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", str(desk.root)]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        assert desk.pytester.run(*git, *words).ret == 0
    text = (folder / "suite.toml").read_text("utf-8")
    (folder / "suite.toml").write_text(text.replace('"20pt"', '"90pt"'), encoding="utf-8")
    assert desk.pytest("suites", "--stopship-stack", BAD).ret in (0, 21)
    code, document = desk.judged("suites", "--stopship-stack", BAD, "--stopship-baseline-ref", "HEAD")
    assert code == 20
    assert "rules, labels, scorers and pointer are those of" in str(document)
    assert desk.pytest("suites", "--stopship-baseline-ref", "nope").ret == 4


@pytest.mark.slow
def test_blind_rules_are_a_usage_error_unless_allowed(desk: Desk) -> None:
    folder = desk.root / "suites" / "blind"
    write(folder, Small(name="blind", count=12, margin="1pt", replay="", is_accepted=False))
    done = desk.pytest("suites", "--stopship-new-suite")
    assert done.ret == 4
    assert "never decide" in done.stdout.str()
    assert "go on all the same with --stopship-allow-blind" in done.stdout.str()
    assert desk.pytest("suites", "--stopship-new-suite", "--stopship-allow-blind").ret != 4
