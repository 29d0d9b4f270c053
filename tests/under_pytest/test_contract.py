"""What people and CI rely on under pytest, option by option, with and without workers."""

import re
import shutil
import signal
import time
import xml.etree.ElementTree as ET  # our own file
from pathlib import Path
from typing import Any

import pytest
from tests.under_pytest.sessions import APART, BAD, Desk, ended, outcomes, verdicts
from tests.under_pytest.small import Small, asked, write
from tests.under_pytest.test_together import ended as ending
from tests.under_pytest.test_together import pytest_of, until_asked

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
FILE = "suites/small/suite.toml"
REQUIRE = "--stopship-gate=require"
STOPPED = ("suites", "--stopship-stack", BAD)
CRASHES = "import os, signal\nif key == 'c30' and wrong: os.kill(os.getpid(), signal.SIGKILL)"


SLOW = pytest.mark.slow


def no_such(desk: Desk) -> int:
    """How pytest ends where a path is not found; under xdist the workers collect nothing."""
    return 5 if desk.workers else 4


def slowly(*ways: str) -> list[Any]:
    """Further ways, in the slow tests alone: each is a session or more."""
    return [pytest.param(one, marks=SLOW) for one in ways]


def line_of(done: pytest.RunResult, start: str) -> str:
    """The one line that begins so."""
    (found,) = {one for one in done.stdout.str().splitlines() if one.startswith(start)}
    return found


@APART
@pytest.mark.parametrize("how", ["short", *slowly("auto", "line", "long", "no", "native")])
def test_a_gate_is_a_few_readable_lines_in_every_style_of_traceback(desk: Desk, how: str) -> None:
    desk.suite()
    done = desk.pytest(*STOPPED, f"--tb={how}")
    assert done.ret == 20
    assert line_of(done, "STOP  small").endswith("exit 20")
    assert "right in all: 25 of 60 cases got worse" in done.stdout.str()
    assert not re.search(r"^(E  |>  )|\.py:\d+", done.stdout.str(), re.MULTILINE)


@pytest.mark.parametrize("verbosity", ["-v", *slowly("-q", "-qq", "-vv")])
def test_quiet_and_verbose_sessions_tell_the_verdict(desk: Desk, verbosity: str) -> None:
    desk.suite()
    done = desk.pytest(*STOPPED, verbosity)
    assert done.ret == 20
    assert "STOP  small" in done.stdout.str()
    if verbosity.startswith("-v"):
        assert ended(done, "gate") == "FAILED"
        assert ended(done, "c07") == "PASSED"


PARTS = [
    pytest.param(("suites", "-k", "c07"), 59, id="-k"),
    pytest.param(("suites", "--deselect", f"{FILE}::c03"), 1, id="--deselect", marks=SLOW),
    pytest.param(
        ("suites/small/suite.toml::c03", "suites/small/suite.toml::c04"), 58, id="node ids", marks=SLOW
    ),
]


