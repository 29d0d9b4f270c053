"""`suite.toml`: what it may say, and every fault of it with its line and table."""

from pathlib import Path

import pytest

from stopship.errors import UsageError
from stopship.model.columns import Condition
from stopship.model.rule import Mode
from stopship.model.suite import Cohort, Decide, ReplayPlan, Suite, SuiteColumns
from stopship.store.suitefile import read_suite

HEAD = 'format = 1\nsuite = "s"\ncases = "c.jsonl"\n'
REPLAY = '[replay]\ntarget = "a.py:f"\n'
RULE = '[[rule]]\nid = "r"\nclass = "safety"\nscore = "exact"\ncompare = {}\n'


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str | bytes) -> Suite:
    Path("suite.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    return read_suite(Path("suite.toml"))


def fault(text: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        read(text)
    return str(caught.value)


FULL = """\
format = 1
suite  = "support"
owner  = "support-ai"
cases  = ["cases/golden.jsonl", "../../fixtures/sampled.jsonl"]
labels = "labels.jsonl"
stack  = "stacks/a.toml"
store  = "https://store.example/x"
redacted = true

[replay]
target  = "app/answer.py:answer"
cluster = "conversation"
repeats = 3
concurrency = 8
timeout = 30
deterministic = true
network = true
limits  = { errors = 0 }

[decide]
estimand  = "traffic"
alpha     = 0.1
undecided = "allow"

[columns]
key = "id"
input = "question"
expected = "answer"

[cohorts]
lang = { prove = ["en"], watch = ["eo"] }
task = {}
[cohorts.named.paying]
where = ["tier!=free", "lang=e*"]
mode = "prove"

[[rule]]
id      = "cites"
class   = "correctness"
owner   = "search"
score   = "scorers.py:cites"
note    = "line one\\nline two"
where   = ["tag=a=b"]
expect  = "improved"
compare = { better = "higher", margin = "5pt", cohort_margin = "10pt", anchor_margin = "6pt" }

[[rule]]
id = "incidents"
class = "safety"
score = "refusal"
severity = "warn"
limit = { better = "lower", at_most = 1 }
must_pass = { where = ["tag=incident"] }

[[rule]]
id = "all-pass"
class = "compliance"
score = "exact"
[rule.must_pass]

[removed]
refund-17 = "asked for by its customer"
"""


def test_everything_that_a_suite_can_say() -> None:
    suite = read(FULL)
    assert (suite.name, suite.owner, suite.stack) == ("support", "support-ai", "stacks/a.toml")
    assert suite.is_redacted
    assert suite.cases == ("cases/golden.jsonl", "../../fixtures/sampled.jsonl")
    assert (suite.labels, suite.label_columns, suite.store) == ("labels.jsonl", (), "https://store.example/x")
    assert suite.replay == ReplayPlan(
        target="app/answer.py:answer",
        cluster="conversation",
        repeats=3,
        concurrency=8,
        timeout_s=30.0,
        deterministic=True,
        network=True,
        lost_limit=0.0,
    )
    assert suite.decide == Decide(alpha=0.1, allow_undecided=True)
    assert suite.columns == SuiteColumns(key="id", input="question", expected="answer")
    modes = (("en", Mode.PROVE), ("eo", Mode.WATCH))
    assert suite.cohorts == (
        Cohort(column="lang", modes=modes, place="suite.toml:31 [cohorts.lang]"),
        Cohort(column="task", place="suite.toml:32 [cohorts.task]"),
    )
    (named,) = suite.named
    assert (named.name, named.mode) == ("paying", Mode.PROVE)
    assert named.place == "suite.toml:33 [cohorts.named.paying]"
    assert named.where == (Condition("tier", "free", negated=True), Condition("lang", "e*"))
    assert suite.removed == (("refund-17", "asked for by its customer"),)


def test_every_kind_of_rule() -> None:
    cites, incidents, every = read(FULL).rules
    assert cites.place == "suite.toml:37 [[rule]] 'cites'"
    assert cites.compare == {
        "better": "higher",
        "margin": "5pt",
        "cohort_margin": "10pt",
        "anchor_margin": "6pt",
    }
    assert (cites.limit, cites.must_pass, cites.expects_improvement) == (None, None, True)
    assert (cites.where, cites.note) == ((Condition("tag", "a=b"),), "line one\nline two")
    assert (incidents.compare, incidents.severity) == (None, "warn")
    assert incidents.limit == {"better": "lower", "at_most": 1.0}
    assert incidents.must_pass == (Condition("tag", "incident"),)
    assert (every.must_pass, every.compare, every.incident_class) == ((), None, "compliance")


def test_what_is_not_said_has_its_default() -> None:
    suite = read(HEAD + REPLAY + RULE)
    assert suite.replay == ReplayPlan(target="a.py:f")
    assert (suite.decide, suite.columns, suite.store) == (Decide(), SuiteColumns(), ".")
    assert (suite.rules[0].compare, suite.rules[0].severity) == ({}, "stop-ship")
    assert read(HEAD + 'labels = ["a", "b"]\n' + REPLAY + RULE).label_columns == ("a", "b")


def test_a_rule_may_leave_its_class_open() -> None:
    rule = RULE.replace('class = "safety"\n', "")
    assert read(HEAD + REPLAY + rule).rules[0].incident_class == ""


def test_a_folder_stands_for_its_suite_file_and_a_byte_order_mark_is_nothing() -> None:
    read(b"\xef\xbb\xbf" + (HEAD + REPLAY + RULE).replace("\n", "\r\n").encode())
    assert read_suite(Path()).path == Path("suite.toml")


def test_recorded_outputs_are_deterministic() -> None:
    assert read(HEAD + '[replay]\ntarget = "recorded"\n' + RULE).replay.deterministic
    told = fault(HEAD + '[replay]\ntarget = "recorded"\ndeterministic = false\n' + RULE)
    assert told.startswith("suite.toml:6 [replay]: a recorded target gives the same output every time")


@pytest.mark.parametrize(
    ("scores", "more", "fidelity"),
    [
        (["decisions"], "", "step"),
        (["decisions(words=any)", "decisions"], "", "step"),
        (["decisions"], 'fidelity = "live"', "live"),
        (["decisions", "exact"], "", "live"),
        (["exact"], "", "live"),
    ],
)
def test_a_suite_that_looks_at_decisions_alone_replays_step_by_step(
    scores: list[str], more: str, fidelity: str
) -> None:
    rules = "".join(
        f'[[rule]]\nid = "r{number}"\nclass = "safety"\nscore = "{score}"\ncompare = {{}}\n'
        for number, score in enumerate(scores)
    )
    assert read(f"{HEAD}{REPLAY}{more}\n{rules}").replay.fidelity.value == fidelity


BAD_RULE = '[[rule]]\nid = "x"\nclass = "safety"\nscore = "exact"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "suite.toml: has no format"),
        (FULL.replace("format = 1", "format = 2"), "suite.toml:1: format is 2; this version reads 1"),
        (FULL.replace("format = 1", "format = true"), "suite.toml:1: format is true or false; this"),
        (FULL.replace('"support"', '"a/b"'), "suite.toml:2: suite 'a/b' cannot name a suite"),
        (
            FULL.replace('"support"', '"\\u001b[31m"'),
            "suite.toml:2: suite '\\x1b[31m' is blank or not printable",
        ),
        (
            FULL.replace("labels =", "label ="),
            "suite.toml:5: unknown key 'label'\n  did you mean 'labels'?  keys",
        ),
        (FULL.replace('"labels.jsonl"', "3"), "suite.toml:5: labels is a number, expected text"),
        (FULL.replace('"stacks/a.toml"', '"/etc/a"'), "suite.toml:6: '/etc/a' is absolute"),
        (FULL.replace('"https://store.example/x"', '"C:/x"'), "suite.toml:7: 'C:/x' is absolute"),
        (HEAD.replace('"c.jsonl"', "[]") + REPLAY + RULE, "suite.toml:3: names no cases"),
        (HEAD.replace('"c.jsonl"', '["a", "a"]') + REPLAY + RULE, "suite.toml:3: cases names 'a' twice"),
        (HEAD.replace('"c.jsonl"', '["a\\\\b"]') + REPLAY + RULE, "has a backslash"),
        (HEAD + RULE, "suite.toml: has no [replay]"),
        (
            FULL.replace("app/answer.py:answer", "app.answer"),
            "suite.toml:11 [replay]: target 'app.answer' is neither",
        ),
        (FULL.replace("app/answer.py:answer", "/a.py:answer"), "suite.toml:11 [replay]: '/a.py' is absolute"),
        (
            FULL.replace("repeats = 3", "repeats = 101"),
            "suite.toml:13 [replay]: repeats = 101 is out of range",
        ),
        (FULL.replace("repeats = 3", "repeats = true"), "suite.toml:13 [replay]: repeats is true or false"),
        (
            FULL.replace("repeats = 3", "repeats = 1.5"),
            "suite.toml:13 [replay]: repeats is not a whole number",
        ),
        (FULL.replace("timeout = 30", "timeout = 0"), "suite.toml:15 [replay]: timeout = 0 is out of range"),
        (
            FULL.replace("timeout = 30", "timeout = nan"),
            "suite.toml:15 [replay]: timeout = nan is out of range",
        ),
        (FULL.replace("errors = 0", "errors = 1"), "suite.toml:18 [replay]: errors = 1 is out of range"),
        (FULL.replace("{ errors = 0 }", "{ uds = 2 }"), "suite.toml:18 [replay]: unknown key 'uds'"),
        (FULL.replace('"traffic"', '"suite"'), "suite.toml:21 [decide]: with estimand suite, chance is"),
        (FULL.replace("0.1", "0.3"), "suite.toml:22 [decide]: alpha = 0.3 is out of range"),
        (FULL.replace('"allow"', '"alow"'), "undecided 'alow' is not known\n  did you mean 'allow'?"),
        (FULL.replace('["eo"]', '["en"]'), "suite.toml:31 [cohorts.lang]: 'en' stands in prove and in watch"),
        (
            FULL.replace('["eo"]', "[1]"),
            'suite.toml:31 [cohorts.lang]: watch holds a number, expected text\n  write "1"',
        ),
        (FULL.replace("watch =", "wacth ="), "did you mean 'watch'?  keys here: prove, guard, watch"),
        (FULL.replace("named.paying", "named.all"), "'all' cannot name a cohort"),
        (
            FULL.replace('"tier!=free", "lang=e*"', '"free"'),
            "[cohorts.named.paying]: where: 'free' is no condition",
        ),
        (
            FULL.replace('"tier!=free", "lang=e*"', ""),
            "suite.toml:33 [cohorts.named.paying]: chooses no cases",
        ),
        (HEAD + REPLAY, "suite.toml: has no rule, so nothing could be judged"),
        (HEAD + REPLAY + RULE.replace("[[rule]]", "[rule]"), "suite.toml:6: rule is no list of tables"),
        (
            FULL.replace('id = "incidents"', 'id = "cites"'),
            "suite.toml:48 [[rule]] #2: the id 'cites' stands twice, first on line 38",
        ),
        (
            FULL.replace('id = "incidents"', 'id = "answered"'),
            "suite.toml:48 [[rule]] 'answered': 'answered' is the built-in",
        ),
        (FULL.replace('id = "incidents"\n', ""), "suite.toml:47 [[rule]] #2: has no id"),
        (FULL.replace('"incidents"', f'"{"x" * 81}"'), "id has 81 characters"),
        (
            FULL.replace('"compliance"', '"corectness"'),
            "suite.toml:57 [[rule]] 'all-pass': class 'corectness' is not known\n  did you mean",
        ),
        (
            FULL.replace('"warn"', '"error"'),
            "suite.toml:51 [[rule]] 'incidents': severity 'error' is not known",
        ),
        (
            FULL.replace('expect  = "improved"', 'expect  = "better"'),
            "suite.toml:44 [[rule]] 'cites': expect 'better'",
        ),
        (
            FULL.replace("anchor_margin", "ancor_margin"),
            "suite.toml:45 [[rule]] 'cites': unknown key 'ancor_margin'\n  did you mean 'anchor_margin'?",
        ),
        (
            FULL.replace('margin = "5pt"', "margin = 5"),
            "suite.toml:45 [[rule]] 'cites': margin is a number, expected text\n  write margin = \"5pt\"",
        ),
        (
            FULL.replace("at_most = 1", "at_most = 1, at_least = 0"),
            "suite.toml:52 [[rule]] 'incidents': limit has at_most and at_least",
        ),
        (FULL.replace("at_most = 1 ", 'at_most = "1" '), "at_most is text, expected a number"),
        (FULL.replace("at_most = 1 ", "at_most = inf "), "at_most = inf is out of range"),
        (
            FULL.replace('{ where = ["tag=incident"] }', "true"),
            "must_pass is true or false, expected a table",
        ),
        (
            HEAD + REPLAY + RULE + BAD_RULE,
            "suite.toml:11 [[rule]] 'x': neither compares nor promises anything",
        ),
        (
            HEAD + REPLAY + RULE + BAD_RULE + 'expect = "improved"\nlimit = { at_most = 1 }',
            "expect needs compare or must_pass",
        ),
        (HEAD + REPLAY + RULE + 'severity = "warn"', "suite.toml:6: every rule is severity = warn"),
        (
            FULL.replace('"asked for by its customer"', '" "'),
            "suite.toml:62 [removed]: refund-17 ' ' is blank",
        ),
    ],
)
def test_a_fault_names_its_line_its_table_and_the_remedy(text: str, told: str) -> None:
    assert told in fault(text)


def test_all_faults_are_shown_together() -> None:
    told = fault(FULL.replace("repeats =", "repeat =").replace("cohort_margin", "cohortmargin"))
    assert told.startswith("suite.toml: 2 faults\n  suite.toml:13 [replay]: unknown key 'repeat'")
    assert "\n  suite.toml:45 [[rule]] 'cites': unknown key 'cohortmargin'" in told


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xff", "suite.toml: byte 1 is not UTF-8"),
        (b"a = \x1b", "suite.toml: is not TOML"),
        (b"a = " + b"[" * 5000, "suite.toml: is not TOML"),
        (b"a = " + b"9" * 5000, "suite.toml: is not TOML"),
        (FULL.encode()[:300], "suite.toml: "),
    ],
    ids=["not text", "control", "deep", "digits", "truncated"],
)
def test_what_is_no_suite_at_all_is_refused(data: bytes, told: str) -> None:
    assert fault(data).startswith(told)


def test_a_missing_file_and_a_folder_without_one_are_told() -> None:
    for name in ("none", ".", "a\0b", "x" * 5000):
        with pytest.raises(UsageError, match=r"there is no such suite file|cannot be read"):
            read_suite(Path(name))