@pytest.mark.parametrize(("words", "left"), PARTS)
def test_a_part_has_no_verdict_on_a_desk_and_is_void_where_a_gate_is_required(
    desk: Desk, words: tuple[str, ...], left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.suite()
    code, document = desk.judged(*words)
    assert (code, verdicts(document)) == (0, {"small": "skipped"})
    assert f"{left} of 60 cases were not selected" in str(document)
    assert desk.pytest(*words, REQUIRE).ret == 22
    monkeypatch.setenv("CI", "true")
    assert desk.pytest(*words).ret == 22
    assert desk.pytest(*words, "--stopship-gate=off").ret == 0


SLOW_FAILURE = Small(
    is_noisy=True,
    more_app="import time\nif key == 'c59': time.sleep(2)",
    wrong=("c00", *(f"c{i}" for i in range(20, 45))),
    incidents=("c00",),
)


@pytest.mark.parametrize("stop", ["-x", *slowly("--maxfail=1")])
@pytest.mark.slow
def test_a_session_stopped_at_its_first_failure_has_no_verdict_unless_all_is_answered(
    desk: Desk, stop: str
) -> None:
    folder = desk.suite(SLOW_FAILURE)
    text = (folder / "suite.toml").read_text("utf-8")  # of any other class the gate asks a failed case again
    (folder / "suite.toml").write_text(
        text.replace('"never-again"', '"never-again"\nclass = "safety"'), "utf-8"
    )
    done = desk.pytest(*STOPPED, stop)
    assert done.ret == (2 if desk.workers else 1), "pytest's own"
    assert re.search(r"gate skipped: stopped early with \d+ cases to go", done.stdout.str())
    assert len(asked(folder)) < 60
    code, document = desk.judged(*STOPPED, stop, REQUIRE)
    assert (code, verdicts(document)) == (22, {"small": "VOID"})
    assert desk.pytest(*STOPPED).ret == 20
    assert len(asked(folder)) == 60
    assert desk.pytest(*STOPPED, stop).ret == 20, "all is answered, so it is judged"


def test_last_failed_alone_has_no_verdict(desk: Desk) -> None:
    desk.suite(Small(wrong=("c05", *(f"c{i}" for i in range(20, 45)))))
    assert desk.pytest(*STOPPED).ret == 20
    done = desk.pytest(*STOPPED, "--lf", "-v")
    assert done.ret == 1
    assert ended(done, "c05") == "FAILED"
    assert "59 of 60 cases were not selected" in done.stdout.str()
    assert desk.pytest(*STOPPED, "--lf", REQUIRE).ret == 22


def test_where_only_the_gate_failed_last_failed_runs_the_suite_again(desk: Desk) -> None:
    desk.suite()
    assert desk.pytest(*STOPPED).ret == 20
    assert desk.pytest(*STOPPED, "--lf").ret == 20


def test_the_gate_is_a_test_case_of_a_junit_file(desk: Desk) -> None:
    desk.suite()
    desk.pytest(*STOPPED, "--junitxml=out.xml")
    cases = {one.get("name"): one for one in ET.parse(desk.root / "out.xml").iter("testcase")}  # noqa: S314
    assert len(cases) == 61
    failure = cases["gate"].find("failure")
    assert failure is not None
    assert str(failure.get("message")).startswith("STOP  small")
    assert "Traceback" not in str(failure.text)
    worse = [str(one) for one in cases if cases[one].find("properties/property[@name='worse']") is not None]
    assert sorted(worse) == [f"c{i}" for i in range(20, 45)], "workers end in any order"


def test_collecting_alone_answers_nothing_and_has_no_verdict(desk: Desk) -> None:
    folder = desk.suite(Small(is_noisy=True))
    done = desk.pytest("suites", "--collect-only", REQUIRE)
    assert done.ret == 0
    assert not re.search(r"^(SHIP|STOP|VOID)  ", done.stdout.str(), re.MULTILINE)
    assert asked(folder) == []


def test_the_json_file_of_yesterday_is_gone_whatever_happens(desk: Desk) -> None:
    desk.suite()
    code, document = desk.judged("suites")
    assert (code, verdicts(document)) == (0, {"small": "SHIP"})
    assert desk.pytest("nowhere", "--stopship-json=verdict.json").ret == no_such(desk)
    assert not (desk.root / "verdict.json").exists()
    assert desk.pytest("suites", "--stopship-json=no/such/folder.json").ret == 4


def test_no_suite_is_void_only_where_a_gate_is_asked_for_by_name(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("test_own.py", "def test_own():\n    pass\n")
    desk.write("empty/readme.txt", "")
    required = desk.pytest("empty", REQUIRE)
    assert required.ret == 22
    assert "a gate is required, and no suite was collected" in required.stdout.str()
    assert desk.pytest("test_own.py", REQUIRE).ret == 22
    monkeypatch.setenv("CI", "true")
    assert desk.pytest("empty").ret == 5
    assert desk.pytest("test_own.py").ret == 0


def test_the_gate_can_be_switched_off_and_the_plugin_too(desk: Desk) -> None:
    desk.suite()
    off = desk.pytest(*STOPPED, "--stopship-gate=off")
    assert off.ret == 0
    assert outcomes(off) == {"passed": 60}
    assert "gate skipped: switched off" in off.stdout.str()
    none = desk.pytest("suites", "-p", "no:stopship")
    assert none.ret == 5
    assert "stopship" not in none.stdout.str()


def test_nothing_worse_is_said_and_is_no_green_session(desk: Desk) -> None:
    desk.suite()
    assert desk.pytest("suites").ret == 0
    done = desk.pytest("suites", "--stopship-worse")
    assert done.ret == 5
    assert "no case got worse in its last gate" in done.stdout.str()
    assert desk.pytest("suites", "--stopship-worse", REQUIRE).ret == 22


def test_the_gate_is_no_item_that_can_be_selected(desk: Desk) -> None:
    desk.suite()
    done = desk.pytest(f"{FILE}::gate")
    assert done.ret == no_such(desk)
    assert "small: gate skipped: " in done.stdout.str()


def test_a_target_over_the_network_runs_where_it_is_named_or_all_may_run(desk: Desk) -> None:
    folder = desk.suite(Small(is_noisy=True, replay="network = true"))
    done = desk.pytest("suites", "-rs")
    assert done.ret == 0
    assert "passed" not in outcomes(done)
    assert "--stopship-live" in done.stdout.str()
    assert desk.pytest("suites", REQUIRE).ret == 22
    assert asked(folder) == []
    assert desk.pytest("suites/small", "-k", "c07").ret == 0
    assert asked(folder) == ["c07"]
    assert desk.pytest("suites", "--stopship-live").ret == 0
    assert len(asked(folder)) == 60
    assert desk.pytest("suites").ret == 0, "what is sealed is served"


@pytest.mark.slow
def test_a_worker_that_dies_leaves_a_void_that_names_the_missing_cases(desk_of_two: Desk) -> None:
    desk_of_two.suite(Small(more_app=CRASHES))
    done = desk_of_two.pytest(*STOPPED)
    assert done.ret == 22
    told = done.stdout.str()
    assert re.search(r"\d+ of 60 cases have no record: .*c30", told), told
    assert "run again, what was answered is kept" in told


@APART
def test_an_interrupt_leaves_2_and_the_next_session_goes_on(desk: Desk) -> None:
    folder = desk.suite(Small(is_noisy=True))
    session = pytest_of(desk, "suites", "--stopship-json=out.json")
    until_asked(folder, 15)
    session.send_signal(signal.SIGINT)
    code, told = ending(session)
    assert code == 2, told
    assert "gate skipped: interrupted" in told or "KeyboardInterrupt" in told
    assert not (desk.root / "out.json").exists()
    if desk.workers:
        time.sleep(0.5)  # they end by themselves
    assert desk.pytest("suites").ret == 0
    again = asked(folder)
    assert set(again) == {f"c{i:02}" for i in range(60)}
    assert len(again) - len(set(again)) <= max(1, desk.workers), "only what was under way is asked again"


PROBE = (
    "import sys\n"
    "from pathlib import Path\n"
    "def pytest_unconfigure(config):\n"
    "    name = 'workerinput' if hasattr(config, 'workerinput') else 'main'\n"
    "    Path(f'{name}.txt').write_text('\\n'.join(sys.modules))\n"
)


@APART
def test_a_session_without_suites_pays_a_few_modules_and_no_third_party(desk: Desk) -> None:
    desk.write("conftest.py", PROBE)
    desk.write("test_own.py", "def test_own():\n    pass\n")
    loaded = {}
    for switch in ("no:stopship", "stopship"):
        own = () if switch == "stopship" else ("-p", switch)
        assert desk.pytest("test_own.py", *own).ret == 0
        for process in ("main", *(["workerinput"] if desk.workers else [])):
            loaded[switch, process] = set((desk.root / f"{process}.txt").read_text().split())
    for process in ("main", *(["workerinput"] if desk.workers else [])):
        more = loaded["stopship", process] - loaded["no:stopship", process]
        assert len(more) <= 25, sorted(more)
        assert {one.partition(".")[0] for one in more} <= {"stopship"}, sorted(more)
        assert not [one for one in more if one.startswith("stopship.under_pytest")]


@pytest.mark.slow
def test_the_python_gate_of_the_documentation_runs(desk: Desk) -> None:
    without = shutil.ignore_patterns(".stopship", "__pycache__")
    for name in ("suites", "fixtures"):
        shutil.copytree(ROOT / name, desk.root / name, ignore=without)
    page = (ROOT / "docs/pytest.md").read_text("utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    desk.write("test_own.py", block)
    assert outcomes(desk.pytest("test_own.py")) == {"passed": 1}


PRECEDENCE = [
    pytest.param(("stops", "drifts", "open", "fails"), 20, id="20 before 22, 21 and 1"),
    pytest.param(("drifts", "open", "fails"), 22, id="22 before 21 and 1"),
    pytest.param(("open", "fails"), 21, id="21 before 1"),
    pytest.param(("fails",), 1, id="1"),
    pytest.param((), 0, id="0"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("there", "code"), PRECEDENCE)
def test_the_first_of_stop_void_undecided_failed_gives_the_exit_code(
    desk: Desk, there: tuple[str, ...], code: int
) -> None:
    desk.suite()
    if "fails" in there:
        desk.write("test_own.py", "def test_own():\n    assert False\n")
    if "drifts" in there:
        (desk.suite(Small(name="drifts")) / "policy-good.txt").write_text("[1]", encoding="utf-8")
    for name, wrong in (("stops", range(20, 45)), ("open", range(20, 23))):
        if name in there:
            folder = desk.suite(Small(name=name, margin="10pt", wrong=tuple(f"c{i}" for i in wrong)))
            _answer_badly(folder)
    assert desk.pytest("-q").ret == code
    assert desk.pytest("-q", "nowhere").ret == no_such(desk)


def _answer_badly(folder: Path) -> None:
    from stopship.pinning.lock import lock_stack

    text = (folder / "stacks/bad.toml").read_text("utf-8").replace("../", "").replace('".."', '"."')
    (folder / "stack.toml").write_text(text, encoding="utf-8")
    lock_stack(folder / "stack.toml")


def test_a_new_suite_ships_on_its_limits_and_must_pass_cases_alone(desk: Desk) -> None:
    write(desk.root / "suites" / "small", Small(is_accepted=False))
    assert desk.pytest("suites").ret == 22
    assert desk.pytest("suites", "--stopship-new-suite").ret == 0
    assert desk.pytest(*STOPPED, "--stopship-new-suite", "-k", "c05", REQUIRE).ret == 22
